// The family of windows: pooling, and convolutions whose groups are too small for tensor cores (depthwise).
//
// A thread computes a few neighbouring outputs: `width` along the innermost dim of memory (the channels, when
// they lie last: 16 bytes) and `run` along a dim that the window slides over. It walks the window once for
// all of its outputs: an element that several of them read is loaded once, and so is one of the filter.
//
//   depthwise 3x3, channels last, run 2, stride 1:
//     for each row of the window
//       for j in 0 .. 3: x = input[n, h + row, 2 * w + j, 8 channels]
//         output 0 += x * filter[row, j]      (j < 3)
//         output 1 += x * filter[row, j - 1]  (j > 0)
//
// Threads are numbered along memory: rows of the tile are all dims of the result in storage order, the
// innermost in steps of `width`, the sliding one in steps of `run`. What precedes the window is computed as
// it is loaded; what follows is computed on the accumulators.
#include "passes/schedule/families.h"

using namespace mlir;

namespace dlc::schedule {

namespace {

/// A window along one dim of its operand: output o reads o * stride + tap * dilation - low for taps below
/// size.
struct Slide {
  int64_t size = 1, stride = 1, dilation = 1;
  Dim low = Dim(0);
};

/// The op at the heart of a region, and how its result lies in memory.
struct Direct {
  Operation *hero;
  Value operand, result;
  SmallVector<Dim> dims;     // of the result
  SmallVector<Slide> slides; // per dim of the operand
  SmallVector<size_t> order; // dims of the result as they lie in memory, innermost last
  int64_t width = 1;
  std::optional<size_t> sliding; // the dim along which a thread has `run` outputs
  int64_t run = 1;

