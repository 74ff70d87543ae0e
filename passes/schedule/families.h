// The kernel families. Each says whether it serves a region and, if so, adds its variants.
#pragma once

#include "passes/schedule/schedule.h"

namespace dlc::schedule {

/// Reductions along shared rows (rows.cpp). False when the region is of another kind.
bool scheduleRows(const CanonicalRegion &region, const TargetRecord &target, const std::string &name,
                  Scheduled &out);

/// One matrix product with few rows or columns (gemv.cpp): false when it does not serve all sizes; for those
/// that it does, a variant is there.
bool scheduleGemv(const CanonicalRegion &region, const TargetRecord &target, const std::string &name,
                  Scheduled &out);

/// One matrix product on tensor cores (matmul.cpp). False for other regions, and where the target is faster
/// without.
bool scheduleMatmul(const CanonicalRegion &region, const TargetRecord &target, const std::string &name,
                    Scheduled &out);

/// One window, or one convolution, by threads that walk it for a few outputs each (direct.cpp). False for
/// other regions.
bool scheduleDirect(const CanonicalRegion &region, const TargetRecord &target, const std::string &name,
                    Scheduled &out);

/// Any region: an element per thread (general.cpp).
void scheduleGeneral(const CanonicalRegion &region, const TargetRecord &target, const std::string &name,
                     Scheduled &out);

} // namespace dlc::schedule
