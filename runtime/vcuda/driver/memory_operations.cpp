// Stream memory operations: a stream writes a word, or waits until a word is as wanted. Kernels of one
// context run one after the other, so the order that a wait gives is that of the queue, and the checks need
// not know of it.
#include "runtime/vcuda/driver/memory_operations.h"

#include "runtime/vcuda/driver/graph.h"

namespace dlc::vcuda {
namespace {

constexpr size_t mostOperations = 255;

unsigned wordBytes(const CUstreamBatchMemOpParams &operation) {
  bool isWide = operation.operation == CU_STREAM_MEM_OP_WAIT_VALUE_64 ||
                operation.operation == CU_STREAM_MEM_OP_WRITE_VALUE_64;
  return isWide ? 8 : 4;
}

/// Managed memory moves between host and device, which the interface leaves out.
bool isWord(const CUstreamBatchMemOpParams &operation) {
  uint64_t address = operation.word.address, bytes = wordBytes(operation);
  Device *device = driver().deviceOf(address);
  if (!device || address % bytes || !device->memory.covers(address, bytes)) return false;
  auto allocation = device->memory.lookup(address);
  return allocation && allocation->kind != AllocationRequest::Managed;
}

CUresult check(const CUstreamBatchMemOpParams &operation, bool isFirstVersion) {
  unsigned flags = operation.word.flags;
  switch (operation.operation) {
  case CU_STREAM_MEM_OP_WAIT_VALUE_32:
  case CU_STREAM_MEM_OP_WAIT_VALUE_64:
    if (flags & ~(CU_STREAM_WAIT_VALUE_MASK | CU_STREAM_WAIT_VALUE_FLUSH)) return CUDA_ERROR_INVALID_VALUE;
    return isWord(operation) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  case CU_STREAM_MEM_OP_WRITE_VALUE_32:
  case CU_STREAM_MEM_OP_WRITE_VALUE_64:
    if (flags & ~(isFirstVersion ? CU_STREAM_WRITE_VALUE_NO_MEMORY_BARRIER : 0u))
      return CUDA_ERROR_INVALID_VALUE;
    return isWord(operation) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  case CU_STREAM_MEM_OP_FLUSH_REMOTE_WRITES:
    return operation.fence.flags ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
  case CU_STREAM_MEM_OP_BARRIER:
    return isFirstVersion || operation.fence.flags > 1 ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
  }
  return CUDA_ERROR_INVALID_VALUE;
}

uint64_t loadWord(const CUstreamBatchMemOpParams &operation) {
  const void *word = driver().deviceOf(operation.word.address)->memory.host(operation.word.address);
  return wordBytes(operation) == 8 ? __atomic_load_n(static_cast<const uint64_t *>(word), __ATOMIC_ACQUIRE)
                                   : __atomic_load_n(static_cast<const uint32_t *>(word), __ATOMIC_ACQUIRE);
}

/// T: int32_t or int64_t. "At least" goes around.
template <typename T> bool holds(unsigned condition, T word, T wanted) {
  using U = std::make_unsigned_t<T>;
  switch (condition) {
  case CU_STREAM_WAIT_VALUE_GEQ:
    return T(U(word) - U(wanted)) >= 0;
  case CU_STREAM_WAIT_VALUE_EQ:
    return word == wanted;
  case CU_STREAM_WAIT_VALUE_AND:
    return (word & wanted) != 0;
  default:
    return T(~(word | wanted)) != 0;
  }
}

} // namespace

CUresult readOperations(const CUstreamBatchMemOpParams *list, size_t count, unsigned flags,
                        bool isFirstVersion, MemoryOperations &operations) {
  if ((count && !list) || count > mostOperations || flags) return CUDA_ERROR_INVALID_VALUE;
  for (size_t i = 0; i < count; ++i)
    if (CUresult wrong = check(list[i], isFirstVersion)) return wrong;
  operations.all.assign(list, list + count);
  return CUDA_SUCCESS;
}

bool isWait(const CUstreamBatchMemOpParams &operation) {
  return operation.operation == CU_STREAM_MEM_OP_WAIT_VALUE_32 ||
         operation.operation == CU_STREAM_MEM_OP_WAIT_VALUE_64;
}

bool isOver(Context &context, const CUstreamBatchMemOpParams &wait) {
  if (context.error || !isWord(wait)) return true;
  unsigned condition = wait.word.flags & CU_STREAM_WAIT_VALUE_MASK;
  uint64_t word = loadWord(wait);
  return wordBytes(wait) == 8 ? holds(condition, int64_t(word), int64_t(wait.word.value))
                              : holds(condition, int32_t(word), int32_t(wait.word.value));
}

void runOperation(Context &context, const CUstreamBatchMemOpParams &operation) {
  bool isWrite = operation.operation == CU_STREAM_MEM_OP_WRITE_VALUE_32 ||
                 operation.operation == CU_STREAM_MEM_OP_WRITE_VALUE_64;
  if (!isWrite && !isWait(operation)) return; // every write is seen by all that comes later
  if (!isWord(operation)) {
    std::fprintf(stderr, "vcuda: a stream memory operation on memory that was freed before it ran\n");
    context.fail(CUDA_ERROR_ILLEGAL_ADDRESS);
  } else if (isWrite) {
    driver()
        .deviceOf(operation.word.address)
        ->memory.store(operation.word.address, operation.word.value, wordBytes(operation));
  }
}

} // namespace dlc::vcuda

