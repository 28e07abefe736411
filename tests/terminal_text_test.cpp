#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <waggle/exporters/terminal_text.hpp>

using waggle::detail::columns;
using waggle::detail::duration_text;
using waggle::detail::padded_left;
using waggle::detail::padded_right;
using waggle::detail::terminal_text;

namespace {

const std::string kReplaced = "\xef\xbf\xbd";

std::string shown(std::string_view text) { return terminal_text(text, 200); }

// Returns the replacement character so many times.
std::string replaced(int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += kReplaced;
  return text;
}

}  // namespace

TEST_CASE("printable text of any script is left as it is") {
  for (const char* text : {"", "GET /users/{id}", "naïve café", "Größe µs ½", "доставка", "注文",
                           "\xf0\x9f\x90\x9d bee", "~"}) {
    CHECK(shown(text) == text);
  }
}

TEST_CASE("control characters do not reach the terminal") {
  for (int byte = 0; byte < 0x20; ++byte) {
    CAPTURE(byte);
    CHECK(shown(std::string(1, static_cast<char>(byte))) == kReplaced);
  }
  CHECK(shown("\x7f") == kReplaced);
  CHECK(shown("one\r\ntwo\tthree\b") ==
        "one" + kReplaced + kReplaced + "two" + kReplaced + "three" + kReplaced);
}

TEST_CASE("escape sequences become harmless text") {
  CHECK(shown("\x1b[31mred\x1b[0m") == kReplaced + "[31mred" + kReplaced + "[0m");
  CHECK(shown("\x1b]0;title\x07") == kReplaced + "]0;title" + kReplaced);
  CHECK(shown("\x1b]8;;http://x\x1b\\") == kReplaced + "]8;;http://x" + kReplaced + "\\");
  CHECK(shown("\x1b"
              "c") == kReplaced + "c");
}

TEST_CASE("the second set of control characters is no way around, as a byte or as UTF-8") {
  CHECK(shown("\x9b"
              "31m") == kReplaced + "31m");
  CHECK(shown("\x9d"
              "0;title\x9c") == kReplaced + "0;title" + kReplaced);
  CHECK(shown("\xc2\x9b"
              "31m") == kReplaced + "31m");
  CHECK(shown("\xc2\x9d"
              "0;title\xc2\x9c") == kReplaced + "0;title" + kReplaced);
  for (int last = 0x80; last < 0xa0; ++last) {
    CAPTURE(last);
    CHECK(shown(std::string("\xc2") + static_cast<char>(last)) == kReplaced);
  }
  CHECK(shown("\xc2\xa0\xc2\xa1") == "\xc2\xa0\xc2\xa1");
}

TEST_CASE("marks that turn the direction of writing, or end a line, are shown as such") {
  for (const char* mark : {
           "\xd8\x9c",                                                      // U+061C
           "\xe2\x80\x8e", "\xe2\x80\x8f",                                  // U+200E, U+200F
           "\xe2\x80\xa8", "\xe2\x80\xa9",                                  // U+2028, U+2029
           "\xe2\x80\xaa", "\xe2\x80\xab", "\xe2\x80\xac", "\xe2\x80\xad",  // U+202A …
           "\xe2\x80\xae", "\xe2\x81\xa6", "\xe2\x81\xa7", "\xe2\x81\xa8",  // U+202E, U+2066
           "\xe2\x81\xa9",                                                  // U+2069
       }) {
    CAPTURE(mark);
    CHECK(shown("a" + std::string(mark) + "b") == "a" + kReplaced + "b");
  }
  CHECK(shown("\xe2\x80\x8d\xe2\x80\xa7\xe2\x80\xaf") == "\xe2\x80\x8d\xe2\x80\xa7\xe2\x80\xaf");
}

TEST_CASE("each byte that is no UTF-8 is replaced, and what follows is read again") {
  CHECK(shown("\xff\xfe"
              "a") == replaced(2) + "a");
  CHECK(shown("\xc0\x9b"
              "a") == replaced(2) + "a");  // ESC, overlong
  CHECK(shown("\xe0\x80\x9b"
              "a") == replaced(3) + "a");  // the same, longer
  CHECK(shown("\xed\xa0\x80"
              "a") == replaced(3) + "a");  // a surrogate
  CHECK(shown("\xf4\x90\x80\x80"
              "a") == replaced(4) + "a");        // past U+10FFFF
  CHECK(shown("caf\xc3") == "caf" + kReplaced);  // ends too early
  CHECK(shown("\xe2\x82"
              "1") == replaced(2) + "1");
  CHECK(shown("\xe2\x1b[31m") == replaced(2) + "[31m");  // a broken sequence hides nothing
}

TEST_CASE("long text is cut by characters, with an ellipsis inside the limit") {
  CHECK(terminal_text("abcdef", 6) == "abcdef");
  CHECK(terminal_text("abcdefg", 6) == "abcde…");
  CHECK(terminal_text("äöüß", 4) == "äöüß");
  CHECK(terminal_text("äöüßé", 4) == "äöü…");
  CHECK(terminal_text("\xff\xff\xff", 2) == kReplaced + "…");
  CHECK(terminal_text("ab", 1) == "…");
  CHECK(terminal_text("a", 1) == "a");
}

TEST_CASE("columns are counted and filled by characters") {
  CHECK(columns("") == 0);
  CHECK(columns("├─ größer…") == 10);
  CHECK(padded_right("é", 3) == "é  ");
  CHECK(padded_left("1.00µs", 8) == "  1.00µs");
  CHECK(padded_right("four", 2) == "four");
  CHECK(padded_left("four", 2) == "four");
}

TEST_CASE("durations have three digits and the unit that suits them") {
  const auto check = [](std::uint64_t nanoseconds, const char* text) {
    CHECK(duration_text(nanoseconds) == text);
  };
  check(0, "0ns");
  check(1, "1ns");
  check(999, "999ns");
  check(1'000, "1.00µs");
  check(1'250, "1.25µs");
  check(9'994, "9.99µs");
  check(9'996, "10.0µs");
  check(99'940, "99.9µs");
  check(99'960, "100µs");
  check(999'499, "999µs");
  check(999'500, "1.00ms");
  check(12'500'000, "12.5ms");
  check(999'500'000, "1.00s");
  check(3'200'000'000, "3.20s");
  check(86'400'000'000'000, "86400s");
}
