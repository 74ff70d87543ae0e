#include "compiler/import/window.h"

namespace dlc::import {
namespace {

llvm::SmallVector<int64_t> list(Node &n, const char *name, size_t rank, int64_t fallback, int64_t least) {
  auto given = n.intsAttr(name);
  llvm::SmallVector<int64_t> result(rank, fallback);
  if (!given) return result;
  if (given->size() != rank)
    n.fail(Code::E0304, std::string("`") + name + "` must have " + std::to_string(rank) + " entries");
  for (size_t i = 0; i < rank; ++i) {
    if ((*given)[i] < least || (*given)[i] > (int64_t(1) << 31))
      n.fail(Code::E0304, std::string("`") + name + "` is out of range: " + std::to_string((*given)[i]));
    result[i] = (*given)[i];
  }
  return result;
}

// SAME: out = ceil(in / stride); the padding that needs is split, the odd one to the end (UPPER) or begin
// (LOWER).
void padSame(WindowGeometry &g, llvm::ArrayRef<Dim> in, bool upper, Symbols &symbols) {
  for (size_t i = 0; i < in.size(); ++i) {
    Dim reach((g.kernel[i] - 1) * g.dilations[i] + 1);
    Dim total =
        symbols.simplify(max((ceilDiv(in[i], g.strides[i]) - 1) * g.strides[i] + reach - in[i], Dim(0)));
    Dim half = symbols.simplify(floorDiv(total, Dim(2)));
    g.low[i] = upper ? half : symbols.simplify(total - half);
    g.high[i] = upper ? symbols.simplify(total - half) : half;
  }
}

} // namespace

WindowGeometry windowGeometry(Node &n, llvm::ArrayRef<Dim> in,
                              std::optional<llvm::SmallVector<int64_t>> kernel, bool hasCeilMode) {
  size_t rank = in.size();
  WindowGeometry g;
  if (kernel) {
    g.kernel = *kernel;
    if (auto given = n.intsAttr("kernel_shape");
        given && llvm::ArrayRef<int64_t>(*given) != llvm::ArrayRef<int64_t>(*kernel))
      n.fail(Code::E0305, "`kernel_shape` differs from the filter's dims");
  } else {
    if (!n.hasAttr("kernel_shape")) n.fail(Code::E0304, "attribute `kernel_shape` is missing");
    g.kernel = list(n, "kernel_shape", rank, 1, 1);
  }
  g.strides = list(n, "strides", rank, 1, 1);
  g.dilations = list(n, "dilations", rank, 1, 1);
  auto pads = list(n, "pads", 2 * rank, 0, 0);
  for (size_t i = 0; i < rank; ++i) {
    g.low.push_back(pads[i]);
    g.high.push_back(pads[rank + i]);
  }
  std::string automatic = n.stringAttr("auto_pad", "NOTSET");
  bool ceil = hasCeilMode && n.intAttr("ceil_mode", 0) != 0;
  if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER")
    padSame(g, in, automatic == "SAME_UPPER", n.e.symbols);
  else if (automatic == "VALID")
    g.low.assign(rank, Dim(0)), g.high.assign(rank, Dim(0));
  else if (automatic != "NOTSET" && !automatic.empty())
    n.fail(Code::E0304, "unknown `auto_pad` " + automatic);
  g.extra.assign(rank, Dim(0));
  for (size_t i = 0; i < rank; ++i) {
    Dim reach((g.kernel[i] - 1) * g.dilations[i] + 1), padded = in[i] + g.low[i] + g.high[i];
    if (n.e.symbols.isLess(padded, reach) == std::optional<bool>(true))
      n.fail(Code::E0305,
             "the window of " + reach.str() + " is larger than the padded dim of " + padded.str());
    if (!ceil || automatic.rfind("SAME", 0) == 0) continue;
    // Windows that start inside the operand or its low padding; the last one may reach past the high padding.
    Dim count = min(ceilDiv(padded - reach, g.strides[i]) + 1, ceilDiv(in[i] + g.low[i], g.strides[i]));
    g.extra[i] = n.e.symbols.simplify(max((count - 1) * g.strides[i] + reach - padded, Dim(0)));
  }
  return g;
}

} // namespace dlc::import
