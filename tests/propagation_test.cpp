#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <list>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>
#include <waggle/api/propagation.hpp>
#include <waggle/trace.hpp>

namespace {

using waggle::kUnknownThreshold;
using waggle::SpanContext;
using waggle::SpanId;
using waggle::TraceId;

using Map = std::map<std::string, std::string>;
using Lines = std::vector<std::pair<std::string, std::string>>;

constexpr const char* kTrace = "0af7651916cd43dd8448eb211c80319c";
constexpr const char* kSpan = "b7ad6b7169203331";
constexpr std::uint64_t kHalf = std::uint64_t{1} << 55;

// The low 56 bits of kTrace's id are below one half and above one quarter.
const std::string kSampled = std::string("00-") + kTrace + "-" + kSpan + "-01";
const std::string kUnsampled = std::string("00-") + kTrace + "-" + kSpan + "-00";

SpanContext extract_one(const std::string& trace_parent, const std::string& trace_state = "") {
  return waggle::extract(Lines{{"traceparent", trace_parent}, {"tracestate", trace_state}});
}

SpanContext extract_states(std::initializer_list<std::string> trace_states) {
  Lines lines{{"traceparent", kSampled}};
  for (const std::string& trace_state : trace_states) lines.emplace_back("tracestate", trace_state);
  return waggle::extract(lines);
}

bool is_accepted(const std::string& trace_parent) { return extract_one(trace_parent).is_valid(); }

std::string trace_state_of(const SpanContext& context) {
  return std::string(context.trace_state());
}

SpanContext make_context(std::uint8_t flags, std::uint64_t threshold = kUnknownThreshold,
                         std::string_view trace_state = {}) {
  return SpanContext(TraceId::from_hex(kTrace), SpanId::from_hex(kSpan), flags, false, threshold,
                     trace_state);
}

Map injected(const SpanContext& context) {
  Map headers;
  waggle::inject(context, headers);
  return headers;
}

std::string sent_trace_state(const SpanContext& context) {
  const Map headers = injected(context);
  const auto found = headers.find("tracestate");
  return found == headers.end() ? "(absent)" : found->second;
}

void check_same(const SpanContext& left, const SpanContext& right) {
  CHECK(left.trace_id() == right.trace_id());
  CHECK(left.span_id() == right.span_id());
  CHECK((left.trace_flags() & 3) == (right.trace_flags() & 3));
  CHECK(left.sampling_threshold() == right.sampling_threshold());
  CHECK(trace_state_of(left) == trace_state_of(right));
}

// ---- a second opinion on what may be sent, made of nothing but character sets ----

bool consists_of(std::string_view text, std::string_view allowed) {
  return text.find_first_not_of(allowed) == std::string_view::npos;
}

bool is_correct_trace_parent(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  return text.size() == 55 && text.substr(0, 3) == "00-" && consists_of(text.substr(3, 32), kHex) &&
         !consists_of(text.substr(3, 32), "0") && text[35] == '-' &&
         consists_of(text.substr(36, 16), kHex) && !consists_of(text.substr(36, 16), "0") &&
         text.substr(52, 2) == "-0" && consists_of(text.substr(54), "0123");
}

bool is_correct_member(std::string_view member) {
  constexpr std::string_view kFirst = "abcdefghijklmnopqrstuvwxyz0123456789";
  const std::string key_characters = std::string(kFirst) + "_-*/@";
  const std::size_t at = member.find('=');
  if (at == 0 || at > 256 || at == std::string_view::npos) return false;
  const std::string_view key = member.substr(0, at);
  const std::string_view value = member.substr(at + 1);
  if (!consists_of(key.substr(0, 1), kFirst) || !consists_of(key, key_characters)) return false;
  return !value.empty() && value.size() <= 256 && value.back() != ' ' &&
         std::all_of(value.begin(), value.end(),
                     [](char c) { return c >= 0x20 && c <= 0x7e && c != ',' && c != '='; });
}

bool is_correct_trace_state(std::string_view text) {
  if (text.empty() || text.size() > 4096) return false;
  unsigned count = 1;
  for (std::size_t comma; (comma = text.find(',')) != std::string_view::npos; ++count) {
    if (!is_correct_member(text.substr(0, comma))) return false;
    text.remove_prefix(comma + 1);
  }
  return count <= 32 && is_correct_member(text);
}

bool are_correct(const Map& headers) {
  if (headers.count("traceparent") != 1) return false;
  if (!is_correct_trace_parent(headers.at("traceparent"))) return false;
  if (headers.count("tracestate") == 0) return headers.size() == 1;
  return headers.size() == 2 && is_correct_trace_state(headers.at("tracestate"));
}

// Makes a thread of a running tracer out of the calling one, as far as current contexts go.
class CurrentContexts {
 public:
  CurrentContexts()
      : state_(std::make_unique<waggle::detail::ThreadState>()),
        session_before_(waggle_abi1_hub.session),
        thread_before_(waggle_abi1_thread) {
    state_->session = waggle_abi1_hub.session = session_before_ + 1000;
    state_->ids.seed(1, 2);
    waggle_abi1_thread = state_.get();
  }
  ~CurrentContexts() {
    waggle_abi1_hub.session = session_before_;
    waggle_abi1_thread = thread_before_;
  }
  CurrentContexts(const CurrentContexts&) = delete;
  CurrentContexts& operator=(const CurrentContexts&) = delete;

