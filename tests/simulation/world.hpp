// A whole world around the real pipeline: threads that record, a network and a server that fail, an
// exporter, a driver and its clock, all simulated in one thread. Looks after every step at what
// must always hold, and at the end at what became of each span.
#ifndef WAGGLE_TESTS_SIMULATION_WORLD_HPP
#define WAGGLE_TESTS_SIMULATION_WORLD_HPP

#include <cstring>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>
#include <waggle/pipeline/pipeline.hpp>

#include "schedule.hpp"
#include "server.hpp"

namespace waggle_test {

namespace detail = waggle::detail;

// The system's clocks, which step when the schedule says so.
inline std::int64_t& simulated_clock() {
  static thread_local std::int64_t nanoseconds = 0;
  return nanoseconds;
}
inline std::int64_t& simulated_step() {
  static thread_local std::int64_t nanoseconds = 0;
  return nanoseconds;
}
inline detail::ClockSample sample_simulated_clocks() {
  const std::int64_t wall = 1700000000000000000 + simulated_clock() + simulated_step();
  return {static_cast<std::uint64_t>(simulated_clock() * 2), static_cast<std::uint64_t>(wall)};
}

// An exporter that fails now and then; knows which spans it was given and took.
class SimulatedExporter : public waggle::Exporter {
 public:
  SimulatedExporter(std::multiset<std::uint64_t>& taken, int failures)
      : taken_(taken), failures_(failures) {}

  waggle::ExportResult export_batch(const waggle::Batch& batch,
                                    waggle::Deadline) noexcept override {
    if (static_cast<int>(batches_++ % 16) < failures_) return waggle::ExportResult::failed("no");
    for (const waggle::FinishedSpan& span : batch.spans) taken_.insert(span.span_id.value);
    return {};
  }

 private:
  std::multiset<std::uint64_t>& taken_;
  int failures_;
  unsigned batches_ = 0;
};

class World {
 public:
  explicit World(const Schedule& schedule)
      : schedule_(schedule),
        network_(schedule),
        random_(schedule.seed ^ 0x5eed),
        plan_(detail::MemoryPlan::of(schedule.memory_limit, schedule.batch_spans)),
        threads_(plan_.threads),
        spill_(threads_.budget()) {
    simulated_clock() = simulated_step() = 0;
    set_now(waggle::TimePoint{} + std::chrono::hours(1));
    pipeline_ = std::make_unique<detail::Pipeline>(
        detail::PipelineSources{threads_, spill_, scopes_, ledger_}, settings(),
        std::make_shared<waggle::Diagnostics>([](std::string_view, void*) {}),
        detail::WallClock(sample_simulated_clocks(), sample_simulated_clocks()));
    for (detail::ThreadState*& state : writers_) state = threads_.enlist();
    next_step_ = now_;
  }

  // Runs the whole schedule; throws a Failure.
  void run() {
    for (const Event& event : schedule_.events) {
      happen(event);
      pass_time(std::chrono::microseconds(pick(0, 500)));
    }
    if (pick(0, 1) == 0) recover();
    shut_down();
    judge_the_end();
  }

 private:
  using Microseconds = std::chrono::microseconds;
  static constexpr std::size_t kWriters = 6;

  std::int64_t pick(std::int64_t least, std::int64_t most) {
    return std::uniform_int_distribution<std::int64_t>(least, most)(random_);
  }

  detail::PipelineSettings settings() {
    detail::PipelineSettings settings;
    settings.resource.set("service.name", "simulated");
    settings.memory = plan_;
    settings.batch_delay = waggle::Milliseconds(schedule_.batch_delay_ms);
    settings.sample_clocks = &sample_simulated_clocks;
    settings.seed[0] = schedule_.seed;
    settings.seed[1] = ~schedule_.seed;
    settings.filter = [](waggle::SpanEditor& editor) {
      return editor.span().span_id.value % 64 != 7;
    };
    if (schedule_.has_exporter) {
      settings.exporters.push_back(
          std::make_unique<SimulatedExporter>(exported_, schedule_.exporter_failures));
    }
    if (schedule_.has_delivery) settings.delivery = delivery();
    return settings;
  }

