#include <doctest/doctest.h>

#include <charconv>
#include <clocale>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>
#include <waggle/otlp/json_writer.hpp>

using namespace waggle::detail;
using nlohmann::json;
using namespace std::string_literals;

namespace {

std::string written_string(std::string_view value) {
  JsonWriter writer;
  writer.string(value);
  return writer.text();
}

std::string written_uint64(std::uint64_t value) {
  JsonWriter writer;
  writer.uint64(value);
  return writer.text();
}

std::string written_base64(std::string_view bytes) {
  JsonWriter writer;
  writer.base64(bytes);
  return writer.text();
}

std::string written_float64(double value) {
  char text[kLongestNumber];
  return {text, write_float64(text, value)};
}

// Returns the shortest form with an exponent that reads back the same, by trying.
std::string shortest_with_exponent(double value) {
  char text[64];
  for (int digits = 0; digits <= 17; ++digits) {
    std::snprintf(text, sizeof(text), "%.*e", digits, value);
    if (std::strtod(text, nullptr) == value) break;
  }
  return text;
}

// Makes numbers have a decimal comma while it lives, if the machine has a locale with one.
class DecimalComma {
 public:
  DecimalComma() : before_(std::setlocale(LC_NUMERIC, nullptr)) {
    for (const char* name : {"de_DE.UTF-8", "de_DE.utf8", "de_DE", "fr_FR.UTF-8", "fr_FR"}) {
      if (std::setlocale(LC_NUMERIC, name) != nullptr) break;
    }
  }
  ~DecimalComma() { std::setlocale(LC_NUMERIC, before_.c_str()); }
  DecimalComma(const DecimalComma&) = delete;
  DecimalComma& operator=(const DecimalComma&) = delete;

  static bool is_there() { return *std::localeconv()->decimal_point == ','; }

 private:
  const std::string before_;
};

// Returns what an independent writer and reader make of the bytes: bad UTF-8 becomes U+FFFD.
std::string repaired_elsewhere(const std::string& bytes) {
  return json::parse(json(bytes).dump(-1, ' ', false, json::error_handler_t::replace));
}

}  // namespace

TEST_CASE("quotes, backslashes and control characters are escaped, and nothing else is") {
  CHECK(written_string("") == R"("")");
  CHECK(written_string("say \"hi\"") == R"("say \"hi\"")");
  CHECK(written_string("C:\\temp") == R"("C:\\temp")");
  CHECK(written_string("a\nb\rc\td") == R"("a\nb\rc\td")");
  CHECK(written_string("\0\x01\b\f\x1f"s) == R"("\u0000\u0001\u0008\u000c\u001f")");
  CHECK(written_string("a/b <&>' \x7f") == "\"a/b <&>' \x7f\"");
  CHECK(written_string("\xe2\x80\xa8\xf0\x9f\x90\x9d") == "\"\xe2\x80\xa8\xf0\x9f\x90\x9d\"");
}

TEST_CASE("each byte at each place of a text of any length reads back") {
  for (std::size_t size = 1; size <= 40; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string text(size, 'x');
        text[at] = static_cast<char>(byte);
        const json read = json::parse(written_string(text), nullptr, false);
        REQUIRE(read.is_string());
        if (byte < 0x80) {
          REQUIRE(read.get<std::string>() == text);
        } else {
          REQUIRE(read.get<std::string>() ==
                  text.substr(0, at) + "\xef\xbf\xbd" + text.substr(at + 1));
        }
      }
    }
  }
}

TEST_CASE("a text is read no further than its end") {
  for (std::size_t size = 0; size <= 20; ++size) {
    const std::vector<char> exact(size, 'y');  // a sanitizer sees the first byte behind it
    CHECK(written_string({exact.data(), exact.size()}) == '"' + std::string(size, 'y') + '"');
  }
}

TEST_CASE("bytes of any kind give what another implementation makes of them") {
  std::mt19937_64 random(20);
  const std::string alphabet =
      "aA0\"\\\n\x01\x7f\x80\x8f\x9f\xa0\xbf\xc2\xc3\xe0\xe2\xed\xf0\xf4\xff";
  for (int round = 0; round < 20000; ++round) {
    std::string text(random() % 40, ' ');
    for (char& c : text) {
      c = round % 2 == 0 ? static_cast<char>(random()) : alphabet[random() % alphabet.size()];
    }
    const json read = json::parse(written_string(text), nullptr, false);
    REQUIRE(read.is_string());
    REQUIRE(read.get<std::string>() == repaired_elsewhere(text));
  }
}

