// dlc inspect: what is in an artifact.
#include "tools/inspect/inspect.h"
#include "runtime/failure.h"
#include "tools/dlc/commands.h"

#include <iostream>
#include <memory>
#include <string>

namespace dlc::tool {

static int show(const std::string &artifact, bool json) {
  try {
    std::cout << inspect::describeArtifact(artifact, json);
    return 0;
  } catch (const rt::Failure &failure) {
    std::cerr << "dlc inspect: error: " << failure.message << "\n";
    if (!failure.help.empty()) std::cerr << "  help: " << failure.help << "\n";
    return 1;
  }
}

void addInspect(CLI::App &app, Action &action) {
  CLI::App *command =
      app.add_subcommand("inspect", "show what is in an artifact: inputs, symbols, memory, launches");
  auto artifact = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  command->add_option("artifact", *artifact, "model.ptx")->required();
  command->add_flag("--json", *json, "as JSON");
  command->callback([=, &action] { action = [=] { return show(*artifact, *json); }; });
}

} // namespace dlc::tool