  std::unique_ptr<detail::Delivery> delivery() {
    waggle::OtlpDestination destination;
    destination.compress = schedule_.compress;
    destination.attempt_timeout = waggle::Milliseconds(schedule_.attempt_timeout_ms);
    destination.retry_for = waggle::Milliseconds(schedule_.retry_for_ms);
    destination.retry_backoff_first = waggle::Milliseconds(schedule_.backoff_first_ms);
    destination.retry_backoff_longest = waggle::Milliseconds(schedule_.backoff_longest_ms);
    auto transport = std::make_unique<SimulatedTransport>(network_);
    transport_ = transport.get();
    return std::make_unique<detail::Delivery>(destination, std::move(transport), plan_.body);
  }

  // ---- what happens ----

  void happen(const Event& event) {
    const std::size_t who = event.who % kWriters;
    switch (event.kind) {
      case Kind::Record:
        // Thread 0 is a quiet one: it never has more than a ring takes.
        if (who != 0) return record_some(who, event.amount, event.size);
        if (quiet_bytes_ + 1000 < kQuietRing) record_some(0, 1, event.size % 500);
        return;
      case Kind::Wait:
        return pass_time(Microseconds(event.amount));
      case Kind::Flush:
        return begin_flush();
      case Kind::EndThread:
        if (who == 0 || writers_[who] == nullptr) return;
        detail::ThreadRegistry::retire(*writers_[who]);
        writers_[who] = threads_.enlist();
        return;
      case Kind::StepClock:
        simulated_step() += event.amount * 1000000;
        return;
      default:
        return;
    }
  }

  void record_some(std::size_t who, std::int64_t count, std::uint32_t size) {
    detail::ThreadState* state = writers_[who];
    if (state == nullptr) return;
    for (std::int64_t i = 0; i < count; ++i) record(*state, size, who == 0);
  }

  void record(detail::ThreadState& state, std::uint32_t size, bool is_quiet) {
    const std::vector<char> record = make_record(state, size);
    ++ended_;
    if (!state.ring.make_room(record.size())) {
      state.count_drop(waggle::DropReason::RingFull);
      check(!is_quiet, "a quiet thread lost a span");
      return;
    }
    std::memcpy(state.ring.position(), record.data(), record.size());
    state.recorded += 1;
    state.ring.commit(record.size());
    if (is_quiet) quiet_bytes_ += record.size();
  }

  std::vector<char> make_record(detail::ThreadState& state, std::uint32_t text_size) {
    detail::RecordHeader header{};
    header.span_id = state.ids.span_id();
    header.trace_id = state.ids.trace_id();
    header.trace_flags = waggle::kTraceFlagSampled;
    header.threshold = 0;
    header.start = header.end = static_cast<std::uint64_t>(simulated_clock() * 2);
    if (pick(0, 29) == 0) header.marks = detail::kRecordOnly;
    const std::string name = "span";
    const std::string text(text_size, text_size % 7 == 0 ? '\x01' : 't');
    std::vector<char> bytes(sizeof(header));
    append_chunk(bytes, detail::ChunkKind::Name, waggle::ValueTag::Text, "", name);
    if (text_size != 0) {
      append_chunk(bytes, detail::ChunkKind::Attribute, waggle::ValueTag::Text, "text", text);
    }
    header.words = static_cast<std::uint16_t>(bytes.size() / 8);
    std::memcpy(bytes.data(), &header, sizeof(header));
    recorded_.insert(header.span_id.value);
    if (header.marks != 0) record_only_.insert(header.span_id.value);
    return bytes;
  }

