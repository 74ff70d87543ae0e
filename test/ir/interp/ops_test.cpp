// The graph ops against loops that follow their definitions in graph.td, index by index.
#include "module.h"

#include "ir/interp/fold.h"
#include "ir/interp/gemm.h"
#include "ir/interp/ops.h"

#include <cmath>

namespace dlc::interp {
namespace {

using Values = std::vector<double>;
using Integers = std::vector<int64_t>;

Dims indexOf(int64_t i, DimsRef dims) {
  Dims index(dims.size());
  for (size_t d = dims.size(); d-- > 0; i /= dims[d]) index[d] = i % dims[d];
  return index;
}
int64_t flat(DimsRef index, DimsRef dims) {
  int64_t i = 0;
  for (auto [at, dim] : llvm::zip_equal(index, dims)) i = i * dim + at;
  return i;
}
double at(const Tensor &tensor, DimsRef index) { return tensor.floatAt(flat(index, tensor.dims())); }

/// Calls check(index) for each index of a box.
template <typename F> void forEach(DimsRef dims, F check) {
  for (int64_t i = 0, n = countOf(dims); i < n; ++i) check(indexOf(i, dims));
}

//===- Movement --------------------------------------------------------------------===//

TEST(Movement, fillIotaDimValue) {
  Module module(R"(func.func @main(%x: tensor<?x3xf32, #graph.dims<B, 3>>)
      -> (tensor<2x?xf32, #graph.dims<2, B>>, tensor<?x3xi32, #graph.dims<B, 3>>, tensor<i64>, tensor<2xi64>) {
    %0 = graph.fill 2.5 : f32 -> tensor<2x?xf32, #graph.dims<2, B>>
    %1 = graph.iota dim 0 : tensor<?x3xi32, #graph.dims<B, 3>>
    %2 = graph.dim_value <"B * 10 + 1"> : tensor<i64>
    %3 = graph.constant dense<[7, -8]> : tensor<2xi64> -> tensor<2xi64>
    return %0, %1, %2, %3 : tensor<2x?xf32, #graph.dims<2, B>>, tensor<?x3xi32, #graph.dims<B, 3>>, tensor<i64>, tensor<2xi64>
  })");
  auto r = module.run({waves({2, 3})});
  ASSERT_EQ(r.size(), 4u);
  EXPECT_EQ(valuesOf(r[0]), (Values{2.5, 2.5, 2.5, 2.5}));
  EXPECT_EQ(integersOf(r[1]), (Integers{0, 0, 0, 1, 1, 1}));
  EXPECT_EQ(integersOf(r[2]), (Integers{21}));
  EXPECT_EQ(integersOf(r[3]), (Integers{7, -8}));
}

TEST(Movement, views) {
  Module module(
      R"(func.func @main(%x: tensor<2x1x4xf32>) -> (tensor<5x2x3x4xf32>, tensor<4x2x1xf32>, tensor<8xf32>, tensor<2x1x2xf32>) {
    %0 = graph.broadcast %x dims [1, 2, 3] : tensor<2x1x4xf32> -> tensor<5x2x3x4xf32>
    %1 = graph.transpose %x perm [2, 0, 1] : tensor<2x1x4xf32> -> tensor<4x2x1xf32>
    %2 = graph.reshape %1 : tensor<4x2x1xf32> -> tensor<8xf32>
    %3 = graph.slice %x offsets <1, 0, 3> steps [-1, 1, -2] : tensor<2x1x4xf32> -> tensor<2x1x2xf32>
    return %0, %1, %2, %3 : tensor<5x2x3x4xf32>, tensor<4x2x1xf32>, tensor<8xf32>, tensor<2x1x2xf32>
  })");
  Tensor x = waves({2, 1, 4});
  auto r = module.run({x});
  ASSERT_EQ(r.size(), 4u);
  forEach({5, 2, 3, 4}, [&](DimsRef i) { EXPECT_EQ(at(r[0], i), at(x, {i[1], 0, i[3]})); });
  forEach({4, 2, 1}, [&](DimsRef i) { EXPECT_EQ(at(r[1], i), at(x, {i[1], i[2], i[0]})); });
  EXPECT_EQ(valuesOf(r[2]), valuesOf(r[1].contiguous()));
  forEach({2, 1, 2}, [&](DimsRef i) { EXPECT_EQ(at(r[3], i), at(x, {1 - i[0], 0, 3 - 2 * i[2]})); });
}

TEST(Movement, padConcat) {
  Module module(
      R"(func.func @main(%x: tensor<2x3xf32>, %y: tensor<2x1xf32>, %v: tensor<f32>) -> (tensor<4x6xf32>, tensor<2x5xf32>) {
    %0 = graph.pad %x, %v low <1, 0> high <1, 3> : tensor<2x3xf32>, tensor<f32> -> tensor<4x6xf32>
    %1 = graph.concat %y, %x, %y axis 1 : tensor<2x1xf32>, tensor<2x3xf32>, tensor<2x1xf32> -> tensor<2x5xf32>
    return %0, %1 : tensor<4x6xf32>, tensor<2x5xf32>
  })");
  Tensor x = waves({2, 3}), y = waves({2, 1}, 9);
  auto r = module.run({x, y, floats({}, {-7})});
  ASSERT_EQ(r.size(), 2u);
  forEach({4, 6}, [&](DimsRef i) {
    bool inside = i[0] >= 1 && i[0] < 3 && i[1] < 3;
    EXPECT_EQ(at(r[0], i), inside ? at(x, {i[0] - 1, i[1]}) : -7);
  });
  forEach({2, 5}, [&](DimsRef i) {
    EXPECT_EQ(at(r[1], i), i[1] == 0 || i[1] == 4 ? at(y, {i[0], 0}) : at(x, {i[0], i[1] - 1}));
  });
}

