//===- tile.td - The tile dialect: what one CTA does, explicitly ------------===//
//
// Level three. A kernel is a `tile.kernel`; its values are scalars, tiles in registers (ranked tensors of static shape with a
// `#tile.layout` encoding) and buffers in shared memory. Pointwise work is `arith` and `math` on tiles, control flow is `scf`.
//
// Index arithmetic is not spelt out in ops: an access carries dim expressions (ir/dims) over
//   i0, i1, ...   the element's position in the tile,
//   names bound to scalars or to integer tiles by the op's own list (`bind [m = %m : i32, S = %s : i32]`).
// The lowering evaluates them per thread, hoists what is uniform, and derives vector widths from contiguity and divisibility.
//
//===----------------------------------------------------------------------===//
#ifndef DLC_IR_TILE_TD
#define DLC_IR_TILE_TD

include "ir/graph/graph.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/FunctionInterfaces.td"

def Tile_Dialect : Dialect {
  let name = "tile";
  let cppNamespace = "::dlc::tile";
  let summary = "explicit tiles, layouts, copies, barriers and matrix products of one CTA";
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let dependentDialects = ["::dlc::graph::GraphDialect", "mlir::scf::SCFDialect", "mlir::LLVM::LLVMDialect"];
}

//===- Attributes and types -------------------------------------------------===//

// Held by value, so that its vectors are freed with the context.
def Tile_LayoutParameter : AttrOrTypeParameter<"::dlc::Layout", "the distribution", "const ::dlc::Layout &">;

def Tile_LayoutAttr : AttrDef<Tile_Dialect, "Layout", [DeclareAttrInterfaceMethods<VerifiableTensorEncoding>]> {
  let mnemonic = "layout";
  let summary = "which thread holds which elements of a tile (ir/layout)";
  let parameters = (ins Tile_LayoutParameter:$layout);
  let hasCustomAssemblyFormat = 1;
}

def Tile_SharedType : TypeDef<Tile_Dialect, "Shared"> {
  let mnemonic = "shared";
  let summary = "a buffer in shared memory: `!tile.shared<3x128x32xf16, swizzle 64 pad 0>`";
  let description = [{
    Stages of row-major tiles [rows, columns]. `swizzle` (bytes: 0, 32, 64, 128) permutes the 16-byte chunks of a row so that the same chunk of
    eight rows lies in distinct banks; `pad` elements follow each row unused. Addresses: passes/lower/shared.cpp.
  }];
  let parameters = (ins "int64_t":$stages, "int64_t":$rows, "int64_t":$columns, "::mlir::Type":$elementType,
                        "int64_t":$swizzle, "int64_t":$pad);
  let assemblyFormat = "`<` $stages `,` $rows `,` $columns `,` $elementType `,` `swizzle` $swizzle `,` `pad` $pad `>`";
}

def Tile_PendingType : TypeDef<Tile_Dialect, "Pending"> {
  let mnemonic = "pending";
  let summary = "a stage of a shared buffer into which copies are under way; only `tile.wait` makes it readable";
  let parameters = (ins "::dlc::tile::SharedType":$buffer);
  let assemblyFormat = "`<` $buffer `>`";
}

def Tile_StageType : TypeDef<Tile_Dialect, "Stage"> {
  let mnemonic = "stage";
  let summary = "a stage of a shared buffer that every thread may read";
  let parameters = (ins "::dlc::tile::SharedType":$buffer);
  let assemblyFormat = "`<` $buffer `>`";
}

def Tile_Tile : Type<CPred<"::dlc::tile::isTile($_self)">, "tile with #tile.layout", "::mlir::RankedTensorType">;
def Tile_Pointer : Type<CPred<"::llvm::isa<::mlir::LLVM::LLVMPointerType>($_self)">, "pointer", "::mlir::LLVM::LLVMPointerType">;
def Tile_AnyShared : Type<CPred<"::llvm::isa<::dlc::tile::SharedType>($_self)">, "shared buffer", "::dlc::tile::SharedType">;
def Tile_AnyPending : Type<CPred<"::llvm::isa<::dlc::tile::PendingType>($_self)">, "pending stage", "::dlc::tile::PendingType">;
def Tile_AnyStage : Type<CPred<"::llvm::isa<::dlc::tile::StageType>($_self)">, "stage", "::dlc::tile::StageType">;
def Tile_Bound : Type<Or<[AnyInteger.predicate, Tile_Tile.predicate]>, "integer or integer tile">;

