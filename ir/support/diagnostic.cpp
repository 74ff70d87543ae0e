#include "ir/support/diagnostic.h"

namespace dlc {
namespace {

struct Row {
  std::string_view name, title, help;
};
constexpr Row rows[] = {
#define DLC_DIAGNOSTIC(code, title, help) {#code, title, help},
#include "ir/support/diagnostics.def"
#undef DLC_DIAGNOSTIC
};

} // namespace

std::string_view name(Code code) { return rows[static_cast<size_t>(code)].name; }
std::string_view title(Code code) { return rows[static_cast<size_t>(code)].title; }
std::string_view defaultHelp(Code code) { return rows[static_cast<size_t>(code)].help; }

std::string printable(std::string_view text, size_t limit) {
  static const char digits[] = "0123456789abcdef";
  std::string result;
  for (unsigned char c : text) {
    if (result.size() >= limit) return result + "...";
    if (c >= 0x20 && c < 0x7f) {
      result += static_cast<char>(c);
      continue;
    }
    result += "\\x";
    result += digits[c >> 4];
    result += digits[c & 15];
  }
  return result;
}

void Diagnostics::report(Code code, std::string message, std::string location, std::string help) {
  errors += isError(code);
  list.push_back({code, std::move(location), std::move(message), std::move(help)});
}

std::string Diagnostics::text(size_t limit) const {
  std::string result, prefix = printable(file);
  for (size_t i = 0; i < list.size() && i < limit; ++i) {
    const Diagnostic &d = list[i];
    result += prefix + (isError(d.code) ? ": error[" : ": warning[");
    result += std::string(name(d.code)) + "]: ";
    if (!d.location.empty()) result += printable(d.location) + ": ";
    result += printable(d.message, 2000) + "\n  help: ";
    result += (d.help.empty() ? std::string(defaultHelp(d.code)) : printable(d.help, 2000)) + "\n";
  }
  if (list.size() > limit)
    result += prefix + ": note: " + std::to_string(list.size() - limit) + " more diagnostics\n";
  return result;
}

} // namespace dlc
