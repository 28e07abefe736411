// Makes a server span of every request that a cpp-httplib handler answers, after OpenTelemetry's
// semantic conventions for HTTP.
#ifndef EXAMPLES_COMMON_HTTP_TRACING_HPP
#define EXAMPLES_COMMON_HTTP_TRACING_HPP

#include <httplib.h>

#include <cstdlib>
#include <exception>
#include <string>
#include <utility>
#include <waggle/trace.hpp>

inline const waggle::Scope http_server_scope{"examples.http_server"};

// Adds what the request's Host header says: "example.org:4567", "[::1]:4567".
inline void set_server_address(waggle::Span& span, const httplib::Request& request) {
  const std::string host = request.get_header_value("Host");
  const std::size_t colon = host.find(':', host.find(']') == host.npos ? 0 : host.find(']'));
  if (!host.empty()) span.set_attribute("server.address", host.substr(0, colon));
  if (colon != host.npos) span.set_attribute("server.port", std::atoi(host.c_str() + colon + 1));
}

// Runs the handler; an exception that leaves it becomes an event of the span and the answer 500,
// which does not show its text to the client.
inline void answer(const httplib::Server::Handler& handler, const httplib::Request& request,
                   httplib::Response& response, waggle::Span& span) {
  try {
    handler(request, response);
    if (response.status < 0) response.status = 200;  // what httplib sends if nobody says anything
  } catch (const std::exception& exception) {
    span.record_exception(exception);
    response.status = 500;
    response.set_content(R"({"error":"internal error"})", "application/json");
  }
}

// Wraps a handler. `route` is the pattern for people, such as /users/{id}; with an empty one the
// span is named after the method alone, since a path of anyone's choice is no name.
inline httplib::Server::Handler traced(std::string route, httplib::Server::Handler handler) {
  return [route = std::move(route), handler = std::move(handler)](const httplib::Request& request,
                                                                  httplib::Response& response) {
    waggle::SpanOptions options;
    options.kind = waggle::SpanKind::Server;
    options.parent = waggle::extract(request.headers);
    waggle::Span span{http_server_scope,
                      route.empty() ? request.method : request.method + " " + route,
                      options,
                      {{"http.request.method", request.method},
                       {"url.path", request.path},
                       {"url.scheme", "http"},
                       {"client.address", request.remote_addr}}};
    if (!route.empty()) span.set_attribute("http.route", route);
    if (request.has_header("User-Agent")) {
      span.set_attribute("user_agent.original", request.get_header_value("User-Agent"));
    }
    set_server_address(span, request);
    // What a user can quote to find the trace of the very request that went wrong.
    response.set_header("X-Trace-Id", std::string(span.context().trace_id().hex().view()));

    answer(handler, request, response, span);

    span.set_attribute("http.response.status_code", response.status);
    if (response.status >= 500) {
      span.set_status(waggle::StatusCode::Error);
      span.set_attribute("error.type", std::to_string(response.status));
    }
  };
}

#endif  // EXAMPLES_COMMON_HTTP_TRACING_HPP
