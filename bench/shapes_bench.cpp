// What tracing takes of a machine in everyday use: processor time and bytes on the wire of spans as
// programs have them, at a steady pace; the memory that a burst needs; and what an idle program
// pays.
//   shapes_bench [--quick]

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <waggle/sdk.hpp>

#include "support/backend.hpp"
#include "support/command_line.hpp"
#include "support/drain.hpp"
#include "support/machine.hpp"
#include "support/pace.hpp"
#include "support/processor_time.hpp"
#include "support/row.hpp"
#include "support/shapes.hpp"
#include "support/start.hpp"

namespace {

constexpr double kRate = 25000;               // spans a second
constexpr std::uint64_t kInterval = 1000000;  // nanoseconds
constexpr waggle::Milliseconds kLongEnough{20000};

struct Shape {
  const char* name;
  void (*make)(std::uint64_t number);
};
constexpr Shape kShapes[] = {
    {"6 attributes", bench::make_six_attributes},
    {"HTTP request, 6 attributes", bench::make_http_request},
    {"query with its statement", bench::make_query},
    {"small, no attribute", bench::make_small},
    {"large, 16 attributes and 8 events", bench::make_large},
};

// By the first address everything is sent as it is; by the other the kernel means this machine too,
// but it is none of the loopback addresses that are spared compression.
constexpr const char* kPlain = "http://127.0.0.1:";
constexpr const char* kCompressed = "http://0.0.0.0:";

waggle::Tracing start(const char* address, const bench::Backend& backend,
                      bench::ProcessorClock& clock) {
  waggle::Config config;
  clock.watch(config);
  config.service_name = "bench";
  config.endpoint = address + std::to_string(backend.port());
  return bench::start_tracing(std::move(config));
}

void measure_shape(const Shape& shape, bool is_compressed, double seconds,
                   const bench::Backend& backend) {
  bench::ProcessorClock clock;
  waggle::Tracing tracing = start(is_compressed ? kCompressed : kPlain, backend, clock);
  if (!tracing.is_on()) return;
  bench::make_spans(shape.make, kRate, 0.2, kInterval);
  tracing.force_flush(kLongEnough);
  const waggle::Stats before = waggle::stats();
  const std::uint64_t bytes_before = backend.received_bytes();
  const bench::ProcessorTime processor_before = clock.read();
  const std::uint64_t made = bench::make_spans(shape.make, kRate, seconds, kInterval);
  tracing.force_flush(kLongEnough);
  const bench::ProcessorTime processor = clock.read() - processor_before;
  const waggle::Stats after = waggle::stats();
  const std::uint64_t delivered = after.delivered - before.delivered;
  bench::Row row(std::string(shape.name) + (is_compressed ? ", gzip" : ""));
  row.text("section", "25,000 spans a second").count("spans", made);
  bench::add_processor_time(row, processor, made);
  row.number("bytes_per_span", static_cast<double>(backend.received_bytes() - bytes_before) /
                                   static_cast<double>(made));
  row.count("delivered", delivered).count("dropped", made - delivered);
  row.text("verdict", delivered == made ? "ok" : "VOID: spans were dropped");
}

// What the same pace costs a program that makes nothing.
void measure_pace(double seconds) {
  const double before = bench::processor_seconds();
  const std::uint64_t made = bench::make_spans([](std::uint64_t) {}, kRate, seconds, kInterval);
  bench::Row row("no spans, the pace alone");
  row.text("section", "25,000 spans a second");
  row.number("cpu_us_per_span",
             (bench::processor_seconds() - before) * 1e6 / static_cast<double>(made));
  row.text("verdict", "reference");
}

double megabytes_of(const char* field) {
  std::FILE* file = std::fopen("/proc/self/status", "r");
  if (file == nullptr) return 0;
  char line[256];
  unsigned long long kilobytes = 0;
  while (std::fgets(line, sizeof(line), file) != nullptr) {
    if (std::strncmp(line, field, std::strlen(field)) != 0) continue;
    std::sscanf(line + std::strlen(field), ": %llu kB", &kilobytes);
    break;
  }
  std::fclose(file);
  return static_cast<double>(kilobytes) / 1000;
}

// As fast as they can be made: what the ring and the queue cannot hold is lost, and counted.
void measure_burst(std::uint64_t spans, const bench::Backend& backend) {
  bench::ProcessorClock clock;
  waggle::Tracing tracing = start(kPlain, backend, clock);
  if (!tracing.is_on()) return;
  const double idle = megabytes_of("VmRSS");
  tracing.force_flush(kLongEnough);
  const bench::ProcessorTime processor_before = clock.read();
  for (std::uint64_t i = 0; i < spans; ++i) bench::make_six_attributes(i);
  tracing.force_flush(kLongEnough);
  const bench::ProcessorTime processor = clock.read() - processor_before;
  const waggle::Stats after = waggle::stats();
  bench::Row row(std::to_string(spans) + " in one burst");
  row.text("section", "burst").count("spans", spans);
  bench::add_processor_time(row, processor, spans);
  row.number("peak_megabytes", megabytes_of("VmHWM") - idle);
  row.count("delivered", after.delivered).count("dropped", after.dropped_in_all());
}

long switches() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_nvcsw + usage.ru_nivcsw;
}

// Two seconds after its last span the collector sleeps until the next one.
void measure_idle(double seconds, const bench::Backend& backend) {
  bench::ProcessorClock clock;
  waggle::Tracing tracing = start(kPlain, backend, clock);
  if (!tracing.is_on()) return;
  bench::make_small(0);
  tracing.force_flush(kLongEnough);
  constexpr std::uint64_t kUntilAsleep = 3000000000;
  bench::sleep_until(bench::monotonic_nanoseconds() + kUntilAsleep);
  const long switches_before = switches();
  const double processor_before = bench::processor_seconds();
  bench::sleep_until(bench::monotonic_nanoseconds() + static_cast<std::uint64_t>(seconds * 1e9));
  bench::Row row("a program that makes none");
  row.text("section", "idle");
  row.number("cpu_ms_per_second", (bench::processor_seconds() - processor_before) * 1e3 / seconds);
  // One is this thread's own.
  row.number("wake_ups_per_second",
             static_cast<double>(switches() - switches_before - 1) / seconds);
}

// Runs `body` in a process of its own, whose peak of memory is nobody else's.
template <class Body>
bool in_own_process(Body&& body) {
  const pid_t process = ::fork();
  if (process == 0) {
    body();
    std::fflush(stdout);
    ::_exit(0);
  }
  int status = 0;
  return process > 0 && ::waitpid(process, &status, 0) == process && status == 0;
}

}  // namespace

int main(int argument_count, char** arguments) {
  const bool is_quick = bench::is_quick(argument_count, arguments);
  const double seconds = is_quick ? 1 : 5;
  const bench::Backend backend;
  if (!backend.is_running()) return 1;
  ::prctl(PR_SET_TIMERSLACK, 1);
  bool is_well = in_own_process([&] { measure_pace(seconds); });
  for (const bool is_compressed : {false, true}) {
    for (const Shape& shape : kShapes) {
      is_well &= in_own_process([&] { measure_shape(shape, is_compressed, seconds, backend); });
    }
  }
  is_well &= in_own_process([&] { measure_burst(50000, backend); });
  is_well &= in_own_process([&] { measure_idle(seconds, backend); });
  return is_well ? 0 : 1;
}
