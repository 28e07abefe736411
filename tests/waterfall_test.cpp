#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>
#include <waggle/exporters/waterfall.hpp>

#include "support/sample_trace.hpp"

using waggle::SpanKind;
using waggle::detail::by_trace;
using waggle::detail::columns;
using waggle::detail::Waterfall;
using waggle::detail::WaterfallStyle;
using waggle_test::SampleTrace;

namespace {

// Draws all traces; begins with a line break, so that raw texts compare well.
std::string drawn(SampleTrace& sample, std::size_t width = 80, bool has_colour = false) {
  std::string text = "\n";
  for (auto& trace : by_trace(sample.spans())) {
    text += Waterfall(trace, "shop", WaterfallStyle{has_colour, width}).draw();
  }
  return text;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// Returns the column that a bar begins in; npos if the line has no bar.
std::size_t bar_column(const std::string& line) {
  const std::size_t at = line.find("▏");
  return at == line.npos ? at : columns(std::string_view(line).substr(0, at));
}

// Fills a trace that has some of everything.
void fill_checkout(SampleTrace& trace) {
  trace.span("POST /checkout", 1)
      .lasting(0, 120)
      .kind(SpanKind::Server)
      .attribute("http.route", "/checkout")
      .attribute("user.id", 42)
      .attribute("paid", true);
  trace.span("load cart", 2, 1).lasting(0, 30);
  trace.span("SELECT carts", 3, 2).lasting(6, 30).kind(SpanKind::Client);
  trace.span("charge the card by way of the payment provider", 4, 1)
      .lasting(30, 90)
      .kind(SpanKind::Client)
      .error("card declined")
      .attribute("amount", 12.5)
      .event("exception", {{"exception.type", "std::runtime_error"},
                           {"exception.message", "refused by issuer"},
                           {"exception.stacktrace", "main"}});
  trace.span("retry", 5, 4).lasting(60, 90).event("backoff");
  trace.span("publish", 6, 1).lasting(90, 119).kind(SpanKind::Producer);
  trace.span("take", 7, 6).lasting(119, 120).kind(SpanKind::Consumer);
}

}  // namespace

TEST_CASE("a trace is drawn as a tree with bars, kinds, errors, attributes and events") {
  SampleTrace trace;
  fill_checkout(trace);
  CHECK(drawn(trace) == R"(
trace 0123456789abcdeffedcba9876543210  shop  120ms  7 spans
  POST /checkout                  server   ▏████████████████████▕   120ms
  │ http.route=/checkout  user.id=42  paid=true
  ├─ load cart                             ▏█████               ▕  30.0ms
  │  └─ SELECT carts              client   ▏ ████               ▕  24.0ms
  ├─ charge the card by way of t… client   ▏     ██████████     ▕  60.0ms
  │  │ error: card declined  amount=12.5
  │  │ ◆ exception std::runtime_error refused by issuer
  │  └─ retry                              ▏          █████     ▕  30.0ms
  │       ◆ backoff
  └─ publish                      producer ▏               █████▕  29.0ms
     └─ take                      consumer ▏                   █▕  1.00ms
)");
}

TEST_CASE("a wider window shows more of the names, and short notes at the line's end") {
  SampleTrace trace;
  fill_checkout(trace);
  CHECK(drawn(trace, 120) == R"(
trace 0123456789abcdeffedcba9876543210  shop  120ms  7 spans
  POST /checkout                                  server   ▏██████████████████████████████▕   120ms
  │ http.route=/checkout  user.id=42  paid=true
  ├─ load cart                                             ▏████████                      ▕  30.0ms
  │  └─ SELECT carts                              client   ▏ ███████                      ▕  24.0ms
  ├─ charge the card by way of the payment provi… client   ▏       ████████████████       ▕  60.0ms
  │  │ error: card declined  amount=12.5  ◆ exception std::runtime_error refused by issuer
  │  └─ retry                                              ▏               ████████       ▕  30.0ms  ◆ backoff
  └─ publish                                      producer ▏                      ████████▕  29.0ms
     └─ take                                      consumer ▏                             █▕  1.00ms
)");
}

TEST_CASE("colours wrap parts of a line and change nothing else") {
  SampleTrace trace;
  fill_checkout(trace);
  std::string coloured = drawn(trace, 80, true);
  CHECK(coloured.find("\033[1mtrace 0123") != coloured.npos);
  CHECK(coloured.find("\033[31m▏     ██████████     ▕\033[0m") != coloured.npos);
  CHECK(coloured.find("\033[36m▏████████████████████▕\033[0m") != coloured.npos);
  CHECK(coloured.find("\033[31merror: card declined\033[0m") != coloured.npos);
  CHECK(coloured.find("\033[2muser.id=\033[0m42") != coloured.npos);
  std::string plain;
  for (std::size_t at = 0; at < coloured.size(); ++at) {
    if (coloured[at] == '\033') {
      at = coloured.find('m', at);
    } else {
      plain += coloured[at];
    }
  }
  CHECK(plain == drawn(trace));
}

TEST_CASE("no line is wider than the window, and all bars begin in the same column") {
  SampleTrace trace;
  fill_checkout(trace);
  for (unsigned i = 10; i < 60; ++i) {  // each below the one before
    trace.span("a level with a name that is rather long for what there is", i, i == 10 ? 5 : i - 1)
        .lasting(i, 70 + i)
        .attribute("some.long.attribute.name.of.a.convention",
                   "a value that is cut somewhere since nobody wants to read all of it");
  }
  for (std::size_t width : {60U, 61U, 80U, 100U, 160U, 240U}) {
    CAPTURE(width);
    std::size_t first_column = 0;
    for (const std::string& line : lines_of(drawn(trace, width))) {
      CAPTURE(line);
      CHECK(columns(line) <= width);
      const std::size_t column = bar_column(line);
      if (column == line.npos) continue;
      if (first_column == 0) first_column = column;
      CHECK(column == first_column);
    }
    CHECK(first_column != 0);
  }
}

TEST_CASE("a span whose parent is elsewhere stands at the top, its children below it") {
  SampleTrace trace;
  trace.span("second", 5, 99).lasting(10, 20);
  trace.span("first", 1, 98).lasting(0, 10);
  trace.span("inner", 6, 5).lasting(15, 20);
  CHECK(drawn(trace) == R"(
trace 0123456789abcdeffedcba9876543210  shop  20.0ms  3 spans
  first                                    ▏██████████          ▕  10.0ms
  second                                   ▏          ██████████▕  10.0ms
  └─ inner                                 ▏               █████▕  5.00ms
)");
}

TEST_CASE("spans that start together keep their parents, in whatever order they come") {
  SampleTrace trace;
  trace.span("inner", 3, 2).lasting(0, 10);
  trace.span("second", 4, 1).lasting(0, 20);
  trace.span("first", 2, 1).lasting(0, 20);
  trace.span("outer", 1).lasting(0, 20);
  CHECK(drawn(trace) == R"(
trace 0123456789abcdeffedcba9876543210  shop  20.0ms  4 spans
  outer                                    ▏████████████████████▕  20.0ms
  ├─ second                                ▏████████████████████▕  20.0ms
  └─ first                                 ▏████████████████████▕  20.0ms
     └─ inner                              ▏██████████          ▕  10.0ms
)");
}

TEST_CASE("a parent that starts after its child, by a clock that was set, keeps its child") {
  SampleTrace trace;
  trace.span("child", 2, 1).lasting(0, 10);
  trace.span("parent", 1).lasting(5, 20);
  CHECK(drawn(trace) == R"(
trace 0123456789abcdeffedcba9876543210  shop  20.0ms  2 spans
  parent                                   ▏     ███████████████▕  15.0ms
  └─ child                                 ▏██████████          ▕  10.0ms
)");
}

TEST_CASE("no span is lost or drawn twice if parents form a circle or ids repeat") {
  SampleTrace circle;
  circle.span("one", 1, 3).lasting(0, 10);
  circle.span("two", 2, 1).lasting(1, 10);
  circle.span("three", 3, 2).lasting(2, 10);
  circle.span("beside", 4, 1).lasting(3, 10);
  circle.span("itself", 5, 5).lasting(4, 10);
  circle.span("again", 5, 2).lasting(5, 10);
  CHECK(drawn(circle) == R"(
trace 0123456789abcdeffedcba9876543210  shop  10.0ms  6 spans
  one                                      ▏████████████████████▕  10.0ms
  ├─ two                                   ▏  ██████████████████▕  9.00ms
  │  ├─ three                              ▏    ████████████████▕  8.00ms
  │  └─ again                              ▏          ██████████▕  5.00ms
  └─ beside                                ▏      ██████████████▕  7.00ms
  itself                                   ▏        ████████████▕  6.00ms
)");
}

TEST_CASE("a moment, a trace without any length and a single span are drawn") {
  SampleTrace trace;
  trace.span("moment", 1).lasting(3, 3);
  CHECK(drawn(trace) == R"(
trace 0123456789abcdeffedcba9876543210  shop  0ns  1 span
  moment                                   ▏█                   ▕     0ns
)");
  trace.span("end", 2).lasting(8, 8);
  trace.span("whole", 3).lasting(3, 8);
  CHECK(drawn(trace) == R"(
trace 0123456789abcdeffedcba9876543210  shop  5.00ms  3 spans
  moment                                   ▏█                   ▕     0ns
  whole                                    ▏████████████████████▕  5.00ms
  end                                      ▏                   █▕     0ns
)");
}

TEST_CASE("levels too deep to be indented tell their depth") {
  SampleTrace trace;
  for (unsigned i = 1; i <= 10; ++i) {
    trace.span("step " + std::to_string(i - 1), i, i - 1).lasting(0, 20);
  }
  trace.span("after", 11, 3).lasting(10, 20);
  trace.last().kind = SpanKind::Client;
  trace.span("noted", 12, 10).lasting(10, 20).attribute("key", "value");
  CHECK(drawn(trace) == R"(
trace 0123456789abcdeffedcba9876543210  shop  20.0ms  12 spans
  step 0                                   ▏████████████████████▕  20.0ms
  └─ step 1                                ▏████████████████████▕  20.0ms
     └─ step 2                             ▏████████████████████▕  20.0ms
        ├─ step 3                          ▏████████████████████▕  20.0ms
        │  └─ step 4                       ▏████████████████████▕  20.0ms
        │     └─ step 5                    ▏████████████████████▕  20.0ms
        │        └─ step 6                 ▏████████████████████▕  20.0ms
        │        ┊7 step 7                 ▏████████████████████▕  20.0ms
        │        ┊8 step 8                 ▏████████████████████▕  20.0ms
        │        ┊9 step 9                 ▏████████████████████▕  20.0ms
        │        ┊10 noted                 ▏          ██████████▕  10.0ms
        │        ┊    key=value
        └─ after                  client   ▏          ██████████▕  10.0ms
)");
}

TEST_CASE("a chain of many thousand spans takes neither the stack nor memory by its square") {
  constexpr unsigned kSpans = 30000;
  SampleTrace trace;
  for (unsigned i = 1; i <= kSpans; ++i) trace.span("step", i, i - 1).lasting(i, 2 * kSpans - i);
  const std::string text = drawn(trace);
  CHECK(std::count(text.begin(), text.end(), '\n') == kSpans + 2);
  CHECK(text.size() < kSpans * std::size_t{250});
  CHECK(text.find("┊29999 step ") != text.npos);
}

TEST_CASE("each trace of a batch is drawn by itself, in the order of their first spans") {
  SampleTrace batch;
  const waggle::TraceId other{1, 2};
  const waggle::TraceId swapped{2, 1};  // no sum or difference of the halves tells these two apart
  batch.span("inner", 2, 1).of_trace(other).lasting(5, 10);
  batch.span("alone", 1).of_trace(swapped).lasting(100, 101);
  batch.span("outer", 1).of_trace(other).lasting(0, 10);
  CHECK(drawn(batch) == R"(
trace 00000000000000010000000000000002  shop  10.0ms  2 spans
  outer                                    ▏████████████████████▕  10.0ms
  └─ inner                                 ▏          ██████████▕  5.00ms
trace 00000000000000020000000000000001  shop  1.00ms  1 span
  alone                                    ▏████████████████████▕  1.00ms
)");
}

TEST_CASE("values of every kind are shown in one line each") {
  SampleTrace trace;
  trace.span("values", 1)
      .attribute("unset", waggle::ValueView())
      .attribute("negative", -7)
      .attribute("large", ~std::uint64_t{0})
      .attribute("part", 0.25)
      .attribute("list", trace.list({{"", trace.make(1)}, {"", trace.make("two")}}))
      .attribute("map", trace.list({{"one", trace.make(1)}, {"two", trace.make(false)}}));
  trace.span("more", 2)
      .attribute("bytes", waggle::ValueView(waggle::ValueTag::Bytes, "\x1b[2J"))
      .attribute("infinite", HUGE_VAL)
      .attribute("none", trace.list({}))
      .attribute("long", trace.list({{"", trace.make(1)},
                                     {"", trace.make(2)},
                                     {"", trace.make(3)},
                                     {"", trace.make(4)},
                                     {"", trace.make(5)},
                                     {"", trace.make(6)},
                                     {"", trace.make(7)}}));
  CHECK(drawn(trace) == R"(
trace 0123456789abcdeffedcba9876543210  shop  0ns  2 spans
  values                                   ▏█                   ▕     0ns
    unset=  negative=-7  large=18446744073709551615  part=0.25  list=[1, two]
    map={one=1, two=false}
  more                                     ▏█                   ▕     0ns
    bytes=4 bytes  infinite=inf  none=[]  long=[1, 2, 3, 4, 5, 6, …]
)");
}

TEST_CASE("of many attributes and events some are shown and the rest is counted") {
  SampleTrace trace;
  trace.span("much", 1).error("");
  for (int i = 0; i < 10; ++i) {
    trace.attribute("a" + std::to_string(i), i).event("e" + std::to_string(i));
  }
  CHECK(drawn(trace) == R"(
trace 0123456789abcdeffedcba9876543210  shop  0ns  1 span
  much                                     ▏█                   ▕     0ns
    error  a0=0  a1=1  a2=2  a3=3  a4=4  a5=5  +4 more  ◆ e0  ◆ e1  ◆ e2  ◆ e3
    ◆ e4  ◆ e5  +4 more
)");
}

TEST_CASE("of many attributes those that people look for first are shown first") {
  SampleTrace trace;
  trace.span("much", 1);
  for (int i = 0; i < 5; ++i) trace.attribute("a" + std::to_string(i), i);
  trace.attribute("error.type", "timeout").attribute("httpx.no", 0).attribute("http.route", "/r");
  trace.attribute("app.now", 1).attribute("db.system.name", "sqlite");
  CHECK(drawn(trace) == R"(
trace 0123456789abcdeffedcba9876543210  shop  0ns  1 span
  much                                     ▏█                   ▕     0ns
    error.type=timeout  http.route=/r  app.now=1  db.system.name=sqlite  a0=0
    a1=1  +4 more
)");
}

TEST_CASE("nothing that was recorded can act on the terminal") {
  const std::string evil =
      "\x1b[2J\xc2\x9b"
      "1m\n\r\xe2\x80\xae";
  SampleTrace trace;
  trace.span(evil, 1)
      .error(evil)
      .attribute(evil, evil)
      .attribute("list", trace.list({{evil, trace.make(evil)}}))
      .event(evil, {{"exception.message", evil}});
  std::string text;
  for (auto& spans : by_trace(trace.spans())) text += Waterfall(spans, evil, {}).draw();
  CHECK(text.find_first_of("\x1b\r") == text.npos);
  CHECK(text.find("\xc2\x9b") == text.npos);
  CHECK(text.find("\xe2\x80\xae") == text.npos);
  for (const std::string& line : lines_of(text)) {
    CHECK((line.rfind("trace ", 0) == 0 || line.rfind("  ", 0) == 0));
  }
}
