// Counters of whole kernels, all of them at once, against values worked out by hand: what is not listed is
// zero. Instructions are listed as (class, how many a warp) x warps, in the order of the PTX.
#include "test/runtime/vcuda/device.h"

using namespace dlc::vcuda;
using namespace dlc::vcuda::test;

namespace {

using C = InstructionClass;

struct Expected {
  std::vector<std::pair<C, uint64_t>> instructions; ///< entries of one class are summed
  uint64_t ctas, warps;
  uint64_t mmaFlops = 0;
  uint64_t bytesRead = 0, bytesWritten = 0, reads = 0, writes = 0, sectorsRead = 0, sectorsWritten = 0;
  uint64_t dramRead = 0, dramWritten = 0;
  uint64_t conflicts = 0, barriers = 0, divergent = 0;
};

class CountersOfKernels : public testing::Test {
protected:
  void SetUp() override { device.options.counters = true; }
  /// Runs kernel k, whose body this is, and compares every counter.
  void expectCounts(const std::string &parameters, const std::string &body, Dim3 grid, Dim3 block,
                    const Arguments &arguments, const Expected &e) {
    ModuleInstance m =
        device.load(".version 7.8\n.target sm_80\n.address_size 64\n.visible .entry k(" + parameters +
                    ")\n{\n.reg .pred %p<4>; .reg .b16 %h<4>; .reg .b32 %r<16>; .reg .f32 %f<8>;\n"
                    ".reg .b64 %rd<8>; .reg .f64 %d<4>;\n" +
                    body + "}\n");
    LaunchResult result = device.run(m, "k", grid, block, arguments);
    expectClean(result);
    const Counters &c = result.counters;
    std::array<uint64_t, size_t(C::Count)> instructions = {};
    for (auto [kind, count] : e.instructions) instructions[size_t(kind)] += count;
    for (size_t i = 0; i < instructions.size(); ++i)
      EXPECT_EQ(c.instructions[i], instructions[i]) << instructionClassName(C(i));
    EXPECT_EQ(c.launches, 1u);
    EXPECT_EQ(c.ctas, e.ctas);
    EXPECT_EQ(c.warps, e.warps);
    EXPECT_EQ(c.mmaFlops, e.mmaFlops);
    EXPECT_EQ(c.globalBytesRead, e.bytesRead);
    EXPECT_EQ(c.globalBytesWritten, e.bytesWritten);
    EXPECT_EQ(c.globalReads, e.reads);
    EXPECT_EQ(c.globalWrites, e.writes);
    EXPECT_EQ(c.globalSectorsRead, e.sectorsRead);
    EXPECT_EQ(c.globalSectorsWritten, e.sectorsWritten);
    EXPECT_EQ(c.leastDramBytesRead, e.dramRead);
    EXPECT_EQ(c.leastDramBytesWritten, e.dramWritten);
    EXPECT_EQ(c.sharedBankConflicts, e.conflicts);
    EXPECT_EQ(c.barriers, e.barriers);
    EXPECT_EQ(c.divergentBranches, e.divergent);
  }
  uint64_t words(size_t n) { return device.upload(std::vector<uint32_t>(n)); }
  Device device;
};

const char *const inOut = ".param .u64 in, .param .u64 out";

//===----------------------------------------------------------------------===//
// Global memory
//===----------------------------------------------------------------------===//

/// y = a x + y on 1000 elements by 4 CTAs of 8 warps. The last warp keeps 1000 - 31 * 32 = 8 of its lanes.
TEST_F(CountersOfKernels, Saxpy) {
  expectCounts(".param .u64 x, .param .u64 y, .param .f32 a, .param .u32 n",
               "mov.u32 %r0, %ctaid.x; mov.u32 %r1, %tid.x; mad.lo.u32 %r2, %r0, 256, %r1;\n"
               "ld.param.u32 %r3, [n]; setp.ge.u32 %p0, %r2, %r3; @%p0 bra END;\n"
               "ld.param.u64 %rd0, [x]; ld.param.u64 %rd1, [y]; ld.param.f32 %f0, [a];\n"
               "mul.wide.u32 %rd2, %r2, 4; add.s64 %rd0, %rd0, %rd2; add.s64 %rd1, %rd1, %rd2;\n"
               "ld.global.f32 %f1, [%rd0]; ld.global.f32 %f2, [%rd1];\n"
               "fma.rn.f32 %f3, %f0, %f1, %f2; st.global.f32 [%rd1], %f3;\nEND: ret;\n",
               {4}, {256}, Arguments().add(words(1000)).add(words(1000)).add(2.f).add(1000u),
               {.instructions = {{C::Move, 2 * 32},
                                 {C::Integer, 1 * 32},
                                 {C::ParameterLoad, 1 * 32},
                                 {C::Predicate, 1 * 32},
                                 {C::Control, 1 * 32},
                                 {C::ParameterLoad, 3 * 32},
                                 {C::Integer, 3 * 32},
                                 {C::GlobalLoad, 2 * 32},
                                 {C::Float, 1 * 32},
                                 {C::GlobalStore, 1 * 32},
                                 {C::Control, 1 * 32}},
                .ctas = 4,
                .warps = 32,
                .bytesRead = 2 * 1000 * 4,
                .bytesWritten = 1000 * 4,
                .reads = 2 * 32,
                .writes = 32,
                .sectorsRead = 2 * 1000 / 8,
                .sectorsWritten = 1000 / 8,
                .dramRead = 2 * 1000 * 4,
                .dramWritten = 1000 * 4,
                .divergent = 1});
}

/// Thread t reads the first of row t of 32 words: a sector for each lane, 32 sectors an access where 4 would
/// do.
TEST_F(CountersOfKernels, ColumnOfAMatrix) {
  expectCounts(inOut,
               "mov.u32 %r0, %tid.x; ld.param.u64 %rd0, [in]; ld.param.u64 %rd1, [out];\n"
               "mul.wide.u32 %rd2, %r0, 128; add.s64 %rd0, %rd0, %rd2; mul.wide.u32 %rd2, %r0, 4; add.s64 "
               "%rd1, %rd1, %rd2;\n"
               "ld.global.u32 %r1, [%rd0]; st.global.u32 [%rd1], %r1; ret;\n",
               {1}, {64}, Arguments().add(words(64 * 32)).add(words(64)),
               {.instructions = {{C::Move, 2},
                                 {C::ParameterLoad, 2 * 2},
                                 {C::Integer, 4 * 2},
                                 {C::GlobalLoad, 2},
                                 {C::GlobalStore, 2},
                                 {C::Control, 2}},
                .ctas = 1,
                .warps = 2,
                .bytesRead = 64 * 4,
                .bytesWritten = 64 * 4,
                .reads = 2,
                .writes = 2,
                .sectorsRead = 64,
                .sectorsWritten = 64 / 8,
                .dramRead = 64 * 32,
                .dramWritten = 64 * 4});
}

/// All lanes read one word; each writes its own.
TEST_F(CountersOfKernels, Broadcast) {
  expectCounts(inOut,
               "mov.u32 %r0, %tid.x; ld.param.u64 %rd0, [in]; ld.param.u64 %rd1, [out];\n"
               "mul.wide.u32 %rd2, %r0, 4; add.s64 %rd1, %rd1, %rd2;\n"
               "ld.global.u32 %r1, [%rd0]; st.global.u32 [%rd1], %r1; ret;\n",
               {1}, {128}, Arguments().add(words(1)).add(words(128)),
               {.instructions = {{C::Move, 4},
                                 {C::ParameterLoad, 2 * 4},
                                 {C::Integer, 2 * 4},
                                 {C::GlobalLoad, 4},
                                 {C::GlobalStore, 4},
                                 {C::Control, 4}},
                .ctas = 1,
                .warps = 4,
                .bytesRead = 128 * 4,
                .bytesWritten = 128 * 4,
                .reads = 4,
                .writes = 4,
                .sectorsRead = 4 * 1,
                .sectorsWritten = 128 / 8,
                .dramRead = 32,
                .dramWritten = 128 * 4});
}

/// 16 bytes of every 32: a lane uses half of its sector, so 32 sectors an access instead of 16.
TEST_F(CountersOfKernels, EverySecondVector) {
  expectCounts(
      inOut,
      "mov.u32 %r0, %tid.x; ld.param.u64 %rd0, [in]; ld.param.u64 %rd1, [out];\n"
      "mul.wide.u32 %rd2, %r0, 32; add.s64 %rd0, %rd0, %rd2; mul.wide.u32 %rd2, %r0, 16; add.s64 %rd1, %rd1, "
      "%rd2;\n"
      "ld.global.v4.u32 {%r1, %r2, %r3, %r4}, [%rd0]; st.global.v4.u32 [%rd1], {%r1, %r2, %r3, %r4}; ret;\n",
      {1}, {32}, Arguments().add(words(256)).add(words(128)),
      {.instructions = {{C::Move, 1},
                        {C::ParameterLoad, 2},
                        {C::Integer, 4},
                        {C::GlobalLoad, 1},
                        {C::GlobalStore, 1},
                        {C::Control, 1}},
       .ctas = 1,
       .warps = 1,
       .bytesRead = 32 * 16,
       .bytesWritten = 32 * 16,
       .reads = 1,
       .writes = 1,
       .sectorsRead = 32,
       .sectorsWritten = 16,
       .dramRead = 32 * 32,
       .dramWritten = 32 * 16});
}

/// y[i] = x[i - 1] + x[i] + x[i + 1] for 0 < i < 63, by predicates: guarded instructions are issued by both
/// warps and serve 31 lanes of each. Bytes of the first warp: 0 to 123 (4 sectors), 4 to 127 (4), 8 to 131
/// (5); of the second: 124 to 247 (5), 128 to 251 (4), 132 to 255 (4). Lanes 1 to 31 write 4 to 127, lanes 32
/// to 62 write 128 to 251.
TEST_F(CountersOfKernels, StencilWithPredicates) {
  expectCounts(
      inOut,
      "mov.u32 %r0, %tid.x; ld.param.u64 %rd0, [in]; ld.param.u64 %rd1, [out];\n"
      "mul.wide.u32 %rd2, %r0, 4; add.s64 %rd0, %rd0, %rd2; add.s64 %rd1, %rd1, %rd2;\n"
      "sub.u32 %r1, %r0, 1; setp.lt.u32 %p0, %r1, 62;\n"
      "@%p0 ld.global.f32 %f0, [%rd0+-4]; @%p0 ld.global.f32 %f1, [%rd0]; @%p0 ld.global.f32 %f2, [%rd0+4];\n"
      "add.f32 %f3, %f0, %f1; add.f32 %f3, %f3, %f2; @%p0 st.global.f32 [%rd1], %f3; ret;\n",
      {1}, {64}, Arguments().add(words(64)).add(words(64)),
      {.instructions = {{C::Move, 2},
                        {C::ParameterLoad, 2 * 2},
                        {C::Integer, 3 * 2},
                        {C::Integer, 2},
                        {C::Predicate, 2},
                        {C::GlobalLoad, 3 * 2},
                        {C::Float, 2 * 2},
                        {C::GlobalStore, 2},
                        {C::Control, 2}},
       .ctas = 1,
       .warps = 2,
       .bytesRead = 3 * 62 * 4,
       .bytesWritten = 62 * 4,
       .reads = 3 * 2,
       .writes = 2,
       .sectorsRead = (4 + 4 + 5) + (5 + 4 + 4),
       .sectorsWritten = 4 + 4,
       .dramRead = 64 * 4,
       .dramWritten = 8 * 32});
}

/// 16 bytes a thread into shared memory and from there to global memory, by 4 warps. Consecutive 16 bytes
/// have no conflicts.
TEST_F(CountersOfKernels, AsynchronousCopies) {
  expectCounts(
      inOut,
      ".shared .align 16 .b8 s[2048];\n"
      "mov.u32 %r0, %tid.x; ld.param.u64 %rd0, [in]; ld.param.u64 %rd1, [out];\n"
      "mul.wide.u32 %rd2, %r0, 16; add.s64 %rd0, %rd0, %rd2; add.s64 %rd1, %rd1, %rd2;\n"
      "mov.u32 %r1, s; mad.lo.u32 %r1, %r0, 16, %r1;\n"
      "cp.async.cg.shared.global [%r1], [%rd0], 16; cp.async.commit_group; cp.async.wait_group 0;\n"
      "ld.shared.v4.u32 {%r2, %r3, %r4, %r5}, [%r1]; st.global.v4.u32 [%rd1], {%r2, %r3, %r4, %r5}; ret;\n",
      {1}, {128}, Arguments().add(words(512)).add(words(512)),
      {.instructions = {{C::Move, 4},
                        {C::ParameterLoad, 2 * 4},
                        {C::Integer, 3 * 4},
                        {C::Move, 4},
                        {C::Integer, 4},
                        {C::AsyncCopy, 3 * 4},
                        {C::SharedLoad, 4},
                        {C::GlobalStore, 4},
                        {C::Control, 4}},
       .ctas = 1,
       .warps = 4,
       .bytesRead = 2048,
       .bytesWritten = 2048,
       .reads = 4,
       .writes = 4,
       .sectorsRead = 2048 / 32,
       .sectorsWritten = 2048 / 32,
       .dramRead = 2048,
       .dramWritten = 2048});
}

//===----------------------------------------------------------------------===//
// Shared memory: a matrix of 32 x 64 words is transposed by two CTAs of 32 x 32 threads; warp y holds row y
// of its tile
//===----------------------------------------------------------------------===//

/// `write`, `read`: %r4 and %r5 from x = %r0, y = %r1, the places of (y, x) and of (x, y) in shared memory,
/// in words.
std::string transposed(const std::string &write, const std::string &read) {
  return ".shared .align 16 .b8 s[4352];\n"
         "mov.u32 %r0, %tid.x; mov.u32 %r1, %tid.y; mov.u32 %r2, %ctaid.x; mov.u32 %r6, s;\n"
         "ld.param.u64 %rd0, [in]; ld.param.u64 %rd1, [out];\n"
         "mad.lo.u32 %r3, %r2, 32, %r0; mad.lo.u32 %r3, %r1, 64, %r3; mul.wide.u32 %rd2, %r3, 4; add.s64 "
         "%rd0, %rd0, %rd2;\n"
         "mad.lo.u32 %r3, %r2, 32, %r1; mad.lo.u32 %r3, %r3, 32, %r0; mul.wide.u32 %rd2, %r3, 4; add.s64 "
         "%rd1, %rd1, %rd2;\n" +
         write + read +
         "mad.lo.u32 %r4, %r4, 4, %r6; mad.lo.u32 %r5, %r5, 4, %r6;\n"
         "ld.global.u32 %r7, [%rd0]; st.shared.u32 [%r4], %r7; bar.sync 0; ld.shared.u32 %r7, [%r5];\n"
         "st.global.u32 [%rd1], %r7; ret;\n";
}

/// 64 warps; each reads and writes a row of 128 bytes in 4 sectors. `extra`: integer instructions of the two
/// places.
Expected transposition(uint64_t extra, uint64_t conflicts) {
  return {.instructions = {{C::Move, 4 * 64},
                           {C::ParameterLoad, 2 * 64},
                           {C::Integer, (8 + extra + 2) * 64},
                           {C::GlobalLoad, 64},
                           {C::SharedStore, 64},
                           {C::Barrier, 64},
                           {C::SharedLoad, 64},
                           {C::GlobalStore, 64},
                           {C::Control, 64}},
          .ctas = 2,
          .warps = 64,
          .bytesRead = 8192,
          .bytesWritten = 8192,
          .reads = 64,
          .writes = 64,
          .sectorsRead = 64 * 4,
          .sectorsWritten = 64 * 4,
          .dramRead = 8192,
          .dramWritten = 8192,
          .conflicts = conflicts,
          .barriers = 64};
}

/// A column of rows of 32 words lies in one bank: 32 passes for one, 31 too many.
TEST_F(CountersOfKernels, Transposition) {
  expectCounts(inOut, transposed("mad.lo.u32 %r4, %r1, 32, %r0;\n", "mad.lo.u32 %r5, %r0, 32, %r1;\n"), {2},
               {32, 32}, Arguments().add(words(2048)).add(words(2048)), transposition(2, 64 * 31));
}

/// With rows of 33 words it goes through all banks.
TEST_F(CountersOfKernels, TranspositionPadded) {
  expectCounts(inOut, transposed("mad.lo.u32 %r4, %r1, 33, %r0;\n", "mad.lo.u32 %r5, %r0, 33, %r1;\n"), {2},
               {32, 32}, Arguments().add(words(2048)).add(words(2048)), transposition(2, 0));
}

/// So it does when (y, x) lies at x ^ y of row y.
TEST_F(CountersOfKernels, TranspositionSwizzled) {
  expectCounts(
      inOut,
      transposed("xor.b32 %r8, %r0, %r1; mad.lo.u32 %r4, %r1, 32, %r8;\n", "mad.lo.u32 %r5, %r0, 32, %r8;\n"),
      {2}, {32, 32}, Arguments().add(words(2048)).add(words(2048)), transposition(3, 0));
}

//===----------------------------------------------------------------------===//
// Threads together
//===----------------------------------------------------------------------===//

/// 256 threads of each of 3 CTAs sum 256 numbers: halves are added as long as there are two, so 8 rounds. In
/// a round of s threads the warps with a thread below s take part, 4 + 2 + 1 + 1 + 1 + 1 + 1 + 1 = 12; those
/// of less than 32 (16, 8, 4, 2, 1) go apart, and so does the first when thread 0 alone writes. Barriers: one
/// before the rounds, one in each.
TEST_F(CountersOfKernels, SumOfABlock) {
  expectCounts(
      inOut,
      ".shared .align 16 .b8 s[1024];\n"
      "mov.u32 %r0, %tid.x; mov.u32 %r1, %ctaid.x; mov.u32 %r2, s; mov.u32 %r3, 128;\n"
      "ld.param.u64 %rd0, [in]; mad.lo.u32 %r4, %r1, 256, %r0; mul.wide.u32 %rd2, %r4, 4; add.s64 %rd0, "
      "%rd0, %rd2;\n"
      "ld.global.f32 %f0, [%rd0]; mad.lo.u32 %r5, %r0, 4, %r2; st.shared.f32 [%r5], %f0; bar.sync 0;\n"
      "LOOP: setp.ge.u32 %p0, %r0, %r3; @%p0 bra SKIP;\n"
      "mad.lo.u32 %r6, %r3, 4, %r5; ld.shared.f32 %f1, [%r6]; ld.shared.f32 %f2, [%r5]; add.f32 %f1, %f1, "
      "%f2;\n"
      "st.shared.f32 [%r5], %f1;\n"
      "SKIP: bar.sync 0; shr.u32 %r3, %r3, 1; setp.ne.u32 %p1, %r3, 0; @%p1 bra LOOP;\n"
      "setp.ne.u32 %p2, %r0, 0; @%p2 bra END;\n"
      "ld.param.u64 %rd1, [out]; mul.wide.u32 %rd2, %r1, 4; add.s64 %rd1, %rd1, %rd2; ld.shared.f32 %f3, "
      "[%r5];\n"
      "st.global.f32 [%rd1], %f3;\nEND: ret;\n",
      {3}, {256}, Arguments().add(words(768)).add(words(3)),
      {.instructions = {{C::Move, 4 * 24},
                        {C::ParameterLoad, 24},
                        {C::Integer, 3 * 24},
                        {C::GlobalLoad, 24},
                        {C::Integer, 24},
                        {C::SharedStore, 24},
                        {C::Barrier, 24},
                        // rounds
                        {C::Predicate, 8 * 24},
                        {C::Control, 8 * 24},
                        {C::Integer, 3 * 12},
                        {C::SharedLoad, 2 * 3 * 12},
                        {C::Float, 3 * 12},
                        {C::SharedStore, 3 * 12},
                        {C::Barrier, 8 * 24},
                        {C::Integer, 8 * 24},
                        {C::Predicate, 8 * 24},
                        {C::Control, 8 * 24},
                        // the end
                        {C::Predicate, 24},
                        {C::Control, 24},
                        {C::ParameterLoad, 3},
                        {C::Integer, 2 * 3},
                        {C::SharedLoad, 3},
                        {C::GlobalStore, 3},
                        {C::Control, 24}},
       .ctas = 3,
       .warps = 24,
       .bytesRead = 768 * 4,
       .bytesWritten = 3 * 4,
       .reads = 24,
       .writes = 3,
       .sectorsRead = 24 * 4,
       .sectorsWritten = 3,
       .dramRead = 768 * 4,
       .dramWritten = 32, // the three sums are in one sector
       .barriers = 9 * 24,
       .divergent = 3 * (5 + 1)});
}

/// Sums of warps by 5 shuffles; lane 0 adds to one number. An atomic reads and writes its sector.
TEST_F(CountersOfKernels, SumOfWarps) {
  std::string rounds;
  for (int distance : {16, 8, 4, 2, 1})
    rounds +=
        "shfl.sync.bfly.b32 %r2, %r1, " + std::to_string(distance) + ", 31, -1; add.u32 %r1, %r1, %r2;\n";
  expectCounts(
      inOut,
      "mov.u32 %r0, %tid.x; ld.param.u64 %rd0, [in]; mul.wide.u32 %rd2, %r0, 4; add.s64 %rd0, %rd0, %rd2;\n"
      "ld.global.u32 %r1, [%rd0];\n" +
          rounds +
          "and.b32 %r3, %r0, 31; setp.eq.u32 %p0, %r3, 0; ld.param.u64 %rd1, [out];\n"
          "@%p0 red.global.add.u32 [%rd1], %r1; ret;\n",
      {1}, {128}, Arguments().add(words(128)).add(words(1)),
      {.instructions = {{C::Move, 4},
                        {C::ParameterLoad, 4},
                        {C::Integer, 2 * 4},
                        {C::GlobalLoad, 4},
                        {C::Shuffle, 5 * 4},
                        {C::Integer, 5 * 4},
                        {C::Integer, 4},
                        {C::Predicate, 4},
                        {C::ParameterLoad, 4},
                        {C::Atomic, 4},
                        {C::Control, 4}},
       .ctas = 1,
       .warps = 4,
       .bytesRead = 128 * 4 + 4 * 4,
       .bytesWritten = 4 * 4,
       .reads = 4 + 4,
       .writes = 4,
       .sectorsRead = 4 * 4 + 4,
       .sectorsWritten = 4,
       .dramRead = 128 * 4 + 32,
       .dramWritten = 32});
}

/// Two warps multiply 16 x 16 by 16 x 8 three times: 2 * 16 * 8 * 16 operations each. A lies in rows of 32
/// bytes; 8 rows of a matrix start at banks 0, 8, 16, 24, 0, ...: two passes for each of the four matrices of
/// ldmatrix, four too many.
TEST_F(CountersOfKernels, MatrixProducts) {
  expectCounts(
      ".param .u64 out",
      ".shared .align 16 .b8 s[512]; .reg .b32 %a<4>; .reg .f32 %c<4>;\n"
      "mov.u32 %r0, %tid.x; mov.u32 %r1, s; mad.lo.u32 %r2, %r0, 8, %r1; mov.u64 %rd0, 0;\n"
      "st.shared.u64 [%r2], %rd0; bar.sync 0;\n"
      "and.b32 %r3, %r0, 15; mad.lo.u32 %r3, %r3, 32, %r1; and.b32 %r4, %r0, 16; add.u32 %r3, %r3, %r4;\n"
      "mov.f32 %c0, 0f00000000; mov.f32 %c1, %c0; mov.f32 %c2, %c0; mov.f32 %c3, %c0; mov.u32 %r5, 3;\n"
      "LOOP: ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%a0, %a1, %a2, %a3}, [%r3];\n"
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%c0, %c1, %c2, %c3}, {%a0, %a1, %a2, %a3}, {%a0, "
      "%a1}, "
      "{%c0, %c1, %c2, %c3};\n"
      "sub.u32 %r5, %r5, 1; setp.ne.u32 %p0, %r5, 0; @%p0 bra LOOP;\n"
      "ld.param.u64 %rd1, [out]; mul.wide.u32 %rd2, %r0, 4; add.s64 %rd1, %rd1, %rd2;\n"
      "st.global.f32 [%rd1], %c0; ret;\n",
      {1}, {64}, Arguments().add(words(64)),
      {.instructions = {{C::Move, 3 * 2},
                        {C::Integer, 2},
                        {C::SharedStore, 2},
                        {C::Barrier, 2},
                        {C::Integer, 4 * 2},
                        {C::Move, 5 * 2},
                        {C::MatrixLoad, 3 * 2},
                        {C::Mma, 3 * 2},
                        {C::Integer, 3 * 2},
                        {C::Predicate, 3 * 2},
                        {C::Control, 3 * 2},
                        {C::ParameterLoad, 2},
                        {C::Integer, 2 * 2},
                        {C::GlobalStore, 2},
                        {C::Control, 2}},
       .ctas = 1,
       .warps = 2,
       .mmaFlops = 2 * 3 * 2 * 16 * 8 * 16,
       .bytesWritten = 256,
       .writes = 2,
       .sectorsWritten = 8,
       .dramWritten = 256,
       .conflicts = 2 * 3 * 4,
       .barriers = 2});
}

/// One of each other class. Threads of a warp that leave one after the other part at two branches; who
/// synchronises with his warp passes no barrier of the CTA.
TEST_F(CountersOfKernels, OtherClasses) {
  expectCounts(
      ".param .u64 out",
      ".local .align 8 .b8 l[8]; .reg .b32 %a;\n"
      "mov.u32 %r0, %tid.x; mov.u32 %a, l; cvt.rn.f32.u32 %f0, %r0; cvt.f64.f32 %d0, %f0; add.f64 %d1, %d0, "
      "%d0;\n"
      "ex2.approx.f32 %f1, %f0; cvt.rn.f16.f32 %h0, %f0; add.f16 %h1, %h0, %h0; st.local.f64 [%a], %d1;\n"
      "ld.local.f64 %d2, [%a]; bar.warp.sync -1; membar.gl; vote.sync.ballot.b32 %r1, 1, -1; selp.u32 %r2, "
      "1, 2, 1;\n"
      "setp.lt.u32 %p0, %r0, 8; @%p0 bra END; setp.lt.u32 %p1, %r0, 16; @%p1 bra END;\n"
      "neg.s32 %r3, %r0;\nEND: ret;\n",
      {5}, {32}, Arguments().add(uint64_t(0)),
      {.instructions = {{C::Move, 2 * 5},
                        {C::Conversion, 2 * 5},
                        {C::Double, 5},
                        {C::Special, 5},
                        {C::Conversion, 5},
                        {C::Half, 5},
                        {C::LocalAccess, 2 * 5},
                        {C::Barrier, 2 * 5},
                        {C::Shuffle, 5},
                        {C::Move, 5},
                        {C::Predicate, 5},
                        {C::Control, 5},
                        {C::Predicate, 5},
                        {C::Control, 5},
                        {C::Integer, 5},
                        {C::Control, 5}},
       .ctas = 5,
       .warps = 5,
       .divergent = 2 * 5});
}

} // namespace
