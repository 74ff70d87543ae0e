#include "ir/layout/shared_layout.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace dlc {
namespace {

TEST(SharedLayout, SwizzleIsTheHardwaresFunction) {
  // In row terms, with c the number of the 16-byte chunk: 128-byte rows c ^ r % 8, 64 c ^ r / 2 % 4, 32 c ^ r
  // / 4 % 2.
  for (int64_t rowBytes : {32, 64, 128})
    for (int64_t row = 0; row < 32; ++row)
      for (int64_t byte = 0; byte < rowBytes; ++byte) {
        int64_t chunk = byte / 16;
        int64_t expected = rowBytes == 128  ? chunk ^ (row % 8)
                           : rowBytes == 64 ? chunk ^ (row / 2 % 4)
                                            : chunk ^ (row / 4 % 2);
        ASSERT_EQ(SharedLayout::choose(32, rowBytes).offset(row, byte),
                  row * rowBytes + expected * 16 + byte % 16);
      }
  EXPECT_EQ(SharedLayout::choose(64, 128).alignment(), 1024);
  EXPECT_EQ(SharedLayout::choose(64, 64).alignment(), 512);
  EXPECT_EQ(SharedLayout::choose(64, 32).alignment(), 256);
}

TEST(SharedLayout, IsBijectiveAndStaysInsideItsBytes) {
  for (int64_t rows : {1, 3, 8, 33, 64})
    for (int64_t rowBytes : {2, 4, 16, 24, 32, 48, 64, 80, 96, 128, 160, 192, 256, 320, 512, 1024}) {
      SharedLayout layout = SharedLayout::choose(rows, rowBytes);
      std::set<int64_t> used;
      for (int64_t row = 0; row < rows; ++row)
        for (int64_t byte = 0; byte < rowBytes; ++byte) {
          int64_t offset = layout.offset(row, byte);
          ASSERT_GE(offset, row * layout.pitch());
          ASSERT_LT(offset, (row + 1) * layout.pitch());
          ASSERT_TRUE(used.insert(offset).second);
          if (rowBytes % 16 == 0) ASSERT_EQ(offset % 16, byte % 16);
        }
      EXPECT_LE(*used.rbegin(), layout.bytes());
      EXPECT_EQ(layout.ldmatrixLegal(), rowBytes % 16 == 0) << layout.str();
    }
}

// 8 neighbouring rows of one chunk column (a matrix of ldmatrix) and consecutive chunks along rows (a copy).
TEST(SharedLayout, ChosenLayoutsHaveNoConflicts) {
  for (int64_t rowBytes : {32, 48, 64, 80, 96, 112, 128, 160, 192, 256, 320, 384, 512, 1024, 2048}) {
    SharedLayout layout = SharedLayout::choose(64, rowBytes);
    int64_t chunks = rowBytes / 16;
    for (int64_t row = 0; row < 64; row += 8)
      for (int64_t chunk = 0; chunk < chunks; ++chunk) {
        std::vector<int64_t> addresses;
        for (int64_t r = 0; r < 8; ++r) addresses.push_back(layout.offset(row + r, chunk * 16));
        ASSERT_EQ(bankConflicts(addresses, 16), 0) << layout.str() << " chunk " << chunk;
      }
    // Copies of rows that fill whole phases: 8 lanes side by side in rows of a power of two.
    if (layout.swizzle().bits == 0) continue;
    for (int64_t first = 0; first + 32 <= 64 * chunks; first += 32) {
      std::vector<int64_t> addresses;
      for (int64_t i = first; i < first + 32; ++i)
        addresses.push_back(layout.offset(i / chunks, i % chunks * 16));
      ASSERT_EQ(bankConflicts(addresses, 16), 0) << layout.str();
    }
  }
  // Without a swizzle the 8 rows of a matrix share their banks.
  SharedLayout plain(64, 128, 128);
  std::vector<int64_t> column;
  for (int64_t r = 0; r < 8; ++r) column.push_back(plain.offset(r, 0));
  EXPECT_EQ(bankPasses(column, 16), 8);
  EXPECT_EQ(bankConflicts(column, 16), 7);
}

TEST(SharedLayout, CountsBanksAsHardwareDoes) {
  auto strided = [](int64_t stride) {
    std::vector<int64_t> addresses;
    for (int64_t lane = 0; lane < 32; ++lane) addresses.push_back(lane * stride);
    return addresses;
  };
  EXPECT_EQ(bankConflicts(strided(4), 4), 0);
  EXPECT_EQ(bankConflicts(strided(0), 4), 0); // one word for all
  EXPECT_EQ(bankConflicts(strided(2), 2), 0); // two lanes share a word
  EXPECT_EQ(bankConflicts(strided(8), 4), 1);
  EXPECT_EQ(bankConflicts(strided(12), 4), 0); // odd strides never collide
  EXPECT_EQ(bankConflicts(strided(128), 4), 31);
  EXPECT_EQ(bankPasses(strided(8), 8), 2); // two phases
  EXPECT_EQ(bankConflicts(strided(8), 8), 0);
  EXPECT_EQ(bankPasses(strided(16), 16), 4);
  EXPECT_EQ(bankConflicts(strided(16), 16), 0);
  EXPECT_EQ(bankConflicts(strided(32), 16), 4); // each of four phases twice
  std::vector<int64_t> half = strided(128);
  for (size_t lane = 2; lane < 32; ++lane) half[lane] = -1;
  EXPECT_EQ(bankConflicts(half, 4), 1);
  EXPECT_EQ(bankPasses(std::vector<int64_t>(32, -1), 16), 0);
}

// Against a simulation that hands out one word per bank and pass.
TEST(SharedLayout, BankPassesMatchASimulation) {
  std::mt19937_64 engine(7);
  for (int round = 0; round < 2000; ++round) {
    int64_t bytes = int64_t(1) << (engine() % 5);
    std::vector<int64_t> addresses;
    for (int lane = 0; lane < 32; ++lane)
      addresses.push_back(engine() % 8 ? int64_t(engine() % 128) * bytes : -1);
    int64_t passes = 0;
    size_t group = bytes == 16 ? 8 : bytes == 8 ? 16 : 32;
    for (size_t first = 0; first < 32; first += group) {
      std::set<int64_t> words;
      for (size_t lane = first; lane < first + group; ++lane)
        for (int64_t b = 0; b < bytes && addresses[lane] >= 0; ++b) words.insert((addresses[lane] + b) / 4);
      for (; !words.empty(); ++passes) {
        std::set<int64_t> banks;
        std::erase_if(words, [&](int64_t word) { return banks.insert(word % 32).second; });
      }
    }
    ASSERT_EQ(bankPasses(addresses, bytes), passes);
  }
}

TEST(SharedLayout, TextRoundTrips) {
  for (int64_t rowBytes : {2, 32, 48, 64, 128, 192, 256}) {
    SharedLayout layout = SharedLayout::choose(40, rowBytes);
    EXPECT_EQ(SharedLayout::parse(layout.str()), layout);
  }
  EXPECT_EQ(SharedLayout::choose(64, 128).str(), "rows 64 bytes 128 pitch 128 swizzle 3,4,3");
  auto failure = [](const char *text) {
    std::string error;
    EXPECT_FALSE(SharedLayout::parse(text, &error)) << text;
    return error;
  };
  EXPECT_EQ(failure("rows 0 bytes 4 pitch 4"), "column 6: expected a number between 1 and 1048576");
  EXPECT_EQ(failure("rows 4 bytes 4"), "column 15: expected 'pitch'");
  EXPECT_EQ(failure("rows 4 bytes 8 pitch 4"), "column 23: the pitch is less than a row");
  EXPECT_EQ(failure("rows 4 bytes 8 pitch 8 x"), "column 24: expected 'swizzle'");
  EXPECT_EQ(failure("rows 4 bytes 96 pitch 96 swizzle 3,4,3"),
            "column 39: a swizzle moves bytes out of their row");
  EXPECT_EQ(failure("rows 4 bytes 128 pitch 128 swizzle 3,4,2"),
            "column 41: a swizzle moves bytes out of their row");
}

} // namespace
} // namespace dlc