class Tile_Op<string mnemonic, list<Trait> traits = []> : Op<Tile_Dialect, mnemonic, traits> {
  let hasVerifier = 1;
}

//===- Scalars and index tiles ------------------------------------------------===//

def Tile_ProgramIdOp : Op<Tile_Dialect, "program_id", [Pure]> {
  let summary = "this CTA's index along grid dim x, y or z (0, 1, 2)";
  let arguments = (ins I64Attr:$axis);
  let results = (outs AnyInteger:$result);
  let assemblyFormat = "$axis attr-dict `:` type($result)";
}

def Tile_EvalOp : Tile_Op<"eval", [Pure]> {
  let summary = "the value of a dim expression over scalars";
  let arguments = (ins Graph_DimsAttr:$expr, StrArrayAttr:$names, Variadic<AnyInteger>:$bound);
  let results = (outs AnyInteger:$result);
  let assemblyFormat = "$expr custom<Bindings>($names, $bound, type($bound)) attr-dict `:` type($result)";
}

def Tile_DivisorOp : Tile_Op<"divisor"> {
  let summary = "says that an argument of the kernel holds the magic numbers of a divisor";
  let description = [{
    `magic` has a multiplier m in its low and a shift s in its high 32 bits, such that n / d == (mulhi(n, m) + n) >> s for 0 <= n < 2^31, where d is
    the value of the expression (or anything, where nothing that is divided by it is used). Divisions of 32 bits by the expression, anywhere in
    the kernel, are made of them (runtime/README.md, "Magic division").
  }];
  let arguments = (ins I64:$magic, Graph_DimsAttr:$expr, StrArrayAttr:$names, Variadic<AnyInteger>:$bound);
  let assemblyFormat = "$magic `of` $expr custom<Bindings>($names, $bound, type($bound)) attr-dict";
}

def Tile_IndexOp : Tile_Op<"index", [Pure]> {
  let summary = "a tile of integers: the expression at each element";
  let arguments = (ins Graph_DimsAttr:$expr, StrArrayAttr:$names, Variadic<Tile_Bound>:$bound);
  let results = (outs Tile_Tile:$result);
  let assemblyFormat = "$expr custom<Bindings>($names, $bound, type($bound)) attr-dict `:` type($result)";
}

//===- Global memory -------------------------------------------------------------===//

def Tile_LoadOp : Tile_Op<"load"> {
  let summary = "a tile from global memory";
  let description = [{
    Element i is at `offset` (in elements) from the pointer where every expression of `where` is >= 0, else `other` (no access is
    made). i1 elements are bytes 0 or 1 in memory. `constant` says that no kernel of this launch writes the buffer.
  }];
  let arguments = (ins Tile_Pointer:$pointer, Graph_DimsAttr:$offset, Graph_DimsAttr:$where, StrArrayAttr:$names,
                       Variadic<Tile_Bound>:$bound, TypedAttrInterface:$other, UnitAttr:$constant);
  let results = (outs Tile_Tile:$result);
  let assemblyFormat = [{$pointer `at` $offset `where` $where custom<Bindings>($names, $bound, type($bound)) `other` $other
                         (`constant` $constant^)? attr-dict `:` type($pointer) `->` type($result)}];
}

def Tile_StoreOp : Tile_Op<"store"> {
  let summary = "a tile to global memory, where every expression of `where` is >= 0";
  let description = "Elements that several threads hold are stored once.";
  let arguments = (ins Tile_Tile:$value, Tile_Pointer:$pointer, Graph_DimsAttr:$offset, Graph_DimsAttr:$where,
                       StrArrayAttr:$names, Variadic<Tile_Bound>:$bound);
  let assemblyFormat = [{$value `,` $pointer `at` $offset `where` $where custom<Bindings>($names, $bound, type($bound))
                         attr-dict `:` type($value) `,` type($pointer)}];
}

