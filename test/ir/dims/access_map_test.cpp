#include "ir/dims/access_map.h"
#include "test/ir/dims/random_dims.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <numeric>

namespace dlc {
namespace {

using Index = std::vector<int64_t>;

Dim sym(const char *name) { return Dim::symbol(name); }

struct Shapes : testing::Test {
  Shapes() {
    facts.declare("B", {1, 64});
    facts.declare("S", {1, 8192});
    facts.declare("N", {1, 4096}, 8);
  }
  DimFacts facts;
  Dim B = sym("B"), S = sym("S"), N = sym("N");
};

TEST_F(Shapes, FactoriesRead) {
  EXPECT_EQ(AccessMap::identity({B, S}).str(), "[B, S] -> $0[%0, %1]");
  EXPECT_EQ(AccessMap::broadcast({B, S, 768}, {S, 1}).str(), "[B, S, 768] -> $0[%1, 0]");
  EXPECT_EQ(AccessMap::transpose({B, S, 768}, {2, 0, 1}).str(), "[768, B, S] -> $0[%1, %2, %0]");
  EXPECT_EQ(AccessMap::slice({4}, {S - 1}, {-2}).str(), "[4] -> $0[S - %0 * 2 - 1]");
  EXPECT_EQ(AccessMap::pad({S}, {1}, {2}, 0).simplify(facts).str(),
            "[S + 3] -> (%0 - 1 >= 0, S - %0 >= 0) $0[%0 - 1] else fill 0x0");
  EXPECT_EQ(AccessMap::pad({S}, {0}, {2}, 0x3c00).simplify(facts).str(),
            "[S + 2] -> (S - %0 - 1 >= 0) $0[%0] else fill 0x3c00");
  EXPECT_EQ(AccessMap::concat({{2, S}, {B, S}}, 0).simplify(facts).str(),
            "[B + 2, S] -> (1 - %0 >= 0) $0[%0, %1], (%0 - 2 >= 0) $1[%0 - 2, %1]");
  EXPECT_EQ(AccessMap::gather({30522, 768}, {B, S}, 0).str(),
            "[B, S, 768] -> $0[%g, %2] with %g = $1[%0, %1]");
  EXPECT_EQ(AccessMap::gatherElements({B, S}, {B, 4}, 1).str(), "[B, 4] -> $0[%0, %g] with %g = $1[%0, %1]");
}

TEST_F(Shapes, ReshapesAreClean) {
  auto index = [&](std::vector<Dim> to, std::vector<Dim> from) {
    return AccessMap::reshape(to, from, facts).pieces()[0].index;
  };
  auto at = [](size_t d) { return AccessMap::index(d); };
  EXPECT_EQ(index({B, S, 12, 64}, {B, S, 768}), (std::vector<Dim>{at(0), at(1), at(2) * 64 + at(3)}));
  EXPECT_EQ(index({B, S, 768}, {B, S, 12, 64}),
            (std::vector<Dim>{at(0), at(1), floorDiv(at(2), 64), mod(at(2), 64)}));
  EXPECT_EQ(index({B * S, 768}, {B, S, 768}), (std::vector<Dim>{floorDiv(at(0), S), mod(at(0), S), at(1)}));
  EXPECT_EQ(index({B, S, 768}, {B * S, 768}), (std::vector<Dim>{at(0) * S + at(1), at(2)}));
  EXPECT_EQ(index({B, 1, S}, {B, S}), (std::vector<Dim>{at(0), at(2)}));
  EXPECT_EQ(index({B, S}, {1, B, S, 1}), (std::vector<Dim>{0, at(0), at(1), 0}));
  EXPECT_EQ(index({}, {1, 1}), (std::vector<Dim>{0, 0}));
  EXPECT_EQ(index({B, 0}, {0, B}),
            (std::vector<Dim>{0, 0}).size() == 2 ? index({B, 0}, {0, B}) : std::vector<Dim>());
}

TEST_F(Shapes, MergeOfSplitHeadsIsTheIdentity) {
  auto split = AccessMap::reshape({B, S, 12, 64}, {B, S, 768}, facts);
  auto swap = AccessMap::transpose({B, S, 12, 64}, {0, 2, 1, 3});
  auto back = AccessMap::transpose({B, 12, S, 64}, {0, 2, 1, 3});
  auto merge = AccessMap::reshape({B, S, 768}, {B, S, 12, 64}, facts);
  auto all = merge.compose(0, *back.compose(0, *swap.compose(0, split)));
  ASSERT_TRUE(all);
  EXPECT_FALSE(all->isIdentity());
  EXPECT_TRUE(all->simplify(facts).isIdentity()) << all->simplify(facts).str();
  auto heads = swap.compose(0, split)->simplify(facts);
  EXPECT_EQ(heads.str(), "[B, 12, S, 64] -> $0[%0, %2, %1 * 64 + %3]");
}

TEST_F(Shapes, PadThenCropVanishes) {
  auto pad = AccessMap::pad({B, S}, {0, 3}, {0, 5}, 0);
  auto crop = AccessMap::slice({B, S}, {0, 3}, {1, 1});
  EXPECT_TRUE(crop.compose(0, pad)->simplify(facts).isIdentity());
  auto concat = AccessMap::concat({{B, S}, {B, S}}, 1, 0);
  auto second = AccessMap::slice({B, S}, {0, S}, {1, 1});
  AccessMap read = second.compose(0, concat)->simplify(facts);
  EXPECT_EQ(read.str(), "[B, S] -> $1[%0, %1]");
}

TEST_F(Shapes, Queries) {
  auto transpose = AccessMap::transpose({B, S, N}, {2, 0, 1});
  EXPECT_EQ(transpose.permutation(), (std::vector<size_t>{1, 2, 0}));
  auto inverse = transpose.inverse();
  ASSERT_TRUE(inverse);
  EXPECT_EQ(inverse->shape(), (std::vector<Dim>{B, S, N}));
  EXPECT_TRUE(transpose.compose(0, *inverse)->isIdentity());
  EXPECT_TRUE(inverse->compose(0, transpose)->isIdentity());
  auto row = AccessMap::broadcast({B, S, 768}, {768});
  EXPECT_EQ(row.permutation(), std::nullopt);
  EXPECT_EQ(row.projection(), (std::vector<std::optional<size_t>>{2}));
  EXPECT_EQ(AccessMap::broadcast({B, S}, {B, 1}).projection(),
            (std::vector<std::optional<size_t>>{0, std::nullopt}));
  EXPECT_EQ(AccessMap::gather({B, S}, {4}, 0).projection(), std::nullopt);
  EXPECT_EQ(AccessMap::slice({4}, {1}, {1}).permutation(), std::nullopt);
}

TEST_F(Shapes, StridesAndVectors) {
  auto stride = [&](const AccessMap &map, std::vector<Dim> shape, size_t dim) {
    return strideAlong(map, map.pieces()[0], dim, rowMajorStrides(shape), facts);
  };
  auto width = [&](const AccessMap &map, std::vector<Dim> shape, size_t dim) {
    return vectorWidth(map, map.pieces()[0], dim, rowMajorStrides(shape), 8, facts);
  };
  auto transpose = AccessMap::transpose({S, N}, {1, 0});
  EXPECT_EQ(stride(transpose, {S, N}, 0), Dim(1));
  EXPECT_EQ(stride(transpose, {S, N}, 1), N);
  EXPECT_EQ(width(transpose, {S, N}, 0), 8);
  EXPECT_EQ(width(transpose, {S, N}, 1), 1);
  // An odd row length shifts every second row.
  EXPECT_EQ(width(AccessMap::identity({B, S}), {B, S}, 1), 1);
  EXPECT_EQ(width(AccessMap::identity({S}), {S}, 0), 8);
  EXPECT_EQ(width(AccessMap::slice({B, 4}, {0, 4}, {1, 1}), {B, N}, 1), 4);
  EXPECT_EQ(width(AccessMap::slice({B, 4}, {0, 2}, {1, 1}), {B, N}, 1), 2);
  EXPECT_EQ(width(AccessMap::slice({B, 4}, {0, 3}, {1, -1}), {B, N}, 1), 1);
  EXPECT_EQ(stride(AccessMap::slice({B, 4}, {0, 3}, {1, -1}), {B, N}, 1), Dim(-1));
  // Rows gathered, columns contiguous.
  auto gather = AccessMap::gather({30522, 768}, {B, S}, 0);
  EXPECT_EQ(width(gather, {30522, 768}, 2), 8);
  EXPECT_EQ(width(gather, {30522, 768}, 1), 1);
  EXPECT_EQ(stride(gather, {30522, 768}, 1), std::nullopt);
  EXPECT_EQ(stride(gather, {30522, 768}, 2), Dim(1));
  // Merged heads: contiguous within a head of 64.
  auto merge = AccessMap::reshape({B, S, 768}, {B, S, 12, 64}, facts);
  auto stored = AccessMap::transpose({B, 12, S, 64}, {0, 2, 1, 3});
  auto read = merge.compose(0, stored)->simplify(facts);
  EXPECT_EQ(width(read, {B, 12, S, 64}, 2), 8);
  EXPECT_EQ(stride(read, {B, 12, S, 64}, 2), std::nullopt);
  // Padding on the left by a multiple of the width keeps it, by one it does not.
  EXPECT_EQ(width(AccessMap::pad({B, N}, {0, 8}, {0, 0}, 0).simplify(facts), {B, N}, 1), 8);
  EXPECT_EQ(width(AccessMap::pad({B, N}, {0, 1}, {0, 0}, 0).simplify(facts), {B, N}, 1), 1);
  EXPECT_EQ(width(AccessMap::pad({B, N}, {0, 0}, {0, 4}, 0).simplify(facts), {B, N}, 1), 8);
  auto broadcast = AccessMap::broadcast({B, S, N}, {B, 1, N});
  EXPECT_EQ(stride(broadcast, {B, 1, N}, 1), Dim(0));
}

TEST_F(Shapes, RefusesWhatOnePieceCannotHold) {
  auto gather = AccessMap::gather({B, S}, {4}, 0);
  EXPECT_EQ(gather.compose(0, AccessMap::gather({N, S}, {B}, 0, 0, 5, 6)), std::nullopt);
  EXPECT_EQ(gather.compose(1, AccessMap::pad({2}, {1}, {1}, 0, 7)), std::nullopt);
  auto shifted = gather.compose(1, AccessMap::slice({4}, {3}, {1}, 7));
  ASSERT_TRUE(shifted);
  EXPECT_EQ(shifted->str(), "[4, S] -> $0[%g, %1] with %g = $7[%0 + 3]");
  std::vector<std::vector<Dim>> many(9, {B});
  auto concat = AccessMap::concat(many, 0);
  EXPECT_TRUE(AccessMap::identity({B * 9}).compose(0, concat));
  auto wide = AccessMap::concat(std::vector<std::vector<Dim>>(9, {B * 9}), 0);
  for (int k = 0; k < 8; ++k) {
    auto next = wide.compose(k, concat.renumber([&](int n) { return 100 + k * 9 + n; }));
    if (!next) return;
    wide = *next;
  }
  FAIL() << "81 pieces were accepted";
}

//===-- Against evaluation of tensors
//-----------------------------------------------------------------------------===//

struct Tensor {
  Index shape;
  std::vector<int64_t> data;
};

int64_t count(const Index &shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t(1), std::multiplies<>());
}

int64_t flatten(const Index &index, const Index &shape) {
  int64_t flat = 0;
  for (size_t d = 0; d < shape.size(); ++d) flat = flat * shape[d] + index[d];
  return flat;
}

template <class F> Tensor generate(const Index &shape, F element) {
  Tensor result{shape, {}};
  Index index(shape.size(), 0);
  for (int64_t n = 0; n < count(shape); ++n) {
    result.data.push_back(element(index));
    for (size_t d = shape.size(); d-- > 0;) {
      if (++index[d] < shape[d]) break;
      index[d] = 0;
    }
  }
  return result;
}

// A chain of random operations, each evaluated on tensors by its own plain definition, against the one
// composed map.
class Chain {
public:
  explicit Chain(uint64_t seed) : random(seed) {
    std::vector<Dim> shape;
    for (int64_t rank = random.integer(1, 3); rank > 0; --rank) shape.push_back(size());
    map = AccessMap::identity(shape, addOperand(shape));
    value = operands[0];
  }

