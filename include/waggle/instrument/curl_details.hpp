// What CurlRequest, in curl.hpp, asks of libcurl: a handle's facts, names of its error codes, and
// lists of headers.
#ifndef WAGGLE_INSTRUMENT_CURL_DETAILS_HPP
#define WAGGLE_INSTRUMENT_CURL_DETAILS_HPP

#include <curl/curl.h>

#include <memory>
#include <mutex>
#include <new>
#include <string_view>

#include "waggle/core/header_names.hpp"
#include "waggle/instrument/http.hpp"

namespace waggle {
inline namespace WAGGLE_SPANS_NAMESPACE {
namespace detail {

inline std::string_view curl_text(CURL* easy, CURLINFO which) noexcept {
  const char* text = nullptr;
  curl_easy_getinfo(easy, which, &text);
  return to_text(text);
}

inline long curl_number(CURL* easy, CURLINFO which) noexcept {
  long number = 0;
  curl_easy_getinfo(easy, which, &number);
  return number;
}

// The method of the last request, before the first one GET or a method of your own.
inline std::string_view curl_method(CURL* easy) noexcept {
#if LIBCURL_VERSION_NUM >= 0x074800
  return curl_text(easy, CURLINFO_EFFECTIVE_METHOD);
#else
  static_cast<void>(easy);
  return "GET";
#endif
}

inline std::string_view curl_http_version(CURL* easy) noexcept {
  switch (curl_number(easy, CURLINFO_HTTP_VERSION)) {
    case CURL_HTTP_VERSION_1_0:
      return "1.0";
    case CURL_HTTP_VERSION_1_1:
      return "1.1";
    case CURL_HTTP_VERSION_2_0:
      return "2";
    case CURL_HTTP_VERSION_3:
      return "3";
    default:
      return {};
  }
}

// Names of the codes that requests end with; libcurl has words for them only.
struct CurlCodeName {
  CURLcode code;
  std::string_view name;
};
constexpr CurlCodeName kCurlCodeNames[] = {
    {CURLE_UNSUPPORTED_PROTOCOL, "CURLE_UNSUPPORTED_PROTOCOL"},
    {CURLE_URL_MALFORMAT, "CURLE_URL_MALFORMAT"},
    {CURLE_COULDNT_RESOLVE_PROXY, "CURLE_COULDNT_RESOLVE_PROXY"},
    {CURLE_COULDNT_RESOLVE_HOST, "CURLE_COULDNT_RESOLVE_HOST"},
    {CURLE_COULDNT_CONNECT, "CURLE_COULDNT_CONNECT"},
    {CURLE_WEIRD_SERVER_REPLY, "CURLE_WEIRD_SERVER_REPLY"},
    {CURLE_PARTIAL_FILE, "CURLE_PARTIAL_FILE"},
    {CURLE_WRITE_ERROR, "CURLE_WRITE_ERROR"},
    {CURLE_READ_ERROR, "CURLE_READ_ERROR"},
    {CURLE_OUT_OF_MEMORY, "CURLE_OUT_OF_MEMORY"},
    {CURLE_OPERATION_TIMEDOUT, "CURLE_OPERATION_TIMEDOUT"},
    {CURLE_SSL_CONNECT_ERROR, "CURLE_SSL_CONNECT_ERROR"},
    {CURLE_TOO_MANY_REDIRECTS, "CURLE_TOO_MANY_REDIRECTS"},
    {CURLE_GOT_NOTHING, "CURLE_GOT_NOTHING"},
    {CURLE_SEND_ERROR, "CURLE_SEND_ERROR"},
    {CURLE_RECV_ERROR, "CURLE_RECV_ERROR"},
    {CURLE_SSL_CERTPROBLEM, "CURLE_SSL_CERTPROBLEM"},
    {CURLE_PEER_FAILED_VERIFICATION, "CURLE_PEER_FAILED_VERIFICATION"},
    {CURLE_BAD_CONTENT_ENCODING, "CURLE_BAD_CONTENT_ENCODING"},
    {CURLE_FILESIZE_EXCEEDED, "CURLE_FILESIZE_EXCEEDED"},
    {CURLE_SSL_CACERT_BADFILE, "CURLE_SSL_CACERT_BADFILE"},
    {CURLE_HTTP2, "CURLE_HTTP2"},
    {CURLE_HTTP2_STREAM, "CURLE_HTTP2_STREAM"},
};

// Returns "CURLE_COULDNT_CONNECT", or "CURLE_" and the number of a rare code.
class CurlErrorType {
 public:
  explicit CurlErrorType(CURLcode code) noexcept {
    for (const CurlCodeName& known : kCurlCodeNames) {
      if (known.code == code) text_.append(known.name);
    }
    if (!text_.view().empty()) return;
    text_.append("CURLE_");
    text_.append_number(static_cast<long>(code));
  }
  std::string_view view() const noexcept { return text_.view(); }

 private:
  BoundedText<40> text_;
};

struct FreeHeaders {
  void operator()(curl_slist* headers) const noexcept { curl_slist_free_all(headers); }
};
using CurlHeaderList = std::unique_ptr<curl_slist, FreeHeaders>;

// Appends a line; a list that has failed once stays null.
inline void append_header(CurlHeaderList& list, const char* line, bool& is_complete) noexcept {
  curl_slist* const longer = curl_slist_append(list.get(), line);
  if (longer == nullptr) {
    is_complete = false;
    return;
  }
  static_cast<void>(list.release());
  list.reset(longer);
}

// Tells whether a header of the program's own stands in the way of one that the context writes.
inline bool is_replaced(std::string_view line, const SpanContext& context) noexcept {
  const std::string_view name = line.substr(0, line.find_first_of(":;"));
  if (is_header_name(name, kBaggageName)) return !context.baggage().empty();
  return is_header_name(name, kTraceParentName) || is_header_name(name, kTraceStateName);
}

// Returns a new list of `own` headers and those of the context; null if there is nothing to add, or
// no memory for it.
inline curl_slist* merged_headers(const curl_slist* own, const SpanContext& context) noexcept {
  if (!context.is_valid() && context.baggage().empty()) return nullptr;
  CurlHeaderList list;
  bool is_complete = true;
  constexpr std::string_view kEnd("\0", 1);
  for (; own != nullptr; own = own->next) {
    if (!is_replaced(own->data, context)) append_header(list, own->data, is_complete);
  }
  WAGGLE_SPANS_NAMESPACE::inject(context, [&](std::string_view name, std::string_view value) {
    BoundedText<BaggageBuffer::kHeaderLimit + 64> line(name);
    line.append(": ");
    line.append(value);
    line.append(kEnd);
    append_header(list, line.view().data(), is_complete);
  });
  return is_complete ? list.release() : nullptr;
}

// Keeps the headers of requests that ended without finish(), since nobody can tell whether their
// handle is gone: until a request takes up a handle of the same address, or for good. So a program
// that cancels transfers keeps at most one list for each handle that it ever had at a time.
class ParkedHeaders {
 public:
  static void keep(CURL* easy, curl_slist* headers) noexcept {
    if (headers == nullptr) return;
    ParkedHeaders& all = instance();
    const std::lock_guard<std::mutex> lock(all.mutex_);
    auto* const parked = new (std::nothrow) Parked{easy, headers, all.first_};
    if (parked != nullptr) all.first_ = parked;
  }

  // To be called once the handle has other headers.
  static void release(CURL* easy) noexcept {
    ParkedHeaders& all = instance();
    const std::lock_guard<std::mutex> lock(all.mutex_);
    for (Parked** link = &all.first_; *link != nullptr;) {
      Parked* const parked = *link;
      if (parked->easy != easy) {
        link = &parked->next;
        continue;
      }
      *link = parked->next;
      curl_slist_free_all(parked->headers);
      delete parked;
    }
  }

 private:
  struct Parked {
    CURL* easy;
    curl_slist* headers;
    Parked* next;
  };

  // Handles may outlive static objects, so nothing is freed at the end.
  static ParkedHeaders& instance() noexcept {
    static ParkedHeaders all;
    return all;
  }

  std::mutex mutex_;
  Parked* first_ = nullptr;
};

}  // namespace detail
}  // namespace WAGGLE_SPANS_NAMESPACE
}  // namespace waggle

#endif  // WAGGLE_INSTRUMENT_CURL_DETAILS_HPP
