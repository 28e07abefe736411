#include "backend/users_client.hpp"

#include <curl/curl.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <waggle/trace.hpp>

namespace {

const waggle::Scope scope{"backend.users_client"};

// Holds a reply; a status of 0 means that none came, and `problem` says why.
struct Reply {
  long status = 0;
  std::string body;
  std::string problem;
};

std::size_t append_body(char* data, std::size_t size, std::size_t count, void* body) {
  static_cast<std::string*>(body)->append(data, size * count);
  return size * count;
}

Reply http_get(const std::string& url, const std::map<std::string, std::string>& headers) {
  const std::unique_ptr<CURL, void (*)(CURL*)> curl{curl_easy_init(), &curl_easy_cleanup};
  curl_slist* lines = nullptr;
  for (const auto& [name, value] : headers) {
    lines = curl_slist_append(lines, (name + ": " + value).c_str());
  }
  const std::unique_ptr<curl_slist, void (*)(curl_slist*)> line_owner{lines, &curl_slist_free_all};

  Reply reply;
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, lines);
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, 2000L);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &append_body);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &reply.body);
  const CURLcode code = curl_easy_perform(curl.get());
  if (code == CURLE_OK) {
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &reply.status);
  } else {
    reply.problem = curl_easy_strerror(code);
  }
  return reply;
}

// Adds the address and port that a URL of the form http://host:port/path names.
void set_server_address(waggle::Span& span, const std::string& url) {
  const std::unique_ptr<CURLU, void (*)(CURLU*)> parts{curl_url(), &curl_url_cleanup};
  if (curl_url_set(parts.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) return;
  char* text = nullptr;
  if (curl_url_get(parts.get(), CURLUPART_HOST, &text, 0) == CURLUE_OK) {
    span.set_attribute("server.address", text);
    curl_free(text);
  }
  if (curl_url_get(parts.get(), CURLUPART_PORT, &text, CURLU_DEFAULT_PORT) == CURLUE_OK) {
    span.set_attribute("server.port", std::atoi(text));
    curl_free(text);
  }
}

void record_reply(waggle::Span& span, const Reply& reply) {
  if (reply.status == 0) {
    span.set_attribute("error.type", reply.problem);
    span.set_status(waggle::StatusCode::Error, reply.problem);
    return;
  }
  span.set_attribute("http.response.status_code", reply.status);
  if (reply.status >= 400) {
    span.set_attribute("error.type", std::to_string(reply.status));
    span.set_status(waggle::StatusCode::Error);
  }
}

// Makes the request inside a client span, and hands the span's identity to the other side.
Reply traced_get(const std::string& url, const char* url_template) {
  waggle::SpanOptions options;
  options.kind = waggle::SpanKind::Client;
  waggle::Span span{
      scope,
      std::string("GET ") + url_template,
      options,
      {{"http.request.method", "GET"}, {"url.full", url}, {"url.template", url_template}}};
  set_server_address(span, url);

  std::map<std::string, std::string> headers;
  waggle::inject(span.context(), headers);
  Reply reply = http_get(url, headers);

  record_reply(span, reply);
  return reply;
}

}  // namespace

std::optional<std::string> UsersClient::display_name(const std::string& handle) const {
  const Reply reply = traced_get(base_url_ + "/api/users/" + handle, "/api/users/{handle}");
  if (reply.status != 200) return std::nullopt;
  const nlohmann::json user = nlohmann::json::parse(reply.body, nullptr, false);
  if (!user.is_object() || !user.contains("display_name")) return std::nullopt;
  return user["display_name"].get<std::string>();
}