  static void append_chunk(std::vector<char>& bytes, detail::ChunkKind kind, waggle::ValueTag tag,
                           std::string_view key, std::string_view value) {
    const detail::ChunkHeader header{kind, tag, static_cast<std::uint16_t>(key.size()),
                                     static_cast<std::uint32_t>(value.size())};
    const char* raw = reinterpret_cast<const char*>(&header);
    bytes.insert(bytes.end(), raw, raw + sizeof(header));
    for (std::string_view part : {key, value}) {
      bytes.insert(bytes.end(), part.begin(), part.end());
      bytes.resize(detail::padded(bytes.size()));
    }
  }

  void begin_flush() {
    pipeline_->begin_flush(++flushes_);
    ended_before_flush_.push_back(ended_);
  }

  // ---- time ----

  void set_now(waggle::TimePoint now) {
    simulated_clock() += std::chrono::nanoseconds(now - now_).count();
    now_ = network_.now = now;
  }

  // Lets the driver run for some time; it may come a little later than it wants to.
  void pass_time(Microseconds time) {
    const waggle::TimePoint until = now_ + time;
    while (next_step_ <= until) {
      if (next_step_ > now_) set_now(next_step_);
      step();
      check(++steps_ < 200000, "no end of steps");
    }
    set_now(until);
  }

  void step() {
    const detail::StepResult result = pipeline_->step(now_);
    watch();
    next_step_ = now_ + Microseconds(pick(1, 50));
    if (result.is_busy) return;
    const waggle::TimePoint reply =
        transport_ != nullptr ? transport_->next_time() : (waggle::TimePoint::max)();
    const waggle::TimePoint wanted = (std::min)(reply, pipeline_->next_time(now_));
    const waggle::TimePoint look = now_ + Microseconds(pick(200, 100000));
    next_step_ = (std::max)(next_step_, (std::min)(wanted, look));
  }

  // From now on the server is well: what was tried before may still be given up, but what is
  // recorded later has to arrive, and in bounded time.
  void recover() {
    network_.is_healthy_from_now_on = true;
    begin_flush();
    pass_time(std::chrono::seconds(20) + 2 * waggle::Milliseconds(schedule_.retry_for_ms));
    check(pipeline_->flushed() == flushes_, "a flush never ends");
    const waggle::Stats before = stats();
    for (std::size_t who = 1; who < kWriters; ++who) record_some(who, 3, 20);
    begin_flush();
    pass_time(std::chrono::seconds(5));
    check(pipeline_->flushed() == flushes_, "a flush with a healthy server takes too long");
    if (!schedule_.has_delivery || schedule_.server_limit != 0) return;
    const waggle::Stats after = stats();
    check(after.dropped_in_all() - after.dropped_for(waggle::DropReason::Filtered) ==
              before.dropped_in_all() - before.dropped_for(waggle::DropReason::Filtered),
          "spans were lost with a healthy server");
  }

  void shut_down() {
    const waggle::TimePoint deadline = now_ + waggle::Milliseconds(schedule_.shutdown_ms);
    network_.may_hurry = true;
    pipeline_->begin_shutdown(++flushes_, now_, deadline);
    ended_before_flush_.push_back(ended_);
    next_step_ = now_;
    while (!pipeline_->is_over(now_)) {
      check(now_ <= deadline, "shutdown outlasts its deadline");
      set_now((std::max)(now_, next_step_));
      step();
      if (next_step_ > now_ && pipeline_->next_time(now_) < next_step_) {
        next_step_ = pipeline_->next_time(now_);
      }
      check(++steps_ < 300000, "no end of steps in shutdown");
    }
    check(now_ <= deadline + Microseconds(100), "shutdown came back late");
    pipeline_->give_up_the_rest();
    watch();
  }

  // ---- what must hold ----

  waggle::Stats stats() const { return ledger_.snapshot(threads_); }

