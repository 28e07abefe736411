// Spans of cpp-httplib's servers and clients (0.11 or newer). Include it in place of <httplib.h>,
// and compile with cpp-httplib's flags (pkg-config cpp-httplib); waggle links with nothing for it.
//
//   waggle::HttplibServer server;                  // was: httplib::Server server;
//   server.Get("/users/([^/]+)", "/users/{id}", get_user);
//
//   waggle::HttplibClient client{"http://users.example"};
//   client.at("/users/{id}").Get("/users/7");
#ifndef WAGGLE_INSTRUMENT_HTTPLIB_HPP
#define WAGGLE_INSTRUMENT_HTTPLIB_HPP

#include "waggle/instrument/httplib_client.hpp"
#include "waggle/instrument/httplib_server.hpp"

#endif  // WAGGLE_INSTRUMENT_HTTPLIB_HPP
