// Runs textual graph modules through the interpreter, for tests.
#pragma once

#include "ir/graph/graph.h"
#include "ir/interp/interpreter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

namespace dlc::interp {

struct Module {
  mlir::MLIRContext context;
  GraphModule model;

  explicit Module(const std::string &text) {
    context.loadDialect<graph::GraphDialect, mlir::arith::ArithDialect, mlir::math::MathDialect,
                        mlir::func::FuncDialect>();
    model.module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    EXPECT_TRUE(model.module) << text;
  }
  mlir::func::FuncOp main() { return model.module->lookupSymbol<mlir::func::FuncOp>("main"); }

  /// The results of @main, or none after a reported failure.
  std::vector<Tensor> run(std::vector<Tensor> inputs, Options options = {}) {
    if (!model.module) return {};
    auto results = Interpreter(&model.weights, std::move(options)).run(main(), inputs);
    if (results) return std::move(*results);
    ADD_FAILURE() << llvm::toString(results.takeError());
    return {};
  }
  /// The message of a run that must fail.
  std::string failure(std::vector<Tensor> inputs, Options options = {}) {
    auto results = Interpreter(&model.weights, std::move(options)).run(main(), inputs);
    if (!results) return llvm::toString(results.takeError());
    return "";
  }
};

inline Tensor floats(DimsRef dims, std::vector<float> values) {
  return Tensor::copyOf(DType::F32, dims, values.data());
}
inline Tensor longs(DimsRef dims, std::vector<int64_t> values) {
  return Tensor::copyOf(DType::I64, dims, values.data());
}
/// Distinct values: sin(1), sin(2), ...
inline Tensor waves(DimsRef dims, float scale = 1) {
  std::vector<float> values(countOf(dims));
  for (size_t i = 0; i < values.size(); ++i) values[i] = scale * std::sin(float(i + 1));
  return floats(dims, values);
}

inline std::vector<double> valuesOf(const Tensor &tensor) {
  std::vector<double> values;
  for (int64_t i = 0; i < tensor.count(); ++i) values.push_back(tensor.floatAt(i));
  return values;
}
inline std::vector<int64_t> integersOf(const Tensor &tensor) {
  std::vector<int64_t> values;
  for (int64_t i = 0; i < tensor.count(); ++i) values.push_back(tensor.intAt(i));
  return values;
}

/// `func @main` over tensors of one shape: body lines use %0, %1, ...; the value named %r is returned.
inline std::string function(const std::vector<std::string> &arguments, const std::string &result,
                            const std::string &body) {
  std::string text = "func.func @main(";
  for (size_t i = 0; i < arguments.size(); ++i)
    text += (i ? ", %a" : "%a") + std::to_string(i) + ": " + arguments[i];
  return text + ") -> " + result + " {\n" + body + "\n return %r : " + result + "\n}";
}

} // namespace dlc::interp
