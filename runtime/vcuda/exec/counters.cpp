// Counters: instructions by class from block counts; sectors, bank conflicts and distinct bytes where asked
// for.
#include "runtime/vcuda/exec/counters.h"

#include "runtime/vcuda/exec/coverage.h"

#include "runtime/vcuda/exec/mma_shapes.h"

#include <algorithm>

using namespace dlc::vcuda;
using namespace dlc::vcuda::exec;

const char *dlc::vcuda::instructionClassName(InstructionClass c) {
  static const char *const names[] = {
      "integer",      "float",       "half",         "double", "conversion",     "special",
      "move",         "predicate",   "control",      "mma",    "matrix-load",    "global-load",
      "global-store", "shared-load", "shared-store", "local",  "parameter-load", "atomic",
      "async-copy",   "shuffle",     "barrier",      "other"};
  static_assert(std::size(names) == size_t(InstructionClass::Count));
  return c < InstructionClass::Count ? names[size_t(c)] : "?";
}

void Counters::add(const Counters &o) {
  launches += o.launches;
  ctas += o.ctas;
  warps += o.warps;
  for (size_t i = 0; i < instructions.size(); ++i) instructions[i] += o.instructions[i];
  mmaFlops += o.mmaFlops;
  globalBytesRead += o.globalBytesRead;
  globalBytesWritten += o.globalBytesWritten;
  globalReads += o.globalReads;
  globalWrites += o.globalWrites;
  globalSectorsRead += o.globalSectorsRead;
  globalSectorsWritten += o.globalSectorsWritten;
  leastDramBytesRead += o.leastDramBytesRead;
  leastDramBytesWritten += o.leastDramBytesWritten;
  sharedBankConflicts += o.sharedBankConflicts;
  barriers += o.barriers;
  divergentBranches += o.divergentBranches;
  for (const auto &[line, c] : o.lines) {
    LineCounters &mine = lines[line];
    mine.executed += c.executed;
    mine.accesses += c.accesses;
    mine.bytes += c.bytes;
    mine.sectors += c.sectors;
    mine.wavefronts += c.wavefronts;
    mine.idealWavefronts += c.idealWavefronts;
  }
  for (const auto &[id, b] : o.buffers) {
    buffers[id].distinctBytesRead += b.distinctBytesRead;
    buffers[id].distinctBytesWritten += b.distinctBytesWritten;
    buffers[id].distinctSectorsRead += b.distinctSectorsRead;
    buffers[id].distinctSectorsWritten += b.distinctSectorsWritten;
  }
}

uint64_t Counters::totalInstructions() const {
  uint64_t sum = 0;
  for (uint64_t n : instructions) sum += n;
  return sum;
}

namespace {

InstructionClass memoryClass(const Inst &inst, bool store) {
  using C = InstructionClass;
  switch (inst.space) {
  case Space::Shared:
    return store ? C::SharedStore : C::SharedLoad;
  case Space::Local:
    return C::LocalAccess;
  case Space::Param:
    return C::ParameterLoad;
  default:
    return store ? C::GlobalStore : C::GlobalLoad;
  }
}

InstructionClass arithmeticClass(Type type) {
  using C = InstructionClass;
  switch (type) {
  case Type::F32:
    return C::Float;
  case Type::F64:
    return C::Double;
  case Type::F16:
  case Type::F16x2:
  case Type::BF16:
  case Type::BF16x2:
    return C::Half;
  case Type::Pred:
    return C::Predicate;
  default:
    return C::Integer;
  }
}

} // namespace

InstructionClass exec::classOf(const Inst &inst) {
  using C = InstructionClass;
  switch (inst.kind) {
  case Kind::Mov:
  case Kind::Pack:
  case Kind::Unpack:
  case Kind::Selp:
  case Kind::Slct:
  case Kind::SpecialReg:
    return C::Move;
  case Kind::Setp:
  case Kind::Set:
  case Kind::Testp:
  case Kind::IsSpace:
    return C::Predicate;
  case Kind::Rcp:
  case Kind::Sqrt:
  case Kind::Rsqrt:
  case Kind::Sin:
  case Kind::Cos:
  case Kind::Lg2:
  case Kind::Ex2:
  case Kind::Tanh:
    return C::Special;
  case Kind::Cvt:
  case Kind::CvtPack:
    return C::Conversion;
  case Kind::ToGeneric:
  case Kind::FromGeneric:
    return C::Integer;
  case Kind::Ld:
    return memoryClass(inst, false);
  case Kind::St:
    return memoryClass(inst, true);
  case Kind::Atom:
  case Kind::Red:
    return C::Atomic;
  case Kind::LdMatrix:
    return C::MatrixLoad;
  case Kind::StMatrix:
    return C::SharedStore;
  case Kind::CpAsync:
  case Kind::CpAsyncCommit:
  case Kind::CpAsyncWait:
    return C::AsyncCopy;
  case Kind::Shfl:
  case Kind::Vote:
  case Kind::Match:
  case Kind::Redux:
  case Kind::ActiveMask:
  case Kind::MovMatrix:
  case Kind::Elect:
    return C::Shuffle;
  case Kind::WmmaLoad:
    return C::MatrixLoad;
  case Kind::WmmaStore:
    return memoryClass(inst, true);
  case Kind::Wmma:
  case Kind::Mma:
    return C::Mma;
  case Kind::Mbarrier:
    return C::Barrier;
  case Kind::Video:
    return C::Integer;
  case Kind::Bra:
  case Kind::Brx:
  case Kind::Call:
  case Kind::Ret:
  case Kind::Exit:
  case Kind::Trap:
    return C::Control;
  case Kind::Bar:
  case Kind::BarRed:
  case Kind::WarpSync:
  case Kind::Fence:
    return C::Barrier;
  case Kind::Block:
  case Kind::Brkpt:
  case Kind::Nop:
  case Kind::NanoSleep:
  case Kind::Prefetch:
  case Kind::Discard:
    return C::Other;
  default:
    return arithmeticClass(inst.type);
  }
}

