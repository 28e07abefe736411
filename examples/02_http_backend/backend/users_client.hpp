// Asks the users' service over HTTP.
#ifndef EXAMPLES_BACKEND_USERS_CLIENT_HPP
#define EXAMPLES_BACKEND_USERS_CLIENT_HPP

#include <optional>
#include <string>
#include <utility>

// May be used by several threads at once.
class UsersClient {
 public:
  explicit UsersClient(std::string base_url) : base_url_(std::move(base_url)) {}

  // Returns the user's name for people; nothing if there is no such user or the service fails.
  std::optional<std::string> display_name(const std::string& handle) const;

 private:
  std::string base_url_;
};

#endif  // EXAMPLES_BACKEND_USERS_CLIENT_HPP
