//===- undefined.h - bits that nobody has written, in registers -----*- C++ -*-===//
//
// Unoptimised code moves bits about that nobody has written: it sets a bit field in a word of the stack that
// is new, and copies structures with their padding by whole words. So a load of such bits from local memory
// is no finding. It marks the bits of its registers as undefined, and the warp goes on in a loop of its own
// (runFollowing) that looks at each instruction before it is executed, until no register has such bits any
// more:
//
//     moved, masked, shifted, inserted   the result's bits are those of the operands, bit by bit
//     integer sums and products          undefined from the lowest undefined bit of the operands on
//     other arithmetic, comparisons      all bits, when an operand has an undefined one
//     stored to local memory             the bytes remember their undefined bits
//     guards, addresses, atomics,        a finding, which names the load as the other party; after it the
//     everything else                    register counts as defined
//
// A store to global or shared memory is a use, too, except for what may be padding or unset fields of a
// structure and went from memory to memory as it was: single bytes; words of which some bits are defined
// (somebody set them where the others lay); in unoptimised code also the upper words of eight bytes whose
// lower one was written, and is moved by the store before or behind. It counts as written afterwards.
//
// A bit that is set in a register's shadow is undefined. Warps that load no such bits pay nothing.
//
//===----------------------------------------------------------------------===//
#ifndef DLC_RUNTIME_VCUDA_EXEC_UNDEFINED_H
#define DLC_RUNTIME_VCUDA_EXEC_UNDEFINED_H

#include "runtime/vcuda/exec/state.h"

#include <memory>
#include <unordered_map>
#include <vector>

namespace dlc::vcuda::exec {

struct WarpRun;

/// State of a byte of local memory whose undefined bits stand in UndefinedBits::bytes.
inline constexpr uint8_t LocalUndefined = 5;

/// Where a lane's undefined bits come from.
struct UndefinedOrigin {
  static constexpr uint32_t nowhere = 0xffffffff;
  uint32_t load = 0; ///< instruction
  uint32_t home =
      nowhere; ///< local address that the register's lowest bits had, while they lie as they lay there
  bool isBesideWritten = false; ///< loaded from where some of the eight bytes around were written
  bool isComputed = false;      ///< more happened to the bits than movement from place to place
};

/// The undefined bits of a frame's registers.
struct RegisterShadow {
  std::vector<uint8_t> storage;
  uint8_t *bits = nullptr;              ///< laid out as Frame::registers
  std::vector<uint8_t> isMarked;        ///< by 64 bytes of it: the slot that begins there has such bits
  std::vector<UndefinedOrigin> origins; ///< the same, 32 each
  uint32_t markedSlots = 0;

  void reset(uint32_t windowBytes);
  bool marked(uint32_t slot) const { return isMarked[slot / 64]; }
  UndefinedOrigin &origin(uint32_t slot, unsigned lane) { return origins[slot / 64 * 32 + lane]; }
  const UndefinedOrigin &origin(uint32_t slot, unsigned lane) const { return origins[slot / 64 * 32 + lane]; }
};

/// What a warp knows of undefined bits.
struct UndefinedBits {
  struct Byte {
    uint8_t bits = 0;
    UndefinedOrigin origin;
  };
  std::unordered_map<uint64_t, Byte> bytes; ///< by index into Warp::local, where the state is LocalUndefined
  std::unordered_map<const Frame *, std::unique_ptr<RegisterShadow>> shadows; ///< of frames that had some
  uint32_t markedSlots = 0;                                                   ///< of all frames
  Mask carry = 0;                                                             ///< condition codes
  bool isFollowing = false;                                                   ///< runFollowing is at work

  bool any() const { return markedSlots || carry; }
  void reset();
  /// The shadow of a frame whose registers have so many bytes.
  RegisterShadow &shadowOf(Frame &frame, uint32_t windowBytes);
  /// After changes to the bits of a slot of so many bytes.
  void mark(RegisterShadow &shadow, uint32_t slot, uint32_t bytes);
  /// The frame has ended.
  void forget(Frame &frame);
};

/// A lane's register, or its shadow, in a window; `width` in bytes. 0 is a predicate: all ones or 0.
uint64_t readLane(const uint8_t *window, uint32_t slot, unsigned width, unsigned lane);
void writeLane(uint8_t *window, uint32_t slot, unsigned width, unsigned lane, uint64_t value);
/// Bytes that a register takes in a window.
constexpr uint32_t registerBytes(unsigned width) { return width == 0 ? 4 : width * 32; }

/// Runs the warp until `stop` (follow.cpp).
void runFollowing(WarpRun &warp);

// Local memory (undefined.cpp), by index into Warp::local.

/// A lane loads bytes from local memory of which some are undefined. The interpreter's loop ends behind the
/// instruction.
void noteUndefined(WarpRun &warp, const Inst &inst, unsigned lane, uint64_t offset, uint32_t bytes);
/// A lane stores these undefined bits of an element. The bytes count as written before.
void storeUndefined(WarpRun &warp, uint64_t index, uint32_t bytes, uint64_t undefined,
                    const UndefinedOrigin &origin);
/// Bytes were copied with their states.
void copyUndefined(WarpRun &warp, uint64_t from, uint64_t to, uint32_t bytes);
/// The load that the first undefined one of these bytes comes from; null when nobody ever wrote it.
const Inst *undefinedLoad(const WarpRun &warp, uint64_t index, uint32_t bytes);

} // namespace dlc::vcuda::exec

#endif
