// Links between spans of different places in a trace, or of different traces.
#ifndef WAGGLE_CORE_LINK_HPP
#define WAGGLE_CORE_LINK_HPP

#include "waggle/core/context.hpp"
#include "waggle/core/value.hpp"

namespace waggle {
inline namespace abi1 {

// Points to a span elsewhere that caused this one, with attributes of its own.
struct Link {
  SpanContext context;
  Attributes attributes;
};

// Views a braced list of links for the duration of a call; a type for parameters only.
using Links = detail::Slice<Link>;

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_CORE_LINK_HPP
