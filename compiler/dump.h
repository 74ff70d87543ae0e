// A folder with one file per level, for --dump-dir.
#pragma once

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"

#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace dlc {

/// Levels of a compile in the order in which it reaches them.
enum class Level { Graph, Regions, Tile, Thread, Llvm, Ptx, Plan };
std::optional<Level> parseLevel(std::string_view name);
/// The name that parseLevel takes.
std::string_view name(Level level);

/// Writes levels as files whose names sort in the order of levels and, within a level, of kernels:
///
///   1-graph.mlir  2-regions.mlir  3-tile-000-k0_conv_bias.mlir  4-thread-000-k0_conv_bias.mlir  ...
///   7-plan.json
///
/// Their text is that of --emit; where that has one module for each region, each has its file. With an empty
/// path it does nothing.
class DumpFolder {
public:
  DumpFolder() = default;
  explicit DumpFolder(std::string path) : path(std::move(path)) {}

  bool isWanted() const { return !path.empty(); }
  /// Makes the folder if it is not there. Returns a message on failure, or nothing.
  std::string create() const;
  /// Removes the files that a former dump left, told by their names. To be called once the model is read,
  /// which may be one of them.
  void clear();
  /// Writes the text of a level of the whole model.
  void write(Level level, llvm::StringRef text) { writeFile(level, "", text); }
  /// Writes the text of a level of the kernels of one region; safe to call from several threads.
  void write(Level level, size_t index, llvm::StringRef kernel, llvm::StringRef text);
  /// The first failure of a write, or nothing.
  const std::string &error() const { return firstError; }

private:
  void writeFile(Level level, const std::string &suffix, llvm::StringRef text);

  std::string path, firstError;
  std::mutex mutex; ///< guards the error
};

} // namespace dlc
