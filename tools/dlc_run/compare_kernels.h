// Every op by itself: on operands from files, its results against those in the files.
#pragma once

#include "tools/dlc_run/session.h"

namespace dlc::run {

/// Runs each op of the plan whose FOLDER/<op>.npz is there, prints a table and fills `report`. Returns
/// whether all results are within their bounds. Throws rt::Failure, also when no op has a file.
bool compareKernels(Session &session, nlohmann::json &report);

} // namespace dlc::run
