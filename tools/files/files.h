// Files that a program writes: whole or not at all, and never over what it reads. No MLIR, no CUDA.
#pragma once

#include <functional>
#include <string>

namespace dlc::files {

/// Why a file cannot be written, and what may help (can be empty). No reason: nothing is wrong.
struct Problem {
  std::string why, help;
  explicit operator bool() const { return !why.empty(); }
};

/// Looks whether writeWhole() could write the file, so that a program need not work first. Touches nothing.
Problem checkWritable(const std::string &path);

/// Whether both paths are one file, also through links, and where nothing is yet. What is no regular file (a
/// terminal) may be written twice: it is never the same.
bool isSameFile(const std::string &a, const std::string &b);

/// Fills a file; returns an error message, empty when it worked.
using Fill = std::function<std::string(const std::string &path)>;

/// Has `fill` write a file beside `path` and renames it to `path`, so that a failure or a signal that ends
/// the process leaves what was there. What is no regular file (a pipe, /dev/stdout) is written in place. Not
/// for two threads at once.
Problem writeWhole(const std::string &path, const Fill &fill);

Problem writeText(const std::string &path, const std::string &text); ///< as writeWhole

} // namespace dlc::files
