// Files that a run writes: whole or not at all, and never over what it reads.
#pragma once

#include "tools/dlc_run/options.h"

#include <functional>
#include <string>

namespace dlc::run {

/// Looks at --save, --json and --counters before anything runs. Throws rt::Failure when one can't be written,
/// or is one of the files that the command line names otherwise.
void checkOutputs(const Options &options);

/// Throws rt::Failure when one of the outputs is this file, which the run reads.
void checkOutputsSpare(const Options &options, const std::string &input);

/// Has `write` fill a file beside `path` and renames it to `path`, so that a failure leaves what was there.
/// What is no regular file (a pipe, /dev/stdout) is written in place. `write` returns an error message, empty
/// when it worked. Throws rt::Failure.
void writeWhole(const std::string &path, const std::function<std::string(const std::string &)> &write);

void writeText(const std::string &path, const std::string &text); ///< as writeWhole

} // namespace dlc::run
