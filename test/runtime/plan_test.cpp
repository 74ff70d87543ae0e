#include "test/runtime/fixture.h"

#include <gtest/gtest.h>

#include <cstring>

using namespace dlc::test;
using Json = nlohmann::json;

namespace {

struct Change {
  const char *pointer; // JSON pointer
  const char *value;   // JSON text; null: the member is removed
  dlc_status status;
  const char *message; // a part of it
};

Json changed(Json plan, const char *pointer, const char *value) {
  Json::json_pointer at(pointer);
  if (value)
    plan[at] = Json::parse(value);
  else
    plan[at.parent_pointer()].erase(at.back());
  return plan;
}

constexpr dlc_status format = DLC_ERROR_FORMAT, unsupported = DLC_ERROR_UNSUPPORTED;

} // namespace

TEST(Plan, RefusalsNamePlaceAndThing) {
  const Change changes[] = {
      {"/format", "2", unsupported, "plan format 2; this runtime reads format 1"},
      {"/format", "\"1\"", format, "plan: format: should be an integer"},
      {"/format", nullptr, format, "plan: field 'format' is missing"},
      {"/color", "1", unsupported, "plan: unknown key 'color'"},
      {"/ops/0/kind", "\"read\"", unsupported, "plan: ops[0].kind: unknown kind of op 'read'"},
      {"/ops/0/kind", "\"loop\"", unsupported, "unknown kind of op 'loop'"},
      {"/ops/0/variants/0/launches/0/args/0/kind", "\"tensor_map\"", unsupported,
       "unknown kind of argument 'tensor_map'"},
      {"/ops/0/variants/0/launches/0/cluster", "[2,1,1]", unsupported, "launches[0]: unknown key 'cluster'"},
      {"/ops/0/variants/0/when/0", R"(["prime", "batch"])", unsupported, "unknown condition 'prime'"},
      {"/buffers/4/base/kind", "\"texture\"", unsupported, "unknown kind of base 'texture'"},
      {"/scalars/0/from/kind", "\"clock\"", unsupported, "unknown kind of scalar 'clock'"},
      {"/inputs/0/dtype", "\"f4\"", unsupported, "plan: inputs[0].dtype: unknown dtype 'f4'"},
      {"/buffers/4/offset", R"(["log2", "batch"])", unsupported, "unknown operator 'log2'"},
      {"/buffers/4/offset", R"("bach")", format, "there is no symbol or scalar named 'bach'"},
      {"/buffers/4/offset", "1.5", format, "should be an expression"},
      {"/buffers/4/align", "24", format, "is 24, not a power of two"},
      {"/buffers/4/align", "512", format, "allowed are 1 to 256"},
      {"/buffers/4/strides", "[1]", format, "not one stride per dim"},
      {"/buffers/4/lifetime", "[0, 2]", format, "allowed are 0 to 1"},
      {"/buffers/4/lifetime", "[1, 0]", format, "allowed are 1 to 1"},
      {"/buffers/4/base", R"({"kind": "buffer", "name": "h"})", format, "there is no buffer named 'h'"},
      {"/buffers/4/base", R"({"kind": "arena", "name": "h"})", format, "takes no name"},
      {"/buffers/4/name", "\"x\"", format, "a second buffer named 'x'"},
      {"/symbols/0/max", "0", format, "is 0; allowed are 1 to"},
      {"/symbols/0/multiple", "0", format, "allowed are 1"},
      {"/symbols/0/name", "\"@sms\"", format, "names with @ are the device's"},
      {"/symbols/0/name", "\"\"", format, "should not be empty"},
      {"/symbols/0/from/dim", "2", format, "names a dim that the input does not have"},
      {"/symbols/0/from/input", "\"z\"", format, "there is no input named 'z'"},
      {"/inputs/0/buffer", "\"h\"", format, "its buffer is not that input's memory"},
      {"/outputs/0/dtype", "\"f16\"", format, "its buffer has another dtype"},
      {"/weights/file", "\"../w\"", format, "should be a plain file name"},
      {"/weights/hash", "\"12\"", format, "64 lower-case hex digits"},
      {"/weights/tensors/0/dims", "[9]", format, "another dtype or shape"},
      {"/weights/tensors/0/name", "\"b\"", format, "a second weight named 'b'"},
      {"/weights/bytes", "545", format, "it has 544 bytes; the plan says 545"},
      {"/kernels/k1_sum/threads", "2000", format, "allowed are 1 to 1024"},
      {"/kernels/k9", R"({"threads": 1, "static_shared": 0})", format, "the PTX has no entry 'k9'"},
      {"/ops/1/deps", "[1]", format, "allowed are 0 to 0"},
      {"/ops/0/deps", "[0]", format, "the first op depends on nothing"},
      {"/ops/1/name", "\"a/b\"", format, "should consist of letters"},
      {"/ops/1/name", "\"..\"", format, "should consist of letters"},
      {"/ops/1/name", "\"r0_mul_add\"", format, "a second op named 'r0_mul_add'"},
      {"/ops/1/results", "[\"w\"]", format, "writes buffer 'w', which is read-only"},
      {"/ops/1/results", "[\"x\"]", format, "writes buffer 'x', which is read-only"},
      {"/ops/1/results", "[]", format, "not among the op's operands, results and scratch"},
      {"/ops/1/variants", "[]", format, "should not be empty"},
      {"/ops/1/variants/0/launches/0/block", "[128, 1, 1]", format, "128 threads, but the kernel is for 64"},
      {"/ops/1/variants/0/launches/0/block", "[64, 1]", format, "should have three parts"},
      {"/ops/1/variants/0/launches/0/grid/0", "[]", format, "should be an expression"},
      {"/ops/1/variants/0/launches/0/args/2/type", "\"i64\"", format,
       "parameter 2 of kernel 'k1_sum' has 4 bytes"},
      {"/ops/1/variants/0/launches/0/args/2", R"({"kind": "scalar", "type": "f16", "bits": 65536})", format,
       "does not fit in 2 bytes"},
      {"/target/arch", "\"gfx90\"", format, "should be like sm_80"},
      {"/target/arch", "\"sm_\"", format, "should be like sm_80"},
      {"/guards/0/require", "[]", format, "should be a condition"},
      {"/ops", "{}", format, "plan: ops: should be an array"},
      {"/options", "3", format, "should be an object"},
  };
  for (const Change &change : changes) {
    LoadedModule module(makeArtifact(changed(examplePlan(), change.pointer, change.value)));
    EXPECT_EQ(module.status, change.status) << change.pointer << ": " << dlc_last_error();
    EXPECT_NE(std::strstr(dlc_last_error(), change.message), nullptr)
        << change.pointer << ": " << dlc_last_error();
    EXPECT_STRNE(dlc_last_help(), "") << change.pointer;
  }
}

