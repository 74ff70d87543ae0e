// Accesses in a loop: what does not change is computed in front of it.
//
//   %x at <"row * W + tap * W + c"> where <"row + tap - 1">     row: of the thread; tap, c: of the iteration
// becomes
//   in front:  %p = address of x[row * W];  %outside = for every t that tap can be, bit t: row + t - 1 < 0
//   inside:    %p + (tap * W + c), where %outside lacks bit tap
//
// That is how a convolution reads its input: windows differ from thread to thread and taps from block to
// block, and both decide about the border. It pays where an iteration has scalars of its own beside the
// loop's variable: addresses that advance with the variable alone are LLVM's to step.
#pragma once

#include "passes/lower/thread_builder.h"

namespace dlc::lower {

class LoopAccess {
public:
  /// `part` is the thread's part of the coordinates.
  LoopAccess(ThreadBuilder &t, llvm::ArrayRef<Dim> part);

  /// Says that an access has these conditions. All are said before the first is asked for.
  void declare(llvm::ArrayRef<Dim> guards);

  /// The part of an offset that changes in the loop, when there is one that is not the variable's alone.
  std::optional<Dim> changingPart(const Dim &offset) const;
  /// The code of `make`, in front of the loop.
  mlir::Value inFront(llvm::function_ref<mlir::Value()> make) const;
  /// i1: every condition holds; null when all are known to.
  mlir::Value allHold(llvm::ArrayRef<Dim> guards);

private:
  /// A scalar of the iteration that has few values, each with a bit.
  struct Digit {
    std::string symbol;
    int64_t lowest, count, firstBit;
  };

  bool changes(const std::string &symbol) const;
  bool isOfThread(const Dim &expr) const;
  /// The scalar of the iteration that a condition of the thread depends on, if it is one alone.
  std::optional<Digit> digitOf(const Dim &guard) const;
  bool isDeclared(const std::string &symbol) const;
  mlir::Value outsideOf(llvm::ArrayRef<Dim> guards);
  mlir::Value bitsWhere(llvm::ArrayRef<Dim> guards);

  static constexpr int64_t mostBits = 31; // one more is always outside

  ThreadBuilder &t;
  std::set<std::string> ofThread;
  std::vector<Digit> digits;
  int64_t bits = 0;
  llvm::SmallVector<std::pair<llvm::SmallVector<Dim>, mlir::Value>> bitValues;
};

} // namespace dlc::lower
