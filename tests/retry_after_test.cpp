#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <waggle/otlp/retry_after.hpp>

using waggle::Milliseconds;
using waggle::detail::parse_retry_after;
using namespace std::string_literals;

namespace {

constexpr std::int64_t kDay = 86400;
constexpr std::int64_t kEarliest = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kLatest = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kNow = 1711132603;  // Fri, 22 Mar 2024 18:36:43 GMT
constexpr std::int64_t kNone = -1;

// Returns the seconds to wait; kNone if the header says nothing.
std::int64_t wait(const std::string& header, std::int64_t now = kNow) {
  const std::optional<Milliseconds> delay = parse_retry_after(header, now);
  if (!delay) return kNone;
  CHECK_EQ(delay->count() % 1000, 0);
  return delay->count() / 1000;
}

// Tells whether `date` is the second `seconds`, to the second.
bool is_date(const std::string& date, std::int64_t seconds) {
  return wait(date, seconds) == 0 && wait(date, seconds - 1) == 1 &&
         wait(date, seconds - kDay) == kDay && wait(date, seconds - kDay + 1) == kDay - 1;
}

// Writes a second in one of HTTP's three forms, by the C library's calendar.
std::string written(std::time_t seconds, const char* form) {
  std::tm fields{};
  gmtime_r(&seconds, &fields);
  char text[64];
  return std::string(text, std::strftime(text, sizeof text, form, &fields));
}

constexpr const char* kFixedDate = "%a, %d %b %Y %H:%M:%S GMT";
constexpr const char* kRfc850Date = "%A, %d-%b-%y %H:%M:%S GMT";
constexpr const char* kAsctimeDate = "%a %b %e %H:%M:%S %Y";

std::string random_text(std::mt19937_64& random, const std::string& letters) {
  std::string text(random() % 40, ' ');
  for (char& c : text) c = letters[random() % letters.size()];
  return text;
}

// Changes, removes or adds one to three characters of a header that is in order.
std::string damaged(std::mt19937_64& random, std::string text) {
  for (std::uint64_t times = 1 + random() % 3; times != 0 && !text.empty(); --times) {
    const std::size_t at = random() % text.size();
    const char c = static_cast<char>(random());
    switch (random() % 3) {
      case 0:
        text[at] = c;
        break;
      case 1:
        text.erase(at, 1);
        break;
      default:
        text.insert(at, 1, c);
    }
  }
  return text;
}

}  // namespace

TEST_CASE("a number is a number of seconds") {
  CHECK_EQ(wait("0"), 0);
  CHECK_EQ(wait("1"), 1);
  CHECK_EQ(wait("30"), 30);
  CHECK_EQ(wait("007"), 7);
  CHECK_EQ(wait("3600"), 3600);
  CHECK_EQ(wait("86399"), kDay - 1);
  CHECK_EQ(wait("30", kEarliest), 30);
  CHECK_EQ(wait("30", kLatest), 30);
}

TEST_CASE("more than a day is a day") {
  CHECK_EQ(wait("86400"), kDay);
  CHECK_EQ(wait("86401"), kDay);
  CHECK_EQ(wait("4294967296"), kDay);
  CHECK_EQ(wait("9223372036854775807"), kDay);
  CHECK_EQ(wait("18446744073709551617"), kDay);
  CHECK_EQ(wait(std::string(10000, '9')), kDay);
  CHECK_EQ(wait(std::string(10000, '0') + "5"), 5);
  CHECK_EQ(wait("Fri, 31 Dec 9999 23:59:59 GMT"), kDay);
}

TEST_CASE("white space around the value does not matter") {
  CHECK_EQ(wait(" 30"), 30);
  CHECK_EQ(wait("30 \t"), 30);
  CHECK_EQ(wait("\t Fri, 22 Mar 2024 18:37:53 GMT  "), 70);
}

TEST_CASE("all three forms of a date are read") {
  CHECK(is_date("Sun, 06 Nov 1994 08:49:37 GMT", 784111777));
  CHECK(is_date("Sunday, 06-Nov-94 08:49:37 GMT", 784111777));
  CHECK(is_date("Sun Nov  6 08:49:37 1994", 784111777));
  CHECK(is_date("Wed Nov 16 08:49:37 1994", 784975777));
  CHECK_EQ(wait("Fri, 22 Mar 2024 18:37:53 GMT"), 70);
}