TEST(Plan, InfoIsIgnoredAnywhere) {
  Json plan = examplePlan();
  plan["info"] = {{"anything", {1.5, nullptr}}};
  plan["ops"][0]["variants"][0]["launches"][0]["info"] = "text";
  EXPECT_EQ(LoadedModule(makeArtifact(plan)).status, DLC_OK);
}

TEST(Plan, DimsOutOfRangeNameTheOnnxDim) {
  LoadedModule module(makeArtifact(examplePlan()));
  ASSERT_EQ(module.status, DLC_OK);
  int64_t shape[] = {18, 8};
  dlc_tensor x = {nullptr, DLC_F32, DLC_HOST, 2, shape, nullptr};
  dlc_dim dim;
  EXPECT_EQ(dlc_module_bind(module.module, &x, 1, &dim), DLC_ERROR_DIMS);
  EXPECT_STREQ(dlc_last_error(), "input 'x' dim 0 ('batch') is 18; this artifact takes 1..17");
  EXPECT_STREQ(dlc_last_help(), "compile again with --dim batch=LO..HI that includes 18");
  shape[0] = 17, shape[1] = 9;
  EXPECT_EQ(dlc_module_bind(module.module, &x, 1, &dim), DLC_ERROR_DIMS);
  EXPECT_STREQ(dlc_last_error(), "input 'x' dim 1 is 9; it should be 8");
  shape[1] = 8;
  ASSERT_EQ(dlc_module_bind(module.module, &x, 1, &dim), DLC_OK);
  EXPECT_STREQ(dim.name, "batch");
  EXPECT_EQ(dim.value, 17);
  x.rank = 1;
  EXPECT_EQ(dlc_module_bind(module.module, &x, 1, &dim), DLC_ERROR_DIMS);
  EXPECT_STREQ(dlc_last_error(), "input 'x' has rank 1; it should be 2");
}

