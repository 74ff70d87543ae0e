// What a user decides about the schedules of single regions, in place of the schedules' own choice.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace dlc {

/// The tile of a product: rows and columns of C for one CTA, and how much of k a step takes.
struct TileSize {
  int64_t m, n, k;
  bool operator==(const TileSize &) const = default;
  std::string str() const; ///< "128x64x32"
};

/// What is decided about one region.
struct ByHand {
  /// How many CTAs share a row of a reduction or a tile of a product, at most. 1: none is shared.
  std::optional<int64_t> split;
  std::optional<TileSize> tile;

  /// "split=4 tile=128x64x32"; empty when nothing is decided.
  std::string str() const;
};

/// The decisions of a compile, by the regions' names; "*" speaks of all regions that have none of their own.
class HandChoices {
public:
  /// Adds REGION=N or REGION=MxNxK, once for each region. On anything else: false, and a message.
  bool addSplit(std::string_view text, std::string &error);
  bool addTile(std::string_view text, std::string &error);

  ByHand of(std::string_view region) const;
  const std::map<std::string, ByHand, std::less<>> &all() const { return regions; }

private:
  std::map<std::string, ByHand, std::less<>> regions;
};

} // namespace dlc
