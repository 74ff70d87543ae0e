#include "compiler/threads.h"

#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/Threading.h"

#include <atomic>
#include <thread>

namespace dlc {

unsigned threadCount(unsigned jobs) {
  return jobs ? jobs : llvm::hardware_concurrency().compute_thread_count();
}

void forEachOnThreads(mlir::MLIRContext &context, unsigned threads, size_t count,
                      llvm::function_ref<void(size_t)> body) {
  mlir::ParallelDiagnosticHandler diagnostics(&context);
  std::atomic<size_t> next = 0;
  auto work = [&] {
    for (size_t k; (k = next++) < count;) {
      diagnostics.setOrderIDForThread(k);
      body(k);
      diagnostics.eraseOrderIDForThread();
    }
  };
  std::vector<std::jthread> helpers;
  for (size_t k = 1; k < std::min<size_t>(threads, count); ++k) helpers.emplace_back(work);
  work();
}

} // namespace dlc
