#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <waggle/otlp/reply.hpp>
#include <waggle/otlp/utf8.hpp>

using namespace waggle::detail;
using namespace std::string_literals;

namespace {

// What a message may take, its mark of a cut included.
constexpr std::size_t kLongestMessage = 303;

std::string message(const std::string& body) { return read_reply(body).message; }

// Returns the count of a partial success whose number is written as `number`.
std::uint64_t rejected(const std::string& number) {
  return read_reply(R"({"partialSuccess":{"rejectedSpans":)" + number + "}}").rejected_spans;
}

std::string repeated(const std::string& piece, std::size_t count) {
  std::string text;
  for (; count != 0; --count) text += piece;
  return text;
}

// Tells whether a text is UTF-8 without control characters of either set, and not too long.
bool fits_log_line(const std::string& text) {
  if (!is_utf8(text) || text.size() > kLongestMessage) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7f) return false;
    if (byte == 0xc2 && static_cast<unsigned char>(text[i + 1]) < 0xa0) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("a full success says nothing") {
  for (const char* body : {"", "{}", R"({"partialSuccess":{}})", R"({"partialSuccess":null})",
                           R"({"partialSuccess":{"rejectedSpans":"0","errorMessage":""}})"}) {
    const OtlpReply reply = read_reply(body);
    CHECK(reply.rejected_spans == 0);
    CHECK(reply.message.empty());
  }
}

TEST_CASE("a partial success counts spans, as a number or a string, and says why") {
  CHECK(rejected("7") == 7);
  CHECK(rejected(R"("7")") == 7);
  CHECK(rejected(R"("9223372036854775807")") == 9223372036854775807);
  const OtlpReply reply =
      read_reply(R"({"partialSuccess":{"rejectedSpans":"2","errorMessage":"too old"}})");
  CHECK(reply.rejected_spans == 2);
  CHECK(reply.message == "too old");
}

TEST_CASE("a warning may come with a full success") {
  const OtlpReply reply = read_reply(R"({"partialSuccess":{"errorMessage":"use the new URL"}})");
  CHECK(reply.rejected_spans == 0);
  CHECK(reply.message == "use the new URL");
}

TEST_CASE("a count that is none rejects nothing") {
  for (const char* number : {"null", "true", "-3", "2.5", R"("")", R"("many")", R"("-3")",
                             R"(" 3")", R"("3 ")", R"("0x3")", R"("1e3")", "[3]", R"({"n":3})"}) {
    CAPTURE(number);
    CHECK(rejected(number) == 0);
  }
}

TEST_CASE("a count past 64 bits is as high as can be, if it comes as a string") {
  CHECK(rejected(R"("99999999999999999999999999")") == std::numeric_limits<std::uint64_t>::max());
}

TEST_CASE("parts of the wrong type are passed over") {
  for (const char* partial : {"null", "3", "[]", R"("text")", "true"}) {
    const OtlpReply reply = read_reply(R"({"partialSuccess":)"s + partial + "}");
    CHECK(reply.rejected_spans == 0);
    CHECK(reply.message.empty());
  }
  CHECK(message(R"({"message":7,"error":null,"title":"Bad"})") == "Bad");
  CHECK(message(R"({"message":"","detail":"why"})") == "why");
}

TEST_CASE("an error's words are found under the names that servers use") {
  CHECK(message(R"({"code":3,"message":"bad span","details":[]})") == "bad span");
  CHECK(message(R"({"error":"unknown API key"})") == "unknown API key");
  CHECK(message(R"({"title":"Too large","status":413})") == "Too large");
  CHECK(message(R"({"title":"Bad request","detail":"line 1"})") == "line 1");
  CHECK(message("\xef\xbb\xbf{\"error\":\"with a byte order mark\"}") == "with a byte order mark");
}

TEST_CASE("an error that is an object of its own gives its words, or else its code") {
  CHECK(message(R"({"error":{"code":401,"message":"bad key","status":"UNAUTHENTICATED"}})") ==
        "bad key");
  CHECK(message(R"({"error":{"code":403,"status":"PERMISSION_DENIED"}})") == "PERMISSION_DENIED");
  CHECK(message(R"({"error":{"message":"","type":"x","reason":"closed"}})") == "closed");
  CHECK(message(R"({"error":{"code":"invalid_key","type":"auth"}})") == "invalid_key");
  CHECK(message(R"({"error":{"code":16}})") == "code 16");
  CHECK(message(R"({"error":{"code":18446744073709551615}})") == "code 18446744073709551615");
  CHECK(message(R"({"error":{"code":-2}})") == "code -2");
  CHECK(message(R"({"error":{"message":"a\u001bb"}})") == "a b");
  CHECK(message(R"({"error":{"message":")" + std::string(400, 'x') + "\"}}") ==
        std::string(300, 'x') + "...");
  CHECK(message(R"({"error":{"message":"inner"},"message":"outer"})") == "outer");
  for (const char* error : {"{}", "[]", "7", "null", "true", R"({"code":1.5})", R"({"code":{}})",
                            R"({"message":{"message":"deeper"}})", R"([{"message":"listed"}])"}) {
    CAPTURE(error);
    CHECK(message(R"({"error":)"s + error + "}").empty());
  }
}

