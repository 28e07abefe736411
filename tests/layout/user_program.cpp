// A user's file that makes every call of the light band, as links_nothing.sh compiles it: with
// warnings as errors at several optimisation levels, and linked with nothing. Without a tracer
// every call is a no-op, and the program ends with 0.
#include <stdexcept>
#include <string>
#include <vector>
#include <waggle/trace.hpp>

namespace {

const waggle::Scope scope{"user", "1.2", "https://example.com/schema"};

enum class Colour { Red, Green };

void set_every_type(waggle::OpenSpan& span) {
  span.set_attribute("bool", true);
  span.set_attribute("int", 42);
  span.set_attribute("short", static_cast<short>(-1));
  span.set_attribute("unsigned", 42U);
  span.set_attribute("beyond int64", ~0ULL);
  span.set_attribute("double", 1.5);
  span.set_attribute("float", 1.5F);
  span.set_attribute("enumeration", Colour::Green);
  span.set_attribute("literal", "text");
  span.set_attribute("string", std::string("text"));
  span.set_attribute("view", std::string_view("text"));
  span.set_attribute("null", static_cast<const char*>(nullptr));
  span.set_attribute("list", {1, 2, 3});
  span.set_attribute("vector", std::vector<std::string>{"a", "b"});
  span.set_attribute("bits", std::vector<bool>{true, false});
  span.set_attributes({{"order.id", 42}, {"paid", true}, {"total", 9.5}, {"card", "visa"}});
}

void set_the_rest(waggle::OpenSpan& span, const waggle::SpanContext& other) {
  span.add_event("plain");
  span.add_event("with attributes", {{"attempt", 2}});
  span.add_event("at a time", {}, waggle::Timestamp{1700000000000000000U});
  span.add_link(other);
  span.add_link(other, {{"why", "batch"}});
  span.set_status(waggle::StatusCode::Error, "card declined");
  span.set_status(waggle::StatusCode::Ok);
  span.record_exception(std::runtime_error("broken"), {{"exception.escaped", true}});
  span.update_name("renamed");
  span.set_start_time(waggle::Timestamp{1700000000000000000U});
}

void use_current_span(const waggle::SpanContext& other) {
  waggle::CurrentSpan current = waggle::current_span();
  current.set_attribute("int", 42);
  current.set_attribute("list", {1, 2, 3});
  current.set_attributes({{"paid", true}});
  current.add_event("event", {{"attempt", 2}});
  current.add_link(other);
  current.set_status(waggle::StatusCode::Error);
  current.record_exception(std::runtime_error("broken"));
  current.update_name("renamed");
}

std::size_t use_context(const waggle::SpanContext& context) {
  std::size_t size = context.trace_id().hex().view().size() + context.span_id().hex().view().size();
  size += context.trace_state().size() + context.trace_flags();
  const bool is_anything = context.is_valid() || context.is_sampled() || context.is_remote();
  return size + (is_anything || context.sampling_threshold() == 0 ? 1 : 0);
}

waggle::DetachedSpan begin_request() {
  waggle::SpanOptions options;
  options.kind = waggle::SpanKind::Client;
  options.parent = waggle::Parent::root();
  return waggle::DetachedSpan{scope, "request", options, {{"peer", "db"}}};
}

}  // namespace

int main() {
  waggle::Span plain{"plain"};
  waggle::Span scoped{scope, std::string("scoped") + " name"};
  waggle::SpanOptions options;
  options.kind = waggle::SpanKind::Server;
  options.parent = plain.context();
  const waggle::SpanContext other = scoped.context();
  waggle::Span child{scope, "child", options, {{"early", 1}}, {{other, {{"why", "retry"}}}}};
  set_every_type(child);
  set_the_rest(child, other);
  use_current_span(other);

  waggle::DetachedSpan detached = begin_request();
  waggle::DetachedSpan moved = std::move(detached);
  {
    waggle::ContextGuard guard{moved};
    waggle::ContextGuard taken = std::move(guard);
    waggle::ContextGuard other_guard{other};
  }
  set_every_type(moved);
  moved.end(waggle::Timestamp{1700000000000000000U});
  child.end();

  const bool is_recording = child.is_recording() || waggle::current_span().is_recording();
  use_context(waggle::current_context());
  return is_recording ? 1 : 0;
}
