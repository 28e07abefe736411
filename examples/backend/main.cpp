// The backend: answers GET /api/activities/home and asks the users' service for a name on the way.
//   backend [PORT [URL of the users' service]]
#include <curl/curl.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "backend/home_activities.hpp"
#include "backend/users_client.hpp"
#include "common/http_tracing.hpp"
#include "common/service.hpp"
#include "common/tracing_config.hpp"

int main(int argc, char** argv) {
  const int port = argc > 1 ? std::atoi(argv[1]) : 4567;
  const UsersClient users{argc > 2 ? argv[2] : "http://127.0.0.1:4568"};

  const StopSignals stop_signals;
  curl_global_init(CURL_GLOBAL_DEFAULT);
  waggle::Tracing tracing = waggle::start(tracing_config("backend"));
  report_errors(tracing);

  httplib::Server server;
  const auto get = [&server](const char* route, httplib::Server::Handler handler) {
    server.Get(route, traced(route, std::move(handler)));
  };
  get("/api/activities/home", [&users](const httplib::Request&, httplib::Response& response) {
    response.set_content(home_activities(users).dump(), "application/json");
  });
  get("/api/activities/broken", [](const httplib::Request&, httplib::Response& response) {
    response.set_content(broken_activities().dump(), "application/json");
  });
  server.Get(".*", traced("", [](const httplib::Request&, httplib::Response& response) {
               response.status = 404;
             }));

  if (!serve(server, port, stop_signals)) return 1;
  stop_tracing(tracing);
}
