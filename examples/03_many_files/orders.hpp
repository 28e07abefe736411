#ifndef ORDERS_HPP
#define ORDERS_HPP

void place_order(int order);

#endif  // ORDERS_HPP