 private:
  std::unique_ptr<waggle::detail::ThreadState> state_;
  std::uint32_t session_before_;
  waggle::detail::ThreadState* thread_before_;
};

}  // namespace

// ---- traceparent: W3C Trace Context Level 2, section 3.2 ----

TEST_CASE("a traceparent gives a remote context (W3C 3.2.2)") {
  const SpanContext context = extract_one(kSampled);
  REQUIRE(context.is_valid());
  CHECK(std::string(context.trace_id().hex().view()) == kTrace);
  CHECK(std::string(context.span_id().hex().view()) == kSpan);
  CHECK(context.is_sampled());
  CHECK(context.is_remote());
  CHECK(context.sampling_threshold() == kUnknownThreshold);
  CHECK(context.trace_state().empty());
}

TEST_CASE("without a traceparent there is no context, whatever the tracestate (W3C 3.3)") {
  CHECK_FALSE(waggle::extract(Lines{}).is_valid());
  const SpanContext context = waggle::extract(Lines{{"tracestate", "foo=1"}});
  CHECK_FALSE(context.is_valid());
  CHECK(context.trace_state().empty());
}

TEST_CASE("an invalid traceparent takes the tracestate with it (W3C 3.3)") {
  const SpanContext context = extract_one(kSampled + ".", "foo=1");
  CHECK_FALSE(context.is_valid());
  CHECK_FALSE(context.is_remote());
  CHECK(context.trace_state().empty());
}

TEST_CASE("two traceparent lines count as none, even equal ones (W3C 3.2)") {
  const std::string other = "00-" + std::string(32, '1') + "-" + std::string(16, '2') + "-01";
  CHECK_FALSE(waggle::extract(Lines{{"traceparent", kSampled}, {"traceparent", other}}).is_valid());
  CHECK_FALSE(
      waggle::extract(Lines{{"traceparent", kSampled}, {"TraceParent", kSampled}}).is_valid());
  CHECK_FALSE(is_accepted(kSampled + "," + other));
}

TEST_CASE("header names are compared without regard to case, and as a whole (W3C 3.2.1, 3.3.1)") {
  for (const char* name : {"TraceParent", "TrAcEpArEnT", "TRACEPARENT"}) {
    CHECK(waggle::extract(Map{{name, kSampled}}).is_valid());
  }
  for (const char* name : {"trace-parent", "trace.parent", "traceparent2", "traceparen", ""}) {
    CHECK_FALSE(waggle::extract(Map{{name, kSampled}}).is_valid());
  }
  CHECK(trace_state_of(waggle::extract(
            Lines{{"TRACEparent", kSampled}, {"TRACEstate", "a=1"}, {"Tracestate", "b=2"}})) ==
        "a=1,b=2");
  CHECK(trace_state_of(waggle::extract(Lines{
            {"traceparent", kSampled}, {"trace-state", "a=1"}, {"trace.state", "b=2"}})) == "");
}

