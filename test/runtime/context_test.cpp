#include "dlc/runtime.hpp"
#include "test/runtime/context_fixture.h"

#include <atomic>
#include <cstring>
#include <thread>

using namespace dlc::test;
using Json = nlohmann::json;

TEST_F(ContextTest, RunsTheExampleForEveryBatch) {
  for (uint32_t flags : {0u, uint32_t(DLC_LOAD_GUARD)}) {
    dlc_load_options options = exampleOptions();
    options.flags = flags;
    LoadedModule module(makeArtifact(examplePlan()), options);
    MadeContext made(module.module);
    ASSERT_EQ(made.status, DLC_OK) << dlc_last_error();
    for (int batch : {1, 17, 4, 8, 3, 16}) {
      HostRun run(batch);
      ASSERT_EQ(run.run(made.context), DLC_OK) << dlc_last_error();
      EXPECT_EQ(run.y, exampleResult(run.x)) << batch;
    }
    EXPECT_EQ(fake().moduleLoads, 1);
    fake() = FakeDriver{.liveBlocks = fake().liveBlocks, .liveObjects = fake().liveObjects};
  }
}

TEST_F(ContextTest, TakesTheFirstVariantThatFits) {
  LoadedModule module(makeArtifact(examplePlan()));
  dlc_context_options options = fakeOptions();
  options.flags = DLC_CONTEXT_SYNC;
  MadeContext made(module.module, options);
  fake().failFunction = "cuLaunchKernel", fake().failAt = 1, fake().failResult = 701;
  EXPECT_EQ(HostRun(5).run(made.context), DLC_ERROR_LAUNCH);
  EXPECT_STREQ(dlc_last_error(),
               "kernel 'k0_mul_add' of op 'r0_mul_add' (nodes '/scale/Mul', '/scale/Add') can't be "
               "launched: fake error (CUDA_ERROR_701)");
  fake().calls = 0;
  EXPECT_EQ(HostRun(4).run(made.context), DLC_ERROR_LAUNCH);
  EXPECT_NE(std::strstr(dlc_last_error(), "'k0_mul_add_wide'"), nullptr);
  EXPECT_EQ(HostRun(4).run(made.context), DLC_OK); // a refused launch poisons nothing
}

