#include <curl/curl.h>
#include <doctest/doctest.h>
#include <httplib.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>
#include <waggle/api/propagation.hpp>

namespace {

using waggle::SpanContext;

constexpr const char* kTrace = "0af7651916cd43dd8448eb211c80319c";
constexpr const char* kSpan = "b7ad6b7169203331";
constexpr std::uint64_t kQuarter = std::uint64_t{1} << 54;

const std::string kSampled = std::string("00-") + kTrace + "-" + kSpan + "-01";

SpanContext make_context(std::uint64_t threshold, std::string_view trace_state) {
  return SpanContext(waggle::TraceId::from_hex(kTrace), waggle::SpanId::from_hex(kSpan),
                     waggle::kTraceFlagSampled, false, threshold, trace_state);
}

void check_arrived(const SpanContext& context) {
  CHECK(context.is_remote());
  CHECK(std::string(context.trace_id().hex().view()) == kTrace);
  CHECK(std::string(context.span_id().hex().view()) == kSpan);
  CHECK(context.sampling_threshold() == kQuarter);
  CHECK(std::string(context.trace_state()) == "ot=th:4,foo=1");
}

std::multimap<std::string, std::string> sorted(const httplib::Headers& headers) {
  return {headers.begin(), headers.end()};
}

}  // namespace

TEST_CASE("httplib's headers carry a context there and back") {
  httplib::Headers headers;
  waggle::inject(make_context(kQuarter, "foo=1"), headers);
  CHECK((sorted(headers) == std::multimap<std::string, std::string>{
                                {"traceparent", kSampled}, {"tracestate", "ot=th:4,foo=1"}}));
  check_arrived(waggle::extract(headers));
}

TEST_CASE("a context that is sent replaces what stood in httplib's headers, in whatever case") {
  httplib::Headers headers{{"Host", "example.com"},  {"TraceParent", "old"},
                           {"TRACESTATE", "old=1"},  {"tracestate", "old=2"},
                           {"traceparent", "older"}, {"Accept", "*/*"}};
  waggle::inject(make_context(waggle::kUnknownThreshold, "foo=1"), headers);
  CHECK((sorted(headers) == std::multimap<std::string, std::string>{{"Accept", "*/*"},
                                                                    {"Host", "example.com"},
                                                                    {"traceparent", kSampled},
                                                                    {"tracestate", "foo=1"}}));
}

TEST_CASE("httplib's headers show a second traceparent and join tracestate lines") {
  httplib::Headers headers{{"TraceParent", kSampled}, {"tracestate", "a=1"}, {"Tracestate", "b=2"}};
  CHECK(std::string(waggle::extract(headers).trace_state()) == "a=1,b=2");
  headers.emplace("traceparent", kSampled);
  CHECK_FALSE(waggle::extract(headers).is_valid());
}

TEST_CASE("a header that httplib's request and response are asked for arrives") {
  httplib::Request request;
  request.headers = {{"Traceparent", kSampled}, {"Tracestate", "ot=th:4,foo=1"}};
  check_arrived(waggle::extract(request.headers));
  check_arrived(waggle::extract(
      [&](std::string_view name) { return request.get_header_value(std::string(name).c_str()); }));
  httplib::Response response;
  waggle::inject(make_context(kQuarter, "foo=1"),
                 [&](std::string_view name, std::string_view value) {
                   response.set_header(std::string(name).c_str(), std::string(value));
                 });
  check_arrived(waggle::extract(response.headers));
}

TEST_CASE("a list of header lines for libcurl takes a context") {
  curl_slist* list = nullptr;
  waggle::inject(make_context(kQuarter, "foo=1"),
                 [&](std::string_view name, std::string_view value) {
                   std::string line(name);
                   line.append(": ").append(value);
                   list = curl_slist_append(list, line.c_str());
                 });
  std::vector<std::string> lines;
  for (const curl_slist* line = list; line != nullptr; line = line->next) {
    lines.emplace_back(line->data);
  }
  curl_slist_free_all(list);
  CHECK(
      (lines == std::vector<std::string>{"traceparent: " + kSampled, "tracestate: ot=th:4,foo=1"}));
}