TEST(Movement, gather) {
  Module module(R"(func.func @main(%x: tensor<2x3x4x5xf32>, %i: tensor<2x6xi32>) -> tensor<2x3x6x5xf32> {
    %r = graph.gather %x, %i axis 2 batch_dims 1 : tensor<2x3x4x5xf32>, tensor<2x6xi32> -> tensor<2x3x6x5xf32>
    return %r : tensor<2x3x6x5xf32>
  })");
  Tensor x = waves({2, 3, 4, 5});
  std::vector<int64_t> indices = {0, 3, 1, 100, -5, 2, 3, 3, 0, 1, 2, 4};
  Tensor i64 = longs({2, 6}, indices);
  auto r = module.run({x, i64.converted(DType::I32)});
  ASSERT_EQ(r.size(), 1u);
  forEach({2, 3, 6, 5}, [&](DimsRef i) {
    int64_t picked = std::clamp<int64_t>(indices[i[0] * 6 + i[2]], 0, 3);
    EXPECT_EQ(at(r[0], i), at(x, {i[0], i[1], picked, i[3]}));
  });
}

TEST(Movement, gatherOfNothingIsZero) {
  Tensor empty(DType::F32, {0, 2}), result = gather(empty, longs({3}, {0, 1, 2}), 0, 0);
  EXPECT_EQ(valuesOf(result), Values(6, 0));
}

//===- Reductions --------------------------------------------------------------------===//

std::string reduceText(const std::string &operand, const std::string &result, const std::string &dims,
                       const std::string &element, const std::string &init, const std::string &combine) {
  return function({operand}, result,
                  "%r = graph.reduce %a0 init [" + init + (init == "true" ? "" : " : " + element) +
                      "] dims [" + dims + "] : " + operand + " -> " + result +
                      " combiner {\n^bb0(%x: " + element + ", %y: " + element + "):\n %z = " + combine +
                      " : " + element + "\n graph.yield %z : " + element + "\n}");
}

