// Contractions: dims become offset tables, gemm.h does the work.
#include "ir/interp/combiners.h"
#include "ir/interp/gemm.h"
#include "ir/interp/ops.h"

namespace dlc::interp {
namespace {

struct Accumulation {
  Accumulator accumulator;
  GemmElement element;
  DType sum;     ///< type of the sums
  DType operand; ///< what operands are converted to first
};

Accumulation accumulationOf(DType lhs, DType rhs, bool tf32) {
  if (isFloat(lhs)) {
    if (lhs == DType::F64 || rhs == DType::F64)
      return {Accumulator::F64, GemmElement::F64, DType::F64, DType::F64};
    return {Accumulator::F32, tf32 ? GemmElement::TF32 : GemmElement::F32, DType::F32, DType::F32};
  }
  DType wide = std::max({lhs, rhs, DType::I8});
  GemmElement element = wide == DType::I8    ? GemmElement::I8
                        : wide == DType::I16 ? GemmElement::I16
                        : wide == DType::I32 ? GemmElement::I32
                                             : GemmElement::I64;
  if (wide == DType::I64) return {Accumulator::I64, element, DType::I64, wide};
  return {Accumulator::I32, element, DType::I32, wide};
}

/// The same elements in the type that products want; strides are kept when nothing changes.
Tensor prepared(const Tensor &operand, DType type) {
  return operand.dtype() == type ? operand : operand.converted(type);
}

struct DimList {
  Dims dims, strides;
  void add(const Tensor &tensor, int64_t dim) {
    dims.push_back(tensor.dims()[dim]);
    strides.push_back(tensor.strides()[dim]);
  }
  std::vector<int64_t> offsets() const { return offsetsOf(dims, strides); }
};
struct DotOperand {
  DimList batch, free, contract;
  DotOperand(const Tensor &operand, DimsRef batchDims, DimsRef contractDims) {
    for (int64_t dim : batchDims) batch.add(operand, dim);
    for (int64_t dim : contractDims) contract.add(operand, dim);
    for (int64_t dim = 0; dim < operand.rank(); ++dim)
      if (!llvm::is_contained(batchDims, dim) && !llvm::is_contained(contractDims, dim))
        free.add(operand, dim);
  }
};

} // namespace

Tensor dot(const Tensor &lhsIn, const Tensor &rhsIn, const DotShape &shape, bool tf32) {
  Accumulation how = accumulationOf(lhsIn.dtype(), rhsIn.dtype(), tf32);
  Tensor lhs = prepared(lhsIn, how.operand), rhs = prepared(rhsIn, how.operand);
  DotOperand left(lhs, shape.lhsBatch, shape.lhsContract), right(rhs, shape.rhsBatch, shape.rhsContract);
  if (left.batch.dims != right.batch.dims || left.contract.dims != right.contract.dims)
    throw Failure("a dot of " + str(lhs.dims()) + " and " + str(rhs.dims()) + ": shared dims differ");
  Dims dims = left.batch.dims;
  dims.append(left.free.dims);
  dims.append(right.free.dims);
  Tensor result(how.sum, dims);
  if (result.count() == 0) return result;

  std::vector<int64_t> rows = left.free.offsets(), columns = right.free.offsets();
  std::vector<int64_t> leftDepth = left.contract.offsets(), rightDepth = right.contract.offsets();
  std::vector<int64_t> leftBatch = left.batch.offsets(), rightBatch = right.batch.offsets();
  int64_t m = rows.size(), n = columns.size();
  std::vector<GemmBatch> batches;
  for (size_t i = 0; i < leftBatch.size(); ++i)
    batches.push_back({leftBatch[i], rightBatch[i], static_cast<int64_t>(i) * m * n});
  gemm(how.accumulator, how.element, {lhs.bytes(), rows, leftDepth}, {rhs.bytes(), columns, rightDepth},
       {result.bytes(), n, 1}, batches);
  return result;
}

Tensor conv(const Tensor &inputIn, const Tensor &filterIn, const ConvShape &shape, bool tf32) {
  Accumulation how = accumulationOf(inputIn.dtype(), filterIn.dtype(), tf32);
  int64_t spatial = inputIn.rank() - 2, groups = shape.groups;
  Dims low{0, 0}, high{0, 0};
  low.append(shape.low.begin(), shape.low.end());
  high.append(shape.high.begin(), shape.high.end());
  Tensor input = pad(prepared(inputIn, how.operand), Tensor::scalar(how.operand, 0), low, high);
  Tensor filter = prepared(filterIn, how.operand).contiguous();
  int64_t images = input.dims()[0], channels = input.dims()[1], outputs = filter.dims()[0];
  if (groups <= 0 || channels % groups || outputs % groups || filter.dims()[1] != channels / groups)
    throw Failure("a convolution of " + str(input.dims()) + " with " + str(filter.dims()) + " in " +
                  std::to_string(groups) + " groups");

  Dims dims{images, outputs};
  DimList positions, window;
  window.add(input, 1);
  window.dims[0] = channels / groups;
  for (int64_t d = 0; d < spatial; ++d) {
    int64_t span = input.dims()[d + 2] - shape.dilations[d] * (filter.dims()[d + 2] - 1) - 1;
    dims.push_back(span < 0 ? 0 : span / shape.strides[d] + 1);
    positions.dims.push_back(dims.back());
    positions.strides.push_back(shape.strides[d] * input.strides()[d + 2]);
    window.dims.push_back(filter.dims()[d + 2]);
    window.strides.push_back(shape.dilations[d] * input.strides()[d + 2]);
  }
  Tensor result(how.sum, dims);
  if (result.count() == 0) return result;

  int64_t perGroup = outputs / groups, depth = countOf(window.dims), count = countOf(positions.dims);
  std::vector<int64_t> rows = offsetsOf({perGroup}, {depth}), filterDepth = offsetsOf({depth}, {1});
  std::vector<int64_t> columns = positions.offsets(), inputDepth = window.offsets();
  std::vector<GemmBatch> batches;
  for (int64_t image = 0; image < images; ++image)
    for (int64_t g = 0; g < groups; ++g)
      batches.push_back({g * perGroup * depth,
                         image * input.strides()[0] + g * (channels / groups) * input.strides()[1],
                         (image * outputs + g * perGroup) * count});
  gemm(how.accumulator, how.element, {filter.bytes(), rows, filterDepth},
       {input.bytes(), columns, inputDepth}, {result.bytes(), count, 1}, batches);
  return result;
}

} // namespace dlc::interp
