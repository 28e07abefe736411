// Which C++ types are attribute values, and that not a byte is read past the end of any text.
#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <any>
#include <array>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "support/recording.hpp"

using waggle::Span;
using waggle::detail::is_attribute_value_v;

namespace {

enum class Strong { One };
enum Weak { kTwo };
struct Anything {};
struct ConvertsToText {
  operator std::string_view() const { return "converted"; }
};

static_assert(is_attribute_value_v<bool>);
static_assert(is_attribute_value_v<signed char> && is_attribute_value_v<unsigned char>);
static_assert(is_attribute_value_v<short> && is_attribute_value_v<unsigned long long>);
static_assert(is_attribute_value_v<float> && is_attribute_value_v<long double>);
static_assert(is_attribute_value_v<Strong> && is_attribute_value_v<Weak>);
static_assert(is_attribute_value_v<const char*> && is_attribute_value_v<char*>);
static_assert(is_attribute_value_v<char[6]> && is_attribute_value_v<std::string>);
static_assert(is_attribute_value_v<ConvertsToText>);
static_assert(is_attribute_value_v<std::vector<bool>> && is_attribute_value_v<std::list<int>>);
static_assert(is_attribute_value_v<std::array<std::string, 2>> && is_attribute_value_v<int[3]>);
static_assert(is_attribute_value_v<std::set<std::string_view>>);

// A pointer is never a bool, and a character never a number.
static_assert(!is_attribute_value_v<void*> && !is_attribute_value_v<int*>);
static_assert(!is_attribute_value_v<const unsigned char*> && !is_attribute_value_v<Anything*>);
static_assert(!is_attribute_value_v<std::nullptr_t> && !is_attribute_value_v<std::unique_ptr<int>>);
static_assert(!is_attribute_value_v<void (*)()> && !is_attribute_value_v<int Anything::*>);
static_assert(!is_attribute_value_v<char> && !is_attribute_value_v<wchar_t>);
static_assert(!is_attribute_value_v<char16_t> && !is_attribute_value_v<char32_t>);
static_assert(!is_attribute_value_v<Anything> && !is_attribute_value_v<std::vector<void*>>);
static_assert(!is_attribute_value_v<std::byte> && !is_attribute_value_v<std::filesystem::path>);
static_assert(!is_attribute_value_v<std::vector<std::vector<void*>>>);
static_assert(!is_attribute_value_v<std::map<std::string, Anything>>);
static_assert(!is_attribute_value_v<std::optional<char>> && !is_attribute_value_v<std::any>);

// Ranges of ranges, pairs of text and a value, optionals.
static_assert(is_attribute_value_v<std::vector<std::vector<int>>>);
static_assert(is_attribute_value_v<std::map<std::string, std::vector<double>>>);
static_assert(is_attribute_value_v<std::vector<std::pair<const char*, std::optional<bool>>>>);
static_assert(is_attribute_value_v<std::optional<std::string>>);
static_assert(is_attribute_value_v<std::vector<std::byte>> && is_attribute_value_v<std::byte[4]>);

// Memory whose end is the end of what may be read.
class GuardedPage {
 public:
  GuardedPage() {
    const std::size_t page = page_size();
    memory_ = static_cast<char*>(
        mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    REQUIRE(memory_ != MAP_FAILED);
    REQUIRE(mprotect(memory_ + page, page, PROT_NONE) == 0);
  }
  GuardedPage(const GuardedPage&) = delete;
  GuardedPage& operator=(const GuardedPage&) = delete;
  ~GuardedPage() { munmap(memory_, 2 * page_size()); }

  // Returns `text` so that the byte behind it cannot be read.
  std::string_view place(std::string_view text) {
    char* at = memory_ + page_size() - text.size();
    std::memcpy(at, text.data(), text.size());
    return {at, text.size()};
  }

 private:
  static std::size_t page_size() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }

  char* memory_;
};

}  // namespace