  graph::ConvOp conv() const { return dyn_cast<graph::ConvOp>(hero); }
};

// The dims of a value in the order of memory, from where its elements go in the region's first result.
SmallVector<size_t> storageOrder(Value result, Value stored) {
  SmallVector<Dim> dims = graph::dimsOf(result), at;
  for (size_t d = 0; d < dims.size(); ++d)
    at.push_back(dims[d].isConstant(1) ? Dim(0) : Dim::symbol("c" + std::to_string(d)));
  SmallVector<size_t> order;
  for (size_t d = 0; d < dims.size(); ++d)
    if (at[d].isConstant()) order.push_back(d);
  auto place = forwardCoords(stored, result, at);
  for (const Dim &coord : *place)
    for (size_t d = 0; d < dims.size(); ++d)
      if (!at[d].isConstant() && coord.uses("c" + std::to_string(d)) && !llvm::is_contained(order, d))
        order.push_back(d);
  return order;
}

void readSlides(Direct &match) {
  match.slides.resize(match.dims.size());
  if (auto window = dyn_cast<graph::WindowOp>(match.hero)) {
    for (size_t d = 0; d < match.dims.size(); ++d)
      match.slides[d] = {window.getWindow()[d], window.getStrides()[d], window.getDilations()[d],
                         window.getLow().getDims()[d]};
    return;
  }
  auto conv = match.conv();
  SmallVector<Dim> filter = graph::dimsOf(conv.getFilter());
  for (size_t d = 2; d < match.dims.size(); ++d)
    match.slides[d] = {*filter[d].constantValue(), conv.getStrides()[d - 2], conv.getDilations()[d - 2],
                       conv.getLow().getDims()[d - 2]};
}

/// Threads at small sizes: one image, other symbols at a middling value.
int64_t fewestElements(const Direct &match, const DimFacts &facts) {
  int64_t count = 1;
  for (auto [d, dim] : llvm::enumerate(match.dims)) {
    DimRange range = facts.bounds(dim);
    count *=
        std::clamp<int64_t>(d == 0 ? 1 : 64, std::max<int64_t>(range.lo, 1), std::max<int64_t>(range.hi, 1));
  }
  return count;
}

void chooseShape(Direct &match, const CanonicalRegion &region, const TargetRecord &target, Value stored) {
  constexpr int64_t longestRun = 4, mostAccumulators = 32, longestSlide = 16;
  size_t inner = match.order.back();
  int64_t bytes = std::max<int64_t>(1, graph::elementTypeOf(stored).getIntOrFloatBitWidth() / 8);
  // Neighbours along a dim that slides are not aligned, so a thread takes one.
  if (match.slides[inner].size == 1 && match.slides[inner].stride == 1)
    for (match.width = std::max<int64_t>(1, 16 / bytes);
         region.facts.divisor(match.dims[inner]) % match.width;)
      match.width /= 2;
  // Outputs that differ along it share elements of the operand; where channels are summed, those of the
  // filter.
  bool sumsChannels = match.conv() && !graph::dimsOf(match.conv().getFilter())[1].isConstant(1);
  for (size_t d = 0; d < match.dims.size(); ++d)
    if (d != inner && match.slides[d].size <= longestSlide &&
        (match.slides[d].size > 1 || (sumsChannels && d >= 2)))
      match.sliding = d;
  if (!match.sliding) return;
  // As long as every SM still has warps to choose from.
  int64_t threads = fewestElements(match, region.facts) / match.width,
          extent = region.facts.bounds(match.dims[*match.sliding]).hi;
  for (match.run = longestRun; match.run > 1; match.run /= 2)
    if (match.run * match.width <= mostAccumulators && match.run <= extent &&
        threads / match.run >= int64_t(target.sms) * 64)
      break;
}

std::optional<Direct> matchDirect(const CanonicalRegion &region, const TargetRecord &target,
                                  std::string &why) {
  auto refuse = [&](const char *reason) {
    why = reason;
    return std::nullopt;
  };
  Direct match{};
  bool fits = true;
  region.function().walk([&](Operation *op) {
    if (isa<graph::ReduceOp, graph::DotOp>(op)) fits = false;
    if (!isa<graph::WindowOp, graph::ConvOp>(op)) return;
    fits &= !match.hero;
    match.hero = op;
  });
  if (!fits || !match.hero) return refuse("not one window or convolution");
  match.operand = match.hero->getOperand(0), match.result = match.hero->getResult(0);
  match.dims = graph::dimsOf(match.result);
  if (auto conv = match.conv(); conv && !llvm::all_of(ArrayRef(graph::dimsOf(conv.getFilter())).drop_front(2),
                                                      [](const Dim &dim) { return dim.isConstant(); }))
    return refuse("the filter's extents are not constant");
  Operation *yield = region.function().getBody().front().getTerminator();
  for (Value value : yield->getOperands())
    if (!forwardCoords(value, match.result, match.dims)) return refuse("a result is not in the hero's order");
  readSlides(match);
  match.order = storageOrder(match.result, yield->getOperand(0));
  chooseShape(match, region, target, yield->getOperand(0));
  return match;
}

class DirectKernel {
public:
  DirectKernel(const CanonicalRegion &region, const Direct &match, ModuleOp module, const std::string &name,
               int64_t bits)
      : match(match), kernel(region, module, name, warps, bits), emitter(kernel.emitter), b(kernel.b),
        region(region) {}

  Launch build() {
    placeTile();
    if (match.conv()) declareGroup();
    SmallVector<Value> sums = walk(0, starts());
    for (int64_t q = 0; q < match.run; ++q) storeResults(q, sums[q]);
    kernel.finish();
    kernel.launch.grid = {ceilDiv(count, Dim(rows)), Dim(1), Dim(1)};
    return std::move(kernel.launch);
  }

  static constexpr int64_t warps = 4, rows = warps * 32;

private:
  void placeTile() {
    SmallVector<Dim> extents;
    for (size_t d : match.order) extents.push_back(ceilDiv(match.dims[d], Dim(step(d))));
    count = graph::elementCount(extents);
    Dim id = kernel.programId(0);
    emitter.facts.declareIndex(id.symbolName(), ceilDiv(count, Dim(rows)));
    emitter.facts.declareIndex("i0", Dim(rows));
    emitter.facts.declareIndex("i1", Dim(match.width));
    Dim row = id * rows + Dim::symbol("i0");
    space.layout = Layout::blocked({rows, match.width}, match.width, warps);
    addGuard(space, count - 1 - row);
    auto parts = delinearize(row, extents);
    first.resize(match.dims.size());
    for (auto [part, d] : llvm::zip(parts, match.order)) first[d] = part * step(d);
    first[match.order.back()] = first[match.order.back()] + Dim::symbol("i1");
  }