TEST_CASE("spaces and tabs around a traceparent are removed (RFC 9110, 5.5)") {
  CHECK(is_accepted(" " + kSampled));
  CHECK(is_accepted("\t " + kSampled + " \t"));
  CHECK_FALSE(is_accepted("\n" + kSampled));
  CHECK_FALSE(is_accepted(kSampled.substr(0, 3) + " " + kSampled.substr(3)));
}

TEST_CASE("version ff and what is no version are invalid (W3C 3.2.2.1)") {
  for (const char* version : {"ff", "FF", "cC", ".0", "0.", "0x", " 0", "-0", "00-", "0"}) {
    CAPTURE(version);
    CHECK_FALSE(is_accepted(version + kSampled.substr(2)));
  }
  CHECK_FALSE(is_accepted("000" + kSampled.substr(2)));
  CHECK_FALSE(is_accepted("0000" + kSampled.substr(2)));
}

TEST_CASE("version 00 has exactly 55 characters (W3C 3.2.2)") {
  CHECK(is_accepted(kSampled));
  CHECK_FALSE(is_accepted(kSampled.substr(0, 54)));
  for (const char* rest : {"-", ".", "-what-the-future-will-be-like", "1"}) {
    CAPTURE(rest);
    CHECK_FALSE(is_accepted(kSampled + rest));
  }
  CHECK_FALSE(is_accepted(kSampled + std::string(1, '\0')));
}

TEST_CASE("versions 01 to fe are read like 00, also with more behind (W3C 3.2.4)") {
  for (unsigned version = 1; version < 255; ++version) {
    const char digits[] = "0123456789abcdef";
    const std::string later =
        std::string{digits[version / 16], digits[version % 16]} + kSampled.substr(2);
    CAPTURE(later);
    CHECK_FALSE(is_accepted(later.substr(0, 54)));
    CHECK(is_accepted(later));
    CHECK(is_accepted(later + "-"));
    CHECK_FALSE(is_accepted(later + "."));
    CHECK_FALSE(is_accepted(later + "0"));
    CHECK(is_accepted(later + "-what-the-future-will-be-like"));
  }
}

TEST_CASE("a later version goes on as version 00 (W3C 4.3)") {
  CHECK(injected(extract_one("cc" + kSampled.substr(2) + "-more")) ==
        Map{{"traceparent", kSampled}});
}

TEST_CASE("ids of zeros are invalid (W3C 3.2.2.3, 3.2.2.4)") {
  CHECK_FALSE(is_accepted("00-" + std::string(32, '0') + "-" + kSpan + "-01"));
  CHECK_FALSE(is_accepted(std::string("00-") + kTrace + "-0000000000000000-01"));
  CHECK(is_accepted("00-" + std::string(31, '0') + "1-0000000000000001-01"));
}

TEST_CASE("uppercase digits are invalid everywhere (W3C 3.2.2)") {
  for (std::size_t at = 0; at < kSampled.size(); ++at) {
    if (kSampled[at] == '-') continue;
    std::string text = "00-" + std::string(32, 'a') + "-" + std::string(16, 'a') + "-01";
    text[at] = 'A';
    CAPTURE(text);
    CHECK_FALSE(is_accepted(text));
  }
}

TEST_CASE("each character has to be what its place asks for (W3C 3.2.2)") {
  for (std::size_t at = 0; at < kSampled.size(); ++at) {
    for (int code = 0; code < 256; ++code) {
      const char c = static_cast<char>(code);
      const bool is_dash = at == 2 || at == 35 || at == 52;
      const bool is_hex = c != '\0' && std::strchr("0123456789abcdef", c) != nullptr;
      std::string text = kSampled;
      text[at] = c;
      CAPTURE(text);
      CHECK(is_accepted(text) == (is_dash ? c == '-' : is_hex));
    }
  }
}

TEST_CASE("fields that are too long or too short are invalid (W3C 3.2.2)") {
  const std::string trace = kTrace;
  const std::string span = kSpan;
  for (const std::string& text :
       {"00-" + trace + "0-" + span + "-01", "00-" + trace.substr(1) + "-" + span + "-01",
        "00-" + trace + "-" + span + "0-01", "00-" + trace + "-" + span.substr(1) + "-01",
        "00-" + trace + "-" + span + "-001", "00-" + trace + "-" + span + "-1",
        "00-" + trace + "-" + span + "-", "00-" + trace + "-" + span, std::string("00-"),
        std::string("-"), std::string()}) {
    CAPTURE(text);
    CHECK_FALSE(is_accepted(text));
  }
}

