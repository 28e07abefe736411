// Reads what servers answer: a partial success, an error's words, whose a key is. The only home of
// nlohmann_json outside the tests. Whatever the server sends, reading it does not fail.
#ifndef WAGGLE_OTLP_REPLY_HPP
#define WAGGLE_OTLP_REPLY_HPP

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "waggle/core/config.hpp"
#include "waggle/otlp/utf8.hpp"
#include "waggle/sdk/joined.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Holds the parts of an answer that matter. `message` is printable and at most some 300 bytes long.
struct OtlpReply {
  std::uint64_t rejected_spans = 0;
  std::string message;
};

// Tells whether a character is a control character of either set (U+0000-1F, U+007F-9F): a terminal
// takes U+009B for the beginning of a command.
inline bool is_control_character(std::string_view character) noexcept {
  const auto last = static_cast<unsigned char>(character.back());
  if (character.size() == 1) return last < 0x20 || last == 0x7f;
  return character.size() == 2 && character.front() == '\xc2' && last < 0xa0;
}

// Makes a server's words fit for a log line: UTF-8 without control characters, cut between two
// characters if it is too long.
WAGGLE_COLD std::string printable(std::string_view text) {
  constexpr std::size_t kLongest = 300;
  std::string result;
  while (!text.empty()) {
    const Utf8Sequence sequence = first_utf8_sequence(text);
    const std::string_view character =
        sequence.is_valid ? text.substr(0, sequence.length) : kReplacementCharacter;
    if (result.size() + character.size() > kLongest) return joined({result, "..."});
    result += is_control_character(character) ? std::string_view(" ") : character;
    text.remove_prefix(sequence.length);
  }
  return result;
}

// Keeps those texts of a reply that can matter, by their path: "partialSuccess.errorMessage". Hears
// the parser instead of getting a tree from it: that tree allocates even to be thrown away, which
// may not be when memory is out.
class ReplyReader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  // Tells whether the reply is one JSON string, and nothing else.
  bool is_text() const noexcept { return is_text_; }
  bool has_partial_success() const noexcept { return has_partial_success_; }

  // Returns the text at `path`, "" being the reply itself; a whole number's digits if it is one.
  std::string text(const std::string& path) const { return found(texts_, path); }
  std::string whole_number(const std::string& path) const { return found(numbers_, path); }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool number_integer(number_integer_t number) override {
    if (is_heeded()) keep(numbers_, std::to_string(number));
    return true;
  }
  bool number_unsigned(number_unsigned_t number) override {
    if (is_heeded()) keep(numbers_, std::to_string(number));
    return true;
  }
  bool string(string_t& text) override {
    is_text_ = depth_ == 0 && skipped_ == 0;
    if (is_text_ || is_heeded()) keep(texts_, printable(text));
    return true;
  }

  bool key(string_t& name) override {
    if (skipped_ != 0) return true;
    name_ = name;
    has_partial_success_ |= depth_ == 1 && name == "partialSuccess";
    return true;
  }
  bool start_object(std::size_t) override {
    const std::string inner = depth_ == 0 ? std::string() : joined({prefix_, name_, "."});
    if (skipped_ != 0 || !can_matter(inner)) return skip();
    prefix_ = inner;
    ++depth_;
    return true;
  }
  bool end_object() override {
    if (skipped_ != 0) return end_array();
    --depth_;
    if (!prefix_.empty()) prefix_.pop_back();
    prefix_.resize(prefix_.rfind('.') + 1);
    return true;
  }
  bool start_array(std::size_t) override { return skip(); }
  bool end_array() override {
    --skipped_;
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception&) override {
    return false;
  }

 private:
  // By path; few enough to look at one after the other.
  using Texts = std::vector<std::pair<std::string, std::string>>;

  static std::string found(const Texts& texts, std::string_view path) {
    for (const auto& text : texts) {
      if (text.first == path) return text.second;
    }
    return {};
  }

  // A later value replaces an earlier one.
  WAGGLE_COLD void keep(Texts& texts, const std::string& value) {
    std::string path = joined({prefix_, name_});
    for (auto& text : texts) {
      if (text.first != path) continue;
      text.second = value;
      return;
    }
    texts.push_back({std::move(path), value});
  }

  static bool can_matter(std::string_view prefix) noexcept {
    return prefix.empty() || prefix == "partialSuccess." || prefix == "error." ||
           prefix == "partialSuccess.error." || prefix == "team." || prefix == "environment.";
  }

  // Tells whether a value here is a member of an object that can matter, under a name that can.
  bool is_heeded() const noexcept {
    if (depth_ == 0 || skipped_ != 0) return false;
    for (std::string_view name : {"message", "errorMessage", "error", "detail", "title", "reason",
                                  "status", "code", "type", "rejectedSpans", "slug"}) {
      if (name == name_) return true;
    }
    return false;
  }

  bool skip() noexcept {
    ++skipped_;
    return true;
  }

  Texts texts_;
  Texts numbers_;
  std::string prefix_;
  std::string name_;
  std::size_t depth_ = 0;    // of objects that can matter
  std::size_t skipped_ = 0;  // objects and arrays within one that cannot
  bool is_text_ = false;
  bool has_partial_success_ = false;
};

