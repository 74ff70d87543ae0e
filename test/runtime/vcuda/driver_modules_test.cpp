// The virtual driver through the public interface: modules, functions, launches.
#include "fixture.h"

#include <cmath>
#include <cstring>
#include <vector>

using namespace client;

TEST_F(DriverTest, RunsSaxpy) {
  const int n = 1000;
  std::vector<float> x(n), y(n), out(n);
  for (int i = 0; i < n; ++i) x[i] = float(i), y[i] = 1.f;
  Address dx = alloc(4 * n), dy = alloc(4 * n);
  EXPECT_EQ(cu.cuMemcpyHtoD(dx, x.data(), 4 * n), 0);
  EXPECT_EQ(cu.cuMemcpyHtoD(dy, y.data(), 4 * n), 0);
  EXPECT_EQ(launch(function("saxpy"), 8, 128, 0, nullptr, n, 2.f, dx, dy), 0);
  EXPECT_EQ(cu.cuMemcpyDtoH(out.data(), dy, 4 * n), 0);
  for (int i = 0; i < n; ++i) ASSERT_EQ(out[i], 2.f * float(i) + 1.f) << i;
}

TEST_F(DriverTest, RunsAReduction) {
  const int n = 10000;
  std::vector<float> x(n, 0.5f);
  Address dx = alloc(4 * n), sum = alloc(4);
  EXPECT_EQ(cu.cuMemcpyHtoD(dx, x.data(), 4 * n), 0);
  EXPECT_EQ(cu.cuMemsetD32(sum, 0, 1), 0);
  // Parameters as one buffer.
  struct {
    int n;
    Address x, sum;
  } parameters = {n, dx, sum};
  size_t bytes = sizeof parameters;
  void *extra[] = {reinterpret_cast<void *>(1), &parameters, reinterpret_cast<void *>(2), &bytes, nullptr};
  EXPECT_EQ(cu.cuLaunchKernel(function("blockSum"), 4, 1, 1, 256, 1, 1, 0, nullptr, nullptr, extra), 0);
  float total = 0;
  EXPECT_EQ(cu.cuMemcpyDtoH(&total, sum, 4), 0);
  EXPECT_EQ(total, 5000.f);
}

TEST_F(DriverTest, ModulesHaveGlobals) {
  Address out = alloc(32), counter = 0, constants = 0;
  size_t bytes = 0;
  Handle f = function("useGlobals");
  EXPECT_EQ(cu.cuModuleGetGlobal(&counter, &bytes, module, "deviceCounter"), 0);
  EXPECT_EQ(bytes, 4u);
  EXPECT_EQ(cu.cuModuleGetGlobal(&constants, &bytes, module, "coefficients"), 0);
  EXPECT_EQ(bytes, 16u);
  EXPECT_EQ(cu.cuModuleGetGlobal(&constants, &bytes, module, "nothing"), notFound);
  float five = 5.f, result[8];
  EXPECT_EQ(cu.cuMemcpyHtoD(constants + 4, &five, 4), 0);
  EXPECT_EQ(launch(f, 1, 8, 0, nullptr, out), 0);
  EXPECT_EQ(cu.cuMemcpyDtoH(result, out, 32), 0);
  EXPECT_EQ(result[0], 1.f);
  EXPECT_EQ(result[1], 5.f);
  EXPECT_EQ(result[7], 4.f);
  int count = 0;
  EXPECT_EQ(cu.cuMemcpyDtoH(&count, counter, 4), 0);
  EXPECT_EQ(count, 8);
}

