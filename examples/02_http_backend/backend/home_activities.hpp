// The activities that the home page shows.
#ifndef EXAMPLES_BACKEND_HOME_ACTIVITIES_HPP
#define EXAMPLES_BACKEND_HOME_ACTIVITIES_HPP

#include <nlohmann/json_fwd.hpp>

#include "backend/users_client.hpp"

// Returns the newest activities first, as a list of objects.
nlohmann::json home_activities(const UsersClient& users);

// Stands for the day on which the database is down: always throws.
nlohmann::json broken_activities();

#endif  // EXAMPLES_BACKEND_HOME_ACTIVITIES_HPP
