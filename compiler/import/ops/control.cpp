// Control flow whose condition is known while importing.
#include "compiler/import/importer.h"
#include "compiler/import/table.h"

namespace dlc::import {
namespace {

void branch(Node &n) {
  const onnx::GraphProto &thenGraph = n.graphAttr("then_branch"), &elseGraph = n.graphAttr("else_branch");
  const Host *condition = n.host(0);
  if (!condition || condition->ints.size() != 1) {
    n.importer.reportUnsupported(n.scope, thenGraph, n.path + "/");
    n.importer.reportUnsupported(n.scope, elseGraph, n.path + "/");
    n.fail(Code::E0308, "the condition `" + n.proto.input(0) + "` is a run-time value");
  }
  bool taken = !condition->ints[0].isConstant(0);
  n.results = n.importer.importBranch(n.scope, taken ? thenGraph : elseGraph, n.path + "/");
  if (n.results.size() != static_cast<size_t>(n.proto.output_size()))
    n.fail(Code::E0302, "the branch has " + std::to_string(n.results.size()) + " outputs");
}

const OpRow rows[] = {
    {"", "If", 1, newestOpset, 1, 1, boolType, branch},
};

} // namespace

llvm::ArrayRef<OpRow> controlOps() { return rows; }

} // namespace dlc::import
