// Spectra of sound: windows, Fourier transforms, mel filters.
//
// A transform is a contraction with a matrix of cosines and sines, which is a weight where its size is known.
// Frames are short, and tensor cores do this faster than a kernel of butterflies would be started:
//   DFT    [..., N, C] x [N, C, bins, 2] -> [..., bins, 2]     C: 1 of a real signal, 2 of a complex one
//   STFT   a convolution of [batch, C, samples] by [2 * bins, C, N] with the frames' step as its stride
#include "compiler/import/host.h"
#include "compiler/import/table.h"

#include <cmath>

namespace dlc::import {
namespace {

using namespace mlir;

constexpr double pi = 3.14159265358979323846;
constexpr int64_t largestMatrix =
    1 << 23; ///< elements made while importing; larger ones are computed at run time

int64_t oneNumber(Node &n, size_t i, const char *what) {
  std::vector<int64_t> given = n.intsInput(i, what);
  if (given.size() != 1) n.fail(Code::E0305, std::string(what) + " must be one number");
  return given[0];
}

/// A number that sizes things: at least `least`.
int64_t numberInput(Node &n, size_t i, const char *what, int64_t least) {
  int64_t given = oneNumber(n, i, what);
  if (given < least || given > (1 << 24))
    n.fail(Code::E0304, std::string(what) + " is " + std::to_string(given) + ", which is out of range");
  return given;
}

Value numbers(Node &n, DataType type, const Dims &dims, std::vector<double> list) {
  Host host;
  for (double &each : list) host.floats.push_back(roundTo(type, each));
  return n.value(Tensor(type, dims, std::move(host)));
}

DataType floatOutput(Node &n) {
  int64_t wanted = n.intAttr("output_datatype", 1);
  auto type = wanted > 0 && wanted < dataTypeCount ? supportedType(int(wanted)) : std::nullopt;
  if (!type || !isFloat(*type)) n.fail(Code::E0303, "results of another type than a float are not supported");
  return *type;
}

// a0 - a1 * cos(2 pi i / N) + a2 * cos(4 pi i / N)
void window(Node &n, double a0, double a1, double a2) {
  int64_t size = numberInput(n, 0, "the size", 1);
  double period = double(n.intAttr("periodic", 1) ? size : size - 1);
  DataType type = floatOutput(n);
  std::vector<double> list;
  for (int64_t i = 0; i < size; ++i)
    list.push_back(a0 - a1 * std::cos(2 * pi * double(i) / period) +
                   a2 * std::cos(4 * pi * double(i) / period));
  n.result(numbers(n, type, {Dim(size)}, list), type);
}
void hann(Node &n) { window(n, 0.5, 0.5, 0); }
void hamming(Node &n) { window(n, 25.0 / 46, 21.0 / 46, 0); }
void blackman(Node &n) { window(n, 0.42, 0.5, 0.08); }

// Triangles over the bins of a spectrum, their corners equally far apart on the mel scale.
void melWeightMatrix(Node &n) {
  int64_t count = numberInput(n, 0, "the number of mel bins", 1),
          length = numberInput(n, 1, "the DFT's length", 1), rate = numberInput(n, 2, "the sample rate", 1),
          bins = length / 2 + 1;
  auto toMel = [](double hertz) { return 2595 * std::log10(1 + hertz / 700); };
  double low = toMel(n.floatInput(3, "the lower edge")), high = toMel(n.floatInput(4, "the upper edge"));
  DataType type = floatOutput(n);
  if (bins * count > largestMatrix) n.fail(Code::E0307, "mel filters of this size are not supported");
  std::vector<int64_t> corners;
  for (int64_t i = 0; i < count + 2; ++i) {
    double hertz = 700 * (std::pow(10, (low + double(i) * (high - low) / double(count + 2)) / 2595) - 1);
    double corner = std::floor(double(length + 1) * hertz / double(rate));
    if (!(corner >= 0 && corner < double(bins))) n.fail(Code::E0304, "the edges lie outside of the spectrum");
    corners.push_back(int64_t(corner));
  }
  std::vector<double> list(bins * count, 0);
  for (int64_t i = 0; i < count; ++i) {
    int64_t begin = corners[i], top = corners[i + 1], end = corners[i + 2];
    list[top * count + i] = 1;
    for (int64_t j = begin; j < top; ++j) list[j * count + i] = double(j - begin) / double(top - begin);
    for (int64_t j = top; j < end; ++j) list[j * count + i] = double(end - j) / double(end - top);
  }
  n.result(numbers(n, type, {Dim(bins), Dim(count)}, list), type);
}

/// What a transform does to a signal of `length`: from `from` parts (1 real, 2 complex) of each of `inputs`
/// elements to `to` parts of each of `outputs`.
struct Transform {
  Dim length, inputs, outputs;
  int64_t from, to;
  bool inverse;
  bool halved; ///< the inputs are one half of a symmetric spectrum: all but the first and the middle count
               ///< twice
};

/// cos and sin of 2 pi turn, as weighted in the matrix: out = sum of (re, im) * (c, s) rotated by `part` and
/// `into`.
double entry(double cosine, double sine, int64_t part, int64_t into, bool inverse) {
  double rising = inverse ? sine : -sine; // the imaginary part of exp(-+ i angle)
  return part == into ? cosine : part == 0 ? rising : -rising;
}

/// [inputs, from, outputs, to] when all sizes are constants.
Value knownMatrix(Node &n, const Transform &t, DataType type, int64_t length, int64_t inputs,
                  int64_t outputs) {
  std::vector<double> list;
  list.reserve(inputs * t.from * outputs * t.to);
  for (int64_t i = 0; i < inputs; ++i) {
    double scale = t.inverse ? 1 / double(length) : 1;
    if (t.halved && i != 0 && 2 * i != length) scale *= 2;
    for (int64_t part = 0; part < t.from; ++part)
      for (int64_t k = 0; k < outputs; ++k) {
        double angle = 2 * pi * double(i * k % length) / double(length);
        for (int64_t into = 0; into < t.to; ++into)
          list.push_back(scale * entry(std::cos(angle), std::sin(angle), part, into, t.inverse));
      }
  }
  return numbers(n, type, {t.inputs, Dim(t.from), t.outputs, Dim(t.to)}, std::move(list));
}

/// The same from symbolic dims. Turns are counted in integers until an angle of at most a quarter is left,
/// since the rounding of an angle grows with it.
Value computedMatrix(Node &n, const Transform &t, Type type) {
  Emit &e = n.e;
  Dims plane = {t.inputs, t.outputs};
  Type wide = type.isF64() ? type : e.f32();
  DataType real = type.isF64() ? DataType::F64 : DataType::F32;
  Value i = e.iota(plane, e.i64(), 0), k = e.iota(plane, e.i64(), 1), whole = e.dimValue(t.length, e.i64());
  Value length = e.dimValue(t.length, wide);
  auto sineOf = [&](Value quarters) { // of quarters / length quarter turns
    return e.unary<math::SinOp>(e.mul(e.div(e.cast(quarters, DataType::I64, real), length), pi / 2));
  };
  Value steps = e.rem(e.mul(i, k), whole); // of a whole turn
  steps = e.select(e.compare(Compare::Gt, e.mul(steps, 2), whole), e.sub(steps, whole), steps);
  Value far = e.mul(e.abs(steps), 4);
  Value near = e.min(far, e.sub(e.mul(whole, 2), far)); // sin(x) = sin(pi - x)
  Value cosine = sineOf(e.sub(whole, far));
  Value sine = sineOf(e.select(e.compare(Compare::Lt, steps, e.like(steps, 0)), e.neg(near), near));
  if (t.inverse) cosine = e.div(cosine, length), sine = e.div(sine, length);
  if (t.halved) {
    Value twice = e.mul(i, 2);
    Value once = e.bitOr(e.compare(Compare::Eq, i, e.like(i, 0)), e.compare(Compare::Eq, twice, whole));
    cosine = e.select(once, cosine, e.mul(cosine, 2));
    sine = e.select(once, sine, e.mul(sine, 2));
  }
  llvm::SmallVector<Value> parts;
  for (int64_t part = 0; part < t.from; ++part) {
    llvm::SmallVector<Value> row;
    for (int64_t into = 0; into < t.to; ++into) {
      bool rises = t.inverse == (part == 0);
      row.push_back(e.unsqueeze(part == into ? cosine : rises ? sine : e.neg(sine), {1, 3}));
    }
    parts.push_back(e.concat(row, 3));
  }
  return e.toFloat(e.concat(parts, 1), type);
}

Value matrix(Node &n, const Transform &t) {
  auto length = t.length.constantValue(), inputs = t.inputs.constantValue(),
       outputs = t.outputs.constantValue();
  if (length && inputs && outputs && *inputs <= largestMatrix && *outputs <= largestMatrix &&
      *inputs * *outputs <= largestMatrix / (t.from * t.to))
    return knownMatrix(n, t, n.type(0), *length, *inputs, *outputs);
  return computedMatrix(n, t, n.elementType(n.type(0)));
}

/// Cut or filled with zeros to `size` along one axis.
Value resized(Node &n, Value x, int64_t axis, const Dim &size) {
  Dim have = n.e.dims(x)[axis];
  if (have == size) return x;
  if (n.e.symbols.isAtMost(size, have)) return n.e.sliceAxis(x, axis, Dim(0), size);
  llvm::SmallVector<Dim> low(n.e.dims(x).size(), Dim(0)), high = low;
  high[axis] = max(size - have, Dim(0));
  x = graph::pad(n.e.b, n.e.loc, x, n.e.scalar(n.e.type(x), 0), low, high);
  return n.e.sliceAxis(x, axis, Dim(0), size);
}

void dft(Node &n) {
  int64_t rank = n.rank(0);
  if (rank < 2) n.fail(Code::E0305, "the input must have two dims or more");
  int64_t axis = n.opset < 20 ? n.intAttr("axis", 1) : n.has(2) ? oneNumber(n, 2, "the axis") : -2;
  axis = n.axis(axis, rank);
  Dims dims = n.dims(0);
  if (axis == rank - 1) n.fail(Code::E0304, "the last dim holds real and imaginary parts");
  bool inverse = n.intAttr("inverse", 0), onesided = n.intAttr("onesided", 0);
  auto parts = dims[rank - 1].constantValue();
  if (!parts || *parts < 1 || *parts > 2) n.fail(Code::E0305, "the last dim must be 1 or 2");
  bool toReal = inverse && onesided; // from half a spectrum
  if (toReal && *parts != 2) n.fail(Code::E0305, "half a spectrum must be complex");
  Dim length = toReal ? (dims[axis] - 1) * 2 : dims[axis];
  if (n.has(1)) {
    std::vector<Dim> given = n.dimsInput(1, "the DFT's length");
    if (given.size() != 1) n.fail(Code::E0305, "the DFT's length must be one number");
    length = given[0];
  }
  if (!n.e.symbols.isAtLeast(length, 1)) n.fail(Code::E0304, "the DFT's length must be above 0");
  Dim half = floorDiv(length, Dim(2)) + 1;
  Transform t{length, toReal ? half : length, onesided && !inverse ? half : length,
              *parts, toReal ? 1 : 2,         inverse,
              toReal};
  Value x = resized(n, n.value(0), axis, t.inputs);
  Value y = graph::dot(n.e.b, n.e.loc, x, matrix(n, t), {}, {}, {axis, rank - 1}, {0, 1}, n.e.type(x));
  llvm::SmallVector<int64_t> perm; // the bins come second to last
  for (int64_t i = 0; i < rank - 2; ++i) perm.push_back(i);
  perm.insert(perm.begin() + axis, rank - 2);
  perm.push_back(rank - 1);
  n.result(n.e.transpose(y, perm), n.type(0));
}

void stft(Node &n) {
  Dims dims = n.dims(0);
  if (dims.size() == 2) dims.push_back(Dim(1));
  auto parts = dims.size() == 3 ? dims[2].constantValue() : std::nullopt;
  if (!parts || *parts < 1 || *parts > 2)
    n.fail(Code::E0305, "the signal must have dims [batch, samples, 1 or 2]");
  if (n.has(2) && (n.rank(2) != 1 || n.type(2) != n.type(0)))
    n.fail(Code::E0305, "the window must be a vector of the signal's type");
  int64_t step = numberInput(n, 1, "the frames' step", 1);
  std::optional<int64_t> length = n.has(2) ? n.dims(2)[0].constantValue() : dims[1].constantValue();
  if (n.has(3)) length = numberInput(n, 3, "the frames' length", 1);
  if (!length) n.fail(Code::E0306, "the frames' length must be known at compile time");
  if (*length < 1) n.fail(Code::E0304, "the frames' length must be above 0");
  // Of a complex signal no half follows from the other.
  int64_t bins = n.intAttr("onesided", 1) && *parts == 1 ? *length / 2 + 1 : *length;
  if (*length * bins > largestMatrix / 4) n.fail(Code::E0307, "frames of this length are not supported");
  Transform t{Dim(*length), Dim(*length), Dim(bins), *parts, 2, false, false};
  Value filter = n.e.transpose(matrix(n, t), {3, 2, 1, 0});
  filter = n.e.reshape(filter, {Dim(2 * bins), Dim(*parts), Dim(*length)});
  if (n.has(2)) {
    n.e.symbols.unify(n.dims(2)[0], Dim(*length), "the window differs from the frames' length");
    filter = n.e.mul(filter, n.e.rename(n.value(2), {Dim(*length)}));
  }
  n.e.symbols.requireNonNegative(dims[1] - *length, "the signal is shorter than a frame");
  Value x = n.e.transpose(n.e.reshape(n.value(0), dims), {0, 2, 1});
  Value y = graph::conv(n.e.b, n.e.loc, x, filter, {step}, {1}, {Dim(0)}, {Dim(0)}, 1, n.e.type(x));
  Dims out = n.e.dims(y);
  y = n.e.reshape(y, {out[0], Dim(2), Dim(bins), out[2]});
  n.result(n.e.transpose(y, {0, 3, 2, 1}), n.type(0));
}

constexpr TypeSet sizes = typeBit(DataType::I32) | typeBit(DataType::I64);
const OpRow rows[] = {
    {"", "HannWindow", 17, newestOpset, 1, 1, sizes, hann},
    {"", "HammingWindow", 17, newestOpset, 1, 1, sizes, hamming},
    {"", "BlackmanWindow", 17, newestOpset, 1, 1, sizes, blackman},
    {"", "MelWeightMatrix", 17, newestOpset, 5, 5, sizes, melWeightMatrix},
    {"", "DFT", 17, newestOpset, 1, 3, floatTypes, dft},
    {"", "STFT", 17, newestOpset, 2, 4, floatTypes, stft},
};

} // namespace

llvm::ArrayRef<OpRow> spectralOps() { return rows; }

} // namespace dlc::import
