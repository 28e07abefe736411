// The one object behind the hub: owns what outlives every session (threads' states, scopes, books)
// and the worker of the current one. Made once, never destroyed: spans may end after everything
// else.
#ifndef WAGGLE_SETUP_ENGINE_HPP
#define WAGGLE_SETUP_ENGINE_HPP

#include <pthread.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "waggle/collect/sampler_switch.hpp"
#include "waggle/collect/scope_table.hpp"
#include "waggle/collect/spill_pool.hpp"
#include "waggle/collect/thread_registry.hpp"
#include "waggle/core/config.hpp"
#include "waggle/core/hub.hpp"
#include "waggle/pipeline/collector_sleep.hpp"
#include "waggle/pipeline/driver.hpp"
#include "waggle/pipeline/ledger.hpp"
#include "waggle/sampling/parent_based_sampler.hpp"
#include "waggle/sdk/completes.hpp"
#include "waggle/sdk/joined.hpp"
#include "waggle/setup/module_pin.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// What start() made, from then until shutdown.
struct Session {
  std::uint32_t number = 0;  // given by open()
  std::shared_ptr<Driver> driver;
  std::shared_ptr<const ParentBasedSampler> sampler;
  std::shared_ptr<Diagnostics> diagnostics;
  std::string description;
  std::size_t thread_memory = 0;
  bool records_baggage = false;
  Milliseconds exit_timeout{3000};
};

class Engine {
 public:
  // Returns the engine, made at the first call that there is memory for; throws std::bad_alloc if
  // this one is not.
  static Engine* instance(std::size_t memory_limit) {
    static Engine* const engine = new Engine(memory_limit);
    return engine;
  }

  PipelineSources sources() noexcept { return {threads_, spill_, scopes_, ledger_, &sampler_}; }
  CollectorSleep& sleep() noexcept { return sleep_; }

  // Opens a session and tells its number; says why it cannot, or returns null.
  WAGGLE_COLD const char* open(Session session, std::uint32_t& number) {
    if (is_forked()) return "tracing cannot be started in the child of a fork yet";
    const std::lock_guard<std::mutex> lock(mutex_);
    const bool is_others = waggle_abi1_hub.owner != nullptr && waggle_abi1_hub.owner != this;
    if (load_acquire(waggle_abi1_hub.session) != 0) {
      return is_others ? "another library of this program has started tracing already"
                       : "tracing has been started already";
    }
    if (is_closing_) return "tracing is still being shut down";
    if (const char* problem = prepare_process()) return problem;
    sampler_.set(session.sampler);
    if (!session.driver->start()) return "cannot start the collector's thread";
    threads_.budget().set_limit(session.thread_memory);
    session.number = number = ++waggle_abi1_hub.last_session;
    session_ = std::move(session);
    lost_before_ = stats();
    if (waggle_abi1_hub.owner != this) fill_hub();
    for_each_hub([this](Hub& hub) {
      store_relaxed(hub.records_baggage, session_.records_baggage ? 1U : 0U);
    });
    set_session(number);
    return nullptr;
  }