TEST_CASE("flags that are not hexadecimal are invalid (W3C 3.2.2.5)") {
  for (const char* flags : {".0", "0.", "0A", "A0", " 1", "1 ", "0g"}) {
    CAPTURE(flags);
    CHECK_FALSE(is_accepted(kSampled.substr(0, 53) + flags));
  }
}

TEST_CASE("all eight flags are kept, and two are sent on (W3C 3.2.2.5)") {
  for (unsigned flags = 0; flags < 256; ++flags) {
    const char digits[] = "0123456789abcdef";
    const std::string text =
        kSampled.substr(0, 53) + std::string{digits[flags / 16], digits[flags % 16]};
    const SpanContext context = extract_one(text);
    REQUIRE(context.is_valid());
    CHECK(context.trace_flags() == flags);
    CHECK(context.is_sampled() == ((flags & 1) != 0));
    CHECK(injected(context).at("traceparent") == kSampled.substr(0, 54) + digits[flags & 3]);
  }
}

TEST_CASE("the sampled and the random flag go out as they are (W3C 3.2.2.5.1, 3.2.2.5.2)") {
  CHECK(injected(make_context(0)).at("traceparent") == kUnsampled);
  CHECK(injected(make_context(waggle::kTraceFlagSampled)).at("traceparent") == kSampled);
  CHECK(injected(make_context(waggle::kTraceFlagRandom)).at("traceparent") ==
        kSampled.substr(0, 54) + "2");
  CHECK(injected(make_context(0xff)).at("traceparent") == kSampled.substr(0, 54) + "3");
}

TEST_CASE("an invalid context sends nothing and touches nothing") {
  Map headers{{"traceparent", "theirs"}, {"tracestate", "theirs"}};
  const Map before = headers;
  waggle::inject(SpanContext{}, headers);
  waggle::inject(SpanContext(TraceId{}, SpanId{1}, 1, false), headers);
  waggle::inject(SpanContext(TraceId{0, 1}, SpanId{}, 1, false), headers);
  CHECK(headers == before);
  waggle::inject(SpanContext{}, [](std::string_view, std::string_view) { FAIL("was called"); });
}

// ---- tracestate: W3C Trace Context Level 2, section 3.3 ----

TEST_CASE("a tracestate goes through (W3C 3.3)") {
  const SpanContext context = extract_one(kSampled, "foo=1, bar= 2 ");
  CHECK(trace_state_of(context) == "foo=1,bar= 2");
  CHECK(sent_trace_state(context) == "foo=1,bar= 2");
}

TEST_CASE("several tracestate lines leave as one (W3C 3.3.1)") {
  CHECK(trace_state_of(extract_states({"foo=1", "", "bar=2,baz=3"})) == "foo=1,bar=2,baz=3");
  CHECK(sent_trace_state(extract_states({"", "foo=1", "foo=2"})) == "foo=1,foo=2");
}

TEST_CASE("an invalid tracestate is dropped as a whole and the trace goes on (W3C 3.3, 4.3)") {
  for (const char* bad : {"@foo=1,bar=2", "foo=1,bar=2=3", "foo =1", "foo=,bar=3", "FOO=1", "x"}) {
    CAPTURE(bad);
    const SpanContext context = extract_one(kSampled, bad);
    CHECK(context.is_valid());
    CHECK(context.trace_state().empty());
    CHECK(sent_trace_state(context) == "(absent)");
    CHECK(extract_states({"good=1", bad}).trace_state().empty());
    CHECK(extract_states({bad, "good=1"}).trace_state().empty());
  }
}

TEST_CASE("an empty tracestate is not sent (W3C 3.3.1.2)") {
  CHECK(sent_trace_state(extract_one(kSampled, "")) == "(absent)");
  CHECK(sent_trace_state(extract_one(kSampled, " ,\t, ")) == "(absent)");
}

TEST_CASE("a tracestate of 512 characters is propagated byte for byte (W3C 3.3.1.5)") {
  const std::string text = "a=" + std::string(256, 'x') + ",b=" + std::string(251, 'y');
  REQUIRE(text.size() == 512);
  CHECK(sent_trace_state(extract_one(kSampled, text)) == text);
}