using namespace dlc::vcuda;

static CUresult submitOperations(CUstream stream, unsigned count, const CUstreamBatchMemOpParams *list,
                                 unsigned flags, bool isFirstVersion) {
  return inContext([&](Context &context) -> CUresult {
    auto state = streamState(context, stream);
    if (!state) return CUDA_ERROR_INVALID_HANDLE;
    MemoryOperations operations;
    if (CUresult wrong = readOperations(list, count, flags, isFirstVersion, operations)) return wrong;
    return count ? enqueue(context, state, std::move(operations)) : CUDA_SUCCESS;
  });
}

static CUresult submitWord(CUstreamBatchMemOpType operation, CUstream stream, CUdeviceptr address,
                           uint64_t value, unsigned flags, bool isFirstVersion) {
  CUstreamBatchMemOpParams one = {};
  one.word.operation = operation;
  one.word.address = address;
  one.word.value = value;
  one.word.flags = flags;
  return submitOperations(stream, 1, &one, 0, isFirstVersion);
}

VCUDA_API CUresult cuStreamBatchMemOp_v2(CUstream stream, unsigned count, CUstreamBatchMemOpParams *list,
                                         unsigned flags) {
  return submitOperations(stream, count, list, flags, /*isFirstVersion=*/false);
}
VCUDA_API CUresult cuStreamBatchMemOp(CUstream stream, unsigned count, CUstreamBatchMemOpParams *list,
                                      unsigned flags) {
  return submitOperations(stream, count, list, flags, /*isFirstVersion=*/true);
}

// X(name, type of the value, operation)
#define WORD_OPERATIONS(X)                                                                                   \
  X(cuStreamWaitValue32, uint32_t, CU_STREAM_MEM_OP_WAIT_VALUE_32)                                           \
  X(cuStreamWaitValue64, uint64_t, CU_STREAM_MEM_OP_WAIT_VALUE_64)                                           \
  X(cuStreamWriteValue32, uint32_t, CU_STREAM_MEM_OP_WRITE_VALUE_32)                                         \
  X(cuStreamWriteValue64, uint64_t, CU_STREAM_MEM_OP_WRITE_VALUE_64)

#define DEFINE(name, Value, operation)                                                                       \
  VCUDA_API CUresult name##_v2(CUstream stream, CUdeviceptr address, Value value, unsigned flags) {          \
    return submitWord(operation, stream, address, value, flags, /*isFirstVersion=*/false);                   \
  }                                                                                                          \
  VCUDA_API CUresult name(CUstream stream, CUdeviceptr address, Value value, unsigned flags) {               \
    return submitWord(operation, stream, address, value, flags, /*isFirstVersion=*/true);                    \
  }
WORD_OPERATIONS(DEFINE)
#undef DEFINE
