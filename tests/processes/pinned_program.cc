// Opens a library that starts tracing, closes it, and ends: the library has to stay, for its thread
// and its exit hook. Built by pinned_test.sh.
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  void* library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    std::fprintf(stderr, "%s\n", dlerror());
    return 3;
  }
  using Start = bool (*)();
  const auto start = reinterpret_cast<Start>(dlsym(library, "start_in_library"));
  if (start == nullptr || !start()) return 4;
  dlclose(library);
  if (dlopen(argv[1], RTLD_NOW | RTLD_NOLOAD) == nullptr) return 5;
  std::exit(start() ? 0 : 6);
}