TEST_CASE("a tracestate beyond 4,096 bytes loses its long members first (W3C 3.3.1.5)") {
  std::string long_members;
  for (char key = 'a'; key <= 'p'; ++key) {
    long_members += std::string(1, key) + "=" + std::string(256, 'x') + ",";
  }
  REQUIRE(long_members.size() > 4096);
  const std::string sent = sent_trace_state(extract_one(kSampled, long_members + "z=1"));
  CHECK(sent == long_members.substr(0, 15 * 259) + "z=1");
}

TEST_CASE("text that a context was made with is sent only if it is a tracestate") {
  CHECK(sent_trace_state(make_context(1, kUnknownThreshold, "foo=1")) == "foo=1");
  CHECK(sent_trace_state(make_context(1, kUnknownThreshold, "foo=1\r\nevil: yes")) == "(absent)");
  CHECK(sent_trace_state(make_context(1, kHalf, std::string(60000, 'x'))) == "ot=th:8");
}

// ---- the threshold: OpenTelemetry, TraceState: Probability Sampling ----

TEST_CASE("a sampled context's threshold is sent, also that of everything") {
  CHECK(sent_trace_state(make_context(1, kHalf)) == "ot=th:8");
  CHECK(sent_trace_state(make_context(1, 0)) == "ot=th:0");
  CHECK(sent_trace_state(make_context(1, 0xaaab0000000000)) == "ot=th:aaab");
  CHECK(sent_trace_state(make_context(1, 0xe6660000000000, "foo=1,ot=a:1;th:8")) ==
        "ot=th:e666;a:1,foo=1");
}

TEST_CASE("no threshold is sent where there is none") {
  CHECK(sent_trace_state(make_context(1)) == "(absent)");
  CHECK(sent_trace_state(make_context(0)) == "(absent)");
  CHECK(sent_trace_state(make_context(0, kHalf)) == "(absent)");
  CHECK(sent_trace_state(make_context(1, std::uint64_t{1} << 56)) == "(absent)");
  CHECK(sent_trace_state(make_context(1, kUnknownThreshold, "foo=1")) == "foo=1");
}

TEST_CASE("a threshold in the text stays unless the sampled flag contradicts it") {
  // The trace id's 56 bits are 48eb211c80319c: kept by a quarter's threshold, not by a half's.
  CHECK(sent_trace_state(make_context(1, kUnknownThreshold, "foo=1,ot=th:4")) == "foo=1,ot=th:4");
  CHECK(sent_trace_state(make_context(0, kUnknownThreshold, "foo=1,ot=th:8")) == "foo=1,ot=th:8");
  CHECK(sent_trace_state(make_context(1, kUnknownThreshold, "foo=1,ot=th:8")) == "foo=1");
  CHECK(sent_trace_state(make_context(0, kUnknownThreshold, "foo=1,ot=a:1;th:4")) ==
        "ot=a:1,foo=1");
}

TEST_CASE("the threshold that arrives is known if the sampled flag agrees with it") {
  CHECK(extract_one(kSampled, "ot=th:4").sampling_threshold() == kHalf / 2);
  CHECK(extract_one(kSampled, "ot=th:0").sampling_threshold() == 0);
  CHECK(extract_one(kUnsampled, "ot=th:8").sampling_threshold() == kHalf);
  CHECK(extract_one(kSampled, "ot=th:48eb211c80319c").sampling_threshold() == 0x48eb211c80319c);
  CHECK(extract_one(kUnsampled, "ot=th:48eb211c80319d").sampling_threshold() == 0x48eb211c80319d);
  CHECK(extract_one(kSampled, "foo=1").sampling_threshold() == kUnknownThreshold);
  CHECK(extract_one(kSampled, "ot=th:4;").sampling_threshold() == kUnknownThreshold);
}

TEST_CASE("a threshold that contradicts the sampled flag is unknown and erased") {
  for (const auto& headers : Lines{{kSampled, "foo=1,ot=a:1;th:8"},
                                   {kUnsampled, "foo=1,ot=a:1;th:4"},
                                   {kUnsampled, "foo=1,ot=th:0;a:1"},
                                   {kSampled, "foo=1,ot=th:48eb211c80319d;a:1"},
                                   {kUnsampled, "foo=1,ot=th:48eb211c80319c;a:1"}}) {
    CAPTURE(headers.second);
    const SpanContext context = extract_one(headers.first, headers.second);
    CHECK(context.sampling_threshold() == kUnknownThreshold);
    CHECK(trace_state_of(context) == "ot=a:1,foo=1");
    CHECK(sent_trace_state(context) == "ot=a:1,foo=1");
  }
}