TEST_CASE("long texts come out whole, wherever they begin") {
  std::string text;
  for (int i = 0; i < 3000; ++i) text += i % 7 == 0 ? "\xe2\x82\xac" : i % 5 == 0 ? "\n" : "bee";
  for (std::size_t before = 3980; before < 4110; ++before) {
    JsonWriter writer;
    writer.raw("[");
    for (std::size_t i = 1; i < before; ++i) writer.raw(" ");
    writer.string(text);
    writer.raw("]");
    CHECK(writer.size() == writer.text().size());
    REQUIRE(json::parse(writer.text()).at(0) == text);
  }
}

TEST_CASE("every kind of value can stand where the writer's block ends") {
  for (std::size_t before = 3900; before < 4100; ++before) {
    JsonWriter writer;
    writer.raw("[\"" + std::string(before, 'x') + "\",");
    writer.uint64(1700000000123456789);
    writer.raw(",");
    writer.int64(std::numeric_limits<std::int64_t>::min());
    writer.raw(",");
    writer.piece([](char* to) { return write_float64(to, -1.2345678901234567e-300); });
    writer.raw(",");
    writer.id(waggle::TraceId{1, 2});
    writer.raw(",");
    writer.base64("any bytes");
    writer.raw("]");
    const json read = json::parse(writer.text());
    REQUIRE(read.at(1) == "1700000000123456789");
    REQUIRE(read.at(2) == "-9223372036854775808");
    REQUIRE(read.at(3) == -1.2345678901234567e-300);
    REQUIRE(read.at(4) == "00000000000000010000000000000002");
    REQUIRE(read.at(5) == "YW55IGJ5dGVz");
  }
}

TEST_CASE("64-bit numbers are decimal text") {
  constexpr std::uint64_t kNineteen = 1000000000000000000U;
  for (std::uint64_t value : {std::uint64_t{0}, std::uint64_t{9}, std::uint64_t{10}, kNineteen - 1,
                              kNineteen, kNineteen + 1, 10 * kNineteen - 1, 10 * kNineteen,
                              std::numeric_limits<std::uint64_t>::max()}) {
    CHECK(written_uint64(value) == '"' + std::to_string(value) + '"');
  }
  std::mt19937_64 random(21);
  for (int round = 0; round < 100000; ++round) {
    const std::uint64_t value = random() >> random() % 64;
    REQUIRE(written_uint64(value) == '"' + std::to_string(value) + '"');
    const std::uint64_t time = kNineteen + random() % (9 * kNineteen);
    REQUIRE(written_uint64(time) == '"' + std::to_string(time) + '"');
  }
  JsonWriter writer;
  writer.int64(std::numeric_limits<std::int64_t>::min());
  writer.int64(-1);
  writer.int64(std::numeric_limits<std::int64_t>::max());
  writer.uint32(std::numeric_limits<std::uint32_t>::max());
  CHECK(writer.text() == R"("-9223372036854775808""-1""9223372036854775807"4294967295)");
}

TEST_CASE("eight decimal digits are right in each half") {
  for (std::uint64_t half = 0; half < 10000; ++half) {
    for (std::uint64_t number : {half, half * 10000 + 9999 - half}) {
      char expected[9];
      std::snprintf(expected, sizeof(expected), "%08u", static_cast<unsigned>(number));
      const std::uint64_t digits = decimal_digits(number);
      REQUIRE(std::memcmp(&digits, expected, 8) == 0);
    }
  }
}

TEST_CASE("ids are lowercase hexadecimal digits, leading zeros included") {
  std::mt19937_64 random(22);
  for (int round = 0; round < 10000; ++round) {
    const waggle::TraceId trace_id{random() >> random() % 64, random()};
    const waggle::SpanId span_id{random() >> random() % 64};
    JsonWriter writer;
    writer.id(trace_id);
    writer.id(span_id);
    char expected[64];
    std::snprintf(expected, sizeof(expected), "\"%016llx%016llx\"\"%016llx\"",
                  static_cast<unsigned long long>(trace_id.high),
                  static_cast<unsigned long long>(trace_id.low),
                  static_cast<unsigned long long>(span_id.value));
    REQUIRE(writer.text() == expected);
  }
}

