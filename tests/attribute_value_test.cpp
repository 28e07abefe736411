// Which C++ types are attribute values, and that not a byte is read past the end of any text.
#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <list>
#include <memory>
#include <set>
#include <string>
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
static_assert(!is_attribute_value_v<std::vector<std::vector<int>>>);

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
