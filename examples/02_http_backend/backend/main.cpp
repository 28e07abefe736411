// The backend: answers GET /api/activities/home and asks the users' service for a name on the way.
// Three lines trace it: start() and HttplibServer here, CurlRequest in users_client.cpp.
//   backend [PORT [URL of the users' service]]
#include <curl/curl.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <waggle/instrument/httplib.hpp>

#include "backend/home_activities.hpp"
#include "backend/users_client.hpp"
#include "common/service.hpp"
#include "common/tracing_config.hpp"

namespace {

// Tells the client what it can quote to find the trace of the very request that went wrong.
httplib::Server::HandlerResponse tell_trace_id(const httplib::Request&,
                                               httplib::Response& response) {
  const auto trace_id = waggle::current_context().trace_id().hex();
  response.set_header("X-Trace-Id", std::string(trace_id.view()));
  return httplib::Server::HandlerResponse::Unhandled;
}

// Answers where a handler threw, without showing the exception's text, which is in the trace.
void answer_failure(const httplib::Request&, httplib::Response& response, std::exception_ptr) {
  response.status = 500;
  response.set_content(R"({"error":"internal error"})", "application/json");
}

}  // namespace

int main(int argc, char** argv) {
  const int port = argc > 1 ? std::atoi(argv[1]) : 4567;
  const UsersClient users{argc > 2 ? argv[2] : "http://127.0.0.1:4568"};

  const StopSignals stop_signals;
  curl_global_init(CURL_GLOBAL_DEFAULT);
  waggle::Tracing tracing = waggle::start(tracing_config("backend"));
  report_errors(tracing);

  waggle::HttplibServer server;
  server.set_pre_routing_handler(tell_trace_id);
  server.set_exception_handler(answer_failure);
  server.Get("/api/activities/home",
             [&users](const httplib::Request&, httplib::Response& response) {
               response.set_content(home_activities(users).dump(), "application/json");
             });
  server.Get("/api/activities/broken", [](const httplib::Request&, httplib::Response& response) {
    response.set_content(broken_activities().dump(), "application/json");
  });

  if (!serve(server, port, stop_signals)) return 1;
  stop_tracing(tracing);
}
