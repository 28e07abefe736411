// A cpp-httplib server whose requests are recorded; waggle/instrument/httplib.hpp says more.
#ifndef WAGGLE_INSTRUMENT_HTTPLIB_SERVER_HPP
#define WAGGLE_INSTRUMENT_HTTPLIB_SERVER_HPP

#include <httplib.h>

#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "waggle/instrument/http.hpp"

namespace waggle {
inline namespace WAGGLE_SPANS_NAMESPACE {
namespace detail {

inline std::string_view scheme_of(const httplib::Request& request) noexcept {
#ifdef CPPHTTPLIB_OPENSSL_SUPPORT
  if (request.ssl != nullptr) return "https";
#endif
  static_cast<void>(request);
  return "http";
}

// The span of the request that this thread answers: httplib does all of it on one thread.
inline std::optional<HttpServerSpan>& httplib_request() {
  thread_local std::optional<HttpServerSpan> span;
  return span;
}

inline HttpServerSpan& begin_httplib_request(const httplib::Request& request) {
  HttpServerRequest begun;
  begun.method = request.method;
  begun.target = request.target;
  begun.scheme = scheme_of(request);
  begun.peer_address = request.remote_addr;
  begun.peer_port = request.remote_port;
  begun.protocol_version = request.version;
  httplib_request().reset();
  return httplib_request().emplace(begun, request.headers);
}

// Ends the request's span, and begins it first where httplib refused the request unseen.
inline void end_httplib_request(const httplib::Request& request,
                                const httplib::Response& response) {
  HttpServerSpan& span = httplib_request() ? *httplib_request() : begin_httplib_request(request);
  span.set_status_code(response.status);
  httplib_request().reset();
}

#if defined(__cpp_exceptions)
// Keeps an exception that leaves a handler as an event of the span; httplib, or the program's own
// exception handler, makes an answer of it.
struct RecordingCall {
  template <class Call>
  static auto run(Call call) {
    try {
      return call();
    } catch (const std::exception& exception) {
      current_span().record_exception(exception);
      throw;
    } catch (...) {
      current_span().record_exception(ExceptionDetails{"unknown", {}, {}});
      throw;
    }
  }
};
using HandlerCall = RecordingCall;
#else
struct PlainCall {
  template <class Call>
  static auto run(Call call) {
    return call();
  }
};
using HandlerCall = PlainCall;
#endif

// Returns the handler as httplib takes it, of either kind: it tells the route, and what it throws
// is recorded.
template <class Server, class Call, class Handler>
auto traced_handler(std::string route, Handler handler) {
  using Request = const httplib::Request&;
  using Response = httplib::Response&;
  constexpr bool kIsPlain = std::is_invocable_v<Handler&, Request, Response>;
  using Taken = std::conditional_t<kIsPlain, typename Server::Handler,
                                   typename Server::HandlerWithContentReader>;
  return Taken{
      [route = std::move(route), handler = std::move(handler)](auto&&... arguments) mutable {
        if (httplib_request()) httplib_request()->set_route(route);
        Call::run([&] { handler(std::forward<decltype(arguments)>(arguments)...); });
      }};
}

}  // namespace detail

// Serves as `Base`, httplib::Server or httplib::SSLServer, and records a span of each request that
// arrives, also of those without a handler, refused as malformed, or answered by a hook. The span
// is current in handlers and hooks, ends once the answer is written, and is named after the method
// and the route. Set hooks on this class, not on a reference to its base.
//
// NOLINTBEGIN(readability-identifier-naming): httplib's names
template <class Base, class Call = detail::HandlerCall>
class BasicHttplibServer : public Base {
 public:
  using typename Base::HandlerWithResponse;

  // Takes what Base takes.
  template <class... Arguments>
  explicit BasicHttplibServer(Arguments&&... arguments)
      : Base(std::forward<Arguments>(arguments)...) {
    set_pre_routing_handler({});
    set_logger({});
  }

  // Answer requests whose path matches `pattern`. `route` is the pattern for people, such as
  // "/users/{id}"; without one it is `pattern` itself.
  template <class Handler>
  BasicHttplibServer& Get(const std::string& pattern, std::string route, Handler handler) {
    Base::Get(pattern, traced(std::move(route), std::move(handler)));
    return *this;
  }
  template <class Handler>
  BasicHttplibServer& Get(const std::string& pattern, Handler handler) {
    return Get(pattern, pattern, std::move(handler));
  }
  template <class Handler>
  BasicHttplibServer& Post(const std::string& pattern, std::string route, Handler handler) {
    Base::Post(pattern, traced(std::move(route), std::move(handler)));
    return *this;
  }
  template <class Handler>
  BasicHttplibServer& Post(const std::string& pattern, Handler handler) {
    return Post(pattern, pattern, std::move(handler));
  }
  template <class Handler>
  BasicHttplibServer& Put(const std::string& pattern, std::string route, Handler handler) {
    Base::Put(pattern, traced(std::move(route), std::move(handler)));
    return *this;
  }
  template <class Handler>
  BasicHttplibServer& Put(const std::string& pattern, Handler handler) {
    return Put(pattern, pattern, std::move(handler));
  }
  template <class Handler>
  BasicHttplibServer& Patch(const std::string& pattern, std::string route, Handler handler) {
    Base::Patch(pattern, traced(std::move(route), std::move(handler)));
    return *this;
  }
  template <class Handler>
  BasicHttplibServer& Patch(const std::string& pattern, Handler handler) {
    return Patch(pattern, pattern, std::move(handler));
  }
  template <class Handler>
  BasicHttplibServer& Delete(const std::string& pattern, std::string route, Handler handler) {
    Base::Delete(pattern, traced(std::move(route), std::move(handler)));
    return *this;
  }
  template <class Handler>
  BasicHttplibServer& Delete(const std::string& pattern, Handler handler) {
    return Delete(pattern, pattern, std::move(handler));
  }
  template <class Handler>
  BasicHttplibServer& Options(const std::string& pattern, std::string route, Handler handler) {
    Base::Options(pattern, traced(std::move(route), std::move(handler)));
    return *this;
  }
  template <class Handler>
  BasicHttplibServer& Options(const std::string& pattern, Handler handler) {
    return Options(pattern, pattern, std::move(handler));
  }

  // Replace the program's own hook, which runs inside the request's span.
  BasicHttplibServer& set_pre_routing_handler(HandlerWithResponse hook) {
    Base::set_pre_routing_handler(
        [hook = std::move(hook)](const httplib::Request& request, httplib::Response& response) {
          detail::begin_httplib_request(request);
          if (!hook) return Base::HandlerResponse::Unhandled;
          return Call::run([&] { return hook(request, response); });
        });
    return *this;
  }
  BasicHttplibServer& set_logger(httplib::Logger logger) {
    Base::set_logger([logger = std::move(logger)](const httplib::Request& request,
                                                  const httplib::Response& response) {
      if (logger) logger(request, response);
      detail::end_httplib_request(request, response);
    });
    return *this;
  }

 private:
  template <class Handler>
  static auto traced(std::string route, Handler handler) {
    return detail::traced_handler<Base, Call>(std::move(route), std::move(handler));
  }
};
// NOLINTEND(readability-identifier-naming)

using HttplibServer = BasicHttplibServer<httplib::Server>;
#ifdef CPPHTTPLIB_OPENSSL_SUPPORT
using HttplibSslServer = BasicHttplibServer<httplib::SSLServer>;
#endif

}  // namespace WAGGLE_SPANS_NAMESPACE
}  // namespace waggle

#endif  // WAGGLE_INSTRUMENT_HTTPLIB_SERVER_HPP