// Holds whose a key is, as their slugs stand in URLs. `team` is empty if that cannot be read,
// `environment` for a classic key.
struct KeyOwner {
  std::string team;
  std::string environment;
};

// Lets `reply` hear a body; false if that is not JSON. The parser's one caller: so a compiler sees
// that only JSON is asked for, and drops the readers of all the binary formats.
inline bool hear(std::string_view body, ReplyReader& reply) {
  return nlohmann::json::sax_parse(body.begin(), body.end(), &reply);
}

// Reads Honeycomb's answer to GET /1/auth (Honeycomb API, Auth).
inline KeyOwner read_key_owner(std::string_view body) {
  ReplyReader reply;
  if (!hear(body, reply)) return {};
  return {reply.text("team.slug"), reply.text("environment.slug")};
}

// Reads a count that may come as a number or, as OTLP/JSON has it, as a string.
WAGGLE_COLD std::uint64_t count_in(const ReplyReader& reply, const std::string& path) {
  std::string digits = reply.text(path);
  if (digits.empty()) digits = reply.whole_number(path);
  const bool is_count = digits.find_first_not_of("0123456789") == digits.npos;
  return is_count ? std::strtoull(digits.c_str(), nullptr, 10) : 0;
}

// Returns the first of an object's texts under these names that is not empty.
WAGGLE_COLD std::string text_in(const ReplyReader& reply, const std::string& object,
                                std::initializer_list<const char*> names) {
  for (const char* name : names) {
    std::string words = reply.text(joined({object, name}));
    if (!words.empty()) return words;
  }
  return {};
}

// Returns the words of an error under any of the names that servers and proxies use; of one that is
// an object of its own and has none, the code.
WAGGLE_COLD std::string message_in(const ReplyReader& reply, const std::string& object) {
  std::string words =
      text_in(reply, object, {"message", "errorMessage", "error", "detail", "title"});
  const std::string error = joined({object, "error."});
  if (words.empty()) {
    words =
        text_in(reply, error,
                {"message", "errorMessage", "reason", "detail", "title", "status", "code", "type"});
  }
  const std::string code = reply.whole_number(joined({error, "code"}));
  return words.empty() && !code.empty() ? joined({"code ", code}) : words;
}

// Reads a reply's body: ExportTraceServiceResponse, google.rpc.Status, another object with an error
// in it, or plain text, as it is or as a JSON string.
inline OtlpReply read_reply(std::string_view body) {
  ReplyReader reply;
  if (!hear(body, reply)) return {0, printable(body)};
  if (reply.is_text()) return {0, reply.text("")};
  if (!reply.has_partial_success()) return {0, message_in(reply, "")};
  return {count_in(reply, "partialSuccess.rejectedSpans"), message_in(reply, "partialSuccess.")};
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_OTLP_REPLY_HPP
