//===- coverage.h - which forms of instructions tests execute --*- C++ -*-===//
//
// With VCUDA_COVERAGE=FILE in the environment, lines are appended to the file as they become known to the
// process:
//     opcode add               an opcode that the decoder has
//     known  add  sat          a modifier that the decoder looks for in an opcode
//     ran    add.sat.f32  k    a form that was executed, and the first kernel that did
// test/runtime/vcuda/coverage.py makes a table of them.
//
//===----------------------------------------------------------------------===//
#ifndef DLC_RUNTIME_VCUDA_EXEC_COVERAGE_H
#define DLC_RUNTIME_VCUDA_EXEC_COVERAGE_H

#include <cstdio>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

namespace dlc::vcuda::exec {

class Coverage {
public:
  /// Null unless it was asked for.
  static Coverage *get();
  void addOpcode(std::string_view opcode);
  void addKnown(std::string_view opcode, std::string_view modifier);
  void addRan(std::string_view form, std::string_view kernel);

private:
  explicit Coverage(std::FILE *file) : file(file) {}
  void write(std::string key, std::string_view more);
  std::FILE *file;
  std::mutex mutex;
  std::set<std::string> written;
};

} // namespace dlc::vcuda::exec

#endif