TEST_CASE("a date in the past means now") {
  CHECK_EQ(wait("Fri, 22 Mar 2024 18:36:43 GMT"), 0);
  CHECK_EQ(wait("Fri, 22 Mar 2024 18:36:42 GMT"), 0);
  CHECK_EQ(wait("Thu, 01 Jan 1970 00:00:00 GMT"), 0);
  CHECK_EQ(wait("Sat, 01 Jan 0000 00:00:00 GMT"), 0);
}

TEST_CASE("leap years and leap seconds are known") {
  CHECK(is_date("Thu, 01 Jan 1970 00:00:00 GMT", 0));
  CHECK(is_date("Wed, 31 Dec 1969 23:59:59 GMT", -1));
  CHECK(is_date("Tue, 29 Feb 2000 00:00:00 GMT", 951782400));
  CHECK(is_date("Wed, 01 Mar 2000 00:00:00 GMT", 951868800));
  CHECK(is_date("Thu, 29 Feb 2024 23:59:59 GMT", 1709251199));
  CHECK(is_date("Fri, 01 Mar 2024 00:00:00 GMT", 1709251200));
  CHECK(is_date("Mon, 01 Mar 2100 00:00:00 GMT", 4107542400));
  CHECK(is_date("Sat, 31 Dec 2016 23:59:60 GMT", 1483228800));
  CHECK(is_date("Sat, 01 Jan 0000 00:00:00 GMT", -62167219200));
  CHECK(is_date("Mon, 01 Jan 0001 00:00:00 GMT", -62135596800));
  CHECK(is_date("Fri, 31 Dec 9999 23:59:59 GMT", 253402300799));
  CHECK_EQ(wait("Thu, 29 Feb 2023 00:00:00 GMT"), kNone);
  CHECK_EQ(wait("Mon, 29 Feb 2100 00:00:00 GMT"), kNone);
  CHECK_EQ(wait("Thu, 29 Feb 1900 00:00:00 GMT"), kNone);
}

TEST_CASE("dates agree with the C library's calendar") {
  std::mt19937_64 random(1);
  std::uniform_int_distribution<std::int64_t> seconds(-62167219200, 253402300799);
  for (int i = 0; i < 20000; ++i) {
    const std::int64_t date = seconds(random);
    // Years before 1000 are not padded by strftime.
    if (date > -30610224000) {
      REQUIRE(is_date(written(date, kFixedDate), date));
      REQUIRE(is_date(written(date, kAsctimeDate), date));
    }
    REQUIRE(is_date(written(date, kRfc850Date), date));
  }
}

TEST_CASE("a year of two digits is not more than 50 years ahead") {
  CHECK_EQ(wait("Friday, 22-Mar-24 18:36:53 GMT"), 10);
  CHECK_EQ(wait("Saturday, 22-Mar-25 18:36:53 GMT"), kDay);
  CHECK_EQ(wait("Tuesday, 01-Jan-74 00:00:00 GMT"), kDay);  // 2074
  CHECK_EQ(wait("Tuesday, 31-Dec-74 00:00:00 GMT"), 0);     // 1974
  CHECK_EQ(wait("Wednesday, 01-Jan-75 00:00:00 GMT"), 0);   // 1975
  CHECK_EQ(wait("Friday, 31-Dec-99 23:59:59 GMT"), 0);      // 1999
  // Just before a century ends the next one is near.
  CHECK_EQ(wait("Saturday, 01-Jan-00 00:00:05 GMT", 946684795), 10);
  CHECK_EQ(wait("Friday, 31-Dec-99 23:59:59 GMT", 946684805), 0);
  // 2000 was a leap year, 2100 is none.
  CHECK_EQ(wait("Tuesday, 29-Feb-00 00:00:05 GMT", 951782400), 5);
  CHECK_EQ(wait("Monday, 29-Feb-00 00:00:05 GMT", 4107456000), kNone);
  // Clocks far from our time.
  CHECK_EQ(wait("Friday, 22-Mar-24 18:36:53 GMT", kEarliest), kDay);
  CHECK_EQ(wait("Friday, 22-Mar-24 18:36:53 GMT", kLatest), 0);
}