TEST_F(DriverTest, LibrariesWorkInEveryContext) {
  Handle library = nullptr, kernel = nullptr, f = nullptr;
  EXPECT_EQ(cu.cuLibraryLoadData(&library, ptx().c_str(), nullptr, nullptr, 0, nullptr, nullptr, 0), 0);
  EXPECT_EQ(cu.cuLibraryGetKernel(&kernel, library, "increment"), 0);
  EXPECT_EQ(cu.cuLibraryGetKernel(&kernel, library, "nothing"), notFound);
  Address p = alloc(128);
  EXPECT_EQ(cu.cuMemsetD32(p, 41, 32), 0);
  EXPECT_EQ(launch(kernel, 1, 32, 0, nullptr, p), 0); // a kernel where a function is expected
  EXPECT_EQ(cu.cuKernelGetFunction(&f, kernel), 0);
  EXPECT_EQ(launch(f, 1, 32, 0, nullptr, p), 0);
  int value = 0;
  EXPECT_EQ(cu.cuMemcpyDtoH(&value, p, 4), 0);
  EXPECT_EQ(value, 43);
  EXPECT_EQ(cu.cuLibraryUnload(library), 0);
  EXPECT_EQ(launch(f, 1, 32, 0, nullptr, p), invalidHandle);
  EXPECT_EQ(launch(kernel, 1, 32, 0, nullptr, p), invalidHandle);
}

TEST_F(DriverTest, RefusesBadModules) {
  Handle m = nullptr;
  EXPECT_EQ(cu.cuModuleLoadData(&m, nullptr), invalidValue);
  EXPECT_EQ(cu.cuModuleLoadData(&m, ""), invalidPtx);
  EXPECT_EQ(cu.cuModuleLoadData(&m, "no ptx at all"), invalidPtx);
  EXPECT_EQ(cu.cuModuleLoadData(&m, ".version 10.0\n.target sm_80\n.address_size 64\n"), unsupportedPtx);
  EXPECT_EQ(cu.cuModuleLoadData(&m, "// newer\n.version 8.0\n.target sm_90a\n.address_size 64\n"),
            invalidPtx);
  EXPECT_EQ(cu.cuModuleLoadData(&m, "\x7f"
                                    "ELF........"),
            209);
  char log[200] = "untouched";
  int options[] = {5, 6};
  void *values[] = {log, reinterpret_cast<void *>(uintptr_t(sizeof log))};
  const char *broken =
      ".version 7.8\n.target sm_80\n.address_size 64\n.visible .entry k() {\n  frobnicate.b32 %r1;\n}\n";
  EXPECT_EQ(cu.cuModuleLoadDataEx(&m, broken, 2, options, values), invalidPtx);
  EXPECT_NE(std::string(log).find("line 5"), std::string::npos) << log;
  EXPECT_NE(std::string(log).find("frobnicate"), std::string::npos) << log;
  EXPECT_EQ(reinterpret_cast<uintptr_t>(values[1]), std::strlen(log));
  int unknown[] = {99};
  EXPECT_EQ(cu.cuModuleLoadDataEx(&m, ptx().c_str(), 1, unknown, values), invalidValue);
  Handle f = nullptr;
  function("saxpy");
  EXPECT_EQ(cu.cuModuleGetFunction(&f, module, "nothing"), notFound);
  EXPECT_EQ(cu.cuModuleUnload(module), 0);
  EXPECT_EQ(cu.cuModuleUnload(module), invalidHandle);
  EXPECT_EQ(cu.cuModuleGetFunction(&f, module, "saxpy"), invalidHandle);
}