  bool step() {
    if (map.shape().empty()) return broadcast();
    switch (random.integer(0, 8)) {
    case 0:
      return transpose();
    case 1:
      return slice();
    case 2:
      return pad();
    case 3:
      return border();
    case 4:
      return concat();
    case 5:
      return merge();
    case 6:
      return split();
    case 7:
      return broadcast();
    default:
      return gather();
    }
  }

  void check() {
    AccessMap simple = map.simplify(facts);
    for (const AccessMap *candidate : {&map, &simple}) {
      ASSERT_EQ(concrete(candidate->shape()), value.shape);
      auto lookup = [&](int operand, const Index &at) {
        return operands[operand].data[flatten(at, operands[operand].shape)];
      };
      Tensor got = generate(value.shape, [&](const Index &index) {
        auto location = candidate->locate(index, binding, lookup);
        if (!location) return int64_t(-1);
        if (!location->operand) return int64_t(location->bits);
        for (size_t d = 0; d < location->index.size(); ++d)
          if (location->index[d] < 0 || location->index[d] >= operands[*location->operand].shape[d])
            return int64_t(-2);
        return lookup(*location->operand, location->index);
      });
      ASSERT_EQ(got.data, value.data) << candidate->str();
    }
    checkVectors(simple);
  }

  AccessMap map;

private:
  Dim size() {
    int64_t n = random.integer(1, 4);
    if (random.integer(0, 1)) return n;
    std::string name = "N" + std::to_string(binding.size());
    binding[name] = n;
    facts.declare(name, {1, 100});
    return Dim::symbol(name);
  }
  Index concrete(const std::vector<Dim> &dims) {
    Index result;
    for (const Dim &dim : dims) result.push_back(dim.evaluate(binding).value_or(-1));
    return result;
  }
  int addOperand(const std::vector<Dim> &shape, int64_t below = 0) {
    operands.push_back(generate(
        concrete(shape), [&](const Index &) { return below ? random.integer(0, below - 1) : ++counter; }));
    return int(operands.size()) - 1;
  }
  int64_t read(const Index &at) { return value.data[flatten(at, value.shape)]; }
  template <class F> bool apply(const AccessMap &op, F element) {
    auto next = op.compose(-1, map);
    if (!next || count(concrete(op.shape())) > 5000) return false;
    map = *next;
    if (random.integer(0, 1)) map = map.simplify(facts);
    value = generate(concrete(op.shape()), element);
    return true;
  }

