// The seam to the network: one request at a time, begun, polled and cancelled, never blocking. The
// pipeline owns the policy (retries, deadlines, splitting); a transport only moves bytes.
#ifndef WAGGLE_SDK_TRANSPORT_HPP
#define WAGGLE_SDK_TRANSPORT_HPP

#include <string>
#include <utility>
#include <vector>

#include "waggle/sdk/deadline.hpp"

namespace waggle {
inline namespace abi1 {

// Lists header names and values in the order in which they are sent.
using HeaderList = std::vector<std::pair<std::string, std::string>>;

// Describes one POST, or one GET if there is no `body`. That must stay alive and unchanged until
// the request is done or cancelled: it is sent from where it lies and may be sent again.
struct HttpRequest {
  std::string url;
  HeaderList headers;
  const std::string* body = nullptr;
  Milliseconds timeout{10000};
};

// Says how far a request came.
enum class TransportOutcome {
  Pending,        // still on its way
  Answered,       // a complete reply was read; look at its status
  NotConnected,   // no byte of the request can have reached the server
  Interrupted,    // the server may or may not have seen the request
  ReplyTooLarge,  // the reply ran past the cap and was dropped
};

// Holds what came back. `message` explains a failed transfer in words, without any secret.
struct HttpReply {
  TransportOutcome outcome = TransportOutcome::Pending;
  int status = 0;
  std::string retry_after;
  std::string content_type;
  std::string body;
  std::string message;
  bool was_repeated = false;  // this answers a second sending, after a first one met silence
};

// Sends requests, one at a time. All calls come from one thread, and none of them waits but wait().
class Transport {
 public:
  virtual ~Transport() = default;

  // Starts a request. Whatever goes wrong is told by the next poll().
  virtual void begin(const HttpRequest& request) noexcept = 0;

  // Moves the request on as far as possible without waiting, and returns the reply so far; once the
  // outcome is not Pending the request is over.
  virtual const HttpReply& poll() noexcept = 0;

  // Gives the request up; the next poll() tells whether the server may have seen it. Returns within
  // milliseconds whatever the network does.
  virtual void cancel() noexcept = 0;

  // Sleeps until the request can move on, `wake_descriptor` becomes readable or `longest` is over.
  virtual void wait(int wake_descriptor, Milliseconds longest) noexcept = 0;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SDK_TRANSPORT_HPP
