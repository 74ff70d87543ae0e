// Matrix instructions against the fragment layouts of the PTX ISA, written out here element by element.
#include "test/runtime/vcuda/device.h"

#include <bit>
#include <cmath>
#include <random>

using namespace dlc::vcuda;
using namespace dlc::vcuda::test;

namespace {

struct Shape {
  const char *modifiers; ///< behind mma.sync.aligned.
  char kind; ///< of A and B: h half, b bfloat, t tf32, s/u 8-bit, n/v 4-bit, 1 one bit, e/x fp8, d double
  char accumulator; ///< f float, h half, i int, d double
  int m, n, k;
  int d, a, b;    ///< registers
  char kindB = 0; ///< where B differs
};

constexpr Shape shapes[] = {
    {"m16n8k16.row.col.f32.f16.f16.f32", 'h', 'f', 16, 8, 16, 4, 4, 2},
    {"m16n8k8.row.col.f32.f16.f16.f32", 'h', 'f', 16, 8, 8, 4, 2, 1},
    {"m16n8k16.row.col.f32.bf16.bf16.f32", 'b', 'f', 16, 8, 16, 4, 4, 2},
    {"m16n8k8.row.col.f32.bf16.bf16.f32", 'b', 'f', 16, 8, 8, 4, 2, 1},
    {"m16n8k16.row.col.f16.f16.f16.f16", 'h', 'h', 16, 8, 16, 2, 4, 2},
    {"m16n8k8.row.col.f32.tf32.tf32.f32", 't', 'f', 16, 8, 8, 4, 4, 2},
    {"m16n8k4.row.col.f32.tf32.tf32.f32", 't', 'f', 16, 8, 4, 4, 2, 1},
    {"m16n8k32.row.col.s32.s8.s8.s32", 's', 'i', 16, 8, 32, 4, 4, 2},
    {"m16n8k32.row.col.satfinite.s32.u8.s8.s32", 'u', 'i', 16, 8, 32, 4, 4, 2, 's'},
    {"m16n8k16.row.col.s32.u8.u8.s32", 'u', 'i', 16, 8, 16, 4, 2, 1},
    {"m8n8k4.row.col.f64.f64.f64.f64", 'd', 'd', 8, 8, 4, 2, 1, 1},
    {"m8n8k16.row.col.s32.s8.u8.s32", 's', 'i', 8, 8, 16, 2, 1, 1, 'u'},
    {"m8n8k32.row.col.s32.s4.s4.s32", 'n', 'i', 8, 8, 32, 2, 1, 1},
    {"m16n8k32.row.col.satfinite.s32.u4.s4.s32", 'v', 'i', 16, 8, 32, 4, 2, 1, 'n'},
    {"m16n8k64.row.col.s32.u4.u4.s32", 'v', 'i', 16, 8, 64, 4, 4, 2},
    {"m8n8k128.row.col.s32.b1.b1.s32.xor.popc", '1', 'i', 8, 8, 128, 2, 1, 1},
    {"m16n8k128.row.col.s32.b1.b1.s32.and.popc", '1', 'i', 16, 8, 128, 4, 2, 1},
    {"m16n8k256.row.col.s32.b1.b1.s32.xor.popc", '1', 'i', 16, 8, 256, 4, 4, 2},
    {"m16n8k32.row.col.f32.e4m3.e5m2.f32", 'e', 'f', 16, 8, 32, 4, 4, 2, 'x'},
    {"m16n8k16.row.col.f32.e5m2.e5m2.f32", 'x', 'f', 16, 8, 16, 4, 2, 1},
    {"m16n8k32.row.col.f16.e4m3.e4m3.f16", 'e', 'h', 16, 8, 32, 2, 4, 2},
    {"m16n8k4.row.col.f64.f64.f64.f64", 'd', 'd', 16, 8, 4, 4, 2, 1},
    {"m16n8k8.row.col.f64.f64.f64.f64", 'd', 'd', 16, 8, 8, 4, 4, 2},
    {"m16n8k16.row.col.f64.f64.f64.f64", 'd', 'd', 16, 8, 16, 4, 8, 4},
};

/// Bits of an element, and its small integer value as bits: all sums are exact, so order does not matter.
int bitsOf(char kind) {
  switch (kind) {
  case 'd':
    return 64;
  case 't':
  case 'f':
  case 'i':
    return 32;
  case 'h':
  case 'b':
    return 16;
  case 'n':
  case 'v':
    return 4;
  case '1':
    return 1;
  default:
    return 8;
  }
}
int bytesOf(char kind) { return bitsOf(kind) / 8; }

/// A whole number of at most eight in a float with few bits.
uint64_t encodeSmall(int v, int fractionBits, int bias) {
  if (v == 0) return 0;
  unsigned size = unsigned(std::abs(v)), exponent = unsigned(std::bit_width(size)) - 1;
  unsigned fraction = (size << fractionBits >> exponent) & ((1u << fractionBits) - 1);
  return (v < 0 ? 0x80u : 0u) | (exponent + unsigned(bias)) << fractionBits | fraction;
}
uint64_t encode(char kind, int v) {
  switch (kind) {
  case 'd':
    return std::bit_cast<uint64_t>(double(v));
  case 'f':
  case 't':
    return std::bit_cast<uint32_t>(float(v));
  case 'h':
    return std::bit_cast<uint16_t>(static_cast<_Float16>(v));
  case 'b':
    return std::bit_cast<uint32_t>(float(v)) >> 16;
  case 'e':
    return encodeSmall(v, 3, 7);
  case 'x':
    return encodeSmall(v, 2, 15);
  default:
    return uint64_t(int64_t(v)) & ((uint64_t(1) << bitsOf(kind)) - 1);
  }
}

struct Registers {
  Registers(int count, int width) : width(width), bytes(size_t(count * 32 * width)) {}
  void put(int reg, int lane, int element, char kind, int value) {
    uint64_t bits = encode(kind, value);
    if (int size = bitsOf(kind); size < 8) {
      int at = element * size;
      bytes[size_t((reg * 32 + lane) * width + at / 8)] |= uint8_t(bits << (at % 8));
      return;
    }
    std::memcpy(at(reg, lane, element, kind), &bits, size_t(bytesOf(kind)));
  }
  uint8_t *at(int reg, int lane, int element, char kind) {
    return bytes.data() + (reg * 32 + lane) * width + element * bytesOf(kind);
  }
  int width;
  std::vector<uint8_t> bytes;
};

std::string list(const char *name, int count) {
  std::string text = "{";
  for (int i = 0; i < count; ++i) text += (i ? ", " : "") + std::string(name) + std::to_string(i);
  return text + "}";
}

std::string kernelFor(const Shape &s) {
  std::string type = s.kind == 'd' ? "b64" : "b32", width = s.kind == 'd' ? "8" : "4";
  std::string text =
      ".version 8.7\n.target sm_90\n.address_size 64\n.visible .entry k(.param .u64 d, .param .u64 a, .param "
      ".u64 b, .param .u64 c)\n{\n.reg .b64 %p, %o; .reg .b32 %t; .reg ." +
      type +
      " D<8>, A<8>, B<8>, C<8>;\n"
      "mov.u32 %t, %tid.x; mul.wide.u32 %o, %t, " +
      width + ";\n";
  auto move = [&](const char *parameter, const char *name, int count, bool store) {
    text += "ld.param.u64 %p, [" + std::string(parameter) + "]; add.s64 %p, %p, %o;\n";
    for (int i = 0; i < count; ++i) {
      std::string reg = name + std::to_string(i),
                  address = "[%p+" + std::to_string(i * 32 * std::stoi(width)) + "]";
      text += store ? "st.global." + type + " " + address + ", " + reg + ";\n"
                    : "ld.global." + type + " " + reg + ", " + address + ";\n";
    }
  };
  move("a", "A", s.a, false), move("b", "B", s.b, false), move("c", "C", s.d, false);
  text += std::string("mma.sync.aligned.") + s.modifiers + " " + list("D", s.d) + ", " + list("A", s.a) +
          ", " + list("B", s.b) + ", " + list("C", s.d) + ";\n";
  move("d", "D", s.d, true);
  return text + "ret;\n}\n";
}

class Mma : public testing::TestWithParam<Shape> {};

TEST_P(Mma, FragmentsAndProducts) {
  const Shape s = GetParam();
  char kindB = s.kindB ? s.kindB : s.kind;
  std::mt19937 random(5);
  auto value = [&](char kind) {
    int v = int(random() % 200);
    return kind == 'u'   ? v
           : kind == 'v' ? v % 16
           : kind == 'n' ? v % 16 - 8
           : kind == '1' ? v % 2
                         : v % 17 - 8;
  };
  std::vector<int> a(size_t(s.m * s.k)), b(size_t(s.k * s.n)), c(size_t(s.m * s.n));
  for (int &v : a) v = value(s.kind);
  for (int &v : b) v = value(kindB);
  for (int &v : c) v = value('f');
  int width = s.kind == 'd' ? 8 : 4, perRegister = width * 8 / bitsOf(s.kind);
  Registers ra(s.a, width), rb(s.b, width), rc(s.d, width);
  auto forSums = [&](auto f) {
    for (int lane = 0; lane < 32; ++lane) {
      for (int i = 0; i < s.m * s.n / 32; ++i) {
        int row = lane / 4 + 8 * (i / 2), column = lane % 4 * 2 + i % 2;
        f(s.accumulator == 'h' ? i / 2 : i, lane, s.accumulator == 'h' ? i % 2 : 0, row * s.n + column);
      }
    }
  };
  for (int lane = 0; lane < 32; ++lane) {
    for (int e = 0; e < perRegister; ++e) {
      for (int r = 0; r < s.a; ++r) {
        int halves = s.m / 8, row = lane / 4 + 8 * (r % halves);
        int k = lane % 4 * perRegister + e + 4 * perRegister * (r / halves);
        ra.put(r, lane, e, s.kind, a[size_t(row * s.k + k)]);
      }
      for (int r = 0; r < s.b; ++r)
        rb.put(r, lane, e, kindB,
               b[size_t((lane % 4 * perRegister + e + 4 * perRegister * r) * s.n + lane / 4)]);
    }
  }
  forSums([&](int reg, int lane, int e, int at) { rc.put(reg, lane, e, s.accumulator, c[size_t(at)]); });
  for (HostLevel level : {HostLevel::Baseline, HostLevel::V3, HostLevel::V4}) {
    Device device;
    device.options.level = level;
    ModuleInstance m = device.load(kernelFor(s));
    uint64_t out = device.empty<uint8_t>(rc.bytes.size());
    LaunchResult result = device.run(m, "k", {1}, {32},
                                     Arguments()
                                         .add(out)
                                         .add(device.upload(ra.bytes))
                                         .add(device.upload(rb.bytes))
                                         .add(device.upload(rc.bytes)));
    expectClean(result);
    EXPECT_EQ(result.counters.mmaFlops, uint64_t(2 * s.m * s.n * s.k));
    Registers got(s.d, width);
    got.bytes = device.download<uint8_t>(out, rc.bytes.size());
    forSums([&](int reg, int lane, int e, int at) {
      int want = c[size_t(at)];
      bool exclusive = std::string_view(s.modifiers).find("xor") != std::string_view::npos;
      for (int k = 0; k < s.k; ++k) {
        int x = a[size_t(at / s.n * s.k + k)], y = b[size_t(k * s.n + at % s.n)];
        want += exclusive ? x ^ y : x * y;
      }
      uint64_t bits = 0;
      std::memcpy(&bits, got.at(reg, lane, e, s.accumulator), size_t(bytesOf(s.accumulator)));
      ASSERT_EQ(bits, encode(s.accumulator, want))
          << s.modifiers << " element " << at << " level " << int(level);
    });
  }
}

INSTANTIATE_TEST_SUITE_P(All, Mma, testing::ValuesIn(shapes), [](const testing::TestParamInfo<Shape> &info) {
  std::string name = info.param.modifiers;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
});

TEST(Mma, Tf32IgnoresTheLowBits) {
  Shape s = shapes[5];
  Device device;
  ModuleInstance m = device.load(kernelFor(s));
  std::vector<uint32_t> a(128, 0x3f801fff), b(64, 0x3f800000), c(128, 0);
  uint64_t out = device.empty<float>(128);
  expectClean(
      device.run(m, "k", {1}, {32},
                 Arguments().add(out).add(device.upload(a)).add(device.upload(b)).add(device.upload(c))));
  for (float v : device.download<float>(out, 128)) EXPECT_EQ(v, 8.0f);
}

/// ldmatrix of 8x8 matrices whose element says where it stands; rows in scattered order.
std::string matrixKernel(const std::string &instruction, const std::string &target) {
  return ".version 7.8\n.target " + target +
         "\n.address_size 64\n.visible .entry k(.param .u64 d, .param .u64 a)\n{\n"
         ".reg .b64 %p, %o; .reg .b32 %t, %s, %b, %x, R<4>; .shared .align 16 .b8 smem[512];\n"
         "mov.u32 %t, %tid.x; mul.wide.u32 %o, %t, 16; ld.param.u64 %p, [a]; add.s64 %p, %p, %o;\n"
         "ld.global.v4.b32 {R0, R1, R2, R3}, [%p];\n"
         "mov.u32 %b, smem; mul.lo.u32 %x, %t, 5; and.b32 %x, %x, 31; shl.b32 %x, %x, 4; add.u32 %s, %b, "
         "%x;\n" +
         instruction +
         "ld.param.u64 %p, [d]; add.s64 %p, %p, %o;\nst.global.v4.b32 [%p], {R0, R1, R2, R3};\nret;\n}\n";
}

std::vector<uint16_t> numbered() {
  std::vector<uint16_t> v(256);
  for (size_t i = 0; i < v.size(); ++i) v[i] = uint16_t(i);
  return v;
}

TEST(LdMatrix, GivesEachLaneItsPair) {
  for (bool trans : {false, true}) {
    Device device;
    // Lane l writes its 16 bytes as row l of the four matrices, and names the same place as the row's
    // address.
    ModuleInstance m =
        device.load(matrixKernel(std::string("st.shared.v4.b32 [%s], {R0, R1, R2, R3}; bar.warp.sync -1;\n"
                                             "ldmatrix.sync.aligned.m8n8.x4") +
                                     (trans ? ".trans" : "") + ".shared.b16 {R0, R1, R2, R3}, [%s];\n",
                                 "sm_80"));
    uint64_t out = device.empty<uint16_t>(256);
    expectClean(device.run(m, "k", {1}, {32}, Arguments().add(out).add(device.upload(numbered()))));
    auto got = device.download<uint16_t>(out, 256);
    for (unsigned lane = 0; lane < 32; ++lane) {
      for (unsigned matrix = 0; matrix < 4; ++matrix) {
        for (unsigned e = 0; e < 2; ++e) {
          unsigned i = lane / 4, j = lane % 4 * 2 + e, row = trans ? j : i, column = trans ? i : j;
          EXPECT_EQ(got[lane * 8 + matrix * 2 + e], matrix * 64 + row * 8 + column) << lane << " " << matrix;
        }
      }
    }
  }
}

TEST(StMatrix, IsTheInverseOfLdMatrix) {
  Device device;
  ModuleInstance m = device.load(
      matrixKernel("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%s], {R0, R1, R2, R3}; bar.warp.sync -1;\n"
                   "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {R0, R1, R2, R3}, [%s];\n",
                   "sm_90"));
  uint64_t out = device.empty<uint16_t>(256);
  expectClean(device.run(m, "k", {1}, {32}, Arguments().add(out).add(device.upload(numbered()))));
  EXPECT_EQ(device.download<uint16_t>(out, 256), numbered());
}

TEST(MovMatrix, Transposes) {
  Device device;
  ModuleInstance m = device.load(matrixKernel("movmatrix.sync.aligned.m8n8.trans.b16 R1, R0;\n", "sm_80"));
  uint64_t out = device.empty<uint16_t>(256);
  expectClean(device.run(m, "k", {1}, {32}, Arguments().add(out).add(device.upload(numbered()))));
  auto got = device.download<uint16_t>(out, 256);
  // Lane l's R0 is the pair (l / 4, 2 (l % 4)); as a number its first half is 8 l.
  for (unsigned lane = 0; lane < 32; ++lane) {
    for (unsigned e = 0; e < 2; ++e) {
      unsigned row = lane % 4 * 2 + e, column = lane / 4; // of the source
      EXPECT_EQ(got[lane * 8 + 2 + e], (row * 4 + column / 2) * 8 + column % 2);
    }
  }
}

} // namespace