TEST(Plan, SymbolsAreSolvedFromScaledDims) {
  Json plan = examplePlan();
  plan["symbols"][0]["from"]["scale"] = 2;
  plan["symbols"][0]["from"]["offset"] = 1;
  plan["symbols"][0]["multiple"] = 3;
  plan["inputs"][0]["dims"][0] = {"+", {"*", 2, "batch"}, 1};
  plan["buffers"][0]["dims"][0] = plan["inputs"][0]["dims"][0];
  LoadedModule module(makeArtifact(plan));
  ASSERT_EQ(module.status, DLC_OK) << dlc_last_error();
  int64_t shape[] = {13, 8};
  dlc_tensor x = {nullptr, DLC_F32, DLC_HOST, 2, shape, nullptr};
  dlc_dim dim;
  ASSERT_EQ(dlc_module_bind(module.module, &x, 1, &dim), DLC_OK) << dlc_last_error();
  EXPECT_EQ(dim.value, 6);
  shape[0] = 12;
  EXPECT_EQ(dlc_module_bind(module.module, &x, 1, &dim), DLC_ERROR_DIMS);
  EXPECT_NE(std::strstr(dlc_last_error(), "which is never 12"), nullptr);
  shape[0] = 11;
  EXPECT_EQ(dlc_module_bind(module.module, &x, 1, &dim), DLC_ERROR_DIMS);
  EXPECT_NE(std::strstr(dlc_last_error(), "is 5; this artifact takes multiples of 3"), nullptr);
  EXPECT_NE(std::strstr(dlc_last_help(), "pad it to 6"), nullptr);
}

TEST(Plan, GuardsSayWhichDimsDisagree) {
  Json plan = examplePlan();
  plan["guards"][0] = {{"require", {"!=", "batch", 5}}, {"message", "'x' dim 0 and 'z' dim 1 differ"}};
  LoadedModule module(makeArtifact(plan));
  dlc_dim dim = {"batch", 5};
  dlc_memory_info memory;
  EXPECT_EQ(dlc_module_memory(module.module, &dim, 1, &memory), DLC_ERROR_DIMS);
  EXPECT_STREQ(dlc_last_error(), "'x' dim 0 and 'z' dim 1 differ (batch != 5 does not hold for batch = 5)");
  EXPECT_STREQ(dlc_last_help(), "choose another value for input 'x' dim 0 ('batch')");
  plan["guards"][0]["require"] = {"!=", "elements", 40}; // a scalar that is computed from the batch
  LoadedModule other(makeArtifact(plan));
  EXPECT_EQ(dlc_module_memory(other.module, &dim, 1, &memory), DLC_ERROR_DIMS);
  EXPECT_STREQ(dlc_last_help(), "choose another value for input 'x' dim 0 ('batch')");
}

