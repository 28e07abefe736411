// Drives a Transport the way the pipeline does, for tests that want one request's outcome.
#ifndef WAGGLE_TESTS_SUPPORT_TRANSPORT_DRIVER_HPP
#define WAGGLE_TESTS_SUPPORT_TRANSPORT_DRIVER_HPP

#include <string>
#include <utility>
#include <waggle/sdk/transport.hpp>

namespace waggle_test {

// Makes a POST of `body`, which has to outlive the request, with JSON's content type.
inline waggle::HttpRequest post_of(std::string url, const std::string& body) {
  waggle::HttpRequest request;
  request.url = std::move(url);
  request.headers = {{"Content-Type", "application/json"}};
  request.body = &body;
  return request;
}

// Polls and waits until the request begun on `transport` is over.
inline waggle::HttpReply finish(waggle::Transport& transport) {
  while (transport.poll().outcome == waggle::TransportOutcome::Pending) {
    transport.wait(-1, waggle::Milliseconds(1000));
  }
  return transport.poll();
}

// Sends one request and returns what became of it.
inline waggle::HttpReply exchange(waggle::Transport& transport,
                                  const waggle::HttpRequest& request) {
  transport.begin(request);
  return finish(transport);
}

// Polls and waits until `condition` holds or the request is over; tells whether it holds.
template <class Condition>
bool drive_until(waggle::Transport& transport, Condition condition) {
  while (!condition()) {
    if (transport.poll().outcome != waggle::TransportOutcome::Pending) return condition();
    transport.wait(-1, waggle::Milliseconds(1));
  }
  return true;
}

}  // namespace waggle_test

#endif  // WAGGLE_TESTS_SUPPORT_TRANSPORT_DRIVER_HPP
