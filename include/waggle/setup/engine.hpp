// The one object behind the hub: owns what outlives every session (threads' states, scopes, books)
// and the worker of the current one. Made once, never destroyed: spans may end after everything
// else.
#ifndef WAGGLE_SETUP_ENGINE_HPP
#define WAGGLE_SETUP_ENGINE_HPP

#include <pthread.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "waggle/collect/scope_table.hpp"
#include "waggle/collect/spill_pool.hpp"
#include "waggle/collect/thread_registry.hpp"
#include "waggle/core/hub.hpp"
#include "waggle/pipeline/collector_sleep.hpp"
#include "waggle/pipeline/ledger.hpp"
#include "waggle/pipeline/worker.hpp"
#include "waggle/sdk/sampler.hpp"
#include "waggle/setup/module_pin.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

class Engine {
 public:
  // Returns the engine, made at the first call; null if there is no memory for it.
  static Engine* instance(std::size_t memory_limit) noexcept {
    static Engine* const engine = new (std::nothrow) Engine(memory_limit);
    return engine;
  }

  PipelineSources sources() noexcept { return {threads_, spill_, scopes_, ledger_}; }

  // Opens a session; says why it cannot, or nothing.
  std::string open(std::unique_ptr<Pipeline> pipeline, std::shared_ptr<const Sampler> sampler,
                   Milliseconds exit_timeout, std::size_t memory_limit) {
    if (is_forked()) return "tracing cannot be started in the child of a fork yet";
    const std::lock_guard<std::mutex> lock(mutex_);
    const bool is_others = waggle_abi1_hub.owner != nullptr && waggle_abi1_hub.owner != this;
    if (load_acquire(waggle_abi1_hub.session) != 0) {
      return is_others ? "another library of this program has started tracing already"
                       : "tracing has been started already";
    }
    if (!prepare_process()) return "cannot keep this shared library loaded";
    auto worker = std::make_shared<Worker>(std::move(pipeline), sleep_);
    if (!worker->start()) return "cannot start the collector's thread";
    threads_.budget().set_limit(memory_limit);
    worker_ = std::move(worker);
    store_release(sampler_, sampler.get());
    samplers_.push_back(std::move(sampler));
    exit_timeout_ = exit_timeout;
    if (waggle_abi1_hub.owner != this) fill_hub();
    set_session(++waggle_abi1_hub.last_session);
    return {};
  }

  // Waits until what ended before the call has met its fate; false at the deadline. Returns at once
  // in a fork's child.
  bool flush(Deadline deadline) {
    if (is_forked()) return false;
    std::shared_ptr<Worker> worker;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      worker = worker_;
    }
    return worker == nullptr || worker->flush(deadline);
  }

  // Ends the session; false if something had to be given up. Does nothing the second time, and in a
  // fork's child.
  bool close(Deadline deadline) {
    if (is_forked()) return false;
    std::shared_ptr<Worker> worker;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      worker = std::move(worker_);
      worker_ = nullptr;
      if (worker != nullptr) set_session(0);
    }
    return worker == nullptr || worker->stop(deadline);
  }

  // Returns the engine if there ever was one.
  static const Engine* running() noexcept { return load_acquire(self()); }

  Stats stats() const noexcept { return ledger_.snapshot(threads_); }

 private:
  explicit Engine(std::size_t memory_limit)
      : threads_(memory_limit), spill_(threads_.budget()), sleep_(threads_), process_(::getpid()) {
    store_release(self(), this);
  }

  // Where the hub's plain functions find the engine.
  static Engine*& self() noexcept {
    static Engine* engine = nullptr;
    return engine;
  }

  bool is_forked() const noexcept { return ::getpid() != process_; }

  // The module stays, the child of a fork is quiet, and the end of the program flushes. The exit
  // hook is registered anew each time: it has to run before the clean-up of OpenSSL, which may have
  // been loaded since; what runs twice does nothing the second time.
  bool prepare_process() {
    std::atexit(&Engine::on_exit);
    if (is_prepared_) return true;
    if (!pin_module(reinterpret_cast<const void*>(&Engine::on_exit))) return false;
    ::pthread_atfork(nullptr, nullptr, &Engine::on_fork_in_child);
    is_prepared_ = true;
    return true;
  }

  static void on_exit() {
    Engine& engine = *self();
    engine.close(Deadline::in(engine.exit_timeout_));
  }

  static void on_fork_in_child() noexcept { set_session(0); }

  static void set_session(std::uint32_t session) noexcept {
    for (Hub* hub = &waggle_abi1_hub; hub != nullptr; hub = load_acquire(hub->next_follower)) {
      store_release(hub->session, session);
    }
  }

  void fill_hub() noexcept {
    Hub& hub = waggle_abi1_hub;
    hub.acquire_thread = [](Hub& asking, ThreadState*& slot) noexcept {
      return self()->threads_.acquire(asking, slot);
    };
    hub.decide_root = [](const RootRequest& request, RootDecision& decision) noexcept {
      load_acquire(self()->sampler_)->decide(request, decision);
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

  bool attach(Hub& follower) {
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
  const pid_t process_;

  std::mutex mutex_;  // guards what follows
  std::shared_ptr<Worker> worker_;
  std::vector<std::shared_ptr<const Sampler>>
      samplers_;  // kept: a span may be asking one right now
  Milliseconds exit_timeout_{3000};
  bool is_prepared_ = false;

  const Sampler* sampler_ = nullptr;  // read without the lock
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SETUP_ENGINE_HPP
