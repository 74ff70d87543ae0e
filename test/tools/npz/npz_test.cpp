// npz files: round trips here; files between NumPy and dlc in npz_test.py; damage of every byte.
#include "tools/npz/npz.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

namespace dlc::npz {
namespace {

Arrays sample() {
  Arrays arrays;
  arrays.emplace_back("x", Array{"<f4", {2, 3}, std::vector<char>(24, 'a')});
  arrays.emplace_back("scalar", Array{"<i8", {}, std::vector<char>(8, 'b')});
  arrays.emplace_back("a/b:0", Array{"<V2", {3}, std::vector<char>(6, 'c')});
  arrays.emplace_back("none", Array{"|b1", {0, 5}, {}});
  return arrays;
}

// A folder of this process's own: tests of several builds run beside each other.
struct Folder {
  Folder() {
    std::string made = (std::filesystem::temp_directory_path() / "dlc_npz_XXXXXX").string();
    if (mkdtemp(made.data())) path = made;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

std::string temporary(const char *name) {
  static const Folder folder;
  return folder.path / name;
}

std::vector<char> contents(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  return std::vector<char>(std::istreambuf_iterator<char>(in), {});
}

TEST(Npz, readsWhatItWrites) {
  std::string path = temporary("round.npz");
  ASSERT_EQ(write(path, viewsOf(sample())), "");
  Arrays back;
  ASSERT_EQ(read(path, back), "");
  Arrays want = sample();
  ASSERT_EQ(back.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    EXPECT_EQ(back[i].first, want[i].first);
    EXPECT_EQ(back[i].second.descr, want[i].second.descr);
    EXPECT_EQ(back[i].second.dims, want[i].second.dims);
    EXPECT_EQ(back[i].second.bytes, want[i].second.bytes);
  }
  std::string again = temporary("again.npz");
  ASSERT_EQ(write(again, viewsOf(sample())), "");
  EXPECT_EQ(contents(path), contents(again));
}

TEST(Npz, reportsMissingAndForeignFiles) {
  Arrays arrays;
  EXPECT_NE(read(temporary("missing.npz"), arrays), "");
  std::ofstream(temporary("text.npz")) << "hello";
  EXPECT_NE(read(temporary("text.npz"), arrays).find("no zip archive"), std::string::npos);
  EXPECT_NE(write("/nonexistent/file.npz", viewsOf(sample())), "");
}

TEST(Npz, survivesDamage) {
  std::string path = temporary("good.npz"), bad = temporary("bad.npz");
  ASSERT_EQ(write(path, viewsOf(sample())), "");
  std::vector<char> good = contents(path);
  std::mt19937 random(1);
  for (int i = 0; i < 600; ++i) {
    std::vector<char> bytes = good;
    if (i % 4 == 0) bytes.resize(random() % bytes.size());
    for (unsigned k = 0; k < 1 + random() % 4 && !bytes.empty(); ++k)
      bytes[random() % bytes.size()] = static_cast<char>(i % 2 ? random() : 0xff);
    std::ofstream(bad, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    Arrays arrays;
    read(bad, arrays); // any message, or the arrays: no crash, no huge allocation
    for (auto &[name, array] : arrays) EXPECT_LE(array.bytes.size(), good.size());
  }
}

} // namespace
} // namespace dlc::npz
