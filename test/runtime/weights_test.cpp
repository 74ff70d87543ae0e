#include "runtime/failure.h"
#include "runtime/weights.h"
#include "test/runtime/fixture.h"

#include <gtest/gtest.h>

using namespace dlc::rt;
using namespace dlc::test;

namespace {

// A table for one tensor "t" of f32 [4] that says the file is right.
WeightsTable tableFor(const std::string &file) {
  WeightsTable table;
  table.isPresent = true;
  table.bytes = file.size();
  uint64_t headerBytes = 0;
  for (int i = 8; i-- > 0;) headerBytes = headerBytes << 8 | uint8_t(file[size_t(i)]);
  if (headerBytes <= file.size() - 8) table.headerHash = sha256(file.data(), 8 + size_t(headerBytes));
  table.hash = sha256(file.data(), file.size());
  table.tensors.push_back({"t", DLC_F32, {4}});
  return table;
}

std::string messageFor(const std::string &file, const WeightsTable &table, bool verify = true) {
  try {
    std::span bytes(reinterpret_cast<const uint8_t *>(file.data()), file.size());
    Weights weights(table, bytes, verify);
    return "";
  } catch (const Failure &failure) {
    EXPECT_FALSE(failure.help.empty());
    return failure.message;
  }
}
std::string messageFor(const std::string &file) { return messageFor(file, tableFor(file)); }

const char *const goodHeader = R"({"t": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}})";

} // namespace

TEST(Weights, TakesWhatTheFormatAllows) {
  EXPECT_EQ(messageFor(makeWeights(goodHeader, std::string(16, 'x'))), "");
  EXPECT_EQ(messageFor(makeWeights(R"({"__metadata__": {"by": "me"},
    "u": {"dtype": "U8", "shape": [256], "data_offsets": [0, 256]},
    "t": {"dtype": "F32", "shape": [4], "data_offsets": [256, 272]}})",
                                   std::string(272, 'x'))),
            "");
}

TEST(Weights, RefusesWhatItDoesNot) {
  std::string data(16, 'x');
  struct Case {
    std::string header, data, message;
  } cases[] = {
      {R"({"t": {"dtype": "F32", "shape": [4], "data_offsets": [0, 12]}})", data,
       "does not fit a tensor of 16 bytes"},
      {R"({"t": {"dtype": "F32", "shape": [4], "data_offsets": [16, 0]}})", data, "does not fit"},
      {R"({"t": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}})", data + "x", "the file has 17"},
      {R"({"t": {"dtype": "F32", "shape": [4], "data_offsets": [0, 32]}})", data, "does not fit"},
      {R"({"t": {"dtype": "F33", "shape": [4], "data_offsets": [0, 16]}})", data, "unknown dtype 'F33'"},
      {R"({"t": {"dtype": "I32", "shape": [4], "data_offsets": [0, 16]}})", data, "another dtype or shape"},
      {R"({"t": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}})", data,
       "another dtype or shape"},
      {R"({"t": {"dtype": "F32", "shape": [4294967296, 4294967296], "data_offsets": [0, 16]}})", data,
       "too large"},
      {R"({"t": {"dtype": "F32", "shape": [-4], "data_offsets": [0, 16]}})", data, "allowed are 0"},
      {R"({"s": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}})", data, "there is no tensor 't'"},
      {R"({"p": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]},
           "t": {"dtype": "F32", "shape": [4], "data_offsets": [4, 20]}})",
       data + "xxxx", "no multiple of 256"},
      {R"({"t": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]},
           "u": {"dtype": "U8", "shape": [4], "data_offsets": [8, 12]}})",
       data, "hole or an overlap"},
      {"[]", "", "should be an object"},
      {"{", "", "no valid JSON"},
      {R"({"t": 4})", data, "should be an object"},
  };
  for (const Case &test : cases) {
    std::string message = messageFor(makeWeights(test.header, test.data));
    EXPECT_NE(message.find(test.message), std::string::npos) << test.header << "\n" << message;
  }
}

TEST(Weights, HeaderLongerThanTheFile) {
  std::string file = makeWeights(goodHeader, std::string(16, 'x'));
  for (size_t byte : {size_t(1), size_t(7)}) {
    std::string damaged = file;
    damaged[byte] = char(0xff);
    EXPECT_NE(messageFor(damaged).find("longer than the file"), std::string::npos);
  }
}

TEST(Weights, OtherFilesAreNoticed) {
  std::string file = makeWeights(goodHeader, std::string(16, 'x'));
  WeightsTable table = tableFor(file);
  std::string other = file;
  other.back() = 'y';
  EXPECT_EQ(messageFor(other, table, false), ""); // content is compared on request
  EXPECT_NE(messageFor(other, table, true).find("its content is not"), std::string::npos);
  other = file;
  other[file.find('t')] = 'u';
  EXPECT_NE(messageFor(other, table, false).find("its header is not"), std::string::npos);
  EXPECT_NE(messageFor(file + "x", table, false).find("bytes; the plan says"), std::string::npos);
}
