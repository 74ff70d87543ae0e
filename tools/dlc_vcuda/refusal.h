// What ends the program with exit status 1: something that the user can change.
#pragma once

#include <stdexcept>
#include <string>

namespace dlc::vcuda_tool {

class Refusal : public std::runtime_error {
public:
  explicit Refusal(const std::string &message, std::string help = {})
      : std::runtime_error(message), help(std::move(help)) {}
  std::string help; ///< what to change; may be empty
};

} // namespace dlc::vcuda_tool
