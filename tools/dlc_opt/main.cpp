// dlc-opt: runs single passes or pipelines on IR text, to study and to test them.
//
//   dlc-opt --fuse-regions --target=a100 --remarks=text model.mlir
//
// Remarks go to stderr after the run. Flags that are not passes are those of CompileOptions, as in dlc.
#include "ir/graph/graph.h"
#include "ir/graph/weights.h"
#include "passes/graph/passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/Extensions/InlinerExtension.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/CommandLine.h"

namespace cl = llvm::cl;

static cl::OptionCategory category("dlc options");
static cl::opt<std::string> target("target", cl::desc("device or architecture to decide for"),
                                   cl::init("a100"), cl::cat(category));
static cl::opt<std::string> precision("precision", cl::desc("as-is, fp32, tf32, fp16 or bf16"),
                                      cl::init("as-is"), cl::cat(category));
static cl::opt<std::string>
    disable("disable", cl::desc("passes and fusion kinds to switch off, comma-separated"), cl::cat(category));
static cl::opt<std::string> remarks("remarks", cl::desc("print each decision: text or json"),
                                    cl::cat(category));

static bool fail(const std::string &message) {
  llvm::errs() << "dlc-opt: error: " << message << '\n';
  return false;
}

static bool readFlags(dlc::PassContext &context) {
  context.options.target = dlc::findTarget(target);
  if (!context.options.target) return fail("no target is called '" + target + "'");
  auto parsed = dlc::parsePrecision(precision);
  if (!parsed) return fail("no precision is called '" + precision + "'");
  context.options.precision = *parsed;
  std::string error;
  if (!context.options.disable(disable.getValue(), error)) return fail(error);
  if (remarks.empty()) return true;
  auto format = dlc::parseRemarkFormat(remarks.getValue());
  if (!format) return fail("remarks are text or json, not '" + remarks + "'");
  context.remarks.enable(*format);
  return true;
}

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  registry.insert<dlc::graph::GraphDialect, mlir::arith::ArithDialect, mlir::math::MathDialect,
                  mlir::func::FuncDialect, mlir::scf::SCFDialect>();
  mlir::func::registerInlinerExtension(registry);
  mlir::registerCanonicalizerPass();
  mlir::registerCSEPass();
  mlir::registerInlinerPass();
  mlir::registerSymbolDCEPass();

  dlc::WeightsTable weights;
  dlc::PassContext context;
  context.weights = &weights;
  dlc::graph::registerGraphPasses(context);
  auto [input, output] =
      mlir::registerAndParseCLIOptions(argc, argv, "dlc-opt: passes of dlc on IR text", registry);
  if (!readFlags(context)) return 1;
  bool failed = mlir::failed(mlir::MlirOptMain(argc, argv, input, output, registry));
  llvm::errs() << context.remarks.text();
  return failed;
}
