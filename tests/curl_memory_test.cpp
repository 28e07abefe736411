#include <dlfcn.h>
#include <doctest/doctest.h>

#include <atomic>
#include <cstdarg>
#include <string>
#include <waggle/http/curl_transport.hpp>

#include "support/raw_server.hpp"
#include "support/transport_driver.hpp"

using waggle::CurlTransport;
using waggle::HttpReply;
using waggle::TransportOutcome;
using namespace waggle_test;

namespace {

const bool curl_is_ready = waggle::initialise_curl().ok();

// Counts down at each of the calls below; the one that finds zero gets no memory.
std::atomic<int> calls_until_failure{-1};

bool out_of_memory() { return calls_until_failure.fetch_sub(1) == 0; }

// The option that libcurl refuses to set.
std::atomic<int> refused_option{0};

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

// These stand before libcurl's own functions.
extern "C" CURL* curl_easy_init() {
  return out_of_memory() ? nullptr : next<CURL*()>("curl_easy_init")();
}
extern "C" CURLM* curl_multi_init() {
  return out_of_memory() ? nullptr : next<CURLM*()>("curl_multi_init")();
}
extern "C" CURLU* curl_url() { return out_of_memory() ? nullptr : next<CURLU*()>("curl_url")(); }
extern "C" curl_slist* curl_slist_append(curl_slist* list, const char* line) {
  using Function = curl_slist*(curl_slist*, const char*);
  return out_of_memory() ? nullptr : next<Function>("curl_slist_append")(list, line);
}
extern "C" CURLMcode curl_multi_add_handle(CURLM* multi, CURL* easy) {
  using Function = CURLMcode(CURLM*, CURL*);
  return out_of_memory() ? CURLM_OUT_OF_MEMORY
                         : next<Function>("curl_multi_add_handle")(multi, easy);
}
#undef curl_easy_setopt
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wvarargs"  // libcurl's signature has an enum before the dots
extern "C" CURLcode curl_easy_setopt(CURL* easy, CURLoption option, ...) {
  if (static_cast<int>(option) == refused_option) return CURLE_OUT_OF_MEMORY;
  std::va_list arguments;
  va_start(arguments, option);
  void* const value = va_arg(arguments, void*);  // all that is set here is as wide as a pointer
  va_end(arguments);
  return next<CURLcode(CURL*, CURLoption, ...)>("curl_easy_setopt")(easy, option, value);
}
#pragma GCC diagnostic pop

TEST_CASE("whichever of libcurl's allocations fails, a request ends as not connected") {
  REQUIRE(curl_is_ready);
  RawServer server([](RawConnection& connection) {
    while (connection.read_request()) connection.send(http_reply(200, "{}"));
  });
  const std::string body = "{}";
  int failures = 0;
  for (int call = 0;; ++call) {
    CAPTURE(call);
    calls_until_failure = call;
    CurlTransport transport;
    const HttpReply reply = exchange(transport, post_of(server.url(), body));
    if (reply.outcome == TransportOutcome::Answered) break;
    ++failures;
    CHECK(reply.outcome == TransportOutcome::NotConnected);
    CHECK(reply.message.find("out of memory") != std::string::npos);
    transport.wait(-1, waggle::Milliseconds(1));
    transport.cancel();
  }
  calls_until_failure = -1;
  CHECK(failures >= 6);  // two handles, the URL, two headers, the start
}

TEST_CASE("a transport that ran out of memory once sends the next request") {
  RawServer server([](RawConnection& connection) {
    while (connection.read_request()) connection.send(http_reply(200, "{}"));
  });
  const std::string body = "{}";
  CurlTransport transport;
  for (int call = 0; call < 4; ++call) {
    CAPTURE(call);
    calls_until_failure = call;
    CHECK(exchange(transport, post_of(server.url(), body)).outcome ==
          TransportOutcome::NotConnected);
    CHECK(exchange(transport, post_of(server.url(), body)).status == 200);
  }
  calls_until_failure = -1;
}

TEST_CASE("nothing is sent while a setting that it depends on did not take") {
  RawServer server([](RawConnection& connection) {
    while (connection.read_request()) connection.send(http_reply(200, "{}"));
  });
  const std::string body = "{}";
  waggle::CurlOptions options;
  options.ca_file = "/dev/null";
  options.client_certificate_file = "/dev/null";
  options.client_key_file = "/dev/null";
  for (const CURLoption option : {CURLOPT_SSL_VERIFYPEER,
                                  CURLOPT_SSL_VERIFYHOST,
                                  CURLOPT_CAINFO,
                                  CURLOPT_SSLCERT,
                                  CURLOPT_SSLKEY,
                                  CURLOPT_FOLLOWLOCATION,
                                  CURLOPT_NOSIGNAL,
                                  CURLOPT_POST,
                                  CURLOPT_USERAGENT,
                                  CURLOPT_ERRORBUFFER,
                                  CURLOPT_WRITEFUNCTION,
                                  CURLOPT_WRITEDATA,
                                  CURLOPT_HEADERFUNCTION,
                                  CURLOPT_HEADERDATA,
                                  CURLOPT_URL,
                                  CURLOPT_HTTPHEADER,
                                  CURLOPT_POSTFIELDS,
                                  CURLOPT_POSTFIELDSIZE_LARGE,
                                  CURLOPT_TIMEOUT_MS,
                                  CURLOPT_CONNECTTIMEOUT_MS}) {
    CAPTURE(static_cast<int>(option));
    refused_option = static_cast<int>(option);
    CurlTransport transport(options);
    CHECK(exchange(transport, post_of(server.url(), body)).outcome ==
          TransportOutcome::NotConnected);
  }
  refused_option = 0;
  CHECK(server.accepted() == 0);
  CurlTransport transport(options);
  CHECK(exchange(transport, post_of(server.url(), body)).status == 200);
}
