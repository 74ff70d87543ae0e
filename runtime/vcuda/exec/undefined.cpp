// Undefined bits: the shadows of registers, and bytes of local memory.
#include "runtime/vcuda/exec/undefined.h"

#include "runtime/vcuda/exec/run.h"

#include <algorithm>
#include <cstring>

using namespace dlc::vcuda;
using namespace dlc::vcuda::exec;

uint64_t exec::readLane(const uint8_t *window, uint32_t slot, unsigned width, unsigned lane) {
  if (width == 0) {
    Mask mask;
    std::memcpy(&mask, window + slot, sizeof mask);
    return (mask >> lane & 1) ? ~uint64_t(0) : 0;
  }
  uint64_t value = 0;
  std::memcpy(&value, window + slot + size_t(lane) * width, width);
  return value;
}

void exec::writeLane(uint8_t *window, uint32_t slot, unsigned width, unsigned lane, uint64_t value) {
  if (width == 0) {
    Mask mask;
    std::memcpy(&mask, window + slot, sizeof mask);
    mask = value ? mask | 1u << lane : mask & ~(1u << lane);
    std::memcpy(window + slot, &mask, sizeof mask);
    return;
  }
  std::memcpy(window + slot + size_t(lane) * width, &value, width);
}

//===----------------------------------------------------------------------===//
// Registers
//===----------------------------------------------------------------------===//

void RegisterShadow::reset(uint32_t windowBytes) {
  storage.assign(size_t(windowBytes) + 64, 0);
  bits = storage.data() + (-reinterpret_cast<uintptr_t>(storage.data()) & 63);
  isMarked.assign(windowBytes / 64 + 1, 0);
  origins.assign(isMarked.size() * 32, {});
  markedSlots = 0;
}

void UndefinedBits::reset() {
  bytes.clear();
  shadows.clear();
  markedSlots = 0;
  carry = 0;
}

RegisterShadow &UndefinedBits::shadowOf(Frame &frame, uint32_t windowBytes) {
  if (frame.shadow) return *frame.shadow;
  std::unique_ptr<RegisterShadow> &shadow = shadows[&frame];
  if (!shadow) shadow = std::make_unique<RegisterShadow>();
  shadow->reset(windowBytes);
  frame.shadow = shadow.get();
  return *shadow;
}

void UndefinedBits::forget(Frame &frame) {
  if (frame.shadow) markedSlots -= frame.shadow->markedSlots;
  frame.shadow = nullptr;
}

void UndefinedBits::mark(RegisterShadow &shadow, uint32_t slot, uint32_t slotBytes) {
  const uint8_t *from = shadow.bits + slot;
  bool marked = std::any_of(from, from + slotBytes, [](uint8_t b) { return b != 0; });
  if (marked == shadow.marked(slot)) return;
  shadow.isMarked[slot / 64] = marked;
  marked ? ++shadow.markedSlots : --shadow.markedSlots;
  marked ? ++markedSlots : --markedSlots;
}

//===----------------------------------------------------------------------===//
// Local memory
//===----------------------------------------------------------------------===//

/// Of the eight bytes from here on some bit was written.
static bool isPartlyWritten(const WarpRun &w, uint64_t index) {
  for (uint64_t at = index; at < index + 8; ++at) {
    uint8_t state = w.localState[at];
    if (state == ByteReady || (state == LocalUndefined && w.undefined.bytes.at(at).bits != 0xff)) return true;
  }
  return false;
}

void exec::noteUndefined(WarpRun &w, const Inst &inst, unsigned lane, uint64_t offset, uint32_t bytes) {
  UndefinedBits &all = w.undefined;
  const Launch &launch = *w.run->launch;
  RegisterShadow &shadow = all.shadowOf(*w.frame, launch.code->functions[w.frame->function].windowBytes);
  uint32_t element = bytes / inst.count;
  bool isSigned = inst.type == Type::S8 || inst.type == Type::S16 || inst.type == Type::S32;
  for (uint32_t k = 0; k < inst.count; ++k) {
    uint64_t at = offset + k * element, index = uint64_t(lane) * w.localStride + at, undefined = 0;
    UndefinedOrigin origin;
    for (uint32_t b = 0; b < element; ++b) {
      uint8_t state = w.localState[index + b];
      if (state == ByteReady) continue;
      UndefinedBits::Byte byte = {0xff, {uint32_t(&inst - launch.instructions)}};
      if (state == LocalUndefined) byte = all.bytes.at(index + b);
      if (!undefined) origin = byte.origin;
      origin.isComputed = origin.isComputed || byte.origin.isComputed;
      undefined |= uint64_t(byte.bits) << (8 * b);
    }
    if (!undefined) continue;
    // The register's upper part is made of the sign.
    if (isSigned && element < 8 && (undefined >> (8 * element - 1) & 1))
      undefined |= ~uint64_t(0) << (8 * element);
    uint32_t slot = w.cta->operands[inst.aux + k];
    origin.home = uint32_t(at);
    origin.isBesideWritten = isPartlyWritten(w, index & ~uint64_t(7));
    shadow.origin(slot, lane) = origin;
    writeLane(shadow.bits, slot, inst.width, lane, undefined);
    all.mark(shadow, slot, registerBytes(inst.width));
  }
  if (!all.isFollowing) w.stop = true;
}

void exec::storeUndefined(WarpRun &w, uint64_t index, uint32_t bytes, uint64_t undefined,
                          const UndefinedOrigin &origin) {
  for (uint32_t b = 0; b < bytes; ++b) {
    uint8_t bits = uint8_t(undefined >> (8 * b));
    if (!bits) continue;
    w.localState[index + b] = LocalUndefined;
    w.undefined.bytes[index + b] = {bits, origin};
  }
}

void exec::copyUndefined(WarpRun &w, uint64_t from, uint64_t to, uint32_t bytes) {
  for (uint32_t b = 0; b < bytes; ++b)
    if (w.localState[from + b] == LocalUndefined) w.undefined.bytes[to + b] = w.undefined.bytes.at(from + b);
}

const Inst *exec::undefinedLoad(const WarpRun &w, uint64_t index, uint32_t bytes) {
  const uint8_t *first = w.localState + index;
  const uint8_t *found = std::find_if(first, first + bytes, [](uint8_t state) { return state != ByteReady; });
  if (found == first + bytes || *found != LocalUndefined) return nullptr;
  return w.cta->code + w.undefined.bytes.at(uint64_t(found - w.localState)).origin.load;
}
