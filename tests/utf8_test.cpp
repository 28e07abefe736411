#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>
#include <waggle/otlp/utf8.hpp>

using namespace waggle::detail;
using namespace std::string_literals;

namespace {

// Writes a code point by RFC 3629's table.
std::string encode(std::uint32_t point) {
  const auto tail = [&](unsigned shift) {
    return static_cast<char>(0x80 | (point >> shift & 0x3f));
  };
  if (point < 0x80) return {static_cast<char>(point)};
  if (point < 0x800) return {static_cast<char>(0xc0 | point >> 6), tail(0)};
  if (point < 0x10000) return {static_cast<char>(0xe0 | point >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xf0 | point >> 18), tail(12), tail(6), tail(0)};
}

bool is_surrogate(std::uint32_t point) { return point >= 0xd800 && point <= 0xdfff; }

// Repeats U+FFFD.
std::string bad(int count) {
  std::string result;
  for (int i = 0; i < count; ++i) result += kReplacementCharacter;
  return result;
}

// Tells whether the text is one character: by decoding it and encoding the result again.
bool is_one_character(std::string_view text) {
  if (text.empty() || text.size() > 4) return false;
  const auto byte = [&](std::size_t i) {
    return std::uint32_t{static_cast<unsigned char>(text[i])};
  };
  const std::uint32_t first_bits[] = {0x7f, 0x1f, 0x0f, 0x07};
  std::uint32_t point = byte(0) & first_bits[text.size() - 1];
  for (std::size_t i = 1; i < text.size(); ++i) point = point << 6 | (byte(i) & 0x3f);
  return point <= 0x10ffff && !is_surrogate(point) && encode(point) == text;
}

// Tells the same for a text of any length.
bool is_valid(std::string_view text) {
  while (!text.empty()) {
    std::size_t length = 1;
    while (length <= 4 && !is_one_character(text.substr(0, length))) ++length;
    if (length > 4 || length > text.size()) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace

TEST_CASE("every code point but the surrogates is one valid sequence") {
  for (std::uint32_t point = 0; point <= 0x10ffff; ++point) {
    const std::string text = encode(point);
    const Utf8Sequence sequence = first_utf8_sequence(text + "\x80");
    if (is_surrogate(point)) {
      REQUIRE_FALSE(sequence.is_valid);
    } else {
      REQUIRE(sequence.is_valid);
      REQUIRE(sequence.length == text.size());
    }
  }
}

TEST_CASE("texts of up to four bytes are valid exactly if they are what encoding gives") {
  const std::vector<int> edges = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0,
                                  0xbf, 0xc0, 0xc2, 0xe0, 0xed, 0xf0, 0xf4, 0xff};
  const auto check = [](const std::string& text) { REQUIRE(is_utf8(text) == is_valid(text)); };
  for (int first = 0; first < 256; ++first) {
    check({static_cast<char>(first)});
    for (int second = 0; second < 256; ++second) {
      check({static_cast<char>(first), static_cast<char>(second)});
      for (int third : edges) {
        std::string text = {static_cast<char>(first), static_cast<char>(second),
                            static_cast<char>(third), 0};
        check(text.substr(0, 3));
        if (first < 0xf0) continue;
        for (int fourth : edges) {
          text[3] = static_cast<char>(fourth);
          check(text);
        }
      }
    }
  }
  CHECK(is_utf8(""));
}

TEST_CASE("what is not valid is replaced as the Unicode standard recommends") {
  // The standard's own examples (section 3.9).
  CHECK(repaired_utf8("\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41") == bad(8) + "A");
  CHECK(repaired_utf8("\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41") == bad(8) + "A");
  CHECK(repaired_utf8("\xf4\x91\x92\x93\xff\x41\x80\xbf\x42") == bad(5) + "A" + bad(2) + "B");
  CHECK(repaired_utf8("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41") == bad(4) + "A");
}

TEST_CASE("a character that is cut off at the end becomes one U+FFFD") {
  CHECK(repaired_utf8("caf\xc3") == "caf" + bad(1));
  CHECK(repaired_utf8("\xe2\x82") == bad(1));
  CHECK(repaired_utf8("\xf0\x9f\x90") == bad(1));
}

TEST_CASE("valid text is left as it is, zero bytes included") {
  for (const std::string& text :
       {""s, "plain"s, "a\0b"s, "z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x90\x9d"s}) {
    CHECK(repaired_utf8(text) == text);
  }
}

TEST_CASE("the length of what a text begins with is 0 if that is not valid") {
  CHECK(utf8_sequence_length("") == 0);
  CHECK(utf8_sequence_length("az") == 1);
  CHECK(utf8_sequence_length("\xe2\x82\xac!") == 3);
  CHECK(utf8_sequence_length("\xe2\x82!") == 0);
  CHECK(utf8_sequence_length("\x80") == 0);
}

TEST_CASE("a prefix is counted in characters and cuts none of them") {
  const std::string text = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x9dz";
  const std::size_t ends[] = {0, 1, 3, 6, 10, 11, 11};
  for (std::size_t count = 0; count < 7; ++count) {
    CHECK(leading_characters(text, count) == text.substr(0, ends[count]));
  }
  CHECK(leading_characters("", 3).empty());
}

TEST_CASE("in a prefix, what becomes one U+FFFD counts as one character") {
  CHECK(leading_characters("\x80\x80\x80\x80", 2) == "\x80\x80");
  CHECK(leading_characters("\xe2\x82\xff!", 1) == "\xe2\x82");
  CHECK(leading_characters("\xe2\x82\xff!", 2) == "\xe2\x82\xff");
}
