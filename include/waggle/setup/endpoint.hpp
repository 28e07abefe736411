// Endpoints as text: what a URL says about where a key may go, and how a base URL becomes the one
// that traces are sent to. Pure.
#ifndef WAGGLE_SETUP_ENDPOINT_HPP
#define WAGGLE_SETUP_ENDPOINT_HPP

#include <cstddef>
#include <string>
#include <string_view>

#include "waggle/core/config.hpp"
#include "waggle/http/header_lines.hpp"
#include "waggle/sdk/joined.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Takes a URL apart as far as is needed to decide what may be sent there.
struct UrlParts {
  std::string_view scheme;
  std::string_view host;
  std::string_view port;
  bool has_path = false;
  bool has_user = false;
  bool is_valid = false;

  WAGGLE_COLD static UrlParts of(std::string_view url) noexcept {
    UrlParts parts;
    const std::size_t scheme_end = url.find("://");
    if (scheme_end == url.npos) return parts;
    parts.scheme = url.substr(0, scheme_end);
    std::string_view rest = url.substr(scheme_end + 3);
    const std::size_t path = rest.find_first_of("/?#");
    parts.has_path = path != rest.npos && rest[path] == '/';
    rest = rest.substr(0, path);
    const std::size_t user_end = rest.rfind('@');
    parts.has_user = user_end != rest.npos;
    if (user_end != rest.npos) rest.remove_prefix(user_end + 1);
    const bool is_ipv6 = !rest.empty() && rest.front() == '[';
    parts.host = is_ipv6 ? rest.substr(0, rest.find(']') + 1) : rest.substr(0, rest.find(':'));
    rest.remove_prefix(parts.host.size());
    if (!rest.empty()) parts.port = rest.substr(1);
    const bool is_http =
        equals_ignoring_case(parts.scheme, "http") || equals_ignoring_case(parts.scheme, "https");
    parts.is_valid = is_http && !parts.host.empty() && url.find_first_of(" \t\r\n") == url.npos;
    return parts;
  }

  // Returns what all addresses on that server begin with.
  std::string origin() const {
    return joined({scheme, "://", host, port.empty() ? "" : ":", port});
  }

  bool is_encrypted() const noexcept { return equals_ignoring_case(scheme, "https"); }

  bool is_loopback() const noexcept {
    return equals_ignoring_case(host, "localhost") || host == "[::1]" ||
           host.substr(0, 4) == "127.";
  }

  bool is_honeycomb() const noexcept {
    constexpr std::string_view kDomain = ".honeycomb.io";
    return host.size() > kDomain.size() &&
           equals_ignoring_case(host.substr(host.size() - kDomain.size()), kDomain);
  }
};

// Takes a URL as people write it: api.honeycomb.io:443 as well, which Honeycomb's documentation
// gives for gRPC.
WAGGLE_COLD std::string with_scheme(std::string_view url) {
  const bool lacks_scheme = url.find("://") == url.npos && url.find("honeycomb.io") != url.npos;
  return joined({lacks_scheme ? "https://" : "", without_blanks(url)});
}

// Returns the user interface that belongs to an API server: ui.eu1.honeycomb.io to
// api.eu1.honeycomb.io, and the one of the US to a proxy.
WAGGLE_COLD std::string user_interface_of(const UrlParts& url) {
  constexpr std::string_view kApi = "api.";
  const bool is_api = url.is_honeycomb() && url.host.substr(0, kApi.size()) == kApi;
  return joined({"https://ui.", is_api ? url.host.substr(kApi.size()) : "honeycomb.io"});
}

// Appends v1/traces to a base URL, unless it is there (OpenTelemetry, OTLP Exporter, Endpoint
// URLs).
WAGGLE_COLD std::string traces_url(std::string_view base) {
  std::string url = with_scheme(base);
  constexpr std::string_view kPath = "v1/traces";
  const std::size_t end = url.find_last_not_of('/');
  url.resize(end == url.npos ? 0 : end + 1);
  const bool has_path =
      url.size() > kPath.size() && url.compare(url.size() - kPath.size(), kPath.npos, kPath) == 0;
  return has_path ? url : joined({url, "/", kPath});
}

// Takes an endpoint that is for traces already as it is; one without any path means the root
// (OpenTelemetry, as above).
WAGGLE_COLD std::string verbatim_url(std::string_view endpoint) {
  const std::string url = with_scheme(endpoint);
  const bool is_bare = UrlParts::of(url).is_valid && !UrlParts::of(url).has_path;
  return is_bare ? joined({url, "/"}) : url;
}

// Honeycomb's distributions take theirs as it is too, but to its root nobody means to post.
WAGGLE_COLD std::string honeycomb_traces_url(std::string_view endpoint) {
  const std::string url = with_scheme(endpoint);
  return UrlParts::of(url).has_path ? url : traces_url(url);
}

// Returns a URL without a user's name and password.
WAGGLE_COLD std::string without_user(std::string_view url) {
  const UrlParts parts = UrlParts::of(url);
  if (!parts.has_user) return url.find('@') == url.npos ? std::string(url) : "***";
  const std::size_t user = parts.scheme.size() + 3;
  return joined({url.substr(0, user), "***@", url.substr(url.find('@', user) + 1)});
}

// Hosts that are taken for API servers of Honeycomb's, and which one is meant.
struct HostSlip {
  std::string_view host;
  std::string_view meant;
};
constexpr HostSlip kHostSlips[] = {
    {"honeycomb.io", "api.honeycomb.io"},
    {"www.honeycomb.io", "api.honeycomb.io"},
    {"ui.honeycomb.io", "api.honeycomb.io"},
    {"docs.honeycomb.io", "api.honeycomb.io"},
    {"api.us.honeycomb.io", "api.honeycomb.io"},
    {"api.us1.honeycomb.io", "api.honeycomb.io"},
    {"eu1.honeycomb.io", "api.eu1.honeycomb.io"},
    {"ui.eu1.honeycomb.io", "api.eu1.honeycomb.io"},
    {"api.eu.honeycomb.io", "api.eu1.honeycomb.io"},
    {"api-eu1.honeycomb.io", "api.eu1.honeycomb.io"},
};

// Returns the host that is meant, empty if nothing speaks against this one.
inline std::string_view host_meant(std::string_view host) noexcept {
  for (const HostSlip& slip : kHostSlips) {
    if (equals_ignoring_case(slip.host, host)) return slip.meant;
  }
  return {};
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SETUP_ENDPOINT_HPP
