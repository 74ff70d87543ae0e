// The weights file (runtime/README.md, section 4).
#pragma once

#include "runtime/file.h"
#include "runtime/plan.h"

#include <span>

namespace dlc::rt {

struct WeightSpan {
  uint64_t offset = 0; ///< in the data, a multiple of 256
  uint64_t bytes = 0;
};

class Weights {
public:
  Weights() = default;

  /// Maps the file, or takes memory that outlives this object, and checks it against the plan's table: size,
  /// header digest, the format's own rules, each tensor's dtype, shape and alignment; with `verify` also the
  /// whole digest. Throws Failure.
  Weights(const WeightsTable &table, const std::string &path, bool verify);
  Weights(const WeightsTable &table, std::span<const uint8_t> memory, bool verify);

  const uint8_t *data() const { return bytes.data() + dataStart; }
  uint64_t dataBytes() const { return bytes.size() - dataStart; }
  const WeightSpan &operator[](size_t tensor) const { return spans[tensor]; } ///< in the plan's order

private:
  void check(const WeightsTable &table, bool verify);
  MappedFile file;
  std::span<const uint8_t> bytes;
  size_t dataStart = 0;
  Vec<WeightSpan> spans;
};

} // namespace dlc::rt
