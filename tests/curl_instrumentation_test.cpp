#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>
#include <waggle/instrument/curl.hpp>

#include "support/raw_server.hpp"
#include "support/recording.hpp"

namespace {

using waggle::SpanKind;
using waggle::StatusCode;
using waggle_test::RawConnection;
using waggle_test::RawServer;

struct Cleanup {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
using Easy = std::unique_ptr<CURL, Cleanup>;

std::size_t append(char* data, std::size_t size, std::size_t count, void* body) {
  static_cast<std::string*>(body)->append(data, size * count);
  return size * count;
}

std::size_t discard(char*, std::size_t size, std::size_t count, void*) { return size * count; }

Easy make_easy(const std::string& url) {
  Easy easy{curl_easy_init()};
  if (!url.empty()) curl_easy_setopt(easy.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy.get(), CURLOPT_WRITEFUNCTION, &discard);
  return easy;
}

// Answers every request alike.
RawServer::Script always(std::string reply) {
  return [reply = std::move(reply)](RawConnection& connection) {
    while (connection.read_request()) connection.send(reply);
  };
}

// Performs all of a multi handle's transfers and tells each one's outcome to `done`.
template <class Done>
void run(CURLM* multi, Done done) {
  int running = 1;
  while (running > 0) {
    curl_multi_perform(multi, &running);
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
      if (message->msg == CURLMSG_DONE) done(message->easy_handle, message->data.result);
    }
    if (running > 0) curl_multi_wait(multi, nullptr, 0, 1000, nullptr);
  }
}

bool has(const waggle::RecordedSpan& span, const char* key) {
  return span.attributes.count(key) != 0;
}

}  // namespace

TEST_CASE("a request is a client span whose identity the server sees") {
  waggle_test::Recording recording;
  RawServer server(always(waggle_test::http_reply(200, "honey")));
  const Easy easy = make_easy(server.url("/users/7?sig=1"));
  std::string body;
  curl_easy_setopt(easy.get(), CURLOPT_WRITEFUNCTION, &append);
  curl_easy_setopt(easy.get(), CURLOPT_WRITEDATA, &body);
  {
    waggle::Span caller{"caller"};
    waggle::CurlRequest request{easy.get(), {"GET", "/users/{id}"}};
    CHECK(request.perform() == CURLE_OK);
  }
  CHECK(body == "honey");
  const auto span = recording.find("GET /users/{id}");
  CHECK(span.kind == SpanKind::Client);
  CHECK(span.parent_id == recording.find("caller").span_id);
  CHECK(span.scope_name == "waggle.http.client");
  CHECK(span.attribute("http.request.method") == "GET");
  CHECK(span.attribute("url.full") == server.url("/users/7?sig=REDACTED"));
  CHECK(span.attribute("url.template") == "/users/{id}");
  CHECK(span.attribute("server.address") == "127.0.0.1");
  CHECK(span.attribute("server.port") == server.port());
  CHECK(span.attribute("http.response.status_code") == 200);
  CHECK(span.attribute("network.peer.address") == "127.0.0.1");
  CHECK(span.attribute("network.peer.port") == server.port());
  CHECK(span.attribute("network.protocol.version") == "1.1");
  CHECK(span.status == StatusCode::Unset);
  CHECK_FALSE(has(span, "http.request.resend_count"));
  const auto sent = server.requests().at(0).headers("traceparent");
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].substr(36, 16) == std::string(span.span_id.hex().view()));
}

TEST_CASE(
    "the caller's headers are sent, but for a context of their own, and are the handle's again") {
  waggle_test::Recording recording;
  RawServer server(always(waggle_test::http_reply(200, "")));
  const Easy easy = make_easy(server.url());
  curl_slist* headers = nullptr;
  for (const char* line : {"X-Tag: kept", "TraceParent: old", "TRACESTATE: old=1",
                           "Accept:", "X-Empty;", "baggage: own=1"}) {
    headers = curl_slist_append(headers, line);
  }
  {
    waggle::CurlRequest request{easy.get(), {"GET", {}, headers}};
    CHECK(request.perform() == CURLE_OK);
    CHECK(curl_easy_perform(easy.get()) == CURLE_OK);
  }
  curl_slist_free_all(headers);
  const auto traced = server.requests().at(0);
  CHECK(traced.headers("x-tag") == std::vector<std::string>{"kept"});
  CHECK(traced.headers("x-empty").size() == 1);
  CHECK(traced.headers("accept").empty());
  CHECK(traced.headers("baggage") == std::vector<std::string>{"own=1"});
  REQUIRE(traced.headers("traceparent").size() == 1);
  CHECK(traced.headers("traceparent")[0] != "old");
  for (const std::string& sent : traced.headers("tracestate")) CHECK(sent != "old=1");
  const auto untraced = server.requests().at(1);
  CHECK(untraced.headers("traceparent") == std::vector<std::string>{"old"});
}

