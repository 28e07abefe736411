// What is current on a thread, against a model that is too simple to be wrong: a list of everything
// that was made current and is still open, of which the last one counts. Three threads take turns
// at random; spans and guards end in any order and on any of them.
#include <doctest/doctest.h>

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "support/recording.hpp"

using waggle::ContextGuard;
using waggle::DetachedSpan;
using waggle::Span;
using waggle::SpanContext;
using waggle::SpanId;

namespace {

constexpr int kThreads = 3;

// Runs pieces of work on threads of its own, one at a time.
class TurnTaker {
 public:
  TurnTaker() {
    for (int index = 0; index < kThreads; ++index) {
      threads_.emplace_back([this, index] { serve(index); });
    }
  }
  ~TurnTaker() {
    for (int index = 0; index < kThreads; ++index) on(index, nullptr);
    for (std::thread& thread : threads_) thread.join();
  }

  void on(int index, std::function<void()> work) {
    std::unique_lock<std::mutex> lock(mutex_);
    work_ = std::move(work);
    turn_ = index;
    changed_.notify_all();
    changed_.wait(lock, [this] { return turn_ < 0; });
  }

 private:
  void serve(int index) {
    for (bool goes_on = true; goes_on;) {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [&] { return turn_ == index; });
      goes_on = static_cast<bool>(work_);
      if (goes_on) work_();
      turn_ = -1;
      changed_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void()> work_;
  int turn_ = -1;
  std::vector<std::thread> threads_;
};

// Something open: a span, or a guard over a context.
struct Open {
  int thread;
  SpanId id;
  std::unique_ptr<Span> span;
  std::unique_ptr<ContextGuard> guard;
  int number = 0;
};

// Where it stands among its thread's current spans.
struct Place {
  int number;
  SpanId id;
  bool is_open;
};

class Model {
 public:
  explicit Model(std::uint64_t seed) : random_(seed) {}

  void run(int steps) {
    for (int step = 0; step < steps; ++step) {
      const int thread = pick(kThreads);
      const int action = pick(10);
      turns_.on(thread, [&] {
        if (action < 4) start_span(thread);
        if (action == 4) guard_known_context(thread);
        if (action == 5) guard_open_span(thread);
        if (action > 5) end_something();
        check(thread);
      });
    }
    while (!open_.empty()) turns_.on(pick(kThreads), [&] { end_something(); });
  }

  const std::map<std::uint64_t, SpanId>& parents() const { return parents_; }

 private:
  int pick(int count) { return static_cast<int>(random_() % static_cast<unsigned>(count)); }

  // The innermost one that is open; places behind it are free again.
  SpanId current(int thread) {
    std::vector<Place>& places = places_[thread];
    while (!places.empty() && !places.back().is_open) places.pop_back();
    return places.empty() ? SpanId{} : places.back().id;
  }

  // A thread has 64 places; what finds none never becomes current, so the model stays below.
  bool is_full(int thread) {
    current(thread);
    return places_[thread].size() >= 60;
  }

  void start_span(int thread) {
    if (is_full(thread)) return;
    const SpanId parent = current(thread);
    Open open{thread, {}, std::make_unique<Span>("span"), nullptr};
    open.id = open.span->context().span_id();
    contexts_.push_back(open.span->context());
    parents_[open.id.value] = parent;
    make_current(std::move(open));
  }

  void guard_known_context(int thread) {
    if (is_full(thread) || contexts_.empty()) return;
    const SpanContext& context =
        contexts_[static_cast<std::size_t>(pick(static_cast<int>(contexts_.size())))];
    make_current({thread, context.span_id(), nullptr, std::make_unique<ContextGuard>(context)});
  }

  void guard_open_span(int thread) {
    const auto found = std::find_if(open_.begin(), open_.end(),
                                    [](const Open& open) { return open.span != nullptr; });
    if (is_full(thread) || found == open_.end()) return;
    make_current({thread, found->id, nullptr, std::make_unique<ContextGuard>(*found->span)});
  }

  void make_current(Open open) {
    open.number = next_++;
    places_[open.thread].push_back({open.number, open.id, true});
    open_.push_back(std::move(open));
  }

  // On whichever thread's turn it is, whatever thread it was opened on.
  void end_something() {
    if (open_.empty()) return;
    const auto chosen = open_.begin() + pick(static_cast<int>(open_.size()));
    const Open ended = std::move(*chosen);
    open_.erase(chosen);
    for (Place& place : places_[ended.thread]) {
      if (place.number == ended.number) place.is_open = false;
    }
  }

  void check(int thread) {
    CHECK(waggle::current_context().span_id().value == current(thread).value);
  }

  std::mt19937_64 random_;
  TurnTaker turns_;
  std::vector<Open> open_;
  int next_ = 0;
  std::vector<Place> places_[kThreads];
  std::vector<SpanContext> contexts_;
  std::map<std::uint64_t, SpanId> parents_;
};

}  // namespace

TEST_CASE("the current span and every span's parent are the model's, in any order on any thread") {
  for (std::uint64_t seed :
       {std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{std::random_device{}()}}) {
    CAPTURE(seed);
    waggle_test::Recording recording;
    Model model(seed);
    model.run(3000);
    const auto spans = recording.spans();
    CHECK(spans.size() == model.parents().size());
    for (const waggle::RecordedSpan& span : spans) {
      CHECK(span.parent_id == model.parents().at(span.span_id.value));
    }
  }
}