TEST_CASE("short decimals, and their neighbours, look as std::to_chars has them") {
  std::mt19937_64 random(24);
  const auto check = [](double value) {
    char expected[64];
    *std::to_chars(expected, expected + sizeof(expected), value).ptr = '\0';
    REQUIRE(written_float64(value) == expected);
  };
  for (int round = 0; round < 300000; ++round) {
    const int decimals = round % 5;
    const double tens = decimals == 0 ? 1 : decimals == 1 ? 10 : decimals == 2 ? 100 : 1000;
    const double bound = round % 2 == 0 ? 300 : 120000;
    double value = std::floor(static_cast<double>(random() >> 11) / 0x1p53 * bound * tens) / tens;
    if (round % 3 == 0) value = -value;
    check(value);
    check(std::nextafter(value, 1e300));
    check(std::nextafter(value, -1e300));
  }
}

TEST_CASE("doubles read back bit by bit, and are JSON") {
  std::mt19937_64 random(23);
  const double edges[] = {0.0,
                          -0.0,
                          0.1,
                          1e21,
                          1e22,
                          5e-324,
                          -5e-324,
                          2.2250738585072009e-308,  // the largest that is denormal
                          12.5,
                          1e308,
                          -1e308,
                          std::numeric_limits<double>::max(),
                          std::numeric_limits<double>::min()};
  for (int round = 0; round < 50000; ++round) {
    double value = 0;
    const std::uint64_t bits = random();
    std::memcpy(&value, &bits, sizeof(value));
    if (round < static_cast<int>(std::size(edges))) value = edges[round];
    if (!std::isfinite(value)) continue;
    const std::string text = written_float64(value);
    const double read = std::strtod(text.c_str(), nullptr);
    REQUIRE(std::memcmp(&read, &value, sizeof(value)) == 0);
    REQUIRE(json::parse(text, nullptr, false).is_number());
    REQUIRE(text.size() <= shortest_with_exponent(value).size());
  }
  CHECK(written_float64(0.1) == "0.1");
  CHECK(written_float64(-0.0) == "-0");
  CHECK(written_float64(5e-324) == "5e-324");
  CHECK(written_float64(1e308) == "1e+308");
}

TEST_CASE("a double has a point where the locale has a comma") {
  const DecimalComma comma;
  if (!DecimalComma::is_there()) {
    MESSAGE("NOT TESTED: this machine has no locale with a decimal comma, such as de_DE.UTF-8");
    return;
  }
  for (double value : {0.5, -1234567.25, 1e-7, 1.5e300}) {
    const std::string text = written_float64(value);
    CHECK(text.find(',') == text.npos);
    CHECK(json::parse(text, nullptr, false).get<double>() == value);
  }
}

TEST_CASE("bytes are base64 with padding") {
  // RFC 4648, section 10.
  CHECK(written_base64("") == R"("")");
  CHECK(written_base64("f") == R"("Zg==")");
  CHECK(written_base64("fo") == R"("Zm8=")");
  CHECK(written_base64("foo") == R"("Zm9v")");
  CHECK(written_base64("foob") == R"("Zm9vYg==")");
  CHECK(written_base64("fooba") == R"("Zm9vYmE=")");
  CHECK(written_base64("foobar") == R"("Zm9vYmFy")");
  CHECK(written_base64("\xff\xfe\xfb\xef\x00"s) == R"("//777wA=")");
}

TEST_CASE("a writer that is used again keeps its memory and nothing else") {
  JsonWriter writer;
  const auto write = [&] {
    writer.clear();
    for (int i = 0; i < 1000; ++i) writer.string("a text of some length");
    return writer.text();
  };
  const std::string first = write();
  const char* memory = writer.text().data();
  CHECK(write() == first);
  CHECK(writer.text().data() == memory);
  writer.clear();
  CHECK(writer.size() == 0);
  CHECK(writer.text().empty());
}
