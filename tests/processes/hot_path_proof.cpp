// Recording takes no lock, allocates nothing and makes no system call, once warm: locks and the
// allocator are replaced by ones that count, and the kernel kills the process at the first call.
// run once: allocations
// run once: system_calls
// run once: the_test_itself
#include <dlfcn.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <string_view>
#include <thread>

#include "../support/counting_exporter.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNDER_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define UNDER_SANITIZER 1
#endif
#endif

namespace {

thread_local bool is_watched = false;
std::atomic<long> allocations{0};
std::atomic<long> locks{0};

[[maybe_unused]] void count(std::atomic<long>& counter) {
  if (is_watched) ++counter;
}

}  // namespace

#ifndef UNDER_SANITIZER
extern "C" {
void* __libc_malloc(std::size_t);
void __libc_free(void*);
void* __libc_realloc(void*, std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* malloc(std::size_t size) {
  count(allocations);
  return __libc_malloc(size);
}
void free(void* memory) {
  if (memory != nullptr) count(allocations);
  __libc_free(memory);
}
void* realloc(void* memory, std::size_t size) {
  count(allocations);
  return __libc_realloc(memory, size);
}
void* calloc(std::size_t number, std::size_t size) {
  count(allocations);
  return __libc_calloc(number, size);
}
int pthread_mutex_lock(pthread_mutex_t* mutex) {
  using Lock = int (*)(pthread_mutex_t*);
  static const auto real = reinterpret_cast<Lock>(dlsym(RTLD_NEXT, "pthread_mutex_lock"));
  count(locks);
  return real(mutex);
}
}
#endif

namespace {

const std::string long_text(3000, 'x');

void every_kind_of_span() {
  static const waggle::Scope scope{"proof"};
  waggle::Span root{scope, "root"};
  { waggle::Span bare{"bare"}; }
  waggle::Span four{"four attributes"};
  four.set_attribute("int", 1);
  four.set_attribute("double", 2.5);
  four.set_attribute("bool", true);
  four.set_attribute("text", "twenty characters...");
  four.add_event("event", {{"key", 1}, {"list", {1, 2, 3}}});
  four.add_link(root.context());
  four.set_status(waggle::StatusCode::Error, "description");
  waggle::current_span().set_attribute("current", 1);
  {
    waggle::Span spilled{"spilled"};
    spilled.set_attribute("long", long_text);
  }
  waggle::DetachedSpan detached{"detached"};
  waggle::DetachedSpan moved = std::move(detached);
  waggle::ContextGuard guard{moved};
  moved.end();
  waggle::SpanOptions options;
  options.parent = waggle::SpanContext(waggle::TraceId{1, 2}, waggle::SpanId{3}, 0, true);
  waggle::Span unsampled{"unsampled", options};
  waggle::Span below{"below"};
}

void warm_up() {
  for (int i = 0; i < 2000; ++i) every_kind_of_span();
}

// Another thread keeps the collector awake, as a busy program would.
struct BusyProgram {
  std::atomic<bool> is_over{false};
  std::thread thread{[this] {
    while (!is_over) {
      waggle::Span span{"busy"};
      std::this_thread::sleep_for(std::chrono::microseconds(300));
    }
  }};
  ~BusyProgram() {
    is_over = true;
    thread.join();
  }
};

// From here on this thread may only end.
void forbid_system_calls() {
  const sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{4, const_cast<sock_filter*>(program)};
  waggle_test::require(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no new privileges");
  waggle_test::require(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0, "seccomp");
}

// Runs `body` in a child of which nothing but the way it ends is of interest.
template <class Body>
bool ends_well(Body body) {
  const pid_t child = fork();
  if (child == 0) {
    body();
    syscall(SYS_exit_group, 0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status == 0;
}

void allocation_test() {
  auto tracing = waggle_test::start_counting();
  warm_up();
  is_watched = true;
  for (int i = 0; i < 20000; ++i) every_kind_of_span();
  is_watched = false;
  waggle_test::require(allocations == 0, "no allocation");
  waggle_test::require(locks == 0, "no lock");
  is_watched = true;
  { const std::string probe(100, 'x'); }
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&mutex);
  is_watched = false;
  waggle_test::require(allocations == 2 && locks == 1, "the counters count");
}

void system_call_test() {
  auto tracing = waggle_test::start_counting();
  BusyProgram program;
  std::thread([] {
    warm_up();
    forbid_system_calls();
    for (int i = 0; i < 20000; ++i) every_kind_of_span();
    syscall(SYS_exit_group, 0);
  }).join();
}

void test_of_the_test() {
  const bool is_killed = !ends_well([] {
    forbid_system_calls();
    syscall(SYS_getppid);
  });
  const bool is_spared = ends_well([] { forbid_system_calls(); });
  waggle_test::require(is_killed && is_spared, "the filter kills at a system call, and only then");
}

}  // namespace

int main(int argc, char** argv) {
#ifdef UNDER_SANITIZER
  (void)argc;
  (void)argv;
  (void)&allocation_test;
  (void)&system_call_test;
  (void)&test_of_the_test;
  return 77;
#else
  const std::string_view name = argc > 1 ? argv[1] : "";
  if (name == "allocations") allocation_test();
  if (name == "system_calls") system_call_test();
  if (name == "the_test_itself") test_of_the_test();
  return 0;
#endif
}
