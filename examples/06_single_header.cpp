// The same as 01_hello, from one header: copy single_include/waggle.hpp into your project, and
//   g++ -std=c++17 app.cpp -lcurl -lz -pthread
// Other files of the program include it without the definition, and then need no library.
#define WAGGLE_IMPLEMENTATION
#include "waggle.hpp"

int main() {
  waggle::Config config;
  config.service_name = "shop";
  config.exporters.push_back(std::make_unique<waggle::ConsoleExporter>());
  auto tracing = waggle::start(std::move(config));

  waggle::Span checkout{"checkout"};
  waggle::Span charge{"charge-card"};
  charge.set_attribute("amount", 42.5);
}