//===----------------------------------------------------------------------===//
// Memory accesses
//===----------------------------------------------------------------------===//

namespace {

/// Distinct 32-byte sectors of a warp's access.
uint32_t countSectors(Mask mask, const uint64_t *addresses, uint32_t bytes) {
  uint64_t sectors[64];
  uint32_t count = 0;
  for (Mask m = mask; m; m &= m - 1) {
    uint64_t address = addresses[__builtin_ctz(m)];
    for (uint64_t s = address / 32; s <= (address + bytes - 1) / 32 && count < 64; ++s) sectors[count++] = s;
  }
  std::sort(sectors, sectors + count);
  return uint32_t(std::unique(sectors, sectors + count) - sectors);
}

/// Passes over 32 banks of 4 bytes. A warp's access is served in phases of 128 bytes: all lanes for up to 4
/// bytes each, half warps for 8, quarter warps for 16; within a phase a bank serves one of its words at a
/// time, equal words at once.
void countBanks(Mask mask, const uint64_t *offsets, uint32_t bytes, LineCounters &line, uint64_t &conflicts) {
  uint32_t lanesPerPhase = bytes <= 4 ? 32 : bytes == 8 ? 16 : 8;
  for (uint32_t first = 0; first < 32; first += lanesPerPhase) {
    uint64_t words[32];
    uint32_t count = 0;
    for (uint32_t l = first; l < first + lanesPerPhase; ++l) {
      if (!(mask >> l & 1)) continue;
      for (uint64_t word = offsets[l] / 4; word <= (offsets[l] + bytes - 1) / 4 && count < 32; ++word)
        words[count++] = word;
    }
    if (count == 0) continue;
    std::sort(words, words + count);
    count = uint32_t(std::unique(words, words + count) - words);
    uint32_t perBank[32] = {}, passes = 0;
    for (uint32_t k = 0; k < count; ++k) passes = std::max(passes, ++perBank[words[k] % 32]);
    line.wavefronts += passes;
    line.idealWavefronts += 1;
    conflicts += passes - 1;
  }
}

/// Marks up to 16 bytes, word of 64 by word of 64; the page looked up last is kept.
void touch(Worker &worker, uint64_t offset, uint32_t bytes, bool read, bool written) {
  while (bytes) {
    uint64_t bit = offset & 63;
    uint32_t here = uint32_t(std::min<uint64_t>(bytes, 64 - bit));
    uint64_t mask = ((uint64_t(1) << here) - 1) << bit;
    if (!worker.lastPage || worker.lastPageNumber != offset >> 16) {
      auto &page = worker.pages[offset >> 16];
      if (!page) page = std::make_unique<Worker::TouchedPage>();
      worker.lastPage = page.get();
      worker.lastPageNumber = offset >> 16;
    }
    if (read) worker.lastPage->read[offset >> 6 & 1023] |= mask;
    if (written) worker.lastPage->written[offset >> 6 & 1023] |= mask;
    offset += here;
    bytes -= here;
  }
}

} // namespace

void exec::countAccess(Warp &warp, const Inst &inst, Mask mask, const uint64_t *addresses, uint32_t bytes,
                       Space space, Access access) {
  CtaRun &cta = *static_cast<WarpRun &>(warp).run;
  Worker &worker = *cta.worker;
  LineCounters &line = worker.lines[uint32_t(&inst - cta.launch->instructions)];
  if (!mask) return;
  if (!(inst.kind == Kind::CpAsync && space == Space::Shared)) {
    line.accesses += 1;
    line.bytes += uint64_t(__builtin_popcount(mask)) * bytes;
  }
  if (space == Space::Shared) {
    countBanks(mask, addresses, bytes, line, worker.conflicts);
    return;
  }
  uint32_t sectors = countSectors(mask, addresses, bytes);
  line.sectors += sectors;
  bool read = access != Access::Write, written = access != Access::Read;
  worker.reads += read;
  worker.writes += written;
  if (read) worker.sectorsRead += sectors;
  if (written) worker.sectorsWritten += sectors;
  for (Mask m = mask; m; m &= m - 1)
    touch(worker, addresses[__builtin_ctz(m)] - cta.globalBase, bytes, read, written);
}

