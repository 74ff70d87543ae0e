#include "runtime/vcuda/exec/levels.h"

using namespace dlc::vcuda;
using namespace dlc::vcuda::exec;

namespace dlc::vcuda::exec {
Handler selectHandler_baseline(const Inst &);
void interpret_baseline(Warp &);
#ifdef DLC_VCUDA_X86_LEVELS
Handler selectHandler_v3(const Inst &);
void interpret_v3(Warp &);
Handler selectHandler_v4(const Inst &);
void interpret_v4(Warp &);
#endif
} // namespace dlc::vcuda::exec

HostLevel exec::usableLevel(HostLevel wanted) {
#ifdef DLC_VCUDA_X86_LEVELS
  bool v3 = __builtin_cpu_supports("x86-64-v3"), v4 = __builtin_cpu_supports("x86-64-v4");
  if (v4 && (wanted == HostLevel::V4 || wanted == HostLevel::Best)) return HostLevel::V4;
  if (v3 && wanted != HostLevel::Baseline) return HostLevel::V3;
#endif
  (void)wanted;
  return HostLevel::Baseline;
}

const CoreLevel &exec::coreLevel(HostLevel usable) {
  static const CoreLevel baseline = {selectHandler_baseline, interpret_baseline};
#ifdef DLC_VCUDA_X86_LEVELS
  static const CoreLevel v3 = {selectHandler_v3, interpret_v3}, v4 = {selectHandler_v4, interpret_v4};
  if (usable == HostLevel::V4) return v4;
  if (usable == HostLevel::V3) return v3;
#endif
  (void)usable;
  return baseline;
}