TEST_CASE("explicit randomness counts in place of the trace id's (OpenTelemetry, rv)") {
  CHECK(extract_one(kSampled, "ot=th:8;rv:80000000000000").sampling_threshold() == kHalf);
  CHECK(extract_one(kSampled, "ot=th:8;rv:7fffffffffffff").sampling_threshold() ==
        kUnknownThreshold);
  CHECK(extract_one(kUnsampled, "ot=th:8;rv:7fffffffffffff").sampling_threshold() == kHalf);
  CHECK(trace_state_of(extract_one(kSampled, "ot=th:8;rv:7fffffffffffff")) ==
        "ot=rv:7fffffffffffff");
}

// ---- carriers ----

TEST_CASE("containers of pairs of strings carry a context there and back") {
  const SpanContext context = make_context(1, kHalf / 2, "foo=1");
  const auto check = [&](auto headers) {
    waggle::inject(context, headers);
    CHECK(headers.size() == 2);
    const SpanContext arrived = waggle::extract(headers);
    CHECK(arrived.is_remote());
    CHECK(arrived.trace_id() == context.trace_id());
    CHECK(arrived.span_id() == context.span_id());
    CHECK(arrived.sampling_threshold() == kHalf / 2);
    CHECK(trace_state_of(arrived) == "ot=th:4,foo=1");
  };
  check(std::map<std::string, std::string>{});
  check(std::map<std::string, std::string, std::less<>>{});
  check(std::multimap<std::string, std::string>{});
  check(std::unordered_map<std::string, std::string>{});
  check(std::unordered_multimap<std::string, std::string>{});
  check(std::vector<std::pair<std::string, std::string>>{});
  check(std::list<std::pair<std::string, std::string>>{});
}

TEST_CASE("what stood under the same names is replaced, in whatever case") {
  const auto check = [](auto headers) {
    headers.insert(headers.end(), {"Host", "example.com"});
    headers.insert(headers.end(), {"TraceParent", kUnsampled});
    headers.insert(headers.end(), {"TRACESTATE", "old=1"});
    headers.insert(headers.end(), {"tracestate", "old=2"});
    headers.insert(headers.end(), {"traceparent", "old"});
    waggle::inject(make_context(1, kUnknownThreshold, "foo=1"), headers);
    REQUIRE(headers.size() == 3);
    const Map sorted(headers.begin(), headers.end());
    CHECK(sorted ==
          Map{{"Host", "example.com"}, {"traceparent", kSampled}, {"tracestate", "foo=1"}});
  };
  check(Map{});
  check(std::unordered_map<std::string, std::string>{});
  check(std::multimap<std::string, std::string>{});
  check(Lines{});
}

TEST_CASE("another trace's tracestate does not stay behind") {
  Lines headers{{"Tracestate", "old=1"}, {"accept", "*/*"}};
  waggle::inject(make_context(1), headers);
  CHECK((headers == Lines{{"accept", "*/*"}, {"traceparent", kSampled}}));
}

TEST_CASE("a function may take what is sent, under lowercase names") {
  Lines sent;
  const auto set = [&](std::string_view name, std::string_view value) {
    sent.emplace_back(name, value);
  };
  waggle::inject(make_context(1, kHalf, "foo=1"), set);
  CHECK((sent == Lines{{"traceparent", kSampled}, {"tracestate", "ot=th:8,foo=1"}}));
  sent.clear();
  waggle::inject(make_context(0), set);
  CHECK((sent == Lines{{"traceparent", kUnsampled}}));
}