TEST_F(ContextTest, EnqueueAllocatesAndEvaluatesNothing) {
  static std::atomic<int> hostAllocations;
  dlc_load_options options = exampleOptions();
  options.host.allocate = [](void *, size_t bytes, size_t) { return ++hostAllocations, std::malloc(bytes); };
  options.host.deallocate = [](void *, void *memory, size_t) { std::free(memory); };
  LoadedModule module(makeArtifact(examplePlan()), options);
  MadeContext made(module.module);
  dlc_dim dim = {"batch", 6};
  alignas(256) float x[48], y[6];
  std::vector<float> in = exampleInput(6);
  std::copy(in.begin(), in.end(), x);
  int64_t shapeX[] = {6, 8}, shapeY[] = {6};
  dlc_tensor input = {x, DLC_F32, DLC_DEVICE, 2, shapeX, nullptr},
             output = {y, DLC_F32, DLC_DEVICE, 1, shapeY, nullptr};
  EXPECT_EQ(dlc_context_enqueue(made.context, nullptr, &input, 1, &output, 1), DLC_ERROR_NOT_PREPARED);
  ASSERT_EQ(dlc_context_prepare(made.context, &dim, 1), DLC_OK);
  int host = hostAllocations, device = fake().allocations;
  for (int i = 0; i < 3; ++i)
    ASSERT_EQ(dlc_context_enqueue(made.context, nullptr, &input, 1, &output, 1), DLC_OK) << dlc_last_error();
  EXPECT_EQ(hostAllocations, host);
  EXPECT_EQ(fake().allocations, device);
  EXPECT_EQ(fake().launches, 6);
  EXPECT_EQ(std::vector<float>(y, y + 6), exampleResult(in));

  shapeX[0] = 5;
  EXPECT_EQ(dlc_context_enqueue(made.context, nullptr, &input, 1, &output, 1), DLC_ERROR_DIMS);
  EXPECT_STREQ(dlc_last_error(), "input 'x' has shape [5, 8]; for these dims it is [6, 8]");
  shapeX[0] = 6;
  input.data = reinterpret_cast<char *>(x) + 2;
  EXPECT_EQ(dlc_context_enqueue(made.context, nullptr, &input, 1, &output, 1), DLC_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(dlc_last_error(), "input 'x' is not aligned to 4 bytes");
  input.data = nullptr;
  EXPECT_EQ(dlc_context_enqueue(made.context, nullptr, &input, 1, &output, 1), DLC_ERROR_INVALID_ARGUMENT);
  input.data = x;
  input.memory = DLC_HOST;
  EXPECT_EQ(dlc_context_enqueue(made.context, nullptr, &input, 1, &output, 1), DLC_ERROR_INVALID_ARGUMENT);
  input.memory = DLC_DEVICE;
  int64_t strides[] = {1, 6};
  input.strides = strides;
  EXPECT_EQ(dlc_context_enqueue(made.context, nullptr, &input, 1, &output, 1), DLC_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(dlc_last_error(), "input 'x' is not dense row-major");
  input.strides = nullptr;
  input.dtype = 77;
  EXPECT_EQ(dlc_context_enqueue(made.context, nullptr, &input, 1, &output, 1), DLC_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(dlc_last_error(), "input 'x' is of no dtype; the model has f32");
  input.dtype = DLC_F16;
  EXPECT_EQ(dlc_context_enqueue(made.context, nullptr, &input, 1, &output, 1), DLC_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(dlc_last_error(), "input 'x' is f16; the model has f32");
}

// A host pointer that is taken for one of the device is refused; for known tensors the driver is asked once.
TEST_F(ContextTest, MemoryThatTheDriverDoesNotKnowIsRefused) {
  LoadedModule module(makeArtifact(examplePlan()));
  alignas(256) float x[3][48] = {}, y[6];
  int64_t shapeX[] = {6, 8}, shapeY[] = {6};
  dlc_tensor input = {x[0], DLC_F32, DLC_DEVICE, 2, shapeX, nullptr},
             output = {y, DLC_F32, DLC_DEVICE, 1, shapeY, nullptr};
  auto enqueue = [&](dlc_context *context) {
    return dlc_context_enqueue(context, nullptr, &input, 1, &output, 1);
  };
  dlc_dim dim = {"batch", 6};
  {
    MadeContext made(module.module);
    ASSERT_EQ(dlc_context_prepare(made.context, &dim, 1), DLC_OK);
    fake().unknownMemory = uintptr_t(x[1]), fake().unknownBytes = sizeof(x[1]);
    fake().failFunction = "cuPointerGetAttribute"; // counted, not failing
    for (int i = 0; i < 3; ++i) EXPECT_EQ(enqueue(made.context), DLC_OK) << dlc_last_error();
    EXPECT_EQ(fake().calls, 2);
    input.data = x[2];
    for (int i = 0; i < 3; ++i) EXPECT_EQ(enqueue(made.context), DLC_OK) << dlc_last_error();
    EXPECT_EQ(fake().calls, 3);
    input.data = x[1];
    int launches = fake().launches;
    EXPECT_EQ(enqueue(made.context), DLC_ERROR_INVALID_ARGUMENT);
    EXPECT_STREQ(dlc_last_error(), "input 'x' is said to be in device memory; the driver knows none there");
    EXPECT_NE(std::strstr(dlc_last_help(), "dlc_context_run"), nullptr);
    EXPECT_EQ(dlc_context_run(made.context, &input, 1, &output, 1), DLC_ERROR_INVALID_ARGUMENT);
    input.data = x[0], fake().unknownMemory = uintptr_t(y), fake().unknownBytes = sizeof(y);
    output.data = y + 1; // not the one that is known already
    shapeX[0] = shapeY[0] = dim.value = 5;
    ASSERT_EQ(dlc_context_prepare(made.context, &dim, 1), DLC_OK);
    EXPECT_EQ(enqueue(made.context), DLC_ERROR_INVALID_ARGUMENT);
    EXPECT_NE(std::strstr(dlc_last_error(), "output 'y' is said to be"), nullptr) << dlc_last_error();
    EXPECT_EQ(fake().launches, launches);
    fake().unknownBytes = 0; // and the context is as good as before
    EXPECT_EQ(enqueue(made.context), DLC_OK) << dlc_last_error();
    fake().calls = 0, fake().failAt = 1, fake().failResult = 999;
    input.data = x[2];
    EXPECT_EQ(enqueue(made.context), DLC_ERROR_DRIVER);
    EXPECT_NE(std::strstr(dlc_last_error(), "can't ask about the memory of input 'x'"), nullptr);
  }
  fake() = FakeDriver{.unknownMemory = uintptr_t(x), .unknownBytes = sizeof(x), .readsHostMemory = 1};
  LoadedModule again(makeArtifact(examplePlan()));
  MadeContext made(again.module);
  ASSERT_EQ(dlc_context_prepare(made.context, &dim, 1), DLC_OK);
  EXPECT_EQ(enqueue(made.context), DLC_OK) << dlc_last_error(); // such a device may have any pointer
}

// A context has one arena: its work on another stream waits for what is under way on the first.
TEST_F(ContextTest, StreamsAreOrdered) {
  LoadedModule module(makeArtifact(examplePlan()));
  MadeContext made(module.module);
  dlc_dim dim = {"batch", 2};
  ASSERT_EQ(dlc_context_prepare(made.context, &dim, 1), DLC_OK);
  alignas(256) float x[16] = {}, y[2];
  int64_t shapeX[] = {2, 8}, shapeY[] = {2};
  dlc_tensor input = {x, DLC_F32, DLC_DEVICE, 2, shapeX, nullptr};
  dlc_tensor output = {y, DLC_F32, DLC_DEVICE, 1, shapeY, nullptr};
  char streams[2];
  auto enqueue = [&](int stream) {
    return dlc_context_enqueue(made.context, &streams[stream], &input, 1, &output, 1);
  };
  fake().failFunction = "cuStreamWaitEvent"; // counted, not failing
  EXPECT_EQ(enqueue(0), DLC_OK);
  EXPECT_EQ(enqueue(0), DLC_OK);
  EXPECT_EQ(fake().calls, 0);
  EXPECT_EQ(enqueue(1), DLC_OK);
  EXPECT_EQ(enqueue(0), DLC_OK);
  EXPECT_EQ(fake().calls, 2);
  // Growing memory waits for the work that uses it.
  fake().failFunction = "cuEventSynchronize";
  dim.value = 17;
  EXPECT_EQ(dlc_context_prepare(made.context, &dim, 1), DLC_OK);
  EXPECT_EQ(fake().calls, 3);
}

TEST_F(ContextTest, KernelFailuresPoison) {
  LoadedModule module(makeArtifact(examplePlan()));
  {
    MadeContext made(module.module);
    fake().failFunction = "cuStreamSynchronize", fake().failResult = 700;
    fake().failAt = 1;
    HostRun run(4);
    EXPECT_EQ(run.run(made.context), DLC_ERROR_KERNEL);
    EXPECT_NE(std::strstr(dlc_last_error(), "one of 2 launches ('k0_mul_add_wide', 'k1_sum') failed"),
              nullptr);
    EXPECT_EQ(dlc_context_status(made.context), DLC_ERROR_POISONED);
    EXPECT_EQ(run.run(made.context), DLC_ERROR_POISONED);
    EXPECT_NE(std::strstr(dlc_last_error(), "the context is unusable since: one of 2 launches"), nullptr);
    dlc_dim dim = {"batch", 4};
    EXPECT_EQ(dlc_context_prepare(made.context, &dim, 1), DLC_ERROR_POISONED);
  }
  dlc_context_options options = fakeOptions();
  options.flags = DLC_CONTEXT_SYNC; // now the kernel is known
  MadeContext made(module.module, options);
  fake().calls = 0, fake().failAt = 2;
  EXPECT_EQ(HostRun(4).run(made.context), DLC_ERROR_KERNEL);
  EXPECT_STREQ(dlc_last_error(),
               "kernel 'k1_sum' of op 'r1_sum' (node '/ReduceSum') failed: fake error (CUDA_ERROR_700)");
}

TEST_F(ContextTest, UnknownFlagsAndNullPointersAreRefused) {
  LoadedModule module(makeArtifact(examplePlan()));
  dlc_context_options options = fakeOptions();
  options.flags = 64;
  EXPECT_EQ(MadeContext(module.module, options).status, DLC_ERROR_INVALID_ARGUMENT);
  EXPECT_NE(std::strstr(dlc_last_error(), "options.flags"), nullptr) << dlc_last_error();
  EXPECT_EQ(dlc_context_status(nullptr), DLC_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(dlc_last_error(), "context is NULL");
  EXPECT_EQ(dlc_module_input(module.module, 0, nullptr), DLC_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(dlc_last_error(), "info is NULL");
  dlc_load_options load;
  dlc_load_options_init(&load);
  load.flags = 1u << 31;
  dlc_module *none = nullptr;
  EXPECT_EQ(dlc_module_load_memory("", 0, &load, &none), DLC_ERROR_INVALID_ARGUMENT);
  EXPECT_NE(std::strstr(dlc_last_error(), "options.flags"), nullptr) << dlc_last_error();
}

TEST_F(ContextTest, DevicesAreCheckedAndNeverReplaced) {
  LoadedModule module(makeArtifact(examplePlan()));
  dlc_context_options options = fakeOptions();
  options.driver = "/nowhere/libcuda.so.1";
  EXPECT_EQ(MadeContext(module.module, options).status, DLC_ERROR_NO_DRIVER);
  options.driver = "libm.so.6";
  EXPECT_EQ(MadeContext(module.module, options).status, DLC_ERROR_NO_DRIVER);
  EXPECT_NE(std::strstr(dlc_last_help(), "libcuda.so.1"), nullptr) << dlc_last_help();
  options = fakeOptions();
  options.device = 1;
  EXPECT_EQ(MadeContext(module.module, options).status, DLC_ERROR_NO_DEVICE);
  EXPECT_STREQ(dlc_last_error(), "there is no CUDA device 1; the driver has 1");
  fake().failFunction = "cuInit", fake().failAt = 1, fake().failResult = 100;
  EXPECT_EQ(MadeContext(module.module).status, DLC_ERROR_NO_DEVICE);
  fake() = FakeDriver{.major = 7, .minor = 5};
  EXPECT_EQ(MadeContext(module.module).status, DLC_ERROR_NO_DEVICE);
  EXPECT_STREQ(dlc_last_error(), "the device 'fake' is sm_75; the artifact is for sm_80");
  EXPECT_STREQ(dlc_last_help(), "run it on a device of sm_80 or newer");
}

TEST_F(ContextTest, NewerGenerationsAreWarnedAbout) {
  std::string log;
  dlc_load_options options = exampleOptions();
  options.log = [](void *user, dlc_log_level, const char *text) {
    static_cast<std::string *>(user)->append(text);
  };
  options.log_user = &log;
  LoadedModule module(makeArtifact(examplePlan()), options);
  fake().minor = 9;
  EXPECT_EQ(MadeContext(module.module).status, DLC_OK);
  EXPECT_EQ(log, "");
  fake().major = 9, fake().minor = 0;
  EXPECT_EQ(MadeContext(module.module).status, DLC_OK);
  EXPECT_NE(log.find("(sm_90) is a major generation newer than the artifact's sm_80"), std::string::npos);
}

TEST_F(ContextTest, RefusedPtxComesWithTheDriversLog) {
  LoadedModule module(makeArtifact(examplePlan()));
  fake().failFunction = "cuModuleLoadDataEx", fake().failAt = 1, fake().failResult = 218;
  EXPECT_EQ(MadeContext(module.module).status, DLC_ERROR_PTX);
  EXPECT_NE(std::strstr(dlc_last_error(), "ptxas fake, line 1; error"), nullptr);
}

// Each driver call of a whole life fails once, with each kind of error.
TEST_F(ContextTest, EveryDriverCallMayFail) {
  LoadedModule module(makeArtifact(examplePlan()));
  const char *functions[] = {"cuInit",
                             "cuDeviceGetCount",
                             "cuDeviceGet",
                             "cuDeviceGetAttribute",
                             "cuDevicePrimaryCtxRetain",
                             "cuCtxPushCurrent",
                             "cuModuleLoadDataEx",
                             "cuModuleGetFunction",
                             "cuMemAlloc",
                             "cuMemcpyHtoDAsync",
                             "cuMemcpyDtoHAsync",
                             "cuStreamCreate",
                             "cuStreamSynchronize",
                             "cuEventCreate",
                             "cuEventRecord",
                             "cuLaunchKernel"};
  for (const char *function : functions)
    for (int result : {1, 2, 700, 999}) {
      int failures = 0;
      for (int n = 1; n < 50; ++n) {
        fake() = FakeDriver{.failFunction = function, .failAt = n, .failResult = result};
        dlc_status status;
        {
          MadeContext made(module.module);
          status = made.status == DLC_OK ? HostRun(8).run(made.context) : made.status;
          failures += status != DLC_OK;
        }
        EXPECT_EQ(fake().liveBlocks, 0) << function << " " << n;
        EXPECT_EQ(fake().liveObjects, 0) << function << " " << n;
        EXPECT_EQ(fake().contextDepth, 0);
        if (result == 2 && status != DLC_OK && std::strcmp(function, "cuMemAlloc") == 0)
          EXPECT_EQ(status, DLC_ERROR_OUT_OF_DEVICE_MEMORY);
        if (fake().calls < n) break;
      }
      EXPECT_GT(failures, 0) << function << " " << result;
      fake() = FakeDriver();
    }
}

TEST_F(ContextTest, SharedMemoryPast48KilobytesIsAskedFor) {
  Json plan = examplePlan();
  Json &shared = plan["ops"][1]["variants"][0]["launches"][0]["shared"];
  shared = 40000;
  plan["kernels"]["k1_sum"]["static_shared"] = 9152;
  {
    LoadedModule module(makeArtifact(plan));
    MadeContext made(module.module);
    EXPECT_EQ(HostRun(4).run(made.context), DLC_OK);
    EXPECT_EQ(fake().dynamicShared, 0);
  }
  shared = {"*", 10001, "batch"};
  LoadedModule module(makeArtifact(plan));
  MadeContext made(module.module);
  EXPECT_EQ(HostRun(4).run(made.context), DLC_OK);
  EXPECT_EQ(fake().dynamicShared, 40004);
  EXPECT_EQ(HostRun(16).run(made.context), DLC_ERROR_NO_DEVICE);
  EXPECT_NE(std::strstr(dlc_last_error(),
                        "kernel 'k1_sum' needs 169168 bytes of shared memory; the device has 166912"),
            nullptr);
}

// Outputs that lie elsewhere: an input passed through, a weight, another output; copies, fills and slices.
TEST_F(ContextTest, OutputsMayLieAnywhere) {
  Json plan = examplePlan();
  auto output = [&](const char *name, Json dims, const char *buffer) {
    plan["outputs"].push_back({{"name", name}, {"dtype", "f32"}, {"dims", dims}, {"buffer", buffer}});
  };
  auto base = [](const char *kind, const char *name) { return Json{{"kind", kind}, {"name", name}}; };
  output("same_x", {"batch", 8}, "x");
  output("same_w", {8}, "w");
  output("same_y", {"batch"}, "y");
  output("mixed", {4, "batch"}, "mixed");
  Json row = {{"dtype", "f32"}, {"dims", {"batch"}}};
  plan["buffers"].push_back(
      {{"name", "mixed"}, {"dtype", "f32"}, {"dims", {4, "batch"}}, {"base", base("output", "mixed")}});
  for (int i = 0; i < 4; ++i) {
    row["name"] = "row" + std::to_string(i);
    row["base"] = base("buffer", "mixed");
    row["offset"] = {"*", 4 * i, "batch"};
    plan["buffers"].push_back(row);
  }
  auto op = [&](Json fields) {
    fields["nodes"] = Json::array(), fields["deps"] = {1};
    plan["ops"].push_back(fields);
  };
  op({{"kind", "copy"}, {"name", "c"}, {"from", "y"}, {"to", "row0"}});
  op({{"kind", "set"}, {"name", "s1"}, {"buffer", "row1"}, {"width", 1}, {"value", 0x3f}});
  op({{"kind", "set"}, {"name", "s2"}, {"buffer", "row2"}, {"width", 2}, {"value", 0x4000}});
  op({{"kind", "set"}, {"name", "s4"}, {"buffer", "row3"}, {"width", 4}, {"value", 0x3f800000}});
  LoadedModule module(makeArtifact(plan));
  ASSERT_EQ(module.status, DLC_OK) << dlc_last_error();
  for (uint32_t flags : {0u, uint32_t(DLC_CONTEXT_GRAPH)}) {
    dlc_context_options options = fakeOptions();
    options.flags = flags;
    MadeContext made(module.module, options);
    ASSERT_EQ(made.status, DLC_OK) << dlc_last_error();
    for (int64_t batch : {3, 5, 3}) {
      size_t n = size_t(batch);
      std::vector<float> x = exampleInput(int(batch)), y(n), sameX(8 * n), sameW(8), sameY(n), mixed(4 * n);
      int64_t shapeX[] = {batch, 8}, shapeMixed[] = {4, batch}, shapeY[] = {batch}, eight[] = {8};
      dlc_tensor in = {x.data(), DLC_F32, DLC_HOST, 2, shapeX, nullptr};
      dlc_tensor out[] = {{y.data(), DLC_F32, DLC_HOST, 1, shapeY, nullptr},
                          {sameX.data(), DLC_F32, DLC_HOST, 2, shapeX, nullptr},
                          {sameW.data(), DLC_F32, DLC_HOST, 1, eight, nullptr},
                          {sameY.data(), DLC_F32, DLC_HOST, 1, shapeY, nullptr},
                          {mixed.data(), DLC_F32, DLC_HOST, 2, shapeMixed, nullptr}};
      ASSERT_EQ(dlc_context_run(made.context, &in, 1, out, 5), DLC_OK) << dlc_last_error();
      EXPECT_EQ(y, exampleResult(x));
      EXPECT_EQ(sameX, x);
      EXPECT_EQ(sameY, y);
      for (int i = 0; i < 8; ++i) EXPECT_EQ(sameW[size_t(i)], 0.5f + float(i));
      for (size_t i = 0; i < n; ++i) {
        EXPECT_EQ(mixed[i], y[i]);
        EXPECT_EQ(mixed[n + i], 0x1.7e7e7ep-1f);
        EXPECT_EQ(mixed[2 * n + i], 0x1.008p1f);
        EXPECT_EQ(mixed[3 * n + i], 1.0f);
      }
    }
    EXPECT_EQ(fake().instantiations, flags ? 1 : 0);
  }
}

TEST_F(ContextTest, EmptyLaunchesAreSkipped) {
  Json plan = examplePlan();
  plan["symbols"][0]["min"] = 0;
  LoadedModule module(makeArtifact(plan));
  MadeContext made(module.module);
  HostRun run(0);
  EXPECT_EQ(run.run(made.context), DLC_OK) << dlc_last_error();
  EXPECT_EQ(fake().launches, 0);
}

TEST_F(ContextTest, ZeroedMemoryStartsAsZero) {
  Json plan = examplePlan();
  plan["memory"]["zeroed"] = 1024;
  plan["buffers"].push_back({{"name", "counters"},
                             {"dtype", "u32"},
                             {"dims", {256}},
                             {"base", {{"kind", "zeroed"}}},
                             {"offset", 0}});
  plan["outputs"].push_back({{"name", "seen"}, {"dtype", "u32"}, {"dims", {256}}, {"buffer", "counters"}});
  for (uint32_t flags : {0u, uint32_t(DLC_LOAD_GUARD)}) {
    dlc_load_options options = exampleOptions();
    options.flags = flags;
    LoadedModule module(makeArtifact(plan), options);
    MadeContext made(module.module);
    std::vector<float> x = exampleInput(2), y(2);
    std::vector<uint32_t> seen(256, 7);
    int64_t shapeX[] = {2, 8}, shapeY[] = {2}, shapeSeen[] = {256};
    dlc_tensor in = {x.data(), DLC_F32, DLC_HOST, 2, shapeX, nullptr};
    dlc_tensor out[] = {{y.data(), DLC_F32, DLC_HOST, 1, shapeY, nullptr},
                        {seen.data(), DLC_U32, DLC_HOST, 1, shapeSeen, nullptr}};
    ASSERT_EQ(dlc_context_run(made.context, &in, 1, out, 2), DLC_OK) << dlc_last_error();
    EXPECT_EQ(seen, std::vector<uint32_t>(256, 0));
  }
}

TEST_F(ContextTest, ThreadsShareTheModule) {
  LoadedModule module(makeArtifact(examplePlan()));
  std::vector<std::thread> threads;
  std::atomic<int> failures = 0;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      MadeContext made(module.module);
      for (int i = 0; i < 20; ++i) {
        HostRun run(1 + (t + i) % 17);
        failures += run.run(made.context) != DLC_OK || run.y != exampleResult(run.x);
      }
    });
  for (std::thread &thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
}

TEST_F(ContextTest, ContextsOutliveTheirModulesHandle) {
  auto module = std::make_unique<LoadedModule>(makeArtifact(examplePlan()));
  MadeContext made(module->module);
  module.reset();
  HostRun run(2);
  EXPECT_EQ(run.run(made.context), DLC_OK);
  EXPECT_EQ(run.y, exampleResult(run.x));
}

TEST_F(ContextTest, CppWrapper) {
  dlc::Module module(fixturePath("example.ptx"));
  dlc_context_options options = fakeOptions();
  dlc::Context context(module, &options);
  EXPECT_EQ(context.device().sms, 108);
  EXPECT_EQ(module.inputs().at(0).rank, 2);
  EXPECT_EQ(module.symbols().at(0).max, 17);
  std::vector<float> x = exampleInput(9), y(9);
  dlc::Dims dims = module.bind({dlc::hostTensor(x.data(), {9, 8})});
  EXPECT_EQ(module.outputShape(0, dims), std::vector<int64_t>{9});
  EXPECT_EQ(module.memory(dims).arena, 512u);
  context.prepare(dims);
  context.run({dlc::hostTensor(x.data(), {9, 8})}, {dlc::hostTensor(y.data(), {9})});
  EXPECT_EQ(y, exampleResult(x));
  try {
    context.run({dlc::hostTensor(x.data(), {18, 8})}, {dlc::hostTensor(y.data(), {18})});
    ADD_FAILURE();
  } catch (const dlc::Error &error) {
    EXPECT_EQ(error.status(), DLC_ERROR_DIMS);
    EXPECT_STREQ(error.what(), "input 'x' dim 0 ('batch') is 18; this artifact takes 1..17");
  }
}

namespace {
// Callbacks of which call number `failAt` finds no memory.
struct Countdown {
  int calls = 0, failAt = 0, live = 0;
  bool fails() { return ++calls == failAt; }
};
} // namespace

// Allocation number n fails for every n: a status and nothing left, and the next try works.
TEST_F(ContextTest, EveryAllocationMayFail) {
  std::string artifact = makeArtifact(examplePlan());
  for (bool onDevice : {false, true})
    for (uint32_t flags : {0u, uint32_t(DLC_LOAD_GUARD)}) {
      bool isReached = true;
      int n = 0, failures = 0;
      while (isReached) {
        Countdown host, device;
        (onDevice ? device : host).failAt = ++n;
        dlc_load_options options = exampleOptions();
        options.flags = flags;
        options.host = {&host,
                        [](void *user, size_t bytes, size_t) -> void * {
                          auto *count = static_cast<Countdown *>(user);
                          if (count->fails()) return nullptr;
                          ++count->live;
                          return std::malloc(bytes);
                        },
                        [](void *user, void *memory, size_t) {
                          --static_cast<Countdown *>(user)->live;
                          std::free(memory);
                        }};
        options.device = {&device,
                          [](void *user, uint64_t bytes, uint64_t, uint64_t *address) {
                            auto *count = static_cast<Countdown *>(user);
                            if (count->fails()) return 1;
                            ++count->live;
                            *address = uintptr_t(std::aligned_alloc(256, (bytes + 255) / 256 * 256));
                            return 0;
                          },
                          [](void *user, uint64_t address, uint64_t) {
                            --static_cast<Countdown *>(user)->live;
                            std::free(reinterpret_cast<void *>(uintptr_t(address)));
                          }};
        dlc_status status;
        {
          LoadedModule module(artifact, options);
          status = module.status;
          if (status == DLC_OK) {
            MadeContext made(module.module);
            status = made.status;
            if (status == DLC_OK) {
              HostRun run(11);
              status = run.run(made.context);
              if (status != DLC_OK) EXPECT_EQ(run.run(made.context), DLC_OK) << n << dlc_last_error();
              EXPECT_EQ(run.y, exampleResult(run.x));
            }
          }
        }
        EXPECT_EQ(host.live, 0) << n;
        EXPECT_EQ(device.live, 0) << n;
        isReached = (onDevice ? device : host).calls >= n;
        failures += status != DLC_OK;
        // Success is right, too, where memory was only to be trimmed.
        if (status != DLC_OK)
          EXPECT_EQ(status, onDevice ? DLC_ERROR_OUT_OF_DEVICE_MEMORY : DLC_ERROR_OUT_OF_HOST_MEMORY) << n;
        ASSERT_LT(n, 5000);
      }
      EXPECT_GT(failures, onDevice ? 3 : 150);
    }
}
