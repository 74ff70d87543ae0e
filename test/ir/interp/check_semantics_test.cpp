// checkSemantics: what it accepts, what it finds.
#include "module.h"

#include "ir/interp/check_semantics.h"

#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

namespace dlc::interp {
namespace {

const char *head = R"(
  graph.symbol "B" min 1 max 64 multiple 1 origins ["x dim 0"]
  func.func @main(%x: tensor<?x4xf32, #graph.dims<B, 4>>, %i: tensor<3xi32>) -> tensor<?x4xf32, #graph.dims<B, 4>> {
)";
const char *tail = R"(
    return %r : tensor<?x4xf32, #graph.dims<B, 4>>
  })";

SemanticsCheck compare(const std::string &before, const std::string &after) {
  Module a(head + before + tail);
  mlir::OwningOpRef<mlir::ModuleOp> b =
      mlir::parseSourceString<mlir::ModuleOp>(head + after + tail, &a.context);
  return checkSemantics(*a.model.module, *b, nullptr, {});
}
std::string op(const std::string &name, const std::string &result, const std::string &operands) {
  return result + " = arith." + name + " " + operands + " : tensor<?x4xf32, #graph.dims<B, 4>>\n";
}

TEST(CheckSemantics, acceptsEqualComputations) {
  // x + x -> x * 2
  SemanticsCheck check = compare(op("addf", "%r", "%x, %x"),
                                 "%c = graph.fill 2.0 : f32 -> tensor<?x4xf32, #graph.dims<B, 4>>\n" +
                                     op("mulf", "%r", "%x, %c"));
  EXPECT_EQ(check.outcome, SemanticsCheck::Same) << check.message;
}

TEST(CheckSemantics, findsADifference) {
  SemanticsCheck check = compare(op("addf", "%r", "%x, %x"), op("mulf", "%r", "%x, %x"));
  EXPECT_EQ(check.outcome, SemanticsCheck::Different);
  EXPECT_NE(check.message.find("result 0 differs at element"), std::string::npos) << check.message;
  EXPECT_NE(check.message.find("B="), std::string::npos) << check.message;
}

TEST(CheckSemantics, findsAnExecutionThatFails) {
  SemanticsCheck check =
      compare(op("addf", "%r", "%x, %x"), "%y = graph.slice %x offsets <0, 0> steps [1, 1] : tensor<?x4xf32, "
                                          "#graph.dims<B, 4>> -> tensor<9x4xf32>\n"
                                          "%r = graph.slice %y offsets <0, 0> steps [1, 1] : tensor<9x4xf32> "
                                          "-> tensor<?x4xf32, #graph.dims<B, 4>>");
  EXPECT_EQ(check.outcome, SemanticsCheck::Different);
}

TEST(CheckSemantics, saysWhenNothingCouldRun) {
  std::string impossible =
      "%y = graph.slice %x offsets <\"B * 2\", 0> steps [1, 1] : tensor<?x4xf32, #graph.dims<B, "
      "4>> -> tensor<1x4xf32>\n" +
      op("addf", "%r", "%x, %x");
  EXPECT_EQ(compare(impossible, impossible).outcome, SemanticsCheck::NotChecked);
}

struct WrongPass : mlir::PassWrapper<WrongPass, mlir::OperationPass<mlir::ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(WrongPass)
  llvm::StringRef getArgument() const override { return "wrong-pass"; }
  void runOnOperation() override {
    getOperation().walk([](mlir::arith::AddFOp add) {
      mlir::OpBuilder b(add);
      auto sub = mlir::arith::SubFOp::create(b, add.getLoc(), add.getLhs(), add.getRhs());
      add.replaceAllUsesWith(sub.getResult());
      add.erase();
    });
  }
};

TEST(CheckSemantics, instrumentationNamesThePass) {
  Module module(head + op("addf", "%r", "%x, %x") + tail);
  std::string message;
  mlir::ScopedDiagnosticHandler handler(&module.context, [&](mlir::Diagnostic &diagnostic) {
    message += diagnostic.str();
    return mlir::success();
  });
  int differences = 0;
  mlir::PassManager manager(&module.context);
  manager.addPass(std::make_unique<WrongPass>());
  manager.addInstrumentation(semanticsInstrumentation(nullptr, {}, differences));
  EXPECT_TRUE(succeeded(manager.run(*module.model.module)));
  EXPECT_EQ(differences, 1);
  EXPECT_NE(message.find("'wrong-pass' changes the result"), std::string::npos) << message;
}

} // namespace
} // namespace dlc::interp