  // Replaces who decides about traces that begin here; false if that session is over.
  bool set_root_sampler(std::uint32_t number, std::shared_ptr<const Sampler> root) {
    if (is_forked()) return false;
    std::shared_ptr<const ParentBasedSampler> sampler;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (session_.number != number) return false;
      sampler = session_.sampler = session_.sampler->with_root(std::move(root));
    }
    sampler_.set(std::move(sampler));
    return true;
  }

  // Waits until what ended before the call has met its fate; false at the deadline. Returns at once
  // in a fork's child.
  bool flush(Deadline deadline) {
    if (is_forked()) return false;
    const std::shared_ptr<Driver> driver = this->driver();
    return driver == nullptr || driver->flush(deadline);
  }

  // Lets the pipeline work on the calling thread if it has none of its own; returns when to call
  // again.
  Microseconds poll(Microseconds budget) {
    const std::shared_ptr<Driver> driver = is_forked() ? nullptr : this->driver();
    return driver == nullptr ? Microseconds(std::chrono::hours(24)) : driver->poll(budget);
  }

  // Tells whether a session is open.
  bool is_open(std::uint32_t number) {
    if (is_forked()) return false;
    const std::lock_guard<std::mutex> lock(mutex_);
    return session_.number == number;
  }

  // Ends a session, 0 stands for any; false if something had to be given up. Does nothing the
  // second time, and in a fork's child. While another thread ends it, this one waits: the end of
  // the program must not overtake a shutdown.
  WAGGLE_COLD bool close(std::uint32_t number, Deadline deadline) {
    if (is_forked()) return false;
    std::unique_lock<std::mutex> lock(mutex_);
    closed_.wait_until(lock, deadline.at(), [this] { return !is_closing_; });
    const bool is_other = number != 0 && number != session_.number;
    if (session_.driver == nullptr || is_other) return !is_closing_;
    const Session session = std::exchange(session_, {});
    is_closing_ = true;
    set_session(0);
    lock.unlock();
    const bool is_complete = session.driver->stop(deadline);
    const bool has_told = completes([&] { tell_losses(*session.diagnostics); });
    if (!has_told) session.diagnostics->always("spans were lost; there is no memory to say more");
    lock.lock();
    is_closing_ = false;
    closed_.notify_all();
    return is_complete;
  }

  // Returns how the open session is configured; nothing if there is none.
  std::string description() {
    if (is_forked()) return {};
    const std::lock_guard<std::mutex> lock(mutex_);
    return session_.description;
  }

  // Returns the engine if there ever was one.
  static Engine* running() noexcept { return load_acquire(self()); }

  Stats stats() const noexcept { return ledger_.snapshot(threads_); }

 private:
  explicit Engine(std::size_t memory_limit)
      : threads_(memory_limit),
        spill_(threads_.budget()),
        sleep_(threads_),
        sampler_(threads_),
        process_(::getpid()) {
    store_release(self(), this);
  }

  // Where the hub's plain functions find the engine.
  static Engine*& self() noexcept {
    static Engine* engine = nullptr;
    return engine;
  }

  bool is_forked() const noexcept { return ::getpid() != process_; }

  std::shared_ptr<Driver> driver() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return session_.driver;
  }

  Milliseconds exit_timeout() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return session_.exit_timeout;
  }

  // Says at the end what was lost since start(), by reason.
  WAGGLE_COLD void tell_losses(Diagnostics& diagnostics) const {
    const Stats now = stats();
    std::uint64_t sum = 0;
    std::string reasons;
    for (std::size_t index = 0; index < kDropReasonCount; ++index) {
      const auto reason = static_cast<DropReason>(index);
      const std::uint64_t count = now.dropped[index] - lost_before_.dropped[index];
      if (count == 0 || reason == DropReason::Filtered) continue;
      sum += count;
      reasons +=
          joined({reasons.empty() ? "" : ", ", to_string(reason), " ", std::to_string(count)});
    }
    if (sum != 0) diagnostics.always(joined({"lost ", count_of_spans(sum), ": ", reasons}));
  }

  // The module stays, the child of a fork is quiet, and the end of the program flushes. The exit
  // hook is registered anew each time: it has to run before the clean-up of OpenSSL, which may have
  // been loaded since; what runs twice does nothing the second time. Says why it cannot, or returns
  // null.
  WAGGLE_COLD const char* prepare_process() noexcept {
    constexpr const char* kNoHook = "no memory to prepare for the end of the program";
    if (std::atexit(&Engine::on_exit) != 0) return kNoHook;
    if (is_prepared_) return nullptr;
    if (!pin_module(reinterpret_cast<const void*>(&Engine::on_exit))) {
      return "cannot keep this shared library loaded";
    }
    if (::pthread_atfork(nullptr, nullptr, &Engine::on_fork_in_child) != 0) return kNoHook;
    is_prepared_ = true;
    return nullptr;
  }

  static void on_exit() {
    Engine& engine = *self();
    engine.close(0, Deadline::in(engine.exit_timeout()));
  }

  static void on_fork_in_child() noexcept { set_session(0); }

  static void set_session(std::uint32_t session) noexcept {
    for_each_hub([session](Hub& hub) { store_release(hub.session, session); });
  }

  template <class Visit>
  static void for_each_hub(Visit&& visit) noexcept {
    for (Hub* hub = &waggle_abi1_hub; hub != nullptr; hub = load_acquire(hub->next_follower)) {
      visit(*hub);
    }
  }

  WAGGLE_COLD void fill_hub() noexcept {
    Hub& hub = waggle_abi1_hub;
    hub.acquire_thread = [](Hub& asking, ThreadState*& slot) noexcept {
      return self()->threads_.acquire(asking, slot);
    };
    hub.decide_root = [](const RootRequest& request, RootDecision& decision) noexcept {
      self()->sampler_.decide(request, decision);
    };
    hub.intern_scope = [](const Scope& scope) noexcept { return self()->scopes_.intern(scope); };
    hub.acquire_spill = []() noexcept { return self()->spill_.acquire(); };
    hub.release_spill = [](SpillBlock* chain) noexcept { self()->spill_.release(chain); };
    hub.count_drop = [](DropReason reason) noexcept { self()->count_drop(reason); };
    hub.wake_collector = []() noexcept { self()->sleep_.wake_for_span(); };
    hub.attach = [](Hub& follower) noexcept { return self()->attach(follower); };
    hub.owner = this;
  }

  void count_drop(DropReason reason) noexcept {
    const bool is_stale = reason == DropReason::AfterShutdown;
    threads_.count_drop(is_stale && is_forked() ? DropReason::Forked : reason);
  }

  WAGGLE_COLD bool attach(Hub& follower) {
    const std::lock_guard<std::mutex> lock(mutex_);
    Hub* last = &waggle_abi1_hub;
    while (last->next_follower != nullptr && last != &follower) last = last->next_follower;
    if (last == &follower) return true;
    if (!pin_module(&follower)) return false;
    const std::uint32_t size = follower.size;
    follower = waggle_abi1_hub;
    follower.size = size;
    follower.next_follower = nullptr;
    store_release(last->next_follower, &follower);
    return true;
  }

  ThreadRegistry threads_;
  SpillPool spill_;
  ScopeTable scopes_;
  Ledger ledger_;
  CollectorSleep sleep_;
  SamplerSwitch sampler_;
  const pid_t process_;

  std::mutex mutex_;  // guards what follows
  Session session_;
  Stats lost_before_;
  bool is_closing_ = false;
  std::condition_variable closed_;
  bool is_prepared_ = false;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SETUP_ENGINE_HPP