TEST_CASE("tracestate and baggage go along") {
  waggle_test::Recording recording;
  RawServer server(always(waggle_test::http_reply(200, "")));
  const Easy easy = make_easy(server.url());
  const waggle::SpanContext parent(waggle::TraceId::from_hex("0af7651916cd43dd8448eb211c80319c"),
                                   waggle::SpanId::from_hex("b7ad6b7169203331"), 1, true,
                                   waggle::kUnknownThreshold, "foo=1");
  const waggle::ContextGuard guard{parent.with_baggage("tenant", std::string(4000, 't'))};
  waggle::CurlRequest request{easy.get()};
  CHECK(request.perform() == CURLE_OK);
  CHECK(server.requests().at(0).headers("tracestate").at(0) == "foo=1");
  CHECK(server.requests().at(0).headers("baggage").at(0) == "tenant=" + std::string(4000, 't'));
}

TEST_CASE("a method that was not told is corrected afterwards") {
  waggle_test::Recording recording;
  RawServer server(always(waggle_test::http_reply(201, "")));
  const Easy easy = make_easy(server.url());
  curl_easy_setopt(easy.get(), CURLOPT_COPYPOSTFIELDS, "honey");
  waggle::CurlRequest request{easy.get(), {{}, "/jars"}};
  CHECK(request.perform() == CURLE_OK);
  const auto span = recording.find("POST /jars");
  CHECK(span.attribute("http.request.method") == "POST");
  CHECK(span.attribute("http.response.status_code") == 201);
  CHECK(server.requests().at(0).body == "honey");

  curl_easy_setopt(easy.get(), CURLOPT_CUSTOMREQUEST, "FETCH");
  waggle::CurlRequest odd{easy.get()};
  CHECK(odd.perform() == CURLE_OK);
  CHECK(recording.find("HTTP").attribute("http.request.method_original") == "FETCH");
}

TEST_CASE("a URL that was set as a CURLU is told afterwards") {
  waggle_test::Recording recording;
  RawServer server(always(waggle_test::http_reply(200, "")));
  const Easy easy = make_easy("");
  const std::unique_ptr<CURLU, void (*)(CURLU*)> url{curl_url(), &curl_url_cleanup};
  curl_url_set(url.get(), CURLUPART_URL, server.url("/jar").c_str(), 0);
  curl_easy_setopt(easy.get(), CURLOPT_CURLU, url.get());
  waggle::CurlRequest request{easy.get(), {"GET"}};
  CHECK(request.perform() == CURLE_OK);
  const auto span = recording.find("GET");
  CHECK(span.attribute("url.full") == server.url("/jar"));
  CHECK(span.attribute("server.port") == server.port());
}