TEST_F(DriverTest, ChecksLaunches) {
  Handle f = function("increment"), bounded = function("bounded");
  Address p = alloc(4096);
  EXPECT_EQ(cu.cuMemsetD32(p, 0, 1024), 0);
  void *args[] = {&p};
  auto with = [&](Handle k, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                  unsigned shared) {
    return cu.cuLaunchKernel(k, gx, gy, gz, bx, by, bz, shared, nullptr, args, nullptr);
  };
  EXPECT_EQ(with(f, 1, 1, 1, 1024, 1, 1, 0), 0);
  EXPECT_EQ(with(f, 0, 1, 1, 32, 1, 1, 0), invalidValue);
  EXPECT_EQ(with(f, 1, 65536, 1, 32, 1, 1, 0), invalidValue);
  EXPECT_EQ(with(f, 0x80000000u, 1, 1, 32, 1, 1, 0), invalidValue);
  EXPECT_EQ(with(f, 1, 1, 1, 0, 1, 1, 0), invalidValue);
  EXPECT_EQ(with(f, 1, 1, 1, 1025, 1, 1, 0), invalidValue);
  EXPECT_EQ(with(f, 1, 1, 1, 32, 64, 1, 0), invalidValue);
  EXPECT_EQ(with(f, 1, 1, 1, 1, 1, 65, 0), invalidValue);
  EXPECT_EQ(with(bounded, 1, 1, 1, 128, 1, 1, 0), 0);
  EXPECT_EQ(with(bounded, 1, 1, 1, 160, 1, 1, 0), invalidValue);
  EXPECT_EQ(with(f, 1, 1, 1, 32, 1, 1, 49152), 0);
  EXPECT_EQ(with(f, 1, 1, 1, 32, 1, 1, 49153), invalidValue);
  EXPECT_EQ(cu.cuLaunchKernel(f, 1, 1, 1, 32, 1, 1, 0, nullptr, nullptr, nullptr), invalidValue);
  void *extra[] = {nullptr};
  EXPECT_EQ(cu.cuLaunchKernel(f, 1, 1, 1, 32, 1, 1, 0, nullptr, args, extra), invalidValue);
  EXPECT_EQ(cu.cuLaunchKernel(f, 1, 1, 1, 32, 1, 1, 0, nullptr, nullptr, extra), invalidValue);
  EXPECT_EQ(cu.cuLaunchKernel(nullptr, 1, 1, 1, 32, 1, 1, 0, nullptr, args, nullptr), invalidHandle);
  EXPECT_EQ(cu.cuLaunchKernel(reinterpret_cast<Handle>(uintptr_t(0x1234567)), 1, 1, 1, 32, 1, 1, 0, nullptr,
                              args, nullptr),
            invalidHandle);
  EXPECT_EQ(
      cu.cuLaunchKernel(f, 1, 1, 1, 32, 1, 1, 0, reinterpret_cast<Handle>(uintptr_t(99)), args, nullptr),
      invalidHandle);
  // As many CTAs as are resident at once; with n = 0 they touch nothing that others touch.
  int n = 0;
  float scale = 1;
  void *nothing[] = {&n, &scale, &p, &p};
  Handle saxpy = function("saxpy");
  EXPECT_EQ(cu.cuLaunchCooperativeKernel(saxpy, 108, 1, 1, 1024, 1, 1, 0, nullptr, nothing), 0);
  EXPECT_EQ(cu.cuLaunchCooperativeKernel(saxpy, 108 * 3, 1, 1, 1024, 1, 1, 0, nullptr, nothing),
            cooperativeTooLarge);
  EXPECT_EQ(cu.cuCtxSynchronize(), 0);
}

TEST_F(DriverTest, LaunchAttributesAreKnown) {
  Handle f = function("increment");
  Address p = alloc(128);
  EXPECT_EQ(cu.cuMemsetD32(p, 0, 32), 0);
  void *args[] = {&p};
  LaunchAttribute attribute = {};
  LaunchConfig config = {{1, 1, 1}, {32, 1, 1}, 0, nullptr, &attribute, 1};
  attribute.id = 6; // programmatic stream serialisation
  attribute.value.flag = 1;
  EXPECT_EQ(cu.cuLaunchKernelEx(&config, f, args, nullptr), 0);
  attribute.id = 4; // cluster dimension
  attribute.value.cluster[0] = attribute.value.cluster[1] = attribute.value.cluster[2] = 1;
  EXPECT_EQ(cu.cuLaunchKernelEx(&config, f, args, nullptr), 0);
  attribute.value.cluster[0] = 2;
  EXPECT_EQ(cu.cuLaunchKernelEx(&config, f, args, nullptr), 912);
  attribute.id = 500;
  EXPECT_EQ(cu.cuLaunchKernelEx(&config, f, args, nullptr), invalidValue);
  config.attributes = nullptr;
  EXPECT_EQ(cu.cuLaunchKernelEx(&config, f, args, nullptr), invalidValue);
  EXPECT_EQ(cu.cuLaunchKernelEx(nullptr, f, args, nullptr), invalidValue);
}

