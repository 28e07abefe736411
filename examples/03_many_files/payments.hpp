#ifndef PAYMENTS_HPP
#define PAYMENTS_HPP

bool charge(int cents);

#endif  // PAYMENTS_HPP
