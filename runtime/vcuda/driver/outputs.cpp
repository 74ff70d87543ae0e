#include "runtime/vcuda/driver/outputs.h"

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace dlc::vcuda {
namespace {

using Json = nlohmann::ordered_json;

/// Module texts are foreign bytes: what is not UTF-8 is replaced.
std::string text(const Json &json, int indent = -1) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

Json place(Dim3 d) { return Json::array({d.x, d.y, d.z}); }

/// Only where something was inlined.
void addCalls(Json &j, const std::vector<SourcePlace> &calls) {
  for (const SourcePlace &call : calls)
    j["inlined_at"].push_back({{"source_file", call.file}, {"source_line", call.line}});
}

/// " (file:line, inlined at file:line)", or nothing.
std::string placeText(const std::string &file, uint32_t line, const std::vector<SourcePlace> &calls) {
  if (!line) return {};
  std::string out = " (" + file + ":" + std::to_string(line);
  for (const SourcePlace &call : calls) out += ", inlined at " + call.file + ":" + std::to_string(call.line);
  return out + ")";
}

Json toJson(const Finding &f, uint64_t launch) {
  Json j = {{"check", f.check},      {"kernel", f.kernel},          {"launch", launch},
            {"ptx_line", f.ptxLine}, {"source_file", f.sourceFile}, {"source_line", f.sourceLine},
            {"cta", place(f.cta)},   {"thread", place(f.thread)},   {"message", f.message},
            {"count", f.count}};
  addCalls(j, f.inlinedAt);
  if (f.otherPtxLine)
    j["other"] = {{"ptx_line", f.otherPtxLine},
                  {"source_file", f.otherSourceFile},
                  {"source_line", f.otherSourceLine},
                  {"text", f.other}};
  if (f.otherPtxLine) addCalls(j["other"], f.otherInlinedAt);
  if (f.otherIsThread) j["other"].update({{"cta", place(f.otherCta)}, {"thread", place(f.otherThread)}});
  return j;
}

Json toJson(const Counters &c) {
  Json j = {{"launches", c.launches}, {"ctas", c.ctas}, {"warps", c.warps}};
  Json &instructions = j["instructions"] = Json::object();
  for (size_t i = 0; i < c.instructions.size(); ++i)
    instructions[instructionClassName(InstructionClass(i))] = c.instructions[i];
  j["total_instructions"] = c.totalInstructions();
  j["mma_flops"] = c.mmaFlops;
  j["global_bytes_read"] = c.globalBytesRead;
  j["global_bytes_written"] = c.globalBytesWritten;
  j["global_reads"] = c.globalReads;
  j["global_writes"] = c.globalWrites;
  j["global_sectors_read"] = c.globalSectorsRead;
  j["global_sectors_written"] = c.globalSectorsWritten;
  j["least_dram_bytes_read"] = c.leastDramBytesRead;
  j["least_dram_bytes_written"] = c.leastDramBytesWritten;
  j["shared_bank_conflicts"] = c.sharedBankConflicts;
  j["barriers"] = c.barriers;
  j["divergent_branches"] = c.divergentBranches;
  return j;
}

Json linesJson(const Counters &c) {
  Json lines = Json::array();
  for (const auto &[line, l] : c.lines)
    lines.push_back({{"ptx_line", line},
                     {"executed", l.executed},
                     {"accesses", l.accesses},
                     {"bytes", l.bytes},
                     {"sectors", l.sectors},
                     {"wavefronts", l.wavefronts},
                     {"ideal_wavefronts", l.idealWavefronts}});
  return lines;
}

/// Opens a new file, if there is a path; what an earlier attempt opened is closed. Empty, or what is wrong.
std::string reopen(std::FILE *&stream, const std::string &path) {
  if (stream) std::fclose(stream);
  stream = path.empty() ? nullptr : std::fopen(path.c_str(), "we");
  return stream || path.empty() ? "" : path + ": " + std::strerror(errno);
}

} // namespace

std::string Outputs::open(const std::string &findingsFile, const std::string &countersFile) {
  std::lock_guard lock(mutex);
  std::string wrong = reopen(findingsStream, findingsFile);
  if (!wrong.empty()) return "VCUDA_FINDINGS: " + wrong;
  wrong = reopen(countersStream, countersFile);
  return wrong.empty() ? "" : "VCUDA_COUNTERS: " + wrong;
}

void Outputs::record(const std::string &module, const std::string &kernel, uint64_t launch,
                     const LaunchResult &result, const DeviceMemory &memory) {
  std::lock_guard lock(mutex);
  for (const Finding &f : result.findings) {
    // At once: the process may end in any way.
    if (findingsStream && (std::fprintf(findingsStream, "%s\n", text(toJson(f, launch)).c_str()) < 0 ||
                           std::fflush(findingsStream) != 0)) {
      std::fprintf(stderr, "vcuda: VCUDA_FINDINGS: %s: the file is not complete\n", std::strerror(errno));
      std::fclose(findingsStream);
      findingsStream = nullptr;
    }
    auto [it, isNew] =
        findingIndex.try_emplace({f.check, f.kernel, f.ptxLine, f.otherPtxLine}, findings.size());
    if (isNew) {
      findings.push_back(f);
      firstLaunch.push_back(launch);
    } else {
      findings[it->second].count += f.count;
    }
  }
  notShown += result.findingsNotShown;
  KernelCounters &entry = kernels[{module, kernel}];
  entry.counters.add(result.counters);
  if (result.counters.buffers.empty()) return;
  for (const auto &[id, counters] : result.counters.buffers) entry.buffers.try_emplace(id);
  for (const AllocationInfo &info : memory.describe())
    if (auto it = entry.buffers.find(info.id);
        it != entry.buffers.end() && it->second.kind == AllocationInfo::None)
      it->second = info;
}

std::string Outputs::findingsJson() {
  std::lock_guard lock(mutex);
  Json all = Json::array();
  for (size_t i = 0; i < findings.size(); ++i) all.push_back(toJson(findings[i], firstLaunch[i]));
  return text(all);
}

std::string Outputs::countersJson(bool lines) {
  std::lock_guard lock(mutex);
  Json all = Json::array();
  for (const auto &[key, entry] : kernels) {
    Json j = {{"module", key.first}, {"kernel", key.second}};
    j.update(toJson(entry.counters));
    Json buffers = Json::array();
    for (const auto &[id, b] : entry.counters.buffers) {
      auto known = entry.buffers.find(id);
      AllocationInfo info = known == entry.buffers.end() ? AllocationInfo() : known->second;
      buffers.push_back({{"id", id},
                         {"address", info.base},
                         {"bytes", info.bytes},
                         {"name", info.name},
                         {"distinct_bytes_read", b.distinctBytesRead},
                         {"distinct_bytes_written", b.distinctBytesWritten}});
    }
    j["buffers"] = std::move(buffers);
    if (lines) j["lines"] = linesJson(entry.counters);
    all.push_back(std::move(j));
  }
  return text(Json{{"kernels", std::move(all)}}, 1);
}

size_t Outputs::findingCount() {
  std::lock_guard lock(mutex);
  return findings.size();
}

void Outputs::resetFindings() {
  std::lock_guard lock(mutex);
  findings.clear();
  firstLaunch.clear();
  findingIndex.clear();
  notShown = 0;
}

void Outputs::resetCounters() {
  std::lock_guard lock(mutex);
  kernels.clear();
}

void Outputs::flush(bool lines) {
  if (!countersStream) return;
  std::string all = countersJson(lines) + "\n";
  std::lock_guard lock(mutex);
  // In place of what an earlier call wrote; a pipe has no place and takes both.
  if (std::fseek(countersStream, 0, SEEK_SET) == 0) (void)!ftruncate(fileno(countersStream), 0);
  if (std::fwrite(all.data(), 1, all.size(), countersStream) != all.size() ||
      std::fflush(countersStream) != 0)
    std::fprintf(stderr, "vcuda: VCUDA_COUNTERS: %s\n", std::strerror(errno));
}

std::string Outputs::summary() {
  std::lock_guard lock(mutex);
  if (findings.empty()) return {};
  constexpr size_t shown = 20;
  std::string out =
      "vcuda: " + std::to_string(findings.size()) + (findings.size() == 1 ? " finding\n" : " findings\n");
  for (size_t i = 0; i < findings.size() && i < shown; ++i) {
    const Finding &f = findings[i];
    out += "  " + f.check + " in " + f.kernel + ", PTX line " + std::to_string(f.ptxLine);
    out += placeText(f.sourceFile, f.sourceLine, f.inlinedAt);
    out += ", CTA (" + std::to_string(f.cta.x) + "," + std::to_string(f.cta.y) + "," +
           std::to_string(f.cta.z) + "), thread (" + std::to_string(f.thread.x) + "," +
           std::to_string(f.thread.y) + "," + std::to_string(f.thread.z) + "): " + f.message;
    if (f.count > 1) out += " [" + std::to_string(f.count) + " times]";
    out += "\n";
    if (!f.otherPtxLine) continue;
    out += "    with PTX line " + std::to_string(f.otherPtxLine);
    out += placeText(f.otherSourceFile, f.otherSourceLine, f.otherInlinedAt);
    out += ": " + f.other + "\n";
  }
  if (findings.size() > shown) out += "  ... " + std::to_string(findings.size() - shown) + " more\n";
  if (notShown) out += "  " + std::to_string(notShown) + " more were counted only\n";
  return out;
}

} // namespace dlc::vcuda
