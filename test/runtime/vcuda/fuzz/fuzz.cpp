// Any bytes as PTX: parsed and decoded. libFuzzer drives it in sanitizer builds; `./dev fuzz` says how.
#include "runtime/vcuda/machine.h"

#include <cstdlib>

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
