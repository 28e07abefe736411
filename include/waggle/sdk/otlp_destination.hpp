// Where an OTLP/HTTP endpoint is, how to talk to it, and how long to try.
#ifndef WAGGLE_SDK_OTLP_DESTINATION_HPP
#define WAGGLE_SDK_OTLP_DESTINATION_HPP

#include <string>

#include "waggle/sdk/deadline.hpp"
#include "waggle/sdk/transport.hpp"

namespace waggle {
inline namespace abi1 {

struct OtlpDestination {
  std::string url;
  HeaderList headers;
  bool is_honeycomb = false;  // follow Honeycomb's decoders where they differ from the rules
  bool compress = true;

  Milliseconds attempt_timeout{10000};
  Milliseconds retry_for{60000};
  Milliseconds retry_backoff_first{500};
  Milliseconds retry_backoff_longest{15000};
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SDK_OTLP_DESTINATION_HPP
