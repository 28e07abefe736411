// Puts a failed transfer into words for the person who can mend it: what failed, where, and what to
// look at. Pure text, no network; used by the HTTP transport. A message names a host, never a
// header, a path, a user name or a password.
#ifndef WAGGLE_HTTP_TRANSFER_PROBLEM_HPP
#define WAGGLE_HTTP_TRANSFER_PROBLEM_HPP

#include <string>
#include <string_view>

#include "waggle/core/config.hpp"
#include "waggle/sdk/joined.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Names what can go wrong between begin() and a complete reply.
enum class TransferProblem {
  BadUrl,
  BadScheme,
  UnknownHost,
  UnknownProxy,
  ProxyRefused,
  Unreachable,
  ConnectTimeout,
  TlsRefused,
  CertificateRefused,
  CertificateFileUnreadable,
  ReplyTimeout,
  NotHttp,
  ReplyTooLarge,
  ConnectionLost,
  OutOfMemory,
};

// Describes one failure. `host` is "name" or "name:port"; `reason` is the network library's own
// words, empty where they could repeat a secret.
struct TransferFailure {
  TransferProblem problem;
  std::string host;
  std::string reason;
};

// Pairs words that TLS libraries use with what they mean for the user.
struct CertificateHint {
  std::string_view words;
  const char* meaning;
};

// OpenSSL (1.1 and 3), GnuTLS, mbedTLS, wolfSSL and rustls each have words of their own. Names come
// before issuers: GnuTLS mentions its file of issuers in other complaints too.
constexpr CertificateHint kCertificateHints[] = {
    {"expired", "it has expired: renew it, or check this machine's clock"},
    {"expiration", "it has expired: renew it, or check this machine's clock"},
    {"not yet valid", "it is not valid yet: check this machine's clock"},
    {"activation", "it is not valid yet: check this machine's clock"},
    {"match", "it is for another name: use the host name the certificate was made for"},
    {"NotValidForName", "it is for another name: use the host name the certificate was made for"},
    {"revoked", "it has been revoked: the server needs a new one"},
    {"self-signed", "its issuer is not trusted here: set the CA file to the issuer's certificate"},
    {"self signed", "its issuer is not trusted here: set the CA file to the issuer's certificate"},
    {"issuer", "its issuer is not trusted here: set the CA file to the issuer's certificate"},
    {"Issuer", "its issuer is not trusted here: set the CA file to the issuer's certificate"},
    {"signer", "its issuer is not trusted here: set the CA file to the issuer's certificate"},
    {"trusted", "its issuer is not trusted here: set the CA file to the issuer's certificate"},
    {"CAfile", "its issuer is not trusted here: set the CA file to the issuer's certificate"},
    {"first certificate",
     "its issuer is not trusted here, or the server leaves out an intermediate certificate"},
};

// Says why a server's certificate was not accepted, as far as the TLS library's words tell.
WAGGLE_COLD std::string_view certificate_meaning(std::string_view reason) noexcept {
  for (const CertificateHint& hint : kCertificateHints) {
    if (reason.find(hint.words) != std::string_view::npos) return hint.meaning;
  }
  return "it could not be verified";
}

// Says why a TLS handshake broke off, as far as the TLS library's words tell.
WAGGLE_COLD std::string_view handshake_meaning(std::string_view reason) noexcept {
  const auto says = [reason](std::string_view words) {
    return reason.find(words) != std::string_view::npos;
  };
  if (says("wrong version number") || says("packet length")) {
    return "the port does not speak TLS; use http:// or the port meant for https";
  }
  if (says("protocol version") || says("unsupported protocol")) {
    return "the server offers nothing newer than TLS 1.1; TLS 1.2 is needed";
  }
  if (says("certificate required") || says("handshake failure") || says("bad certificate")) {
    return "the server may ask for a client certificate";
  }
  return "the port may not speak TLS, or something between cut the connection";
}

// Puts the sentence before the network library's own words.
WAGGLE_COLD std::string describe_problem(const TransferFailure& failure) {
  const std::string_view host = failure.host;
  switch (failure.problem) {
    case TransferProblem::BadUrl:
      return "the endpoint is not a URL; it should look like https://api.honeycomb.io/v1/traces";
    case TransferProblem::BadScheme:
      return "the endpoint must begin with http:// or https://, and https needs a libcurl with TLS";
    case TransferProblem::UnknownHost:
      return joined(
          {"cannot find the address of ", host, ": check its spelling and this machine's DNS"});
    case TransferProblem::UnknownProxy:
      return joined({"cannot find the proxy on the way to ", host,
                     ": check http_proxy, https_proxy, all_proxy and no_proxy"});
    case TransferProblem::ProxyRefused:
      return joined({"the proxy refused to connect to ", host,
                     ": check its rules and login, or add the host to no_proxy"});
    case TransferProblem::Unreachable:
      return joined({"cannot connect to ", host,
                     ": check that a server listens there and no firewall or "
                     "proxy setting stands between"});
    case TransferProblem::ConnectTimeout:
      return joined(
          {"no connection to ", host, " in time: check the address, firewalls and proxies"});
    case TransferProblem::TlsRefused:
      return joined({"TLS with ", host, " failed: ", handshake_meaning(failure.reason)});
    case TransferProblem::CertificateRefused:
      return joined(
          {"the certificate of ", host, " was refused: ", certificate_meaning(failure.reason)});
    case TransferProblem::CertificateFileUnreadable:
      return joined({"a certificate or key file cannot be used for ", host,
                     ": check that it exists, is readable and holds PEM"});
    case TransferProblem::ReplyTimeout:
      return joined({host, " took the request but did not answer in time"});
    case TransferProblem::NotHttp:
      return joined({"what answers at ", host,
                     " does not speak HTTP: check scheme and port (OTLP over "
                     "HTTP is usually at 4318, gRPC at 4317)"});
    case TransferProblem::ReplyTooLarge:
      return joined({host, " sent a longer reply than is read; it may not be an OTLP endpoint"});
    case TransferProblem::ConnectionLost:
      return joined({"the connection to ", host, " was lost before a complete reply"});
    case TransferProblem::OutOfMemory:
      return "the request could not be set up: libcurl is out of memory or not initialised";
  }
  return joined({"the transfer to ", host, " failed"});
}

// Returns the whole message of a failed transfer.
inline std::string describe(const TransferFailure& failure) {
  const std::string problem = describe_problem(failure);
  return failure.reason.empty() ? problem : joined({problem, " (", failure.reason, ")"});
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_HTTP_TRANSFER_PROBLEM_HPP
