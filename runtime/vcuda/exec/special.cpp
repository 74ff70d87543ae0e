#include "runtime/vcuda/exec/special.h"

#include <charconv>

using namespace dlc::vcuda::exec;

namespace {

using S = SpecialRegister;

struct Row {
  std::string_view name;
  S id;
  unsigned widths = 4;
};
/// A grid without clusters is one of clusters of one CTA each.
constexpr Row vectors[] = {{"%tid", S::TidX, 2 | 4},     {"%ntid", S::NtidX, 2 | 4},
                           {"%ctaid", S::CtaidX, 2 | 4}, {"%nctaid", S::NctaidX, 2 | 4},
                           {"%clusterid", S::CtaidX},    {"%nclusterid", S::NctaidX},
                           {"%cluster_ctaid", S::Zero},  {"%cluster_nctaid", S::One}};
constexpr Row scalars[] = {{"%laneid", S::LaneId},
                           {"%warpid", S::WarpId},
                           {"%nwarpid", S::NWarpId},
                           {"%smid", S::SmId},
                           {"%nsmid", S::NSmId},
                           {"%gridid", S::GridId, 2 | 4 | 8},
                           {"%lanemask_eq", S::LaneMaskEq},
                           {"%lanemask_lt", S::LaneMaskLt},
                           {"%lanemask_le", S::LaneMaskLe},
                           {"%lanemask_gt", S::LaneMaskGt},
                           {"%lanemask_ge", S::LaneMaskGe},
                           {"%clock", S::Clock},
                           {"%clock_hi", S::ClockHi},
                           {"%clock64", S::Clock64, 8},
                           {"%globaltimer", S::GlobalTimer, 8},
                           {"%globaltimer_lo", S::GlobalTimerLo},
                           {"%globaltimer_hi", S::GlobalTimerHi},
                           {"%dynamic_smem_size", S::DynamicShared},
                           {"%total_smem_size", S::TotalShared},
                           {"%aggr_smem_size", S::AllShared},
                           {"%reserved_smem_offset_begin", S::ReservedShared},
                           {"%reserved_smem_offset_end", S::ReservedSharedEnd},
                           {"%reserved_smem_offset_cap", S::ReservedSharedBytes},
                           {"%reserved_smem_offset_1", S::ReservedShared},
                           {"%current_graph_exec", S::Zero, 8},
                           {"%envreg1", S::GridWorkspaceHigh},
                           {"%envreg2", S::GridWorkspaceLow},
                           {"%cluster_ctarank", S::Zero},
                           {"%cluster_nctarank", S::One},
                           {"%is_explicit_cluster", S::Zero, 0}};

} // namespace

std::optional<SpecialName> dlc::vcuda::exec::specialRegister(std::string_view name) {
  for (const Row &row : scalars) {
    if (row.name == name) return SpecialName{row.id, row.widths};
  }
  // Counters that nobody has set up, and registers of other drivers.
  for (auto [prefix, end] : {std::pair<std::string_view, unsigned>{"%pm", 8}, {"%envreg", 32}}) {
    if (!name.starts_with(prefix)) continue;
    std::string_view number = name.substr(prefix.size());
    bool wide = prefix == "%pm" && number.ends_with("_64");
    if (wide) number.remove_suffix(3);
    unsigned value = 0;
    auto [rest, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (error == std::errc() && rest == number.data() + number.size() && value < end)
      return SpecialName{S::Zero, wide ? 8u : 4u};
  }
  if (name.size() < 3 || name[name.size() - 2] != '.') return std::nullopt;
  char part = name.back();
  for (const Row &row : vectors) {
    if (row.name != name.substr(0, name.size() - 2)) continue;
    bool same = row.id == S::Zero || row.id == S::One; // in all three dimensions
    if (part >= 'x' && part <= 'z')
      return SpecialName{S(uint32_t(row.id) + (same ? 0 : uint32_t(part - 'x'))), row.widths};
    if (part == 'w') return SpecialName{S::Zero, row.widths};
  }
  return std::nullopt;
}