TEST_CASE("names, keys and texts of any length are never read past their end") {
  waggle_test::Recording recording;
  GuardedPage name_page;
  GuardedPage key_page;
  GuardedPage text_page;
  const std::string filler(600, 'f');
  for (std::size_t size = 1; size < 600; size += size < 40 ? 1 : 31) {
    const std::string_view bytes = std::string_view(filler).substr(0, size);
    Span span{name_page.place(bytes)};
    span.set_attribute(key_page.place(bytes), text_page.place(bytes));
    span.set_attribute("number", 1);
    span.add_event(name_page.place(bytes), {{key_page.place(bytes), text_page.place(bytes)}});
    span.set_status(waggle::StatusCode::Error, text_page.place(bytes));
    span.update_name(name_page.place(bytes));
    const std::vector<std::string_view> list{text_page.place(bytes)};
    span.set_attribute("list", list);
  }
  for (const waggle::RecordedSpan& span : recording.spans()) {
    CHECK(span.attribute(span.name) == span.name);
    CHECK(span.status_message == span.name);
    CHECK(span.events.at(0).name == span.name);
    CHECK(span.attribute("list").elements().at(0) == span.name);
  }
}

TEST_CASE("temporaries of every form may be gone when the call returns") {
  waggle_test::Recording recording;
  {
    Span span{std::string("a name long enough to live on the heap")};
    span.set_attribute(std::string("a key long enough to live on the heap"),
                       std::string("a value long enough to live on the heap"));
    span.set_attribute("converted", ConvertsToText{});
    span.set_attribute("vector", std::vector<std::string>{std::string(50, 'v')});
    span.add_event(std::string("an event's name that lives on the heap"),
                   {{std::string("key on the heap, too, with some luck"), std::string(50, 'e')}});
    span.add_link(waggle::SpanContext(waggle::TraceId{1, 2}, waggle::SpanId{3}, 1, true, 0,
                                      std::string("vendor=") + "temporary"));
    span.set_status(waggle::StatusCode::Error, std::string(50, 's'));
  }
  const waggle::RecordedSpan span = recording.spans().at(0);
  CHECK(span.name == "a name long enough to live on the heap");
  CHECK(span.attribute("a key long enough to live on the heap") ==
        "a value long enough to live on the heap");
  CHECK(span.attribute("converted") == "converted");
  CHECK(span.attribute("vector").elements().at(0) == std::string(50, 'v'));
  CHECK(span.events.at(0).attributes.begin()->second == std::string(50, 'e'));
  CHECK(span.links.at(0).trace_state == "vendor=temporary");
  CHECK(span.status_message == std::string(50, 's'));
}

TEST_CASE("a text with NUL bytes keeps them, and a char array ends at its NUL") {
  waggle_test::Recording recording;
  {
    Span span{"nul"};
    span.set_attribute("view", std::string_view("a\0b", 3));
    const char array[16] = "short";
    span.set_attribute("array", array);
  }
  CHECK(recording.find("nul").attribute("view") == std::string("a\0b", 3));
  CHECK(recording.find("nul").attribute("array") == "short");
}