TEST_F(DriverTest, LargeSharedMemoryNeedsOptIn) {
  Handle f = function("dynamicShared");
  const unsigned bytes = 163 * 1024;
  Address out = alloc(4);
  EXPECT_EQ(cu.cuMemsetD32(out, 0, 1), 0);
  EXPECT_EQ(launch(f, 1, 128, bytes, nullptr, int(bytes / 4), out), invalidValue);
  EXPECT_EQ(cu.cuFuncSetAttribute(f, 8, int(bytes) + 1), invalidValue);
  EXPECT_EQ(cu.cuFuncSetAttribute(f, 8, -1), invalidValue);
  EXPECT_EQ(cu.cuFuncSetAttribute(f, 8, int(bytes)), 0);
  int value = 0;
  EXPECT_EQ(cu.cuFuncGetAttribute(&value, 8, f), 0);
  EXPECT_EQ(value, int(bytes));
  EXPECT_EQ(launch(f, 1, 128, bytes, nullptr, int(bytes / 4), out), 0);
  int sum = 0;
  EXPECT_EQ(cu.cuMemcpyDtoH(&sum, out, 4), 0);
  int n = int(bytes / 4);
  EXPECT_EQ(sum, n * (n - 1) / 2);
}

TEST_F(DriverTest, FunctionsHaveAttributesAndOccupancy) {
  Handle sum = function("blockSum"), bounded = function("bounded");
  int value = 0;
  EXPECT_EQ(cu.cuFuncGetAttribute(&value, 1, sum), 0);
  EXPECT_EQ(value, 1024); // static shared memory
  EXPECT_EQ(cu.cuFuncGetAttribute(&value, 0, sum), 0);
  EXPECT_EQ(value, 1024);
  EXPECT_EQ(cu.cuFuncGetAttribute(&value, 0, bounded), 0);
  EXPECT_EQ(value, 128);
  EXPECT_EQ(cu.cuFuncGetAttribute(&value, 6, sum), 0);
  EXPECT_EQ(value, 80);
  EXPECT_EQ(cu.cuFuncGetAttribute(&value, 99, sum), invalidValue);
  EXPECT_EQ(cu.cuFuncSetAttribute(sum, 0, 5), invalidValue);
  size_t offset = 0, bytes = 0;
  EXPECT_EQ(cu.cuFuncGetParamInfo(function("saxpy"), 2, &offset, &bytes), 0);
  EXPECT_EQ(offset, 8u);
  EXPECT_EQ(bytes, 8u);
  EXPECT_EQ(cu.cuFuncGetParamInfo(sum, 3, &offset, &bytes), invalidValue);
  int blocks = 0;
  EXPECT_EQ(cu.cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, sum, 256, 0), 0);
  EXPECT_EQ(blocks, 8); // 2048 threads
  EXPECT_EQ(cu.cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, sum, 256, 40 * 1024), 0);
  EXPECT_EQ(blocks, 3); // 164 KB / (41 + 1 KB)
  int grid = 0, block = 0;
  EXPECT_EQ(cu.cuOccupancyMaxPotentialBlockSize(&grid, &block, bounded, nullptr, 0, 0), 0);
  EXPECT_EQ(block, 128);
  EXPECT_EQ(grid, 108 * 16);
}

//===----------------------------------------------------------------------===//
// Fat binaries
//===----------------------------------------------------------------------===//

namespace {

class FatBinaryTest : public DriverTest {
protected:
  static std::string bytesOf(const char *name) {
    return readFile((std::string(VCUDA_TEST_FATBINS "/") + name).c_str());
  }
  /// Loads an image; `log` has the errors.
  int load(const void *image) {
    log[0] = 0;
    int options[] = {5, 6};
    void *values[] = {log, reinterpret_cast<void *>(sizeof log)};
    return cu.cuModuleLoadDataEx(&module, image, 2, options, values);
  }
  void expectAddsOne() {
    Address p = alloc(4);
    EXPECT_EQ(cu.cuMemsetD32(p, 6, 1), 0);
    EXPECT_EQ(launch(function("addOne"), 1, 1, 0, nullptr, p), 0);
    EXPECT_EQ(launch(function("onlyFor80"), 1, 0, 0, nullptr, p),
              invalidValue); // it is there: what is wrong is the launch
    int value = 0;
    EXPECT_EQ(cu.cuMemcpyDtoH(&value, p, 4), 0);
    EXPECT_EQ(value, 7);
  }
  char log[512] = {};
};

} // namespace

