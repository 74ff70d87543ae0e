// Movement ops of the graph level as access maps: what fusion, emission and analyses know of them.
#pragma once

#include "ir/dims/access_map.h"
#include "ir/graph/graph.h"

namespace dlc::graph {

/// How the op's result reads its operands (operand k of the op is number k), for broadcast, reshape,
/// transpose, slice, pad, concat and gather; nothing for other ops. `facts` are about the symbols of the op's
/// dims. An index read by a gather is clamped to [0, extent) by whoever reads it, as the op says.
std::optional<AccessMap> accessMapOf(mlir::Operation *op, const DimFacts &facts);

/// Where the operand's elements go: the map from an index of the operand to one of the result, for ops that
/// keep every element and its number (transpose, reshape, broadcasts that add dims of one element).
std::optional<AccessMap> forwardMapOf(mlir::Operation *op, const DimFacts &facts);

} // namespace dlc::graph
