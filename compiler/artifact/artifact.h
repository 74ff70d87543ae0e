// The artifact: PTX with the launch plan in trailing comments, and the weights file beside it
// (runtime/README.md).
#pragma once

#include "ir/graph/weights.h"
#include "ir/plan/plan.h"
#include "ir/target/target.h"

#include <map>
#include <string>

namespace dlc {

struct ArtifactInfo {
  const TargetRecord *target = nullptr;
  std::string arch;                           ///< the PTX's .target, such as "sm_80"
  std::map<std::string, std::string> options; ///< what the user chose, for the reader of the plan
};

/// The plan as JSON text: ASCII, one entry of each list a line, cut only between tokens. `weights` describes
/// the weights file, or is empty.
std::string planText(const plan::Plan &plan, const ArtifactInfo &info, const std::string &weights);

/// One PTX module of several that the backend wrote for the same target, with lines of at most one file.
std::string mergePtx(const std::vector<std::string> &modules);

struct ArtifactText {
  std::string ptx;
  std::string graph; ///< what the PTX's lines point into, starting with its heading; empty without lines
};

/// The graph text beside an artifact: its path, and the first line that says who wrote it.
std::string graphTextPath(const std::string &artifact);
std::string graphTextHeading(const std::string &artifact);

/// Writes `path`, `path`.safetensors when the plan has weights, and the graph text if there is one; all
/// appear complete or not at all, also when a signal ends the process. Without a graph text, that of an
/// earlier artifact of this path is removed. Files that dlc did not write are left alone. On failure: false
/// and a message. `hash` receives the artifact's digest.
bool writeArtifact(const std::string &path, const ArtifactText &text, const plan::Plan &plan,
                   const WeightsTable &weights, const ArtifactInfo &info, std::string &hash,
                   std::string &error);

} // namespace dlc
