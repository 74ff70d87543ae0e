// dlc: compiles ONNX models to PTX.
#include "tools/dlc/commands.h"

int main(int argc, char **argv) {
  CLI::App app{"dlc compiles ONNX models to PTX with a launch plan"};
  dlc::tool::Action action;
  dlc::tool::addCompile(app, action);
  dlc::tool::addCheck(app, action);
  dlc::tool::addInspect(app, action);
  dlc::tool::addInterpret(app, action);
  CLI11_PARSE(app, argc, argv);
  if (action) return action();
  std::cout << app.help();
  return 1;
}
