#include "runtime/artifact.h"

#include "runtime/failure.h"

#include <algorithm>
#include <charconv>
#include <map>

namespace dlc::rt {

static constexpr std::string_view marker = "//!dlc-plan ";
static const char *const damagedHelp = "write the artifact again with dlc, or copy it again";

// Start of the first line at or after `from` that begins with the marker; npos if there is none.
static size_t findMarker(std::string_view file, size_t from) {
  while (true) {
    size_t at = file.find(marker, from);
    if (at == std::string_view::npos || at == 0 || file[at - 1] == '\n') return at;
    from = at + 1;
  }
}

// Splits "//!dlc-plan 1 begin" into the format's number, which it checks, and the rest.
static std::string_view readMarker(std::string_view file, size_t at) {
  std::string_view line = file.substr(at, std::min(file.find('\n', at), file.size()) - at);
  line.remove_prefix(marker.size());
  int format = 0;
  auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), format);
  if (error != std::errc() || format < 1)
    fail(DLC_ERROR_FORMAT, "the plan's marker line has no format", damagedHelp);
  if (format > 1)
    fail(DLC_ERROR_UNSUPPORTED, concat("plan format ", format, "; this runtime reads format 1"),
         "update the dlc runtime");
  line.remove_prefix(size_t(end - line.data()));
  while (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

ArtifactText readArtifact(std::string_view file) {
  size_t begin = findMarker(file, 0);
  if (begin == std::string_view::npos)
    fail(DLC_ERROR_FORMAT, "this file has no launch plan", "pass the model.ptx that dlc wrote");
  if (readMarker(file, begin) != " begin")
    fail(DLC_ERROR_FORMAT, "the plan's begin marker is damaged", damagedHelp);
  size_t body = file.find('\n', begin);
  size_t end = body == std::string_view::npos ? body : findMarker(file, body + 1);
  if (end == std::string_view::npos)
    fail(DLC_ERROR_FORMAT, "the plan has no end marker: the file is cut", damagedHelp);
  std::string_view rest = readMarker(file, end);
  constexpr std::string_view before = " end sha256:";
  ArtifactText text;
  if (!rest.starts_with(before) || !parseHex(rest.substr(before.size()), text.digest))
    fail(DLC_ERROR_FORMAT, "the plan's end marker is damaged", damagedHelp);
  size_t after = file.find('\n', end);
  if (after != std::string_view::npos && file.find_first_not_of(" \t\r\n", after) != std::string_view::npos)
    fail(DLC_ERROR_FORMAT, "there is text after the plan", damagedHelp);
  text.isIntact = sha256(file.data(), end) == text.digest;

  text.ptx.assign(file.substr(0, begin));
  if (text.ptx.find('\0') != String::npos)
    fail(DLC_ERROR_FORMAT, "the PTX contains a NUL character", damagedHelp);
  for (size_t line = body + 1; line < end;) {
    size_t next = std::min(file.find('\n', line), end);
    std::string_view piece = file.substr(line, next - line);
    if (!piece.starts_with("//"))
      fail(DLC_ERROR_FORMAT, "a line of the plan does not start with //", damagedHelp);
    text.plan.append(piece.substr(2));
    text.plan.push_back('\n');
    line = next + 1;
  }
  return text;
}

namespace {

/// Words and punctuation of PTX, without comments and strings.
class PtxScanner {
public:
  explicit PtxScanner(std::string_view text) : text(text) {}

  /// Empty at the end of the text.
  std::string_view next() {
    skipBlanks();
    if (at >= text.size()) return {};
    size_t start = at;
    if (isWordCharacter(text[at])) {
      while (at < text.size() && isWordCharacter(text[at])) ++at;
    } else if (text[at] == '"') {
      at = std::min(text.find('"', at + 1), text.size() - 1) + 1;
    } else {
      ++at;
    }
    return text.substr(start, at - start);
  }

private:
  static bool isWordCharacter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '$' || c == '.' || c == '%';
  }
  void skipBlanks() {
    while (at < text.size()) {
      std::string_view rest = text.substr(at);
      if (rest.starts_with("//"))
        at = std::min(text.find('\n', at), text.size());
      else if (rest.starts_with("/*"))
        at = std::min(text.find("*/", at + 2), text.size() - 2) + 2;
      else if (rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\n' || rest[0] == '\r')
        ++at;
      else
        return;
    }
  }
  std::string_view text;
  size_t at = 0;
};

struct Entries {
  std::map<std::string_view, Vec<uint32_t>> parameterBytes;
  std::string_view target;
};

} // namespace

// Bytes of ".u64", ".b8" ...; 0 for a word that is no type.
static uint32_t bytesOfType(std::string_view word) {
  if (word.size() < 3 || word[0] != '.' || std::string_view("usbf").find(word[1]) == std::string_view::npos)
    return 0;
  uint32_t bits = 0;
  auto [end, error] = std::from_chars(word.data() + 2, word.data() + word.size(), bits);
  bool isNumber = error == std::errc() && end == word.data() + word.size();
  return isNumber && bits >= 8 && bits <= 128 ? bits / 8 : 0;
}

// One parameter, up to the comma or closing parenthesis: `.param .align 8 .b8 name[16]`. 0 if it can't be
// understood.
static uint32_t readParameter(PtxScanner &scanner, std::string_view &word) {
  uint32_t bytes = 0;
  bool isSized = true;
  for (; !word.empty() && word != "," && word != ")"; word = scanner.next()) {
    if (uint32_t size = bytesOfType(word)) bytes = size;
    if (word != "[") continue;
    uint32_t count = 0;
    word = scanner.next();
    auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), count);
    isSized = error == std::errc() && count <= 4096;
    bytes *= count;
  }
  return isSized ? bytes : 0;
}

