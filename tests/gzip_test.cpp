#include <doctest/doctest.h>
#include <zlib.h>

#include <cstdint>
#include <random>
#include <string>
#include <waggle/http/gzip.hpp>

namespace {

// Unpacks a gzip stream with zlib; empty and `complete` false unless it is one whole stream with a
// correct checksum and nothing behind it.
struct Unpacked {
  std::string text;
  bool complete = false;
};

Unpacked unpack(const std::string& packed) {
  Unpacked result;
  z_stream stream{};
  REQUIRE(inflateInit2(&stream, 15 + 16) == Z_OK);
  std::string input = packed;
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  int state = Z_OK;
  while (state == Z_OK) {
    char piece[32 * 1024];
    stream.next_out = reinterpret_cast<Bytef*>(piece);
    stream.avail_out = sizeof(piece);
    state = inflate(&stream, Z_NO_FLUSH);
    result.text.append(piece, sizeof(piece) - stream.avail_out);
  }
  result.complete = state == Z_STREAM_END && stream.avail_in == 0;
  inflateEnd(&stream);
  return result;
}

void check_round_trip(waggle::Gzip& gzip, const std::string& text) {
  std::string packed;
  REQUIRE(gzip.compress(text, packed));
  const Unpacked unpacked = unpack(packed);
  CHECK(unpacked.complete);
  CHECK((unpacked.text == text));
}

std::string random_bytes(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

std::string spans_like(std::size_t size) {
  std::string text;
  std::mt19937_64 random(7);
  while (text.size() < size) {
    text += R"({"traceId":")" + std::to_string(random()) + R"(","name":"GET /cart","kind":2},)";
  }
  return text;
}

}  // namespace

TEST_CASE("what gzip packs, zlib unpacks to the same text") {
  waggle::Gzip gzip;
  check_round_trip(gzip, R"({"resourceSpans":[]})");
}

TEST_CASE("an empty body is a complete gzip stream") {
  waggle::Gzip gzip;
  check_round_trip(gzip, "");
}

TEST_CASE("five megabytes of spans come back and take a fraction of the room") {
  waggle::Gzip gzip;
  const std::string spans = spans_like(5 * 1024 * 1024);
  std::string packed;
  REQUIRE(gzip.compress(spans, packed));
  CHECK(packed.size() < spans.size() / 3);
  CHECK((unpack(packed).text == spans));
}

TEST_CASE("random data, which cannot shrink, comes back") {
  waggle::Gzip gzip;
  for (const std::size_t size : {1u, 100u, 16u * 1024u, 16u * 1024u + 1u, 3u * 1024u * 1024u}) {
    CAPTURE(size);
    check_round_trip(gzip, random_bytes(size, 42));
  }
}

TEST_CASE("one object packs body after body without a trace of the one before") {
  waggle::Gzip used;
  std::string packed_by_used;
  for (unsigned turn = 0; turn < 20; ++turn) {
    const std::string body = random_bytes(turn * 3000, turn) + spans_like(turn * 5000);
    REQUIRE(used.compress(body, packed_by_used));
    waggle::Gzip fresh;
    std::string packed_by_fresh;
    REQUIRE(fresh.compress(body, packed_by_fresh));
    CHECK((packed_by_used == packed_by_fresh));
    CHECK((unpack(packed_by_used).text == body));
  }
}

TEST_CASE("the output's memory is kept for the next body") {
  waggle::Gzip gzip;
  std::string packed;
  REQUIRE(gzip.compress(random_bytes(200000, 1), packed));
  const char* const memory = packed.data();
  REQUIRE(gzip.compress(random_bytes(190000, 2), packed));
  CHECK((packed.data() == memory));
}

TEST_CASE("what the output held before is replaced") {
  waggle::Gzip gzip;
  std::string packed = "left over";
  REQUIRE(gzip.compress("new", packed));
  CHECK(unpack(packed).text == "new");
}

TEST_CASE("a level that zlib refuses is told by every call and leaves no output") {
  waggle::Gzip gzip(99);
  std::string packed = "left over";
  CHECK_FALSE(gzip.compress("body", packed));
  CHECK(packed.empty());
}
