#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <random>
#include <string>
#include <string_view>
#include <vector>
#include <waggle/api/trace_state.hpp>

namespace {

using waggle::kUnknownThreshold;
using waggle::detail::OtelTraceState;
using waggle::detail::parse_otel_member;
using waggle::detail::TraceStateBuffer;

constexpr std::uint64_t kHalf = std::uint64_t{1} << 55;
constexpr std::uint64_t kThreeQuarters = std::uint64_t{3} << 54;

// What several header lines come to; "(dropped)" if they are not valid.
std::string joined(std::initializer_list<std::string> lines) {
  TraceStateBuffer buffer;
  for (const std::string& line : lines) {
    if (!waggle::detail::add_trace_state_line(buffer, line)) return "(dropped)";
  }
  return std::string(buffer.view());
}

std::string normalised(const std::string& line) { return joined({line}); }

std::string written(const std::string& trace_state, std::uint64_t threshold) {
  TraceStateBuffer buffer;
  waggle::detail::write_trace_state(buffer, trace_state, threshold);
  return std::string(buffer.view());
}

std::string threshold_text(std::uint64_t threshold) {
  return std::string(waggle::detail::threshold_text(threshold));
}

std::uint64_t threshold_in(const std::string& trace_state) {
  return parse_otel_member(trace_state).threshold;
}

std::string repeat(char c, std::size_t count) { return std::string(count, c); }

std::string join(const std::vector<std::string>& members) {
  std::string text;
  for (const std::string& member : members) text += (text.empty() ? "" : ",") + member;
  return text;
}

// A member of `size` characters, from 4 to 513, whose key begins with `key`.
std::string sized_member(std::string key, std::size_t size) {
  if (size > key.size() + 257) key += repeat('_', size - key.size() - 257);
  return key + "=" + repeat('v', size - key.size() - 1);
}

// `count` members of `size` characters: k0=vv, k1=vv, ...
std::vector<std::string> numbered_members(unsigned count, std::size_t size = 8) {
  std::vector<std::string> members;
  for (unsigned number = 0; number < count; ++number) {
    members.push_back(sized_member("k" + std::to_string(number), size));
  }
  return members;
}

// What is left of members when they have to fit into `capacity`, told over all of them at once.
std::vector<std::string> cut_to(std::vector<std::string> members, std::size_t capacity) {
  while (join(members).size() > capacity) {
    auto leaving = std::find_if(members.rbegin(), members.rend(),
                                [](const std::string& member) { return member.size() > 128; });
    if (leaving == members.rend()) leaving = members.rbegin();
    members.erase(std::next(leaving).base());
  }
  return members;
}

}  // namespace

// ---- the header: W3C Trace Context Level 2, section 3.3 ----

TEST_CASE("a tracestate in normal form stays as it is") {
  CHECK(normalised("foo=1,bar=2") == "foo=1,bar=2");
}

TEST_CASE("several tracestate lines are joined in order (RFC 9110, 5.3; W3C 3.3.1)") {
  CHECK(joined({"foo=1", "bar=2,baz=3", "qux=4"}) == "foo=1,bar=2,baz=3,qux=4");
  CHECK(joined({"foo=1", "", "bar=2"}) == "foo=1,bar=2");
}

TEST_CASE("32 members are kept and 33 drop the whole header (W3C 3.3.1.1)") {
  CHECK(normalised(join(numbered_members(32))) == join(numbered_members(32)));
  CHECK(normalised(join(numbered_members(33))) == "(dropped)");
}

TEST_CASE("the limit of 32 members counts over all lines") {
  CHECK(joined({join(numbered_members(31)), "a=1"}) == join(numbered_members(31)) + ",a=1");
  CHECK(joined({join(numbered_members(31)), "a=1", "b=2"}) == "(dropped)");
}

TEST_CASE("empty members are skipped and not counted (W3C 3.3.1.2)") {
  CHECK(normalised("") == "");
  CHECK(normalised(" \t ") == "");
  CHECK(normalised(",") == "");
  CHECK(normalised(",, foo=1,\t,,bar=2, ,") == "foo=1,bar=2");
  CHECK(normalised(repeat(',', 100) + join(numbered_members(32)) + repeat(',', 100)) ==
        join(numbered_members(32)));
}