TEST(Plan, ScalarsFromData) {
  Json plan = examplePlan();
  plan["inputs"].push_back({{"name", "k"}, {"dtype", "i16"}, {"dims", {3}}, {"buffer", "k"}});
  plan["buffers"].push_back(
      {{"name", "k"}, {"dtype", "i16"}, {"dims", {3}}, {"base", {{"kind", "input"}, {"name", "k"}}}});
  plan["scalars"].push_back(
      {{"name", "count"},
       {"from", {{"kind", "input_element"}, {"input", "k"}, {"index", 1}, {"min", 0}, {"max", 9}}}});
  LoadedModule module(makeArtifact(plan));
  ASSERT_EQ(module.status, DLC_OK) << dlc_last_error();
  ASSERT_EQ(dlc_module_symbol_count(module.module), 2u);
  dlc_symbol_info info;
  ASSERT_EQ(dlc_module_symbol(module.module, 1, &info), DLC_OK);
  EXPECT_STREQ(info.name, "count");
  EXPECT_STREQ(info.origins, "k element 1");
  EXPECT_EQ(info.from_data, 1);
  int64_t shapeX[] = {2, 8}, shapeK[] = {3};
  int16_t k[] = {100, 7, 100};
  dlc_tensor inputs[] = {{nullptr, DLC_F32, DLC_HOST, 2, shapeX, nullptr},
                         {k, DLC_I16, DLC_HOST, 1, shapeK, nullptr}};
  dlc_dim dims[2];
  ASSERT_EQ(dlc_module_bind(module.module, inputs, 2, dims), DLC_OK) << dlc_last_error();
  EXPECT_EQ(dims[1].value, 7);
  k[1] = -1;
  EXPECT_EQ(dlc_module_bind(module.module, inputs, 2, dims), DLC_ERROR_DIMS);
  EXPECT_STREQ(dlc_last_error(), "element 1 of input 'k' ('count') is -1; this artifact takes 0..9");
}

// What depends on dims is checked when dims are known.
TEST(Plan, BindingRefusesWhatLeavesItsMemory) {
  const Change changes[] = {
      {"/buffers/4/offset", "16", format, "buffer 'h' reaches to byte 16 + 256 of 256"},
      {"/buffers/4/offset", "-16", format, "buffer 'h': offset becomes -16"},
      {"/buffers/4/bytes", "8", format, "buffer 'h' has 8 bytes; its view spans 256"},
      {"/buffers/4/strides", R"([1, ["-", 0, "batch"]])", format, "strides becomes -8"},
      {"/buffers/4/dims", R"(["batch", 4611686018427387904])", DLC_ERROR_DIMS, "exceeds 64 bits"},
      {"/buffers/3/dims", "[9]", format, "buffer 'b' reaches to byte 0 + 36 of 32"},
      {"/buffers/0/dims", R"(["batch", 9])", format, "reaches to byte"},
      {"/buffers/1/dims", R"([["-", "batch", 1]])", format,
       "output 'y' and its buffer differ in size or order"},
      {"/outputs/0/dims", R"([["-", "batch", 9]])", DLC_ERROR_DIMS, "output 'y' dim 0 becomes -1"},
      {"/memory/arena", R"(["-", 0, "batch"])", format, "memory: arena becomes -8"},
      {"/ops/1/variants/0/launches/0/grid/1", "65536", DLC_ERROR_DIMS,
       "its grid exceeds the device's limits"},
      {"/ops/1/variants/0/launches/0/grid/0", "-1", format, "grid becomes -1"},
      {"/ops/1/variants/0/launches/0/shared", "166913", DLC_ERROR_NO_DEVICE,
       "needs 166913 bytes of shared memory"},
      {"/ops/1/variants/0/launches/0/args/2/expr", "2147483648", DLC_ERROR_DIMS, "more than 32 bits hold"},
      {"/ops/1/variants/0/launches/0/args/0/offset", "257", format, "points behind its buffer"},
      {"/ops/0/variants/0/launches/0/args/5/divisor", R"(["-", "batch", 8])", format, "divides by 0"},
      {"/ops/1/variants/0/when", R"([["<", "batch", 8]])", DLC_ERROR_DIMS,
       "op 'r1_sum' (node '/ReduceSum') has no variant for these dims on this device"},
  };
  for (const Change &change : changes) {
    LoadedModule module(makeArtifact(changed(examplePlan(), change.pointer, change.value)));
    ASSERT_EQ(module.status, DLC_OK) << change.pointer << ": " << dlc_last_error();
    dlc_dim dim = {"batch", 8};
    dlc_memory_info memory;
    EXPECT_EQ(dlc_module_memory(module.module, &dim, 1, &memory), change.status)
        << change.pointer << dlc_last_error();
    EXPECT_NE(std::strstr(dlc_last_error(), change.message), nullptr)
        << change.pointer << ": " << dlc_last_error();
  }
}

