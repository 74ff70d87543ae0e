//===- special.h - special registers ---------------------------*- C++ -*-===//
#ifndef DLC_RUNTIME_VCUDA_EXEC_SPECIAL_H
#define DLC_RUNTIME_VCUDA_EXEC_SPECIAL_H

#include <cstdint>
#include <optional>
#include <string_view>

namespace dlc::vcuda::exec {

/// PTX ISA section 10. The three dimensions of a vector register follow each other; the fourth component
/// reads as 0.
enum class SpecialRegister : uint32_t {
  TidX,
  TidY,
  TidZ,
  NtidX,
  NtidY,
  NtidZ,
  CtaidX,
  CtaidY,
  CtaidZ,
  NctaidX,
  NctaidY,
  NctaidZ,
  Zero,
  LaneId,
  WarpId,
  NWarpId,
  SmId,
  NSmId,
  GridId,
  LaneMaskEq,
  LaneMaskLt,
  LaneMaskLe,
  LaneMaskGt,
  LaneMaskGe,
  Clock,
  ClockHi,
  Clock64,
  GlobalTimer,
  GlobalTimerLo,
  GlobalTimerHi,
  DynamicShared,
  TotalShared,
  ReservedShared, ///< where the system's part of shared memory begins
  ReservedSharedEnd,
  ReservedSharedBytes,
  AllShared,
  GridWorkspaceHigh,
  GridWorkspaceLow,
  One,
};

/// The system's part of shared memory, where a kernel reads where it is.
inline constexpr uint32_t reservedSharedBytes = 1024;

struct SpecialName {
  SpecialRegister id;
  /// Bytes of the registers that it may be moved to, as a sum: 2, 4 and 8; 0 for a predicate.
  unsigned widths;
};
/// "%tid.x" and so on; nothing for a register that is not modelled.
std::optional<SpecialName> specialRegister(std::string_view name);

} // namespace dlc::vcuda::exec

#endif
