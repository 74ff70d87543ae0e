#include "runtime/vcuda/exec/special.h"

#include <charconv>
#include <utility>

std::optional<uint32_t> dlc::vcuda::exec::specialRegister(std::string_view name) {
  using S = SpecialRegister;
  static constexpr std::pair<std::string_view, S> vectors[] = {
      {"%tid", S::TidX}, {"%ntid", S::NtidX}, {"%ctaid", S::CtaidX}, {"%nctaid", S::NctaidX}};
  static constexpr std::pair<std::string_view, S> scalars[] = {{"%laneid", S::LaneId},
                                                               {"%warpid", S::WarpId},
                                                               {"%nwarpid", S::NWarpId},
                                                               {"%smid", S::SmId},
                                                               {"%nsmid", S::NSmId},
                                                               {"%gridid", S::GridId},
                                                               {"%lanemask_eq", S::LaneMaskEq},
                                                               {"%lanemask_lt", S::LaneMaskLt},
                                                               {"%lanemask_le", S::LaneMaskLe},
                                                               {"%lanemask_gt", S::LaneMaskGt},
                                                               {"%lanemask_ge", S::LaneMaskGe},
                                                               {"%clock", S::Clock},
                                                               {"%clock_hi", S::ClockHi},
                                                               {"%clock64", S::Clock64},
                                                               {"%globaltimer", S::GlobalTimer},
                                                               {"%globaltimer_lo", S::GlobalTimerLo},
                                                               {"%globaltimer_hi", S::GlobalTimerHi},
                                                               {"%dynamic_smem_size", S::DynamicShared},
                                                               {"%total_smem_size", S::TotalShared},
                                                               {"%reserved_smem_offset_1", S::ReservedShared},
                                                               {"%current_graph_exec", S::Zero},
                                                               {"%envreg1", S::GridWorkspaceHigh},
                                                               {"%envreg2", S::GridWorkspaceLow},
                                                               {"WARP_SZ", S::WarpSize}};
  for (auto [text, id] : scalars) {
    if (text == name) return uint32_t(id);
  }
  // Counters that nobody has set up, and registers of other drivers.
  for (auto [prefix, end] : {std::pair<std::string_view, unsigned>{"%pm", 8}, {"%envreg", 32}}) {
    if (!name.starts_with(prefix)) continue;
    std::string_view number = name.substr(prefix.size());
    if (prefix == "%pm" && number.ends_with("_64")) number.remove_suffix(3);
    unsigned value = 0;
    auto [rest, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (error == std::errc() && rest == number.data() + number.size() && value < end)
      return uint32_t(S::Zero);
  }
  if (name.size() < 3 || name[name.size() - 2] != '.') return std::nullopt;
  char part = name.back();
  for (auto [text, id] : vectors) {
    if (text != name.substr(0, name.size() - 2)) continue;
    if (part >= 'x' && part <= 'z') return uint32_t(id) + uint32_t(part - 'x');
    if (part == 'w') return uint32_t(S::Zero);
  }
  return std::nullopt;
}
