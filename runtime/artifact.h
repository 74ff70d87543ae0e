// The text framing of an artifact (runtime/README.md, section 1) and the little of PTX that the runtime has
// to know.
#pragma once

#include "runtime/memory.h"
#include "runtime/plan.h"
#include "runtime/sha256.h"

#include <string_view>

namespace dlc::rt {

struct ArtifactText {
  String ptx;           ///< without the plan; c_str() is what the driver gets
  String plan;          ///< the JSON document
  Digest digest;        ///< as the end marker has it
  bool isIntact = true; ///< the file's digest is that one
};

/// Takes an artifact apart. Throws Failure: DLC_ERROR_FORMAT, or DLC_ERROR_UNSUPPORTED for a newer format.
ArtifactText readArtifact(std::string_view file);

/// Fills Kernel::parameterBytes from the entries of `ptx` and checks that each kernel of the plan is one,
/// that the plan's target is the PTX's, and that every launch has one argument of the right size per
/// parameter: the driver reads arguments by the sizes that the PTX declares.
void matchEntries(std::string_view ptx, Plan &plan);

} // namespace dlc::rt
