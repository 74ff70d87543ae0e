// Findings and their places.
#include "runtime/vcuda/exec/run.h"

using namespace dlc::vcuda;
using namespace dlc::vcuda::exec;

namespace {

std::string hex(uint64_t value) {
  static const char digits[] = "0123456789abcdef";
  std::string text;
  do {
    text.insert(text.begin(), digits[value % 16]);
    value /= 16;
  } while (value);
  return "0x" + text;
}

std::string fileName(const Code &code, uint32_t file) {
  return file < code.files.size() ? code.files[file] : std::string();
}

void setSource(const Code &code, const Inst &inst, std::string &file, uint32_t &line,
               std::vector<SourcePlace> &inlinedAt) {
  const SourceLine &source = code.sources[inst.source];
  line = source.line;
  if (line) file = fileName(code, source.file);
  inlinedAt.clear();
  for (uint32_t call = source.inlinedBy; call; call = code.inlinedCalls[call].inlinedBy)
    inlinedAt.push_back({fileName(code, code.inlinedCalls[call].file), code.inlinedCalls[call].line});
}

/// How an address lies to the allocation that is named next.
const char *nearness(AllocationInfo::Kind kind) {
  switch (kind) {
  case AllocationInfo::Freed:
    return ", in freed memory: ";
  case AllocationInfo::Unmapped:
    return ", in memory that was unmapped: ";
  case AllocationInfo::NoAccess:
    return ", in memory that is mapped without access: ";
  default:
    return ", near ";
  }
}

std::string laneList(Mask lanes) {
  std::string text;
  for (unsigned l = 0; l < 32; ++l) {
    if (!(lanes >> l & 1)) continue;
    unsigned end = l;
    while (end < 31 && (lanes >> (end + 1) & 1)) ++end;
    text += (text.empty() ? "" : ", ") + std::to_string(l) + (end > l ? "-" + std::to_string(end) : "");
    l = end;
  }
  return text;
}

} // namespace

Dim3 exec::threadOf(const Warp &warp, unsigned lane) {
  return {warp.tid[0][lane], warp.tid[1][lane], warp.tid[2][lane]};
}

static Finding makeFinding(const Warp &warp, const Inst &inst, const char *check, unsigned lane,
                           std::string message, const Inst *other, std::string otherText,
                           const OtherThread *otherThread) {
  const CtaRun &cta = *static_cast<const WarpRun &>(warp).run;
  const Launch &launch = *cta.launch;
  Finding f;
  f.check = check;
  f.kernel = launch.kernel->name;
  f.ptxLine = inst.line;
  setSource(*launch.code, inst, f.sourceFile, f.sourceLine, f.inlinedAt);
  f.cta = {cta.ctaid[0], cta.ctaid[1], cta.ctaid[2]};
  f.thread = threadOf(warp, lane);
  f.message = std::move(message);
  f.other = std::move(otherText);
  if (otherThread) {
    f.otherIsThread = true;
    f.otherCta = otherThread->cta;
    f.otherThread = otherThread->thread;
  }
  if (!other) return f;
  f.otherPtxLine = other->line;
  setSource(*launch.code, *other, f.otherSourceFile, f.otherSourceLine, f.otherInlinedAt);
  return f;
}

FindingRecord exec::findingRecord(const Warp &warp, const Inst &inst, const char *check, unsigned lane,
                                  std::string message, const Inst *other, std::string otherText,
                                  const OtherThread *otherThread) {
  const CtaRun &cta = *static_cast<const WarpRun &>(warp).run;
  return {cta.number, warp.index * 32 + lane, 1,
          makeFinding(warp, inst, check, lane, std::move(message), other, std::move(otherText), otherThread)};
}

void exec::addFinding(Warp &warp, const Inst &inst, const char *check, unsigned lane, std::string message,
                      const Inst *other, std::string otherText, const OtherThread *otherThread) {
  CtaRun &cta = *static_cast<WarpRun &>(warp).run;
  const Launch &launch = *cta.launch;
  FindingRecord &record = cta.worker->findings[{uint32_t(&inst - launch.instructions), check}];
  uint32_t thread = warp.index * 32 + lane;
  ++record.count;
  if (record.count > 1 && std::pair(record.cta, record.thread) <= std::pair(cta.number, thread)) return;
  record.cta = cta.number;
  record.thread = thread;
  record.finding =
      makeFinding(warp, inst, check, lane, std::move(message), other, std::move(otherText), otherThread);
}

void exec::reportLanes(Warp &warp, const Inst &inst, const char *check, Mask lanes, const char *message) {
  if (static_cast<WarpRun &>(warp).run->launch->options.checks == Checks::Off) return;
  unsigned lane = lanes ? unsigned(__builtin_ctz(lanes)) : 0;
  addFinding(warp, inst, check, lane, std::string(message) + " (lanes " + laneList(lanes) + ")");
}

void exec::reportAddress(Warp &warp, const Inst &inst, const char *check, unsigned lane, uint64_t address,
                         uint32_t bytes, const char *what) {
  CtaRun &cta = *static_cast<WarpRun &>(warp).run;
  bool misaligned = address % bytes != 0;
  std::string text = std::to_string(bytes) + " bytes at " + hex(address) + " of " + what;
  if (!cta.checks) {
    cta.launch->stop(cta.number, misaligned ? LaunchResult::MisalignedAddress : LaunchResult::IllegalAddress,
                     text + ", PTX line " + std::to_string(inst.line));
    warp.stop = true;
    return;
  }
  if (std::string_view(what) == "global memory") {
    AllocationInfo a = cta.launch->memory->find(address);
    if (a.kind == AllocationInfo::Reserved) {
      text += ", in a reserved range of " + std::to_string(a.bytes) + " bytes at " + hex(a.base) +
              " to whose offset " + std::to_string(address - a.base) + " nothing is mapped";
    } else if (a.kind != AllocationInfo::None) {
      text += nearness(a.kind);
      text += "allocation " + std::to_string(a.id) + (a.name.empty() ? "" : " '" + a.name + "'") + " of " +
              std::to_string(a.bytes) + " bytes at " + hex(a.base);
      text += address < a.base ? ", " + std::to_string(a.base - address) + " bytes before it"
                               : ", offset " + std::to_string(address - a.base);
    }
  }
  addFinding(warp, inst, check, lane, std::move(text));
}

void exec::stopLaunch(Warp &warp, const Inst &inst, LaunchResult::Status status, const char *message) {
  CtaRun &cta = *static_cast<WarpRun &>(warp).run;
  cta.launch->stop(cta.number, status,
                   std::string(message) + " (kernel " + cta.launch->kernel->name + ", PTX line " +
                       std::to_string(inst.line) + ")");
  warp.stop = true;
}
