// Reads an OTLP/JSON trace body as strictly as the strictest receiver: nothing unknown, no member
// twice, 64-bit numbers and times as strings everywhere, ids of exact length. Written from the
// rules, without any code of the library.
#ifndef WAGGLE_TESTS_SUPPORT_STRICT_OTLP_HPP
#define WAGGLE_TESTS_SUPPORT_STRICT_OTLP_HPP

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace waggle_test {

// Holds what is wrong with a body, one line each; empty if nothing is.
class StrictOtlpReader {
 public:
  explicit StrictOtlpReader(const std::string& body) {
    const Json json = parse(body);
    if (json.is_discarded()) {
      complain("the body is not JSON, or has a member twice");
    } else {
      read_object("body", json, {{"resourceSpans", &StrictOtlpReader::resource_spans}},
                  {"resourceSpans"});
    }
  }

  const std::vector<std::string>& complaints() const { return complaints_; }

 private:
  using Json = nlohmann::json;
  using Reader = void (StrictOtlpReader::*)(const Json&);
  using Members = std::map<std::string, Reader>;

  void complain(const std::string& text) { complaints_.push_back(text); }
  void expect(bool condition, const std::string& text) {
    if (!condition) complain(text);
  }

  // Parses; discarded if an object has a name twice, which the parser itself would not mind.
  static Json parse(const std::string& body) {
    std::vector<std::set<std::string>> names;
    bool is_twice = false;
    const auto watch = [&](int, Json::parse_event_t event, Json& value) {
      if (event == Json::parse_event_t::object_start) names.emplace_back();
      if (event == Json::parse_event_t::object_end) names.pop_back();
      if (event == Json::parse_event_t::key) {
        if (!names.back().insert(value.get<std::string>()).second) is_twice = true;
      }
      return true;
    };
    Json json = Json::parse(body, watch, false);
    return is_twice ? Json(Json::value_t::discarded) : json;
  }

  void read_object(const std::string& what, const Json& json, const Members& members,
                   const std::set<std::string>& required) {
    if (!json.is_object()) return complain(what + " is no object");
    for (const auto& item : json.items()) {
      const auto member = members.find(item.key());
      if (member == members.end()) {
        complain(what + " has an unknown member " + item.key());
      } else {
        (this->*member->second)(item.value());
      }
    }
    for (const std::string& name : required) {
      expect(json.contains(name), what + " has no " + name);
    }
  }

  // A list that is written has something in it: empty ones are left out.
  void read_list(const std::string& what, const Json& json, Reader read) {
    if (!json.is_array() || json.empty()) return complain(what + " is no list, or an empty one");
    for (const Json& element : json) (this->*read)(element);
  }

  // ---- the messages ----

  void resource_spans(const Json& json) {
    read_list("resourceSpans", json, &StrictOtlpReader::resource_span);
  }
  void resource_span(const Json& json) {
    read_object("resourceSpans", json,
                {{"resource", &StrictOtlpReader::resource},
                 {"scopeSpans", &StrictOtlpReader::scope_spans},
                 {"schemaUrl", &StrictOtlpReader::some_text}},
                {"resource", "scopeSpans"});
  }
  void resource(const Json& json) {
    read_object("resource", json, {{"attributes", &StrictOtlpReader::attributes}}, {});
  }
  void scope_spans(const Json& json) {
    read_list("scopeSpans", json, &StrictOtlpReader::scope_span);
  }
  void scope_span(const Json& json) {
    read_object("scopeSpans", json,
                {{"scope", &StrictOtlpReader::scope},
                 {"spans", &StrictOtlpReader::spans},
                 {"schemaUrl", &StrictOtlpReader::some_text}},
                {"scope", "spans"});
  }
  void scope(const Json& json) {
    read_object("scope", json,
                {{"name", &StrictOtlpReader::text},
                 {"version", &StrictOtlpReader::some_text},
                 {"attributes", &StrictOtlpReader::attributes},
                 {"droppedAttributesCount", &StrictOtlpReader::count}},
                {});
  }
  void spans(const Json& json) { read_list("spans", json, &StrictOtlpReader::span); }
  void span(const Json& json) {
    read_object(
        "span", json,
        {{"traceId", &StrictOtlpReader::trace_id},
         {"spanId", &StrictOtlpReader::span_id},
         {"traceState", &StrictOtlpReader::some_text},
         {"parentSpanId", &StrictOtlpReader::span_id},
         {"flags", &StrictOtlpReader::flags},
         {"name", &StrictOtlpReader::text},
         {"kind", &StrictOtlpReader::kind},
         {"startTimeUnixNano", &StrictOtlpReader::unsigned_text},
         {"endTimeUnixNano", &StrictOtlpReader::unsigned_text},
         {"attributes", &StrictOtlpReader::attributes},
         {"droppedAttributesCount", &StrictOtlpReader::count},
         {"events", &StrictOtlpReader::events},
         {"droppedEventsCount", &StrictOtlpReader::count},
         {"links", &StrictOtlpReader::links},
         {"droppedLinksCount", &StrictOtlpReader::count},
         {"status", &StrictOtlpReader::status}},
        {"traceId", "spanId", "flags", "name", "kind", "startTimeUnixNano", "endTimeUnixNano"});
  }
  void events(const Json& json) { read_list("events", json, &StrictOtlpReader::event); }
  void event(const Json& json) {
    read_object("event", json,
                {{"timeUnixNano", &StrictOtlpReader::unsigned_text},
                 {"name", &StrictOtlpReader::text},
                 {"attributes", &StrictOtlpReader::attributes},
                 {"droppedAttributesCount", &StrictOtlpReader::count}},
                {"timeUnixNano", "name"});
  }
  void links(const Json& json) { read_list("links", json, &StrictOtlpReader::link); }
  void link(const Json& json) {
    read_object("link", json,
                {{"traceId", &StrictOtlpReader::linked_trace_id},
                 {"spanId", &StrictOtlpReader::linked_span_id},
                 {"traceState", &StrictOtlpReader::some_text},
                 {"flags", &StrictOtlpReader::flags},
                 {"attributes", &StrictOtlpReader::attributes},
                 {"droppedAttributesCount", &StrictOtlpReader::count}},
                {"traceId", "spanId", "flags"});
  }
  void status(const Json& json) {
    read_object(
        "status", json,
        {{"code", &StrictOtlpReader::status_code}, {"message", &StrictOtlpReader::some_text}},
        {"code"});
  }
  void attributes(const Json& json) {
    read_list("attributes", json, &StrictOtlpReader::attribute);
    std::set<std::string> keys;
    for (const Json& attribute : json) {
      const std::string key = attribute.value("key", "");
      expect(!key.empty() && keys.insert(key).second, "a key twice, or empty: " + key);
    }
  }
  void attribute(const Json& json) {
    read_object("attribute", json,
                {{"key", &StrictOtlpReader::text}, {"value", &StrictOtlpReader::any_value}},
                {"key", "value"});
  }
  void any_value(const Json& json) {
    expect(json.size() <= 1, "a value has more than one member");
    read_object("value", json,
                {{"stringValue", &StrictOtlpReader::text},
                 {"boolValue", &StrictOtlpReader::boolean},
                 {"intValue", &StrictOtlpReader::signed_text},
                 {"doubleValue", &StrictOtlpReader::float64},
                 {"bytesValue", &StrictOtlpReader::base64},
                 {"arrayValue", &StrictOtlpReader::array_value},
                 {"kvlistValue", &StrictOtlpReader::list_of_pairs}},
                {});
  }
  void any_values(const Json& json) { read_list("values", json, &StrictOtlpReader::any_value); }
  void array_value(const Json& json) {
    read_object("arrayValue", json, {{"values", &StrictOtlpReader::any_values}}, {});
  }
  void list_of_pairs(const Json& json) {
    read_object("kvlistValue", json, {{"values", &StrictOtlpReader::attributes}}, {});
  }

  // ---- the scalars ----

  static bool has_only(const std::string& text, const char* allowed) {
    return text.find_first_not_of(allowed) == text.npos;
  }

  void text(const Json& json) { expect(json.is_string(), "not a string: " + json.dump()); }
  void some_text(const Json& json) {
    expect(json.is_string() && !json.get<std::string>().empty(), "not a text: " + json.dump());
  }
  void boolean(const Json& json) { expect(json.is_boolean(), "not a boolean: " + json.dump()); }

  void hexadecimal(const Json& json, std::size_t size, bool may_be_zero = false) {
    const std::string digits = json.is_string() ? json.get<std::string>() : "";
    expect(digits.size() == size && has_only(digits, "0123456789abcdef") &&
               (may_be_zero || !has_only(digits, "0")),
           "not an id of " + std::to_string(size) + " digits: " + json.dump());
  }
  void trace_id(const Json& json) { hexadecimal(json, 32); }
  void span_id(const Json& json) { hexadecimal(json, 16); }
  // A link without ids may have attributes or a tracestate.
  void linked_trace_id(const Json& json) { hexadecimal(json, 32, true); }
  void linked_span_id(const Json& json) { hexadecimal(json, 16, true); }

  void unsigned_text(const Json& json) {
    const std::string digits = json.is_string() ? json.get<std::string>() : "";
    expect(!digits.empty() && digits.size() <= 20 && has_only(digits, "0123456789"),
           "not an unsigned number in a string: " + json.dump());
  }
  void signed_text(const Json& json) {
    const std::string text = json.is_string() ? json.get<std::string>() : "";
    unsigned_text(text.empty() || text.front() != '-' ? json : Json(text.substr(1)));
  }

  void number(const Json& json, std::uint64_t least, std::uint64_t most) {
    expect(json.is_number_unsigned() && json.get<std::uint64_t>() >= least &&
               json.get<std::uint64_t>() <= most,
           "not a number from " + std::to_string(least) + " to " + std::to_string(most) + ": " +
               json.dump());
  }
  // Zero is the default, and left out.
  void count(const Json& json) { number(json, 1, 0xffffffff); }
  void kind(const Json& json) { number(json, 1, 5); }
  void status_code(const Json& json) { number(json, 1, 2); }
  void flags(const Json& json) { number(json, 0x100, 0x3ff); }

  void float64(const Json& json) {
    expect(json.is_number() || json == "NaN" || json == "Infinity" || json == "-Infinity",
           "not a double: " + json.dump());
  }
  void base64(const Json& json) {
    const std::string digits = json.is_string() ? json.get<std::string>() : "?";
    const std::size_t padding = digits.find('=');
    const std::string tail = padding == digits.npos ? "" : digits.substr(padding);
    expect(digits.size() % 4 == 0 && tail.size() <= 2 && has_only(tail, "=") &&
               has_only(digits.substr(0, padding),
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"),
           "not base64: " + json.dump());
  }

  std::vector<std::string> complaints_;
};

}  // namespace waggle_test

#endif  // WAGGLE_TESTS_SUPPORT_STRICT_OTLP_HPP