static Entries scanEntries(std::string_view ptx) {
  Entries entries;
  PtxScanner scanner(ptx);
  for (std::string_view word = scanner.next(); !word.empty(); word = scanner.next()) {
    if (word == ".target") entries.target = scanner.next();
    if (word != ".entry") continue;
    std::string_view name = scanner.next();
    Vec<uint32_t> sizes;
    word = scanner.next();
    if (word == "(") {
      word = scanner.next();
      while (!word.empty() && word != ")") {
        sizes.push_back(readParameter(scanner, word));
        if (word == ",") word = scanner.next();
      }
    }
    entries.parameterBytes.emplace(name, std::move(sizes));
    if (word.empty()) break;
  }
  return entries;
}

static void matchLaunch(const Launch &launch, const Kernel &kernel, const Op &op) {
  if (launch.args.size() != kernel.parameterBytes.size())
    fail(DLC_ERROR_FORMAT,
         concat(describe(op), ": kernel ", inQuotes(kernel.name), " has ", kernel.parameterBytes.size(),
                " parameters, its launch has ", launch.args.size(), " arguments"),
         damagedHelp);
  for (size_t i = 0; i < launch.args.size(); ++i)
    if (launch.args[i].bytes != kernel.parameterBytes[i])
      fail(DLC_ERROR_FORMAT,
           concat(describe(op), ": parameter ", i, " of kernel ", inQuotes(kernel.name), " has ",
                  kernel.parameterBytes[i], " bytes, its argument has ", launch.args[i].bytes),
           damagedHelp);
}

void matchEntries(std::string_view ptx, Plan &plan) {
  Entries entries = scanEntries(ptx);
  if (entries.target != plan.target.arch)
    fail(DLC_ERROR_FORMAT,
         concat("the plan is for ", inQuotes(plan.target.arch), ", the PTX for ", inQuotes(entries.target)),
         damagedHelp);
  for (Kernel &kernel : plan.kernels) {
    auto entry = entries.parameterBytes.find(kernel.name);
    if (entry == entries.parameterBytes.end())
      fail(DLC_ERROR_FORMAT, concat("the PTX has no entry ", inQuotes(kernel.name)), damagedHelp);
    kernel.parameterBytes = entry->second;
  }
  for (const Op &op : plan.ops)
    for (const Variant &variant : op.variants)
      for (const Launch &launch : variant.launches)
        matchLaunch(launch, plan.kernels[size_t(launch.kernel)], op);
}

} // namespace dlc::rt