TEST_F(FatBinaryTest, TheNewestPtxThatSuitsIsTaken) {
  std::string image = bytesOf("plain.fatbin");
  ASSERT_EQ(load(image.data()), 0) << log;
  expectAddsOne();
}

TEST_F(FatBinaryTest, ProgramsHaveAWrapperAroundIt) {
  std::string image = bytesOf("plain.fatbin");
  struct {
    uint32_t magic, version;
    const void *data;
    void *name;
  } wrapper = {0x466243b1, 1, image.data(), nullptr};
  ASSERT_EQ(load(&wrapper), 0) << log;
  expectAddsOne();
  int nothing = 0;
  wrapper.data = &nothing;
  EXPECT_EQ(load(&wrapper), 200);
  wrapper.data = nullptr;
  EXPECT_EQ(load(&wrapper), 200);
}

TEST_F(FatBinaryTest, CompressedPtxIsRead) {
  for (const char *name : {"compressed.fatbin", "compressed_lz4.fatbin"}) {
    std::string image = bytesOf(name);
    ASSERT_EQ(load(image.data()), 0) << name << log;
    expectAddsOne();
  }
}

TEST_F(FatBinaryTest, BrokenCompressedPtxIsRefused) {
  for (const char *name : {"compressed.fatbin", "compressed_lz4.fatbin"}) {
    std::string image = bytesOf(name);
    // The entries have headers of 80 bytes: the one for sm_80 is the second with PTX.
    size_t entry = image.find(std::string("\x01\x00\x01\x01\x50\x00\x00\x00", 8), 17);
    ASSERT_NE(entry, std::string::npos) << name;
    for (size_t at : {size_t(16), size_t(56), size_t(63), size_t(80), size_t(100), size_t(130)}) {
      std::string broken = image;
      broken[entry + at] = char(broken[entry + at] ^ 0x5a);
      int status = load(broken.data()); // a changed literal is another text, not a broken one
      EXPECT_TRUE(status == 200 || status == 218 || (at > 80 && status == 0))
          << name << " " << at << " " << status;
      if (at < 80) EXPECT_EQ(status, 200) << name << " " << at;
    }
  }
}

TEST_F(FatBinaryTest, WhatHasNoPtxIsRefusedInWords) {
  EXPECT_EQ(load(bytesOf("machine.fatbin").data()), 209);
  EXPECT_NE(std::string(log).find("machine code only"), std::string::npos) << log;
  std::string image = bytesOf("plain.fatbin");
  for (size_t at : {size_t(16 + 4), size_t(16 + 8)}) { // bytes of the first entry's header, and of the entry
    std::string broken = image;
    broken[at + 2] = 0x7f;
    EXPECT_EQ(load(broken.data()), 200) << at;
    EXPECT_NE(std::string(log).find("do not fit"), std::string::npos) << log;
  }
}

//===----------------------------------------------------------------------===//
// Linking
//===----------------------------------------------------------------------===//

namespace {

const char *const callerPtx =
    ".version 7.8\n.target sm_75\n.address_size 64\n.extern .func (.param .b32 r) twice(.param .b32 x);\n"
    ".visible .entry useTwice(.param .u64 out)\n{\n.reg .b32 %r<3>; .reg .b64 %rd;\nld.param.u64 %rd, "
    "[out];\n"
    "ld.global.u32 %r0, [%rd];\n{ .param .b32 p; .param .b32 q; st.param.b32 [p], %r0; call.uni (q), twice, "
    "(p); "
    "ld.param.b32 %r1, [q]; }\nst.global.u32 [%rd], %r1; ret;\n}\n";
const char *const calledPtx =
    "//\n.version 8.0\n.target sm_80, debug\n.address_size 64\n.visible .func (.param .b32 r) twice(.param "
    ".b32 x)\n{\n"
    ".reg .b32 %r<2>;\nld.param.b32 %r0, [x]; add.u32 %r1, %r0, %r0; st.param.b32 [r], %r1; ret;\n}\n";

class LinkTest : public DriverTest {
protected:
  void SetUp() override {
    DriverTest::SetUp();
    EXPECT_EQ(call("cuLinkCreate", 4u, options, values, &state), 0);
  }
  int add(const char *text, int type = 1) {
    return call("cuLinkAddData", state, type, const_cast<void *>(static_cast<const void *>(text)),
                strlen(text), "name.ptx", 0u, static_cast<int *>(nullptr), static_cast<void **>(nullptr));
  }
  int complete() { return call("cuLinkComplete", state, &image, &bytes); }

