// The names of the headers in which contexts travel (W3C Trace Context, W3C Baggage).
#ifndef WAGGLE_CORE_HEADER_NAMES_HPP
#define WAGGLE_CORE_HEADER_NAMES_HPP

#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

constexpr std::string_view kTraceParentName = "traceparent";
constexpr std::string_view kTraceStateName = "tracestate";
constexpr std::string_view kBaggageName = "baggage";

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_CORE_HEADER_NAMES_HPP
