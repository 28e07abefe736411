#include "backend/home_activities.hpp"

#include <chrono>
#include <ctime>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <waggle/trace.hpp>

namespace {

using Clock = std::chrono::system_clock;

const waggle::Scope scope{"home.activities"};

std::string iso8601(Clock::time_point time) {
  const std::time_t seconds = Clock::to_time_t(time);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[sizeof("2026-01-31T23:59:59Z")];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

nlohmann::json activity(const std::string& author, const char* message, Clock::time_point time) {
  return {{"author", author}, {"message", message}, {"created_at", iso8601(time)}};
}

}  // namespace

nlohmann::json home_activities(const UsersClient& users) {
  waggle::Span span{scope, "home-activities-mock-data"};
  const Clock::time_point now = Clock::now();
  span.set_attribute("app.now", iso8601(now));

  const std::string author = users.display_name("andrew").value_or("somebody");
  using std::chrono::hours;
  nlohmann::json activities = {activity(author, "Found clover behind the barn", now - hours(2)),
                               activity(author, "The lime trees are in bloom", now - hours(26)),
                               activity(author, "Too much rain to fly today", now - hours(50))};

  span.set_attribute("app.result_length", activities.size());
  return activities;
}

nlohmann::json broken_activities() {
  waggle::Span span{scope, "query-activities"};
  span.set_status(waggle::StatusCode::Error, "no connection");
  throw std::runtime_error("the activities' database does not answer");
}
