// What is in an artifact, for people and as JSON. Needs no device and no weights file.
#pragma once

#include <string>

namespace dlc::inspect {

/// Inputs, outputs, symbols, guards, memory as formulas, ops with their variants and launches, kernels with
/// the ONNX nodes that they compute. `launches` counts what a run issues at most: kernels, copies and sets.
/// Throws rt::Failure.
std::string describeArtifact(const std::string &path, bool json);

} // namespace dlc::inspect
