// Runs the real pipeline through random schedules of traffic and faults in virtual time.
//   simulation [--schedules N] [--first SEED]
//   simulation --random    from a seed that differs each time, a tenth as many
// A schedule that fails is run again, made as small as it goes, and printed with its seed.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>

#include "world.hpp"

namespace {

int report(const waggle_test::Schedule& schedule, const std::string& what) {
  std::printf("FAILED: %s\n", what.c_str());
  if (waggle_test::failure_of(schedule) != what) std::printf("and not again in the same way\n");
  const auto smallest = waggle_test::shrink(schedule, [&](const waggle_test::Schedule& smaller) {
    return waggle_test::failure_of(smaller) == what;
  });
  std::printf("the least that fails so:\n");
  waggle_test::print(smallest);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const char* wanted = std::getenv("WAGGLE_SCHEDULES");
  std::uint64_t count = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 10000;
  std::uint64_t first = 1;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--random") == 0) {
      first = std::random_device()() * 1000003ULL;
      count /= 10;
    }
    if (i + 1 == argc) break;
    if (std::strcmp(argv[i], "--schedules") == 0) count = std::strtoull(argv[++i], nullptr, 10);
    if (std::strcmp(argv[i], "--first") == 0) first = std::strtoull(argv[++i], nullptr, 10);
  }
  for (std::uint64_t seed = first; seed != first + count; ++seed) {
    const waggle_test::Schedule schedule = waggle_test::make_schedule(seed);
    const auto failure = waggle_test::failure_of(schedule);
    if (failure) return report(schedule, *failure);
  }
  std::printf("%llu schedules, seeds %llu to %llu: nothing found\n",
              static_cast<unsigned long long>(count), static_cast<unsigned long long>(first),
              static_cast<unsigned long long>(first + count - 1));
  return 0;
}
