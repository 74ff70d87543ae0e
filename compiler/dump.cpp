#include "compiler/dump.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

namespace dlc {
namespace {

struct LevelRow {
  std::string_view name, extension;
};
/// In the order of the enum.
constexpr LevelRow levels[] = {{"graph", ".mlir"},  {"regions", ".mlir"}, {"tile", ".mlir"},
                               {"thread", ".mlir"}, {"llvm", ".ll"},      {"ptx", ".ptx"},
                               {"plan", ".json"}};

} // namespace

std::optional<Level> parseLevel(std::string_view name) {
  for (size_t i = 0; i < std::size(levels); ++i)
    if (levels[i].name == name) return Level(i);
  return std::nullopt;
}

std::string_view name(Level level) { return levels[size_t(level)].name; }

std::string DumpFolder::create() const {
  if (auto code =
          llvm::sys::fs::create_directories(path, /*IgnoreExisting=*/true, llvm::sys::fs::perms::all_all))
    return "cannot make the folder '" + path + "': " + code.message();
  return "";
}

/// Whether a file's name is one that a dump gives: 1-graph.mlir, 3-tile-000-k0_conv_bias.mlir.
static bool isDump(llvm::StringRef file) {
  for (size_t i = 0; i < std::size(levels); ++i) {
    llvm::StringRef rest = file;
    if (rest.consume_front(llvm::formatv("{0}-{1}", i + 1, levels[i].name).str()) &&
        rest.consume_back(levels[i].extension))
      return rest.empty() || rest.starts_with("-");
  }
  return false;
}

void DumpFolder::clear() {
  namespace fs = llvm::sys::fs;
  if (!isWanted()) return;
  std::error_code code;
  std::vector<std::string> old;
  for (fs::directory_iterator at(path, code, /*follow_symlinks=*/false), end; !code && at != end;
       at.increment(code))
    if (at->type() == fs::file_type::regular_file && isDump(llvm::sys::path::filename(at->path())))
      old.push_back(at->path());
  for (const std::string &file : old)
    if (!code) code = fs::remove(file);
  if (code) firstError = "cannot remove a former dump from '" + path + "': " + code.message();
}

void DumpFolder::write(Level level, size_t index, llvm::StringRef kernel, llvm::StringRef text) {
  writeFile(level, llvm::formatv("-{0,0+3}-{1}", index, kernel).str(), text);
}

void DumpFolder::writeFile(Level level, const std::string &suffix, llvm::StringRef text) {
  if (!isWanted()) return;
  const LevelRow &row = levels[size_t(level)];
  std::string file =
      llvm::formatv("{0}/{1}-{2}{3}{4}", path, size_t(level) + 1, row.name, suffix, row.extension).str();
  std::error_code code;
  llvm::raw_fd_ostream stream(file, code);
  if (!code) {
    stream << text;
    stream.flush();
    code = stream.error();
    stream.clear_error();
  }
  if (!code) return;
  std::lock_guard lock(mutex);
  if (firstError.empty()) firstError = "cannot write '" + file + "': " + code.message();
}

} // namespace dlc
