// malloc and free of kernels. Each lane's call is its own.
#include "runtime/vcuda/exec/guest.h"
#include "runtime/vcuda/exec/run.h"
#include "runtime/vcuda/exec/undefined.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

using namespace dlc::vcuda;
using namespace dlc::vcuda::exec;

namespace {

/// Sizes and addresses are used, wherever their bits come from: nothing before that has looked at them.
uint64_t argumentOf(WarpRun &w, const Inst &inst, const CallSite &site, size_t index, unsigned lane) {
  uint64_t value, at = uint64_t(lane) * w.localStride + w.frame->localBase + site.arguments[index];
  std::memcpy(&value, w.local + at, sizeof value);
  const uint8_t *state = w.localState ? w.localState + at : nullptr;
  if (!state || std::all_of(state, state + sizeof value, [](uint8_t s) { return s == ByteReady; }))
    return value;
  const Inst *load = undefinedLoad(w, at, sizeof value);
  addFinding(w, inst, "uninitialised-read", lane,
             std::string(site.builtin == Builtin::Free ? "frees an address" : "allocates a size") +
                 " with bits that were never written",
             load, load ? "loads them from local memory" : "");
  return value;
}

/// Who wrote there before, in the same launch, wrote to another block.
void forgetWriters(const CtaRun &cta, uint64_t offset, uint64_t bytes) {
  for (uint64_t word = offset >> 2, last = (offset + bytes - 1) >> 2; word <= last; ++word)
    if (__atomic_load_n(&cta.globalWriters[word], __ATOMIC_RELAXED))
      __atomic_store_n(&cta.globalWriters[word], 0, __ATOMIC_RELAXED);
}

uint64_t allocate(WarpRun &w, uint64_t bytes, uint64_t alignment) {
  const CtaRun &cta = *w.run;
  DeviceHeap *heap = cta.launch->config.heap;
  bool isPower = alignment && !(alignment & (alignment - 1));
  uint64_t address = heap && bytes && isPower ? heap->allocate(bytes, alignment) : 0;
  if (address && cta.checks && !cta.full) forgetWriters(cta, address - cta.globalBase, bytes);
  return address;
}

/// Why there is no block to free.
std::string whyNotFreed(const CtaRun &cta, uint64_t address) {
  char text[32];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(address));
  std::string what = "frees " + std::string(text);
  if (address - cta.globalBase >= cta.globalSize) return what + ", which is no address of global memory";
  AllocationInfo a = cta.launch->memory->find(address);
  uint64_t offset = address - a.base;
  std::string allocation = "allocation " + std::to_string(a.id) +
                           (a.name.empty() ? "" : " '" + a.name + "'") + " of " + std::to_string(a.bytes) +
                           " bytes";
  if (a.kind == AllocationInfo::Freed)
    return what + (offset ? ", which is offset " + std::to_string(offset) + " of memory" : ", memory") +
           " that was freed before: " + allocation;
  if (a.kind != AllocationInfo::Live || offset >= a.bytes)
    return what + ", where no block of the heap begins";
  if (offset) return what + ", which is offset " + std::to_string(offset) + " of " + allocation;
  return what + ", which malloc did not give: " + allocation;
}

void freeBlock(WarpRun &w, const Inst &inst, unsigned lane, uint64_t address) {
  CtaRun &cta = *w.run;
  DeviceHeap *heap = cta.launch->config.heap;
  if (!address) return;
  uint64_t bytes = heap ? heap->free(address) : 0;
  if (bytes) {
    if (cta.full) touchFreed(w, inst, lane, address - cta.globalBase, bytes);
    return;
  }
  std::string why = whyNotFreed(cta, address);
  if (cta.checks) return addFinding(w, inst, "bad-free", lane, std::move(why));
  stopLaunch(w, inst, LaunchResult::Trap, why.c_str());
}

} // namespace

void exec::callHeap(WarpRun &w, const Inst &inst, const CallSite &site, Mask mask) {
  for (Mask m = mask; m && !w.stop; m &= m - 1) {
    unsigned lane = unsigned(__builtin_ctz(m));
    uint64_t first = argumentOf(w, inst, site, 0, lane);
    if (site.builtin == Builtin::Free) {
      freeBlock(w, inst, lane, first);
      continue;
    }
    uint64_t alignment = site.builtin == Builtin::AlignedMalloc ? argumentOf(w, inst, site, 1, lane) : 16;
    uint64_t address = allocate(w, first, alignment);
    size_t at = size_t(lane) * w.localStride + w.frame->localBase + site.results[0];
    std::memcpy(w.local + at, &address, sizeof address);
    if (w.localState) std::memset(w.localState + at, ByteReady, sizeof address);
  }
}
