#include "03_many_files/orders.hpp"

#include <waggle/trace.hpp>

#include "03_many_files/payments.hpp"

void place_order(int order) {
  waggle::Span span{"place-order"};
  span.set_attribute("order.id", order);
  if (!charge(order * 10)) span.set_status(waggle::StatusCode::Error, "not paid");
}
