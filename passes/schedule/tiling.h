// The tile of a matrix product: candidates and the model that chooses between them.
#pragma once

#include "passes/schedule/product.h"

namespace dlc::schedule {

/// The choices of a kernel.
struct Tiling {
  int64_t m, n, k, stages, warpsM, warpsN;
  int64_t parts = 1; ///< CTAs that share a tile, at most
  int64_t warps() const { return warpsM * warpsN; }
  /// The same tile over more warps when C takes half of a thread's registers: 64-bit addresses need the rest.
  Tiling withFewerRegisters() const;
};

/// A dim's value with symbols at a middling one of their ranges; at least 1.
int64_t sampleValue(const Dim &dim, const DimFacts &facts);

/// A product in tiles of C and blocks of k.
struct Division {
  Dim batch, tilesM, tilesN;
  Dim blocks, perPart, parts; ///< of k: all, those of a part, and parts
  Dim tiles() const { return batch * tilesM * tilesN; }
};
Division divide(const Product &product, const Tiling &tiling, const DimFacts &facts);

/// The cheapest candidate for a product on a target, with symbols at a middling value of their ranges.
/// `terms` receives what it was chosen by. With `maySplit` several CTAs can share a tile.
Tiling chooseTiling(const Product &product, const CanonicalRegion &region, const TargetRecord &target,
                    bool maySplit, std::vector<RemarkTerm> *terms = nullptr);

} // namespace dlc::schedule
