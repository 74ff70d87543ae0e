#include "runtime/vcuda/driver/limits.h"

#include "runtime/vcuda/driver/function.h"

#include <algorithm>

namespace dlc::vcuda {
namespace {

constexpr unsigned maxBlockX = 1024, maxBlockZ = 64, maxGridX = 0x7fffffff, maxGridYZ = 65535;

std::string text(uint64_t number) { return std::to_string(number); }
std::string text(const Dim3 &d) { return "(" + text(d.x) + "," + text(d.y) + "," + text(d.z) + ")"; }

Excess invalid(std::string text) { return {CUDA_ERROR_INVALID_VALUE, std::move(text)}; }

std::string dynamicText(uint64_t bytes) { return text(bytes) + " bytes of dynamic shared memory"; }
/// The device's limit as seen by a kernel.
std::string sharedText(const KernelInfo &info, const Device &device) {
  return device.record.name + " has " + text(uint64_t(device.record.sharedPerBlockOptin)) +
         " bytes for a CTA, of which the kernel's own variables take " + text(info.staticSharedBytes);
}

Excess checkBlock(const Dim3 &b, const KernelInfo &info) {
  uint64_t threads = uint64_t(b.x) * b.y * b.z;
  if (!threads || b.x > maxBlockX || b.y > maxBlockX || b.z > maxBlockZ || threads > 1024)
    return invalid("a block of " + text(b) + " threads; devices take 1 to 1024, 1024 and 64 in x, y and z, " +
                   "1024 in all: choose a smaller block and more CTAs");
  const auto &r = info.requiredThreads;
  if (Dim3 required{r[0], std::max(1u, r[1]), std::max(1u, r[2])};
      r[0] && (b.x != required.x || b.y != required.y || b.z != required.z))
    return invalid("a block of " + text(b) + " threads; the kernel's .reqntid takes " + text(required) +
                   " alone: launch it so, or change the PTX");
  if (threads > maxThreads(info))
    return invalid("a block of " + text(threads) + " threads; the kernel's .maxntid allows " +
                   text(maxThreads(info)) + ": choose a smaller block, or change the PTX");
  return {};
}

Excess checkCooperative(const KernelLaunch &launch, const Device &device) {
  const Dim3 &g = launch.grid, &b = launch.block;
  uint64_t ctas = uint64_t(g.x) * g.y * g.z, sms = uint64_t(device.record.sms);
  uint64_t perSm = uint64_t(residentCtas(*launch.info, device, b.x * b.y * b.z, launch.dynamicShared));
  if (ctas <= perSm * sms) return {};
  return {CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE,
          "a cooperative grid of " + text(ctas) + " CTAs, which must all run at once; " + device.record.name +
              " holds " + text(perSm * sms) + " (" + text(perSm) + " on each of " + text(sms) +
              " SMs): choose fewer CTAs that do more each, or smaller ones"};
}

} // namespace

Excess findExcess(const KernelLaunch &launch, const Function &function, const Device &device) {
  const Dim3 &g = launch.grid;
  if (!g.x || !g.y || !g.z || g.x > maxGridX || g.y > maxGridYZ || g.z > maxGridYZ)
    return invalid("a grid of " + text(g) + " CTAs; devices take 1 to " + text(maxGridX) + ", " +
                   text(maxGridYZ) + " and " + text(maxGridYZ) +
                   " in x, y and z: use x for the longest, or let a CTA do more");
  if (Excess excess = checkBlock(launch.block, *launch.info); excess.result) return excess;
  int64_t allowed = function.attributes.maxDynamicShared;
  if (int64_t(launch.dynamicShared) > allowed) {
    uint64_t all = uint64_t(launch.dynamicShared) + launch.info->staticSharedBytes;
    bool fits = all <= uint64_t(device.record.sharedPerBlockOptin);
    return invalid(dynamicText(launch.dynamicShared) + "; " +
                   (fits ? "the function may use " + text(uint64_t(allowed)) +
                               ": raise CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES with "
                               "cuFuncSetAttribute before the launch"
                         : sharedText(*launch.info, device) + ": use less, or a device with more"));
  }
  return launch.cooperative ? checkCooperative(launch, device) : Excess();
}

Excess findExcess(int dynamicShared, const KernelInfo &info, const Device &device) {
  if (dynamicShared >= 0 &&
      int64_t(dynamicShared) + info.staticSharedBytes <= device.record.sharedPerBlockOptin)
    return {};
  if (dynamicShared < 0) return invalid("a negative number of bytes of dynamic shared memory");
  return invalid(dynamicText(uint64_t(dynamicShared)) + "; " + sharedText(info, device) +
                 ": use less, or a device with more");
}

CUresult tell(const Excess &excess, const KernelInfo &info) {
  if (excess.result) std::fprintf(stderr, "vcuda: kernel %s: %s\n", info.name.c_str(), excess.text.c_str());
  return excess.result;
}

} // namespace dlc::vcuda
