#include "03_many_files/payments.hpp"

#include <waggle/trace.hpp>

// A library says which part of the program its spans come from.
static const waggle::Scope scope{"payments", "2.1"};

bool charge(int cents) {
  waggle::Span span{scope, "charge"};  // a child of place-order, though it knows nothing of it
  span.set_attribute("amount.cents", cents);
  return cents < 1000;
}