def Tile_ArriveOp : Tile_Op<"arrive"> {
  let summary = "counts this CTA in; true, for all of its threads, in the last of `count` CTAs";
  let description = [{
    Counter `index` (an i32 in global memory, an argument of the kernel marked `tile.workspace`) is zero before the first CTA arrives and
    after the last one did. What any CTA stored before its arrival is seen by the last one after its own. All threads take part.
  }];
  let arguments = (ins Tile_Pointer:$counters, AnyInteger:$index, AnyInteger:$count);
  let results = (outs I1:$last);
  let assemblyFormat = [{$counters `[` $index `]` `of` $count attr-dict `:` type($counters) `,` type($index) `,` type($count)}];
}

//===- Tiles -------------------------------------------------------------------------===//

def Tile_SplatOp : Tile_Op<"splat", [Pure]> {
  let summary = "a tile of one scalar";
  let arguments = (ins AnyType:$value);
  let results = (outs Tile_Tile:$result);
  let assemblyFormat = "$value attr-dict `:` type($value) `->` type($result)";
}

def Tile_ReduceOp : Tile_Op<"reduce", [SameVariadicOperandSize, SingleBlock, Pure]> {
  let summary = "combines a tile's elements along one dim";
  let description = [{
    The combiner is that of `graph.reduce`. The result's layout is the operand's without the dim, held by all threads that
    held a part of it. Registers are combined first, in order, then lanes (shuffles), then warps (shared memory and a barrier), each in
    one fixed order.
  }];
  let arguments = (ins Variadic<Tile_Tile>:$operands, I64Attr:$axis);
  let results = (outs Variadic<Tile_Tile>:$results);
  let regions = (region SizedRegion<1>:$combiner);
  let assemblyFormat = "$operands `axis` $axis attr-dict `:` type($operands) `->` type($results) `combiner` $combiner";
}

def Tile_YieldOp : Op<Tile_Dialect, "yield", [Pure, Terminator, ParentOneOf<["ReduceOp"]>]> {
  let summary = "ends a combiner";
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "$values `:` type($values) attr-dict";
}

def Tile_ExpandOp : Tile_Op<"expand", [Pure]> {
  let summary = "repeats a tile along a new dim `axis`; the operand's layout is the result's without it, so nothing moves";
  let arguments = (ins Tile_Tile:$operand, I64Attr:$axis);
  let results = (outs Tile_Tile:$result);
  let assemblyFormat = "$operand `axis` $axis attr-dict `:` type($operand) `->` type($result)";
}

//===- Shared memory --------------------------------------------------------------------===//

def Tile_AllocOp : Tile_Op<"alloc", [MemoryEffects<[MemAlloc]>]> {
  let summary = "a shared-memory buffer for the whole kernel";
  let description = [{
    With `overlay` it lies over the buffers allocated before: what they hold is lost with the first write, which follows a `tile.wait` that every
    read of them precedes.
  }];
  let arguments = (ins UnitAttr:$overlay);
  let results = (outs Tile_AnyShared:$result);
  let assemblyFormat = "(`overlay` $overlay^)? attr-dict `:` type($result)";
}

def Tile_CopyOp : Tile_Op<"copy"> {
  let summary = "starts an asynchronous copy from global memory into one stage of a shared buffer (cp.async)";
  let description = [{
    Element (i0, i1) of the stage comes from `offset`, or is zero where an expression of `where` is negative. All threads take
    part, in 16-, 8- or 4-byte pieces along i1 as contiguity and alignment allow, neighbouring threads along i1. Narrower ones go
    through registers, and there `by rows` says which threads: each takes 16 bytes of a row, and its neighbours have rows of their
    own. It is for memory in which a row is dear to find, such as a window's position, and its elements lie apart anyway.
  }];
  let arguments = (ins Tile_Pointer:$pointer, Graph_DimsAttr:$offset, Graph_DimsAttr:$where, StrArrayAttr:$names,
                       Variadic<AnyInteger>:$bound, Tile_AnyShared:$buffer, AnyInteger:$stage, UnitAttr:$by_rows);
  let results = (outs Tile_AnyPending:$result);
  let assemblyFormat = [{$pointer `at` $offset `where` $where custom<Bindings>($names, $bound, type($bound)) `to` $buffer `[` $stage `]`
                         (`by` `rows` $by_rows^)? attr-dict `:` type($pointer) `,` type($buffer) `,` type($stage) `->` type($result)}];
}

