#include "ir/support/diagnostic.h"

#include <gtest/gtest.h>
#include <regex>

using namespace dlc;

TEST(Diagnostic, PrintsErrorAndHelp) {
  Diagnostics diagnostics("model.onnx");
  diagnostics.report(Code::W0101, "declared 3, inferred 4", "out");
  EXPECT_FALSE(diagnostics.hasErrors());
  diagnostics.report(Code::E0301, "no operator `Foo`", "/block/Foo_1", "use Bar");
  EXPECT_TRUE(diagnostics.hasErrors());
  EXPECT_EQ(diagnostics.text(), "model.onnx: warning[W0101]: out: declared 3, inferred 4\n"
                                "  help: the inferred shape is used\n"
                                "model.onnx: error[E0301]: /block/Foo_1: no operator `Foo`\n"
                                "  help: use Bar\n");
}

TEST(Diagnostic, HostileNamesAreEscapedAndCut) {
  Diagnostics diagnostics("m.onnx");
  diagnostics.report(Code::E0202, "duplicate name", "\x1b[2J\n" + std::string(5000, 'a'));
  std::string text = diagnostics.text();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_LT(text.size(), 1000u);
}

TEST(Diagnostic, RestIsCounted) {
  Diagnostics diagnostics("m.onnx");
  for (int i = 0; i < 7; ++i) diagnostics.report(Code::E0201, "x");
  EXPECT_NE(diagnostics.text(5).find("2 more diagnostics"), std::string::npos);
  EXPECT_EQ(diagnostics.errorCount(), 7u);
}

TEST(Diagnostic, CodesAreUniqueAndOrdered) {
  std::vector<std::string> names;
#define DLC_DIAGNOSTIC(code, title, help) names.push_back(#code);
#include "ir/support/diagnostics.def"
#undef DLC_DIAGNOSTIC
  std::regex form("[EW][0-9]{4}");
  for (size_t i = 0; i < names.size(); ++i) {
    EXPECT_TRUE(std::regex_match(names[i], form)) << names[i];
    if (i) EXPECT_LT(names[i - 1], names[i]);
  }
}