TEST(Reduce, namedCombinersOverAnyDims) {
  struct Row {
    std::string init, combine;
    double start;
    double (*formula)(double, double);
  };
  const Row rows[] = {
      {"0.0", "arith.addf %x, %y", 0, [](double a, double b) { return a + b; }},
      {"1.0", "arith.mulf %x, %y", 1, [](double a, double b) { return a * b; }},
      {"0xFF800000", "arith.maximumf %x, %y", -INFINITY, [](double a, double b) { return std::max(a, b); }},
      {"0x7F800000", "arith.minimumf %x, %y", INFINITY, [](double a, double b) { return std::min(a, b); }},
      // No name: (a + b) through a detour.
      {"0.0", "math.fma %x, %one, %y", 0, [](double a, double b) { return a + b; }},
  };
  Tensor x = waves({3, 17, 2, 19});
  for (const Row &row : rows)
    for (Dims dims : {Dims{0}, Dims{1}, Dims{3}, Dims{1, 3}, Dims{0, 2}, Dims{0, 1, 2, 3}, Dims{}}) {
      Dims kept;
      std::string list, result = "tensor<";
      for (int64_t d = 0; d < 4; ++d) {
        if (llvm::is_contained(dims, d)) {
          list += (list.empty() ? "" : ", ") + std::to_string(d);
        } else {
          kept.push_back(x.dims()[d]);
          result += std::to_string(x.dims()[d]) + "x";
        }
      }
      std::string text =
          reduceText("tensor<3x17x2x19xf32>", result + "f32>", list, "f32", row.init, row.combine);
      if (text.find("%one") != std::string::npos)
        text.insert(text.find("%r ="), "%one = arith.constant 1.0 : f32\n");
      Module module(text);
      Values want(countOf(kept), row.start);
      forEach(x.dims(), [&](DimsRef i) {
        Dims place;
        for (int64_t d = 0; d < 4; ++d)
          if (!llvm::is_contained(dims, d)) place.push_back(i[d]);
        double &sum = want[flat(place, kept)];
        sum = row.formula(sum, at(x, i));
      });
      auto r = module.run({x}, {FloatMode::F64, {}, {}});
      ASSERT_EQ(r.size(), 1u);
      EXPECT_EQ(valuesOf(r[0]), want) << row.combine << " over " << list;
    }
}

TEST(Reduce, sumsOfFloatsAreSequential) {
  Module module(reduceText("tensor<5x1000xf32>", "tensor<5xf32>", "1", "f32", "0.0", "arith.addf %x, %y"));
  Tensor x = waves({5, 1000});
  Tensor r = module.run({x})[0];
  for (int64_t i = 0; i < 5; ++i) {
    float sum = 0;
    for (int64_t k = 0; k < 1000; ++k) sum += static_cast<float>(at(x, {i, k}));
    EXPECT_EQ(r.floatAt(i), sum);
  }
}

TEST(Reduce, integersAndEmpty) {
  Module wraps(reduceText("tensor<3xi8>", "tensor<i8>", "0", "i8", "0", "arith.addi %x, %y"));
  EXPECT_EQ(integersOf(wraps.run({longs({3}, {100, 100, 100}).converted(DType::I8)})[0]), (Integers{44}));
  Module unsignedMax(reduceText("tensor<3xi8>", "tensor<i8>", "0", "i8", "0", "arith.maxui %x, %y"));
  EXPECT_EQ(integersOf(unsignedMax.run({longs({3}, {100, -1, 3}).converted(DType::I8)})[0]), (Integers{-1}));
  Module all(reduceText("tensor<3xi1>", "tensor<i1>", "0", "i1", "true", "arith.andi %x, %y"));
  EXPECT_EQ(integersOf(all.run({longs({3}, {1, 1, 0}).converted(DType::I1)})[0]), (Integers{0}));
  Module empty(reduceText("tensor<0x2xf32>", "tensor<2xf32>", "0", "f32", "3.0", "arith.addf %x, %y"));
  EXPECT_EQ(valuesOf(empty.run({Tensor(DType::F32, {0, 2})})[0]), (Values{3, 3}));
}

