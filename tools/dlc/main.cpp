// dlc: compiles ONNX models to PTX.
#include "tools/dlc/commands.h"

#include "llvm/Support/ErrorHandling.h"
#include <iostream>
#include <unistd.h>

/// LLVM ends the process on what its backend cannot do; the user gets a diagnostic all the same.
static void fatalError(void *, const char *reason, bool) {
  std::cerr << "dlc: error[E0999]: internal error in code generation: " << reason
            << "\n  help: this is a bug of dlc: please report it with the model's graph" << std::endl;
  _exit(1);
}

int main(int argc, char **argv) {
  llvm::install_fatal_error_handler(fatalError);
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
