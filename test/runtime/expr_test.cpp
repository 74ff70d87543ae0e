#include "runtime/expr.h"
#include "runtime/failure.h"
#include "runtime/plan_json.h"

#include <gtest/gtest.h>

using namespace dlc::rt;

namespace {

// Expressions over the slots a = 7, b = -3.
struct Slots {
  Slots() {
    nlohmann::json none;
    Node node(none, "test");
    table.add(node, "a", 0);
    table.add(node, "b", 1);
    names = {"a", "b"};
  }
  NameTable table{"symbol"};
  Vec<String> names;
  int64_t values[2] = {7, -3};

  Expr read(const char *text) {
    nlohmann::json json = parseJson(text, "test");
    return readExpr(Node(json, "test"), table);
  }
  int64_t value(const char *text) { return evaluate(read(text), values, {"test", "", ""}); }
  bool condition(const char *text) {
    nlohmann::json json = parseJson(text, "test");
    return holds(readCondition(Node(json, "test"), table), values, {"test", "", ""});
  }
  std::string text(const char *json) { return textOf(read(json), names); }
};

dlc_status statusOfCall(auto &&call) {
  try {
    call();
    return DLC_OK;
  } catch (const Failure &failure) { return failure.status; }
}

} // namespace

TEST(Expr, Values) {
  Slots slots;
  EXPECT_EQ(slots.value("12"), 12);
  EXPECT_EQ(slots.value(R"("a")"), 7);
  EXPECT_EQ(slots.value(R"(["+", "a", "b", 1, 2])"), 7);
  EXPECT_EQ(slots.value(R"(["-", "a", ["-", "b", 1]])"), 11);
  EXPECT_EQ(slots.value(R"(["*", "a", "b", 2])"), -42);
  EXPECT_EQ(slots.value(R"(["min", "a", "b", 0])"), -3);
  EXPECT_EQ(slots.value(R"(["max", "a", "b", 9])"), 9);
}

TEST(Expr, DivisionRoundsAsDocumented) {
  Slots slots;
  auto binary = [&](const char *op, int a, int b) {
    return slots.value(
        ("[\"" + std::string(op) + "\"," + std::to_string(a) + "," + std::to_string(b) + "]").c_str());
  };
  for (int a = -13; a <= 13; ++a)
    for (int b : {-5, -2, -1, 1, 2, 5}) {
      int64_t floor = binary("floordiv", a, b), ceil = binary("ceildiv", a, b), mod = binary("mod", a, b);
      EXPECT_EQ(a, floor * b + mod);
      EXPECT_TRUE(b > 0 ? mod >= 0 && mod < b : mod <= 0 && mod > b);
      EXPECT_EQ(ceil, mod == 0 ? floor : floor + 1);
    }
}

TEST(Expr, NothingWraps) {
  Slots slots;
  const char *cases[] = {R"(["+", 9223372036854775807, 1])",
                         R"(["-", -9223372036854775807, 2])",
                         R"(["*", 4611686018427387904, 2])",
                         R"(["floordiv", -9223372036854775808, -1])",
                         R"(["floordiv", 1, 0])",
                         R"(["ceildiv", 1, 0])",
                         R"(["mod", 1, ["+", "b", 3]])"};
  for (const char *text : cases) EXPECT_EQ(statusOfCall([&] { slots.value(text); }), DLC_ERROR_DIMS) << text;
  EXPECT_EQ(slots.value(R"(["mod", -9223372036854775808, -1])"), 0);
}

TEST(Expr, Conditions) {
  Slots slots;
  EXPECT_TRUE(slots.condition(R"(["<=", "a", 7])"));
  EXPECT_FALSE(slots.condition(R"(["<", "a", 7])"));
  EXPECT_TRUE(slots.condition(R"(["==", ["+", "a", "b"], 4])"));
  EXPECT_FALSE(slots.condition(R"(["!=", "a", 7])"));
  EXPECT_TRUE(slots.condition(R"(["divides", 7, "a"])"));
  EXPECT_FALSE(slots.condition(R"(["divides", 2, "a"])"));
  EXPECT_EQ(statusOfCall([&] { slots.condition(R"(["divides", 0, "a"])"); }), DLC_ERROR_DIMS);
}

