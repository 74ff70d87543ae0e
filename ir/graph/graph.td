//===- graph.td - The graph dialect: logical tensors with symbolic dims ---===//
//
// Level one of the compiler: what a model computes, with no storage order and no schedule.
// Pointwise work is the upstream `arith` and `math` ops on tensors; this dialect adds movement,
// reductions, contractions and the fused `region`. README.md beside this folder gives the concepts.
//
// Meaning is total: no op, upstream ones included, is undefined for any tensor value here.
//   arith.divsi/divui by zero -> 0, INT_MIN / -1 -> INT_MIN; arith.remsi/remui by zero -> 0
//   arith.shli/shrui past the width -> 0, arith.shrsi past the width -> sign
//   arith.fptosi/fptoui -> saturates, NaN -> 0
//   arith.maximumf/minimumf propagate NaN; maxnumf/minnumf return the number
//   graph.gather with an index outside [0, n) -> the nearest valid index (0 where n is 0 -> zero value)
//
//===----------------------------------------------------------------------===//
#ifndef DLC_IR_GRAPH_TD
#define DLC_IR_GRAPH_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/BuiltinTypeInterfaces.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/IR/TensorEncoding.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"

def Graph_Dialect : Dialect {
  let name = "graph";
  let cppNamespace = "::dlc::graph";
  let summary = "logical tensors with symbolic dims";
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::math::MathDialect", "mlir::func::FuncDialect"];
  let hasConstantMaterializer = 1;
}

//===- Attributes ---------------------------------------------------------===//

class Graph_Attr<string name, string mnem, list<Trait> traits = []> : AttrDef<Graph_Dialect, name, traits> {
  let mnemonic = mnem;
}

// Held by value, so that the expressions are destroyed with the context.
def Graph_DimList : AttrOrTypeParameter<"::dlc::graph::DimList", "dim expressions", "::llvm::ArrayRef<::dlc::Dim>">;

def Graph_DimsAttr : Graph_Attr<"Dims", "dims", [DeclareAttrInterfaceMethods<VerifiableTensorEncoding>]> {
  let summary = "a list of dim expressions: `#graph.dims<B, S * 2, 768>`";
  let description = [{
    As a tensor's encoding it names every dim of a tensor with at least one symbolic dim; static tensors
    have no encoding. A dim is static in the type exactly when its expression is a constant.
    Also used for offsets and paddings.
  }];
  let parameters = (ins Graph_DimList:$dims);
  let builders = [AttrBuilder<(ins "::llvm::ArrayRef<::dlc::Dim>":$dims),
                              [{ return $_get($_ctxt, ::dlc::graph::DimList(dims)); }]>];
  let skipDefaultBuilders = 1;
  let hasCustomAssemblyFormat = 1;
}

def Graph_WeightAttr : Graph_Attr<"Weight", "weight"> {
  let summary = "an entry of the weights table: `#graph.weight<\"conv1.weight\">`";
  let parameters = (ins StringRefParameter<>:$name);
  let assemblyFormat = "`<` $name `>`";
}

//===- Op classes -----------------------------------------------------------===//

def AnyTensorValue : Type<CPred<"::llvm::isa<::mlir::RankedTensorType>($_self)">, "ranked tensor",
                          "::mlir::RankedTensorType">;

class Graph_Op<string mnemonic, list<Trait> traits = []> : Op<Graph_Dialect, mnemonic, traits> {
  let hasVerifier = 1;
}
class Graph_PureOp<string mnemonic, list<Trait> traits = []>
    : Graph_Op<mnemonic, traits # [Pure]>;

//===- Module level -----------------------------------------------------------===//

def Graph_SymbolOp : Graph_Op<"symbol", [HasParent<"::mlir::ModuleOp">]> {
  let summary = "declares a symbolic dim with its range and divisibility";
  let description = [{
    `graph.symbol "batch" min 1 max 64 multiple 1 origins ["image dim 0"]`. `origins` are the places the value
    is read from at run time; several mean that they must agree (a guard of the plan).
  }];
  let arguments = (ins StrAttr:$name, I64Attr:$min, I64Attr:$max, I64Attr:$multiple, StrArrayAttr:$origins);
  let assemblyFormat = "$name `min` $min `max` $max `multiple` $multiple `origins` $origins attr-dict";
}

//===- Values without operands --------------------------------------------------===//

def Graph_FillOp : Graph_PureOp<"fill"> {
  let summary = "a tensor of one value, of any shape";
  let arguments = (ins TypedAttrInterface:$value);
  let results = (outs AnyTensorValue:$result);
  let assemblyFormat = "$value attr-dict `->` type($result)";
}

def Graph_ConstantOp : Graph_PureOp<"constant"> {
  let summary = "an entry of the weights table, or a few elements inline";
  let description = [{
    The value is a `#graph.weight` (bytes beside the module) or a `dense<...>` of at most 64 elements.
    Its type is static.
  }];
  let arguments = (ins AnyAttr:$value);
  let results = (outs AnyTensorValue:$result);
  let assemblyFormat = "$value attr-dict `->` type($result)";
}