TEST_CASE("redirects that libcurl follows are counted") {
  waggle_test::Recording recording;
  RawServer server([](RawConnection& connection) {
    while (const auto request = connection.read_request()) {
      const bool is_last = request->first_line() == "GET /c HTTP/1.1";
      const bool is_first = request->first_line() == "POST /a HTTP/1.1";
      connection.send(is_last ? waggle_test::http_reply(200, "")
                              : waggle_test::http_reply(
                                    303, "", is_first ? "Location: /b\r\n" : "Location: /c\r\n"));
    }
  });
  const Easy easy = make_easy(server.url("/a"));
  curl_easy_setopt(easy.get(), CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(easy.get(), CURLOPT_COPYPOSTFIELDS, "x");
  waggle::CurlRequest request{easy.get(), {"POST"}};
  CHECK(request.perform() == CURLE_OK);
  const auto span = recording.find("POST");
  CHECK(span.attribute("http.request.resend_count") == 2);
  CHECK(span.attribute("url.full") == server.url("/a"));
  CHECK(span.attribute("http.response.status_code") == 200);
}

TEST_CASE("statuses and failures of the transport are told as errors") {
  waggle_test::Recording recording;
  RawServer server([](RawConnection& connection) {
    while (const auto request = connection.read_request()) {
      if (request->first_line() == "GET /torn HTTP/1.1") return;
      if (request->first_line() == "GET /hang HTTP/1.1") connection.wait_for_server_end();
      if (request->first_line() == "GET /short HTTP/1.1") {
        connection.send("HTTP/1.1 200 Reply\r\nContent-Length: 9\r\n\r\nx");
        return;
      }
      connection.send(waggle_test::http_reply(404, ""));
    }
  });
  const auto type_of = [&](const std::string& url, const char* name, auto... options) {
    const Easy easy = make_easy(url);
    (options(easy.get()), ...);
    waggle::CurlRequest request{easy.get(), {"GET", name}};
    CHECK(request.perform() != CURLE_OK);
    const auto span = recording.find(std::string("GET ") + name);
    CHECK(span.status == StatusCode::Error);
    return span.attribute("error.type");
  };
  const auto at_once = [](CURL* easy) { curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 50L); };
  const auto strictly = [](CURL* easy) { curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L); };
  const std::string nobody = "http://127.0.0.1:" + std::to_string(waggle_test::unused_port());
  CHECK(type_of(nobody, "nobody") == "CURLE_COULDNT_CONNECT");
  CHECK(type_of(server.url("/torn"), "torn") == "CURLE_GOT_NOTHING");
  CHECK(type_of(server.url("/hang"), "hang", at_once) == "CURLE_OPERATION_TIMEDOUT");
  CHECK(type_of(server.url("/short"), "short") == "CURLE_PARTIAL_FILE");
  CHECK(type_of("gopherish://x/", "scheme") == "CURLE_UNSUPPORTED_PROTOCOL");
  CHECK(type_of("http://user:secret@:99999999/", "bad") == "CURLE_URL_MALFORMAT");
  CHECK(type_of(server.url("/none"), "none", strictly) == "404");
  CHECK(recording.find("GET short").attribute("http.response.status_code") == 200);
  CHECK_FALSE(recording.find("GET nobody").status_message.empty());
  CHECK(recording.find("GET bad").attribute("url.full").text().find("secret") == std::string::npos);
}

TEST_CASE("every code has one short name") {
  using waggle::detail::CurlErrorType;
  CHECK(CurlErrorType(CURLE_COULDNT_RESOLVE_HOST).view() == "CURLE_COULDNT_RESOLVE_HOST");
  CHECK(CurlErrorType(CURLE_TELNET_OPTION_SYNTAX).view() == "CURLE_49");
}

TEST_CASE("a 404 is an error of the client's without a description") {
  waggle_test::Recording recording;
  RawServer server(always(waggle_test::http_reply(404, "")));
  const Easy easy = make_easy(server.url());
  waggle::CurlRequest request{easy.get(), {"GET"}};
  CHECK(request.perform() == CURLE_OK);
  const auto span = recording.find("GET");
  CHECK(span.status == StatusCode::Error);
  CHECK(span.status_message.empty());
  CHECK(span.attribute("error.type") == "404");
}

TEST_CASE("cancelling is no error") {
  waggle_test::Recording recording;
  RawServer server(always(waggle_test::http_reply(200, "")));
  const Easy easy = make_easy(server.url());
  curl_easy_setopt(easy.get(), CURLOPT_NOPROGRESS, 0L);
  const curl_xferinfo_callback cancel = [](void*, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return 1;
  };
  curl_easy_setopt(easy.get(), CURLOPT_XFERINFOFUNCTION, cancel);
  waggle::CurlRequest request{easy.get(), {"GET"}};
  CHECK(request.perform() == CURLE_ABORTED_BY_CALLBACK);
  const auto span = recording.find("GET");
  CHECK(span.status == StatusCode::Unset);
  CHECK_FALSE(has(span, "error.type"));
}

TEST_CASE("callbacks run inside the span") {
  waggle_test::Recording recording;
  RawServer server(always(waggle_test::http_reply(200, "honey")));
  const Easy easy = make_easy(server.url());
  const curl_write_callback parse = [](char*, std::size_t size, std::size_t count, void*) {
    waggle::Span span{"parse"};
    return size * count;
  };
  curl_easy_setopt(easy.get(), CURLOPT_WRITEFUNCTION, parse);
  waggle::CurlRequest request{easy.get(), {"GET"}};
  request.span().set_attribute("jar", 7);
  CHECK(request.perform() == CURLE_OK);
  CHECK_FALSE(waggle::current_context().is_valid());
  CHECK(recording.find("parse").parent_id == recording.find("GET").span_id);
  CHECK(recording.find("GET").attribute("jar") == 7);
}

