// Activation functions: each written as its formula. Formulas follow the operator specifications.
#include "compiler/import/node.h"
#include "compiler/import/table.h"

#include <cmath>

namespace dlc::import {
namespace {

using namespace mlir;

/// x where x > 0, else `negative`.
Value whereNegative(Node &n, Value x, Value negative) {
  return n.e.select(n.e.compare(Compare::Lt, x, n.e.like(x, 0)), negative, x);
}

void relu(Node &n) { n.result(n.e.max(n.value(0), 0.0), n.type(0)); }

void leakyRelu(Node &n) {
  Value x = n.value(0);
  n.result(whereNegative(n, x, n.e.mul(x, n.floatAttr("alpha", 0.01f))), n.type(0));
}

// The slope is broadcast to x, not the other way round.
void pRelu(Node &n) {
  if (n.type(1) != n.type(0)) n.fail(Code::E0303, "the slope has another type than the operand");
  Value x = n.value(0), slope = n.e.to(n.value(1), n.dims(0));
  n.result(whereNegative(n, x, n.e.mul(x, slope)), n.type(0));
}

Value expMinusOne(Node &n, Value x) { return n.e.unary<math::ExpM1Op>(x); }

void elu(Node &n) {
  Value x = n.value(0);
  n.result(whereNegative(n, x, n.e.mul(expMinusOne(n, x), n.floatAttr("alpha", 1))), n.type(0));
}

void selu(Node &n) {
  double alpha = n.floatAttr("alpha", n.opset < 6 ? 1.6732f : 1.67326319217681884765625f);
  double gamma = n.floatAttr("gamma", 1.05070102214813232421875f);
  Value x = n.value(0);
  n.result(n.e.mul(whereNegative(n, x, n.e.mul(expMinusOne(n, x), alpha)), gamma), n.type(0));
}

// max(0, x) + min(0, alpha * (exp(x / alpha) - 1))
void celu(Node &n) {
  double alpha = n.floatAttr("alpha", 1);
  Value x = n.value(0);
  Value lower = n.e.min(n.e.mul(expMinusOne(n, n.e.div(x, alpha)), alpha), 0.0);
  n.result(n.e.add(n.e.max(x, 0.0), lower), n.type(0));
}

void thresholdedRelu(Node &n) {
  Value x = n.value(0);
  Value above = n.e.compare(Compare::Gt, x, n.e.like(x, n.floatAttr("alpha", 1)));
  n.result(n.e.select(above, x, n.e.like(x, 0)), n.type(0));
}

Value hardSigmoidOf(Node &n, Value x, double alpha, double beta) {
  return n.e.max(n.e.min(n.e.add(n.e.mul(x, alpha), beta), 1.0), 0.0);
}
void hardSigmoid(Node &n) {
  n.result(hardSigmoidOf(n, n.value(0), n.floatAttr("alpha", 0.2f), n.floatAttr("beta", 0.5)), n.type(0));
}
void hardSwish(Node &n) {
  Value x = n.value(0);
  n.result(n.e.mul(x, hardSigmoidOf(n, x, 1.0f / 6, 0.5)), n.type(0));
}

void sigmoid(Node &n) { n.result(n.e.sigmoid(n.value(0)), n.type(0)); }
void tanh(Node &n) { n.result(n.e.tanh(n.value(0)), n.type(0)); }
void softplus(Node &n) { n.result(n.e.softplus(n.value(0)), n.type(0)); }
void softsign(Node &n) {
  Value x = n.value(0);
  n.result(n.e.div(x, n.e.add(n.e.abs(x), 1.0)), n.type(0));
}
void mish(Node &n) {
  Value x = n.value(0);
  n.result(n.e.mul(x, n.e.tanh(n.e.softplus(x))), n.type(0));
}
void swish(Node &n) {
  Value x = n.value(0);
  double alpha = n.floatAttr("alpha", 1);
  n.result(n.e.mul(x, n.e.sigmoid(alpha == 1 ? x : n.e.mul(x, alpha))), n.type(0));
}

// none: 0.5 x (1 + erf(x / sqrt 2)); tanh: 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))
void gelu(Node &n) {
  std::string form = n.stringAttr("approximate", "none");
  Value x = n.value(0);
  Value inner;
  if (form == "none") {
    inner = n.e.unary<math::ErfOp>(n.e.mul(x, std::sqrt(0.5)));
  } else if (form == "tanh") {
    Value cube = n.e.mul(n.e.mul(x, x), x);
    inner = n.e.tanh(n.e.mul(n.e.add(x, n.e.mul(cube, 0.044715)), std::sqrt(2 / M_PI)));
  } else {
    n.fail(Code::E0304, "`approximate` must be none or tanh");
  }
  n.result(n.e.mul(n.e.mul(x, 0.5), n.e.add(inner, 1.0)), n.type(0));
}

// x + bias below -lambd, x - bias above lambd, else 0
void shrink(Node &n) {
  double lambd = n.floatAttr("lambd", 0.5), bias = n.floatAttr("bias", 0);
  DataType type = n.type(0);
  Value x = n.value(0);
  Value wide = isFloat(type) ? x : n.e.cast(x, type, DataType::F32);
  Value below = n.e.compare(Compare::Lt, wide, n.e.like(wide, -lambd));
  Value above = n.e.compare(Compare::Gt, wide, n.e.like(wide, lambd));
  Value result =
      n.e.select(below, n.e.add(wide, bias), n.e.select(above, n.e.sub(wide, bias), n.e.like(wide, 0)));
  n.result(isFloat(type) ? result : n.e.cast(result, DataType::F32, type), type);
}

// Inference: the data pass, nothing is dropped.
void dropout(Node &n) {
  n.ignoreAttrs({"ratio", "seed", "is_test"});
  if (n.opset >= 12 && n.has(2)) {
    const Host *training = n.host(2);
    bool ratioIsZero = n.has(1) && n.host(1) && n.floatInput(1, "the ratio") == 0;
    if (!training) n.fail(Code::E0306, "`training_mode` must be known at compile time");
    if (!training->ints[0].isConstant(0) && !ratioIsZero)
      n.fail(Code::E0307, "training mode is not supported");
  }
  n.result(n.in(0));
  if (!n.wants(1)) return;
  DataType mask = n.opset >= 10 ? DataType::Bool : n.type(0);
  n.result(graph::fill(n.e.b, n.e.loc, n.dims(0), n.elementType(mask), 1), mask);
}

constexpr int newest = newestOpset;
constexpr TypeSet signedOrFloat = floatTypes | signedTypes;
const OpRow rows[] = {
    {"", "Relu", 6, newest, 1, 1, signedOrFloat, relu},
    {"", "LeakyRelu", 6, newest, 1, 1, floatTypes, leakyRelu},
    {"", "PRelu", 7, newest, 2, 2, numericTypes, pRelu},
    {"", "Elu", 6, newest, 1, 1, floatTypes, elu},
    {"", "Selu", 6, newest, 1, 1, floatTypes, selu},
    {"", "Celu", 12, newest, 1, 1, floatTypes, celu},
    {"", "ThresholdedRelu", 10, newest, 1, 1, floatTypes, thresholdedRelu},
    {"", "HardSigmoid", 6, newest, 1, 1, floatTypes, hardSigmoid},
    {"", "HardSwish", 14, newest, 1, 1, floatTypes, hardSwish},
    {"", "Sigmoid", 6, newest, 1, 1, floatTypes, sigmoid},
    {"", "Tanh", 6, newest, 1, 1, floatTypes, tanh},
    {"", "Softplus", 1, newest, 1, 1, floatTypes, softplus},
    {"", "Softsign", 1, newest, 1, 1, floatTypes, softsign},
    {"", "Mish", 18, newest, 1, 1, floatTypes, mish},
    {"", "Swish", 24, newest, 1, 1, floatTypes, swish},
    {"", "Gelu", 20, newest, 1, 1, floatTypes, gelu},
    {"", "Shrink", 9, newest, 1, 1, numericTypes, shrink},
    {"", "Dropout", 7, newest, 1, 3, floatTypes, dropout},
};

} // namespace

llvm::ArrayRef<OpRow> activationOps() { return rows; }

} // namespace dlc::import