TEST_CASE("spaces and tabs around members are removed (W3C 3.3.1.2)") {
  CHECK(normalised(" \tfoo=1 \t, \tbar=2\t ") == "foo=1,bar=2");
}

TEST_CASE("keys of every allowed form are kept (W3C Level 2, 3.3.1.3.1)") {
  for (const std::string& key :
       {std::string("a"), std::string("0"), std::string("9key"), std::string("foo@"),
        std::string("foo@@bar"), std::string("foo@bar@baz"), std::string("a_-*/@z09"),
        std::string("abcdefghijklmnopqrstuvwxyz0123456789_-*/"), repeat('z', 256),
        repeat('t', 241) + "@" + repeat('v', 14), repeat('t', 242) + "@v",
        "t@" + repeat('v', 15)}) {
    CAPTURE(key);
    CHECK(normalised(key + "=1,bar=2") == key + "=1,bar=2");
  }
}

TEST_CASE("one invalid key drops the whole header (W3C Level 2, 3.3.1.3.1)") {
  for (const std::string& key :
       {std::string(), std::string("@foo"), std::string("_foo"), std::string("-foo"),
        std::string("*foo"), std::string("/foo"), std::string("FOO"), std::string("fOo"),
        std::string("foo "), std::string("f oo"), std::string("foo\t"), std::string("foo.bar"),
        std::string("foo:bar"), std::string("foo;bar"), std::string("f\xc3\xbc"),
        std::string("foo\x7f"), std::string("fo\0o", 4), repeat('z', 257)}) {
    CAPTURE(key);
    CHECK(normalised(key + "=1,bar=2") == "(dropped)");
    CHECK(normalised("bar=2," + key + "=1") == "(dropped)");
  }
}

TEST_CASE("a member without an equals sign drops the whole header") {
  CHECK(normalised("foo,bar=2") == "(dropped)");
  CHECK(normalised("bar=2,foo") == "(dropped)");
}

TEST_CASE("an invalid member in one line drops all lines") {
  CHECK(joined({"foo=1", "@bar=2"}) == "(dropped)");
}

TEST_CASE("a value of all allowed characters is kept, its leading spaces too (W3C 3.3.1.3.2)") {
  std::string value;
  for (char c = ' '; c <= '~'; ++c) {
    if (c != ',' && c != '=') value += c;
  }
  CHECK(normalised("foo=" + value + ",bar=2") == "foo=" + value + ",bar=2");
  CHECK(normalised("foo=  x y ,bar= z") == "foo=  x y,bar= z");
}

TEST_CASE("values have 1 to 256 characters") {
  CHECK(normalised("foo=" + repeat('v', 256)) == "foo=" + repeat('v', 256));
  CHECK(normalised("foo=" + repeat('v', 257) + ",bar=2") == "(dropped)");
  CHECK(normalised("foo=,bar=3") == "(dropped)");
  CHECK(normalised("foo=   ,bar=3") == "(dropped)");
}

TEST_CASE("a value that was not trimmed is invalid") {
  CHECK(waggle::detail::is_trace_state_value(" v"));
  CHECK_FALSE(waggle::detail::is_trace_state_value("v "));
}

TEST_CASE("one illegal character in a value drops the whole header (W3C 3.3.1.3.2)") {
  for (const std::string& value :
       {std::string("bar=baz"), std::string("a\tb"), std::string("a\nb"), std::string("a\x7f"),
        std::string("\x80"), std::string("caf\xc3\xa9"), std::string("a\0b", 3)}) {
    CAPTURE(value);
    CHECK(normalised("foo=" + value + ",bar=2") == "(dropped)");
  }
}

TEST_CASE("duplicate keys do not discard the header (W3C 3.3.1.3)") {
  CHECK(normalised("foo=1,foo=1") == "foo=1,foo=1");
  CHECK(joined({"foo=1,bar=2", "foo=3"}) == "foo=1,bar=2,foo=3");
}

// ---- limits: W3C 3.3.1.5 ----

TEST_CASE("512 characters are propagated, whatever the members' sizes (W3C 3.3.1.5)") {
  const std::string one_long = "a=" + repeat('x', 256) + ",b=" + repeat('y', 251);
  REQUIRE(one_long.size() == 512);
  CHECK(normalised(one_long) == one_long);
}

