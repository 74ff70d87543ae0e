#include "ir/dims/dim.h"
#include "test/ir/dims/random_dims.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace dlc {
namespace {

const Dim B = Dim::symbol("B"), S = Dim::symbol("S"), T = Dim::symbol("T");

TEST(Dim, ProductsAreCanonical) {
  EXPECT_EQ((B * S) * 768, B * (S * 768));
  EXPECT_EQ((B + S) * (B - S), B * B - S * S);
  EXPECT_EQ(B * 2 + S - B - B, S);
  EXPECT_EQ(B - B, Dim(0));
  EXPECT_TRUE((B - B).isConstant(0));
  EXPECT_NE(B, S);
  EXPECT_EQ(Dim::symbol("B"), B);
  EXPECT_EQ(((B + 1) * S).hash(), (S * B + S).hash());
}

TEST(Dim, DividesExactly) {
  EXPECT_EQ(exactDivide(B * S * 768, S * 12), B * 64);
  EXPECT_EQ(exactDivide(B * B - S * S, B + S), B - S);
  EXPECT_EQ(exactDivide(B * S + S, B + 1), S);
  EXPECT_EQ(exactDivide(B * S + S + 1, B + 1), std::nullopt);
  EXPECT_EQ(exactDivide(B * 3, 2), std::nullopt);
  EXPECT_EQ(exactDivide(B, 0), std::nullopt);
  EXPECT_EQ(exactDivide(0, B), Dim(0));
  EXPECT_EQ(exactDivide(floorDiv(S, 2) * B, floorDiv(S, 2)), B);
  EXPECT_EQ(floorDiv(B * S * 768, S * 12), B * 64);
}

TEST(Dim, FoldsDivisions) {
  EXPECT_EQ(floorDiv(S * 8 + 3, 8), S);
  EXPECT_EQ(floorDiv(S * 4 + 3, 8), floorDiv(S, 2));
  EXPECT_EQ(floorDiv(floorDiv(S, 4), 3), floorDiv(S, 12));
  EXPECT_EQ(floorDiv(floorDiv(S, T), 3), floorDiv(S, T * 3));
  EXPECT_EQ(floorDiv(S + 16, 8), floorDiv(S, 8) + 2);
  EXPECT_EQ(floorDiv(B * T + S, T), B + floorDiv(S, T));
  EXPECT_EQ(floorDiv(S, -8), floorDiv(-S, 8));
  EXPECT_EQ(ceilDiv(S, 8), floorDiv(S + 7, 8));
  EXPECT_EQ(ceilDiv(B * S, S), B);
  EXPECT_EQ(mod(S * 8 + B, 8), mod(B, 8));
  EXPECT_EQ(mod(S * 4 + 3, 8), mod(S, 2) * 4 + 3);
  EXPECT_EQ(mod(mod(S, 12), 4), mod(S, 4));
  EXPECT_EQ(mod(S * T + B * T, T), Dim(0));
  EXPECT_EQ(mod(9 * S, 8), mod(S, 8));
  EXPECT_EQ(floorDiv(mod(S, 32), 8), mod(floorDiv(S, 8), 4));
  EXPECT_EQ(floorDiv(-7, 2), Dim(-4));
  EXPECT_EQ(mod(-7, 2), Dim(1));
  EXPECT_EQ(ceilDiv(-7, 2), Dim(-3));
  EXPECT_EQ(mod(7, -2), Dim(-1));
}

TEST(Dim, FoldsMinAndMax) {
  EXPECT_EQ(min(S, S + 3), S);
  EXPECT_EQ(max(S, S + 3), S + 3);
  EXPECT_EQ(min(min(S, B), min(T, S)), min(S, min(B, T)));
  EXPECT_EQ(min(S, 512).str(), "min(S, 512)");
  EXPECT_EQ(min(min(S, 512), 64), min(S, 64));
  EXPECT_EQ(min(3, 5), Dim(3));
}

TEST(Dim, Prints) {
  EXPECT_EQ((B * 2 + 1).str(), "B * 2 + 1");
  EXPECT_EQ(floorDiv(S + 7, 8).str(), "(S + 7) floordiv 8");
  EXPECT_EQ((-S).str(), "-S");
  EXPECT_EQ((B - S * 2 - 3).str(), "B - S * 2 - 3");
  EXPECT_EQ((floorDiv(S, 8) * 4).str(), "(S floordiv 8) * 4");
  EXPECT_EQ((-floorDiv(S, 8)).str(), "-(S floordiv 8)");
  EXPECT_EQ((floorDiv(S, 8) + B * S).str(), "B * S + S floordiv 8");
  EXPECT_EQ((B * B * 3).str(), "B * B * 3");
  EXPECT_EQ(Dim::symbol("a b").str(), "\"a b\"");
  EXPECT_EQ(Dim::symbol("mod").str(), "\"mod\"");
  EXPECT_EQ(Dim::symbol("say \"x\"\\").str(), "\"say \\22x\\22\\\\\"");
  EXPECT_EQ(Dim().str(), "0");
}

TEST(Dim, ParserNamesTheColumn) {
  std::string error;
  auto failure = [&](const char *text) {
    EXPECT_FALSE(parseDim(text, &error)) << text;
    return error;
  };
  EXPECT_EQ(failure(""), "column 1: expected an integer, a symbol or '('");
  EXPECT_EQ(failure("B +"), "column 4: expected an integer, a symbol or '('");
  EXPECT_EQ(failure("B S"), "column 3: expected an operator or the end");
  EXPECT_EQ(failure("(B"), "column 3: expected ')'");
  EXPECT_EQ(failure("min B"), "column 5: expected '(' after 'min'");
  EXPECT_EQ(failure("min(B"), "column 6: expected ',' or ')'");
  EXPECT_EQ(failure("mod 3"), "column 1: expected an operand before 'mod'");
  EXPECT_EQ(failure("99999999999999999999"), "column 19: integer past 64 bits");
  EXPECT_EQ(failure("2B"), "column 2: expected an operator after the integer");
  EXPECT_EQ(failure("\"x"), "column 3: expected '\"' at the end of a symbol");
  EXPECT_EQ(failure("\"\\x\""), "column 3: unknown escape in a quoted symbol");
  EXPECT_NE(failure(std::string(100000, '(').c_str()).find("nested too deeply"), std::string::npos);
}

TEST(Dim, ParsesWhatItPrints) {
  test::RandomDims random(1);
  for (int i = 0; i < 5000; ++i) {
    Dim dim = random.expression(int(random.integer(0, 4)));
    std::string error;
    std::optional<Dim> again = parseDim(dim.str(), &error);
    ASSERT_TRUE(again) << dim << ": " << error;
    ASSERT_EQ(*again, dim);
    ASSERT_EQ(again->str(), dim.str());
  }
  for (int64_t extreme : {INT64_MIN, INT64_MAX})
    for (const Dim &dim : {Dim(extreme), S * extreme, B + S * extreme, B + extreme})
      EXPECT_EQ(parseDim(dim.str()), dim) << dim;
  EXPECT_EQ(parseDim(Dim::undefined().str()), Dim::undefined());
  for (const char *name : {"", "a b", "x+1", "\"", "\\", "\xc3\xa9", "min", "0"})
    EXPECT_EQ(parseDim(Dim::symbol(name).str()), Dim::symbol(name));
}

// Damaged text gives a message or another dim, which again reads back.
TEST(Dim, ParserStandsDamage) {
  test::RandomDims random(8);
  const std::string letters = "ab01 +-*(),\"\\%floordivmodminmax";
  for (int i = 0; i < 20000; ++i) {
    std::string text = random.expression(3).str();
    for (int64_t n = random.integer(1, 3); n > 0 && !text.empty(); --n) {
      size_t at = size_t(random.integer(0, int64_t(text.size()) - 1));
      char letter = letters[size_t(random.integer(0, int64_t(letters.size()) - 1))];
      switch (random.integer(0, 2)) {
      case 0:
        text[at] = letter;
        break;
      case 1:
        text.erase(at, 1);
        break;
      default:
        text.insert(at, 1, letter);
      }
    }
    std::string error;
    std::optional<Dim> dim = parseDim(text, &error);
    ASSERT_EQ(dim.has_value(), error.empty()) << text;
    if (dim) ASSERT_EQ(parseDim(dim->str()), dim) << text;
  }
}

// What an operation should give, on the values of its operands.
std::optional<int64_t> applied(Dim::Kind kind, int64_t a, int64_t b) {
  auto floored = [&] { return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0); };
  switch (kind) {
  case Dim::Kind::Add:
    return a + b;
  case Dim::Kind::Mul:
    return a * b;
  case Dim::Kind::Min:
    return std::min(a, b);
  case Dim::Kind::Max:
    return std::max(a, b);
  default:
    break;
  }
  if (b == 0) return std::nullopt;
  if (kind == Dim::Kind::FloorDiv) return floored();
  if (kind == Dim::Kind::Mod) return a - b * floored();
  return -(-a / b - (-a % b != 0 && (-a < 0) != (b < 0) ? 1 : 0));
}