def Tile_FillOp : Tile_Op<"fill"> {
  let summary = "a register tile [rows, columns] into one stage of a shared buffer; pending like a copy";
  let description = "With `transposed` the tile is [columns, rows]: element (i0, i1) becomes element (i1, i0) of the stage.";
  let arguments = (ins Tile_Tile:$value, Tile_AnyShared:$buffer, AnyInteger:$stage, UnitAttr:$transposed);
  let results = (outs Tile_AnyPending:$result);
  let assemblyFormat = [{$value `to` $buffer `[` $stage `]` (`transposed` $transposed^)? attr-dict
                         `:` type($value) `,` type($buffer) `,` type($stage) `->` type($result)}];
}

def Tile_CommitOp : Op<Tile_Dialect, "commit"> {
  let summary = "closes this thread's group of copies";
  let assemblyFormat = "attr-dict";
}

def Tile_WaitOp : Tile_Op<"wait", [SameVariadicOperandSize]> {
  let summary = "waits until at most `groups` groups of copies are under way, then for all threads of the CTA";
  let description = [{
    The stages given must belong to groups older than the newest `groups`. Reads of stages before this op, by any thread, happen
    before whatever is copied after it.
  }];
  let arguments = (ins Variadic<Tile_AnyPending>:$pending, I64Attr:$groups);
  let results = (outs Variadic<Tile_AnyStage>:$stages);
  let assemblyFormat = "$pending `groups` $groups attr-dict `:` type($pending) `->` type($stages)";
}

def Tile_ReadOp : Tile_Op<"read", [MemoryEffects<[MemRead]>]> {
  let summary = "rows of a stage as a tile of any layout";
  let description = [{
    Element (i0, i1) of the tile is element (row + i0, i1) of the stage, which has that many rows. Neighbours along a row are read together, up to
    16 bytes at once.
  }];
  let arguments = (ins Tile_AnyStage:$stage, AnyInteger:$row);
  let results = (outs Tile_Tile:$result);
  let assemblyFormat = "$stage `at` $row attr-dict `:` type($stage) `,` type($row) `->` type($result)";
}

def Tile_FragmentOp : Tile_Op<"fragment", [MemoryEffects<[MemRead]>]> {
  let summary = "a matrix fragment from a stage";
  let description = [{
    Element (i0, i1) of the tile is element (row + i0, column + i1) of the stage, or with `transposed` (row + i1, column + i0).
    ldmatrix fills 16-bit fragments of either kind and 32-bit fragments that are not transposed; the rest is read element by element.
  }];
  let arguments = (ins Tile_AnyStage:$stage, I64Attr:$row, I64Attr:$column, UnitAttr:$transposed);
  let results = (outs Tile_Tile:$result);
  let assemblyFormat = [{$stage `at` $row `,` $column (`transposed` $transposed^)? attr-dict
                         `:` type($stage) `->` type($result)}];
}

def Tile_DotOp : Tile_Op<"dot", [Pure]> {
  let summary = "D = A * B + C on the fragments of one kind of matrix instruction";
  let description = [{
    a: [M, k], b: [k, N], c and result: [M, N], with k and the layouts of the instruction that `kind` names (a row of ir/tile/dot_kinds.h).
  }];
  let arguments = (ins Tile_Tile:$a, Tile_Tile:$b, Tile_Tile:$c, StrAttr:$kind);
  let results = (outs Tile_Tile:$result);
  let assemblyFormat = "$a `,` $b `,` $c `kind` $kind attr-dict `:` type($a) `,` type($b) `,` type($c) `->` type($result)";
}

#endif
