// What it costs to write a span of six attributes as OTLP/JSON, and to compress it, beside what
// zlib alone takes for the same bytes; by Google Benchmark, beside the clock pair.

#include <benchmark/benchmark.h>
#include <zlib.h>

#include <waggle/http/gzip.hpp>
#include <waggle/otlp/encoder.hpp>
#include <waggle/setup/resource_detection.hpp>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "support/counted_malloc.hpp"
#include "support/interleaved.hpp"

namespace {

constexpr std::size_t kSpans = 512;

// Spans as the collector hands them to an encoder: two whole numbers, a double, a boolean, two
// texts.
class SixAttributeSpans {
 public:
  SixAttributeSpans() : resource_(waggle::default_resource()) {
    resource_.merge(waggle::detect_resource());
    words_.reserve(kSpans * 4);
    attributes_.reserve(kSpans * 6);
    for (std::size_t i = 0; i < kSpans; ++i) add(i);
  }

  waggle::Batch batch() const { return {resource_, {spans_.data(), spans_.size()}}; }

 private:
  void add(std::uint64_t number) {
    const waggle::AttributeView* first = attributes_.data() + attributes_.size();
    word("order.id", waggle::ValueTag::Int64, 1000000 + number * 7919);
    word("order.items", waggle::ValueTag::Int64, number % 17);
    const double price = static_cast<double>(number) * 1.37 + 0.01;
    std::uint64_t bits = 0;
    std::memcpy(&bits, &price, sizeof(bits));
    word("order.price", waggle::ValueTag::Double, bits);
    word("order.paid", waggle::ValueTag::Boolean, number % 2);
    text("customer", "cccccccccccccccccccc");
    text("http.route", "/checkout/:id");

    waggle::FinishedSpan& span = spans_.emplace_back();
    span.trace_id = {0x0123456789abcdef * (number + 1), 0xfedcba9876543210 - number};
    span.span_id = {0x1f83d9abfb41bd6b * (number + 1)};
    span.parent_id = {0x5be0cd19137e2179 - number};
    span.trace_flags = 1;
    span.name = "checkout";
    span.start_unix_nanoseconds = 1700000000123456789 + number * 1013;
    span.end_unix_nanoseconds = span.start_unix_nanoseconds + 4711;
    span.attributes = {first, 6};
  }

  void word(std::string_view key, waggle::ValueTag tag, std::uint64_t value) {
    words_.push_back(value);
    const char* bytes = reinterpret_cast<const char*>(&words_.back());
    attributes_.push_back({key, {tag, {bytes, sizeof(value)}}});
  }
  void text(std::string_view key, std::string_view value) {
    attributes_.push_back({key, {waggle::ValueTag::Text, value}});
  }

  waggle::Resource resource_;
  std::vector<std::uint64_t> words_;
  std::vector<waggle::AttributeView> attributes_;
  std::vector<waggle::FinishedSpan> spans_;
};

void count(benchmark::State& state, std::size_t items, std::size_t bytes) {
  const auto iterations = static_cast<std::int64_t>(state.iterations());
  state.SetItemsProcessed(iterations * static_cast<std::int64_t>(items));
  state.SetBytesProcessed(iterations * static_cast<std::int64_t>(bytes));
}

// Runs `body`, which returns the size of what it made out of `input_bytes` of JSON.
template <class Body>
void run(benchmark::State& state, std::size_t input_bytes, Body&& body) {
  std::size_t bytes = body();  // makes what is kept from then on
  const std::uint64_t before = bench::allocations;
  for (auto _ : state) bytes = body();
  const auto allocated = static_cast<double>(bench::allocations - before);
  count(state, kSpans, input_bytes == 0 ? bytes : input_bytes);
  state.counters["bytes_per_span"] = static_cast<double>(bytes) / kSpans;
  state.counters["mallocs"] = allocated / static_cast<double>(state.iterations());
}

void clock_pair(benchmark::State& state) {
  for (auto _ : state) {
    bench::read_clock_pair();
  }
  count(state, 1, 0);
}
BENCHMARK(clock_pair);

void encode(benchmark::State& state) {
  const SixAttributeSpans spans;
  waggle::OtlpEncoder encoder;
  run(state, 0, [&] {
    const std::string& body = encoder.encode(spans.batch());
    benchmark::DoNotOptimize(body.data());
    return body.size();
  });
}
BENCHMARK(encode)->Name("encode a span of 6 attributes");

std::string encoded_body() {
  waggle::OtlpEncoder encoder;
  return encoder.encode(SixAttributeSpans().batch());
}

void compress(benchmark::State& state) {
  const std::string body = encoded_body();
  waggle::Gzip gzip;
  std::string compressed;
  run(state, body.size(), [&] {
    if (!gzip.compress(body, compressed)) state.SkipWithError("could not compress");
    benchmark::DoNotOptimize(compressed.data());
    return compressed.size();
  });
}
BENCHMARK(compress)->Name("gzip a span of 6 attributes");

// One deflate stream, made once, into a buffer that has room for all of it.
void deflate_alone(benchmark::State& state) {
  const std::string body = encoded_body();
  z_stream stream{};
  deflateInit2(&stream, static_cast<int>(state.range(0)), Z_DEFLATED, 15 + 16, 8,
               Z_DEFAULT_STRATEGY);
  std::string compressed(deflateBound(&stream, body.size()), '\0');
  run(state, body.size(), [&] {
    deflateReset(&stream);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
    stream.avail_in = static_cast<uInt>(body.size());
    stream.next_out = reinterpret_cast<Bytef*>(compressed.data());
    stream.avail_out = static_cast<uInt>(compressed.size());
    if (deflate(&stream, Z_FINISH) != Z_STREAM_END) state.SkipWithError("could not compress");
    return compressed.size() - stream.avail_out;
  });
  deflateEnd(&stream);
}
BENCHMARK(deflate_alone)->Name("zlib alone, level")->Arg(1)->Arg(3)->Arg(6);

}  // namespace

BENCHMARK_MAIN();
