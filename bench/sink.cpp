// A local server that answers 200 and forgets: prints its port, and stays until its input ends.
//   sink

#include <cstdio>

#include "support/backend.hpp"

int main() {
  const bench::Backend backend;
  if (!backend.is_running()) return 1;
  std::printf("%d\n", backend.port());
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
}