TEST(Reduce, halfSumsRoundEachStep) {
  Module module(reduceText("tensor<3xf16>", "tensor<f16>", "0", "f16", "0.0", "arith.addf %x, %y"));
  EXPECT_EQ(module.run({floats({3}, {2048, 1, 1})})[0].floatAt(0), 2048);
  EXPECT_EQ(module.run({floats({3}, {2048, 1, 1})}, {FloatMode::F64, {}, {}})[0].floatAt(0), 2050);
}

TEST(Reduce, pairsOfValueAndIndex) {
  mlir::MLIRContext context;
  context.loadDialect<graph::GraphDialect, mlir::arith::ArithDialect, mlir::func::FuncDialect>();
  mlir::OpBuilder b(&context);
  mlir::Location loc = b.getUnknownLoc();
  mlir::Type f32 = b.getF32Type(), i64 = b.getI64Type();
  auto type = graph::tensorType({Dim(2), Dim(5)}, f32);
  for (auto combiner : {graph::Combiner::ArgMax, graph::Combiner::ArgMin}) {
    auto function = mlir::func::FuncOp::create(loc, "main", b.getFunctionType({type}, {}));
    mlir::Block *block = function.addEntryBlock();
    b.setInsertionPointToStart(block);
    auto index = graph::iota(b, loc, {Dim(2), Dim(5)}, i64, 1);
    auto [value, place] = graph::reduceArg(b, loc, block->getArgument(0), index, {1}, combiner);
    mlir::func::ReturnOp::create(b, loc, mlir::ValueRange{value, place});
    Tensor x = floats({2, 5}, {1, 7, 7, -2, -2, 3, 3, 3, 3, 3});
    auto r = Interpreter(nullptr, {}).run(function, {x});
    ASSERT_TRUE(bool(r));
    bool max = combiner == graph::Combiner::ArgMax;
    EXPECT_EQ(valuesOf((*r)[0]), max ? (Values{7, 3}) : (Values{-2, 3}));
    EXPECT_EQ(integersOf((*r)[1]), max ? (Integers{1, 0}) : (Integers{3, 0}));
    function.erase();
  }
}

TEST(Window, poolsWithStrideDilationPad) {
  for (std::string combine : {"arith.maximumf %x, %y", "arith.addf %x, %y", "math.fma %x, %one, %y"}) {
    bool max = combine.find("max") != std::string::npos;
    Module module(function({"tensor<2x7x9xf32>"}, "tensor<2x4x5xf32>",
                           "%one = arith.constant 1.0 : f32\n%r = graph.window %a0 init " +
                               std::string(max ? "0xFF800000" : "0.0") +
                               " : f32 size [1, 3, 2] strides [1, 2, 2] dilations [1, 1, 3] low <0, 1, 2> "
                               "high <0, 1, 1> : tensor<2x7x9xf32> -> tensor<2x4x5xf32> combiner {\n"
                               "^bb0(%x: f32, %y: f32):\n %z = " +
                               combine + " : f32\n graph.yield %z : f32\n}"));
    Tensor x = waves({2, 7, 9});
    auto r = module.run({x}, {FloatMode::F64, {}, {}});
    ASSERT_EQ(r.size(), 1u);
    forEach({2, 4, 5}, [&](DimsRef i) {
      double want = max ? -INFINITY : 0;
      for (int64_t u = 0; u < 3; ++u)
        for (int64_t v = 0; v < 2; ++v) {
          int64_t p = i[1] * 2 + u - 1, q = i[2] * 2 + v * 3 - 2;
          if (p < 0 || p >= 7 || q < 0 || q >= 9) continue;
          want = max ? std::max(want, at(x, {i[0], p, q})) : want + at(x, {i[0], p, q});
        }
      EXPECT_EQ(at(r[0], i), want);
    });
  }
}

//===- Contractions ------------------------------------------------------------------===//

