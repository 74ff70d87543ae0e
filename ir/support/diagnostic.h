// Diagnostics about a user's input: collected, then printed; never an assert, never an exception across
// folders.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dlc {

/// One enumerator per row of diagnostics.def.
enum class Code {
#define DLC_DIAGNOSTIC(code, title, help) code,
#include "ir/support/diagnostics.def"
#undef DLC_DIAGNOSTIC
};

/// "E0301", the one-line title and the default help of a code.
std::string_view name(Code code);
std::string_view title(Code code);
std::string_view defaultHelp(Code code);
inline bool isError(Code code) { return name(code).front() == 'E'; }

struct Diagnostic {
  Code code;
  std::string location; ///< node path or name of what is at fault; may be empty
  std::string message;  ///< lower case, no final period
  std::string help;     ///< empty: the code's default
};

/// The diagnostics about one input file, in the order of their discovery.
class Diagnostics {
public:
  explicit Diagnostics(std::string file) : file(std::move(file)) {}

  void report(Code code, std::string message, std::string location = "", std::string help = "");

  bool hasErrors() const { return errors != 0; }
  size_t errorCount() const { return errors; }
  const std::vector<Diagnostic> &all() const { return list; }
  const std::string &fileName() const { return file; }

  /// Two lines each: `FILE: error[E0301]: LOCATION: MESSAGE` and `  help: ...`. Control characters of names
  /// are escaped and long lines cut, so that a hostile model cannot write to the terminal. After `limit`
  /// diagnostics the rest is counted in one line.
  std::string text(size_t limit = 50) const;

private:
  std::string file;
  std::vector<Diagnostic> list;
  size_t errors = 0;
};

/// `text` with control and non-ASCII bytes as \xNN, cut to `limit` bytes.
std::string printable(std::string_view text, size_t limit = 400);

} // namespace dlc
