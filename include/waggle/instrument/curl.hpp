// Spans of requests made with libcurl, 7.68 or newer, by the easy and the multi interface. Your
// handle, its options and its callbacks stay your own:
//
//   curl_easy_setopt(easy, CURLOPT_URL, "http://users.example/users/7");
//   waggle::CurlRequest request{easy, {"GET", "/users/{id}", headers}};
//   const CURLcode code = request.perform();  // was: curl_easy_perform(easy)
//
// With the multi interface, keep the request where you keep what belongs to the transfer, and call
// request.finish(message->data.result) on CURLMSG_DONE instead of perform().
#ifndef WAGGLE_INSTRUMENT_CURL_HPP
#define WAGGLE_INSTRUMENT_CURL_HPP

#include <string_view>
#include <utility>

#include "waggle/instrument/curl_details.hpp"
#include "waggle/instrument/http.hpp"

namespace waggle {
inline namespace WAGGLE_SPANS_NAMESPACE {

// Tells what libcurl's handle cannot tell about a request. Views, for the duration of the call; but
// `headers` and `conventions` until the request is finished.
struct CurlRequestOptions {
  std::string_view method{};        // empty: what libcurl says, which before the request is a guess
  std::string_view url_template{};  // the pattern, such as "/users/{id}": names the span
  curl_slist* headers = nullptr;    // what you would give to CURLOPT_HTTPHEADER, and as long-lived
  HttpConventions conventions{};
};

// Records one transfer of a handle as a client span, a child of what was current when the request
// was made, and sends the span's identity in `traceparent`, `tracestate` and `baggage`, beside your
// headers and in place of any of these among them. Used by one thread at a time. Request and handle
// may be destroyed in either order, also while a multi handle works on it: a request that ends
// without finish() counts as cancelled, and then its headers stay valid for the handle. Redirects
// that libcurl follows are part of the one span. Movable.
class [[nodiscard]] CurlRequest {
 public:
  // Takes up a handle whose CURLOPT_URL is set. Sets its CURLOPT_HTTPHEADER; do not set that until
  // finish(), which sets it to `options.headers`.
  explicit CurlRequest(CURL* easy, const CurlRequestOptions& options = {}) noexcept
      : easy_(easy),
        own_headers_(options.headers),
        url_template_(options.url_template),
        conventions_(options.conventions),
        is_method_given_(!options.method.empty()),
        is_url_known_(!detail::curl_text(easy, CURLINFO_EFFECTIVE_URL).empty()),
        span_(begun(easy, options)) {
    headers_.reset(detail::merged_headers(options.headers, span_.context()));
    send_headers(headers_ != nullptr ? headers_.get() : own_headers_);
    detail::ParkedHeaders::release(easy_);
  }
  CurlRequest(CurlRequest&& other) noexcept
      : easy_(std::exchange(other.easy_, nullptr)),
        own_headers_(other.own_headers_),
        headers_(std::move(other.headers_)),
        url_template_(other.url_template_),
        conventions_(other.conventions_),
        is_method_given_(other.is_method_given_),
        is_url_known_(other.is_url_known_),
        span_(std::move(other.span_)) {}
  CurlRequest& operator=(CurlRequest&&) = delete;

  // Ends the span, as that of a cancelled request unless finish() was called. Leaves the handle
  // alone, which may be gone.
  ~CurlRequest() {
    if (easy_ != nullptr) detail::ParkedHeaders::keep(easy_, headers_.release());
  }

  // Returns the span, for attributes of your own and events.
  DetachedSpan& span() noexcept { return span_.span(); }
  SpanContext context() const noexcept { return span_.context(); }

  // Performs the request as curl_easy_perform() does, with the span as the current one for your
  // callbacks, and finishes it.
  CURLcode perform() {
    const ContextGuard guard{span_.span()};
    const CURLcode code = curl_easy_perform(easy_);
    finish(code);
    return code;
  }

  // Tells the span how the transfer ended, ends it, and gives the handle your own headers back. The
  // handle has to be there still. Only the first call counts.
  void finish(CURLcode code) noexcept {
    if (easy_ == nullptr) return;
    tell_what_was_sent();
    tell_outcome(code);
    span_.end();
    send_headers(own_headers_);
    headers_.reset();
    easy_ = nullptr;
  }

 private:
  static DetachedHttpClientSpan begun(CURL* easy, const CurlRequestOptions& options) noexcept {
    HttpClientRequest request;
    request.method = options.method.empty() ? detail::curl_method(easy) : options.method;
    request.url = detail::curl_text(easy, CURLINFO_EFFECTIVE_URL);
    request.url_template = options.url_template;
    request.conventions = options.conventions;
    return DetachedHttpClientSpan{request};
  }

  void send_headers(curl_slist* headers) noexcept {
    curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, headers);
  }

  // What the handle did not tell, or told wrongly, before the transfer.
  void tell_what_was_sent() noexcept {
    const long redirects = detail::curl_number(easy_, CURLINFO_REDIRECT_COUNT);
    span_.set_resend_count(static_cast<int>(redirects));
    span_.set_peer(detail::curl_text(easy_, CURLINFO_PRIMARY_IP),
                   static_cast<int>(detail::curl_number(easy_, CURLINFO_PRIMARY_PORT)));
    span_.set_protocol_version(detail::curl_http_version(easy_));
    if (redirects != 0) return;  // these would be the last request's
    HttpClientRequest request;
    if (!is_method_given_) request.method = detail::curl_method(easy_);
    if (!is_url_known_) request.url = detail::curl_text(easy_, CURLINFO_EFFECTIVE_URL);
    request.url_template = url_template_.view();
    request.conventions = conventions_;
    span_.correct(request);
  }

  void tell_outcome(CURLcode code) noexcept {
    const bool is_failed = code != CURLE_OK && code != CURLE_ABORTED_BY_CALLBACK &&
                           code != CURLE_HTTP_RETURNED_ERROR;  // which the status tells
    if (is_failed) span_.fail(detail::CurlErrorType(code).view(), curl_easy_strerror(code));
    const long status = detail::curl_number(easy_, CURLINFO_RESPONSE_CODE);
    if (status != 0) span_.set_status_code(static_cast<int>(status));
  }

  CURL* easy_;  // null once finished
  curl_slist* own_headers_;
  detail::CurlHeaderList headers_;
  detail::BoundedText<256> url_template_;
  HttpConventions conventions_;
  bool is_method_given_;
  bool is_url_known_;  // not with CURLOPT_CURLU
  DetachedHttpClientSpan span_;
};

}  // namespace WAGGLE_SPANS_NAMESPACE
}  // namespace waggle

#endif  // WAGGLE_INSTRUMENT_CURL_HPP