  bool transpose() {
    std::vector<size_t> permutation(map.shape().size());
    std::iota(permutation.begin(), permutation.end(), 0);
    std::shuffle(permutation.begin(), permutation.end(), random.engine);
    Tensor old = value;
    return apply(AccessMap::transpose(map.shape(), permutation, -1), [&](const Index &out) {
      Index at(out.size());
      for (size_t d = 0; d < out.size(); ++d) at[permutation[d]] = out[d];
      return old.data[flatten(at, old.shape)];
    });
  }
  bool slice() {
    std::vector<Dim> shape = map.shape(), starts, steps;
    Index from, by;
    for (size_t d = 0; d < shape.size(); ++d) {
      int64_t extent = value.shape[d], step = std::array<int64_t, 4>{1, 2, -1, -2}[random.integer(0, 3)];
      int64_t start = random.integer(0, extent - 1);
      int64_t length = random.integer(1, (step > 0 ? extent - 1 - start : start) / std::abs(step) + 1);
      // Reversal of a whole symbolic dim, or constants.
      bool whole = random.integer(0, 1);
      starts.push_back(whole ? shape[d] - 1 : Dim(start));
      steps.push_back(whole ? -1 : step);
      from.push_back(whole ? extent - 1 : start);
      by.push_back(whole ? -1 : step);
      if (!whole) shape[d] = length;
    }
    Tensor old = value;
    return apply(AccessMap::slice(shape, starts, steps, -1), [&](const Index &out) {
      Index at(out.size());
      for (size_t d = 0; d < out.size(); ++d) at[d] = from[d] + by[d] * out[d];
      return old.data[flatten(at, old.shape)];
    });
  }
  bool pad() {
    std::vector<Dim> low, high;
    for (size_t d = 0; d < map.shape().size(); ++d) {
      low.push_back(random.integer(0, 2));
      high.push_back(random.integer(0, 1) ? Dim(random.integer(0, 2)) : map.shape()[d]);
    }
    Index before = concrete(low);
    uint64_t fill = uint64_t(random.integer(1000000, 2000000));
    Tensor old = value;
    return apply(AccessMap::pad(map.shape(), low, high, fill, -1), [&](Index at) {
      for (size_t d = 0; d < at.size(); ++d)
        if ((at[d] -= before[d]) < 0 || at[d] >= old.shape[d]) return int64_t(fill);
      return old.data[flatten(at, old.shape)];
    });
  }
  bool border() {
    auto kind = AccessMap::Border(random.integer(0, 2));
    std::vector<Dim> low, high;
    for (size_t d = 0; d < map.shape().size(); ++d)
      low.push_back(random.integer(0, 2)), high.push_back(random.integer(0, 2));
    Index before = concrete(low);
    Tensor old = value;
    return apply(AccessMap::padBorder(map.shape(), low, high, kind, -1), [&](Index at) {
      for (size_t d = 0; d < at.size(); ++d) {
        int64_t n = old.shape[d];
        at[d] -= before[d];
        while (at[d] < 0 || at[d] >= n)
          if (kind == AccessMap::Border::Edge)
            at[d] = at[d] < 0 ? 0 : n - 1;
          else if (kind == AccessMap::Border::Wrap)
            at[d] += at[d] < 0 ? n : -n;
          else
            at[d] = n == 1 ? 0 : at[d] < 0 ? -at[d] : 2 * (n - 1) - at[d];
      }
      return old.data[flatten(at, old.shape)];
    });
  }
  bool concat() {
    size_t axis = size_t(random.integer(0, int64_t(map.shape().size()) - 1));
    std::vector<Dim> other = map.shape();
    other[axis] = size();
    int operand = addOperand(other);
    bool front = random.integer(0, 1);
    AccessMap op =
        AccessMap::concat(front ? std::vector{other, map.shape()} : std::vector{map.shape(), other}, axis)
            .renumber([&](int k) { return (k == 0) == front ? operand : -1; });
    Tensor a = front ? operands[operand] : value, b = front ? value : operands[operand];
    return apply(op, [&](Index at) {
      if (at[axis] < a.shape[axis]) return a.data[flatten(at, a.shape)];
      at[axis] -= a.shape[axis];
      return b.data[flatten(at, b.shape)];
    });
  }
  bool reshapeTo(const std::vector<Dim> &shape) {
    Tensor old = value;
    Index to = concrete(shape);
    return apply(AccessMap::reshape(shape, map.shape(), facts, -1),
                 [&](const Index &out) { return old.data[flatten(out, to)]; });
  }
  bool merge() {
    std::vector<Dim> shape = map.shape();
    if (shape.size() < 2) return false;
    size_t d = size_t(random.integer(0, int64_t(shape.size()) - 2));
    shape[d] *= shape[d + 1];
    shape.erase(shape.begin() + d + 1);
    return reshapeTo(shape);
  }
  bool split() {
    std::vector<Dim> shape = map.shape();
    size_t d = size_t(random.integer(0, int64_t(shape.size()) - 1));
    for (const Dim &by : {Dim(2), Dim(3), Dim::symbol("N0"), Dim::symbol("N1")})
      if (auto rest = exactDivide(shape[d], by)) {
        shape[d] = *rest;
        shape.insert(shape.begin() + d + random.integer(0, 1), by);
        return reshapeTo(shape);
      }
    return false;
  }
  bool broadcast() {
    std::vector<Dim> shape = map.shape();
    for (Dim &dim : shape)
      if (dim.isConstant(1)) dim = size();
    shape.insert(shape.begin(), size());
    if (shape.size() > 5) return false;
    Tensor old = value;
    return apply(AccessMap::broadcast(shape, map.shape(), -1), [&](const Index &out) {
      Index at(out.begin() + 1, out.end());
      for (size_t d = 0; d < at.size(); ++d)
        if (old.shape[d] == 1) at[d] = 0;
      return old.data[flatten(at, old.shape)];
    });
  }
  bool gather() {
    size_t axis = size_t(random.integer(0, int64_t(map.shape().size()) - 1));
    size_t batch = size_t(random.integer(0, int64_t(axis)));
    std::vector<Dim> indices(map.shape().begin(), map.shape().begin() + batch);
    for (int64_t rank = random.integer(0, 2); rank > 0; --rank) indices.push_back(size());
    if (map.shape().size() + indices.size() - batch > 6) return false;
    int operand = addOperand(indices, value.shape[axis]);
    Tensor old = value, table = operands[operand];
    return apply(AccessMap::gather(map.shape(), indices, axis, batch, -1, operand), [&](const Index &out) {
      size_t picked = table.shape.size() - batch;
      Index position(out.begin(), out.begin() + batch), at(out.begin(), out.begin() + axis);
      position.insert(position.end(), out.begin() + axis, out.begin() + axis + picked);
      at.push_back(table.data[flatten(position, table.shape)]);
      at.insert(at.end(), out.begin() + axis + picked, out.end());
      return old.data[flatten(at, old.shape)];
    });
  }

