#include "passes/support/remarks.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

namespace dlc {

static std::string_view word(Remark::Kind kind) {
  switch (kind) {
  case Remark::Kind::Fused:
    return "fused";
  case Remark::Kind::Missed:
    return "missed";
  case Remark::Kind::Changed:
    return "changed";
  case Remark::Kind::Disabled:
    return "disabled";
  case Remark::Kind::Scheduled:
    return "scheduled";
  }
  return "";
}

static void printText(llvm::raw_ostream &os, const Remark &remark) {
  os << word(remark.kind) << ": " << remark.subject;
  bool isSchedule = remark.pass == "schedule-regions";
  if (!remark.object.empty()) os << (isSchedule ? " by " : " into ") << remark.object;
  os << ": ";
  if (!remark.category.empty()) os << remark.category << ": ";
  os << remark.reason;
  if (!remark.terms.empty()) {
    os << " [";
    for (const RemarkTerm &term : remark.terms) {
      if (&term != &remark.terms.front()) os << ", ";
      os << term.name << ' ' << llvm::formatv("{0:f3}", term.value);
      if (!term.unit.empty()) os << ' ' << term.unit;
    }
    os << ']';
  }
  os << '\n';
}

static void printJson(llvm::raw_ostream &os, const Remark &remark) {
  llvm::json::OStream json(os);
  auto text = [&](llvm::StringRef key, const std::string &value) {
    if (!value.empty()) json.attribute(key, llvm::json::fixUTF8(value));
  };
  json.object([&] {
    json.attribute("kind", llvm::StringRef(word(remark.kind)));
    text("pass", remark.pass);
    text("subject", remark.subject);
    text("object", remark.object);
    text("category", remark.category);
    text("reason", remark.reason);
    json.attributeArray("terms", [&] {
      for (const RemarkTerm &term : remark.terms)
        json.object([&] {
          json.attribute("name", term.name);
          json.attribute("value", term.value);
          json.attribute("unit", term.unit);
        });
    });
  });
  os << '\n';
}

std::string RemarkSink::text() const {
  std::string out;
  llvm::raw_string_ostream os(out);
  for (const Remark &remark : list) format == Format::Json ? printJson(os, remark) : printText(os, remark);
  return out;
}

std::optional<RemarkSink::Format> parseRemarkFormat(std::string_view name) {
  if (name == "text") return RemarkSink::Format::Text;
  if (name == "json") return RemarkSink::Format::Json;
  return std::nullopt;
}

} // namespace dlc