  int64_t step(size_t d) const {
    return d == match.order.back() ? match.width : match.sliding == d ? match.run : 1;
  }

  void addGuard(Space &to, const Dim &guard) {
    Dim simple = emitter.facts.simplify(guard);
    if (!emitter.facts.proveNonNegative(simple)) to.guards.push_back(simple);
  }

  // The channels of the operand that a thread's outputs sum over.
  void declareGroup() {
    SmallVector<Dim> filter = graph::dimsOf(match.conv().getFilter());
    Dim perGroup = *exactDivide(filter[0], Dim(match.conv().getGroups()));
    firstChannel = floorDiv(first[1], perGroup) * filter[1];
    channels = filter[1];
  }

  SmallVector<Value> starts() {
    TypedAttr start;
    if (auto window = dyn_cast<graph::WindowOp>(match.hero))
      start = cast<TypedAttr>(window.getInit());
    else
      start = graph::scalarAttr(accumulatorType(graph::elementTypeOf(match.operand)), 0);
    return SmallVector<Value>(match.run, emitter.splat(start, space));
  }

  /// The dims that are walked, outermost first: all that slide, the one with a run last; the channels of a
  /// group.
  SmallVector<size_t> walked() const {
    SmallVector<size_t> result;
    if (match.conv()) result.push_back(1);
    for (size_t d = 0; d < match.dims.size(); ++d)
      if (d != match.sliding && match.slides[d].size > 1) result.push_back(d);
    return result;
  }

  SmallVector<Value> walk(size_t level, SmallVector<Value> sums) {
    SmallVector<size_t> dims = walked();
    if (level == 0) at = operandOrigin(), taps.assign(match.dims.size(), Dim(0));
    if (level == dims.size()) return walkRun(sums);
    size_t d = dims[level];
    if (match.conv() && d == 1)
      return emitter.loop(channels, sums, [&](Dim channel, ValueRange values) {
        taps[1] = channel, at[1] = firstChannel + channel;
        return walk(level + 1, SmallVector<Value>(values));
      });
    const Slide &slide = match.slides[d];
    Dim origin = at[d];
    auto tap = [&](const Dim &which, ValueRange values) {
      taps[d] = which, at[d] = origin + which * slide.dilation;
      return walk(level + 1, SmallVector<Value>(values));
    };
    if (isUnrolled(level))
      for (int64_t k = 0; k < slide.size; ++k) sums = tap(Dim(k), sums);
    else
      sums = emitter.loop(Dim(slide.size), sums, tap);
    at[d] = origin;
    return sums;
  }

  // Loads in straight line stay below a limit: the code's, and that of registers for addresses.
  bool isUnrolled(size_t level) const {
    constexpr int64_t mostLoads = 48;
    SmallVector<size_t> dims = walked();
    int64_t loads = match.sliding ? match.slides[*match.sliding].size + match.run - 1 : 1;
    for (size_t l = level; l < dims.size(); ++l) loads *= match.slides[dims[l]].size;
    return loads <= mostLoads;
  }

  /// The operand's coordinates of the window's first element for a thread's first output.
  Emitter::Coords operandOrigin() const {
    Emitter::Coords origin;
    for (auto [coord, slide] : llvm::zip(first, match.slides))
      origin.push_back(coord * slide.stride - slide.low);
    return origin;
  }

  /// The taps along the sliding dim: each element once, for all outputs that read it.
  SmallVector<Value> walkRun(SmallVector<Value> sums) {
    if (!match.sliding) return accumulate(sums, {{0, 0}});
    const Slide &slide = match.slides[*match.sliding];
    std::map<int64_t, SmallVector<std::pair<int64_t, int64_t>>> readers; // offset -> (output, tap)
    for (int64_t q = 0; q < match.run; ++q)
      for (int64_t k = 0; k < slide.size; ++k)
        readers[q * slide.stride + k * slide.dilation].push_back({q, k});
    Dim origin = at[*match.sliding];
    for (auto &[offset, uses] : readers) {
      at[*match.sliding] = origin + offset;
      sums = accumulate(sums, uses);
    }
    at[*match.sliding] = origin;
    return sums;
  }

