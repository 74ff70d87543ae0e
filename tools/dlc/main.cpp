// dlc: compiles ONNX models to PTX.
#include "ir/support/diagnostic.h"
#include "tools/dlc/commands.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"
#include <csignal>
#include <iostream>
#include <unistd.h>

/// LLVM ends the process on what its backend cannot do; the user gets a diagnostic all the same.
static void fatalError(void *, const char *reason, bool) {
  std::cerr << "dlc: error[E0999]: internal error in code generation: " << reason
            << "\n  help: this is a bug of dlc: please report it with the model's graph" << std::endl;
  _exit(1);
}

/// Lets LLVM's handlers remove half-written files. What whoever started dlc ignores stays ignored, and a file
/// past the limit of `ulimit -f` is an error of its write.
static void handleSignals() {
  std::vector<int> ignored = {SIGXFSZ};
  for (int signal : {SIGHUP, SIGINT, SIGQUIT, SIGTERM})
    if (struct sigaction action; sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN)
      ignored.push_back(signal);
  llvm::sys::SetInterruptFunction(nullptr); // installs them
  for (int signal : ignored) std::signal(signal, SIG_IGN);
}

/// The exit status, once all that was printed has arrived.
static int finish(int status) {
  std::cout.flush();
  llvm::outs().flush();
  if (std::cout && !llvm::outs().has_error()) return status;
  llvm::outs().clear_error();
  std::cerr << "dlc: error: cannot write to standard output\n";
  return 1;
}

/// A command line that is no good. CLI11's messages begin with a capital and may have several lines.
static int refuse(llvm::StringRef what) {
  std::string message = what.rtrim().str();
  for (char &c : message)
    if (c == '\n') c = ' ';
  if (message.size() > 1 && llvm::isLower(message[1])) message[0] = llvm::toLower(message[0]);
  dlc::Diagnostics diagnostics("dlc");
  diagnostics.report(dlc::Code::E0507, message);
  std::cerr << diagnostics.text();
  return 1;
}

int main(int argc, char **argv) {
  llvm::install_fatal_error_handler(fatalError);
  handleSignals();
  CLI::App app{"dlc compiles ONNX models to PTX with a launch plan"};
  dlc::tool::Action action;
  dlc::tool::addCompile(app, action);
  dlc::tool::addCheck(app, action);
  dlc::tool::addInspect(app, action);
  dlc::tool::addInterpret(app, action);
  app.set_version_flag("--version", "dlc " DLC_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return error.get_exit_code() == 0 ? finish(app.exit(error)) : refuse(error.what()); // 0: help, version
  }
  if (action) return finish(action());
  if (argc > 1) return refuse("no model is given");
  std::cout << app.help();
  return finish(1);
}
