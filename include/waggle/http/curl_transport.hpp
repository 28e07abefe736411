// The network as seen by waggle: a Transport over libcurl, with one connection that is kept between
// requests. Nothing here waits but wait(), provided that libcurl resolves names on a thread of its
// own ("AsynchDNS" in what `curl -V` prints, which is the rule).
#ifndef WAGGLE_HTTP_CURL_TRANSPORT_HPP
#define WAGGLE_HTTP_CURL_TRANSPORT_HPP

#include <poll.h>

#include <algorithm>
#include <climits>
#include <cstddef>
#include <string>
#include <string_view>

#include "waggle/core/config.hpp"
#include "waggle/http/curl.hpp"
#include "waggle/http/sigpipe_guard.hpp"
#include "waggle/sdk/completes.hpp"
#include "waggle/sdk/transport.hpp"

namespace waggle {
inline namespace abi1 {

// Sends requests with libcurl, over HTTP/1.1 or, where TLS negotiates it, HTTP/2. Servers are
// always verified, with TLS 1.2 or newer; redirects are not followed. Used by one thread.
class CurlTransport final : public Transport {
 public:
  // Sets up libcurl's handles. If that fails every request ends as NotConnected and says so. The
  // same goes for a request that there is no memory for.
  explicit CurlTransport(const CurlOptions& options = CurlOptions{}) noexcept
      : largest_reply_(options.largest_reply),
        connect_timeout_(options.connect_timeout),
        multi_(curl_multi_init()) {
    if (!easy_ || !multi_) return;
    curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, 1L);
    configured_ = detail::configure_http(easy_, options) && detail::configure_tls(easy_, options) &&
                  configure_callbacks();
  }

  // libcurl holds this object's address.
  CurlTransport(const CurlTransport&) = delete;
  CurlTransport& operator=(const CurlTransport&) = delete;

  ~CurlTransport() override {
    const detail::SigpipeGuard guard;  // closing writes TLS's farewell
    detach();
    easy_.reset();
    multi_.reset();
  }

  // Tells whether libcurl's handles could be set up.
  bool is_ready() const noexcept { return configured_; }

  void begin(const HttpRequest& request) noexcept override {
    cancel();
    reply_ = HttpReply{};
    may_have_left_ = false;
    too_large_ = false;
    is_head_whole_ = false;
    host_.clear();
    error_text_[0] = '\0';
    if (!detail::completes([&] { try_to_begin(request); })) finish(CURLE_OUT_OF_MEMORY);
    unread_ = reply_.outcome != TransportOutcome::Pending;
  }

  const HttpReply& poll() noexcept override {
    unread_ = false;
    if (!attached_) return reply_;
    const detail::SigpipeGuard guard;
    int running = 0;
    if (curl_multi_perform(multi_.get(), &running) != CURLM_OK) finish(CURLE_OUT_OF_MEMORY);
    int left = 0;
    while (const CURLMsg* news = attached_ ? curl_multi_info_read(multi_.get(), &left) : nullptr) {
      if (news->msg == CURLMSG_DONE) finish(news->data.result);
    }
    return reply_;
  }

  // The next poll() tells whether the server may have seen the request that was given up.
  void cancel() noexcept override {
    unread_ = false;
    if (!attached_) return;
    const detail::SigpipeGuard guard;
    const TransportOutcome outcome = failed_outcome();
    detach();
    reply_ = HttpReply{};
    settle(outcome, [] { return "the request was given up"; });
  }

  void wait(int wake_descriptor, Milliseconds longest) noexcept override {
    if (unread_) return;
    const int timeout = static_cast<int>(in_range(longest, 0, INT_MAX));
    if (!multi_) {
      pollfd wake{wake_descriptor, POLLIN, 0};
      ::poll(&wake, 1, timeout);
      return;
    }
    curl_waitfd wake{};
    wake.fd = wake_descriptor;
    wake.events = CURL_WAIT_POLLIN;
    curl_multi_poll(multi_.get(), &wake, wake_descriptor < 0 ? 0 : 1, timeout, nullptr);
  }

 private:
  static constexpr std::size_t kLongestHeader = 256;

  static long in_range(Milliseconds time, long least, long most) noexcept {
    return static_cast<long>(std::clamp<Milliseconds::rep>(time.count(), least, most));
  }

  bool configure_callbacks() noexcept {
    void* const self = this;
#if LIBCURL_VERSION_NUM >= 0x075000
    const bool observed = easy_.set(CURLOPT_PREREQFUNCTION, &CurlTransport::on_request) &&
                          easy_.set(CURLOPT_PREREQDATA, self);
#else
    const bool observed = true;
#endif
    return observed && easy_.set(CURLOPT_ERRORBUFFER, error_text_) &&
           easy_.set(CURLOPT_WRITEFUNCTION, &CurlTransport::on_body) &&
           easy_.set(CURLOPT_WRITEDATA, self) &&
           easy_.set(CURLOPT_HEADERFUNCTION, &CurlTransport::on_header) &&
           easy_.set(CURLOPT_HEADERDATA, self);
  }

  WAGGLE_COLD void try_to_begin(const HttpRequest& request) {
    std::string problem = detail::header_problem(request.headers);
    if (!problem.empty()) {
      settle(TransportOutcome::NotConnected, [&] { return problem; });
    } else if (const CURLcode code = start(request); code != CURLE_OK) {
      finish(code);
    }
  }

  CURLcode start(const HttpRequest& request) {
    if (!configured_) return CURLE_FAILED_INIT;
    const CURLcode code = detail::read_url_host(request.url, host_);
    if (code != CURLE_OK) return code;
    if (!headers_.assign(request.headers)) return CURLE_OUT_OF_MEMORY;
    const long timeout = in_range(request.timeout, 1, INT_MAX);
    attached_ = easy_.set(CURLOPT_URL, request.url.c_str()) &&
                easy_.set(CURLOPT_HTTPHEADER, headers_.get()) && set_body(request.body) &&
                easy_.set(CURLOPT_TIMEOUT_MS, timeout) &&
                easy_.set(CURLOPT_CONNECTTIMEOUT_MS, in_range(connect_timeout_, 1, timeout)) &&
                curl_multi_add_handle(multi_.get(), easy_.get()) == CURLM_OK;
    return attached_ ? CURLE_OK : CURLE_OUT_OF_MEMORY;
  }

  // Which of the options comes last decides about the method.
  bool set_body(const std::string* body) noexcept {
    if (body == nullptr) return easy_.set(CURLOPT_HTTPGET, 1L);
    return easy_.set(CURLOPT_POST, 1L) && easy_.set(CURLOPT_POSTFIELDS, body->data()) &&
           easy_.set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body->size()));
  }

  void detach() noexcept {
    if (attached_) curl_multi_remove_handle(multi_.get(), easy_.get());
    attached_ = false;
  }

  // Where there is no memory for the message there is none.
  template <class Message>
  void settle(TransportOutcome outcome, Message&& message) noexcept {
    reply_.outcome = outcome;
    detail::completes([&] { reply_.message = message(); });
  }

  WAGGLE_COLD void finish(CURLcode code) noexcept {
    // libcurl takes a head that ends with the connection for a whole one (RFC 9112, section 8).
    if (code == CURLE_OK && !is_head_whole_) code = CURLE_PARTIAL_FILE;
    reply_.status = static_cast<int>(easy_.number(CURLINFO_RESPONSE_CODE));
    if (code == CURLE_OK) {
      reply_.outcome = TransportOutcome::Answered;
    } else {
      reply_.body.clear();
      const long system_error = easy_.number(CURLINFO_OS_ERRNO);
      settle(failed_outcome(), [&] {
        return detail::describe(
            {problem_of(code), host_, detail::transfer_reason(code, error_text_, system_error)});
      });
    }
    detach();
  }

  // Older versions count a proxy's CONNECT as part of the request, which errs on the safe side.
  bool sent() const noexcept {
#if LIBCURL_VERSION_NUM >= 0x075000
    return may_have_left_;
#else
    return easy_.number(CURLINFO_REQUEST_SIZE) > 0;
#endif
  }

  TransportOutcome failed_outcome() const noexcept {
    if (too_large_) return TransportOutcome::ReplyTooLarge;
    return sent() ? TransportOutcome::Interrupted : TransportOutcome::NotConnected;
  }

  detail::TransferProblem problem_of(CURLcode code) const noexcept {
    if (too_large_) return detail::TransferProblem::ReplyTooLarge;
    const bool refused_by_proxy = !sent() && easy_.number(CURLINFO_HTTP_CONNECTCODE) >= 300;
    if (refused_by_proxy) return detail::TransferProblem::ProxyRefused;
    return detail::transfer_problem(code, sent(), error_text_);
  }

