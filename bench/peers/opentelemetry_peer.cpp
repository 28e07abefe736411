// opentelemetry-cpp: its batch processor and its OTLP/HTTP exporter with JSON, to the same local
// server as waggle's.
//   opentelemetry_peer [--quick]

#include <opentelemetry/exporters/otlp/otlp_http_exporter_factory.h>
#include <opentelemetry/exporters/otlp/otlp_http_exporter_options.h>
#include <opentelemetry/sdk/trace/batch_span_processor_factory.h>
#include <opentelemetry/sdk/trace/batch_span_processor_options.h>
#include <opentelemetry/sdk/trace/provider.h>
#include <opentelemetry/sdk/trace/tracer_provider.h>
#include <opentelemetry/sdk/trace/tracer_provider_factory.h>
#include <opentelemetry/trace/noop.h>
#include <opentelemetry/trace/provider.h>

#include <cstdint>
#include <memory>
#include <utility>

#include "peers/peer.hpp"
#include "support/backend.hpp"
#include "support/span_kinds.hpp"

namespace {

namespace otlp = opentelemetry::exporter::otlp;
namespace sdk = opentelemetry::sdk::trace;
namespace api = opentelemetry::trace;

opentelemetry::nostd::shared_ptr<api::Tracer> tracer() {
  static auto result = api::Provider::GetTracerProvider()->GetTracer("bench");
  return result;
}

std::uint64_t time_spans(int runs) {
  auto parent = tracer()->StartSpan("parent");
  const auto scope = tracer()->WithActiveSpan(parent);
  return bench::time_loop(runs, [] { tracer()->StartSpan("child span")->End(); });
}

std::uint64_t time_spans_with_four(int runs) {
  const bench::Order& order = bench::Order::any();
  auto parent = tracer()->StartSpan("parent");
  const auto scope = tracer()->WithActiveSpan(parent);
  return bench::time_loop(runs, [&] {
    const auto span = tracer()->StartSpan("child span");
    span->SetAttribute("order.id", order.id);
    span->SetAttribute("price", order.price);
    span->SetAttribute("paid", order.is_paid);
    span->SetAttribute("customer", order.customer);
    span->End();
  });
}

std::uint64_t time_without_tracer(int runs) {
  static const auto none = api::NoopTracerProvider().GetTracer("bench", "", "");
  return bench::time_loop(runs, [] { none->StartSpan("child span")->End(); });
}

}  // namespace

int main(int argument_count, char** arguments) {
  const bench::Backend backend;
  bench::nanoseconds_per_tick();
  otlp::OtlpHttpExporterOptions exporter_options;
  exporter_options.url = backend.url() + "/v1/traces";
  exporter_options.content_type = otlp::HttpRequestContentType::kJson;
  bench::pin_to_core(bench::kOtherCore);
  std::shared_ptr<sdk::TracerProvider> provider =
      sdk::TracerProviderFactory::Create(sdk::BatchSpanProcessorFactory::Create(
          otlp::OtlpHttpExporterFactory::Create(exporter_options), {}));
  sdk::Provider::SetTracerProvider(std::shared_ptr<api::TracerProvider>(provider));
  bench::pin_to_core(bench::kMeasuredCore);

  bench::Peer peer("opentelemetry-cpp", bench::is_quick(argument_count, arguments));
  peer.add(bench::kPeerChild, time_spans);
  peer.add(bench::kPeerFour, time_spans_with_four);
  peer.add(bench::kPeerOff, time_without_tracer);
  peer.run([&] { provider->ForceFlush(); });
  provider->Shutdown();
}
