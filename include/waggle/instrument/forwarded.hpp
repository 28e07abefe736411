// What the headers of a request tell a server about the way it took: the client's address, the host
// that it asked for and the scheme, through proxies (RFC 7239's Forwarded, and X-Forwarded-*).
// Anyone can send these headers: what they say is good for a trace, and for nothing else.
#ifndef WAGGLE_INSTRUMENT_FORWARDED_HPP
#define WAGGLE_INSTRUMENT_FORWARDED_HPP

#include <cstddef>
#include <string_view>

#include "waggle/instrument/header_values.hpp"
#include "waggle/instrument/url.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Returns the text up to one of `ends` that stands outside of quotes.
inline std::string_view before_unquoted(std::string_view text, std::string_view ends) noexcept {
  bool is_quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '"') is_quoted = !is_quoted;
    if (!is_quoted && ends.find(text[at]) != ends.npos) return text.substr(0, at);
  }
  return text;
}

// Returns the value of `name` in the first element of a Forwarded header, the one that the proxy
// next to the client wrote; empty if it has none.
inline std::string_view forwarded_value(std::string_view header, std::string_view name) noexcept {
  std::string_view element = before_unquoted(header, ",");
  while (!element.empty()) {
    const std::string_view pair = before_unquoted(element, ";");
    element.remove_prefix(pair.size() < element.size() ? pair.size() + 1 : pair.size());
    const std::size_t equals = pair.find('=');
    if (equals == pair.npos || !is_header_name(trim(pair.substr(0, equals)), name)) continue;
    std::string_view value = trim(pair.substr(equals + 1));
    const bool is_quoted = value.size() > 1 && value.front() == '"' && value.back() == '"';
    return is_quoted ? value.substr(1, value.size() - 2) : value;
  }
  return {};
}

constexpr std::string_view first_element(std::string_view list) noexcept {
  return trim(list.substr(0, list.find(',')));
}

constexpr std::string_view first_told(std::string_view one, std::string_view other) noexcept {
  return one.empty() ? other : one;
}

// Reads what the headers tell, from a carrier as for extract().
class RequestPath {
 public:
  template <class Carrier>
  explicit RequestPath(const Carrier& headers)
      : forwarded_(headers, "forwarded"),
        forwarded_for_(headers, "x-forwarded-for"),
        forwarded_host_(headers, "x-forwarded-host"),
        forwarded_proto_(headers, "x-forwarded-proto"),
        authority_(headers, ":authority"),
        host_(headers, "host"),
        user_agent_(headers, "user-agent") {}

  // Returns the address of the client, `peer` if no proxy told it.
  std::string_view client(std::string_view peer) const noexcept {
    const std::string_view told =
        first_told(forwarded_value(forwarded_.view(), "for"), first_element(forwarded_for_.view()));
    const std::string_view address = split_host_port(told).host;
    return address.empty() || is_header_name(address, "unknown") ? peer : address;
  }

  // Returns the scheme of the client's URL: http or https, if the headers tell one of them.
  std::string_view scheme(std::string_view own) const noexcept {
    const std::string_view told = first_told(forwarded_value(forwarded_.view(), "proto"),
                                             first_element(forwarded_proto_.view()));
    if (is_header_name(told, "https")) return "https";
    return is_header_name(told, "http") ? "http" : own;
  }

  // Returns the host and the port of the client's URL.
  HostPort server(std::string_view url_scheme) const noexcept {
    const std::string_view told = first_told(forwarded_value(forwarded_.view(), "host"),
                                             first_element(forwarded_host_.view()));
    HostPort server =
        split_host_port(first_told(told, first_told(authority_.view(), host_.view())));
    if (server.port == 0) server.port = default_port(url_scheme);
    return server;
  }

  std::string_view user_agent() const noexcept { return user_agent_.view(); }

 private:
  FirstHeader<512> forwarded_;
  FirstHeader<256> forwarded_for_;
  FirstHeader<256> forwarded_host_;
  FirstHeader<16> forwarded_proto_;
  FirstHeader<256> authority_;
  FirstHeader<256> host_;
  FirstHeader<512> user_agent_;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_INSTRUMENT_FORWARDED_HPP