  void watch() {
    if (transport_ != nullptr) check(transport_->problem.empty(), transport_->problem.c_str());
    const waggle::Stats now = stats();
    check(now.ended() == ended_, "the books do not add up");
    check(now.delivered >= last_.delivered && now.rejected >= last_.rejected,
          "what was settled came back");
    for (std::size_t i = 0; i < waggle::kDropReasonCount; ++i) {
      check(now.dropped[i] >= last_.dropped[i], "what was lost came back");
    }
    const std::uint64_t open = now.in_rings + now.queued + now.in_flight;
    check(open <= ended_, "more is open than ever ended");
    for (; flushes_seen_ < pipeline_->flushed(); ++flushes_seen_) {
      check(open <= ended_ - ended_before_flush_[flushes_seen_],
            "a flush was over before what it was for");
    }
    check(threads_.budget().used() <= plan_.threads, "too much memory for threads");
    check(network_.largest_body <= plan_.body.bytes + 2000, "a body is too large");
    check(network_.most_spans <= schedule_.batch_spans + 1, "a request has too many spans");
    last_ = now;
  }

  void judge_the_end() {
    const waggle::Stats end = stats();
    check(end.in_rings + end.queued + end.in_flight == 0, "something is left");
    if (schedule_.has_delivery) {
      judge_the_wire(end);
    } else {
      check(exported_.size() == end.delivered, "delivered is not what the exporter took");
    }
    for (std::uint64_t id : exported_) {
      check(exported_.count(id) == 1, "a span was exported twice");
      check(id % 64 != 7 && record_only_.count(id) == 0, "a filtered span was exported");
    }
    check(threads_.dropped(waggle::DropReason::MemoryLimit) == 0, "nobody was without a ring");
  }

  void judge_the_wire(const waggle::Stats& end) {
    std::uint64_t acknowledged = 0;
    std::uint64_t taken_only = 0;
    for (const auto& [text, span] : network_.spans) {
      const std::uint64_t id = std::stoull(text, nullptr, 16);
      if (recorded_.count(id) == 0) continue;  // a report of our own
      check(id % 64 != 7 && record_only_.count(id) == 0, "a filtered span was sent");
      check(span.acknowledged <= 1, "a span was sent again after it was acknowledged");
      acknowledged += span.acknowledged != 0 ? 1U : 0U;
      taken_only += span.acknowledged == 0 ? 1U : 0U;
    }
    check(acknowledged == end.delivered + end.rejected, "delivered is not what was acknowledged");
    check(end.rejected == network_.rejected, "rejected is not what the server rejected");
    check(taken_only <= end.dropped_for(waggle::DropReason::Unconfirmed),
          "the server has spans that count as certainly lost");
    for (std::size_t i = 0; i < waggle::kDropReasonCount; ++i) {
      const auto reason = static_cast<waggle::DropReason>(i);
      const auto told = network_.told_lost.find(std::string(waggle::to_string(reason)));
      check(told == network_.told_lost.end() || told->second <= end.dropped[i],
            "more loss was told than there was");
    }
  }

  static constexpr std::size_t kQuietRing = 3000;

  const Schedule& schedule_;
  Network network_;
  std::mt19937_64 random_;
  const detail::MemoryPlan plan_;
  detail::ThreadRegistry threads_;
  detail::SpillPool spill_;
  detail::ScopeTable scopes_;
  detail::Ledger ledger_;
  std::multiset<std::uint64_t> exported_;
  std::unique_ptr<detail::Pipeline> pipeline_;
  SimulatedTransport* transport_ = nullptr;
  detail::ThreadState* writers_[kWriters] = {};

  waggle::TimePoint now_{};
  waggle::TimePoint next_step_{};
  std::uint64_t steps_ = 0;
  std::uint64_t ended_ = 0;
  std::size_t quiet_bytes_ = 0;
  std::set<std::uint64_t> recorded_;
  std::set<std::uint64_t> record_only_;
  std::uint64_t flushes_ = 0;
  std::uint64_t flushes_seen_ = 0;
  std::vector<std::uint64_t> ended_before_flush_;
  waggle::Stats last_;
};

// Says what went wrong in a schedule, or nothing.
inline std::optional<std::string> failure_of(const Schedule& schedule) {
  try {
    World(schedule).run();
    return {};
  } catch (const Failure& failure) {
    return failure.what;
  }
}

}  // namespace waggle_test

#endif  // WAGGLE_TESTS_SIMULATION_WORLD_HPP
