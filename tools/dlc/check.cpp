// dlc check model.onnx: what of a model is not supported, without compiling it and without its data files.
#include "compiler/import/import.h"
#include "tools/dlc/commands.h"

#include "mlir/IR/MLIRContext.h"

#include <nlohmann/json.hpp>

#include <iostream>

namespace dlc::tool {
namespace {

struct Arguments {
  std::string model;
  std::vector<std::string> dims, sets;
  bool json = false;
};

void printTable(const Arguments &arguments, const ImportReport &report, bool supported) {
  if (supported) {
    std::cout << printable(arguments.model) << ": supported, " << report.nodes << " nodes\n";
    return;
  }
  size_t path = 4, op = 8;
  for (const NodeIssue &issue : report.issues) {
    path = std::max(path, printable(issue.path, 60).size());
    op = std::max(op, printable(issue.op, 40).size());
  }
  auto column = [](std::string text, size_t width) {
    return text + std::string(width + 2 - std::min(width, text.size()), ' ');
  };
  if (!report.issues.empty()) std::cout << column("node", path) << column("operator", op) << "reason\n";
  for (const NodeIssue &issue : report.issues)
    std::cout << column(printable(issue.path, 60), path) << column(printable(issue.op, 40), op)
              << name(issue.code) << " " << printable(issue.reason) << "\n";
}

void printJson(const Arguments &arguments, const ImportReport &report, const Diagnostics &diagnostics,
               bool supported) {
  nlohmann::json out{
      {"model", printable(arguments.model)}, {"supported", supported}, {"nodes", report.nodes}};
  out["issues"] = nlohmann::json::array();
  for (const NodeIssue &issue : report.issues)
    out["issues"].push_back({{"path", printable(issue.path)},
                             {"operator", printable(issue.op)},
                             {"code", name(issue.code)},
                             {"reason", printable(issue.reason)}});
  out["diagnostics"] = nlohmann::json::array();
  for (const Diagnostic &d : diagnostics.all())
    out["diagnostics"].push_back(
        {{"code", name(d.code)}, {"location", printable(d.location)}, {"message", printable(d.message)}});
  std::cout << out.dump(1) << "\n";
}

int check(const Arguments &arguments) {
  Diagnostics diagnostics(arguments.model);
  ImportOptions options;
  options.readWeights = false;
  for (const std::string &text : arguments.dims) parseDimOption(text, options, diagnostics);
  for (const std::string &text : arguments.sets) parseSetOption(text, options, diagnostics);
  ImportReport report;
  bool supported = false;
  if (!diagnostics.hasErrors()) {
    mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
    supported = importOnnx(arguments.model, options, context, diagnostics, &report).has_value();
  }
  if (arguments.json)
    printJson(arguments, report, diagnostics, supported);
  else
    printTable(arguments, report, supported);
  std::cerr << diagnostics.text();
  return supported ? 0 : 1;
}

} // namespace

void addCheck(CLI::App &app, Action &action) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App *command = app.add_subcommand("check", "say what of a model is not supported");
  command->add_option("model", arguments->model, "model: .onnx")->required();
  command->add_option("--dim", arguments->dims, "NAME=lo..hi[:multiple] or NAME=value")
      ->allow_extra_args(false);
  command->add_option("--set", arguments->sets, "INPUT=VALUE: bakes an input in")->allow_extra_args(false);
  command->add_flag("--json", arguments->json, "print JSON");
  command->callback([arguments, &action] { action = [arguments] { return check(*arguments); }; });
}

} // namespace dlc::tool
