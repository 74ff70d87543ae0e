// Any bytes as PTX: parsed and decoded. libFuzzer drives it in sanitizer builds; `./dev fuzz` says how.
#include "runtime/vcuda/machine.h"

#include <cstdlib>

// Undefined behaviour ends the run as a bad access does. What ASan keeps of the past is short, since it costs
// as much as an execution: one frame of each allocation (ASAN_OPTIONS=malloc_context_size=30 shows more of a
// finding) and a megabyte of freed memory, many executions' worth.
extern "C" const char *__ubsan_default_options() { return "halt_on_error=1:print_stacktrace=1"; }
extern "C" const char *__asan_default_options() {
  return "malloc_context_size=1:quarantine_size_mb=1:thread_local_quarantine_size_kb=64:max_malloc_fill_size="
         "0";
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  using namespace dlc::vcuda;
  ParseResult result = parseModule({reinterpret_cast<const char *>(data), size}, "fuzz");
  // What machine.h promises.
  bool refused = !result.errors.empty();
  if (refused == bool(result.module) || result.errors.size() > 20) std::abort();
  for (const Diagnostic &d : result.errors) {
    if (d.message.empty()) std::abort();
  }
  return 0;
}