// Each operation, whatever rules fire in it, has the value that the operands' values give.
TEST(Dim, RulesKeepValues) {
  using Kind = Dim::Kind;
  test::RandomDims random(2);
  int64_t compared = 0;
  for (int i = 0; i < 20000; ++i) {
    Dim a = random.expression(3), b = random.expression(int(random.integer(0, 3)));
    for (Kind kind : {Kind::Add, Kind::Mul, Kind::FloorDiv, Kind::CeilDiv, Kind::Mod, Kind::Min, Kind::Max}) {
      Dim result = combine(kind, {a, b});
      for (int trial = 0; trial < 4; ++trial) {
        auto values = random.binding();
        auto x = a.evaluate(values), y = b.evaluate(values);
        if (!x || !y || std::abs(*x) > 1e9 || std::abs(*y) > 1e9) continue;
        auto expected = applied(kind, *x, *y);
        if (!expected) continue; // a rule may give a value where the written form has none
        ASSERT_EQ(result.evaluate(values), expected) << a << " | " << b << " -> " << result;
        ++compared;
      }
    }
  }
  EXPECT_GT(compared, 200000);
}

TEST(Dim, ExactDivisionInvertsProducts) {
  test::RandomDims random(3);
  int divided = 0;
  for (int i = 0; i < 5000; ++i) {
    Dim a = random.expression(2), b = random.expression(2);
    Dim product = a * b;
    if (b.isConstant(0) || product.isUndefined() || b.isUndefined()) continue;
    ASSERT_EQ(exactDivide(product, b), a) << product << " / " << b;
    ++divided;
  }
  EXPECT_GT(divided, 3000);
}