TEST_CASE("an answer that is a JSON string is what it says") {
  CHECK(message(R"("unknown API key")") == "unknown API key");
  CHECK(message(R"( "caf\u00e9\n" )") == "caf\xc3\xa9 ");
  CHECK(message(R"("")").empty());
  CHECK(message("\"" + std::string(400, 'x') + "\"") == std::string(300, 'x') + "...");
  for (const char* body : {"7", "null", "true", R"(["text"])"}) CHECK(message(body).empty());
}

TEST_CASE("an answer that is no JSON is its own words") {
  const std::string html = "<html><body><h1>502 Bad Gateway</h1></body></html>";
  CHECK(message(html) == html);
  CHECK(message("upstream connect error") == "upstream connect error");
  CHECK(message(R"({"error":1e999})") == R"({"error":1e999})");
}

TEST_CASE("an answer that is cut off anywhere is read without a count") {
  const std::string whole =
      R"({"partialSuccess":{"rejectedSpans":"5","errorMessage":"caf\u00e9 \ud83d\udc1d"}})";
  REQUIRE(read_reply(whole).rejected_spans == 5);
  CHECK(read_reply(whole).message == "caf\xc3\xa9 \xf0\x9f\x90\x9d");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const OtlpReply reply = read_reply(whole.substr(0, size));
    CHECK(reply.rejected_spans == 0);
    CHECK(reply.message == whole.substr(0, size));
  }
}

TEST_CASE("an answer may be nested a million times") {
  constexpr std::size_t kDepth = 1 << 20;
  CHECK(message(std::string(kDepth, '[')) == std::string(300, '[') + "...");
  CHECK(message(std::string(kDepth, '[') + std::string(kDepth, ']')).empty());
}

TEST_CASE("words are found beside what is nested deeply") {
  constexpr std::size_t kDepth = 100000;
  const std::string deep = repeated(R"({"error":)", kDepth) + "1" + repeated("}", kDepth);
  CHECK(message(R"({"title":"deep","error":)" + deep + "}") == "deep");
  CHECK(fits_log_line(message(deep.substr(0, deep.size() / 2))));
}

TEST_CASE("control characters become blanks, escaped or not") {
  CHECK(message(R"({"error":"a\n\t\u0000\u001b[31mb\u007fc"})") == "a    [31mb c");
  CHECK(message("a\r\n\x1b]0;title\x07 b\x7f") == "a   ]0;title  b ");
  // U+009B opens a terminal's sequences as ESC [ does.
  CHECK(message(R"({"error":"a\u009b31mb\u0080\u009f\u00a0"})") == "a 31mb  \xc2\xa0");
}

TEST_CASE("what is no UTF-8 in an answer becomes U+FFFD") {
  CHECK(message("caf\xe9 ferm\xe9") == "caf\xef\xbf\xbd ferm\xef\xbf\xbd");
  CHECK(message("{\"error\":\"caf\xe9\"}") == "{\"error\":\"caf\xef\xbf\xbd\"}");
}

TEST_CASE("long messages are cut between characters") {
  CHECK(message(std::string(300, 'x')) == std::string(300, 'x'));
  CHECK(message(std::string(301, 'x')) == std::string(300, 'x') + "...");
  for (const char* character : {"\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x90\x9d", "\xff"}) {
    for (std::size_t before = 290; before <= 300; ++before) {
      const std::string text = message(std::string(before, 'x') + repeated(character, 400));
      CHECK(fits_log_line(text));
      CHECK(text.size() > 296);
      CHECK(text.substr(text.size() - 3) == "...");
    }
  }
}

TEST_CASE("any bytes at all give a message that fits a log line") {
  constexpr std::uint64_t kSeed = 40;
  CAPTURE(kSeed);
  std::mt19937_64 random(kSeed);
  const std::string alphabet = "{}[]\",:\\u00partialSuccess\n\x1b\x7f\x80\x9b\xc2\xe2\xf0\xff";
  for (int round = 0; round < 20000; ++round) {
    CAPTURE(round);
    std::string body(random() % 400, ' ');
    for (char& c : body) {
      c = round % 2 == 0 ? static_cast<char>(random()) : alphabet[random() % alphabet.size()];
    }
    if (round % 3 == 0) body = R"({"error":")" + body + "\"}";
    REQUIRE(fits_log_line(message(body)));
  }
}
