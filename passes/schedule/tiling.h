// The tile of a matrix product: candidates and the model that chooses between them.
#pragma once

#include "passes/schedule/product.h"

namespace dlc::schedule {

/// The choices of a kernel.
struct Tiling {
  int64_t m, n, k, stages, warpsM, warpsN;
  int64_t parts = 1; ///< CTAs that share a tile, at most

  int64_t warps() const { return warpsM * warpsN; }
  TileSize size() const { return {m, n, k}; }
  /// Bytes of all stages of both operands, of elements of `elementBits`.
  int64_t stageBytes(int elementBits) const { return stages * (m + n) * k * elementBits / 8; }
  /// The same tile over more warps when C takes half of a thread's registers: 64-bit addresses need the rest.
  Tiling withFewerRegisters() const;
  /// "tile=128x128x32 stages=4 warps=2x2", and " split=8" where CTAs share a tile
  std::string str() const;
};

/// Where the modelled time of a product goes, in microseconds: what each part of the device needs by itself,
/// were all of them busy all the time, and what a chain of CTAs on one SM waits for.
struct TileCost {
  double mma, shared, l2, dram, chain;
  double padding;    ///< executed multiply-adds over those of the product
  int64_t ctas;      ///< of the grid
  int64_t ctasPerSm; ///< that registers and shared memory let an SM hold
  double total() const { return std::max({mma, shared, l2, dram, chain}); }
};

/// The modelled cost of a tile with the symbols of a product at `sample`, clamped to their ranges.
TileCost costOf(const Tiling &tiling, const Product &product, const DimFacts &facts, int64_t sample,
                const TargetRecord &target);

/// What a remark says of a tile: the sizes it was judged at, and its cost.
std::vector<RemarkTerm> termsOf(const Tiling &tiling, const Product &product, const DimFacts &facts,
                                const TargetRecord &target);

/// A dim's value with symbols at a middling one of their ranges, or at `sample`, clamped to them; at least 1.
inline constexpr int64_t middlingSample = 128;
int64_t sampleValue(const Dim &dim, const DimFacts &facts, int64_t sample = middlingSample);

/// A product in tiles of C and blocks of k.
struct Division {
  Dim batch, tilesM, tilesN;
  Dim blocks, perPart, parts; ///< of k: all, those of a part, and parts
  Dim tiles() const { return batch * tilesM * tilesN; }
};
Division divide(const Product &product, const Tiling &tiling, const DimFacts &facts);

/// The tile for large sizes, and, when there are sizes at which its CTAs do not fill the device and another
/// tile is clearly better there, that one, `fills` being >= 0 where the first is to be taken. With `maySplit`
/// several CTAs can share each of the small tiles, if there are no more tiles than SMs.
struct TileChoice {
  Tiling large;
  std::optional<Tiling> small;
  Dim fills;
};
TileChoice chooseTiling(const Product &product, const CanonicalRegion &region, const TargetRecord &target,
                        bool maySplit);

} // namespace dlc::schedule
