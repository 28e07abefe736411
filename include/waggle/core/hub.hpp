// The seam between the bands: one plain struct that the light band reads and the SDK fills. It and
// one thread-local pointer are the only names that waggle exports; both are weak, so that a program
// and its libraries, each with its own copy of this header, end up with one of each. Before start()
// and after shutdown the hub is off and every call is a no-op.
#ifndef WAGGLE_CORE_HUB_HPP
#define WAGGLE_CORE_HUB_HPP

#include <cstdint>
#include <string_view>

#include "waggle/core/context.hpp"
#include "waggle/core/link.hpp"
#include "waggle/core/record.hpp"
#include "waggle/core/scope.hpp"
#include "waggle/core/thread_state.hpp"

namespace waggle {
inline namespace abi1 {

namespace detail {

// What a sampler is asked about the root of this process's part of a trace. Fields are only
// appended; `size` tells a sampler of another release how many there are.
struct RootRequest {
  std::uint32_t size;
  SpanKind kind;
  std::uint16_t scope;
  TraceId trace_id;
  std::string_view name;
  const SpanContext* parent;  // remote, or null for a trace that begins here
  Attributes attributes;
  Links links;
};

enum class Decision : std::uint8_t { Drop, RecordOnly, RecordAndSample };

// What it answers. `block` is the tracestate to carry on (one reference passes to the span);
// attributes are added by calling `add_attribute` while deciding.
struct RootDecision {
  std::uint32_t size;
  Decision decision;
  std::uint64_t threshold;
  ContextBlock* block;
  void* span;
  void (*add_attribute)(void* span, const Attribute& attribute) noexcept;
  std::uint32_t sample_rate;  // of a sampler that knows no threshold; 0: of one that does
};

// A piece of memory for what does not fit into a span itself; from the bounded pool.
struct SpillBlock {
  static constexpr std::size_t kBytes = 4096;
  static constexpr std::size_t kCapacity = kBytes - 2 * sizeof(void*);

  SpillBlock* next;
  std::uint64_t used;
  char bytes[kCapacity];
};
static_assert(sizeof(SpillBlock) == SpillBlock::kBytes, "one page");

constexpr std::uint32_t kAbi = 1;

// How deeply the collector sleeps: awake it comes by itself, asleep it must be woken.
enum : std::uint32_t { kCollectorAwake = 0, kCollectorDozing = 1, kCollectorAsleep = 2 };

// Fields are only appended: a library may have been compiled with an older header than the program.
struct Hub {
  std::uint32_t abi;
  std::uint32_t size;

  // Read by every span. 0: off; else the number of the current session, never used twice.
  std::uint32_t session = 0;
  std::uint32_t collector = kCollectorAwake;

  // The rare calls. Never null once `session` was not 0; safe on any thread.
  ThreadState* (*acquire_thread)(Hub& hub, ThreadState*& slot) noexcept = nullptr;
  void (*decide_root)(const RootRequest& request, RootDecision& decision) noexcept = nullptr;
  std::uint16_t (*intern_scope)(const Scope& scope) noexcept = nullptr;
  SpillBlock* (*acquire_spill)() noexcept = nullptr;
  void (*release_spill)(SpillBlock* chain) noexcept = nullptr;
  void (*count_drop)(DropReason reason) noexcept = nullptr;  // where there is no thread state
  void (*wake_collector)() noexcept = nullptr;
  bool (*attach)(Hub& follower) noexcept = nullptr;

  const void* owner = nullptr;        // whose functions these are
  Hub* next_follower = nullptr;       // of the hubs that follow this one's session
  std::uint32_t last_session = 0;     // the highest number that a session ever had
  std::uint32_t records_baggage = 0;  // whether the collector wants the baggage of spans
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

// Not inline: g++ gives inline variables a symbol kind that keeps a library from ever being
// unloaded.
extern "C" {
__attribute__((weak, visibility("default"))) waggle::abi1::detail::Hub waggle_abi1_hub = {
    waggle::abi1::detail::kAbi, sizeof(waggle::abi1::detail::Hub)};

__attribute__((
    weak, visibility("default"),
    tls_model("initial-exec"))) __thread waggle::abi1::detail::ThreadState* waggle_abi1_thread =
    nullptr;
}

namespace waggle {
inline namespace abi1 {
namespace detail {

WAGGLE_INLINE std::uint32_t current_session() noexcept {
  return load_relaxed(waggle_abi1_hub.session);
}

// Fetches this thread's state from the hub's owner: on a thread's first span, and after start()
// again. Null if there is no memory for another thread, or if this thread is past its end.
WAGGLE_COLD ThreadState* acquire_thread() noexcept {
  if (load_acquire(waggle_abi1_hub.session) == 0) return nullptr;
  return waggle_abi1_hub.acquire_thread(waggle_abi1_hub, waggle_abi1_thread);
}

// Returns this thread's state in session `session`; null, and the loss counted, if it has none or
// is inside waggle already.
inline ThreadState* thread_state(std::uint32_t session) noexcept {
  ThreadState* thread = waggle_abi1_thread;
  return thread != nullptr && thread->session == session ? thread : acquire_thread();
}

WAGGLE_COLD std::uint16_t intern_scope(const Scope& scope, std::uint32_t session) noexcept {
  if (session == 0) return 0;
  const std::uint16_t number = waggle_abi1_hub.intern_scope(scope);
  scope.cache_number(session, number);
  return number;
}

// Returns the number under which the collector of this session knows `scope`; 0 is the empty scope.
WAGGLE_INLINE std::uint16_t scope_number(const Scope& scope, std::uint32_t session) noexcept {
  const std::uint64_t cached = scope.cached_number();
  if (WAGGLE_LIKELY(cached >> 32 == session)) return static_cast<std::uint16_t>(cached);
  return intern_scope(scope, session);
}

WAGGLE_INLINE bool collector_sleeps() noexcept {
  return load_relaxed(waggle_abi1_hub.collector) == kCollectorAsleep;
}

// Ends an entry's turn as current: at once if it is the innermost of this thread, else by a mark
// that its thread heeds when it gets there.
inline void leave_entry(CurrentEntry& entry, std::uint64_t token) noexcept {
  ThreadState* thread = waggle_abi1_thread;
  if (thread != nullptr && thread->session != 0 && thread->is_innermost(&entry, token)) {
    const std::uint32_t session = thread->enter();
    thread->pop();
    thread->leave(session);
  } else {
    ThreadState::mark_ended(entry, token);
  }
}

WAGGLE_COLD void wake_collector() noexcept { waggle_abi1_hub.wake_collector(); }

}  // namespace detail

// Stands for the tracer that this program or library sees. Opaque: for attach() only.
using Runtime = detail::Hub;

// Returns the tracer that the calling program or library sees.
inline Runtime& runtime() noexcept { return waggle_abi1_hub; }

// Makes the calling library follow a program's tracer, for a library that was loaded by dlopen()
// into a program that does not export waggle's two symbols. Call it once, from the library's own
// code, with what runtime() returned in the program; the library is not unloaded from then on.
// Returns false if the program never started tracing or was built with another ABI.
inline bool attach(Runtime& program) noexcept {
  if (&program == &waggle_abi1_hub) return true;
  if (program.abi != detail::kAbi || program.attach == nullptr) return false;
  return program.attach(waggle_abi1_hub);
}
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_CORE_HUB_HPP
