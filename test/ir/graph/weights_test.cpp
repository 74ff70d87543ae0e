// The weights table: what it accepts, its hashes, its recipes.
#include "ir/graph/weights.h"

#include <gtest/gtest.h>

namespace dlc {
namespace {

std::vector<char> bytesOf(std::vector<int32_t> values) {
  auto *data = reinterpret_cast<char *>(values.data());
  return std::vector<char>(data, data + values.size() * 4);
}
std::string messageOf(llvm::Error error) { return llvm::toString(std::move(error)); }

TEST(WeightsTable, refusesWhatDoesNotFit) {
  WeightsTable table;
  EXPECT_EQ(messageOf(table.addBytes("a", DType::I32, {2}, bytesOf({1, 2}))), "");
  EXPECT_NE(messageOf(table.addBytes("a", DType::I32, {2}, bytesOf({1, 2}))), "");
  EXPECT_NE(messageOf(table.addBytes("b", DType::I32, {3}, bytesOf({1, 2}))), "");
  EXPECT_NE(messageOf(table.addBytes("b", DType::I32, {-1, -2}, bytesOf({1, 2}))), "");
  EXPECT_NE(messageOf(table.addBytes("b", DType::I32, {int64_t(1) << 40, int64_t(1) << 40}, {})), "");
  EXPECT_NE(messageOf(table.addRecipe("b", DType::I32, {2}, {"copy", "", {"c"}, 0})), "");
  std::shared_ptr<llvm::MemoryBuffer> file = llvm::MemoryBuffer::getMemBufferCopy("12345678");
  EXPECT_EQ(messageOf(table.addSpan("s", DType::I32, {1}, {file, 4, 4})), "");
  EXPECT_NE(messageOf(table.addSpan("t", DType::I32, {1}, {file, 5, 4})), "");
  EXPECT_NE(messageOf(table.addSpan("t", DType::I32, {1}, {file, ~uint64_t(0), 4})), "");
  EXPECT_EQ(table.freeName("a"), "a.1");
  EXPECT_EQ(table.freeName("new"), "new");
}

TEST(WeightsTable, hashesContentAndMeaning) {
  WeightsTable table;
  cantFail(table.addBytes("a", DType::I32, {2}, bytesOf({1, 2})));
  cantFail(table.addBytes("same", DType::I32, {2}, bytesOf({1, 2})));
  cantFail(table.addBytes("shape", DType::I32, {1, 2}, bytesOf({1, 2})));
  cantFail(table.addBytes("type", DType::F32, {2}, bytesOf({1, 2})));
  cantFail(table.addBytes("other", DType::I32, {2}, bytesOf({1, 3})));
  EXPECT_EQ(table.hash("a"), table.hash("same"));
  for (const char *name : {"shape", "type", "other"}) EXPECT_NE(table.hash("a"), table.hash(name)) << name;
  cantFail(table.addRecipe("r1", DType::I32, {2}, {"copy", "f", {"a"}, 7}));
  cantFail(table.addRecipe("r2", DType::I32, {2}, {"copy", "g", {"same"}, 7}));
  cantFail(table.addRecipe("r3", DType::I32, {2}, {"copy", "f", {"other"}, 7}));
  cantFail(table.addRecipe("r4", DType::I32, {2}, {"copy", "f", {"a"}, 8}));
  EXPECT_EQ(table.hash("r1"), table.hash("r2"));
  EXPECT_NE(table.hash("r1"), table.hash("r3"));
  EXPECT_NE(table.hash("r1"), table.hash("r4"));
  EXPECT_EQ(table.hash("nothing"), 0u);
}

TEST(WeightsTable, runsRecipesOnceWhenSmall) {
  WeightsTable table;
  cantFail(table.addBytes("a", DType::I32, {2}, bytesOf({1, 2})));
  cantFail(table.addRecipe("r", DType::I32, {2}, {"reverse", "", {"a"}, 0}));
  EXPECT_FALSE(bool(table.view("r")));
  EXPECT_NE(messageOf(table.bytes("r").takeError()), ""); // nobody runs it yet
  int runs = 0;
  table.setRunner("reverse",
                  [&](const WeightsTable &t, const WeightsTable::Entry &, WeightsTable::MutableBytes out) {
                    ++runs;
                    auto in = *t.view("a");
                    std::copy(in.begin() + 4, in.end(), out.begin());
                    std::copy(in.begin(), in.begin() + 4, out.begin() + 4);
                    return llvm::Error::success();
                  });
  for (int i = 0; i < 2; ++i) {
    auto held = table.bytes("r");
    ASSERT_TRUE(bool(held));
    EXPECT_EQ(std::vector<char>(held->bytes().begin(), held->bytes().end()), bytesOf({2, 1}));
  }
  EXPECT_EQ(runs, 1);
}

TEST(WeightsTable, prunesButKeepsWhatRecipesNeed) {
  WeightsTable table;
  for (const char *name : {"a", "b", "c"}) cantFail(table.addBytes(name, DType::I32, {1}, bytesOf({1})));
  cantFail(table.addRecipe("r", DType::I32, {1}, {"copy", "", {"b"}, 0}));
  cantFail(table.addRecipe("s", DType::I32, {1}, {"copy", "", {"r"}, 0}));
  table.prune([](llvm::StringRef name) { return name == "s" || name == "c"; });
  std::vector<std::string> names;
  for (const WeightsTable::Entry *entry : table.entries()) names.push_back(entry->name);
  EXPECT_EQ(names, (std::vector<std::string>{"b", "c", "r", "s"}));
  EXPECT_EQ(table.find("a"), nullptr);
}

} // namespace
} // namespace dlc
