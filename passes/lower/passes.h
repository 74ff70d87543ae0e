// The lowering steps as passes (Passes.td), for tools that take pipelines.
#pragma once

namespace dlc::lower {

/// Makes --distribute, --expand-scalars and --lower-to-llvm known to the pass registry.
void registerLowerPasses();

} // namespace dlc::lower
