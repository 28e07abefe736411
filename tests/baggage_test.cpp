// Baggage by the rules of W3C Baggage: what is read from a header, what is written into one, what a
// context does with it.
#include <doctest/doctest.h>

#include <cstddef>
#include <initializer_list>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
#include <waggle/trace.hpp>

using namespace waggle;

namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

SpanContext read(std::initializer_list<const char*> lines) {
  Headers headers;
  for (const char* line : lines) headers.emplace_back("Baggage", line);
  return extract(headers);
}

// Returns the header that a context's baggage becomes; nothing if there is none.
std::string written(const SpanContext& context) {
  std::map<std::string, std::string> headers;
  inject(context, headers);
  return headers["baggage"];
}

std::string rewritten(const char* line) { return written(read({line})); }

std::string value(const SpanContext& context, const char* name) {
  return std::string(context.baggage().value(name));
}

std::size_t count(const Baggage& baggage) {
  std::size_t entries = 0;
  for (const BaggageEntry entry : baggage) entries += entry.name.empty() ? 0 : 1;
  return entries;
}

const SpanContext kSpan{TraceId{1, 2}, SpanId{3}, 1, false};

}  // namespace

TEST_CASE("P28: a context has what was set, and the one it was made from has not") {
  const SpanContext one = kSpan.with_baggage("tenant", "acme");
  const SpanContext two = one.with_baggage("caf\xc3\xa9", "\xe2\x82\xac 5", "ttl=60");
  CHECK(kSpan.baggage().empty());
  CHECK(count(one.baggage()) == 1);
  CHECK(value(two, "tenant") == "acme");
  CHECK(value(two, "caf\xc3\xa9") == "\xe2\x82\xac 5");
  CHECK(value(two, "Tenant").empty());
  CHECK(two.span_id() == kSpan.span_id());
  CHECK(two.trace_id() == kSpan.trace_id());
  CHECK(two.is_sampled());
}

TEST_CASE("P28: a name that is set again is replaced, and can be taken away, as can all") {
  const SpanContext two =
      kSpan.with_baggage("a", "1").with_baggage("b", "2").with_baggage("a", "3");
  CHECK(value(two, "a") == "3");
  CHECK(count(two.baggage()) == 2);
  CHECK(count(two.without_baggage("a").baggage()) == 1);
  CHECK(two.without_baggage("a").baggage().value("b") == "2");
  CHECK(two.without_baggage().baggage().empty());
  CHECK(two.without_baggage("unknown").baggage().value("a") == "3");
}

TEST_CASE("P28: baggage leaves the tracestate alone") {
  const SpanContext context(TraceId{1, 2}, SpanId{3}, 1, true, kUnknownThreshold, "a=b");
  CHECK(context.with_baggage("x", "y").trace_state() == "a=b");
  CHECK(context.with_baggage("x", "y").without_baggage().trace_state() == "a=b");
}

TEST_CASE("P29: names are tokens, values may hold '=', properties are kept as they came") {
  const SpanContext context = read({"a=b=c , key = value ;p1; p2=v ,!#$%&'*+-.^_`|~=x"});
  CHECK(value(context, "a") == "b=c");
  CHECK(value(context, "key") == "value");
  CHECK(value(context, "!#$%&'*+-.^_`|~") == "x");
  std::vector<std::string> metadata;
  for (const BaggageEntry entry : context.baggage()) metadata.emplace_back(entry.metadata);
  CHECK(metadata == std::vector<std::string>{"", "p1; p2=v", ""});
  CHECK(written(context) == "a=b=c,key=value;p1; p2=v,!#$%&'*+-.^_`|~=x");
}

TEST_CASE("P29: a name is not percent-decoded") {
  CHECK(read({"a%20b=c"}).baggage().value("a%20b") == "c");
  CHECK(rewritten("a%20b=c") == "a%20b=c");
}

TEST_CASE("P30: all that is no baggage-octet is percent-encoded, and '%' itself") {
  const SpanContext context = kSpan.with_baggage("k", " a+b,c;d\\e\"f%g\x7f\xc3\xa9=");
  CHECK(written(context) == "k=%20a+b%2Cc%3Bd%5Ce%22f%25g%7F%C3%A9=");
  CHECK(value(read({written(context).c_str()}), "k") == value(context, "k"));
}