//===----------------------------------------------------------------------===//
// Merging
//===----------------------------------------------------------------------===//

namespace {

void addBlocks(const Launch &launch, const std::vector<uint64_t> &counts, Counters &out) {
  const Code &code = *launch.code;
  for (size_t b = 0; b < code.blocks.size(); ++b) {
    if (!counts[b]) continue;
    for (uint32_t i = code.blocks[b].first + 1; i < code.blocks[b].end; ++i) {
      const Inst &inst = code.instructions[i];
      if (i < code.formOf.size() && code.formOf[i])
        Coverage::get()->addRan(code.forms[code.formOf[i]], launch.kernel->name);
      out.instructions[size_t(classOf(inst))] += counts[b];
      if (launch.options.counters) out.lines[inst.line].executed += counts[b];
      if (inst.kind == Kind::Mma) {
        const MmaShape &s = mmaShapes[inst.imm];
        out.mmaFlops += counts[b] * 2 * s.m * s.n * s.k * (s.quadPairs ? 4 : 1);
      } else if (inst.kind == Kind::Wmma) {
        const WmmaShape &s = wmmaShapes[inst.imm];
        out.mmaFlops += counts[b] * 2 * s.m * s.n * s.k;
      }
    }
  }
}

/// Distinct bytes and sectors by allocation, over the pages that any worker touched.
void addBuffers(const Launch &launch, std::vector<std::unique_ptr<Worker>> &workers, Counters &out) {
  std::map<uint64_t, Worker::TouchedPage *> pages;
  for (auto &worker : workers) {
    for (auto &[number, page] : worker->pages) {
      auto [found, inserted] = pages.try_emplace(number, page.get());
      if (inserted) continue;
      for (size_t w = 0; w < 1024; ++w) {
        found->second->read[w] |= page->read[w];
        found->second->written[w] |= page->written[w];
      }
    }
  }
  AllocationInfo last;
  for (auto &[number, page] : pages) {
    for (uint64_t bit = 0; bit < 65536; ++bit) {
      if (bit % 64 == 0 && !page->read[bit / 64] && !page->written[bit / 64]) {
        bit += 63;
        continue;
      }
      bool read = page->read[bit / 64] >> (bit % 64) & 1, written = page->written[bit / 64] >> (bit % 64) & 1;
      if (!read && !written) continue;
      uint64_t address = launch.memory->base + (number << 16) + bit;
      if (address - last.base >= last.bytes || last.kind != AllocationInfo::Live)
        last = launch.memory->find(address);
      BufferCounters &buffer = out.buffers[last.id];
      buffer.distinctBytesRead += read;
      buffer.distinctBytesWritten += written;
      // Allocations begin at multiples of 256 bytes: a sector belongs to one. Its first byte here counts it.
      uint64_t before = (uint64_t(1) << (bit % 64)) - (uint64_t(1) << (bit % 64 / 32 * 32));
      buffer.distinctSectorsRead += read && !(page->read[bit / 64] & before);
      buffer.distinctSectorsWritten += written && !(page->written[bit / 64] & before);
    }
  }
  for (const auto &[id, buffer] : out.buffers) {
    out.leastDramBytesRead += 32 * buffer.distinctSectorsRead;
    out.leastDramBytesWritten += 32 * buffer.distinctSectorsWritten;
  }
}

} // namespace

void exec::mergeCounters(const Launch &launch, std::vector<std::unique_ptr<Worker>> &workers, Counters &out) {
  out.launches = 1;
  std::vector<uint64_t> blocks(launch.code->blocks.size());
  for (auto &worker : workers) {
    for (size_t b = 0; b < blocks.size(); ++b) blocks[b] += worker->blockCounts[b];
    out.ctas += worker->ctas;
    out.warps += worker->warps;
    out.globalBytesRead += worker->warpCounters.globalBytesRead;
    out.globalBytesWritten += worker->warpCounters.globalBytesWritten;
    out.barriers += worker->warpCounters.barriers;
    out.divergentBranches += worker->warpCounters.divergentBranches;
    out.globalReads += worker->reads;
    out.globalWrites += worker->writes;
    out.globalSectorsRead += worker->sectorsRead;
    out.globalSectorsWritten += worker->sectorsWritten;
    out.sharedBankConflicts += worker->conflicts;
    for (const auto &[index, c] : worker->lines) {
      LineCounters &line = out.lines[launch.code->instructions[index].line];
      line.accesses += c.accesses;
      line.bytes += c.bytes;
      line.sectors += c.sectors;
      line.wavefronts += c.wavefronts;
      line.idealWavefronts += c.idealWavefronts;
    }
  }
  addBlocks(launch, blocks, out);
  if (launch.options.counters) addBuffers(launch, workers, out);
}
