// The users' service: knows users' names. Its spans join the trace of whoever asks.
//   users [PORT]
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <waggle/instrument/httplib.hpp>

#include "common/service.hpp"
#include "common/tracing_config.hpp"

namespace {

const waggle::Scope scope{"users.directory"};

// Returns the user's name for people, or nothing.
std::string find_display_name(const std::string& handle) {
  waggle::Span span{scope, "find-user"};
  span.set_attribute("app.user.handle", handle);
  static const std::map<std::string, std::string> names = {{"andrew", "Andrew Brown"},
                                                           {"melissa", "Melissa Honig"}};
  const auto found = names.find(handle);
  span.set_attribute("app.user.found", found != names.end());
  return found == names.end() ? std::string{} : found->second;
}

void get_user(const httplib::Request& request, httplib::Response& response) {
  const std::string handle = request.matches[1];
  const std::string display_name = find_display_name(handle);
  if (display_name.empty()) {
    response.status = 404;
    return;
  }
  const nlohmann::json user = {{"handle", handle}, {"display_name", display_name}};
  response.set_content(user.dump(), "application/json");
}

}  // namespace

int main(int argc, char** argv) {
  const int port = argc > 1 ? std::atoi(argv[1]) : 4568;

  const StopSignals stop_signals;
  waggle::Tracing tracing = waggle::start(tracing_config("users"));
  report_errors(tracing);

  waggle::HttplibServer server;
  server.Get("/api/users/([^/]+)", "/api/users/{handle}", get_user);

  if (!serve(server, port, stop_signals)) return 1;
  stop_tracing(tracing);
}