TEST_CASE("ranges of views can be read") {
  const std::vector<std::pair<std::string_view, const char*>> headers{
      {"traceparent", kSampled.c_str()}, {"tracestate", "foo=1"}, {"other", nullptr}};
  CHECK(trace_state_of(waggle::extract(headers)) == "foo=1");
  const std::pair<const char*, const char*> list[] = {{"traceparent", kSampled.c_str()},
                                                      {"tracestate", nullptr}};
  CHECK(waggle::extract(list).is_valid());
  const std::pair<const char*, const char*> nothing[] = {{"traceparent", nullptr},
                                                         {nullptr, "foo=1"}};
  CHECK_FALSE(waggle::extract(nothing).is_valid());
}

TEST_CASE("a read-only function may give a view, a string or a pointer, null for absent") {
  const Map headers{{"traceparent", kSampled}, {"tracestate", "foo=1"}, {"baggage", "k=v"}};
  CHECK(trace_state_of(waggle::extract([&](std::string_view name) {
          return std::string_view(headers.at(std::string(name)));
        })) == "foo=1");
  CHECK(trace_state_of(waggle::extract([&](std::string_view name) {
          return std::string(headers.at(std::string(name)));
        })) == "foo=1");
  CHECK(trace_state_of(waggle::extract([&](const std::string_view& name) -> const std::string& {
          return headers.at(std::string(name));
        })) == "foo=1");
  CHECK(trace_state_of(waggle::extract([&](std::string_view name) {
          return headers.at(std::string(name)).c_str();
        })) == "foo=1");
  CHECK(waggle::extract([&](std::string_view name) {
          return name == "traceparent" ? kSampled.c_str() : nullptr;
        }).is_valid());
  CHECK_FALSE(waggle::extract([](std::string_view) -> const char* { return nullptr; }).is_valid());
  CHECK_FALSE(waggle::extract([](std::string_view) { return std::string_view(); }).is_valid());
}

TEST_CASE("a function that lists values shows all of them") {
  Lines lines{{"traceparent", kSampled}, {"tracestate", "a=1"}, {"tracestate", "b=2"}};
  const auto list = [&](std::string_view name, waggle::HeaderSink sink) {
    for (const auto& [key, value] : lines) {
      if (key == name) sink(value);
    }
  };
  CHECK(trace_state_of(waggle::extract(list)) == "a=1,b=2");
  CHECK(waggle::extract([&](auto name, const auto& sink) { list(name, sink); }).is_valid());
  lines.emplace_back("traceparent", kSampled);
  CHECK_FALSE(waggle::extract(list).is_valid());
}

TEST_CASE("a value that is null in a list is no value") {
  const auto list = [](std::string_view name, waggle::HeaderSink sink) {
    const char* const missing = nullptr;
    sink(missing);
    if (name == "traceparent") sink(kSampled.c_str());
    sink(missing);
  };
  CHECK(waggle::extract(list).is_valid());
}

// ---- with spans ----

TEST_CASE("without a tracer a span hands a remote parent on, tracestate and all") {
  const SpanContext parent = extract_one(kSampled, "foo=1,ot=th:4");
  waggle::SpanOptions options;
  options.kind = waggle::SpanKind::Server;
  options.parent = parent;
  const waggle::Span span{"GET /cart", options};
  CHECK_FALSE(span.is_recording());
  CHECK(span.context().is_remote());
  check_same(span.context(), parent);
  CHECK((injected(span.context()) ==
         Map{{"traceparent", kSampled}, {"tracestate", "foo=1,ot=th:4"}}));
}

TEST_CASE("without a tracer and a parent a span sends nothing") {
  const waggle::Span span{"alone"};
  CHECK(injected(span.context()).empty());
  Map headers;
  waggle::inject(headers);
  CHECK(headers.empty());
}

TEST_CASE("the current context is sent where none is named") {
  const CurrentContexts tracer;
  const SpanContext context = make_context(1, kHalf / 2, "foo=1");
  Map headers;
  {
    const waggle::ContextGuard guard(context);
    waggle::inject(headers);
  }
  CHECK(headers == injected(context));
  headers.clear();
  waggle::inject(headers);
  CHECK(headers.empty());
}

// ---- properties ----

