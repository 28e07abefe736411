// What waggle needs of libcurl (7.68 or newer) besides moving bytes: its process-wide set-up,
// owners for its handles, and what its error codes mean. The only header that includes
// <curl/curl.h>; used by the HTTP transport.
#ifndef WAGGLE_HTTP_CURL_HPP
#define WAGGLE_HTTP_CURL_HPP

#include <curl/curl.h>

#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "waggle/core/config.hpp"
#include "waggle/core/version.hpp"
#include "waggle/http/header_lines.hpp"
#include "waggle/http/transfer_problem.hpp"
#include "waggle/sdk/joined.hpp"
#include "waggle/sdk/result.hpp"
#include "waggle/sdk/transport.hpp"

namespace waggle {
inline namespace abi1 {

// Prepares libcurl for the whole process, once, and returns its version; further calls return the
// first one's result. Harmless beside a host program's own use of libcurl, and never undone. Call
// it before making a CurlTransport, and before starting threads if libcurl is older than 7.84.
inline Result<std::string> initialise_curl() {
  static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (code == CURLE_OK) return std::string(curl_version());
  return Error{std::string("libcurl cannot be initialised: ") + curl_easy_strerror(code)};
}

// Configures a CurlTransport. Proxies come from http_proxy, https_proxy, all_proxy and no_proxy.
struct CurlOptions {
  std::string user_agent = "waggle-Cpp/" WAGGLE_VERSION;
  std::string ca_file;                    // PEM; trusted instead of the system's; empty: system's
  std::string client_certificate_file;    // PEM, for servers that ask for one; empty: none
  std::string client_key_file;            // PEM; empty: the key is in the certificate's file
  std::size_t largest_reply = 64 * 1024;  // bytes; what is longer ends as ReplyTooLarge
  Milliseconds connect_timeout{5000};     // for name, proxy, TCP and TLS together
};

namespace detail {

// Gives a handle back with libcurl's own function.
template <auto Function>
struct CurlRelease {
  template <class Handle>
  void operator()(Handle* handle) const noexcept {
    Function(handle);
  }
};
using CurlMulti = std::unique_ptr<CURLM, CurlRelease<curl_multi_cleanup>>;
using CurlUrl = std::unique_ptr<CURLU, CurlRelease<curl_url_cleanup>>;
using CurlText = std::unique_ptr<char, CurlRelease<curl_free>>;

// Owns one transfer's handle; null if libcurl had no memory, and then nothing can be set or read.
class CurlEasy {
 public:
  CurlEasy() noexcept : handle_(curl_easy_init()) {}

  explicit operator bool() const noexcept { return handle_ != nullptr; }
  CURL* get() const noexcept { return handle_.get(); }
  void reset() noexcept { handle_.reset(); }

  // Sets an option; false if libcurl has no memory or was built without it.
  template <class Value>
  bool set(CURLoption option, Value value) noexcept {
    return curl_easy_setopt(handle_.get(), option, value) == CURLE_OK;
  }

  // Sets an option to a text, or leaves it as it is if the text is empty.
  bool set_unless_empty(CURLoption option, const std::string& text) noexcept {
    return text.empty() || set(option, text.c_str());
  }

  // Reads a number about the transfer, 0 if there is none.
  long number(CURLINFO which) const noexcept {
    long value = 0;
    if (handle_) curl_easy_getinfo(handle_.get(), which, &value);
    return value;
  }

 private:
  std::unique_ptr<CURL, CurlRelease<curl_easy_cleanup>> handle_;
};

// Sets what every request has in common; false if any of it did not take.
WAGGLE_COLD bool configure_http(CurlEasy& easy, const CurlOptions& options) noexcept {
#if LIBCURL_VERSION_NUM >= 0x075500
  const bool limited = easy.set(CURLOPT_PROTOCOLS_STR, "http,https");
#else
  const long allowed = CURLPROTO_HTTP | CURLPROTO_HTTPS;
  const bool limited = easy.set(CURLOPT_PROTOCOLS, allowed);
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
  easy.set(CURLOPT_QUICK_EXIT, 1L);  // a hanging name resolution is left behind, not waited for
#endif
  // A body goes out in one call or two, not in one for each 64 KiB and rest of the collector.
  constexpr long kUploadBuffer = 512 * 1024;
  return limited && easy.set(CURLOPT_NOSIGNAL, 1L) &&
         easy.set(CURLOPT_UPLOAD_BUFFERSIZE, kUploadBuffer) &&
         easy.set(CURLOPT_FOLLOWLOCATION, 0L) &&
         easy.set(CURLOPT_USERAGENT, options.user_agent.c_str());
}

// Sets how servers are verified; false if any of that did not take. A libcurl built without TLS,
// HTTP/2 or proxies refuses the first options, and has no use for them.
WAGGLE_COLD bool configure_tls(CurlEasy& easy, const CurlOptions& options) noexcept {
  constexpr long kOldestTls = CURL_SSLVERSION_TLSv1_2;
  easy.set(CURLOPT_SSLVERSION, kOldestTls);
  easy.set(CURLOPT_PROXY_SSLVERSION, kOldestTls);
  easy.set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  easy.set(CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));
  easy.set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  return easy.set(CURLOPT_SSL_VERIFYPEER, 1L) && easy.set(CURLOPT_SSL_VERIFYHOST, 2L) &&
         easy.set_unless_empty(CURLOPT_CAINFO, options.ca_file) &&
         easy.set_unless_empty(CURLOPT_SSLCERT, options.client_certificate_file) &&
         easy.set_unless_empty(CURLOPT_SSLKEY, options.client_key_file);
}

// Owns the list of a request's headers.
class CurlHeaders {
 public:
  // Replaces the list; false if libcurl has no memory. A large body's "Expect", which costs a round
  // trip, is taken out, and so is libcurl's own Content-Type, which is never the right one.
  WAGGLE_COLD bool assign(const HeaderList& headers) {
    list_.reset();
    bool typed = false;
    for (const auto& [name, value] : headers) {
      typed = typed || equals_ignoring_case(name, "Content-Type");
      if (!append(header_line(name, value))) return false;
    }
    return append("Expect:") && (typed || append("Content-Type:"));
  }

  curl_slist* get() const noexcept { return list_.get(); }

 private:
  bool append(const std::string& line) noexcept {
    curl_slist* const longer = curl_slist_append(list_.get(), line.c_str());
    if (longer == nullptr) return false;
    static_cast<void>(list_.release());
    list_.reset(longer);
    return true;
  }

  std::unique_ptr<curl_slist, CurlRelease<curl_slist_free_all>> list_;
};

// Reads "name" or "name:port" out of `url` for the messages, with libcurl's own parser, so that no
// part of a password is taken for it.
inline CURLcode read_url_host(const std::string& url, std::string& host) {
  const CurlUrl parsed(curl_url());
  if (!parsed) return CURLE_OUT_OF_MEMORY;
  const CURLUcode code = curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0);
  if (code == CURLUE_UNSUPPORTED_SCHEME || code == CURLUE_BAD_SCHEME) {
    return CURLE_UNSUPPORTED_PROTOCOL;
  }
  if (code != CURLUE_OK) return CURLE_URL_MALFORMAT;
  char* name = nullptr;
  // Only the likes of file: have no host.
  if (curl_url_get(parsed.get(), CURLUPART_HOST, &name, 0) != CURLUE_OK) {
    return CURLE_UNSUPPORTED_PROTOCOL;
  }
  host = CurlText(name).get();
  char* port = nullptr;
  if (curl_url_get(parsed.get(), CURLUPART_PORT, &port, 0) == CURLUE_OK) {
    host += joined({":", CurlText(port).get()});
  }
  return CURLE_OK;
}

// Says what a code means, given whether the request had been let out and libcurl's words.
inline TransferProblem transfer_problem(CURLcode code, bool sent, std::string_view words) noexcept {
  using Problem = TransferProblem;
  switch (code) {
    case CURLE_URL_MALFORMAT:
      return Problem::BadUrl;
    case CURLE_UNSUPPORTED_PROTOCOL:  // also stands for a reply without a status line
      return sent ? Problem::NotHttp : Problem::BadScheme;
    case CURLE_WEIRD_SERVER_REPLY:
      return Problem::NotHttp;
    case CURLE_COULDNT_RESOLVE_HOST:
      return Problem::UnknownHost;
    case CURLE_COULDNT_RESOLVE_PROXY:
      return Problem::UnknownProxy;
    case CURLE_COULDNT_CONNECT:
      return Problem::Unreachable;
    case CURLE_OPERATION_TIMEDOUT:
      return sent ? Problem::ReplyTimeout : Problem::ConnectTimeout;
    case CURLE_SSL_CONNECT_ERROR:
      return Problem::TlsRefused;
    case CURLE_PEER_FAILED_VERIFICATION:
      return Problem::CertificateRefused;
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
      return Problem::CertificateFileUnreadable;
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
      return Problem::OutOfMemory;
    default:  // TLS 1.3 tells a client that its certificate is refused only after the handshake
      return words.find("alert") == std::string_view::npos ? Problem::ConnectionLost
                                                           : Problem::TlsRefused;
  }
}

// Returns libcurl's own words where they speak of hosts, ports, files and TLS. Elsewhere they may
// repeat a proxy's URL with its password, and the code's fixed words have to do.
WAGGLE_COLD std::string transfer_reason(CURLcode code, std::string_view words, long system_error) {
  switch (code) {
    case CURLE_COULDNT_CONNECT: {
      const bool about_host = words.substr(0, 17) == "Failed to connect";
      const std::string_view reason(about_host ? words : curl_easy_strerror(code));
      if (system_error == 0) return std::string(reason);
      return joined({reason, ": ", std::strerror(static_cast<int>(system_error))});
    }
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
      if (!words.empty()) return std::string(words);
      break;
    default:
      break;
  }
  return curl_easy_strerror(code);
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_HTTP_CURL_HPP