TEST(Dot, anyOrderOfDims) {
  // lhs [k, b, m, l], rhs [n, l, b, k] -> [b, m, n]
  Module module(
      function({"tensor<5x2x3x4xf32>", "tensor<7x4x2x5xf32>"}, "tensor<2x3x7xf32>",
               "%r = graph.dot %a0, %a1 batch [1] x [2] contract [0, 3] x [3, 1] : tensor<5x2x3x4xf32>, "
               "tensor<7x4x2x5xf32> -> tensor<2x3x7xf32>"));
  Tensor a = waves({5, 2, 3, 4}), b = waves({7, 4, 2, 5}, 2);
  auto f64 = module.run({a, b}, {FloatMode::F64, {}, {}}), f32 = module.run({a, b});
  forEach({2, 3, 7}, [&](DimsRef i) {
    double sum = 0;
    float narrow = 0;
    for (int64_t k = 0; k < 5; ++k)
      for (int64_t l = 0; l < 4; ++l) {
        double x = at(a, {k, i[0], i[1], l}), y = at(b, {i[2], l, i[0], k});
        sum += x * y;
        narrow += static_cast<float>(x) * static_cast<float>(y);
      }
    EXPECT_EQ(at(f64[0], i), sum);
    EXPECT_EQ(at(f32[0], i), narrow);
  });
}

TEST(Dot, sizesAroundBlocks) {
  for (auto [m, n, k] : {std::array<int64_t, 3>{1, 1, 1},
                         {1, 200, 300},
                         {200, 1, 300},
                         {193, 25, 257},
                         {8, 24, 256},
                         {9, 23, 513},
                         {3, 500, 5},
                         {400, 3, 5},
                         {2, 2, 0}}) {
    Tensor a = waves({m, k}), b = waves({k, n}, 0.5);
    Tensor r = dot(a.converted(DType::F64), b.converted(DType::F64), {{}, {}, {1}, {0}}, false);
    ASSERT_EQ(Dims(r.dims()), (Dims{m, n}));
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (int64_t p = 0; p < k; ++p) sum += a.floatAt(i * k + p) * b.floatAt(p * n + j);
        ASSERT_EQ(r.floatAt(i * n + j), sum) << m << " " << n << " " << k << " at " << i << ", " << j;
      }
  }
}

TEST(Dot, integersAndWiderResults) {
  Module module(
      function({"tensor<1x3xi8>", "tensor<3x1xi8>"}, "tensor<1x1xi32>",
               "%r = graph.dot %a0, %a1 batch [] x [] contract [1] x [0] : tensor<1x3xi8>, tensor<3x1xi8> -> "
               "tensor<1x1xi32>"));
  auto i8 = [](DimsRef dims, Integers values) { return longs(dims, values).converted(DType::I8); };
  EXPECT_EQ(module.run({i8({1, 3}, {127, -128, 127}), i8({3, 1}, {127, 127, 127})})[0].intAt(0), 127 * 126);
  Module wide(function(
      {"tensor<1x2xi64>", "tensor<2x1xi64>"}, "tensor<1x1xi64>",
      "%r = graph.dot %a0, %a1 batch [] x [] contract [1] x [0] : tensor<1x2xi64>, tensor<2x1xi64> -> "
      "tensor<1x1xi64>"));
  EXPECT_EQ(wide.run({longs({1, 2}, {1ll << 40, 3}), longs({2, 1}, {5, 7})})[0].intAt(0), (5ll << 40) + 21);
}

TEST(Dot, halfAccumulatesInSingle) {
  std::string text =
      "%r = graph.dot %a0, %a1 batch [] x [] contract [0] x [0] : tensor<3xf16>, tensor<3xf16> -> tensor<";
  std::vector<std::string> types = {"tensor<3xf16>", "tensor<3xf16>"};
  Tensor a = floats({3}, {2048, 1, 1}), ones = floats({3}, {1, 1, 1});
  EXPECT_EQ(Module(function(types, "tensor<f16>", text + "f16>")).run({a, ones})[0].floatAt(0), 2050);
  a = floats({3}, {4096, 1, 1});
  EXPECT_EQ(Module(function(types, "tensor<f16>", text + "f16>")).run({a, ones})[0].floatAt(0), 4096);
  EXPECT_EQ(Module(function(types, "tensor<f32>", text + "f32>")).run({a, ones})[0].floatAt(0), 4098);
}

