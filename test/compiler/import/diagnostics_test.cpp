// Every diagnostic of the importer, each from a model that is broken in one way.
#include "test/compiler/import/models.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

using namespace dlc;
using namespace dlc::test;

namespace {

/// y = op(x) over [2, 3].
Model one(const std::string &op, std::vector<std::string> inputs = {"x"}, int64_t opset = 20) {
  Model m(opset);
  m.input("x", {"2", "3"}).output("y", {"2", "3"});
  m.node(op, std::move(inputs), {"y"});
  return m;
}

void expectCode(const Imported &result, const std::string &code) {
  EXPECT_FALSE(result.ok) << code;
  EXPECT_NE(result.codes.find(code), std::string::npos) << code << " not in: " << result.diagnostics;
  EXPECT_NE(result.diagnostics.find("  help: "), std::string::npos);
}

class Folder {
public:
  Folder() {
    char name[] = "/tmp/dlc_import_XXXXXX";
    path = mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  void write(const std::string &name, size_t bytes) {
    std::ofstream(path / name) << std::string(bytes, '\0');
  }
  std::filesystem::path path;
};

Model withExternal(std::vector<std::pair<std::string, std::string>> entries) {
  Model m = one("Add", {"x", "w"});
  m.external(std::move(entries));
  return m;
}

} // namespace

TEST(ImportDiagnostics, GoodModelHasNone) {
  Imported result = import(one("Relu"));
  EXPECT_TRUE(result.ok) << result.diagnostics;
  EXPECT_EQ(result.codes, "");
  EXPECT_NE(result.text.find("arith.maximumf"), std::string::npos);
}

TEST(ImportDiagnostics, File) {
  mlir::MLIRContext context;
  for (const char *path : {"/nonexistent/m.onnx", "/tmp", "/dev/null"}) {
    Diagnostics diagnostics(path);
    EXPECT_FALSE(importOnnx(path, {}, context, diagnostics).has_value());
    ASSERT_EQ(diagnostics.errorCount(), 1u) << path;
    EXPECT_EQ(diagnostics.all()[0].code, Code::E0101);
  }
  expectCode(importBytes(""), "E0102");
  expectCode(importBytes("\x7f"
                         "ELF, certainly no model"),
             "E0102");
  Model none;
  none.proto.clear_graph();
  expectCode(import(none), "E0102");
  std::string whole = one("Relu").proto.SerializeAsString();
  for (size_t cut = 3; cut < whole.size(); cut += 5) {
    Imported result = importBytes(whole.substr(0, cut));
    EXPECT_FALSE(result.ok) << cut;
  }
  expectCode(importBytes(whole.substr(0, whole.size() - 20)), "E0103");
}

TEST(ImportDiagnostics, Versions) {
  expectCode(import(one("Relu", {"x"}, 6)), "E0104");
  expectCode(import(one("Relu", {"x"}, 99)), "E0104");
  Model newer = one("Relu");
  newer.proto.set_ir_version(99);
  expectCode(import(newer), "E0104");
  Model none = one("Relu");
  none.proto.clear_opset_import();
  expectCode(import(none), "E0104");
}

TEST(ImportDiagnostics, DeepNesting) {
  Model m = one("Relu");
  m.input("c", {}, onnx::TensorProto::BOOL);
  onnx::GraphProto *at = &m.graph();
  for (int i = 0; i < 25; ++i) {
    auto &node = Model::node(*at->mutable_node(), "If", {"c"}, {"o" + std::to_string(i)});
    auto *attribute = node.add_attribute();
    attribute->set_name("then_branch");
    attribute->set_type(onnx::AttributeProto::GRAPH);
    at = attribute->mutable_g();
  }
  expectCode(import(m), "E0105");
}

TEST(ImportDiagnostics, Structure) {
  Model noOutputs = one("Relu");
  noOutputs.graph().clear_output();
  expectCode(import(noOutputs), "E0201");

  Model twice = one("Relu");
  twice.node("Abs", {"x"}, {"y"});
  expectCode(import(twice), "E0202");

  Model cycle;
  cycle.input("x", {"2"}).output("a", {"2"});
  cycle.node("Add", {"x", "b"}, {"a"});
  cycle.node("Relu", {"a"}, {"b"});
  expectCode(import(cycle), "E0203");

  expectCode(import(one("Relu", {"nobody"})), "E0204");

  Model sequence = one("Relu");
  sequence.graph().mutable_input(0)->mutable_type()->clear_tensor_type();
  expectCode(import(sequence), "E0205");
  Model shapeless = one("Relu");
  shapeless.graph().mutable_input(0)->mutable_type()->mutable_tensor_type()->clear_shape();
  expectCode(import(shapeless), "E0205");

  for (int64_t dim : {int64_t(3), int64_t(-1), int64_t(1) << 62}) {
    Model lying = one("Add", {"x", "w"});
    lying.floats("w", {2, 3}).set_dims(0, dim);
    expectCode(import(lying), "E0206");
  }
  Model lying = one("Add", {"x", "w"});
  lying.floats("w", {2, 3}).set_dims(0, 3);
  EXPECT_NE(import(lying).diagnostics.find("tensor `w`: holds 24 bytes"), std::string::npos)
      << import(lying).diagnostics;
}

TEST(ImportDiagnostics, Functions) {
  Model m = one("f");
  m.graph().mutable_node(0)->set_domain("own");
  auto &function = *m.proto.add_functions();
  function.set_domain("own");
  function.set_name("f");
  function.add_input("a");
  function.add_output("b");
  *function.add_opset_import() = m.proto.opset_import(0);
  auto &inner = Model::node(*function.mutable_node(), "Relu", {"a"}, {"b"});
  EXPECT_TRUE(import(m).ok) << import(m).diagnostics;
  inner.set_op_type("f");
  inner.set_domain("own");
  expectCode(import(m), "E0207");
  function.add_attribute("needed");
  expectCode(import(m), "E0207");
}

TEST(ImportDiagnostics, Operators) {
  expectCode(import(one("NoSuchOperator")), "E0301");
  expectCode(import(one("Gelu", {"x"}, 19)), "E0301"); // comes with opset 20
  expectCode(import(one("Add")), "E0302");
  expectCode(import(one("Relu", {"x", "x"})), "E0302");
  expectCode(import(one("And", {"x", "x"})), "E0303");

  Model attribute = one("Softmax");
  auto *axis = attribute.graph().mutable_node(0)->add_attribute();
  axis->set_name("axis");
  axis->set_type(onnx::AttributeProto::STRING);
  axis->set_s("1");
  expectCode(import(attribute), "E0304");
  Model unknown = one("Softmax");
  Model::integer(*unknown.graph().mutable_node(0), "axes", 1);
  expectCode(import(unknown), "E0304");

  Model shapes = one("Add", {"x", "w"});
  shapes.floats("w", {2, 5});
  expectCode(import(shapes), "E0305");

  Model runTime = one("Reshape", {"x", "s"});
  runTime.input("s", {"2"}, onnx::TensorProto::INT64);
  expectCode(import(runTime), "E0306");

  Model training = one("Dropout", {"x", "", "t"});
  auto &t = *training.graph().add_initializer();
  t.set_name("t");
  t.set_data_type(onnx::TensorProto::BOOL);
  t.add_int32_data(1);
  expectCode(import(training), "E0307");

  Model branch;
  branch.input("x", {"2"}).input("c", {}, onnx::TensorProto::BOOL).output("y", {"2"});
  auto &node = branch.node("If", {"c"}, {"y"});
  for (const char *name : {"then_branch", "else_branch"}) {
    auto *each = node.add_attribute();
    each->set_name(name);
    each->set_type(onnx::AttributeProto::GRAPH);
    Model::node(*each->mutable_g()->mutable_node(), "NoSuchOperator", {"x"}, {"z"}).set_name("inside");
    Model::value(*each->mutable_g()->add_output(), "z", {"2"});
  }
  Imported result = import(branch);
  expectCode(result, "E0308");
  EXPECT_NE(result.diagnostics.find("If_0/inside"), std::string::npos) << result.diagnostics;
}

/// A node over x with dims `dims`, an initializer of each name and contents beside it.
Model over(std::vector<std::string> dims, const std::string &op, std::vector<std::string> inputs,
           std::vector<std::pair<std::string, std::vector<int64_t>>> lists = {}) {
  Model m;
  m.input("x", std::move(dims)).output("y", {});
  m.graph().mutable_output(0)->mutable_type()->mutable_tensor_type()->clear_shape();
  m.node(op, std::move(inputs), {"y"});
  for (auto &[name, values] : lists) m.integers(name, values, values.size() == 1);
  return m;
}

TEST(ImportDiagnostics, OperandsThatMakeNoSense) {
  for (const char *equation : {"a...b...->ab", "......->...", "...a..."}) {
    Model twice = over({"2", "2", "3"}, "Einsum", {"x"});
    Model::text(*twice.graph().mutable_node(0), "equation", equation);
    expectCode(import(twice), "E0305");
  }
  expectCode(import(over({"2", "8", "1"}, "DFT", {"x", "", "a"}, {{"a", {}}})), "E0305");
  expectCode(import(over({"1", "0", "1"}, "STFT", {"x", "s"}, {{"s", {2}}})), "E0304");
  for (std::vector<std::string> window : {std::vector<std::string>{}, {"2", "2"}, {"0"}}) {
    Model m = over({"1", "16", "1"}, "STFT", {"x", "s", "w"}, {{"s", {2}}});
    m.input("w", window);
    expectCode(import(m), window.size() == 1 ? "E0304" : "E0305");
  }
}

TEST(ImportDiagnostics, ResizeOutOfReach) {
  Model wide = over({"1", "1", "8589934592", "4"}, "Resize", {"x", "", "", "z"}, {{"z", {1, 1, 3, 3}}});
  Model::text(*wide.graph().mutable_node(0), "mode", "linear");
  Model::integer(*wide.graph().mutable_node(0), "antialias", 1);
  expectCode(import(wide), "E0307");
  for (float corner : {NAN, INFINITY, 1e30f}) {
    Model far = over({"1", "1", "4", "4"}, "Resize", {"x", "r", "", "z"}, {{"z", {1, 1, 3, 3}}});
    Model::text(*far.graph().mutable_node(0), "coordinate_transformation_mode", "tf_crop_and_resize");
    float corners[8] = {0, 0, 0, corner, 1, 1, 1, 1};
    far.floats("r", {8}).set_raw_data(std::string(reinterpret_cast<char *>(corners), sizeof corners));
    expectCode(import(far), "E0304");
  }
}

TEST(ImportDiagnostics, EverythingUnsupportedAtOnce) {
  Model m;
  m.input("x", {"2"}).output("y", {"2"});
  m.node("Foo", {"x"}, {"a"}).set_name("first");
  m.node("Relu", {"a"}, {"b"});
  m.node("Bar", {"b"}, {"y"}).set_name("second");
  Imported result = import(m);
  ASSERT_EQ(result.report.issues.size(), 2u);
  EXPECT_EQ(result.report.issues[0].path, "first");
  EXPECT_EQ(result.report.issues[1].op, "Bar");
}

TEST(ImportDiagnostics, ExternalData) {
  Folder folder;
  auto code = [&](std::vector<std::pair<std::string, std::string>> entries) {
    return import(withExternal(std::move(entries)), {}, folder.path).codes;
  };
  folder.write("w.bin", 64);
  EXPECT_TRUE(import(withExternal({{"location", "w.bin"}, {"offset", "40"}}), {}, folder.path).ok);
  EXPECT_EQ(code({{"location", "missing.bin"}}), "E0401");
  mkfifo((folder.path / "fifo").c_str(), 0600);
  EXPECT_EQ(code({{"location", "fifo"}}), "E0401");
  EXPECT_EQ(code({{"location", "w.bin"}, {"offset", "41"}}), "E0402");
  EXPECT_EQ(code({{"location", "w.bin"}, {"offset", "18446744073709551600"}}), "E0402");
  EXPECT_EQ(code({{"location", "w.bin"}, {"length", "23"}}), "E0402");
  EXPECT_EQ(code({{"location", "../w.bin"}}), "E0403");
  EXPECT_EQ(code({{"location", (folder.path / "w.bin").string()}}), "E0403");
  std::filesystem::create_symlink("w.bin", folder.path / "link");
  EXPECT_EQ(code({{"location", "link"}}), "E0403");
  std::filesystem::create_hard_link(folder.path / "w.bin", folder.path / "hard");
  EXPECT_EQ(code({{"location", "hard"}}), "E0403");
  EXPECT_EQ(code({{"location", "w.bin"}, {"color", "red"}}), "E0404");
  EXPECT_EQ(code({{"offset", "0"}}), "E0404");
  EXPECT_EQ(code({{"location", "w.bin"}, {"offset", "-1"}}), "E0404");
}

TEST(ImportDiagnostics, Options) {
  ImportOptions options;
  Diagnostics diagnostics("m.onnx");
  EXPECT_TRUE(parseDimOption("B=1..64:8", options, diagnostics));
  EXPECT_EQ(options.dims["B"].min, 8);
  for (const char *bad :
       {"B", "B=", "=3", "B=x", "B=5..2", "B=-1..2", "B=1..9999999999", "B=1..7:0", "B=1..7:8"})
    EXPECT_FALSE(parseDimOption(bad, options, diagnostics)) << bad;
  EXPECT_EQ(diagnostics.all()[0].code, Code::E0501);
  EXPECT_FALSE(parseSetOption("x", options, diagnostics));
  EXPECT_EQ(diagnostics.all().back().code, Code::E0502);
  expectCode(import(one("Relu"), options), "E0501"); // the model has no dim B
  ImportOptions sets;
  sets.sets = {{"nobody", "1"}};
  expectCode(import(one("Relu"), sets), "E0502");
  sets.sets = {{"x", "[1, 2, three]"}};
  expectCode(import(one("Relu"), sets), "E0502");
}

TEST(ImportDiagnostics, Warnings) {
  Model shape = one("Relu");
  shape.graph()
      .mutable_output(0)
      ->mutable_type()
      ->mutable_tensor_type()
      ->mutable_shape()
      ->mutable_dim(0)
      ->set_dim_value(7);
  Imported result = import(shape);
  EXPECT_TRUE(result.ok);
  EXPECT_EQ(result.codes, "W0101");

  Model type = one("Relu");
  type.graph().mutable_output(0)->mutable_type()->mutable_tensor_type()->set_elem_type(
      onnx::TensorProto::INT64);
  expectCode(import(type), "E0201");

  Model bound;
  bound.input("a", {"B", "3"}).input("b", {"C", "3"}).output("y", {"B", "3"});
  bound.node("Add", {"a", "b"}, {"y"});
  result = import(bound);
  EXPECT_TRUE(result.ok);
  EXPECT_EQ(result.codes, "W0102");
  EXPECT_NE(result.text.find("origins [\"a dim 0\", \"b dim 0\"]"), std::string::npos) << result.text;

  Model defaults = one("Add", {"x", "w"});
  defaults.input("w", {"2", "3"});
  defaults.floats("w", {2, 3});
  result = import(defaults);
  EXPECT_TRUE(result.ok);
  EXPECT_EQ(result.codes, "W0103");
  EXPECT_NE(result.diagnostics.find("baked in: `w`"), std::string::npos) << result.diagnostics;
  ImportOptions other;
  other.sets = {{"w", "[1, 2, 3, 4, 5, 6]"}};
  result = import(defaults, other);
  EXPECT_TRUE(result.ok);
  EXPECT_EQ(result.codes, "");
  EXPECT_NE(result.text.find("6.0"), std::string::npos) << result.text;
  defaults.proto.set_ir_version(3); // where every initializer is an input, too
  EXPECT_EQ(import(defaults).codes, "");
}