  // What vectorWidth promises, element by element.
  void checkVectors(const AccessMap &simple) {
    if (simple.shape().empty()) return;
    size_t dim = simple.shape().size() - 1;
    auto lookup = [&](int operand, const Index &at) {
      return operands[operand].data[flatten(at, operands[operand].shape)];
    };
    for (const AccessMap::Piece &piece : simple.pieces()) {
      if (!piece.operand) continue;
      const Tensor &tensor = operands[*piece.operand];
      std::vector<Dim> shape;
      for (int64_t extent : tensor.shape) shape.push_back(extent);
      int64_t width = vectorWidth(simple, piece, dim, rowMajorStrides(shape), 4, facts);
      if (width == 1) continue;
      ++vectors;
      AccessMap only(simple.shape(), {piece}, 0);
      generate(value.shape, [&](Index index) {
        auto here = only.locate(index, binding, lookup);
        int64_t within = index[dim] % width;
        index[dim] -= within;
        auto start = only.locate(index, binding, lookup);
        EXPECT_EQ(here->operand.has_value(), start->operand.has_value()) << simple.str();
        if (here->operand && start->operand) {
          EXPECT_EQ(flatten(here->index, tensor.shape), flatten(start->index, tensor.shape) + within)
              << simple.str();
          EXPECT_EQ(flatten(start->index, tensor.shape) % width, 0) << simple.str();
        }
        return 0;
      });
    }
  }

  test::RandomDims random;
  DimFacts facts;
  std::map<std::string, int64_t> binding;
  std::vector<Tensor> operands;
  Tensor value;
  int64_t counter = 0;

public:
  int vectors = 0;
};

TEST(AccessMap, ComposedChainsReadTheRightElements) {
  int steps = 0, vectors = 0;
  for (uint64_t seed = 0; seed < 1500; ++seed) {
    Chain chain(seed);
    for (int n = 0; n < 5; ++n) steps += chain.step();
    chain.check();
    vectors += chain.vectors;
    if (testing::Test::HasFailure()) FAIL() << "seed " << seed;
  }
  EXPECT_GT(steps, 3500);
  EXPECT_GT(vectors, 20);
}

} // namespace
} // namespace dlc