TEST(Expr, RefusesWhatIsNoExpression) {
  Slots slots;
  const char *unsupported[] = {R"(["pow", 2, 3])", R"(["<", 2, 3])"};
  for (const char *text : unsupported)
    EXPECT_EQ(statusOfCall([&] { slots.value(text); }), DLC_ERROR_UNSUPPORTED) << text;
  const char *malformed[] = {"[]",
                             "1.5",
                             R"("c")",
                             R"(["+", 1])",
                             R"(["-", 1, 2, 3])",
                             R"({"a": 1})",
                             "null",
                             R"(["+", 1, true])",
                             "[1, 2]",
                             "18446744073709551615",
                             R"(["-", 1])",
                             R"([["+"], 1])",
                             "1e3"};
  for (const char *text : malformed)
    EXPECT_EQ(statusOfCall([&] { slots.value(text); }), DLC_ERROR_FORMAT) << text;
}

TEST(Expr, DeepNestingIsRefusedBeforeItIsRead) {
  Slots slots;
  auto nested = [](int depth) {
    std::string text;
    for (int i = 0; i < depth; ++i) text += R"(["+", 1, )";
    text += "1";
    return text + std::string(size_t(depth), ']');
  };
  EXPECT_EQ(slots.value(nested(60).c_str()), 61);
  EXPECT_EQ(statusOfCall([&] { slots.value(nested(65).c_str()); }), DLC_ERROR_FORMAT);
  EXPECT_EQ(statusOfCall([&] { slots.value(nested(1000000).c_str()); }), DLC_ERROR_FORMAT);
}

TEST(Expr, TextHasOnlyNeededParentheses) {
  Slots slots;
  EXPECT_EQ(slots.text(R"(["+", ["*", 8, "a"], "b", 1])"), "8 * a + b + 1");
  EXPECT_EQ(slots.text(R"(["*", 8, ["+", "a", "b"]])"), "8 * (a + b)");
  EXPECT_EQ(slots.text(R"(["-", "a", ["-", "b", 1]])"), "a - (b - 1)");
  EXPECT_EQ(slots.text(R"(["*", ["ceildiv", ["+", "a", 1], 4], 16])"), "ceildiv(a + 1, 4) * 16");
}

TEST(Expr, MagicDivisionIsExact) {
  auto divide = [](uint32_t n, uint64_t magic) {
    uint32_t high = uint32_t(uint64_t(n) * uint32_t(magic) >> 32);
    return (high + n) >> uint32_t(magic >> 32);
  };
  std::vector<uint32_t> divisors;
  for (uint32_t d = 1; d < 2000; ++d) divisors.push_back(d);
  for (int bit = 1; bit < 31; ++bit)
    for (int delta = -1; delta <= 1; ++delta) divisors.push_back((1u << bit) + uint32_t(delta));
  divisors.push_back(INT32_MAX);
  uint64_t random = 1;
  for (uint32_t d : divisors) {
    uint64_t magic = magicOf(d);
    for (int i = 0; i < 200; ++i) {
      random = random * 6364136223846793005u + 1442695040888963407u;
      uint32_t n = uint32_t(random >> 33);
      ASSERT_EQ(divide(n, magic), n / d) << n << " / " << d;
      uint32_t edge = n / d * d; // multiples and their neighbours
      ASSERT_EQ(divide(edge, magic), edge / d);
      if (edge > 0) ASSERT_EQ(divide(edge - 1, magic), (edge - 1) / d);
    }
    ASSERT_EQ(divide(INT32_MAX, magic), INT32_MAX / d);
    ASSERT_EQ(divide(0, magic), 0u);
  }
}