TEST(Dim, OrderOfOperandsDoesNotMatter) {
  test::RandomDims random(4);
  for (int i = 0; i < 2000; ++i) {
    std::vector<Dim> operands;
    for (int k = 0; k < 5; ++k) operands.push_back(random.expression(1));
    for (Dim::Kind kind : {Dim::Kind::Add, Dim::Kind::Mul, Dim::Kind::Min, Dim::Kind::Max}) {
      Dim expected = combine(kind, operands);
      std::shuffle(operands.begin(), operands.end(), random.engine);
      ASSERT_EQ(combine(kind, operands), expected);
      Dim split = combine(kind, {combine(kind, {operands[0], operands[1]}),
                                 combine(kind, {operands[2], combine(kind, {operands[3], operands[4]})})});
      ASSERT_EQ(split, expected);
      ASSERT_EQ(split.hash(), expected.hash());
    }
  }
}

TEST(Dim, CompareIsATotalOrder) {
  test::RandomDims random(5);
  std::vector<Dim> dims;
  for (int i = 0; i < 120; ++i) dims.push_back(random.expression(2));
  auto sign = [](int x) { return x < 0 ? -1 : x > 0; };
  for (const Dim &a : dims)
    for (const Dim &b : dims) {
      EXPECT_EQ(sign(Dim::compare(a, b)), -sign(Dim::compare(b, a)));
      EXPECT_EQ(Dim::compare(a, b) == 0, a == b);
      for (const Dim &c : dims)
        if (Dim::compare(a, b) <= 0 && Dim::compare(b, c) <= 0) ASSERT_LE(Dim::compare(a, c), 0);
    }
}

