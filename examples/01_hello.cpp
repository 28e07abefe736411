// The smallest program that traces. On a terminal the trace is drawn there; with HONEYCOMB_API_KEY
// set it goes to Honeycomb instead.
#include <waggle/sdk.hpp>

int main() {
  waggle::Config config;
  config.service_name = "shop";
  auto tracing = waggle::start(std::move(config));
  waggle::Span checkout{"checkout"};
  waggle::Span charge{"charge-card"};  // a child of the span above
  charge.set_attribute("card.brand", "visa");
  charge.set_attribute("amount", 42.5);
  charge.add_event("bank-answered");
}
