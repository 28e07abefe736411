// What a span says about exceptions: those it is told of, and those that leave its scope.
#include <doctest/doctest.h>

#include <cxxabi.h>

#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

#include "support/recording.hpp"

using waggle::current_span;
using waggle::DetachedSpan;
using waggle::ExceptionDetails;
using waggle::ExceptionWatch;
using waggle::RecordedSpan;
using waggle::Span;
using waggle::StatusCode;
using waggle_test::Recording;

TEST_CASE("T32: details beside the exception are its event's attributes, and given ones win") {
  Recording recording;
  {
    Span span{"told"};
    span.record_exception({"ValueError", "no such row", "at line 1"});
    span.record_exception({"ValueError", "secret"}, {{"exception.message", "(hidden)"}, {"n", 1}});
    current_span().record_exception(ExceptionDetails{"Panic", {}, {}, true});
  }
  const RecordedSpan span = recording.find("told");
  REQUIRE(span.events.size() == 3);
  CHECK(span.events[0].name == "exception");
  CHECK(span.events[0].attributes.at("exception.type") == "ValueError");
  CHECK(span.events[0].attributes.at("exception.message") == "no such row");
  CHECK(span.events[0].attributes.at("exception.stacktrace") == "at line 1");
  CHECK(span.events[1].attributes.at("exception.message") == "(hidden)");
  CHECK(span.events[1].attributes.at("n") == 1);
  CHECK(span.events[2].attributes.at("exception.escaped") == true);
  CHECK(span.events[2].attributes.size() == 2);
  CHECK(span.status == StatusCode::Unset);
}

TEST_CASE("an exception that finds no room leaves the event before it alone") {
  Recording recording;
  {
    Span span{"full"};
    span.add_event("before");
    for (int size : {8100, 8000}) {
      span.set_attribute("filler", std::string(static_cast<std::size_t>(size), 'f'));
    }
    for (int i = 0; i < 100; ++i) span.record_exception({"Type", "m"});
  }
  CHECK(recording.find("full").events.at(0).attributes.empty());
  CHECK(recording.find("full").dropped_events > 0);
}

#if defined(__cpp_exceptions)

namespace {

// Runs `work`, which throws, and catches that.
template <class Work>
void survive(Work work) {
  try {
    work();
  } catch (const std::exception&) {
  }
}

// Does watched work while another exception may be on its way.
struct WorksAtItsEnd {
  bool fails;
  ~WorksAtItsEnd() {
    survive([this] {
      Span span{fails ? "fails inside" : "works inside"};
      ExceptionWatch watch{span};
      if (fails) throw std::runtime_error("inner");
    });
  }
};

}  // namespace

TEST_CASE("a watched span that is left by an exception fails, and no other does") {
  Recording recording;
  survive([] {
    Span outer{"outer"};
    ExceptionWatch watch{outer};
    survive([] {
      Span span{"inner"};
      ExceptionWatch inner_watch{span};
      throw std::runtime_error("inner");
    });
  });
  survive([] {
    Span span{"unwatched"};
    throw std::runtime_error("nobody looks");
  });
  CHECK(recording.find("inner").status == StatusCode::Error);
  CHECK(recording.find("inner").status_message == "left by an exception");
  CHECK(recording.find("outer").status == StatusCode::Unset);
  CHECK(recording.find("unwatched").status == StatusCode::Unset);
}

TEST_CASE("a status that was set stands when an exception leaves the scope") {
  Recording recording;
  for (const StatusCode code : {StatusCode::Ok, StatusCode::Error}) {
    survive([code] {
      Span span{code == StatusCode::Ok ? "ok" : "error"};
      ExceptionWatch watch{span};
      span.set_status(code, "by hand");
      throw std::runtime_error("expected");
    });
  }
  CHECK(recording.find("ok").status == StatusCode::Ok);
  CHECK(recording.find("error").status_message == "by hand");
}

TEST_CASE("a destructor's spans are judged by its own exceptions, not by the one on its way") {
  Recording recording;
  survive([] {
    const WorksAtItsEnd fails{true};
    const WorksAtItsEnd works{false};
    throw std::runtime_error("outer");
  });
  CHECK(recording.find("works inside").status == StatusCode::Unset);
  CHECK(recording.find("fails inside").status == StatusCode::Error);
}

TEST_CASE("detached and current spans are watched too; one that ended or moved is left alone") {
  Recording recording;
  DetachedSpan kept;
  survive([&kept] {
    DetachedSpan detached{"detached"};
    DetachedSpan moved{"moved"};
    Span current{"current"};
    Span ended{"ended"};
    ExceptionWatch watch_detached{detached};
    ExceptionWatch watch_moved{moved};
    ExceptionWatch watch_ended{ended};
    kept = std::move(moved);
    ended.end();
    ExceptionWatch watch_current{current_span()};
    throw std::runtime_error("all");
  });
  kept.end();
  CHECK(recording.find("detached").status == StatusCode::Error);
  CHECK(recording.find("current").status == StatusCode::Error);
  CHECK(recording.find("moved").status == StatusCode::Unset);
  CHECK(recording.find("ended").status == StatusCode::Unset);
}

#endif

TEST_CASE("a watch without a span or a tracer does nothing") {
  ExceptionWatch nobody{current_span()};
  Span span{"off"};
  ExceptionWatch watch{span};
  CHECK(waggle::detail::uncaught_exceptions() == 0);
}
