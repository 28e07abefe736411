#include <doctest/doctest.h>

#include <thread>
#include <waggle/collect/thread_registry.hpp>

using waggle::DropReason;
using waggle::detail::Hub;
using waggle::detail::ThreadRegistry;
using waggle::detail::ThreadState;

TEST_CASE("a thread that asks in the moment of a shutdown is served again after the next start") {
  ThreadRegistry threads(4 * 1024 * 1024);
  std::thread asking([&threads] {
    Hub hub{waggle::detail::kAbi, sizeof(Hub)};
    ThreadState* slot = nullptr;
    CHECK(threads.acquire(hub, slot) == nullptr);
    CHECK(threads.dropped(DropReason::AfterShutdown) == 1);
    hub.session = 1;
    REQUIRE(threads.acquire(hub, slot) != nullptr);
    CHECK(slot->session == 1);
    hub.session = 0;
    CHECK(threads.acquire(hub, slot) == nullptr);
    hub.session = 2;
    REQUIRE(threads.acquire(hub, slot) != nullptr);
    CHECK(slot->session == 2);
    CHECK(threads.dropped(DropReason::Reentrant) == 0);
  });
  asking.join();
}

TEST_CASE("a thread inside waggle is turned away, and so is one past its end") {
  ThreadRegistry threads(4 * 1024 * 1024);
  ThreadState* left = nullptr;
  std::thread asking([&] {
    Hub hub{waggle::detail::kAbi, sizeof(Hub)};
    hub.session = 1;
    REQUIRE(threads.acquire(hub, left) != nullptr);
    const std::uint32_t open = left->enter();
    CHECK(threads.acquire(hub, left) == nullptr);
    CHECK(threads.dropped(DropReason::Reentrant) == 1);
    left->leave(open);
    CHECK(threads.acquire(hub, left) != nullptr);
  });
  asking.join();
  Hub hub{waggle::detail::kAbi, sizeof(Hub)};
  hub.session = 1;
  CHECK(threads.acquire(hub, left) == nullptr);
  CHECK(threads.dropped(DropReason::AfterShutdown) == 1);
}
