#include <doctest/doctest.h>

#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <waggle/instrument/bind.hpp>

#if __has_include(<asio.hpp>)
#include <asio.hpp>
#include <waggle/instrument/asio.hpp>
#endif

#include "support/recording.hpp"

namespace {

// Runs work later, on the thread that asks it to.
class Queue {
 public:
  class Executor {
   public:
    explicit Executor(Queue& queue) : queue_(&queue) {}
    template <class Callable>
    void execute(Callable callable) const {
      queue_->work_.push_back(std::move(callable));
    }
    friend bool operator==(const Executor& left, const Executor& right) noexcept {
      return left.queue_ == right.queue_;
    }

   private:
    Queue* queue_;
  };

  Executor executor() { return Executor(*this); }
  void run() {
    for (; !work_.empty(); work_.pop_front()) work_.front()();
  }

 private:
  std::deque<std::function<void()>> work_;
};

void work() { waggle::Span span{"work"}; }

// Tells whether `work` became a child of `request`.
bool is_child(waggle_test::Recording& recording) {
  const auto child = recording.find("work");
  const auto parent = recording.find("request");
  return child.parent_id.is_valid() && child.parent_id == parent.span_id &&
         child.trace_id == parent.trace_id && !child.parent_is_remote;
}

}  // namespace

TEST_CASE("a thread takes the context along, and its arguments") {
  waggle_test::Recording recording;
  std::thread thread;
  {
    waggle::Span request{"request"};
    thread = std::thread{waggle::bind([](int number, const std::string& text) {
                           waggle::Span span{"work"};
                           span.set_attribute("number", number);
                           span.set_attribute("text", text);
                         }),
                         7, "seven"};
  }
  thread.join();
  CHECK(is_child(recording));
  CHECK(recording.find("work").attribute("number") == 7);
  CHECK(recording.find("work").attribute("text") == "seven");
}

TEST_CASE("std::async takes the context along and returns the result") {
  waggle_test::Recording recording;
  {
    waggle::Span request{"request"};
    auto result = std::async(std::launch::async, waggle::bind([] {
                               work();
                               return std::make_unique<int>(42);
                             }));
    CHECK(*result.get() == 42);
  }
  CHECK(is_child(recording));
}

TEST_CASE("an exception passes through, and the context is left then too") {
  waggle_test::Recording recording;
  waggle::SpanContext context;
  {
    waggle::Span request{"request"};
    context = request.context();
  }
  auto failing = waggle::bind(context, [] { throw std::runtime_error("no"); });
  CHECK_THROWS_AS(failing(), std::runtime_error);
  CHECK_FALSE(waggle::current_context().is_valid());
}

TEST_CASE("a bound callable is called as its callable can be") {
  struct Which {
    std::string operator()() & { return "lvalue"; }
    std::string operator()() const& { return "const"; }
    std::string operator()() && { return "rvalue"; }
  };
  auto bound = waggle::bind(Which{});
  CHECK(bound() == "lvalue");
  CHECK(std::as_const(bound)() == "const");
  CHECK(std::move(bound)() == "rvalue");
  auto counter = waggle::bind([count = 0]() mutable { return ++count; });
  CHECK(counter() == 1);
  CHECK(counter() == 2);
  auto move_only = waggle::bind([owned = std::make_unique<int>(3)] { return *owned; });
  auto moved = std::move(move_only);
  CHECK(moved() == 3);
  int value = 0;
  waggle::bind([](int& number) -> int& { return number; })(value) = 5;
  CHECK(value == 5);
  const std::function<int()> copied = waggle::bind([] { return 9; });
  CHECK(copied() == 9);
  CHECK(waggle::bind(copied)() == 9);
}

TEST_CASE("the context is the caller's where bind() was called, not where it runs") {
  waggle_test::Recording recording;
  std::function<void()> later;
  {
    waggle::Span request{"request"};
    later = waggle::bind(work);
  }
  {
    waggle::Span other{"other"};
    later();
    CHECK(waggle::current_context().span_id() == other.context().span_id());
  }
  CHECK(is_child(recording));
}

TEST_CASE("without a context the call is as it was") {
  waggle_test::Recording recording;
  const auto bound = waggle::bind(work);
  CHECK_FALSE(bound.context().is_valid());
  {
    waggle::Span request{"request"};
    bound();
  }
  CHECK(is_child(recording));
}

TEST_CASE("baggage goes along") {
  waggle_test::Recording recording;
  const waggle::ContextGuard guard{waggle::SpanContext{}.with_baggage("tenant", "7")};
  std::string seen;
  std::thread{waggle::bind([&] {
    for (const auto entry : waggle::current_context().baggage()) seen = std::string(entry.value);
  })}.join();
  CHECK(seen == "7");
}

TEST_CASE("an executor binds what it is given") {
  waggle_test::Recording recording;
  Queue queue;
  const waggle::ContextExecutor executor{queue.executor()};
  CHECK(executor == waggle::ContextExecutor{queue.executor()});
  {
    waggle::Span request{"request"};
    executor.execute(std::function<void()>(work));
  }
  queue.run();
  CHECK(is_child(recording));
}

#if __has_include(<asio.hpp>)
TEST_CASE("asio's handlers take the context along") {
  waggle_test::Recording recording;
  asio::thread_pool pool(1);
  {
    waggle::Span request{"request"};
    asio::post(pool, waggle::bind(work));
  }
  pool.join();
  CHECK(is_child(recording));
}

TEST_CASE("a timer's handler takes the context along") {
  waggle_test::Recording recording;
  asio::io_context loop;
  asio::steady_timer timer(loop, std::chrono::seconds(0));
  {
    waggle::Span request{"request"};
    timer.async_wait(waggle::bind([](const asio::error_code&) { work(); }));
  }
  std::thread{[&] { loop.run(); }}.join();
  CHECK(is_child(recording));
}

TEST_CASE("a wrapped executor of asio's is one of asio's") {
  using Pooled = waggle::AsioContextExecutor<asio::thread_pool::executor_type>;
  CHECK(asio::execution::is_executor<Pooled>::value);
  waggle_test::Recording recording;
  asio::thread_pool pool(2);
  const Pooled executor{pool.get_executor()};
  {
    waggle::Span request{"request"};
    asio::post(executor, work);
  }
  pool.join();
  CHECK(is_child(recording));
}

TEST_CASE("a strand of a wrapped executor takes the context along") {
  waggle_test::Recording recording;
  asio::thread_pool pool(2);
  const waggle::AsioContextExecutor executor{asio::make_strand(pool)};
  {
    waggle::Span request{"request"};
    asio::dispatch(executor, work);
  }
  pool.join();
  CHECK(is_child(recording));
}
#endif
