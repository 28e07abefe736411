// Spans of HTTP requests after OpenTelemetry's semantic conventions (HTTP spans, stable), for any
// server and any client; waggle/instrument/httplib.hpp and curl.hpp do it for these two. Needs no
// library, like waggle/trace.hpp. Five lines make any other server traced:
//
//   void handle(const Request& request, Response& response) {
//     waggle::HttpServerSpan span{{request.method, request.target, "/users/{id}"},
//                                 request.headers};
//     answer(request, response);
//     span.set_status_code(response.status);
//   }                                            // left by an exception, it has failed
//
// and four any client:
//
//   waggle::HttpClientSpan span{{"GET", url, "/users/{id}"}};
//   span.inject(headers);
//   const Reply reply = send("GET", url, headers);
//   reply ? span.set_status_code(reply.status) : span.fail("connection_refused");
//
// What is set before the span starts is what samplers see. Bodies are never looked at, headers only
// for what is listed here.
#ifndef WAGGLE_INSTRUMENT_HTTP_HPP
#define WAGGLE_INSTRUMENT_HTTP_HPP

#include <cstddef>
#include <string_view>

#include "waggle/core/version.hpp"
#include "waggle/instrument/forwarded.hpp"
#include "waggle/instrument/http_span.hpp"
#include "waggle/instrument/url.hpp"
#include "waggle/trace.hpp"

