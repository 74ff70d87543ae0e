// The worked example's files, and artifacts made from changed plans.
#pragma once

#include "dlc/runtime.h"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace dlc::test {

std::string readFixture(const std::string &name);
std::string fixturePath(const std::string &name);

/// The plan inside example.ptx.
nlohmann::json examplePlan();
/// The PTX of the example.
std::string exampleKernels();

/// PTX and plan framed as an artifact, with a right digest.
std::string makeArtifact(const std::string &ptx, const std::string &plan);
inline std::string makeArtifact(const nlohmann::json &plan) {
  return makeArtifact(exampleKernels(), plan.dump(1));
}

/// A safetensors file in memory from a header; the header is padded so that the data starts at a multiple of
/// 256.
std::string makeWeights(const std::string &header, const std::string &data);

/// Options that load from memory with the example's weights (kept alive by a static).
dlc_load_options exampleOptions();

/// A loaded module, released at the end of the scope.
struct LoadedModule {
  explicit LoadedModule(const std::string &artifact, dlc_load_options options = exampleOptions());
  ~LoadedModule() { dlc_module_release(module); }
  LoadedModule(const LoadedModule &) = delete;
  dlc_module *module = nullptr;
  dlc_status status; // after the handle that it is about
};

/// What the example computes for x of shape [batch, 8].
std::vector<float> exampleInput(int batch);
std::vector<float> exampleResult(const std::vector<float> &x);

} // namespace dlc::test
