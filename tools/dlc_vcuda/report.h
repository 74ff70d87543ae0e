// Findings and counters of one launch, for people and as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace dlc::vcuda_tool {

using Json = nlohmann::ordered_json;

/// One paragraph per finding.
std::string describeFindings(const Json &findings);
/// A table of what was counted; zero rows are left out.
std::string describeCounters(const Json &kernel);
/// The busiest PTX lines with their text.
std::string describeLines(const Json &lines, const std::string &ptx);

} // namespace dlc::vcuda_tool