TEST(Plan, QueriesAreFunctionsOfDims) {
  LoadedModule module(makeArtifact(examplePlan()));
  dlc_value_info info;
  ASSERT_EQ(dlc_module_input(module.module, 0, &info), DLC_OK);
  EXPECT_STREQ(info.name, "x");
  EXPECT_STREQ(info.dims[0], "batch");
  EXPECT_STREQ(info.dims[1], "8");
  EXPECT_EQ(dlc_module_input(module.module, 1, &info), DLC_ERROR_INVALID_ARGUMENT);
  dlc_dim dim = {"batch", 17};
  int64_t shape[2];
  ASSERT_EQ(dlc_module_output_shape(module.module, 0, &dim, 1, shape), DLC_OK);
  EXPECT_EQ(shape[0], 17);
  dlc_memory_info memory;
  ASSERT_EQ(dlc_module_memory(module.module, &dim, 1, &memory), DLC_OK);
  EXPECT_EQ(memory.arena, 768u);
  EXPECT_EQ(memory.weights, 288u);
  EXPECT_EQ(memory.inputs, 17u * 32);
  EXPECT_EQ(memory.outputs, 17u * 4);
  dim.name = "bach";
  EXPECT_EQ(dlc_module_memory(module.module, &dim, 1, &memory), DLC_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(dlc_last_help(), "the dims of this artifact are 'batch'");
  EXPECT_EQ(dlc_module_memory(module.module, nullptr, 0, &memory), DLC_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(dlc_last_error(), "no value for dim 'batch'");
}

TEST(Plan, LoadingChecksItsArguments) {
  dlc_module *module = nullptr;
  EXPECT_EQ(dlc_module_load_file(nullptr, nullptr, &module), DLC_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(dlc_module_load_file("/nowhere/model.ptx", nullptr, &module), DLC_ERROR_IO);
  EXPECT_EQ(dlc_module_load_file("/tmp", nullptr, &module), DLC_ERROR_IO);
  EXPECT_EQ(dlc_module_load_file(fixturePath("example.ptx").c_str(), nullptr, nullptr),
            DLC_ERROR_INVALID_ARGUMENT);
  ASSERT_EQ(dlc_module_load_file(fixturePath("example.ptx").c_str(), nullptr, &module), DLC_OK)
      << dlc_last_error();
  EXPECT_EQ(std::strlen(dlc_module_hash(module)), 64u);
  dlc_module_release(module);
  std::string file = makeArtifact(examplePlan());
  EXPECT_EQ(dlc_module_load_memory(file.data(), file.size(), nullptr, &module), DLC_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(dlc_last_help(), "set weights_data or weights_path");
}

TEST(Plan, EditedArtifactsAreRefusedOrWarnedAbout) {
  std::string file = makeArtifact(examplePlan());
  file.replace(file.find("// Generated by"), 5, "// g ");
  EXPECT_EQ(LoadedModule(file).status, DLC_ERROR_FORMAT);
  dlc_load_options options = exampleOptions();
  std::string warning;
  options.flags = DLC_LOAD_EDITED;
  options.log = [](void *user, dlc_log_level, const char *message) {
    *static_cast<std::string *>(user) = message;
  };
  options.log_user = &warning;
  EXPECT_EQ(LoadedModule(file, options).status, DLC_OK);
  EXPECT_EQ(warning, "the artifact was edited: its digest does not fit its content");
}
