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
  WarpSize,
  ReservedShared,
  GridWorkspaceHigh,
  GridWorkspaceLow,
};

/// "%tid.x" and so on; nothing for a register that is not modelled.
std::optional<uint32_t> specialRegister(std::string_view name);

} // namespace dlc::vcuda::exec

#endif
