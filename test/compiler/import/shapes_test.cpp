// Shape arithmetic: what exporters compute with Shape, Gather, Concat, ... ends in dims, not in ops.
#include "test/compiler/import/models.h"

#include <gtest/gtest.h>

using namespace dlc;
using namespace dlc::test;

namespace {
bool has(const Imported &result, const std::string &text) {
  return result.text.find(text) != std::string::npos;
}
} // namespace

TEST(ImportShapes, ShapeChainBecomesDims) {
  Model m;
  m.input("x", {"B", "S", "12"}).output("y", {"B", "T", "3", "4"});
  m.node("Shape", {"x"}, {"shape"});
  m.integers("zero", {0}, true);
  m.integers("heads", {3, 4});
  m.integers("axis", {0});
  m.node("Gather", {"shape", "zero"}, {"batch"});
  m.node("Unsqueeze", {"batch", "axis"}, {"batch1"});
  m.integers("minus", {-1});
  m.node("Concat", {"batch1", "minus", "heads"}, {"target"});
  Model::integer(*m.graph().mutable_node(3), "axis", 0);
  m.node("Reshape", {"x", "target"}, {"y"});
  Imported result = import(m);
  ASSERT_TRUE(result.ok) << result.diagnostics;
  EXPECT_TRUE(has(result, "tensor<?x?x3x4xf32, #graph.dims<B, S, 3, 4>>")) << result.text;
  EXPECT_FALSE(has(result, "concat"));
  EXPECT_FALSE(has(result, "dim_value"));
}

TEST(ImportShapes, DimsAsDataAreDimValues) {
  Model m;
  m.input("x", {"B", "S"}).output("y", {"B", "S"});
  m.node("Shape", {"x"}, {"shape"});
  m.integers("one", {1}, true);
  m.node("Gather", {"shape", "one"}, {"length"});
  auto &cast = m.node("Cast", {"length"}, {"real"});
  Model::integer(cast, "to", onnx::TensorProto::FLOAT);
  m.node("Sqrt", {"real"}, {"root"});
  m.node("Div", {"x", "root"}, {"y"});
  Imported result = import(m);
  ASSERT_TRUE(result.ok) << result.diagnostics;
  EXPECT_TRUE(has(result, "graph.dim_value <S>")) << result.text;
}

TEST(ImportShapes, FreshSymbolsForUnnamedDims) {
  Model m;
  m.input("x", {"?", "-1", "?"}).output("y", {"a", "b", "c"});
  m.node("Relu", {"x"}, {"y"});
  Imported result = import(m);
  ASSERT_TRUE(result.ok) << result.diagnostics;
  for (const char *symbol : {"x_dim0", "x_dim1", "x_dim2"}) EXPECT_TRUE(has(result, symbol)) << result.text;
  ImportOptions options;
  options.dims["x_dim1"] = {5, 5, 1};
  EXPECT_TRUE(has(import(m, options), "tensor<?x5x?xf32, #graph.dims<x_dim0, 5, x_dim2>>"));
}

TEST(ImportShapes, NamesWithAtGetOthers) {
  Model m;
  m.input("x", {"@N", "3"}).input("z", {"@N", "3"}).output("y", {"@N", "3"});
  m.node("Add", {"x", "z"}, {"y"});
  Imported result = import(m);
  ASSERT_TRUE(result.ok) << result.diagnostics;
  EXPECT_TRUE(has(result, "tensor<?x3xf32, #graph.dims<at_N, 3>>")) << result.text;
  EXPECT_FALSE(has(result, "@N")) << result.text;
  Model other;
  other.input("x", {"@N", "at_N", "2*@N"}).output("y", {"a", "b", "c"});
  other.node("Relu", {"x"}, {"y"});
  EXPECT_TRUE(has(import(other), "#graph.dims<at__N, at_N, \"at__N * 2\">>")) << import(other).text;
}

TEST(ImportShapes, TableLengthRestrictsTheSymbol) {
  // positions[0:S] of a table with 512 rows, added to x [S, 4]: S is at most 512
  Model m;
  m.input("x", {"S", "4"}).output("y", {"S", "4"});
  m.floats("table", {512, 4});
  m.integers("begin", {0});
  m.node("Shape", {"x"}, {"shape"});
  m.node("Slice", {"shape", "begin", "one"}, {"end"});
  m.integers("one", {1});
  m.node("Slice", {"table", "begin", "end", "begin"}, {"rows"});
  m.node("Add", {"x", "rows"}, {"y"});
  Imported result = import(m);
  ASSERT_TRUE(result.ok) << result.diagnostics;
  EXPECT_TRUE(has(result, "graph.symbol \"S\" min 1 max 512 multiple 1")) << result.text;
  EXPECT_EQ(result.codes, "W0102");
}