TEST_CASE("4,096 characters are kept whole") {
  std::vector<std::string> members = numbered_members(8, 512);
  members.back().resize(4096 - 7 * 513);
  REQUIRE(join(members).size() == 4096);
  CHECK(normalised(join(members)) == join(members));
}

TEST_CASE("of a longer tracestate members over 128 characters leave first (W3C 3.3.1.5)") {
  std::vector<std::string> members = numbered_members(7, 512);
  members.push_back(sized_member("long", 400));
  members.push_back(sized_member("short", 128));
  members.push_back("z=1");
  REQUIRE(join(members).size() > 4096);
  std::vector<std::string> expected = members;
  expected.erase(expected.begin() + 7);
  CHECK(normalised(join(members)) == join(expected));
}

TEST_CASE("members of at most 128 characters leave from the right (W3C 3.3.1.5)") {
  const std::vector<std::string> members = numbered_members(32, 128);
  const std::vector<std::string> expected(members.begin(), members.end() - 1);
  CHECK(normalised(join(members)) == join(expected));
}

TEST_CASE("a member that would still fit leaves if one like it to the left had to") {
  std::vector<std::string> members = numbered_members(31, 128);
  const std::string kept = join(members);
  members.push_back(sized_member("z", 122));
  REQUIRE(join(members).size() > 4096);
  CHECK(normalised(join(members)) == kept);

  members = numbered_members(7, 512);
  const std::string kept_long = join(members);
  members.push_back(sized_member("a", 513));
  members.push_back(sized_member("b", 129));
  CHECK(normalised(join(members)) == kept_long);
}

TEST_CASE("cutting member by member gives what cutting the whole gives") {
  std::mt19937_64 random(20);
  for (int turn = 0; turn < 3000; ++turn) {
    std::vector<std::string> members;
    const unsigned count = 8 + static_cast<unsigned>(random() % 25);
    const unsigned longest = turn % 2 == 0 ? 512 : 160;
    for (unsigned number = 0; number < count; ++number) {
      const std::size_t size = 5 + random() % (longest - 5);
      members.push_back(sized_member(std::string(1, static_cast<char>('a' + number % 26)), size));
    }
    REQUIRE(normalised(join(members)) == join(cut_to(members, TraceStateBuffer::kCapacity)));
  }
}

// ---- OpenTelemetry's member: TraceState Handling ----

TEST_CASE("thresholds are written without trailing zeros (OpenTelemetry, th)") {
  CHECK(threshold_text(kHalf) == "8");
  CHECK(threshold_text(0xaaab0000000000) == "aaab");
  CHECK(threshold_text(kThreeQuarters) == "c");
  CHECK(threshold_text(0xe6660000000000) == "e666");
  CHECK(threshold_text(0xfd70a000000000) == "fd70a");
  CHECK(threshold_text(0xffbe7700000000) == "ffbe77");
  CHECK(threshold_text(0xfff97240000000) == "fff9724");
  CHECK(threshold_text(0xffff583a000000) == "ffff583a");
  CHECK(threshold_text(0xffffef39000000) == "ffffef39");
}

TEST_CASE("the threshold of everything is one zero, and leading zeros stay") {
  CHECK(threshold_text(0) == "0");
  CHECK(threshold_text(0x0c000000000000) == "0c");
  CHECK(threshold_text(1) == "00000000000001");
  CHECK(threshold_text(0xffffffffffffff) == "ffffffffffffff");
}

TEST_CASE("thresholds are read with zeros added at the right (OpenTelemetry, th)") {
  CHECK(threshold_in("ot=th:8") == kHalf);
  CHECK(threshold_in("ot=th:80") == kHalf);
  CHECK(threshold_in("ot=th:c") == kThreeQuarters);
  CHECK(threshold_in("ot=th:0c") == 0x0c000000000000);
  CHECK(threshold_in("ot=th:0") == 0);
  CHECK(threshold_in("ot=th:ffffffffffffff") == 0xffffffffffffff);
}

TEST_CASE("a threshold of another form is unknown, and the rest is still read") {
  for (const char* text : {"", "g", "C", "0x8", "8.", "800000000000000", "-1"}) {
    CAPTURE(text);
    const std::string trace_state = std::string("ot=rv:00000000000001;th:") + text;
    CHECK(threshold_in(trace_state) == kUnknownThreshold);
    CHECK(parse_otel_member(trace_state).has_randomness);
    CHECK(parse_otel_member(trace_state).randomness == 1);
  }
}