TEST(Dot, tf32RoundsOperands) {
  std::string text =
      "%r = graph.dot %a0, %a1 batch [] x [] contract [0] x [0] precision \"tf32\" : tensor<1xf32>, "
      "tensor<1xf32> -> tensor<f32>";
  Module module(function({"tensor<1xf32>", "tensor<1xf32>"}, "tensor<f32>", text));
  Tensor a = floats({1}, {1 + std::ldexp(1.0f, -11)}), b = floats({1}, {1 + std::ldexp(1.0f, -12)});
  EXPECT_EQ(module.run({a, b})[0].floatAt(0), 1 + std::ldexp(1.0, -10)); // ties go away from zero
}

TEST(Conv, stridesDilationsGroupsPads) {
  Module module(
      function({"tensor<2x4x9x8xf32>", "tensor<6x2x3x2xf32>"}, "tensor<2x6x5x7xf32>",
               "%r = graph.conv %a0, %a1 strides [2, 1] dilations [1, 3] low <1, 0> high "
               "<1, 2> groups 2 : tensor<2x4x9x8xf32>, tensor<6x2x3x2xf32> -> tensor<2x6x5x7xf32>"));
  Tensor x = waves({2, 4, 9, 8}), w = waves({6, 2, 3, 2}, 3);
  auto r = module.run({x, w}, {FloatMode::F64, {}, {}});
  ASSERT_EQ(r.size(), 1u);
  forEach({2, 6, 5, 7}, [&](DimsRef i) {
    double sum = 0;
    for (int64_t c = 0; c < 2; ++c)
      for (int64_t u = 0; u < 3; ++u)
        for (int64_t v = 0; v < 2; ++v) {
          int64_t p = i[2] * 2 + u - 1, q = i[3] + v * 3;
          double value = p < 0 || p >= 9 || q >= 8 ? 0 : at(x, {i[0], i[1] / 3 * 2 + c, p, q});
          sum += value * at(w, {i[1], c, u, v});
        }
    EXPECT_EQ(at(r[0], i), sum);
  });
}

TEST(Conv, oneAndThreeDims) {
  Tensor x = waves({1, 3, 10}), w = waves({2, 3, 4});
  Tensor r = conv(x, w, {{2}, {1}, {1}, {1}, 1}, false);
  EXPECT_EQ(Dims(r.dims()), (Dims{1, 2, 5}));
  forEach({1, 2, 5}, [&](DimsRef i) {
    float sum = 0;
    for (int64_t c = 0; c < 3; ++c)
      for (int64_t u = 0; u < 4; ++u) {
        int64_t p = i[2] * 2 + u - 1;
        sum += static_cast<float>(p < 0 || p >= 10 ? 0 : at(x, {0, c, p})) *
               static_cast<float>(at(w, {i[1], c, u}));
      }
    EXPECT_EQ(at(r, i), sum);
  });
  Tensor cube = conv(waves({1, 1, 3, 4, 5}), waves({1, 1, 3, 4, 5}),
                     {{1, 1, 1}, {1, 1, 1}, {0, 0, 0}, {0, 0, 0}, 1}, false);
  EXPECT_EQ(cube.count(), 1);
}

//===- Functions, regions, symbols, weights -----------------------------------------------===//

