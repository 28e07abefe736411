// All that can be odd about a span at once, from the call site to the bytes that are sent.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
#include <waggle/otlp/encoder.hpp>

#include "support/golden.hpp"
#include "support/recording.hpp"
#include "support/strict_otlp.hpp"

using namespace waggle;

namespace {

// Keeps the body that a server would be sent.
class BodyKeeper final : public Exporter {
 public:
  BodyKeeper(std::string& body, OtlpEncoderOptions options) : body_(body), encoder_(options) {}

  ExportResult export_batch(const Batch& batch, Deadline) noexcept override {
    return detail::export_by([&] {
      body_ = encoder_.encode(batch);
      return ExportResult{};
    });
  }

 private:
  std::string& body_;
  OtlpEncoder encoder_;
};

void replace_all(std::string& text, std::string_view what, std::string_view by) {
  for (std::size_t at = text.find(what); at != text.npos; at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
}

void set_every_kind(Span& span) {
  const unsigned char bytes[] = {0x00, 0xff, 0x10, 0x80, 0x7f};
  span.set_attributes({{"bool", false},
                       {"int", std::numeric_limits<std::int64_t>::min()},
                       {"unsigned", std::numeric_limits<std::uint64_t>::max()},
                       {"double", 0.1},
                       {"not a number", std::nan("")},
                       {"infinite", -std::numeric_limits<double>::infinity()},
                       {"text", "quote \" backslash \\ tab \t nul \0 end"},
                       {"no text", ""},
                       {"empty", Empty{}},
                       {"null", static_cast<const char*>(nullptr)},
                       {"nothing", std::optional<int>()},
                       {"something", std::optional<int>(7)},
                       {"bytes", bytes},
                       {"none of them", std::vector<int>()},
                       {"bad UTF-8", "a\xffz\xc3"},
                       {"surrogate", "\xed\xa0\x80"},
                       {"key \" \xff", "odd key"}});
}

void set_nested(Span& span) {
  const std::map<std::string, int> counts = {{"one", 1}, {"two", 2}};
  span.set_attribute("nested",
                     Map{{"list", List{1, "two", List{true, Empty{}}, Map{{"k", 1}, {"k", 2}}}},
                         {"map", counts},
                         {"rows", std::vector<std::vector<double>>{{0.5}, {}}},
                         {"list", "the last of equal keys counts"}});
  span.set_attribute("too deep", List{1, List{2, List{3, List{4, List{5, 6}}}}});
}

// Records it with a remote parent whose tracestate has a threshold, and with every limit passed.
SpanId record(const Scope& scope) {
  const std::map<std::string, std::string> headers = {
      {"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03"},
      {"tracestate", "ot=th:8;rv:ffffffffffffff, vendor@x= y ,last=1"},
      {"baggage", "tenant=caf%C3%A9,secret=1"}};
  SpanOptions options;
  options.parent = extract(headers);
  options.kind = SpanKind::Consumer;
  options.start_time = Timestamp{1700000000000000001};
  Span span{scope, "work \u00e4 \xff", options};
  set_every_kind(span);
  set_nested(span);
  span.set_attribute("text", "set again, and far longer than any limit allows it to be kept");
  span.set_attribute("", "no key");
  span.set_attribute("one too many", 1);
  span.add_event("first", {{"a", 1}, {"b", 2}, {"c", 3}}, Timestamp{1});
  span.record_exception(
      ExceptionDetails{"app::Error", "it \"failed\"\n", "at main\nat start", true},
      {{"exception.message", "(hidden)"}});
  span.add_event("one too many", {}, Timestamp{2});
  span.add_link(SpanContext(TraceId{1, 2}, SpanId{3}, kTraceFlagSampled, true, kUnknownThreshold,
                            "other=state"),
                {{"why", "batch"}, {"and", 2}, {"more", 3}});
  span.add_link(SpanContext{}, {{"without", "ids"}});
  span.add_link(span.context());
  span.set_status(StatusCode::Error, "first");
  span.set_status(StatusCode::Error, "it \xe2\x82 failed");
  span.set_status(StatusCode::Unset);
  span.end(Timestamp{1600000000000000000});
  span.set_attribute("late", true);
  return span.context().span_id();
}

std::string body_of(OtlpEncoderOptions options) {
  const Scope scope("scope \"x\"", "1", "https://example.com/scope",
                    {{"team", "a"}, {"", 1}, {"team", "b"}});
  std::string body;
  Config config;
  config.detect_resource = false;
  config.resource_attributes = {{"service.instance.id", "1"}, {"deployment", "x,y=z"}};
  config.service_name = "tricky";
  config.resource_schema_url = "https://example.com/resource";
  config.baggage_attributes = {"tenant"};
  config.limits.attribute_count = 20;
  config.limits.attribute_value_length = 30;
  config.limits.attribute_value_depth = 4;
  config.limits.event_count = 2;
  config.limits.link_count = 2;
  config.limits.attribute_per_event_count = 4;
  config.limits.attribute_per_link_count = 2;
  config.on_message = [](std::string_view, void*) {};
  config.exporters.push_back(std::make_unique<BodyKeeper>(body, options));
  waggle_test::Recording recording(std::move(config));
  REQUIRE(recording.ok());
  const SpanId id = record(scope);
  REQUIRE(recording.tracing().force_flush());
  replace_all(body, std::string_view(id.hex()), "1111111111111111");
  const std::size_t after_time = body.find(R"(","name":"exception")");
  REQUIRE(after_time != body.npos);
  return body.replace(after_time - 19, 19, "1700000000000000002");
}

}  // namespace

TEST_CASE("the trickiest span, as OTLP receivers get it") {
  const std::string body = body_of({});
  CHECK(waggle_test::StrictOtlpReader(body).complaints() == std::vector<std::string>{});
  waggle_test::check_golden("trickiest_span", body);
}

TEST_CASE("the trickiest span, as Honeycomb gets it") {
  OtlpEncoderOptions options;
  options.omit_non_finite = true;
  const std::string body = body_of(options);
  CHECK(waggle_test::StrictOtlpReader(body).complaints() == std::vector<std::string>{});
  waggle_test::check_golden("trickiest_span_honeycomb", body);
}
