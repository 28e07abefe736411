// Where spans go, decided once from configuration and environment: what the code says; else
// Honeycomb's variables; else OpenTelemetry's; else a person's terminal; else nowhere. Pure, so
// that every rule is a row in a test.
#ifndef WAGGLE_SETUP_DESTINATION_HPP
#define WAGGLE_SETUP_DESTINATION_HPP

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "waggle/http/header_lines.hpp"
#include "waggle/sdk/config.hpp"
#include "waggle/sdk/otlp_destination.hpp"
#include "waggle/setup/environment.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

enum class DestinationKind { Nowhere, Terminal, Otlp, OwnExporters };

// Holds the decision. `errors` keep tracing from starting; `warnings` do not. No text shows a key.
struct Destination {
  DestinationKind kind = DestinationKind::Nowhere;
  OtlpDestination otlp;
  std::vector<std::string> errors;
  std::vector<std::string> warnings;
};

// Takes a URL apart as far as is needed to decide what may be sent there.
struct UrlParts {
  std::string_view scheme;
  std::string_view host;
  bool is_valid = false;

  static UrlParts of(std::string_view url) noexcept {
    UrlParts parts;
    const std::size_t scheme_end = url.find("://");
    if (scheme_end == url.npos) return parts;
    parts.scheme = url.substr(0, scheme_end);
    std::string_view rest = url.substr(scheme_end + 3);
    rest = rest.substr(0, rest.find_first_of("/?#"));
    const std::size_t user_end = rest.rfind('@');
    if (user_end != rest.npos) rest.remove_prefix(user_end + 1);
    const bool is_ipv6 = !rest.empty() && rest.front() == '[';
    parts.host = is_ipv6 ? rest.substr(0, rest.find(']') + 1) : rest.substr(0, rest.find(':'));
    const bool is_http =
        equals_ignoring_case(parts.scheme, "http") || equals_ignoring_case(parts.scheme, "https");
    parts.is_valid = is_http && !parts.host.empty() && url.find_first_of(" \t\r\n") == url.npos;
    return parts;
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

// Appends v1/traces to a base URL (OpenTelemetry, OTLP Exporter, Endpoint URLs). Takes
// api.honeycomb.io:443 as well, which Honeycomb's documentation gives for gRPC.
inline std::string traces_url(std::string_view base) {
  std::string url(without_blanks(base));
  if (url.find("://") == url.npos && url.find("honeycomb.io") != url.npos) url = "https://" + url;
  constexpr std::string_view kPath = "v1/traces";
  const std::size_t end = url.find_last_not_of('/');
  url.resize(end == url.npos ? 0 : end + 1);
  const bool has_path =
      url.size() > kPath.size() && url.compare(url.size() - kPath.size(), kPath.npos, kPath) == 0;
  return has_path ? url : url + "/" + std::string(kPath);
}

// Makes the decision.
class DestinationRules {
 public:
  DestinationRules(const Config& config, const Environment& environment, bool has_terminal)
      : config_(config), environment_(environment), has_terminal_(has_terminal) {}

  Destination decide() {
    const bool has_code = !config_.api_key.empty() || !config_.endpoint.empty();
    if (has_code) {
      from_code();
    } else if (!config_.exporters.empty()) {
      result_.kind = DestinationKind::OwnExporters;
    } else if (!environment_.honeycomb_api_key.empty()) {
      honeycomb(environment_.honeycomb_api_key, environment_.honeycomb_endpoint);
    } else if (!environment_.otlp_endpoint.empty()) {
      otlp(environment_.otlp_endpoint, "OTEL_EXPORTER_OTLP_ENDPOINT");
      add_headers_of_environment();
    } else {
      nobody_said();
    }
    return std::move(result_);
  }

 private:
  void from_code() {
    if (config_.api_key.empty()) {
      otlp(config_.endpoint, "Config::endpoint");
    } else {
      honeycomb(config_.api_key, config_.endpoint);
    }
    for (const auto& header : config_.headers) add_header(header.first, header.second);
  }

  void honeycomb(const std::string& key, const std::string& endpoint) {
    otlp(endpoint.empty() ? "https://api.honeycomb.io" : endpoint, "the Honeycomb endpoint");
    result_.otlp.is_honeycomb = true;
    const std::string_view clean = without_blanks(key);
    if (clean.find_first_not_of(kKeyCharacters) != clean.npos || clean.empty()) {
      error(
          "the Honeycomb API key holds characters that no key has; copy it once more from "
          "Honeycomb's settings");
      return;
    }
    add_header("x-honeycomb-team", std::string(clean));
  }

  void otlp(std::string_view endpoint, std::string_view said_by) {
    result_.kind = DestinationKind::Otlp;
    result_.otlp.url = traces_url(endpoint);
    const UrlParts url = UrlParts::of(result_.otlp.url);
    if (!url.is_valid) {
      error(std::string(said_by) +
            " is not a URL such as https://api.honeycomb.io or http://localhost:4318");
    }
    result_.otlp.is_honeycomb = url.is_honeycomb();
    result_.otlp.compress = !url.is_loopback();
  }

  void add_headers_of_environment() {
    HeaderList headers = parse_headers(environment_.otlp_headers, result_.warnings);
    for (auto& header : headers) {
      const bool is_key = equals_ignoring_case(header.first, "x-honeycomb-team");
      if (is_key && !UrlParts::of(result_.otlp.url).is_honeycomb()) {
        result_.warnings.emplace_back(
            "OTEL_EXPORTER_OTLP_HEADERS: x-honeycomb-team was left out, since the endpoint is not "
            "Honeycomb's; set HONEYCOMB_API_KEY and HONEYCOMB_API_ENDPOINT to send it elsewhere");
        continue;
      }
      add_header(header.first, std::move(header.second));
    }
  }

  void add_header(const std::string& name, std::string value) {
    const UrlParts url = UrlParts::of(result_.otlp.url);
    const bool is_key = equals_ignoring_case(name, "x-honeycomb-team");
    if (!is_header_name(name) || !is_header_value(value)) {
      error("a header's name or value cannot be sent: " +
            (is_header_name(name) ? name : std::string("(bad name)")));
    } else if (is_key && url.is_valid && !url.is_encrypted() && !url.is_loopback()) {
      error("refusing to send the API key over plain http to " + std::string(url.host) +
            "; use https");
    } else {
      result_.otlp.headers.emplace_back(name, std::move(value));
    }
  }

  void nobody_said() {
    if (!environment_.honeycomb_endpoint.empty()) {
      result_.warnings.emplace_back(
          "HONEYCOMB_API_ENDPOINT is set and HONEYCOMB_API_KEY is not: nothing is sent there");
    }
    if (has_terminal_) {
      result_.kind = DestinationKind::Terminal;
    } else {
      result_.warnings.emplace_back(
          "tracing is off: set HONEYCOMB_API_KEY, or OTEL_EXPORTER_OTLP_ENDPOINT, to turn it on");
    }
  }

  void error(std::string text) { result_.errors.push_back(std::move(text)); }

  static constexpr std::string_view kKeyCharacters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

  const Config& config_;
  const Environment& environment_;
  const bool has_terminal_;
  Destination result_;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SETUP_DESTINATION_HPP
