#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>
#include <waggle/otlp/key_fragments.hpp>

using namespace waggle::detail;
using waggle::ValueTag;

namespace {

std::string found(KeyFragments& fragments, const std::string& key, ValueTag tag) {
  const KeyFragment* fragment = fragments.find(key, tag);
  return fragment != nullptr ? std::string(fragment->text, fragment->size) : "";
}

std::string expected(const std::string& key, ValueTag tag) {
  return R"({"key":")" + key + R"(","value":)" + std::string(value_opening(tag));
}

}  // namespace

TEST_CASE("keys that differ in one byte, anywhere, have fragments of their own") {
  KeyFragments fragments;
  for (std::size_t size = 1; size <= KeyIdentity::kLongestKey; ++size) {
    const std::string key(size, 'k');
    CHECK(found(fragments, key, ValueTag::Int64) == expected(key, ValueTag::Int64));
    for (std::size_t at = 0; at < size; ++at) {
      std::string other = key;
      other[at] = 'z';
      REQUIRE_FALSE(KeyIdentity(other, ValueTag::Int64) == KeyIdentity(key, ValueTag::Int64));
      REQUIRE(found(fragments, other, ValueTag::Int64) == expected(other, ValueTag::Int64));
    }
  }
}

TEST_CASE("a key whose bytes begin another, or are zeros, is not that other") {
  KeyFragments fragments;
  const std::string zeros(3, '\0');
  CHECK_FALSE(KeyIdentity("k", ValueTag::Text) == KeyIdentity("kk", ValueTag::Text));
  CHECK_FALSE(KeyIdentity(zeros, ValueTag::Text) == KeyIdentity(zeros + '\0', ValueTag::Text));
  CHECK_FALSE(KeyIdentity("aaaaaaaa", ValueTag::Text) == KeyIdentity("aaaaaaaaa", ValueTag::Text));
  CHECK(found(fragments, "kkkkkkkkk", ValueTag::Text) == expected("kkkkkkkkk", ValueTag::Text));
  CHECK(found(fragments, "kkkkkkkkkk", ValueTag::Text) == expected("kkkkkkkkkk", ValueTag::Text));
}

TEST_CASE("each kind of value has its own opening, and lists have none") {
  KeyFragments fragments;
  for (const ValueTag tag : {ValueTag::Boolean, ValueTag::Int64, ValueTag::Double, ValueTag::Text,
                             ValueTag::Bytes, ValueTag::Unsigned, ValueTag::MangledType}) {
    CHECK(found(fragments, "order.id", tag) == expected("order.id", tag));
  }
  for (const ValueTag tag : {ValueTag::Empty, ValueTag::Array, ValueTag::Map}) {
    CHECK(found(fragments, "order.id", tag).empty());
  }
}

TEST_CASE("keys that are too long or have to be escaped have no fragment, again and again") {
  KeyFragments fragments;
  for (const std::string key : {"say \"hi\"", "back\\slash", "line\nbreak", "caf\xc3\xa9",
                                "123456789012345678901234567890123", "\x80"}) {
    for (int time = 0; time < 3; ++time) CHECK(found(fragments, key, ValueTag::Text).empty());
  }
}

TEST_CASE("more keys than there are places: each time the right fragment") {
  std::mt19937_64 random(31);
  std::vector<std::string> keys;
  for (int i = 0; i < 600; ++i) {
    std::string key(1 + random() % KeyIdentity::kLongestKey, ' ');
    for (char& c : key) c = "abc."[random() % 4];
    keys.push_back(key);
  }
  KeyFragments fragments;
  for (int round = 0; round < 100000; ++round) {
    const std::string& key = keys[random() % keys.size()];
    const auto tag = random() % 2 == 0 ? ValueTag::Text : ValueTag::Double;
    REQUIRE(found(fragments, key, tag) == expected(key, tag));
  }
}
