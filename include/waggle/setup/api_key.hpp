// Which kind of key this is, by its shape alone, and what is wrong with it where spans go straight
// to Honeycomb. Pure; nothing here repeats a key.
#ifndef WAGGLE_SETUP_API_KEY_HPP
#define WAGGLE_SETUP_API_KEY_HPP

#include <cstddef>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

enum class KeyKind {
  ClassicConfiguration,
  ClassicIngest,
  Configuration,
  Ingest,
  IngestId,
  ConfigurationId,
  Management,
  Unknown
};

// Which characters a kind has.
enum class KeyAlphabet { LowercaseHex, LowercaseAlphanumeric, Alphanumeric, Printable };

constexpr bool is_in(KeyAlphabet alphabet, char c) noexcept {
  const bool is_digit = c >= '0' && c <= '9';
  const bool is_lowercase = c >= 'a' && c <= 'z';
  switch (alphabet) {
    case KeyAlphabet::LowercaseHex:
      return is_digit || (c >= 'a' && c <= 'f');
    case KeyAlphabet::LowercaseAlphanumeric:
      return is_digit || is_lowercase;
    case KeyAlphabet::Alphanumeric:
      return is_digit || is_lowercase || (c >= 'A' && c <= 'Z');
    case KeyAlphabet::Printable:
      return c > ' ' && c < 0x7f;
  }
  return false;
}

// The shape of a kind: `prefix`, in which ? is any lowercase letter, then as many characters that
// the whole key has the length. The first shape that fits decides.
struct KeyShape {
  KeyKind kind;
  std::string_view prefix;
  KeyAlphabet alphabet;
  std::size_t shortest;
  std::size_t longest;
  std::string_view name;
  std::string_view problem;  // for those that cannot send, what a person is told
};

constexpr KeyShape kKeyShapes[] = {
    {KeyKind::ClassicConfiguration, "", KeyAlphabet::LowercaseHex, 32, 32, "classic key", {}},
    {KeyKind::ClassicIngest,
     "hc?ic_",
     KeyAlphabet::LowercaseAlphanumeric,
     64,
     64,
     "classic ingest key",
     {}},
    {KeyKind::Ingest, "hc?ik_", KeyAlphabet::Alphanumeric, 64, 64, "ingest key", {}},
    {KeyKind::Configuration, "", KeyAlphabet::Alphanumeric, 20, 23, "configuration key", {}},
    {KeyKind::Management, "hc?mk_", KeyAlphabet::Printable, 6, 4096, "management key",
     "is a management key, which cannot send traces: make an ingest key"},
    {KeyKind::IngestId, "hc?ik_", KeyAlphabet::Alphanumeric, 6, 32, "ingest key's id",
     "is an ingest key's id without the secret that belongs behind it: copy all 64 characters"},
    {KeyKind::ConfigurationId, "hc?lk_", KeyAlphabet::Printable, 6, 4096, "configuration key's id",
     "is a configuration key's id, not the key: copy the key itself"},
    {KeyKind::Unknown, "", KeyAlphabet::Printable, 0, 4096, "key of unknown kind",
     "has not the shape of any key that Honeycomb gives out: copy it once more"},
};

constexpr bool has_shape(std::string_view key, const KeyShape& shape) noexcept {
  if (key.size() < shape.shortest || key.size() > shape.longest) return false;
  for (std::size_t index = 0; index < key.size(); ++index) {
    const bool is_prefix = index < shape.prefix.size();
    const char expected = is_prefix ? shape.prefix[index] : '\0';
    const bool is_letter = key[index] >= 'a' && key[index] <= 'z';
    const bool fits = !is_prefix        ? is_in(shape.alphabet, key[index])
                      : expected == '?' ? is_letter
                                        : key[index] == expected;
    if (!fits) return false;
  }
  return true;
}

// Returns the shape that a key has; the last one if none.
constexpr const KeyShape& shape_of(std::string_view key) noexcept {
  for (const KeyShape& shape : kKeyShapes) {
    if (has_shape(key, shape)) return shape;
  }
  return kKeyShapes[sizeof(kKeyShapes) / sizeof(kKeyShapes[0]) - 1];
}

// Classic keys need a dataset's name beside them; for all others the service's name is that of the
// dataset (Honeycomb, husky IsClassicApiKey).
constexpr bool is_classic(std::string_view key) noexcept {
  const KeyKind kind = shape_of(key).kind;
  return kind == KeyKind::ClassicConfiguration || kind == KeyKind::ClassicIngest;
}

// Tells whether a key can stand in a header as it is. A colon is in management keys only.
constexpr bool is_sendable_key(std::string_view key) noexcept {
  constexpr std::string_view kMarks = "_-:";
  for (char c : key) {
    if (!is_in(KeyAlphabet::Alphanumeric, c) && kMarks.find(c) == kMarks.npos) return false;
  }
  return !key.empty();
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SETUP_API_KEY_HPP