TEST(ImportShapes, BoundsAndPadsOfUnknownSignRestrictTheSymbol) {
  // The middle of a table for x [S, 4], as relative positions take it: rows 8 - S to 16; then 12 - S rows
  // more.
  Model m;
  m.input("x", {"S", "4"}).output("y", {"r", "4"}).output("z", {"twelve", "4"});
  m.floats("table", {16, 4});
  for (int64_t value : {0, 1, 8, 12, 16}) m.integers("i" + std::to_string(value), {value});
  m.node("Shape", {"x"}, {"shape"});
  m.node("Slice", {"shape", "i0", "i1"}, {"length"});
  m.node("Sub", {"i8", "length"}, {"begin"});
  m.node("Slice", {"table", "begin", "i16", "i0"}, {"y"});
  m.node("Sub", {"i12", "length"}, {"rest"});
  m.node("Concat", {"i0", "i0", "rest", "i0"}, {"pads"});
  Model::integer(*m.graph().mutable_node(5), "axis", 0);
  m.node("Pad", {"x", "pads"}, {"z"});
  Imported result = import(m);
  ASSERT_TRUE(result.ok) << result.diagnostics;
  EXPECT_TRUE(has(result, "graph.symbol \"S\" min 1 max 8 multiple 1")) << result.text;
  EXPECT_TRUE(has(result, "tensor<?x4xf32, #graph.dims<\"S + 8\", 4>>")) << result.text;
  EXPECT_TRUE(has(result, "tensor<12x4xf32>")) << result.text;
}

TEST(ImportShapes, KnownConditionTakesItsBranch) {
  Model m;
  m.input("x", {"2"}).input("n", {}, onnx::TensorProto::INT64).output("y", {"2"});
  m.integers("limit", {8}, true);
  m.node("Greater", {"n", "limit"}, {"c"});
  auto &node = m.node("If", {"c"}, {"y"});
  for (const char *op : {"Relu", "Neg"}) {
    auto *branch = node.add_attribute();
    branch->set_name(std::string(op) == "Relu" ? "then_branch" : "else_branch");
    branch->set_type(onnx::AttributeProto::GRAPH);
    Model::node(*branch->mutable_g()->mutable_node(), op, {"x"}, {"z"});
    Model::value(*branch->mutable_g()->add_output(), "z", {"2"});
  }
  ImportOptions options;
  options.sets["n"] = "16";
  Imported large = import(m, options);
  ASSERT_TRUE(large.ok) << large.diagnostics;
  EXPECT_TRUE(has(large, "arith.maximumf"));
  EXPECT_TRUE(has(large, "graph.sets = {n = \"16\"}"));
  options.sets["n"] = "1";
  EXPECT_TRUE(has(import(m, options), "arith.negf"));
}

TEST(ImportShapes, LargeTensorsStayInTheFile) {
  Model m;
  m.input("x", {"64", "64"}).output("y", {"64", "64"});
  m.floats("w", {64, 64});
  m.node("MatMul", {"x", "w"}, {"y"});
  mlir::MLIRContext context;
  Diagnostics diagnostics("m.onnx");
  std::shared_ptr<const llvm::MemoryBuffer> buffer =
      llvm::MemoryBuffer::getMemBufferCopy(m.proto.SerializeAsString());
  auto module = importOnnxBuffer(buffer, ".", {}, context, diagnostics);
  ASSERT_TRUE(module.has_value());
  const auto *entry = module->weights.find("w");
  ASSERT_NE(entry, nullptr);
  auto *span = std::get_if<WeightsTable::Span>(&entry->source);
  ASSERT_NE(span, nullptr);
  EXPECT_EQ(span->file.get(), buffer.get());
  EXPECT_EQ(span->length, 64u * 64 * 4);
}

TEST(ImportShapes, IndicesOfGatherElementsMayBeSmaller) {
  Model m;
  m.input("x", {"A", "6"}).output("y", {"3", "2"});
  m.integers("indices", {0, 1, 2, 3, 4, 5});
  m.integers("shape", {3, 2});
  m.node("Reshape", {"indices", "shape"}, {"table"});
  Model::integer(m.node("GatherElements", {"x", "table"}, {"y"}), "axis", 1);
  Imported result = import(m);
  ASSERT_TRUE(result.ok) << result.diagnostics;
  EXPECT_EQ(result.codes, "W0102"); // 3 <= A
  EXPECT_TRUE(has(result, "\"A\" min 3 max")) << result.text;
}
