// An execution context: a module's plan for one set of dims, with memory, ready to be launched.
#pragma once

#include "runtime/graph.h"

#include <span>

namespace dlc::rt {

class Context {
public:
  /// Throws Failure.
  Context(Module &module, const dlc_context_options &options);
  /// Waits for the context's work.
  ~Context();
  Context(const Context &) = delete;
  Context &operator=(const Context &) = delete;

  Module &module;
  DeviceState &device;

  /// `choices` as bind.h orders them.
  void prepare(std::span<const int64_t> choices);
  void enqueue(CuStream stream, std::span<const dlc_tensor> inputs, std::span<const dlc_tensor> outputs);
  void run(std::span<const dlc_tensor> inputs, std::span<const dlc_tensor> outputs);
  bool isPoisoned() const { return poison[0] != 0; }

  // For tools: single ops on memory of the context's own.

  /// After prepare: lets buffers in callers' tensors stand for blocks of this context.
  void useOwnTensors();
  const BoundPlan &plan() const { return bound; }
  CuAddress addressOf(int buffer) const;
  /// Issues the launches of one op (or of all: -1) on the context's stream.
  void issueOp(int op);
  void upload(CuAddress to, const void *from, uint64_t bytes);
  void download(void *to, CuAddress from, uint64_t bytes);
  void fill(CuAddress to, uint8_t value, uint64_t bytes);
  void synchronize();

private:
  struct CallerPointer {
    uint32_t word;
    bool isOutput;
    int index;
    uint64_t offset;
  };
  struct Alignment {
    bool isOutput;
    int index;
    uint64_t offset, align;
  };
  void expectHealthy() const;
  void expectTensors(std::span<const dlc_tensor> tensors, bool areOutputs) const;
  void expectShapes(std::span<const dlc_tensor> tensors, bool areOutputs) const;
  void expectOnDevice(std::span<const dlc_tensor> tensors, bool areOutputs);
  void choose(std::span<const dlc_tensor> inputs, Vec<int64_t> &values);
  void growMemory();
  void resolve();
  void waitForWork();
  void setTensors();
  bool recall(std::span<const int64_t> values);
  void setGraph();
  void issue(CuStream stream, int onlyOp);
  void issueStep(CuStream stream, BoundStep &step);
  struct Transfer {
    CuAddress to = 0, from = 0;
    uint64_t bytes = 0;
  };
  Transfer transferOf(const BoundStep &step) const;
  void checkStep(CuResult result, const BoundStep &step, std::string_view what);
  void check(CuResult result, std::string_view what);
  std::string launchesFailed() const;
  std::string describe(const BoundStep &step) const;
  DeviceBlock &ownBlock(Vec<DeviceBlock> &blocks, size_t index, uint64_t bytes, std::string_view what);

  const uint32_t flags;
  char poison[512] = "";
  bool isPrepared = false;
  Vec<int64_t> choices;
  BoundPlan bound;
  struct Prepared {
    Vec<int64_t> choices;
    BoundPlan bound;
  };
  static constexpr size_t mostPrepared = 8;
  Vec<Prepared> earlier; ///< plans for other choices, the latest last
  DeviceBlock arena, zeroed;
  Vec<DeviceBlock> guarded;               ///< guard mode: by buffer
  Vec<DeviceBlock> ownInputs, ownOutputs; ///< for host tensors
  HostPtr<Graph> graph;                   ///< with DLC_CONTEXT_GRAPH, from the first prepare on
  Vec<CuAddress> inputAddresses, outputAddresses;
  Vec<CuAddress> knownInputs, knownOutputs; ///< the last ones that the driver said to know
  Vec<void *> parameters;                   ///< by word
  Vec<CallerPointer> callerPointers;
  Vec<Alignment> alignments;
  CuStream ownStream = nullptr;
  CuEvent done = nullptr; ///< behind the last work
  bool hasWork = false;
  bool isBusy = false;           ///< launches may be under way
  CuStream workStream = nullptr; ///< where that was issued
};

} // namespace dlc::rt
