// URLs as HTTP spans need them: their parts, and their text without the secrets in it. Pure views
// and fixed buffers, nothing is allocated.
#ifndef WAGGLE_INSTRUMENT_URL_HPP
#define WAGGLE_INSTRUMENT_URL_HPP

#include <cstddef>
#include <cstring>
#include <string_view>

#include "waggle/api/header_carrier.hpp"
#include "waggle/api/trace_state_members.hpp"

namespace waggle {
inline namespace abi1 {

// Names, separated by commas, the query parameters whose values are signatures or keys of a cloud
// provider (OpenTelemetry, HTTP spans, url.full).
constexpr std::string_view kRedactedQueryKeys =
    "X-Amz-Signature,X-Amz-Credential,X-Amz-Security-Token,AWSAccessKeyId,Signature,sig,"
    "X-Goog-Signature";

namespace detail {

// Collects text up to a fixed size; what is longer is cut.
template <std::size_t Capacity>
class BoundedText {
 public:
  BoundedText() noexcept = default;
  explicit BoundedText(std::string_view text) noexcept { append(text); }

  void append(std::string_view text) noexcept {
    const std::size_t room = Capacity - size_;
    const std::size_t size = text.size() < room ? text.size() : room;
    if (size != 0) std::memcpy(text_ + size_, text.data(), size);
    size_ += size;
  }

  // Appends a number that is not negative.
  void append_number(long number) noexcept {
    if (number > 9) append_number(number / 10);
    const char digit = static_cast<char>('0' + number % 10);
    append({&digit, 1});
  }

  void clear() noexcept { size_ = 0; }
  std::string_view view() const noexcept { return {text_, size_}; }

 private:
  std::size_t size_ = 0;
  char text_[Capacity];
};

// Tells whether a list that is separated by commas holds `name`, in the same case.
inline bool list_holds(std::string_view list, std::string_view name) noexcept {
  TextPieces pieces(list, ',');
  for (std::string_view piece; pieces.next(piece);) {
    if (!name.empty() && trim(piece) == name) return true;
  }
  return false;
}

// A host's name or address, without brackets, and a port, 0 if none is told.
struct HostPort {
  std::string_view host;
  int port = 0;
};

// Reads a port, 0 if it is none.
inline int parse_port(std::string_view text) noexcept {
  int port = 0;
  for (char c : text) {
    if (!is_decimal_digit(c) || port > 65535) return 0;
    port = port * 10 + (c - '0');
  }
  return port > 65535 ? 0 : port;
}

// Splits "host", "host:80", "[::1]:80" or "::1".
inline HostPort split_host_port(std::string_view text) noexcept {
  constexpr std::size_t kNone = std::string_view::npos;
  if (!text.empty() && text.front() == '[') {
    const std::size_t end = text.find(']');
    if (end == kNone) return {};
    const std::string_view rest = text.substr(end + 1);
    const bool has_port = !rest.empty() && rest.front() == ':';
    return {text.substr(1, end - 1), has_port ? parse_port(rest.substr(1)) : 0};
  }
  const std::size_t colon = text.find(':');
  if (colon == kNone || text.find(':', colon + 1) != kNone) return {text, 0};
  return {text.substr(0, colon), parse_port(text.substr(colon + 1))};
}

// The port that a scheme implies, 0 if unknown.
inline int default_port(std::string_view scheme) noexcept {
  if (is_header_name(scheme, "http")) return 80;
  return is_header_name(scheme, "https") ? 443 : 0;
}

// Views the parts of an absolute URL; without a scheme it counts as http, as curl has it.
struct TargetUrl {
  explicit TargetUrl(std::string_view url) noexcept {
    const std::size_t colon = url.find("://");
    const std::size_t query_at = url.find_first_of("?#");
    const bool has_scheme = colon < query_at;
    if (has_scheme) scheme = url.substr(0, colon);
    const std::string_view rest = has_scheme ? url.substr(colon + 3) : url;
    const std::size_t end = rest.find_first_of("/?#");
    const std::string_view authority = rest.substr(0, end);
    const std::size_t at = authority.rfind('@');
    has_credentials = at != std::string_view::npos;
    host_text = has_credentials ? authority.substr(at + 1) : authority;
    if (end != std::string_view::npos) rest_text = rest.substr(end);
    server = split_host_port(host_text);
    if (server.port == 0) server.port = default_port(scheme);
  }

  std::string_view scheme = "http";
  bool has_credentials = false;
  std::string_view host_text;  // as written: with port and brackets
  HostPort server;             // with the scheme's port if there is none
  std::string_view rest_text;  // path, query, fragment
};

// Appends a query, without its question mark, with REDACTED for the values of `keys`.
template <class Text>
void append_redacted_query(Text& to, std::string_view query, std::string_view keys) noexcept {
  const std::size_t fragment = query.find('#');
  TextPieces pieces(query.substr(0, fragment), '&');
  bool is_first = true;
  for (std::string_view piece; pieces.next(piece); is_first = false) {
    if (!is_first) to.append("&");
    const std::size_t equals = piece.find('=');
    const bool is_secret = equals != piece.npos && list_holds(keys, piece.substr(0, equals));
    to.append(is_secret ? piece.substr(0, equals + 1) : piece);
    if (is_secret) to.append("REDACTED");
  }
  if (fragment != query.npos) to.append(query.substr(fragment));
}

// Appends a URL with REDACTED for its credentials and for the values of `keys`.
template <class Text>
void append_redacted_url(Text& to, const TargetUrl& url, std::string_view keys) noexcept {
  to.append(url.scheme);
  to.append("://");
  if (url.has_credentials) to.append("REDACTED:REDACTED@");
  to.append(url.host_text);
  const std::size_t query = url.rest_text.find('?');
  if (query > url.rest_text.find('#') || query == url.rest_text.npos) {
    return to.append(url.rest_text);
  }
  to.append(url.rest_text.substr(0, query + 1));
  append_redacted_query(to, url.rest_text.substr(query + 1), keys);
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_INSTRUMENT_URL_HPP