TEST_CASE("what was extracted comes back unchanged from what it sends") {
  std::mt19937_64 random(5);
  const auto pick = [&](std::size_t count) { return static_cast<std::size_t>(random() % count); };
  const std::vector<std::string> others{
      "foo=1", "bar= x y", "0@z=~", "foo=2", "k=" + std::string(256, 'v'), "ot=rv:9", "ot=;"};
  for (int turn = 0; turn < 20000; ++turn) {
    std::string text;
    for (std::size_t member = pick(20); member != 0; --member) {
      text += others[pick(others.size())] + (pick(3) == 0 ? " ,\t" : ",");
      if (pick(6) != 0) continue;
      const std::string threshold(waggle::detail::threshold_text(random() >> (8 + pick(56))));
      text += "ot=a:1;th:" + threshold + (pick(2) == 0 ? ";rv:80000000000000" : "") + ",";
    }
    const std::uint64_t threshold =
        pick(2) == 0 ? kUnknownThreshold : (random() >> 8) & ~std::uint64_t{0} << pick(56);
    const SpanContext start(TraceId{random(), random()}, SpanId{random() | 1},
                            static_cast<std::uint8_t>(random()), pick(2) == 0, threshold, text);
    const Map first = injected(start);
    REQUIRE(are_correct(first));
    const SpanContext once = waggle::extract(first);
    const Map second = injected(once);
    REQUIRE(are_correct(second));
    const SpanContext twice = waggle::extract(second);
    check_same(once, twice);
    REQUIRE(injected(twice) == second);
  }
}

namespace {

// A copy that ends where its memory ends, so that a sanitizer sees the first byte read beyond.
class ExactCopy {
 public:
  explicit ExactCopy(const std::string& text) : bytes_(new char[text.size()]), size_(text.size()) {
    std::copy(text.begin(), text.end(), bytes_.get());
  }
  std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t size_;
};

// Changes, removes, doubles or cuts off a few bytes.
void mutate(std::string& text, std::mt19937_64& random) {
  constexpr std::string_view kTelling = "-,;:=@ \t0f.AZ\x7f\xff";
  for (std::uint64_t count = random() % 4; count != 0 && !text.empty(); --count) {
    const std::size_t at = static_cast<std::size_t>(random() % text.size());
    const std::size_t length = static_cast<std::size_t>(random() % 4);
    switch (random() % 6) {
      case 0:
        text[at] = static_cast<char>(random());
        break;
      case 1:
        text[at] = kTelling[static_cast<std::size_t>(random() % kTelling.size())];
        break;
      case 2:
        text.erase(at, length);
        break;
      case 3:
        text.insert(at, text.substr(at, length));
        break;
      case 4:
        text.insert(at, length, kTelling[static_cast<std::size_t>(random() % 15)]);
        break;
      default:
        text.resize(at);
        break;
    }
  }
}

}  // namespace

TEST_CASE("whatever arrives, what is read is inside the header and what is sent is correct") {
  std::mt19937_64 random(2024);
  std::string many;
  for (int member = 0; member < 32; ++member) many += "k" + std::to_string(member) + "=v,";
  const std::vector<std::string> trace_parents{kSampled, kUnsampled, "cc" + kSampled.substr(2),
                                               "01" + kSampled.substr(2) + "-more"};
  const std::vector<std::string> trace_states{
      "foo=1,bar=2",
      "ot=th:4,foo=1",
      "foo= 1 ,ot=a:1;th:8;rv:80000000000000;b:2",
      many,
      ",,a=b,",
      "k=" + std::string(256, 'v') + ",ot=a:" + std::string(250, 'x')};
  unsigned valid = 0;
  unsigned with_trace_state = 0;
  for (int turn = 0; turn < 200000; ++turn) {
    std::string trace_parent = trace_parents[static_cast<std::size_t>(turn) % 4];
    std::string trace_state =
        trace_states[static_cast<std::size_t>(random() % trace_states.size())];
    if (turn % 2 == 0) mutate(trace_parent, random);
    mutate(trace_state, random);
    const ExactCopy trace_parent_copy(trace_parent);
    const ExactCopy trace_state_copy(trace_state);
    const SpanContext context = waggle::extract([&](std::string_view name) {
      if (name == "baggage") return std::string_view();
      return name == "traceparent" ? trace_parent_copy.view() : trace_state_copy.view();
    });
    if (!context.is_valid()) continue;
    const Map sent = injected(context);
    REQUIRE(are_correct(sent));
    ++valid;
    with_trace_state += static_cast<unsigned>(sent.size() - 1);
  }
  CHECK(valid > 100000);
  CHECK(with_trace_state > 30000);
}
