// What the spans of HTTP servers and clients have in common: the method, the name, the status.
// Included by waggle/instrument/http.hpp.
#ifndef WAGGLE_INSTRUMENT_HTTP_SPAN_HPP
#define WAGGLE_INSTRUMENT_HTTP_SPAN_HPP

#include <cstddef>
#include <new>
#include <string_view>
#include <type_traits>

#include "waggle/core/uncaught_exceptions.hpp"
#include "waggle/instrument/header_values.hpp"
#include "waggle/instrument/url.hpp"
#include "waggle/trace.hpp"

namespace waggle {
inline namespace WAGGLE_SPANS_NAMESPACE {

// Names, separated by commas, the methods that spans tell by name.
constexpr std::string_view kKnownHttpMethods =
    "CONNECT,DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT,TRACE";

// Holds what may be decided otherwise than OpenTelemetry does by default; lists are separated by
// commas. Any other method counts as `_OTHER`. Views.
struct HttpConventions {
  std::string_view known_methods = kKnownHttpMethods;
  std::string_view redacted_query_keys = kRedactedQueryKeys;
};

// Tells whether a status is a failure: on a server 5xx, on a client 4xx as well, and on both what
// is no status at all.
constexpr bool is_http_error(SpanKind kind, int status_code) noexcept {
  return status_code < 100 || status_code >= (kind == SpanKind::Server ? 500 : 400);
}

namespace detail {

// Collects the attributes that a span starts with; views what they are made of.
class StartAttributes {
 public:
  StartAttributes() noexcept = default;
  StartAttributes(const StartAttributes&) = delete;
  StartAttributes& operator=(const StartAttributes&) = delete;

  void add(std::string_view key, std::string_view text) noexcept {
    if (!text.empty()) new (slot()) Attribute{key, AttributeValue(text)};
    if (!text.empty()) ++size_;
  }
  void add(std::string_view key, int number) noexcept {
    if (number != 0) new (slot()) Attribute{key, AttributeValue(number)};
    if (number != 0) ++size_;
  }

  Attributes view() const noexcept {
    return {std::launder(reinterpret_cast<const Attribute*>(bytes_)), size_};
  }

 private:
  void* slot() noexcept { return bytes_ + size_ * sizeof(Attribute); }

  static constexpr std::size_t kMost = 16;
  std::size_t size_ = 0;
  alignas(Attribute) unsigned char bytes_[kMost * sizeof(Attribute)];
};

// Tells whether any span may be recorded.
inline bool may_record() noexcept {
#ifdef WAGGLE_DISABLED
  return false;
#else
  return current_session() != 0;
#endif
}

// The method as spans tell it.
struct HttpMethod {
  HttpMethod(std::string_view method, const HttpConventions& conventions) noexcept
      : is_known(list_holds(conventions.known_methods, method)),
        told(is_known ? method : "_OTHER"),
        original(is_known ? std::string_view{} : method),
        in_name(is_known ? method : "HTTP") {}

  void add_to(StartAttributes& attributes) const noexcept {
    attributes.add("http.request.method", told);
    attributes.add("http.request.method_original", original);
  }

  bool is_known;
  std::string_view told;
  std::string_view original;
  std::string_view in_name;
};

// Returns "1.1" of "HTTP/1.1", as some libraries write it.
constexpr std::string_view http_version(std::string_view text) noexcept {
  return text.substr(0, 5) == "HTTP/" ? text.substr(5) : text;
}

// A span's name: the method, and the pattern if there is one. Never the path, which is anyone's.
class HttpSpanName {
 public:
  HttpSpanName(std::string_view method, std::string_view pattern) noexcept : text_(method) {
    if (!pattern.empty()) text_.append(" ");
    text_.append(pattern);
  }
  std::string_view view() const noexcept { return text_.view(); }

 private:
  BoundedText<256> text_;
};

}  // namespace detail

// Holds what the spans of both sides have in common. Not made by itself.
template <class AnySpan>
class BasicHttpSpan {
 public:
  BasicHttpSpan(BasicHttpSpan&&) noexcept = default;
  BasicHttpSpan& operator=(BasicHttpSpan&&) noexcept = default;

  // Ends the span. One of a scope that is left by an exception has failed, unless its outcome was
  // told before.
  ~BasicHttpSpan() {
    if constexpr (std::is_same_v<AnySpan, Span>) {
      const bool is_left = detail::uncaught_exceptions() > uncaught_;
      if (is_left && !has_outcome_) fail("_OTHER", "left by an exception");
    }
  }

  // Returns the span, for attributes of your own, events and exceptions.
  AnySpan& span() noexcept { return span_; }

  // Returns the span's identity.
  SpanContext context() const noexcept { return span_.context(); }

  // Tells that there was no proper answer, and why: `error_type` is one of a few fixed texts, such
  // as "timeout". Cancelling a request is no failure.
  void fail(std::string_view error_type, std::string_view description = {}) noexcept {
    has_outcome_ = true;
    has_error_type_ = true;
    span_.set_attribute("error.type", error_type.empty() ? "_OTHER" : error_type);
    span_.set_status(StatusCode::Error, description);
  }

  // Tells the answer's status; what counts as a failure is is_http_error().
  void set_status_code(int status_code) noexcept {
    has_outcome_ = true;
    span_.set_attribute("http.response.status_code", status_code);
    if (!is_http_error(kind_, status_code)) return;
    span_.set_status(StatusCode::Error);
    if (has_error_type_) return;
    detail::BoundedText<12> text;
    text.append_number(status_code < 0 ? 0 : status_code);
    span_.set_attribute("error.type", text.view());
  }

  // Tells the version that was spoken: "1.1" or "HTTP/1.1", "2".
  void set_protocol_version(std::string_view version) noexcept {
    const std::string_view number = detail::http_version(version);
    if (!number.empty()) span_.set_attribute("network.protocol.version", number);
  }

  // Keeps a header that you have chosen, since headers may hold secrets: all its values, in
  // http.request.header.<name>. `name` is in lowercase.
  template <class Carrier>
  void capture_request_header(const Carrier& headers, std::string_view name) {
    capture("http.request.header.", headers, name);
  }
  template <class Carrier>
  void capture_response_header(const Carrier& headers, std::string_view name) {
    capture("http.response.header.", headers, name);
  }

  // Ends the span now instead of with its scope.
  void end() noexcept { span_.end(); }

 protected:
  // `start` returns the span: one that cannot be moved is made where it stays.
  template <class Start>
  BasicHttpSpan(SpanKind kind, std::string_view method, Start start)
      : kind_(kind), method_(method), span_(start()) {}

  void set_method(const detail::HttpMethod& method) noexcept {
    method_ = detail::BoundedText<24>(method.in_name);
    span_.set_attribute("http.request.method", method.told);
    if (!method.is_known) span_.set_attribute("http.request.method_original", method.original);
  }

  void set_pattern(std::string_view key, std::string_view pattern) noexcept {
    if (!span_.is_recording()) return;
    span_.update_name(detail::HttpSpanName(method_.view(), pattern).view());
    if (!pattern.empty()) span_.set_attribute(key, pattern);
  }

 private:
  template <class Carrier>
  void capture(std::string_view prefix, const Carrier& headers, std::string_view name) {
    if (!span_.is_recording()) return;
    const detail::AllHeaders all(headers, name);
    detail::BoundedText<128> key(prefix);
    key.append(name);
    if (!all.empty()) span_.set_attribute(key.view(), all.values());
  }

  SpanKind kind_;
  bool has_outcome_ = false;
  bool has_error_type_ = false;
  unsigned uncaught_ = detail::uncaught_exceptions();
  detail::BoundedText<24> method_;
  AnySpan span_;
};

}  // namespace WAGGLE_SPANS_NAMESPACE
}  // namespace waggle

#endif  // WAGGLE_INSTRUMENT_HTTP_SPAN_HPP
