// The subcommands of dlc: each adds itself to the command line and says what to run.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace dlc::tool {

/// What a subcommand does once the command line is read; returns the exit status.
using Action = std::function<int()>;

/// The default: compile a model (.onnx, or .mlir of the graph level) to an artifact.
void addCompile(CLI::App &app, Action &action);

/// `dlc check`: say what of a model is not supported.
void addCheck(CLI::App &app, Action &action);

/// inspect: what is in an artifact, as text or JSON.
void addInspect(CLI::App &app, Action &action);

/// `dlc interpret`: run a model with the graph interpreter.
void addInterpret(CLI::App &app, Action &action);

} // namespace dlc::tool
