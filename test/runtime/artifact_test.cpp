#include "runtime/artifact.h"
#include "runtime/failure.h"
#include "test/runtime/fixture.h"

#include <gtest/gtest.h>

using namespace dlc::rt;
using namespace dlc::test;

namespace {
dlc_status readStatus(const std::string &file) {
  try {
    readArtifact(file);
    return DLC_OK;
  } catch (const Failure &failure) { return failure.status; }
}
} // namespace

TEST(Sha256, KnownDigests) { // FIPS 180-4's examples
  EXPECT_EQ(hexText(sha256("", 0)), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hexText(sha256("abc", 3)), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  std::string text = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
  EXPECT_EQ(hexText(sha256(text.data(), text.size())),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  std::string million(1000000, 'a');
  EXPECT_EQ(hexText(sha256(million.data(), million.size())),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Artifact, TakesTheExampleApart) {
  ArtifactText text = readArtifact(readFixture("example.ptx"));
  EXPECT_TRUE(text.isIntact);
  EXPECT_EQ(text.ptx.find("dlc-plan"), String::npos);
  EXPECT_NE(text.ptx.find(".entry k1_sum"), String::npos);
  Plan plan = parsePlan(text.plan);
  matchEntries(text.ptx, plan);
  ASSERT_EQ(plan.kernels.size(), 3u);
  EXPECT_EQ(plan.kernels[0].parameterBytes, (Vec<uint32_t>{8, 8, 8, 8, 4, 8}));
}

// The page and the fixture are one text.
TEST(Artifact, ReadmeShowsTheExample) {
  std::string readme = readFixture("../../../runtime/README.md"), listing;
  size_t begin = readme.find("<!-- example.plan.json -->\n"), end = readme.find("<!-- end -->");
  ASSERT_NE(begin, std::string::npos);
  std::istringstream lines(readme.substr(readme.find('\n', begin) + 1, end - readme.find('\n', begin) - 1));
  for (std::string line; std::getline(lines, line);)
    listing += line.substr(std::min<size_t>(4, line.size())) + "\n";
  EXPECT_EQ(listing, readFixture("example.plan.json"));
}

TEST(Artifact, RefusesBrokenFraming) {
  std::string good = readFixture("example.ptx");
  ASSERT_EQ(readStatus(good), DLC_OK);
  auto replaced = [&](const std::string &from, const std::string &to) {
    std::string file = good;
    size_t at = file.rfind(from);
    EXPECT_NE(at, std::string::npos);
    return file.replace(at, from.size(), to);
  };
  EXPECT_EQ(readStatus(""), DLC_ERROR_FORMAT);
  EXPECT_EQ(readStatus("//!dlc-plan 1 begin"), DLC_ERROR_FORMAT);
  EXPECT_EQ(readStatus(exampleKernels()), DLC_ERROR_FORMAT);
  EXPECT_EQ(readStatus(good.substr(0, good.size() - 100)), DLC_ERROR_FORMAT);
  EXPECT_EQ(readStatus(good.substr(0, good.size() - 20)), DLC_ERROR_FORMAT);
  EXPECT_EQ(readStatus(good + "mov"), DLC_ERROR_FORMAT);
  EXPECT_EQ(readStatus(good + "\n \r\n"), DLC_OK);
  EXPECT_EQ(readStatus(replaced("dlc-plan 1 begin", "dlc-plan 2 begin")), DLC_ERROR_UNSUPPORTED);
  EXPECT_EQ(readStatus(replaced("dlc-plan 1 begin", "dlc-plan x begin")), DLC_ERROR_FORMAT);
  EXPECT_EQ(readStatus(replaced("dlc-plan 1 begin", "dlc-plan 1 begun")), DLC_ERROR_FORMAT);
  EXPECT_EQ(readStatus(replaced("sha256:", "sha512:")), DLC_ERROR_FORMAT);
  EXPECT_EQ(readStatus(replaced("\n// \"symbols\"", "\n \"symbols\"")), DLC_ERROR_FORMAT);
}

TEST(Artifact, EveryByteIsUnderTheDigest) {
  std::string good = readFixture("example.ptx");
  size_t end = good.rfind("//!dlc-plan");
  for (size_t at = 0; at < end; at += 37) {
    std::string file = good;
    file[at] = char(file[at] ^ 1);
    try {
      EXPECT_FALSE(readArtifact(file).isIntact) << at;
    } catch (const Failure &) {}
  }
}

TEST(Artifact, EntriesAreMatched) {
  auto match = [](const std::string &from, const std::string &to) {
    std::string ptx = exampleKernels();
    for (size_t at = 0; (at = ptx.find(from, at)) != std::string::npos; at += to.size())
      ptx.replace(at, from.size(), to);
    Plan plan = parsePlan(examplePlan().dump());
    try {
      matchEntries(ptx, plan);
    } catch (const Failure &failure) { return failure.message; }
    return std::string();
  };
  EXPECT_EQ(match("k1_sum", "k1_sum"), "");
  EXPECT_EQ(
      match("\t.param .u32 k1_sum_param_2", "/* a comment ) */ .param .align 4 .b8 k1_sum_param_2[4] // )"),
      "");
  EXPECT_EQ(match(".entry k1_sum", ".entry k1"), "the PTX has no entry 'k1_sum'");
  EXPECT_NE(
      match(".u32 k1_sum_param_2", ".u64 k1_sum_param_2").find("parameter 2 of kernel 'k1_sum' has 8 bytes"),
      std::string::npos);
  EXPECT_NE(match(",\n\t.param .u32 k1_sum_param_2", "").find("has 2 parameters, its launch has 3 arguments"),
            std::string::npos);
  EXPECT_EQ(match(".target sm_80", ".target sm_90"), "the plan is for 'sm_80', the PTX for 'sm_90'");
}
