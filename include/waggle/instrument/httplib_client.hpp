// A cpp-httplib client whose requests are recorded; waggle/instrument/httplib.hpp says more.
#ifndef WAGGLE_INSTRUMENT_HTTPLIB_CLIENT_HPP
#define WAGGLE_INSTRUMENT_HTTPLIB_CLIENT_HPP

#include <httplib.h>

#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "waggle/instrument/http.hpp"

namespace waggle {
inline namespace WAGGLE_SPANS_NAMESPACE {
namespace detail {

// Returns one of a few fixed texts, so that failures can be counted by it.
inline std::string_view httplib_error_type(httplib::Error error) noexcept {
  switch (error) {
    case httplib::Error::Connection:
      return "connection_failed";
    case httplib::Error::ConnectionTimeout:
      return "timeout";
    case httplib::Error::BindIPAddress:
      return "bind_failed";
    case httplib::Error::Read:
      return "read_failed";
    case httplib::Error::Write:
      return "write_failed";
    case httplib::Error::ExceedRedirectCount:
      return "too_many_redirects";
    case httplib::Error::SSLConnection:
      return "tls_failed";
    case httplib::Error::SSLLoadingCerts:
      return "certificates_unreadable";
    case httplib::Error::SSLServerVerification:
      return "server_certificate_invalid";
    case httplib::Error::Compression:
      return "compression_failed";
    default:
      return "_OTHER";
  }
}

}  // namespace detail

// Sends requests, a client span each, whose identity goes along in the headers. Each call takes
// what httplib's call of that name takes: headers, if any, come right behind the path.
//
// NOLINTBEGIN(readability-identifier-naming): httplib's names
class HttplibCalls {
  // Tells what else may follow a path from headers and parameters, which have overloads.
  template <class First, class... Others>
  using IfNone = std::enable_if_t<!(std::is_same_v<std::decay_t<First>, Others> || ...)>;

 public:
  using Result = httplib::Result;
  using Headers = httplib::Headers;
  using Params = httplib::Params;

  Result Get(const std::string& path, const Headers& headers = {}) {
    return traced("GET", path, headers,
                  [&](const Headers& sent) { return client_->Get(path, sent); });
  }
  template <class... More>
  Result Get(const std::string& path, const Headers& headers, More&&... more) {
    return traced("GET", path, headers, [&](const Headers& sent) {
      return client_->Get(path, sent, std::forward<More>(more)...);
    });
  }
  template <class First, class... More, class = IfNone<First, Headers, Params>>
  Result Get(const std::string& path, First&& first, More&&... more) {
    return Get(path, Headers{}, std::forward<First>(first), std::forward<More>(more)...);
  }
  template <class... More>
  Result Get(const std::string& path, const Params& params, const Headers& headers,
             More&&... more) {
    return Get(httplib::append_query_params(path, params), headers, std::forward<More>(more)...);
  }
  Result Head(const std::string& path, const Headers& headers = {}) {
    return traced("HEAD", path, headers,
                  [&](const Headers& sent) { return client_->Head(path, sent); });
  }
  Result Post(const std::string& path, const Headers& headers = {}) {
    return traced("POST", path, headers,
                  [&](const Headers& sent) { return client_->Post(path, sent); });
  }
  template <class... More>
  Result Post(const std::string& path, const Headers& headers, More&&... more) {
    return traced("POST", path, headers, [&](const Headers& sent) {
      return client_->Post(path, sent, std::forward<More>(more)...);
    });
  }
  template <class First, class... More, class = IfNone<First, Headers>>
  Result Post(const std::string& path, First&& first, More&&... more) {
    return Post(path, Headers{}, std::forward<First>(first), std::forward<More>(more)...);
  }
  Result Put(const std::string& path, const Headers& headers = {}) {
    return traced("PUT", path, headers, [&](const Headers& sent) {
      return client_->Put(path, sent, std::string(), std::string());
    });
  }
  template <class... More>
  Result Put(const std::string& path, const Headers& headers, More&&... more) {
    return traced("PUT", path, headers, [&](const Headers& sent) {
      return client_->Put(path, sent, std::forward<More>(more)...);
    });
  }
  template <class First, class... More, class = IfNone<First, Headers>>
  Result Put(const std::string& path, First&& first, More&&... more) {
    return Put(path, Headers{}, std::forward<First>(first), std::forward<More>(more)...);
  }
  Result Patch(const std::string& path, const Headers& headers = {}) {
    return traced("PATCH", path, headers, [&](const Headers& sent) {
      return client_->Patch(path, sent, std::string(), std::string());
    });
  }
  template <class... More>
  Result Patch(const std::string& path, const Headers& headers, More&&... more) {
    return traced("PATCH", path, headers, [&](const Headers& sent) {
      return client_->Patch(path, sent, std::forward<More>(more)...);
    });
  }
  template <class First, class... More, class = IfNone<First, Headers>>
  Result Patch(const std::string& path, First&& first, More&&... more) {
    return Patch(path, Headers{}, std::forward<First>(first), std::forward<More>(more)...);
  }
  Result Delete(const std::string& path, const Headers& headers = {}) {
    return traced("DELETE", path, headers,
                  [&](const Headers& sent) { return client_->Delete(path, sent); });
  }
  template <class... More>
  Result Delete(const std::string& path, const Headers& headers, More&&... more) {
    return traced("DELETE", path, headers, [&](const Headers& sent) {
      return client_->Delete(path, sent, std::forward<More>(more)...);
    });
  }
  template <class First, class... More, class = IfNone<First, Headers>>
  Result Delete(const std::string& path, First&& first, More&&... more) {
    return Delete(path, Headers{}, std::forward<First>(first), std::forward<More>(more)...);
  }
  Result Options(const std::string& path, const Headers& headers = {}) {
    return traced("OPTIONS", path, headers,
                  [&](const Headers& sent) { return client_->Options(path, sent); });
  }

  // Sends any other request.
  Result send(httplib::Request request) {
    return traced(request.method, request.path, request.headers, [&](const Headers& headers) {
      request.headers = headers;
      return client_->send(request);
    });
  }

 protected:
  HttplibCalls(httplib::Client& client, const std::string& origin, std::string url_template)
      : client_(&client), origin_(&origin), url_template_(std::move(url_template)) {}

 private:
  friend class HttplibClient;

  template <class Call>
  Result traced(std::string_view method, const std::string& path, Headers headers, Call call) {
    HttpClientSpan span{{method, *origin_ + path, url_template_}};
    span.inject(headers);
    Result result = call(headers);
    if (result) {
      span.set_status_code(result->status);
      span.set_protocol_version(result->version);
    } else if (result.error() != httplib::Error::Canceled) {
      span.fail(detail::httplib_error_type(result.error()));
    }
    return result;
  }

  httplib::Client* client_;
  const std::string* origin_;
  std::string url_template_;
};
// NOLINTEND(readability-identifier-naming)

// Owns an httplib::Client whose requests are traced; as thread-safe as that one. Redirects that it
// follows are part of the one span.
class HttplibClient : public HttplibCalls {
 public:
  // Takes "http://host:port" or "https://host"; or a host and a port.
  explicit HttplibClient(const std::string& scheme_host_port)
      : HttplibCalls(client_, origin_, {}), origin_(scheme_host_port), client_(scheme_host_port) {}
  HttplibClient(const std::string& host, int port)
      : HttplibCalls(client_, origin_, {}),
        origin_("http://" + (host.find(':') == host.npos ? host : "[" + host + "]") + ":" +
                std::to_string(port)),
        client_(host, port) {}
  HttplibClient(const HttplibClient&) = delete;
  HttplibClient& operator=(const HttplibClient&) = delete;

  // Returns the same calls with a pattern to name the span after:
  // at("/users/{id}").Get("/users/7"). Valid as long as the client.
  HttplibCalls at(std::string url_template) {
    return HttplibCalls(client_, origin_, std::move(url_template));
  }

  // Reaches the client itself, for its settings: client->set_read_timeout(5).
  httplib::Client* operator->() noexcept { return &client_; }

 private:
  std::string origin_;
  httplib::Client client_;
};

}  // namespace WAGGLE_SPANS_NAMESPACE
}  // namespace waggle

#endif  // WAGGLE_INSTRUMENT_HTTPLIB_CLIENT_HPP
