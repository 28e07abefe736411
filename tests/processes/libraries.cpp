// A program, a library it is linked with and one that it opens, both with hidden visibility, see
// one tracer: the program's span is the parent of theirs, and when it is off, they are off.
// run once: exported
// run once: attached
#include <dlfcn.h>

#include <string_view>

#include "../support/counting_exporter.hpp"
#include "../support/recording.hpp"

using waggle_test::Recording;
using waggle_test::require;

waggle::SpanContext span_in_linked_library();

namespace {

using MakeSpan = waggle::SpanContext (*)();
using Attach = bool (*)(waggle::Runtime&);

template <class Function>
Function function_of(void* library, const char* name) {
  void* found = dlsym(library, name);
  require(found != nullptr, name);
  return reinterpret_cast<Function>(found);
}

}  // namespace

int main(int argc, char** argv) {
  require(argc == 2, "exported or attached");
  const bool is_attached = std::string_view(argv[1]) == "attached";
  void* library = dlopen(WAGGLE_TEST_PLUGIN, RTLD_NOW | RTLD_LOCAL);
  require(library != nullptr, "dlopen");
  const auto span_in_plugin = function_of<MakeSpan>(library, "span_in_plugin");
  const auto attach_plugin = function_of<Attach>(library, "attach_plugin");
  require(!span_in_plugin().is_valid(), "off before start()");
  {
    Recording recording;
    if (is_attached) require(attach_plugin(waggle::runtime()), "attach");
    waggle::SpanContext root;
    waggle::SpanContext linked;
    waggle::SpanContext plugged;
    {
      waggle::Span span{"in the program"};
      root = span.context();
      linked = span_in_linked_library();
      plugged = span_in_plugin();
    }
    require(linked.trace_id() == root.trace_id(), "the linked library's span is in the trace");
    require(plugged.trace_id() == root.trace_id(), "the opened library's span is in the trace");
    require(recording.find("in linked library").parent_id == root.span_id(), "and has its parent");
    require(recording.find("in plugin").parent_id == root.span_id(), "and has its parent");
    require(recording.find("in plugin").scope_name == "plugin", "and its scope");
  }
  require(!span_in_linked_library().is_valid(), "off after shutdown");
  require(!span_in_plugin().is_valid(), "off after shutdown");
  return 0;
}
