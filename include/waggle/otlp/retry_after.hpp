// Reads a Retry-After header: a number of seconds, or one of HTTP's three ways to write a date.
// Pure: takes the time instead of asking for it, and depends on no locale or time zone.
#ifndef WAGGLE_OTLP_RETRY_AFTER_HPP
#define WAGGLE_OTLP_RETRY_AFTER_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "waggle/api/trace_state_members.hpp"
#include "waggle/core/config.hpp"
#include "waggle/sdk/deadline.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

constexpr std::int64_t kSecondsPerDay = 86400;

// Bounds what a server may ask for. The caller's own patience is far shorter.
constexpr std::int64_t kLongestRetryAfterSeconds = kSecondsPerDay;

// Holds a moment of the Gregorian calendar in UTC. `second` may be 60, a leap second.
struct CalendarTime {
  int year = 0;
  int month = 1;  // 1 to 12
  int day = 1;    // 1 to 31
  int hour = 0;
  int minute = 0;
  int second = 0;
};

constexpr bool is_leap_year(int year) noexcept {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

constexpr int days_in_month(int year, int month) noexcept {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return kDays[month - 1] + (month == 2 && is_leap_year(year) ? 1 : 0);
}

// Returns how many days lie between 1970-01-01 and a date of the years 0 to 9999.
constexpr std::int64_t days_since_1970(int year, int month, int day) noexcept {
  constexpr int kDaysBefore1970 = 719528;  // from 0000-01-01
  const int last = year - 1;  // the years 1 to `last` lie before, and year 0, a leap year
  int days = year == 0 ? 0 : 366 + last * 365 + last / 4 - last / 100 + last / 400;
  for (int earlier = 1; earlier < month; ++earlier) days += days_in_month(year, earlier);
  return days + day - 1 - kDaysBefore1970;
}

constexpr std::int64_t seconds_since_1970(const CalendarTime& time) noexcept {
  return days_since_1970(time.year, time.month, time.day) * kSecondsPerDay + time.hour * 3600 +
         time.minute * 60 + time.second;
}

constexpr bool is_on_calendar(const CalendarTime& time) noexcept {
  return time.day >= 1 && time.day <= days_in_month(time.year, time.month) && time.hour < 24 &&
         time.minute < 60 && time.second <= 60;
}

// Reads a date from left to right. The first thing that does not fit makes the whole date unfit.
class HttpDateReader {
 public:
  HttpDateReader(std::string_view text, std::int64_t unix_seconds_now) noexcept
      : text_(text), unix_seconds_now_(unix_seconds_now) {}

  // Reads any of the three forms (RFC 9110, 5.6.7) and returns the seconds since 1970; nothing if
  // the text is none of them. The day's name is not compared with the date: a server that gets it
  // wrong still means its date.
  std::optional<std::int64_t> read() noexcept {
    for (const auto form : {&HttpDateReader::read_fixed_date, &HttpDateReader::read_rfc850_date,
                            &HttpDateReader::read_asctime_date}) {
      rest_ = text_;
      fits_ = true;
      time_ = CalendarTime{};
      (this->*form)();
      if (fits_ && rest_.empty() && is_on_calendar(time_)) return seconds_since_1970(time_);
    }
    return std::nullopt;
  }

 private:
  using Days = std::array<std::string_view, 7>;
  static constexpr Days kShortDays = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
  static constexpr Days kLongDays = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                     "Friday", "Saturday", "Sunday"};
  static constexpr std::array<std::string_view, 12> kMonths = {
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

  // Sun, 06 Nov 1994 08:49:37 GMT
  void read_fixed_date() noexcept {
    name(kShortDays);
    skip(", ");
    time_.day = digits(2);
    skip(" ");
    time_.month = name(kMonths) + 1;
    skip(" ");
    time_.year = digits(4);
    skip(" ");
    read_clock();
    skip(" GMT");
  }

  // Sunday, 06-Nov-94 08:49:37 GMT
  void read_rfc850_date() noexcept {
    name(kLongDays);
    skip(", ");
    time_.day = digits(2);
    skip("-");
    time_.month = name(kMonths) + 1;
    skip("-");
    const int last_digits = digits(2);
    skip(" ");
    read_clock();
    skip(" GMT");
    choose_century(last_digits);
  }

  // Sun Nov  6 08:49:37 1994
  void read_asctime_date() noexcept {
    name(kShortDays);
    skip(" ");
    time_.month = name(kMonths) + 1;
    skip(" ");
    const bool is_padded = !rest_.empty() && rest_.front() == ' ';
    if (is_padded) skip(" ");
    time_.day = digits(is_padded ? 1 : 2);
    skip(" ");
    read_clock();
    skip(" ");
    time_.year = digits(4);
  }

  WAGGLE_COLD void read_clock() noexcept {
    time_.hour = digits(2);
    skip(":");
    time_.minute = digits(2);
    skip(":");
    time_.second = digits(2);
  }

  // A year of two digits is the latest one that is not more than 50 years ahead (RFC 9110, 5.6.7).
  void choose_century(int last_digits) noexcept {
    constexpr std::int64_t kFiftyYears = 1577847600;  // of 365.2425 days
    time_.year = 9900 + last_digits;
    while (time_.year >= 100 && seconds_since_1970(time_) - kFiftyYears > unix_seconds_now_) {
      time_.year -= 100;
    }
  }

  WAGGLE_COLD void skip(std::string_view expected) noexcept {
    if (rest_.substr(0, expected.size()) != expected) return give_up();
    rest_.remove_prefix(expected.size());
  }

  // Reads exactly `count` digits.
  WAGGLE_COLD int digits(std::size_t count) noexcept {
    int number = 0;
    for (; count != 0; --count) {
      const char digit = rest_.empty() ? '\0' : rest_.front();
      if (digit < '0' || digit > '9') {
        give_up();
        return 0;
      }
      number = number * 10 + (digit - '0');
      rest_.remove_prefix(1);
    }
    return number;
  }

  // Reads one of `names` and returns its index.
  template <std::size_t Count>
  WAGGLE_COLD int name(const std::array<std::string_view, Count>& names) noexcept {
    int index = 0;
    for (const std::string_view candidate : names) {
      if (rest_.substr(0, candidate.size()) == candidate) {
        rest_.remove_prefix(candidate.size());
        return index;
      }
      ++index;
    }
    give_up();
    return 0;
  }

  void give_up() noexcept {
    fits_ = false;
    rest_ = {};
  }

  std::string_view text_;
  std::int64_t unix_seconds_now_;
  std::string_view rest_;
  CalendarTime time_;
  bool fits_ = true;
};

// Reads a number of seconds: digits alone. What is more than a day counts as a day.
inline std::optional<std::int64_t> read_delay_seconds(std::string_view text) noexcept {
  if (text.empty()) return std::nullopt;
  std::int64_t seconds = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9') return std::nullopt;
    seconds = (std::min)(seconds * 10 + (digit - '0'), kLongestRetryAfterSeconds);
  }
  return seconds;
}

// Returns how far away a date is, in seconds, from 0 to a day. Compares before it subtracts, for a
// machine's clock may say anything.
constexpr std::int64_t seconds_until(std::int64_t date, std::int64_t unix_seconds_now) noexcept {
  if (date <= unix_seconds_now) return 0;
  const bool is_far = unix_seconds_now < date - kLongestRetryAfterSeconds;
  return is_far ? kLongestRetryAfterSeconds : date - unix_seconds_now;
}

// Returns how long a Retry-After header (RFC 9110, 10.2.3) asks to wait, from 0 to 24 hours;
// nothing if it is neither a number nor a date. A date in the past means 0. Spaces and tabs around
// the value are ignored. `unix_seconds_now` counts from 1970 in UTC.
inline std::optional<Milliseconds> parse_retry_after(std::string_view text,
                                                     std::int64_t unix_seconds_now) noexcept {
  text = trim(text);
  if (const auto seconds = read_delay_seconds(text)) return Milliseconds(*seconds * 1000);
  const auto date = HttpDateReader(text, unix_seconds_now).read();
  if (!date) return std::nullopt;
  return Milliseconds(seconds_until(*date, unix_seconds_now) * 1000);
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_OTLP_RETRY_AFTER_HPP