TEST_CASE("any threshold comes back from its text") {
  std::mt19937_64 random(56);
  for (int turn = 0; turn < 10000; ++turn) {
    const std::uint64_t threshold = (random() >> 8) & ~std::uint64_t{0} << random() % 56;
    const std::string text = threshold_text(threshold);
    REQUIRE(threshold_in("ot=th:" + text) == threshold);
    REQUIRE((text == "0" || text.back() != '0'));
  }
}

TEST_CASE("explicit randomness is exactly 14 lowercase digits (OpenTelemetry, rv)") {
  CHECK(parse_otel_member("ot=rv:0123456789abcd").randomness == 0x0123456789abcd);
  CHECK(parse_otel_member("ot=th:8;rv:fedcba98765432").has_randomness);
  for (const char* text : {"", "0123456789abc", "0123456789abcde", "0123456789ABCD"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_otel_member(std::string("ot=th:8;rv:") + text).has_randomness);
    CHECK(threshold_in(std::string("ot=th:8;rv:") + text) == kHalf);
  }
}

TEST_CASE("the member is found wherever it stands; of two the first counts") {
  CHECK(threshold_in("foo=1, ot=th:8 ,bar=2") == kHalf);
  CHECK(threshold_in("ot=th:8,ot=th:c") == kHalf);
  CHECK(threshold_in("") == kUnknownThreshold);
  CHECK(threshold_in("foo=1") == kUnknownThreshold);
  CHECK(threshold_in("oot=th:8") == kUnknownThreshold);
  CHECK(threshold_in("ot@x=th:8") == kUnknownThreshold);
}

TEST_CASE("a member that breaks the grammar tells nothing (OpenTelemetry, TraceState)") {
  for (const char* value :
       {"th:8;", ";th:8", "th:8;;a:1", "th", "th:8;a", ":8", "th:8;A:1", "th:8;1a:1", "th:8;a b:1",
        "th:8;a:b:c", "th:8;a:b/c", "th:8;th:8", "th:8;a:1;b:2;a:3", "th: 8"}) {
    CAPTURE(value);
    const std::string trace_state = std::string("ot=") + value;
    const OtelTraceState told = parse_otel_member(trace_state);
    CHECK_FALSE(told.is_well_formed);
    CHECK(told.threshold == kUnknownThreshold);
    CHECK_FALSE(told.has_randomness);
  }
}

TEST_CASE("a member of more than 256 characters tells nothing") {
  CHECK(threshold_in("ot=th:8;a:" + repeat('x', 249)) == kHalf);
  CHECK(threshold_in("ot=th:8;a:" + repeat('x', 250)) == kUnknownThreshold);
}

TEST_CASE("keys of others and empty values are no reason to refuse the member") {
  CHECK(parse_otel_member("ot=a1:;b:X.y_z-0;th:8").threshold == kHalf);
  CHECK(parse_otel_member("ot=th8:1;tht:2;t:3;th:8").threshold == kHalf);
}

// ---- updates: W3C 3.5, OpenTelemetry "setting values" ----

TEST_CASE("a threshold is added at the left end (W3C 3.5)") {
  CHECK(written("", kHalf) == "ot=th:8");
  CHECK(written("foo=1,bar=2", 0) == "ot=th:0,foo=1,bar=2");
}

TEST_CASE("a threshold that changes moves the member to the left end and keeps other pairs") {
  CHECK(written("foo=1,ot=th:8,bar=2", kThreeQuarters) == "ot=th:c,foo=1,bar=2");
  CHECK(written("foo=1,ot=a:1;th:8;rv:0123456789abcd,bar=2", kThreeQuarters) ==
        "ot=th:c;a:1;rv:0123456789abcd,foo=1,bar=2");
  CHECK(written("foo=1,ot=rv:0123456789abcd", kHalf) == "ot=th:8;rv:0123456789abcd,foo=1");
}