namespace {

// Returns what a value looks like once it was exported.
template <class Value>
std::string exported(const Value& value) {
  waggle_test::Recording recording;
  {
    Span span{"span"};
    span.set_attribute("value", value);
  }
  return recording.find("span").attribute("value").description();
}

// A list that has fewer elements, then more, each time that it is looked at.
struct Restless {
  const int* begin() const { return numbers; }
  const int* end() const { return numbers + sizes[looks++ % 4]; }
  int numbers[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  int sizes[4] = {6, 2, 1, 8};
  mutable int looks = 0;
};

}  // namespace

TEST_CASE("bytes are bytes, however they are held") {
  const unsigned char raw[] = {0, 255, 7};
  CHECK(exported(waggle::Bytes(raw, 3)) == "(3 bytes)");
  CHECK(exported(raw) == "(3 bytes)");
  CHECK(exported(std::vector<unsigned char>{1, 2}) == "(2 bytes)");
  CHECK(exported(std::array<std::byte, 4>{}) == "(4 bytes)");
  CHECK(exported(std::vector<std::byte>{}) == "(0 bytes)");
  CHECK(exported(std::list<unsigned char>{1, 2}) == "[1, 2]");
  CHECK(exported(std::vector<signed char>{1, 2}) == "[1, 2]");
  waggle_test::Recording recording;
  { Span{"span"}.set_attribute("value", waggle::Bytes(raw, 3)); }
  CHECK(recording.find("span").attribute("value").text() == std::string("\0\xff\a", 3));
}

TEST_CASE("what is not there is an empty value") {
  CHECK(exported(waggle::Empty{}) == "(nothing)");
  CHECK(exported(std::optional<int>{}) == "(nothing)");
  CHECK(exported(std::optional<int>{7}) == "7");
  CHECK(exported(std::optional<std::vector<std::string>>{{"a"}}) == "[\"a\"]");
  CHECK(exported(std::vector<std::optional<int>>{1, std::nullopt}) == "[1, (nothing)]");
  CHECK(exported(std::vector<const char*>{"a", nullptr}) == "[\"a\", (nothing)]");
}

TEST_CASE("ranges nest, and pairs of text and a value are a map") {
  CHECK(exported(std::vector<std::vector<int>>{{1, 2}, {}, {3}}) == "[[1, 2], [], [3]]");
  CHECK(exported(std::map<std::string, int>{{"a", 1}, {"b", 2}}) == "{\"a\": 1, \"b\": 2}");
  CHECK(exported(std::map<std::string, std::vector<bool>>{{"a", {true, false}}}) ==
        "{\"a\": [true, false]}");
  CHECK(exported(std::vector<std::pair<const char*, std::map<std::string, double>>>{
            {"outer", {{"inner", 0.5}}}}) == "{\"outer\": {\"inner\": 0.5}}");
  CHECK(exported(std::vector<std::map<std::string, std::string>>{{{"k", "v"}}, {}}) ==
        "[{\"k\": \"v\"}, {}]");
}

TEST_CASE("lists and maps hold values of several kinds, in place or where attributes are listed") {
  waggle_test::Recording recording;
  {
    Span span{"span", {}, {{"start", waggle::List{1, waggle::List{}, waggle::Map{}}}}};
    span.set_attribute("cart", waggle::Map{{"id", 7},
                                           {"items", waggle::List{"tea", 2, 4.5, waggle::Empty{}}},
                                           {"paid", true},
                                           {"by", waggle::Map{{"name", std::string("Ada")}}}});
    span.add_event("event", {{"list", waggle::List{"a", 1}}});
  }
  const waggle::RecordedSpan span = recording.find("span");
  CHECK(span.attribute("start").description() == "[1, [], {}]");
  CHECK(span.attribute("cart").description() ==
        R"({"id": 7, "items": ["tea", 2, 4.5, (nothing)], "paid": true, "by": {"name": "Ada"}})");
  CHECK(span.events.at(0).attributes.begin()->second.description() == R"(["a", 1])");
}

TEST_CASE("T23: of equal keys in a map the last counts, also in a nested one; empty keys go") {
  CHECK(exported(waggle::Map{{"a", 1}, {"b", 2}, {"a", 3}, {"", 4}}) == R"({"b": 2, "a": 3})");
  CHECK(exported(waggle::List{waggle::Map{{"a", 1}, {"a", 2}}}) == R"([{"a": 2}])");
}

TEST_CASE("a list that does not fit is left out whole and counted, and the span goes on") {
  waggle_test::Recording recording;
  {
    Span span{"span"};
    span.set_attribute("much", std::vector<std::vector<std::string>>(40, {std::string(600, 'x')}));
    span.set_attribute("after", 1);
  }
  const waggle::RecordedSpan span = recording.find("span");
  CHECK(span.attributes.size() == 1);
  CHECK(span.attribute("after") == 1);
  CHECK(span.dropped_attributes == 1);
}

TEST_CASE("a list that changes while it is read breaks nothing") {
  waggle_test::Recording recording;
  for (int turn = 0; turn < 4; ++turn) {
    Span span{"span"};
    Restless restless;
    restless.looks = turn;
    span.set_attribute("restless", restless);
    span.set_attribute("nested", waggle::List{restless, waggle::Map{{"k", restless}}});
    span.set_attribute("after", turn);
  }
  const auto spans = recording.spans();
  REQUIRE(spans.size() == 4);
  for (int turn = 0; turn < 4; ++turn) {
    CHECK(spans[static_cast<std::size_t>(turn)].attribute("after") == turn);
  }
}