namespace waggle {
inline namespace WAGGLE_SPANS_NAMESPACE {

// Tells what a server knows of a request before it reads the headers. Views, for the duration of
// the call; what is empty or 0 is unknown.
struct HttpServerRequest {
  std::string_view method{};
  std::string_view target{};  // as in the request line: "/users/7?page=2"
  std::string_view route{};   // the pattern: "/users/{id}"; set_route() tells it later
  std::string_view scheme = "http";
  std::string_view peer_address{};  // who is connected: the client, or the nearest proxy
  int peer_port = 0;
  std::string_view protocol_version{};  // "1.1" or "HTTP/1.1", "2"
  HttpConventions conventions{};
};

// Tells what a client knows of a request before it is sent. Views, for the duration of the call.
struct HttpClientRequest {
  std::string_view method{};
  std::string_view url{};           // absolute; credentials in it are not recorded
  std::string_view url_template{};  // the pattern: "/users/{id}"; empty: the method is the name
  int resend_count = 0;             // 1 for the first repetition, a span each
  HttpConventions conventions{};
};

namespace detail {

// Weak and not inline: g++ gives inline variables a symbol kind that keeps a library from ever
// being unloaded.
__attribute__((weak, visibility("hidden")))
Scope http_server_scope{"waggle.http.server", WAGGLE_VERSION};
__attribute__((weak, visibility("hidden")))
Scope http_client_scope{"waggle.http.client", WAGGLE_VERSION};

}  // namespace detail

// Records a request that this program answers, as a child of the span that the request's headers
// name.
template <class AnySpan>
class BasicHttpServerSpan : public BasicHttpSpan<AnySpan> {
 public:
  // `headers` is a carrier as for extract(): a range of pairs, or a function.
  template <class Carrier>
  BasicHttpServerSpan(const HttpServerRequest& request, const Carrier& headers)
      : BasicHttpSpan<AnySpan>(SpanKind::Server,
                               detail::HttpMethod(request.method, request.conventions).in_name,
                               [&] { return start(request, headers); }) {}

  // Tells the pattern that the request matched, once it is known: "/users/{id}".
  void set_route(std::string_view route) noexcept { this->set_pattern("http.route", route); }

 private:
  template <class Carrier>
  static AnySpan start(const HttpServerRequest& request, const Carrier& headers) {
    SpanOptions options;
    options.kind = SpanKind::Server;
    options.parent = extract(headers);
    const detail::HttpMethod method(request.method, request.conventions);
    const detail::HttpSpanName name(method.in_name, request.route);
    // With no tracer running, a span is but its parent's identity.
    if (!detail::may_record()) return AnySpan{name.view(), options};
    return start(request, method, name.view(), options, detail::RequestPath(headers));
  }

  static AnySpan start(const HttpServerRequest& request, const detail::HttpMethod& method,
                       std::string_view name, const SpanOptions& options,
                       const detail::RequestPath& way) noexcept {
    const std::string_view scheme = way.scheme(request.scheme);
    const detail::HostPort server = way.server(scheme);
    const std::string_view target = request.target.substr(0, request.target.find('#'));
    const std::size_t question = target.find('?');
    detail::BoundedText<2048> query;
    if (question != target.npos) {
      detail::append_redacted_query(query, target.substr(question + 1),
                                    request.conventions.redacted_query_keys);
    }
    detail::StartAttributes attributes;
    method.add_to(attributes);
    attributes.add("http.route", request.route);
    attributes.add("url.path", target.substr(0, question));
    attributes.add("url.query", query.view());
    attributes.add("url.scheme", scheme);
    attributes.add("server.address", server.host);
    attributes.add("server.port", server.host.empty() ? 0 : server.port);
    attributes.add("client.address", way.client(request.peer_address));
    attributes.add("network.peer.address", request.peer_address);
    attributes.add("network.peer.port", request.peer_port);
    attributes.add("network.protocol.version", detail::http_version(request.protocol_version));
    attributes.add("user_agent.original", way.user_agent());
    return AnySpan{detail::http_server_scope, name, options, attributes.view()};
  }
};

// Records a request that this program makes, one span for each time that it is sent.
template <class AnySpan>
class BasicHttpClientSpan : public BasicHttpSpan<AnySpan> {
 public:
  explicit BasicHttpClientSpan(const HttpClientRequest& request) noexcept
      : BasicHttpSpan<AnySpan>(SpanKind::Client,
                               detail::HttpMethod(request.method, request.conventions).in_name,
                               [&] { return start(request); }) {}

  // Writes the span's identity into the headers of the request, a carrier as for waggle::inject().
  template <class Carrier>
  void inject(Carrier&& headers) const {
    WAGGLE_SPANS_NAMESPACE::inject(this->context(), headers);
  }

  // Tells which address answered: "192.0.2.7", 443.
  void set_peer(std::string_view address, int port) noexcept {
    if (address.empty()) return;
    this->span().set_attribute("network.peer.address", address);
    if (port > 0) this->span().set_attribute("network.peer.port", port);
  }

  // Tells how often the request was sent again, if at all.
  void set_resend_count(int count) noexcept {
    if (count > 0) this->span().set_attribute("http.request.resend_count", count);
  }

  // Tells method, pattern and URL if they turn out to be others than the span started with; what is
  // empty stays.
  void correct(const HttpClientRequest& request) noexcept {
    if (!request.method.empty()) {
      this->set_method(detail::HttpMethod(request.method, request.conventions));
      this->set_pattern("url.template", request.url_template);
    }
    const StartUrl url(request);
    this->span().set_attributes(url.attributes.view());
  }

 private:
  // What the URL makes known.
  struct StartUrl {
    explicit StartUrl(const HttpClientRequest& request) noexcept : parts(request.url) {
      if (request.url.empty()) return;
      detail::append_redacted_url(full, parts, request.conventions.redacted_query_keys);
      attributes.add("url.full", full.view());
      attributes.add("server.address", parts.server.host);
      attributes.add("server.port", parts.server.port);
    }

    detail::TargetUrl parts;
    detail::BoundedText<4096> full;
    detail::StartAttributes attributes;
  };

  static AnySpan start(const HttpClientRequest& request) noexcept {
    SpanOptions options;
    options.kind = SpanKind::Client;
    const detail::HttpMethod method(request.method, request.conventions);
    const detail::HttpSpanName name(method.in_name, request.url_template);
    if (!detail::may_record()) return AnySpan{name.view(), options};
    StartUrl url(request);
    method.add_to(url.attributes);
    url.attributes.add("url.template", request.url_template);
    url.attributes.add("http.request.resend_count", request.resend_count);
    return AnySpan{detail::http_client_scope, name.view(), options, url.attributes.view()};
  }
};

// For handlers that answer before they return, and requests that are waited for. The span is the
// thread's current one.
using HttpServerSpan = BasicHttpServerSpan<Span>;
using HttpClientSpan = BasicHttpClientSpan<Span>;

// For asynchronous servers and clients: may end on another thread; a ContextGuard makes the span
// current for a while.
using DetachedHttpServerSpan = BasicHttpServerSpan<DetachedSpan>;
using DetachedHttpClientSpan = BasicHttpClientSpan<DetachedSpan>;

}  // namespace WAGGLE_SPANS_NAMESPACE
}  // namespace waggle

#endif  // WAGGLE_INSTRUMENT_HTTP_HPP
