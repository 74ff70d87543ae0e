// The functions that PTX declares and the system has, and what is said of those that nobody has.
#include "runtime/vcuda/exec/decode/decoder.h"

using namespace dlc::vcuda;
using namespace dlc::vcuda::exec;

const SystemFunction *exec::findSystemFunction(std::string_view name) {
  static const std::vector<SystemFunction> functions = {
      {"vprintf", Builtin::Print, {8, 8}, {4}},
      {"__assertfail", Builtin::AssertFail, {8, 8, 4, 8, 8}, {}},
      {"malloc", Builtin::Malloc, {8}, {8}},
      {"free", Builtin::Free, {8}, {}},
      {"__cuda_syscall_aligned_malloc", Builtin::AlignedMalloc, {8, 8}, {8}},
  };
  for (const SystemFunction &f : functions)
    if (f.name == name) return &f;
  return nullptr;
}

std::string exec::missingFunction(const std::string &name) {
  // What nvcc calls for launches by kernels, and its device runtime.
  for (std::string_view prefix : {"__cudaCDP", "cudaLaunchDevice", "cudaGetParameterBuffer", "cudaDevice"})
    if (name.starts_with(prefix))
      return "'" + name +
             "' is of dynamic parallelism, which is not supported: kernels cannot launch kernels";
  return "function '" + name + "' has no body (there is no linker)";
}
