// Reads what an OTLP server answers: a partial success, or an error's words. The only home of
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

#include "waggle/otlp/utf8.hpp"

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
inline std::string printable(std::string_view text) {
  constexpr std::size_t kLongest = 300;
  std::string result;
  while (!text.empty()) {
    const Utf8Sequence sequence = first_utf8_sequence(text);
    const std::string_view character =
        sequence.is_valid ? text.substr(0, sequence.length) : kReplacementCharacter;
    if (result.size() + character.size() > kLongest) return result + "...";
    result += is_control_character(character) ? std::string_view(" ") : character;
    text.remove_prefix(sequence.length);
  }
  return result;
}

inline const nlohmann::json* member(const nlohmann::json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

// Reads a count that may come as a number or, as OTLP/JSON has it, as a string.
inline std::uint64_t count_in(const nlohmann::json& value) {
  if (value.is_number_unsigned()) return value.get<std::uint64_t>();
  if (!value.is_string()) return 0;
  const std::string& text = value.get_ref<const std::string&>();
  const bool is_number = !text.empty() && text.find_first_not_of("0123456789") == text.npos;
  return is_number ? std::strtoull(text.c_str(), nullptr, 10) : 0;
}

// Returns the first of an object's texts under these names that is not empty, fit for a log line.
inline std::string text_in(const nlohmann::json& object, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const nlohmann::json* words = member(object, name);
    if (words != nullptr && words->is_string() && !words->get_ref<const std::string&>().empty()) {
      return printable(words->get_ref<const std::string&>());
    }
  }
  return {};
}

// Returns what an error that is an object of its own says; its code, if it has no words.
inline std::string nested_error(const nlohmann::json& error) {
  std::string words = text_in(
      error, {"message", "errorMessage", "reason", "detail", "title", "status", "code", "type"});
  const nlohmann::json* code = member(error, "code");
  if (words.empty() && code != nullptr && code->is_number_integer()) words = "code " + code->dump();
  return words;
}

// Returns the words of an error under any of the names that servers and proxies use.
inline std::string message_in(const nlohmann::json& object) {
  std::string words = text_in(object, {"message", "errorMessage", "error", "detail", "title"});
  const nlohmann::json* error = member(object, "error");
  if (words.empty() && error != nullptr) words = nested_error(*error);
  return words;
}

// Reads a reply's body: ExportTraceServiceResponse, google.rpc.Status, another object with an error
// in it, or plain text, as it is or as a JSON string.
inline OtlpReply read_reply(std::string_view body) {
  OtlpReply reply;
  const nlohmann::json json = nlohmann::json::parse(body, nullptr, false);
  if (json.is_discarded() || json.is_string()) {
    reply.message = printable(json.is_string() ? json.get_ref<const std::string&>() : body);
    return reply;
  }
  const nlohmann::json* partial = member(json, "partialSuccess");
  if (partial == nullptr) {
    reply.message = message_in(json);
    return reply;
  }
  if (const nlohmann::json* rejected = member(*partial, "rejectedSpans")) {
    reply.rejected_spans = count_in(*rejected);
  }
  reply.message = message_in(*partial);
  return reply;
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_OTLP_REPLY_HPP
