// Readable names of regions, and the hash by which equal regions are found.
#pragma once

#include "ir/graph/graph.h"

#include <string>

namespace dlc::graph {

/// What a region does in a few words, as part of a kernel's name: `matmul_bias_gelu`, `softmax`,
/// `conv_bias_residual_relu`. Made of [a-z0-9_], at most 48 characters. Words are for people: nothing may be
/// decided by them.
std::string describeRegion(RegionOp region);

/// Equal for regions that one kernel can serve: the same body over operands and results of the same types,
/// whatever the region's name, its locations and the tensors it is called with. The same on every machine.
uint64_t structuralHash(RegionOp region);

} // namespace dlc::graph
