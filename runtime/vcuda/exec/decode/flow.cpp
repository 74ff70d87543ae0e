// Where diverged lanes meet again.
//
//     A: @p bra C          the lanes of A's branch meet at D: D is the nearest block that every path from A
//     passes B: ...  bra D        (its immediate post-dominator) C: ... D: ...
//
// Paths that end the thread must not spoil this: with `if (a) { if (b) exit; x } else { y }  z` the survivors
// shall meet at z. So only paths to one ending count, the one that most blocks can reach; blocks that cannot
// reach it are left out.
#include "runtime/vcuda/exec/decode/decoder.h"

#include <algorithm>

using namespace dlc::vcuda;
using namespace dlc::vcuda::exec;

Decoder::Flow Decoder::buildFlow() const {
  Flow flow;
  uint32_t end = uint32_t(code.instructions.size());
  for (uint32_t i = firstInstruction; i < end; ++i) {
    if (code.instructions[i].kind == Kind::Block) flow.firsts.push_back(i);
  }
  auto blockAt = [&](uint32_t inst) {
    return uint32_t(std::upper_bound(flow.firsts.begin(), flow.firsts.end(), inst) - flow.firsts.begin() - 1);
  };
  flow.successors.resize(flow.firsts.size());
  for (uint32_t b = 0; b < flow.firsts.size(); ++b) {
    uint32_t stop = b + 1 < flow.firsts.size() ? flow.firsts[b + 1] : end;
    const Inst &last = code.instructions[stop - 1];
    auto &successors = flow.successors[b];
    bool guarded = last.guard != NoOperand;
    bool leaves = last.kind == Kind::Exit || last.kind == Kind::Ret || last.kind == Kind::Trap;
    if (last.kind == Kind::Bra) successors.push_back(blockAt(uint32_t(last.imm)));
    if (last.kind == Kind::Brx) {
      for (uint32_t target : code.branchTables[size_t(last.imm)]) successors.push_back(blockAt(target));
    }
    bool falls = guarded || !(leaves || last.kind == Kind::Bra || last.kind == Kind::Brx);
    if (falls) successors.push_back(b + 1); // the last block leaves
  }
  return flow;
}

namespace {

using Graph = std::vector<std::vector<uint32_t>>;
constexpr uint32_t none = 0xffffffff;

std::vector<bool> reaching(const Graph &predecessors, uint32_t target) {
  std::vector<bool> seen(predecessors.size(), false);
  std::vector<uint32_t> work = {target};
  seen[target] = true;
  while (!work.empty()) {
    uint32_t b = work.back();
    work.pop_back();
    for (uint32_t p : predecessors[b]) {
      if (!seen[p]) {
        seen[p] = true;
        work.push_back(p);
      }
    }
  }
  return seen;
}

/// Blocks that can reach `root` in an order where successors mostly come first (reverse postorder of the
/// reversed graph).
std::vector<uint32_t> orderFrom(const Graph &predecessors, uint32_t root) {
  std::vector<uint32_t> order;
  std::vector<uint8_t> state(predecessors.size(), 0);
  std::vector<std::pair<uint32_t, size_t>> stack = {{root, 0}};
  state[root] = 1;
  while (!stack.empty()) {
    auto &[block, child] = stack.back();
    if (child < predecessors[block].size()) {
      uint32_t p = predecessors[block][child++];
      if (!state[p]) {
        state[p] = 1;
        stack.push_back({p, 0});
      }
    } else {
      order.push_back(block);
      stack.pop_back();
    }
  }
  std::reverse(order.begin(), order.end());
  return order;
}

/// Immediate post-dominators with respect to paths to `root` (Cooper, Harvey, Kennedy on the reversed graph).
std::vector<uint32_t> postDominators(const Graph &successors, const Graph &predecessors, uint32_t root) {
  std::vector<uint32_t> order = orderFrom(predecessors, root);
  std::vector<uint32_t> rank(successors.size(), none), idom(successors.size(), none);
  for (uint32_t i = 0; i < order.size(); ++i) rank[order[i]] = i;
  idom[root] = root;
  auto meet = [&](uint32_t a, uint32_t b) {
    while (a != b) {
      while (rank[a] > rank[b]) a = idom[a];
      while (rank[b] > rank[a]) b = idom[b];
    }
    return a;
  };
  for (bool changed = true; changed;) {
    changed = false;
    for (uint32_t block : order) {
      if (block == root) continue;
      uint32_t best = none;
      for (uint32_t s : successors[block]) {
        if (rank[s] == none || idom[s] == none) continue;
        best = best == none ? s : meet(best, s);
      }
      if (best != idom[block]) {
        idom[block] = best;
        changed = true;
      }
    }
  }
  return idom;
}

} // namespace

void Decoder::setJoins(const Flow &flow) {
  Graph predecessors(flow.firsts.size());
  for (uint32_t b = 0; b < flow.firsts.size(); ++b) {
    for (uint32_t s : flow.successors[b]) predecessors[s].push_back(b);
  }
  // The ending that most blocks reach; of equals the last.
  uint32_t root = uint32_t(flow.firsts.size() - 1);
  size_t most = 0;
  for (uint32_t b = 0; b < flow.firsts.size(); ++b) {
    if (!flow.successors[b].empty()) continue;
    std::vector<bool> seen = reaching(predecessors, b);
    size_t count = size_t(std::count(seen.begin(), seen.end(), true));
    if (count >= most) {
      most = count;
      root = b;
    }
  }
  std::vector<uint32_t> idom = postDominators(flow.successors, predecessors, root);
  for (uint32_t b = 0; b < flow.firsts.size(); ++b) {
    uint32_t stop = b + 1 < flow.firsts.size() ? flow.firsts[b + 1] : uint32_t(code.instructions.size());
    Inst &last = code.instructions[stop - 1];
    if (last.kind != Kind::Bra && last.kind != Kind::Brx) continue;
    last.aux = idom[b] != none ? flow.firsts[idom[b]] : NoOperand;
  }
}