#if LIBCURL_VERSION_NUM >= 0x075000
  // Called with the connection made and verified, before the first byte of the request; once more
  // if a kept connection ended without a reply, after which libcurl sends again by itself. Versions
  // before 7.80 do that untold.
  static int on_request(void* self, char*, char*, int, int) noexcept {
    auto& transport = *static_cast<CurlTransport*>(self);
    transport.reply_.was_repeated = transport.may_have_left_;
    transport.may_have_left_ = true;
    return CURL_PREREQFUNC_OK;
  }
#endif

  static std::size_t on_body(char* bytes, std::size_t, std::size_t count, void* self) noexcept {
    auto& transport = *static_cast<CurlTransport*>(self);
    std::string& body = transport.reply_.body;
    transport.too_large_ = count > transport.largest_reply_ - body.size();
    if (transport.too_large_) return 0;
    return detail::completes([&] { body.append(bytes, count); }) ? count : 0;
  }

  static std::size_t on_header(char* bytes, std::size_t, std::size_t count, void* self) noexcept {
    auto& transport = *static_cast<CurlTransport*>(self);
    HttpReply& reply = transport.reply_;
    const std::string_view line(bytes, count);
    if (line == "\r\n" || line == "\n") transport.is_head_whole_ = true;
    if (line.substr(0, 5) == "HTTP/") {  // an interim reply (1xx) may have come before this one
      transport.is_head_whole_ = false;
      reply.retry_after.clear();
      reply.content_type.clear();
    }
    const bool has_memory = detail::completes([&] {
      detail::read_header_line(line, "Retry-After", kLongestHeader, reply.retry_after);
      detail::read_header_line(line, "Content-Type", kLongestHeader, reply.content_type);
    });
    return has_memory ? count : 0;
  }

  const std::size_t largest_reply_;
  const Milliseconds connect_timeout_;
  bool configured_ = false;
  bool attached_ = false;       // a request is under way
  bool unread_ = false;         // begin() failed, and poll() has not told so yet
  bool may_have_left_ = false;  // the first byte of the request may be with the server
  bool too_large_ = false;
  bool is_head_whole_ = false;
  char error_text_[CURL_ERROR_SIZE] = {};
  std::string host_;
  HttpReply reply_;
  detail::CurlHeaders headers_;
  detail::CurlEasy easy_;
  detail::CurlMulti multi_;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_HTTP_CURL_TRANSPORT_HPP