TEST_CASE("a threshold that does not change leaves everything where it is (W3C 3.5)") {
  CHECK(written("foo=1,ot=a:1;th:8,bar=2", kHalf) == "foo=1,ot=a:1;th:8,bar=2");
  CHECK(written("foo=1,ot=th:80", kHalf) == "foo=1,ot=th:80");
  CHECK(written("foo=1,ot=a:1,bar=2", kUnknownThreshold) == "foo=1,ot=a:1,bar=2");
}

TEST_CASE("an unknown threshold is removed, and nothing else") {
  CHECK(written("foo=1,ot=th:8,bar=2", kUnknownThreshold) == "foo=1,bar=2");
  CHECK(written("ot=th:8", kUnknownThreshold) == "");
  CHECK(written("foo=1,ot=a:1;th:8;b:2", kUnknownThreshold) == "ot=a:1;b:2,foo=1");
  CHECK(written("ot=th:zz;a:1", kUnknownThreshold) == "ot=a:1");
  CHECK(written("ot=th:8", waggle::detail::kThresholdEnd) == "");
}

TEST_CASE("pairs whose keys only begin like th stay") {
  CHECK(written("ot=th8:1;t:2;th:8", kUnknownThreshold) == "ot=th8:1;t:2");
}

TEST_CASE("an update leaves one member of its key (W3C 3.5)") {
  CHECK(written("ot=th:8,foo=1,ot=th:4", kThreeQuarters) == "ot=th:c,foo=1");
}

TEST_CASE(
    "a member that breaks the grammar is replaced, or left alone if there is nothing to say") {
  CHECK(written("foo=1,ot=th:8;;", kThreeQuarters) == "ot=th:c,foo=1");
  CHECK(written("foo=1,ot=th:8;;", kUnknownThreshold) == "foo=1,ot=th:8;;");
}

TEST_CASE("for a new member the 33rd leaves at the right (W3C 3.3.1.1)") {
  std::vector<std::string> members = numbered_members(32);
  const std::string before = join(members);
  members.pop_back();
  CHECK(written(before, kHalf) == "ot=th:8," + join(members));
  CHECK(written(before, kUnknownThreshold) == before);
  members.push_back("ot=a:1");
  const std::string with_own = join(members);
  members.pop_back();
  CHECK(written(with_own, kHalf) == "ot=th:8;a:1," + join(members));
}

TEST_CASE("a value that would exceed 256 characters goes without a threshold") {
  const std::string fits = "a:" + repeat('x', 256 - 2 - 5);
  CHECK(written("ot=" + fits, kHalf) == "ot=th:8;" + fits);
  const std::string too_long = fits + "x";
  CHECK(written("foo=1,ot=" + too_long, kHalf) == "ot=" + too_long + ",foo=1");
  CHECK(written("ot=th:8;" + fits, 0xaaab0000000000) == "ot=" + fits);
  const std::string full = "a:" + repeat('x', 254);
  CHECK(written("ot=" + full, 0xaaaaaaaaaaaaab) == "ot=" + full);
}

TEST_CASE("an update of a full tracestate keeps to the limit") {
  const std::vector<std::string> members = numbered_members(8, 511);
  REQUIRE(join(members).size() == 4095);
  const std::vector<std::string> expected(members.begin(), members.end() - 1);
  CHECK(written(join(members), kHalf) == "ot=th:8," + join(expected));
}

TEST_CASE("text that is no tracestate is dropped before a threshold is added") {
  CHECK(written("FOO=1,bar=2", kHalf) == "ot=th:8");
  CHECK(written("FOO=1,ot=a:1", kHalf) == "ot=th:8");
  CHECK(written("FOO=1", kUnknownThreshold) == "");
  CHECK(written(join(numbered_members(33)), kHalf) == "ot=th:8");
}

TEST_CASE("what is written is in normal form") {
  CHECK(written(" foo= 1 ,, bar=2\t", kHalf) == "ot=th:8,foo= 1,bar=2");
  CHECK(written(" foo= 1 ,, bar=2\t", kUnknownThreshold) == "foo= 1,bar=2");
}

TEST_CASE("a buffer may be used again") {
  TraceStateBuffer buffer;
  waggle::detail::write_trace_state(buffer, join(numbered_members(32, 500)), kHalf);
  const std::string other = "foo=1," + sized_member("long", 200);
  waggle::detail::write_trace_state(buffer, other, kUnknownThreshold);
  CHECK(std::string(buffer.view()) == other);
}