TEST(Dim, TreeRebuilds) {
  struct Rebuild {
    Dim operator()(const DimNode &node) const {
      if (node.kind == Dim::Kind::Constant) return node.value;
      if (node.kind == Dim::Kind::Symbol) return Dim::symbol(node.symbol);
      std::vector<Dim> operands;
      for (const DimNode &operand : node.operands) operands.push_back((*this)(operand));
      return combine(node.kind, operands);
    }
  };
  test::RandomDims random(6);
  for (int i = 0; i < 3000; ++i) {
    Dim dim = random.expression(3);
    ASSERT_EQ(Rebuild()(dim.tree()), dim);
    Dim sum;
    for (const DimTerm &term : dim.terms()) sum += product(term.factors) * term.coefficient;
    ASSERT_EQ(sum, dim);
  }
}

TEST(Dim, SubstitutesAllAtOnce) {
  EXPECT_EQ((B * S).substitute({{"B", S}, {"S", B + 1}}), S * (B + 1));
  EXPECT_EQ(floorDiv(S, 8).substitute({{"S", B * 8}}), B);
  test::RandomDims random(7);
  for (int i = 0; i < 3000; ++i) {
    Dim dim = random.expression(3);
    std::map<std::string, Dim> map = {{"a", random.expression(1)}, {"b", random.expression(1)}};
    Dim replaced = dim.substitute(map);
    auto values = random.binding();
    auto inner = values;
    bool defined = true;
    for (auto &[name, with] : map) {
      auto value = with.evaluate(values);
      defined &= value.has_value();
      if (value) inner[name] = *value;
    }
    if (!defined) continue;
    if (auto expected = dim.evaluate(inner)) ASSERT_EQ(replaced.evaluate(values), expected) << dim;
  }
}

TEST(Dim, HasNoValueOutsideOfInt64) {
  EXPECT_TRUE((Dim(INT64_MAX) + 1).isUndefined());
  EXPECT_TRUE((Dim(INT64_MIN) * -1).isUndefined());
  EXPECT_TRUE((S * INT64_MAX * 2).isUndefined());
  EXPECT_TRUE(floorDiv(S, 0).isUndefined());
  EXPECT_TRUE((Dim::undefined() * 0 + 3).isUndefined());
  EXPECT_EQ(Dim::undefined().evaluate({}), std::nullopt);
  EXPECT_EQ((S * S).evaluate({{"S", int64_t(1) << 32}}), std::nullopt);
  EXPECT_EQ((S * S - S * S * T).evaluate({{"S", int64_t(1) << 32}, {"T", 1}}), 0);
  EXPECT_EQ(floorDiv(B, S).evaluate({{"B", 1}, {"S", 0}}), std::nullopt);
  EXPECT_EQ(floorDiv(B, S).evaluate({{"B", INT64_MIN}, {"S", -1}}), std::nullopt);
  EXPECT_EQ(B.evaluate({}), std::nullopt);
}

TEST(Dim, LimitsEndInUndefined) {
  Dim power = 1;
  for (int i = 0; i < 40; ++i) power *= Dim::symbol("x" + std::to_string(i)) + 1;
  EXPECT_TRUE(power.isUndefined());
  Dim doubling = S;
  for (int i = 0; i < 200; ++i) doubling = floorDiv(doubling * doubling + B, doubling + 3);
  EXPECT_TRUE(doubling.isUndefined());
  Dim smallest = S;
  for (int i = 0; i < 1000; ++i) smallest = min(smallest, Dim::symbol("x" + std::to_string(i)));
  EXPECT_TRUE(smallest.isUndefined());
}

TEST(Dim, ListsSymbols) {
  EXPECT_EQ((B + floorDiv(S, T)).symbols(), (std::set<std::string>{"B", "S", "T"}));
  EXPECT_TRUE((B + floorDiv(S, T)).uses("T"));
  EXPECT_FALSE((B + floorDiv(S, T)).uses("U"));
  EXPECT_EQ((B * S * 2 + 1).constantTerm(), 1);
  EXPECT_TRUE(B.isSymbol());
  EXPECT_FALSE((B * 2).isSymbol());
}

} // namespace
} // namespace dlc