TEST(Interpreter, regionsCallsAndObservation) {
  Module module(R"(
    func.func private @twice(%x: tensor<2xf32>) -> tensor<2xf32> {
      %0 = arith.addf %x, %x : tensor<2xf32>
      return %0 : tensor<2xf32>
    }
    func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
      %0 = graph.region "k0_negate" hero "none" (%a = %x : tensor<2xf32>) -> (tensor<2xf32>) {
        %1 = arith.negf %a : tensor<2xf32>
        graph.yield %1 : tensor<2xf32>
      }
      %2 = func.call @twice(%0) : (tensor<2xf32>) -> tensor<2xf32>
      return %2 : tensor<2xf32>
    })");
  std::vector<Values> seen;
  Options options;
  options.observe = [&](mlir::Value, const Tensor &tensor) { seen.push_back(valuesOf(tensor)); };
  auto r = module.run({floats({2}, {1, 2})}, options);
  ASSERT_EQ(r.size(), 1u);
  EXPECT_EQ(valuesOf(r[0]), (Values{-2, -4}));
  EXPECT_EQ(seen, (std::vector<Values>{{1, 2}, {1, 2}, {-1, -2}, {-1, -2}, {-1, -2}, {-2, -4}, {-2, -4}}));
}

TEST(Interpreter, bindsSymbolsFromExpressions) {
  Module module(
      R"(func.func @main(%x: tensor<?x?xf32, #graph.dims<B, "S * 2 + 1">>) -> tensor<?xi32, #graph.dims<S>> {
    %0 = graph.iota dim 0 : tensor<?xi32, #graph.dims<S>>
    return %0 : tensor<?xi32, #graph.dims<S>>
  })");
  EXPECT_EQ(module.run({waves({4, 7})})[0].count(), 3);
  EXPECT_NE(module.failure({waves({4, 6})}).find("has no value"), std::string::npos);
  EXPECT_NE(module.failure({waves({4})}).find("rank 2 is declared"), std::string::npos);
  EXPECT_NE(module.failure({waves({4, 7})}, {FloatMode::F32, {{"S", 5}}, {}}).find("dim 1 is 7"),
            std::string::npos);
}

TEST(Interpreter, failuresNameTheOp) {
  Module module(R"(func.func @main(%x: tensor<?xf32, #graph.dims<N>>) -> tensor<3xf32> {
    %0 = graph.reshape %x : tensor<?xf32, #graph.dims<N>> -> tensor<3xf32> loc("net/node")
    return %0 : tensor<3xf32>
  })");
  EXPECT_EQ(module.run({waves({3})}).size(), 1u);
  std::string message = module.failure({waves({4})});
  EXPECT_NE(message.find("graph.reshape"), std::string::npos) << message;
  EXPECT_NE(message.find("net/node"), std::string::npos) << message;
}

TEST(Interpreter, weightsAndFolds) {
  Module module(R"(
    func.func private @fold_0(%w: tensor<2x3xf32>) -> tensor<3x2xf16> {
      %0 = graph.transpose %w perm [1, 0] : tensor<2x3xf32> -> tensor<3x2xf32>
      %1 = arith.truncf %0 : tensor<3x2xf32> to tensor<3x2xf16>
      return %1 : tensor<3x2xf16>
    }
    func.func @main() -> tensor<3x2xf16> {
      %0 = graph.constant #graph.weight<"t"> -> tensor<3x2xf16>
      return %0 : tensor<3x2xf16>
    })");
  WeightsTable &weights = module.model.weights;
  // The span starts at an odd offset: files need not align their tensors.
  std::string file = "#";
  float values[6] = {1, 2, 3, 4, 5, 6};
  file.append(reinterpret_cast<char *>(values), sizeof(values));
  WeightsTable::MappedFile mapped = llvm::MemoryBuffer::getMemBufferCopy(file);
  ASSERT_FALSE(bool(weights.addSpan("w", DType::F32, {2, 3}, {mapped, 1, 24})));
  installFoldRunner(weights, *module.model.module);
  auto fold = module.model.module->lookupSymbol<mlir::func::FuncOp>("fold_0");
  ASSERT_FALSE(bool(addFold(weights, "t", fold, {"w"})));
  EXPECT_EQ(valuesOf(module.run({})[0]), (Values{1, 4, 2, 5, 3, 6}));
  auto held = weights.bytes("t");
  ASSERT_TRUE(bool(held));
  EXPECT_EQ(valuesOf(Tensor::borrow(DType::F16, {3, 2}, held->bytes().data())), (Values{1, 4, 2, 5, 3, 6}));
}

} // namespace
} // namespace dlc::interp