TEST_CASE("transfers of a multi handle have a span each") {
  waggle_test::Recording recording;
  RawServer server([](RawConnection& connection) {
    while (const auto request = connection.read_request()) {
      connection.send(
          waggle_test::http_reply(request->first_line() == "GET /1 HTTP/1.1" ? 200 : 503, ""));
    }
  });
  CURLM* const multi = curl_multi_init();
  std::vector<Easy> handles;
  std::vector<std::pair<CURL*, waggle::CurlRequest>> requests;
  for (const char* path : {"/1", "/2"}) {
    handles.push_back(make_easy(server.url(path)));
    CURL* const easy = handles.back().get();
    requests.emplace_back(easy, waggle::CurlRequest{easy, {"GET", path}});
    curl_multi_add_handle(multi, easy);
  }
  run(multi, [&](CURL* easy, CURLcode code) {
    for (auto& [handle, request] : requests) {
      if (handle == easy) request.finish(code);
    }
  });
  for (const Easy& easy : handles) curl_multi_remove_handle(multi, easy.get());
  handles.clear();
  requests.clear();
  curl_multi_cleanup(multi);
  CHECK(recording.find("GET /1").attribute("http.response.status_code") == 200);
  CHECK(recording.find("GET /2").attribute("error.type") == "503");
  CHECK(recording.find("GET /1").trace_id != recording.find("GET /2").trace_id);
}

TEST_CASE("request and handle die in either order, also in the middle of a transfer") {
  waggle_test::Recording recording;
  RawServer server(always(waggle_test::http_reply(200, "")));
  CURLM* const multi = curl_multi_init();
  {
    auto request_first = make_easy(server.url("/1"));
    auto request = std::make_unique<waggle::CurlRequest>(request_first.get(),
                                                         waggle::CurlRequestOptions{"GET", "/1"});
    curl_multi_add_handle(multi, request_first.get());
    int running = 0;
    curl_multi_perform(multi, &running);
    request.reset();
    run(multi, [](CURL*, CURLcode code) { CHECK(code == CURLE_OK); });
    CHECK(server.requests().at(0).headers("traceparent").size() == 1);
    curl_multi_remove_handle(multi, request_first.get());

    // The handle lives on, and is taken up once more.
    waggle::CurlRequest again{request_first.get(), {"GET", "/again"}};
    CHECK(again.perform() == CURLE_OK);
  }
  {
    auto handle_first = make_easy(server.url("/2"));
    const waggle::CurlRequest request{handle_first.get(), {"GET", "/2"}};
    curl_multi_add_handle(multi, handle_first.get());
    int running = 0;
    curl_multi_perform(multi, &running);
    curl_multi_remove_handle(multi, handle_first.get());
    handle_first.reset();
  }
  curl_multi_cleanup(multi);
  for (const char* name : {"GET /1", "GET /2"}) {
    CHECK(recording.find(name).kind == SpanKind::Client);
    CHECK(recording.find(name).status == StatusCode::Unset);
    CHECK_FALSE(has(recording.find(name), "http.response.status_code"));
  }
  CHECK(recording.find("GET /again").attribute("http.response.status_code") == 200);
}

TEST_CASE("without a tracer the request is as it was") {
  RawServer server(always(waggle_test::http_reply(200, "")));
  const Easy easy = make_easy(server.url());
  curl_slist* const headers = curl_slist_append(nullptr, "X-Tag: kept");
  waggle::CurlRequest request{easy.get(), {"GET", {}, headers}};
  CHECK(request.perform() == CURLE_OK);
  curl_slist_free_all(headers);
  CHECK(server.requests().at(0).headers("x-tag").size() == 1);
  CHECK(server.requests().at(0).headers("traceparent").empty());
}

TEST_CASE("a handle that could not be made is no reason to crash") {
  waggle_test::Recording recording;
  waggle::CurlRequest request{nullptr, {"GET"}};
  CHECK(request.perform() != CURLE_OK);
}
