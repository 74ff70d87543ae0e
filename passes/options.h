// What a compile was asked to do, as the passes see it: built once by the tool from its flags, passed by
// reference.
#pragma once

#include "ir/target/target.h"
#include "passes/by_hand.h"
#include "passes/support/remarks.h"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace dlc {

class WeightsTable;

enum class Precision { AsIs, Fp32, Tf32, Fp16, Bf16 };

/// "as-is", "fp32", "tf32", "fp16" or "bf16"; nothing for another name.
std::optional<Precision> parsePrecision(std::string_view name);
std::string_view name(Precision precision);
/// "as-is, fp32, ...", for messages.
std::string precisionNames();

/// A name that --disable takes: a pass, or one kind of fusion.
struct Switch {
  std::string_view name;
  std::string_view summary;
  bool isPass;
};
/// Every switch, passes in pipeline order, then fusion kinds.
const std::vector<Switch> &allSwitches();

struct CompileOptions {
  const TargetRecord *target = nullptr; ///< never null once parsed; a100 when the user names none
  Precision precision = Precision::AsIs;
  std::set<std::string, std::less<>> disabled; ///< names of allSwitches()
  HandChoices byHand;                          ///< about schedules of single regions

  bool isEnabled(std::string_view name) const { return !disabled.count(name); }
  /// Adds the names of a comma-separated list. On an unknown name: false, and a message that lists what there
  /// is.
  bool disable(std::string_view list, std::string &error);
};

/// What a pass may need beyond the IR. Passes keep a reference; it outlives them.
struct PassContext {
  CompileOptions options;
  RemarkSink remarks;
  WeightsTable *weights = nullptr; ///< null: passes that would add entries do nothing
};

} // namespace dlc
