// Opens an instrumented library, makes spans in it, closes it while they are still in the ring, and
// sees that it is gone and the spans are not. Built by compiler_pairs_test.sh for each pair of
// compilers.
#include <dlfcn.h>

#include <thread>

#include "../support/counting_exporter.hpp"
#include "../support/recording.hpp"

using waggle_test::require;

int main(int argc, char** argv) {
  require(argc == 2, "the library's path is given");
  waggle_test::Recording recording;
  waggle::Span root{"root"};
  constexpr int kRounds = 50;
  for (int round = 0; round < kRounds; ++round) {
    std::thread([&] {
      void* library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
      require(library != nullptr, "dlopen");
      using MakeSpan = waggle::SpanContext (*)();
      const auto span_in_plugin = reinterpret_cast<MakeSpan>(dlsym(library, "span_in_plugin"));
      waggle::ContextGuard guard{root.context()};
      require(span_in_plugin().trace_id() == root.context().trace_id(), "one tracer");
      dlclose(library);
      require(dlopen(argv[1], RTLD_NOW | RTLD_NOLOAD) == nullptr, "the library is gone");
    }).join();
  }
  require(recording.spans().size() == kRounds, "its spans are not");
  require(recording.find("in plugin").scope_name == "plugin", "nor is its scope");
  return 0;
}