TEST_CASE("what is neither a number nor a date says nothing") {
  for (const std::string header :
       {"", " ", "\t", "-1", "-0", "+5", "1.5", "1e3", "0x10", "5s", "5 s", "1,2", "30, 30", "\n5",
        "soon", "null", "NaN", "\xd9\xa3", "120 seconds",
        // almost dates
        "GMT", "Fri", "Fri, 22 Mar 2024", "Fri, 22 Mar 2024 18:37:53", "Fri, 22 Mar 2024 18:37 GMT",
        "Fri, 22 Mar 2024 18:37:53 UTC", "Fri, 22 Mar 2024 18:37:53 +0000",
        "Fri, 22 Mar 2024 18:37:53 GMT, 5", "Fri, 22 Mar 24 18:37:53 GMT",
        "Fri, 22 Mar 02024 18:37:53 GMT", "Fri, 2 Mar 2024 18:37:53 GMT",
        "Fri 22 Mar 2024 18:37:53 GMT", "22 Mar 2024 18:37:53 GMT", "Fry, 22 Mar 2024 18:37:53 GMT",
        "fri, 22 mar 2024 18:37:53 gmt", "Fri, 22 Mrz 2024 18:37:53 GMT",
        "Fri,  22 Mar 2024 18:37:53 GMT", "Fri, 22-Mar-2024 18:37:53 GMT",
        "Friday, 22-Mar-2024 18:37:53 GMT", "Fri, 22-Mar-24 18:37:53 GMT", "Fri Mar 22 18:37:53 24",
        "Fri Mar 22 18:37:53 2024 GMT", "Fri Mar  22 18:37:53 2024", "Fri Mar 2 18:37:53 2024",
        "2024-03-22T18:37:53Z",
        // days, hours, minutes and seconds that do not exist
        "Fri, 00 Mar 2024 18:37:53 GMT", "Fri, 32 Mar 2024 18:37:53 GMT",
        "Fri, 31 Apr 2024 18:37:53 GMT", "Fri, 30 Feb 2024 18:37:53 GMT",
        "Fri, 22 Mar 2024 24:00:00 GMT", "Fri, 22 Mar 2024 18:60:53 GMT",
        "Fri, 22 Mar 2024 18:37:61 GMT", "Fri, 22 Mar 2024 -1:37:53 GMT",
        "Fri Mar  0 18:37:53 2024", "Fri, 22 Mar -024 18:37:53 GMT"}) {
    CAPTURE(header);
    CHECK_EQ(wait(header), kNone);
  }
  CHECK_EQ(wait("5\0"s), kNone);
  CHECK_EQ(wait("Fri, 22 Mar 2024 18:37:53 GMT\0"s), kNone);
}

TEST_CASE("no header makes the wait negative or longer than a day") {
  std::mt19937_64 random(2);
  std::string bytes;
  for (int c = 0; c < 256; ++c) bytes += static_cast<char>(c);
  const std::int64_t clocks[] = {kNow, 0, -1, kEarliest, kLatest, kEarliest + 1, kLatest - 1};
  int understood = 0;
  for (int i = 0; i < 20000; ++i) {
    const std::time_t date = static_cast<std::time_t>(random() % 8000000000);
    const char* form = i % 3 == 0 ? kFixedDate : i % 3 == 1 ? kRfc850Date : kAsctimeDate;
    const std::string header = i % 4 == 0   ? random_text(random, bytes)
                               : i % 4 == 1 ? random_text(random, "0123456789 \t-+")
                                            : damaged(random, written(date, form));
    for (const std::int64_t now : clocks) {
      const std::int64_t seconds = wait(header, now);
      if (seconds == kNone) continue;
      ++understood;
      REQUIRE_GE(seconds, 0);
      REQUIRE_LE(seconds, kDay);
    }
  }
  CHECK_GT(understood, 1000);
}