  char errors[512] = {}, infos[512] = {};
  int options[4] = {5, 6, 3, 4}; // error log and its size, info log and its size
  void *values[4] = {errors, reinterpret_cast<void *>(sizeof errors), infos,
                     reinterpret_cast<void *>(sizeof infos)};
  Handle state = nullptr;
  void *image = nullptr;
  size_t bytes = 0;
};

} // namespace

TEST_F(LinkTest, OneTextIsTheImage) {
  EXPECT_EQ(add(ptx().c_str()), 0);
  ASSERT_EQ(complete(), 0);
  EXPECT_EQ(bytes, ptx().size() + 1);
  std::vector<char> copy(static_cast<char *>(image), static_cast<char *>(image) + bytes);
  EXPECT_EQ(add(calledPtx), invalidValue); // it is complete
  EXPECT_EQ(call("cuLinkDestroy", state), 0);
  EXPECT_EQ(call("cuLinkDestroy", state), invalidHandle);
  EXPECT_EQ(cu.cuModuleLoadData(&module, copy.data()), 0);
  Address p = alloc(4);
  EXPECT_EQ(cu.cuMemsetD32(p, 1, 1), 0);
  EXPECT_EQ(launch(function("increment"), 1, 1, 0, nullptr, p), 0);
  int value = 0;
  EXPECT_EQ(cu.cuMemcpyDtoH(&value, p, 4), 0);
  EXPECT_EQ(value, 2);
}

TEST_F(LinkTest, ATextCallsAnother) {
  for (bool callerFirst : {true, false}) {
    if (!callerFirst) EXPECT_EQ(call("cuLinkCreate", 4u, options, values, &state), 0);
    EXPECT_EQ(add(callerFirst ? callerPtx : calledPtx), 0);
    EXPECT_EQ(add(callerFirst ? calledPtx : callerPtx), 0);
    ASSERT_EQ(complete(), 0) << errors;
    EXPECT_NE(std::string(infos).find("useTwice"), std::string::npos);
    Handle linked = nullptr, f = nullptr;
    ASSERT_EQ(cu.cuModuleLoadData(&linked, image), 0);
    EXPECT_EQ(cu.cuModuleGetFunction(&f, linked, "useTwice"), 0);
    Address p = alloc(4);
    EXPECT_EQ(cu.cuMemsetD32(p, 21, 1), 0);
    EXPECT_EQ(launch(f, 1, 1, 0, nullptr, p), 0);
    int value = 0;
    EXPECT_EQ(cu.cuMemcpyDtoH(&value, p, 4), 0);
    EXPECT_EQ(value, 42);
  }
}

