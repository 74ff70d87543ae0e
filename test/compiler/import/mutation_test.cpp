// Seeded byte mutations of small models: an import ends with a module or with diagnostics, whatever the
// bytes.
#include "test/compiler/import/models.h"

#include <gtest/gtest.h>

#include <random>

using namespace dlc;
using namespace dlc::test;

namespace {

/// Most of what the format has: shape arithmetic, a function, a branch, attributes of several kinds.
std::string richModel() {
  Model m;
  m.input("x", {"B", "S", "8"}).input("p", {"B", "S"}, onnx::TensorProto::INT64).output("y", {"B", "S", "8"});
  m.integers("axis", {0});
  m.integers("one", {1});
  m.integers("target", {0, -1, 2, 4});
  m.floats("table", {16, 8});
  m.floats("w", {8, 8});
  m.node("Shape", {"x"}, {"shape"});
  m.node("Slice", {"shape", "one", "target", "axis"}, {"rest"});
  m.node("Gather", {"table", "p"}, {"rows"});
  m.node("Add", {"x", "rows"}, {"sum"});
  m.node("Reshape", {"sum", "target"}, {"split"});
  auto &transpose = m.node("Transpose", {"split"}, {"turned"});
  auto *perm = transpose.add_attribute();
  perm->set_name("perm");
  perm->set_type(onnx::AttributeProto::INTS);
  for (int64_t p : {0, 2, 1, 3}) perm->add_ints(p);
  m.node("f", {"turned"}, {"soft"}).set_domain("own");
  m.node("Transpose", {"soft"}, {"back"}).mutable_attribute()->Add()->CopyFrom(*perm);
  m.node("Reshape", {"back", "shape"}, {"flat"});
  m.node("MatMul", {"flat", "w"}, {"product"});
  m.node("Constant", {}, {"yes"}).mutable_attribute();
  auto *value = m.graph().mutable_node(m.graph().node_size() - 1)->add_attribute();
  value->set_name("value");
  value->set_type(onnx::AttributeProto::TENSOR);
  value->mutable_t()->set_data_type(onnx::TensorProto::BOOL);
  value->mutable_t()->set_raw_data("\1");
  auto &branch = m.node("If", {"yes"}, {"y"});
  for (const char *name : {"then_branch", "else_branch"}) {
    auto *each = branch.add_attribute();
    each->set_name(name);
    each->set_type(onnx::AttributeProto::GRAPH);
    Model::node(*each->mutable_g()->mutable_node(), "Relu", {"product"}, {"z"});
    Model::value(*each->mutable_g()->add_output(), "z", {"B", "S", "8"});
  }
  auto &function = *m.proto.add_functions();
  function.set_domain("own");
  function.set_name("f");
  function.add_input("a");
  function.add_output("b");
  *function.add_opset_import() = m.proto.opset_import(0);
  Model::integer(Model::node(*function.mutable_node(), "Softmax", {"a"}, {"b"}), "axis", -1);
  auto *own = m.proto.add_opset_import();
  own->set_domain("own");
  own->set_version(1);
  return m.proto.SerializeAsString();
}

/// Convolution and pooling with attributes, and a cut padding.
std::string windowModel() {
  Model m(11);
  m.input("x", {"N", "4", "H", "W"}).output("y", {"N", "4", "1", "1"});
  m.floats("f", {4, 2, 3, 3});
  auto &conv = m.node("Conv", {"x", "f"}, {"c"});
  Model::integer(conv, "group", 2);
  for (const char *name : {"strides", "dilations"}) {
    auto *each = conv.add_attribute();
    each->set_name(name);
    each->set_type(onnx::AttributeProto::INTS);
    each->add_ints(2);
    each->add_ints(1);
  }
  auto &pool = m.node("MaxPool", {"c"}, {"m"});
  auto *kernel = pool.add_attribute();
  kernel->set_name("kernel_shape");
  kernel->set_type(onnx::AttributeProto::INTS);
  kernel->add_ints(2);
  kernel->add_ints(2);
  Model::integer(pool, "ceil_mode", 1);
  m.node("GlobalAveragePool", {"m"}, {"y"});
  return m.proto.SerializeAsString();
}

std::string mutate(std::string bytes, std::mt19937_64 &random) {
  auto below = [&](size_t n) { return n ? random() % n : 0; };
  for (size_t edits = 1 + below(5); edits-- > 0 && !bytes.empty();) {
    size_t at = below(bytes.size());
    switch (below(5)) {
    case 0:
      bytes[at] = static_cast<char>(random());
      break;
    case 1:
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
      break;
    case 2:
      bytes.erase(at, 1 + below(8));
      break;
    case 3:
      bytes.insert(at, bytes.substr(at, 1 + below(32)));
      break;
    default:
      bytes[at] = "\0\1\x7f\x80\xff"[below(5)];
    }
  }
  return bytes;
}

} // namespace

TEST(ImportMutations, EndInAModuleOrInDiagnostics) {
  const std::string models[] = {richModel(), windowModel()};
  for (const std::string &model : models)
    ASSERT_TRUE(importBytes(model).ok) << importBytes(model).diagnostics;
  ImportOptions options;
  options.readWeights = false;
  size_t imported = 0;
  for (uint64_t seed = 0; seed < 10000; ++seed) {
    std::mt19937_64 random(seed);
    Imported result = importBytes(mutate(models[seed % 2], random), options);
    imported += result.ok;
    ASSERT_TRUE(result.ok || result.diagnostics.find("error[E") != std::string::npos) << "seed " << seed;
    ASSERT_EQ(result.diagnostics.find("E0999"), std::string::npos)
        << "seed " << seed << ": " << result.diagnostics;
  }
  EXPECT_GT(imported, 100u);  // harmless ones exist
  EXPECT_LT(imported, 9000u); // and harmful ones
}
