// Contexts that launch through a CUDA graph: one instance for all dims, variants and tensors.
#include "test/runtime/context_fixture.h"

#include <cstring>

using namespace dlc::test;
using Json = nlohmann::json;

namespace {

class GraphTest : public ContextTest {};

dlc_context_options graphOptions(uint32_t flags = DLC_CONTEXT_GRAPH) {
  dlc_context_options options = fakeOptions();
  options.flags = flags;
  return options;
}

} // namespace

TEST_F(GraphTest, OneInstanceServesAllDimsAndVariants) {
  for (uint32_t flags : {0u, uint32_t(DLC_LOAD_GUARD)}) {
    dlc_load_options options = exampleOptions();
    options.flags = flags;
    LoadedModule module(makeArtifact(examplePlan()), options);
    MadeContext made(module.module, graphOptions());
    ASSERT_EQ(made.status, DLC_OK) << dlc_last_error();
    int graphs = fake().instantiations;
    for (int batch : {1, 17, 4, 8, 3, 16, 4, 17, 1, 2, 5, 6, 7, 9, 10, 11, 1}) { // more than are kept
      HostRun run(batch);
      ASSERT_EQ(run.run(made.context), DLC_OK) << dlc_last_error();
      EXPECT_EQ(run.y, exampleResult(run.x)) << batch;
    }
    EXPECT_EQ(fake().instantiations, graphs + 1);
  }
  EXPECT_EQ(fake().graphLaunches, 34);
}

TEST_F(GraphTest, OnlyWhatChangesIsUpdated) {
  LoadedModule module(makeArtifact(examplePlan()));
  MadeContext made(module.module, graphOptions());
  dlc_dim dim = {"batch", 6};
  ASSERT_EQ(dlc_context_prepare(made.context, &dim, 1), DLC_OK);
  alignas(256) float x[48], y[6], z[6];
  std::vector<float> in = exampleInput(6);
  std::copy(in.begin(), in.end(), x);
  int64_t shapeX[] = {6, 8}, shapeY[] = {6};
  dlc_tensor input = {x, DLC_F32, DLC_DEVICE, 2, shapeX, nullptr},
             output = {y, DLC_F32, DLC_DEVICE, 1, shapeY, nullptr};
  auto updatesOf = [&] {
    int before = fake().nodeUpdates;
    EXPECT_EQ(dlc_context_enqueue(made.context, nullptr, &input, 1, &output, 1), DLC_OK) << dlc_last_error();
    return fake().nodeUpdates - before;
  };
  EXPECT_EQ(updatesOf(), 2);
  EXPECT_EQ(updatesOf(), 0);
  output.data = z; // the second kernel writes it
  EXPECT_EQ(updatesOf(), 1);
  EXPECT_EQ(std::vector<float>(y, y + 6), exampleResult(in));
  EXPECT_EQ(std::vector<float>(z, z + 6), exampleResult(in));
  EXPECT_EQ(fake().instantiations, 1);
}

// Ops that issue nothing for some dims, and do for others.
TEST_F(GraphTest, EmptyLaunchesAreDisabled) {
  Json plan = examplePlan();
  plan["symbols"][0]["min"] = 0;
  LoadedModule module(makeArtifact(plan));
  MadeContext made(module.module, graphOptions());
  for (int batch : {0, 3, 0, 5}) {
    HostRun run(batch);
    int before = fake().launches;
    ASSERT_EQ(run.run(made.context), DLC_OK) << dlc_last_error();
    EXPECT_EQ(fake().launches - before, batch ? 2 : 0);
    EXPECT_EQ(run.y, exampleResult(run.x));
  }
}

// A second variant with more launches than the first.
TEST_F(GraphTest, VariantsMayDifferInTheirNumberOfLaunches) {
  Json plan = examplePlan();
  Json &variants = plan["ops"][1]["variants"];
  Json twice = variants[0];
  twice["launches"].push_back(twice["launches"][0]);
  twice["when"] = Json::array({Json::array({"<=", 8, "batch"})});
  variants.insert(variants.begin(), twice);
  LoadedModule module(makeArtifact(plan));
  ASSERT_EQ(module.status, DLC_OK) << dlc_last_error();
  MadeContext made(module.module, graphOptions());
  for (int batch : {4, 9, 4, 8}) {
    HostRun run(batch);
    int before = fake().launches;
    ASSERT_EQ(run.run(made.context), DLC_OK) << dlc_last_error();
    EXPECT_EQ(fake().launches - before, batch >= 8 ? 3 : 2);
    EXPECT_EQ(run.y, exampleResult(run.x)) << batch;
  }
  EXPECT_EQ(fake().instantiations, 1);
}

TEST_F(GraphTest, EveryDriverCallMayFail) {
  LoadedModule module(makeArtifact(examplePlan()));
  const char *functions[] = {"cuGraphCreate",         "cuGraphAddKernelNode",
                             "cuGraphAddMemcpyNode",  "cuGraphInstantiateWithFlags",
                             "cuGraphNodeSetEnabled", "cuGraphExecKernelNodeSetParams",
                             "cuGraphLaunch",         "cuMemAlloc"};
  for (const char *function : functions)
    for (int result : {1, 2, 700, 999}) {
      int failures = 0;
      for (int n = 1; n < 50; ++n) {
        fake() = FakeDriver{.failFunction = function, .failAt = n, .failResult = result};
        dlc_status status;
        {
          MadeContext made(module.module, graphOptions());
          status = made.status;
          if (status == DLC_OK) {
            HostRun run(8);
            status = run.run(made.context);
            // What a node was last told is known again after a failure.
            if (status != DLC_OK && result != 700)
              EXPECT_EQ(run.run(made.context), DLC_OK) << dlc_last_error();
            if (result != 700 || status == DLC_OK) EXPECT_EQ(run.y, exampleResult(run.x));
          }
          failures += status != DLC_OK;
        }
        EXPECT_EQ(fake().liveBlocks, 0) << function << " " << n;
        EXPECT_EQ(fake().liveObjects, 0) << function << " " << n;
        EXPECT_EQ(fake().contextDepth, 0);
        if (fake().calls < n) break;
      }
      EXPECT_GT(failures, 0) << function << " " << result;
      fake() = FakeDriver();
    }
}

TEST_F(GraphTest, MessagesNameTheKernel) {
  LoadedModule module(makeArtifact(examplePlan()));
  MadeContext made(module.module, graphOptions());
  fake().failFunction = "cuGraphExecKernelNodeSetParams", fake().failAt = 2, fake().failResult = 701;
  EXPECT_EQ(HostRun(5).run(made.context), DLC_ERROR_LAUNCH);
  EXPECT_STREQ(dlc_last_error(), "kernel 'k1_sum' of op 'r1_sum' (node '/ReduceSum') can't be changed in the "
                                 "graph: fake error (CUDA_ERROR_701)");
  fake().failFunction = "cuGraphLaunch", fake().failAt = 1, fake().calls = 0;
  EXPECT_EQ(HostRun(5).run(made.context), DLC_ERROR_LAUNCH);
  EXPECT_NE(std::strstr(dlc_last_error(), "the graph of 2 launches and copies can't be launched"), nullptr);
}

TEST_F(GraphTest, SyncIsRefused) {
  LoadedModule module(makeArtifact(examplePlan()));
  MadeContext made(module.module, graphOptions(DLC_CONTEXT_GRAPH | DLC_CONTEXT_SYNC));
  EXPECT_EQ(made.status, DLC_ERROR_INVALID_ARGUMENT);
}
