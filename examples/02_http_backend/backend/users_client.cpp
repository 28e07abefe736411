#include "backend/users_client.hpp"

#include <curl/curl.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <waggle/instrument/curl.hpp>

namespace {

// Holds a reply; a status of 0 means that none came.
struct Reply {
  long status = 0;
  std::string body;
};

std::size_t append_body(char* data, std::size_t size, std::size_t count, void* body) {
  static_cast<std::string*>(body)->append(data, size * count);
  return size * count;
}

// Makes the request inside a client span, and hands the span's identity to the other side.
Reply http_get(const std::string& url, const char* url_template) {
  const std::unique_ptr<CURL, void (*)(CURL*)> curl{curl_easy_init(), &curl_easy_cleanup};
  Reply reply;
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, 2000L);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &append_body);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &reply.body);
  waggle::CurlRequest request{curl.get(), {"GET", url_template}};
  if (request.perform() == CURLE_OK) {
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &reply.status);
  }
  return reply;
}

}  // namespace

std::optional<std::string> UsersClient::display_name(const std::string& handle) const {
  const Reply reply = http_get(base_url_ + "/api/users/" + handle, "/api/users/{handle}");
  if (reply.status != 200) return std::nullopt;
  const nlohmann::json user = nlohmann::json::parse(reply.body, nullptr, false);
  if (!user.is_object() || !user.contains("display_name")) return std::nullopt;
  return user["display_name"].get<std::string>();
}
