// A launch: checks of its shape, host threads that take CTAs, and the merge of what they found.
#include "runtime/vcuda/exec/arithmetic/modes.h"
#include "runtime/vcuda/exec/counters.h"
#include "runtime/vcuda/exec/run.h"
#include "runtime/vcuda/exec/special.h"

#include <algorithm>
#include <cstring>
#include <thread>

using namespace dlc::vcuda;
using namespace dlc::vcuda::exec;

namespace {

/// CTAs that one host thread keeps alive at a time, when they wait for each other.
constexpr size_t maxWaitingCtas = 4096;

uint32_t alignUp(uint32_t value, uint32_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

LaunchResult refuse(LaunchResult::Status status, std::string message) {
  LaunchResult result;
  result.status = status;
  result.message = std::move(message);
  return result;
}

/// Empty when the shape is possible.
std::string wrongShape(const LaunchConfig &c, const KernelInfo &kernel, const DeviceLimits &limits) {
  uint64_t threads = uint64_t(c.block.x) * c.block.y * c.block.z;
  if (c.grid.x == 0 || c.grid.y == 0 || c.grid.z == 0 || threads == 0)
    return "a dimension of the launch is zero";
  if (c.grid.x > 0x7fffffff || c.grid.y > 65535 || c.grid.z > 65535) return "grid is too large";
  if (c.block.x > 1024 || c.block.y > 1024 || c.block.z > 64 || threads > limits.maxThreadsPerCta)
    return "CTA of " + std::to_string(threads) + " threads is too large";
  const auto &required = kernel.requiredThreads, &most = kernel.maxThreads;
  if (required[0] && (c.block.x != required[0] || c.block.y != required[1] || c.block.z != required[2]))
    return "CTA shape is not the one that .reqntid of '" + kernel.name + "' asks for";
  if (most[0] && threads > uint64_t(most[0]) * most[1] * most[2])
    return "CTA has more threads than .maxntid of '" + kernel.name + "' allows";
  return {};
}

} // namespace

uint64_t Launch::constantValue(const ConstantSlot &slot, uint32_t localBase) const {
  switch (slot.kind) {
  case ConstantSlot::GlobalAddress:
    return instance->variables[slot.index] + slot.value;
  case ConstantSlot::FrameAddress:
    return localBase + slot.value;
  case ConstantSlot::DynamicShared:
    return alignUp(kernel->staticSharedBytes, std::max(16u, slot.index)) + slot.value;
  default:
    return slot.value;
  }
}

/// The order in which CTAs start: a permutation of the grid for random schedules.
uint64_t Launch::ctaAt(uint64_t position) const {
  if (options.schedule.kind == Schedule::Reverse) return ctaCount - 1 - position;
  if (options.schedule.kind != Schedule::Random) return position;
  // A Feistel network over the next power of four, walked until it falls into the grid.
  unsigned half = 1;
  while ((uint64_t(1) << (2 * half)) < ctaCount) ++half;
  uint64_t keep = (uint64_t(1) << half) - 1, value = position;
  do {
    uint64_t left = value >> half, right = value & keep;
    for (uint64_t round = 0; round < 4; ++round) {
      uint64_t state = options.schedule.seed * 4 + round + (right << 20);
      uint64_t mixed = left ^ (nextRandom(state) & keep);
      left = right;
      right = mixed;
    }
    value = left << half | right;
  } while (value >= ctaCount);
  return value;
}

void Launch::stop(uint64_t cta, LaunchResult::Status status, std::string message) {
  std::lock_guard lock(mutex);
  stopped = true;
  if (cta > stopCta) return;
  stopCta = cta;
  result.status = status;
  result.message = std::move(message);
}

/// A CTA that waits for another one gives way. The waiting ones take turns; a further CTA starts only when a
/// whole round of turns has ended without one that finished, so that few are alive at a time.
std::unique_ptr<CtaRun> Worker::nextCta() {
  bool mayStart = waiting.size() < maxWaitingCtas && (waiting.empty() || fruitlessTurns >= waiting.size());
  uint64_t position = mayStart ? launch->nextCta.fetch_add(1) : ~uint64_t(0);
  std::unique_ptr<CtaRun> cta;
  if (mayStart && position < launch->ctaCount) {
    fruitlessTurns = 0;
    if (!pool.empty()) {
      cta = std::move(pool.back());
      pool.pop_back();
    } else {
      cta = std::make_unique<CtaRun>();
    }
    cta->start(*launch, *this, launch->ctaAt(position));
    ++ctas;
    warps += launch->warpsPerCta;
  } else if (!waiting.empty()) {
    cta = std::move(waiting.front());
    waiting.pop_front();
  }
  return cta;
}

void Worker::run() {
  while (!launch->stopped) {
    std::unique_ptr<CtaRun> cta = nextCta();
    if (!cta) return;
    CtaRun::Outcome outcome = cta->advance();
    if (outcome == CtaRun::Outcome::GaveWay) {
      ++fruitlessTurns;
      waiting.push_back(std::move(cta));
      continue;
    }
    fruitlessTurns = 0;
    for (uint32_t i = 0; i < cta->warpCount; ++i) {
      const WarpCounters &c = cta->warps[i]->counters;
      warpCounters.globalBytesRead += c.globalBytesRead;
      warpCounters.globalBytesWritten += c.globalBytesWritten;
      warpCounters.barriers += c.barriers;
      warpCounters.divergentBranches += c.divergentBranches;
    }
    if (!cta->printed.empty()) printed[cta->number] = std::move(cta->printed);
    pool.push_back(std::move(cta));
  }
}

namespace {

/// Of two records of a finding the first by CTA and thread, with the sum of the counts.
void keepFirst(std::map<FindingKey, FindingRecord> &all, const FindingKey &key, const FindingRecord &record) {
  auto [found, inserted] = all.try_emplace(key, record);
  if (inserted) return;
  uint64_t count = found->second.count + record.count;
  if (std::pair(record.cta, record.thread) < std::pair(found->second.cta, found->second.thread))
    found->second = record;
  found->second.count = count;
}

/// One finding per instruction and check, in the order of the code.
void mergeFindings(std::vector<std::unique_ptr<Worker>> &workers, uint32_t limit, LaunchResult &result) {
  std::map<FindingKey, FindingRecord> all;
  for (auto &worker : workers) {
    for (auto &[key, record] : worker->findings) keepFirst(all, key, record);
  }
  for (auto &[key, record] : all) {
    if (result.findings.size() >= limit) {
      ++result.findingsNotShown;
      continue;
    }
    record.finding.count = record.count;
    result.findings.push_back(std::move(record.finding));
  }
}

void runWorkers(Launch &launch, LaunchResult &result) {
  uint64_t threads =
      launch.options.threads ? launch.options.threads : std::max(1u, std::thread::hardware_concurrency());
  threads = std::min<uint64_t>({threads, launch.ctaCount, 256});
  if (launch.full) threads = 1;
  std::vector<std::unique_ptr<Worker>> workers;
  for (uint64_t t = 0; t < threads; ++t) {
    workers.push_back(std::make_unique<Worker>());
    workers.back()->launch = &launch;
    workers.back()->blockCounts.resize(launch.code->blocks.size());
  }
  std::vector<std::thread> others;
  for (uint64_t t = 1; t < threads; ++t) others.emplace_back([&, t] { workers[t]->run(); });
  workers[0]->run();
  for (std::thread &t : others) t.join();
  result = std::move(launch.result);
  for (const auto &[address, guesses] : launch.guesses)
    for (const Guess &guess : guesses) keepFirst(workers[0]->findings, guess.key, guess.record);
  mergeFindings(workers, launch.options.maxFindings, result);
  mergeCounters(launch, workers, result.counters);
  std::map<uint64_t, std::string> printed;
  for (auto &worker : workers) printed.merge(worker->printed);
  for (auto &[cta, text] : printed) result.printed += text;
}

} // namespace

LaunchResult dlc::vcuda::launch(const ModuleInstance &instance, const LaunchConfig &config,
                                GlobalMemory &memory, const DeviceLimits &limits, const Options &options) {
  const Module &module = *instance.module;
  const KernelInfo *kernel = module.findKernel(config.kernel);
  if (!kernel) return refuse(LaunchResult::InvalidValue, "no kernel '" + std::string(config.kernel) + "'");
  if (std::string wrong = wrongShape(config, *kernel, limits); !wrong.empty())
    return refuse(LaunchResult::InvalidValue, wrong);
  Launch launch;
  launch.sharedBytes = kernel->staticSharedBytes;
  launch.instance = &instance;
  launch.kernel = kernel;
  launch.code = &module.program->code;
  for (const CodeFunction &f : launch.code->functions) {
    if (f.kernelIndex < 0 || size_t(f.kernelIndex) != size_t(kernel - module.kernels.data())) continue;
    launch.functionIndex = uint32_t(&f - launch.code->functions.data());
    launch.function = &f;
    uint32_t alignment = 16;
    for (const ConstantSlot &slot : f.constants) {
      if (slot.kind == ConstantSlot::DynamicShared) alignment = std::max(alignment, slot.index);
    }
    if (config.dynamicSharedBytes) launch.sharedBytes = alignUp(launch.sharedBytes, alignment);
  }
  if (uint64_t(launch.sharedBytes) + config.dynamicSharedBytes > limits.maxSharedPerCta)
    return refuse(LaunchResult::OutOfResources,
                  std::to_string(uint64_t(launch.sharedBytes) + config.dynamicSharedBytes) +
                      " bytes of shared memory, " + std::to_string(limits.maxSharedPerCta) + " are there");
  launch.sharedBytes += config.dynamicSharedBytes;
  launch.reservedShared = launch.sharedBytes;
  if (launch.code->usesReservedShared) { // on top of the limit
    launch.reservedShared = alignUp(launch.sharedBytes, 1024);
    launch.sharedBytes = launch.reservedShared + reservedSharedBytes;
  }
  HostLevel level = usableLevel(options.level);
  launch.instructions = module.program->instructionsFor(level);
  launch.level = &coreLevel(level);
  const Arithmetic &arithmetic = options.arithmetic;
  if (arithmetic.mma != Arithmetic::Fast || arithmetic.jitter || arithmetic.payload) {
    size_t count = launch.code->instructions.size();
    launch.adapted = adaptCode({launch.instructions, launch.instructions + count}, arithmetic, *launch.level);
    launch.instructions = launch.adapted.data();
  }
  launch.config = config;
  launch.memory = &memory;
  launch.limits = limits;
  launch.options = options;
  launch.threadsPerCta = config.block.x * config.block.y * config.block.z;
  launch.warpsPerCta = (launch.threadsPerCta + 31) / 32;
  launch.ctaCount = uint64_t(config.grid.x) * config.grid.y * config.grid.z;
  launch.parameters.assign(kernel->parameterBytes + 16, 0);
  if (kernel->parameterBytes)
    std::memcpy(launch.parameters.data(), config.parameters, kernel->parameterBytes);
  if (options.checks == Checks::Full) {
    launch.full = std::make_unique<FullLaunch>();
    launch.full->global.reset(uint32_t(__builtin_ctz(launch.code->smallestGlobalAccess)), false);
  }
  LaunchResult result;
  runWorkers(launch, result);
  return result;
}