def Graph_DimValueOp : Graph_PureOp<"dim_value"> {
  let summary = "a dim expression as data: a rank-0 integer tensor";
  let arguments = (ins Graph_DimsAttr:$dim);
  let results = (outs AnyTensorValue:$result);
  let assemblyFormat = "$dim attr-dict `:` type($result)";
}

def Graph_IotaOp : Graph_PureOp<"iota"> {
  let summary = "each element's index along one dim, as an integer";
  let arguments = (ins I64Attr:$dim);
  let results = (outs AnyTensorValue:$result);
  let assemblyFormat = "`dim` $dim attr-dict `:` type($result)";
}

//===- Movement -------------------------------------------------------------------===//

def Graph_BroadcastOp : Graph_PureOp<"broadcast"> {
  let summary = "repeats along new or size-1 dims";
  let description = [{
    `dims[i]` is the result dim that operand dim i becomes; strictly increasing. An operand dim is 1 or equals that
    result dim. result[r] = operand[i -> (operand dim i is 1 ? 0 : r[dims[i]])].
  }];
  let arguments = (ins AnyTensorValue:$operand, DenseI64ArrayAttr:$dims);
  let results = (outs AnyTensorValue:$result);
  let assemblyFormat = "$operand `dims` $dims attr-dict `:` type($operand) `->` type($result)";
  let hasFolder = 1;
}

def Graph_ReshapeOp : Graph_PureOp<"reshape"> {
  let summary = "the same elements in row-major order under other dims";
  let description = "The element counts are equal as dim expressions, or a guard of the plan checks them.";
  let arguments = (ins AnyTensorValue:$operand);
  let results = (outs AnyTensorValue:$result);
  let assemblyFormat = "$operand attr-dict `:` type($operand) `->` type($result)";
  let hasFolder = 1;
}

def Graph_TransposeOp : Graph_PureOp<"transpose"> {
  let summary = "result dim i is operand dim perm[i]";
  let arguments = (ins AnyTensorValue:$operand, DenseI64ArrayAttr:$perm);
  let results = (outs AnyTensorValue:$result);
  let assemblyFormat = "$operand `perm` $perm attr-dict `:` type($operand) `->` type($result)";
  let hasFolder = 1;
}

def Graph_SliceOp : Graph_PureOp<"slice"> {
  let summary = "result[r] = operand[offsets + r * steps]; steps may be negative, sizes come from the result";
  let arguments = (ins AnyTensorValue:$operand, Graph_DimsAttr:$offsets, DenseI64ArrayAttr:$steps);
  let results = (outs AnyTensorValue:$result);
  let assemblyFormat = "$operand `offsets` $offsets `steps` $steps attr-dict `:` type($operand) `->` type($result)";
  let hasFolder = 1;
}

def Graph_PadOp : Graph_PureOp<"pad"> {
  let summary = "puts `value` (rank 0) around the operand: low before and high after, both >= 0";
  let arguments = (ins AnyTensorValue:$operand, AnyTensorValue:$value, Graph_DimsAttr:$low, Graph_DimsAttr:$high);
  let results = (outs AnyTensorValue:$result);
  let assemblyFormat = [{$operand `,` $value `low` $low `high` $high attr-dict
                         `:` type($operand) `,` type($value) `->` type($result)}];
  let hasFolder = 1;
}

def Graph_ConcatOp : Graph_PureOp<"concat"> {
  let summary = "operands one after another along `axis`";
  let arguments = (ins Variadic<AnyTensorValue>:$operands, I64Attr:$axis);
  let results = (outs AnyTensorValue:$result);
  let assemblyFormat = "$operands `axis` $axis attr-dict `:` type($operands) `->` type($result)";
  let hasFolder = 1;
}

def Graph_GatherOp : Graph_PureOp<"gather"> {
  let summary = "picks slices of the operand along `axis` by an integer tensor";
  let description = [{
    operand: [b..., p..., n, q...], indices: [b..., k...] (the first `batch_dims` dims are shared), axis is the position of n.
    result: [b..., p..., k..., q...] = operand[b..., p..., clamp(indices[b..., k...], 0, n - 1), q...].
    Negative ONNX indices are resolved before this op.
  }];
  let arguments = (ins AnyTensorValue:$operand, AnyTensorValue:$indices, I64Attr:$axis, I64Attr:$batch_dims);
  let results = (outs AnyTensorValue:$result);
  let assemblyFormat = [{$operand `,` $indices `axis` $axis `batch_dims` $batch_dims attr-dict
                         `:` type($operand) `,` type($indices) `->` type($result)}];
}

//===- Reductions and contractions ---------------------------------------------------===//