// Each text has a function and a string of its own by the same names, a weak one and a common variable that
// both define, and a variable that one defines and the other reads.
TEST_F(LinkTest, SymbolsAreLinkedAsTheirDirectivesSay) {
  auto text = [](const char *name, int value, const char *variable) {
    std::string n = name, v = std::to_string(value);
    return ".version 7.8\n.target sm_80\n.address_size 64\n" + std::string(variable) +
           ".common .global .align 4 .u32 both;\n.global .align 4 .b8 text[4] = {" + v + ", 0, 0, 0};\n" +
           ".func (.param .b32 r) own()\n{\n.reg .b32 %r; ld.global.u32 %r, [text]; st.param.b32 [r], %r; "
           "ret;\n}\n" +
           ".weak .entry templated(.param .u64 out)\n{\nret;\n}\n"
           ".weak .func (.param .b32 r) same()\n{\n.reg .b32 %r; mov.u32 %r, " +
           v + "00; st.param.b32 [r], %r; ret;\n}\n.visible .entry " + n + "(.param .u64 out)\n{\n.loc 1 " +
           v +
           "1 0\n.reg .b32 %r<6>; .reg .b64 %rd;\n"
           "{ .param .b32 q; call.uni (q), own; ld.param.b32 %r0, [q]; }\n"
           "{ .param .b32 q; call.uni (q), same; ld.param.b32 %r1, [q]; }\n"
           "ld.global.u32 %r2, [shared_by_both]; atom.global.add.u32 %r3, [both], 1000;\n"
           "add.u32 %r0, %r0, %r1; add.u32 %r0, %r0, %r2; add.u32 %r0, %r0, %r3;\n"
           "ld.param.b64 %rd, [out]; st.global.u32 [%rd], %r0; ret;\n}\n.file 1 \"" +
           n + ".cu\"\n";
  };
  std::string first = text("first", 1, ".extern .global .align 4 .u32 shared_by_both;\n"),
              second = text("second", 2, ".visible .global .align 4 .u32 shared_by_both = 30000;\n");
  EXPECT_EQ(add(first.c_str()), 0);
  EXPECT_EQ(add(second.c_str()), 0);
  ASSERT_EQ(complete(), 0) << errors;
  Handle linked = nullptr;
  ASSERT_EQ(cu.cuModuleLoadData(&linked, image), 0);
  Address p = alloc(4);
  // The first definition of the weak function counts; the counter is one.
  for (auto [name, expected] : {std::pair("first", 30101), std::pair("second", 31102)}) {
    Handle f = nullptr;
    ASSERT_EQ(cu.cuModuleGetFunction(&f, linked, name), 0);
    EXPECT_EQ(launch(f, 1, 1, 0, nullptr, p), 0);
    int value = 0;
    EXPECT_EQ(cu.cuMemcpyDtoH(&value, p, 4), 0);
    EXPECT_EQ(value, expected);
  }
  // Files have numbers of their own.
  std::string all(static_cast<char *>(image), bytes);
  EXPECT_NE(all.find(".file 1 \"first.cu\""), std::string::npos);
  EXPECT_NE(all.find(".loc 3 21 0"), std::string::npos) << all;
  EXPECT_NE(all.find(".file 3 \"second.cu\""), std::string::npos);
  values[1] = reinterpret_cast<void *>(sizeof errors); // was how much the log had
  EXPECT_EQ(call("cuLinkCreate", 4u, options, values, &state), 0);
  EXPECT_EQ(add(second.c_str()), 0);
  EXPECT_EQ(add(second.c_str()), 0);
  EXPECT_EQ(complete(), invalidPtx);
  EXPECT_NE(std::string(errors).find("is defined in name.ptx and in name.ptx"), std::string::npos) << errors;
  values[1] = reinterpret_cast<void *>(sizeof errors);
  EXPECT_EQ(call("cuLinkCreate", 4u, options, values, &state), 0);
  EXPECT_EQ(add((first + "`").c_str()), 0); // judged with the others
  EXPECT_EQ(add(second.c_str()), 0);
  EXPECT_EQ(complete(), invalidPtx);
  EXPECT_NE(std::string(errors).find("name.ptx: unexpected character"), std::string::npos) << errors;
}

TEST_F(LinkTest, WhatCannotBeLinkedIsRefusedInWords) {
  EXPECT_EQ(add(".version 7.8\n.target sm_80\n.address_size 64\nnonsense\n"), invalidPtx);
  EXPECT_NE(std::string(errors).find("name.ptx, line 4"), std::string::npos) << errors;
  EXPECT_EQ(complete(), invalidValue); // there is nothing
  EXPECT_EQ(add("\x7f"
                "ELF",
                0),
            209);
  EXPECT_EQ(add(callerPtx, 7), invalidValue);
  EXPECT_EQ(add(callerPtx), 0);
  EXPECT_EQ(complete(), invalidPtx);
  EXPECT_NE(std::string(errors).find("twice"), std::string::npos) << errors;
  EXPECT_EQ(call("cuLinkAddFile", state, 1, "/nonexistent.ptx", 0u, static_cast<int *>(nullptr),
                 static_cast<void **>(nullptr)),
            301);
}
