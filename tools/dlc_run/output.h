// Files that a run writes: whole or not at all, and never over what it reads.
#pragma once

#include "tools/dlc_run/options.h"
#include "tools/files/files.h"

#include <string>

namespace dlc::run {

/// Looks at --save, --json and --counters before anything runs. Throws rt::Failure when one can't be written,
/// or is one of the files that the command line names otherwise.
void checkOutputs(const Options &options);

/// Throws rt::Failure when one of the outputs is this file, which the run reads.
void checkOutputsSpare(const Options &options, const std::string &input);

/// As files::writeWhole. Throws rt::Failure.
void writeWhole(const std::string &path, const files::Fill &fill);

void writeText(const std::string &path, const std::string &text); ///< as writeWhole

} // namespace dlc::run