def Graph_ReduceOp : Graph_PureOp<"reduce", [SameVariadicOperandSize, SingleBlock]> {
  let summary = "combines the elements along `dims` (dropped from the result)";
  let description = [{
    Several operands of one shape are reduced together (a value and its index). The combiner takes the accumulators, then the
    elements, as scalars, and yields the new accumulators; it is associative and commutative up to rounding, `inits` (one scalar
    attribute each) is its identity. An empty reduction gives the inits. Elements are taken in row-major order by the interpreter.
  }];
  let arguments = (ins Variadic<AnyTensorValue>:$operands, ArrayAttr:$inits, DenseI64ArrayAttr:$dims);
  let results = (outs Variadic<AnyTensorValue>:$results);
  let regions = (region SizedRegion<1>:$combiner);
  let assemblyFormat = [{$operands `init` $inits `dims` $dims attr-dict `:` type($operands) `->` type($results)
                         `combiner` $combiner}];
}

def Graph_WindowOp : Graph_PureOp<"window", [SingleBlock]> {
  let summary = "reduces a sliding window (pooling)";
  let description = [{
    All lists have one entry per operand dim. result[r] = combine over w in window of operand[r * strides + w * dilations - low],
    positions outside the operand skipped. The combiner is as in `reduce`, with one operand.
  }];
  let arguments = (ins AnyTensorValue:$operand, TypedAttrInterface:$init, DenseI64ArrayAttr:$window,
                       DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$dilations, Graph_DimsAttr:$low,
                       Graph_DimsAttr:$high);
  let results = (outs AnyTensorValue:$result);
  let regions = (region SizedRegion<1>:$combiner);
  let assemblyFormat = [{$operand `init` $init `size` $window `strides` $strides `dilations` $dilations `low` $low `high` $high
                         attr-dict `:` type($operand) `->` type($result) `combiner` $combiner}];
}

def Graph_DotOp : Graph_PureOp<"dot"> {
  let summary = "general contraction: batch dims, then free dims of lhs, then free dims of rhs";
  let description = [{
    Products are accumulated in fp32 for f16/bf16/f32 operands (fp64 for f64, i32 for integers up to 32 bits, i64 for i64) and
    rounded once to the result's element type, which may be wider than the operands'. `precision` is "ieee" (fp32 products of fp32
    operands) or "tf32" (operands of f32 rounded to tf32 first).
  }];
  let arguments = (ins AnyTensorValue:$lhs, AnyTensorValue:$rhs, DenseI64ArrayAttr:$lhs_batch, DenseI64ArrayAttr:$rhs_batch,
                       DenseI64ArrayAttr:$lhs_contract, DenseI64ArrayAttr:$rhs_contract,
                       DefaultValuedStrAttr<StrAttr, "ieee">:$precision);
  let results = (outs AnyTensorValue:$result);
  let assemblyFormat = [{$lhs `,` $rhs `batch` $lhs_batch `x` $rhs_batch `contract` $lhs_contract `x` $rhs_contract
                         (`precision` $precision^)? attr-dict `:` type($lhs) `,` type($rhs) `->` type($result)}];
}

def Graph_ConvOp : Graph_PureOp<"conv"> {
  let summary = "convolution (cross-correlation), any number of spatial dims, groups";
  let description = [{
    input: [N, C, spatial...], filter: [O, C / groups, kernel...], result: [N, O, out spatial...], logical order whatever the storage.
    result[n, o, p] = sum over c, r of input[n, g * (C / groups) + c, p * strides + r * dilations - low] * filter[o, c, r] with
    g = o floordiv (O / groups), positions outside the input count as zero. Accumulation and `precision` as in `dot`.
    out = (in + low + high - dilations * (kernel - 1) - 1) floordiv strides + 1.
  }];
  let arguments = (ins AnyTensorValue:$input, AnyTensorValue:$filter, DenseI64ArrayAttr:$strides,
                       DenseI64ArrayAttr:$dilations, Graph_DimsAttr:$low, Graph_DimsAttr:$high, I64Attr:$groups,
                       DefaultValuedStrAttr<StrAttr, "ieee">:$precision);
  let results = (outs AnyTensorValue:$result);
  let assemblyFormat = [{$input `,` $filter `strides` $strides `dilations` $dilations `low` $low `high` $high `groups` $groups
                         (`precision` $precision^)? attr-dict `:` type($input) `,` type($filter) `->` type($result)}];
}

//===- Regions -----------------------------------------------------------------------===//

def Graph_RegionOp : Graph_Op<"region", [IsolatedFromAbove, SingleBlock, RecursiveMemoryEffects,
                                           RecursivelySpeculatable]> {
  let summary = "one scheduling unit: what becomes one kernel (or the few that its schedule declares)";
  let description = [{
    Made by fusion. The body computes the results from block arguments, which stand for the operands. `name` is readable and
    unique (`k12_matmul_bias_gelu`) and becomes the kernel's; `hero` is `dot`, `conv`, `reduce`, `window`, `gather` or `none`.
  }];
  let arguments = (ins Variadic<AnyTensorValue>:$operands, StrAttr:$name, StrAttr:$hero);
  let results = (outs Variadic<AnyTensorValue>:$results);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
}

def Graph_YieldOp : Op<Graph_Dialect, "yield", [Pure, Terminator, ParentOneOf<["ReduceOp", "WindowOp", "RegionOp"]>]> {
  let summary = "ends a combiner or a region with its results";
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "attr-dict ($values^ `:` type($values))?";
}

#endif