TEST_CASE("P31: values are decoded; what is not UTF-8 becomes U+FFFD, a stray '%' stays") {
  const std::pair<const char*, const char*> cases[] = {
      {"k=%C3%A9", "\xc3\xa9"},
      {"k=%c3%a9", "\xc3\xa9"},
      {"k=%FF", "\xef\xbf\xbd"},
      {"k=a%C3b",
       "a\xef\xbf\xbd"
       "b"},
      {"k=%ED%A0%80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
      {"k=%F0%9F%90%9D", "\xf0\x9f\x90\x9d"},
      {"k=%", "%"},
      {"k=%2", "%2"},
      {"k=%zz", "%zz"},
      {"k=100%25", "100%"},
      {"k=+", "+"},
      {"k=", ""}};
  for (const auto& [header, decoded] : cases) {
    const char* line = header;
    const char* expected = decoded;
    CAPTURE(line);
    const SpanContext context = read({line});
    REQUIRE(count(context.baggage()) == 1);
    CHECK(value(context, "k") == expected);
  }
}

TEST_CASE("members that break the grammar are skipped, and take no other with them") {
  for (const char* wrong : {"novalue", "=x", "a b=c", "\"q\"=1", "k=a b", "k=a\"b", "k=\xc3\xa9",
                            "k=a\\b", "k=v;p=\x01", ";", "", " ", "k;=v"}) {
    const std::string line = std::string("first=1,") + wrong + ",last=2";
    CAPTURE(line);
    CHECK(rewritten(line.c_str()) == "first=1,last=2");
  }
}

TEST_CASE("P32: 64 members and 8,192 bytes are passed on in full, over all lines") {
  std::string many = "k0=v";
  for (int i = 1; i < 64; ++i) many += ",k" + std::to_string(i) + "=v";
  CHECK(rewritten(many.c_str()) == many);
  CHECK(count(read({many.c_str(), "one=more"}).baggage()) == 64);
  const std::string longest = "k=" + std::string(8190, 'x');
  CHECK(rewritten(longest.c_str()) == longest);
  CHECK(rewritten((longest + "x").c_str()).empty());
  const std::string half(4090, 'y');
  const SpanContext both = read({("a=" + half).c_str(), ("b=" + half).c_str(), "c=too+much", "d="});
  CHECK(written(both) == "a=" + half + ",b=" + half + ",d=");
}

TEST_CASE("P32: what has to be encoded counts as it will be written, and leaves whole") {
  const SpanContext context =
      kSpan.with_baggage("fits", "1").with_baggage("k", std::string(3000, ' '));
  CHECK(written(context) == "fits=1");
  const SpanContext full = kSpan.with_baggage("k", std::string(2730, ' '));
  CHECK(written(full).size() == 2 + 3 * 2730);
}

TEST_CASE("P33: several lines combine in order; of a name that comes twice the last counts") {
  const SpanContext context = read({"a=1,b=2", "c=3,a=4"});
  CHECK(written(context) == "a=1,b=2,c=3,a=4");
  CHECK(value(context, "a") == "4");
  CHECK(written(context.with_baggage("a", "5")) == "b=2,c=3,a=5");
}

TEST_CASE("P34: names that are no token and metadata that would break the header stay here") {
  CHECK(written(kSpan.with_baggage("caf\xc3\xa9", "1").with_baggage("ok", "2")) == "ok=2");
  CHECK(written(kSpan.with_baggage("", "1")).empty());
  CHECK(written(kSpan.with_baggage("k", "v", "a=1,evil=2")) == "k=v");
  CHECK(written(kSpan.with_baggage("k", "v", "a\r\nX-Evil: 1")) == "k=v");
}

TEST_CASE("P7: without baggage no header is written") {
  std::map<std::string, std::string> headers;
  inject(kSpan, headers);
  CHECK(headers.count("baggage") == 0);
  CHECK(headers.count("traceparent") == 1);
}

TEST_CASE("baggage needs no traceparent, neither to be read nor to be written") {
  const SpanContext context = read({"tenant=7"});
  CHECK_FALSE(context.is_valid());
  CHECK(value(context, "tenant") == "7");
  std::map<std::string, std::string> headers;
  inject(context, headers);
  CHECK(headers == std::map<std::string, std::string>{{"baggage", "tenant=7"}});
  CHECK(written(SpanContext{}.with_baggage("a", "b")) == "a=b");
}

TEST_CASE("T20: without a tracer, spans hand on the baggage of their parent") {
  SpanOptions options;
  options.parent = read({"tenant=7"});
  const Span alone{"alone", options};
  CHECK(written(alone.context()) == "tenant=7");
  options.parent = kSpan.with_baggage("a", "b");
  const Span below{"below", options};
  CHECK(below.context().span_id() == kSpan.span_id());
  CHECK(written(below.context()) == "a=b");
}

TEST_CASE("any bytes can be read, and what was read is written and read again as the same") {
  std::mt19937_64 random(20261123);
  const std::string alphabet = "ab=,; %2Cf\t\"\\\x80\xff\x01";
  for (int round = 0; round < 20000; ++round) {
    std::string line;
    for (std::size_t size = random() % 60; size != 0; --size) {
      line +=
          random() % 8 == 0 ? static_cast<char>(random()) : alphabet[random() % alphabet.size()];
    }
    const SpanContext first = read({line.c_str()});
    const std::string header = written(first);
    const SpanContext second = read({header.c_str()});
    REQUIRE(second.baggage().bytes() == first.baggage().bytes());
    REQUIRE(written(second) == header);
  }
}