  SmallVector<Value> accumulate(SmallVector<Value> sums, ArrayRef<std::pair<int64_t, int64_t>> uses) {
    SmallVector<Dim> dims = graph::dimsOf(match.operand), guards;
    for (size_t d = 0; d < dims.size(); ++d) {
      // The last outputs of a run may lie past the end, whatever the window.
      bool isRun = match.sliding == d && match.run > 1;
      if (!isRun && match.slides[d].size == 1 && match.slides[d].low.isConstant(0) &&
          match.slides[d].stride == 1)
        continue;
      guards.push_back(at[d]);
      guards.push_back(dims[d] - 1 - at[d]);
    }
    if (auto window = dyn_cast<graph::WindowOp>(match.hero)) {
      Value element =
          emitter.emitGuarded(match.operand, at, space, guards, cast<TypedAttr>(window.getInit()));
      for (auto [q, k] : uses) sums[q] = emitter.combine(window.getCombiner(), {sums[q]}, {element})[0];
      return sums;
    }
    TypedAttr zero = graph::scalarAttr(graph::elementTypeOf(match.operand), 0);
    Value element = emitter.emitGuarded(match.operand, at, space, guards, zero);
    for (auto [q, k] : uses) {
      Emitter::Coords filter(taps);
      filter[0] = first[1];
      if (match.sliding) filter[*match.sliding] = Dim(k);
      sums[q] = emitter.multiplyAdd(element, emitter.emit(match.conv().getFilter(), filter, space), sums[q]);
    }
    return sums;
  }

  void storeResults(int64_t q, Value sum) {
    Emitter::Coords coords = first;
    Space here = space;
    if (match.sliding && match.run > 1) {
      coords[*match.sliding] = coords[*match.sliding] + q;
      addGuard(here, match.dims[*match.sliding] - 1 - coords[*match.sliding]);
    }
    for (Dim &coord : coords) coord = emitter.facts.simplify(coord);
    Value value = roundedTo(b, emitter.location, sum, graph::elementTypeOf(match.result));
    emitter.remember(match.result, coords, {space.layout, {}}, value);
    func::FuncOp function = region.function();
    unsigned results = function.getNumResults();
    for (unsigned r = 0; r < results; ++r) {
      auto place = *forwardCoords(kernel.yielded(r), match.result, coords);
      emitter.store(emitter.emit(kernel.yielded(r), place, here), kernel.resultMemory(r), place, here);
    }
  }

  const Direct &match;
  KernelBuilder kernel;
  Emitter &emitter;
  OpBuilder &b;
  const CanonicalRegion &region;
  Space space;
  Dim count, firstChannel, channels;
  Emitter::Coords first; // of a thread's first output
  Emitter::Coords at;    // of the element of the operand that is read
  SmallVector<Dim> taps; // that it is multiplied with
};

} // namespace

bool scheduleDirect(const CanonicalRegion &region, const TargetRecord &target, const std::string &name,
                    Scheduled &out) {
  std::string why;
  auto match = matchDirect(region, target, why);
  if (!match) return out.refuse("direct", why);
  auto when = fitsIn32Bits(region, 1 << 16);
  for (int64_t bits : {32, 64}) {
    if (bits == 64 && when.empty()) break;
    Variant variant;
    if (bits == 32) variant.when = when;
    variant.schedule = "direct width=" + std::to_string(match->width) + " run=" + std::to_string(match->run) +
                       " warps=" + std::to_string(DirectKernel::warps) + " index=i" + std::to_string(bits);
    std::string kernel = name + (bits == 64 ? "_i64" : "");
    variant.launches.push_back(DirectKernel(region, *match, *out.module, kernel, bits).build());
    out.variants.push_back(std::move(variant));
  }
  return out.take("direct");
}

} // namespace dlc::schedule
