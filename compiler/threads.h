// Threads of a compile: units of work side by side, each on one thread from its first to its last step.
#pragma once

#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/ThreadPool.h"

namespace dlc {

/// The pool of a context whose parallel loops (verifier, pass managers) run on the thread that meets them.
///
/// MLIR's own pool lets a worker that waits inside of such a loop pick up the pool's next task, whatever it is:
/// one worker then has all units on its stack, one in another, and the rest of the pool has nothing to do.
class InlineThreadPool : public llvm::ThreadPoolInterface {
public:
  void wait() override {}
  void wait(llvm::ThreadPoolTaskGroup &) override {}
  unsigned getMaxConcurrency() const override { return 1; }

private:
  void asyncEnqueue(llvm::unique_function<void()> task, llvm::ThreadPoolTaskGroup *) override { task(); }
};

/// How many threads `-j JOBS` means; 0: as many as the process may use.
unsigned threadCount(unsigned jobs);

/// Calls `body(k)` for each k below `count` on so many threads, in this order as far as they are free.
/// Diagnostics come out in the order of k.
void forEachOnThreads(mlir::MLIRContext &context, unsigned threads, size_t count,
                      llvm::function_ref<void(size_t)> body);

} // namespace dlc
