"""Cases of a sweep: small ONNX graphs, many of them side by side in one model.

A case is a function of a Graph (an ONNX graph under construction in one element type) that adds nodes and returns the
name of its output. The same function builds the model for dlc in the case's own type and one in fp32 for onnxruntime,
which gets the same values: they are drawn in the narrow type, so widening them is exact.
"""
import dataclasses
import typing

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from oracle import Oracle

OPSET = 20
TYPES = {"f32": (np.float32, TensorProto.FLOAT, 2.0 ** -24), "f16": (np.float16, TensorProto.FLOAT16, 2.0 ** -11),
         "bf16": (ml_dtypes.bfloat16, TensorProto.BFLOAT16, 2.0 ** -8)}


class Graph:
    """Collects nodes, inputs and constants. Values of inputs are kept by name."""

    def __init__(self, dtype, absolute=False):
        """absolute: the graph of the sizes of terms, where a difference becomes a sum."""
        self.dtype, self.numpy_type, self.absolute = dtype, TYPES[dtype][0], absolute
        self.nodes, self.inputs, self.constants, self.values, self.outputs = [], [], [], {}, {}
        self.prefix = ""
        self.serial = 0

    def fresh(self, stem):
        self.serial += 1
        return f"{self.prefix}{stem}{self.serial}"

    def input(self, values):
        """A graph input of the graph's own type (integers keep theirs)."""
        name = self.fresh("x")
        kept = values if values.dtype.kind in "iub" else values.astype(self.numpy_type)
        self.values[name] = kept
        self.inputs.append(helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(kept.dtype), kept.shape))
        return name

    def constant(self, values):
        name = self.fresh("c")
        values = np.asarray(values)
        self.constants.append(numpy_helper.from_array(
            values if values.dtype.kind in "iub" else values.astype(self.numpy_type), name))
        return name

    def node(self, op, *inputs, **attributes):
        name = self.fresh(op)
        op = "Add" if op == "Sub" and self.absolute else op
        self.nodes.append(helper.make_node(op, list(inputs), [name], name=f"/{name}", **attributes))
        return name

    def output(self, name, shape):
        self.outputs[name] = shape

    def model(self):
        outputs = [helper.make_tensor_value_info(n, TYPES[self.dtype][1], s) for n, s in self.outputs.items()]
        graph = helper.make_graph(self.nodes, "sweep", self.inputs, outputs, self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)


@dataclasses.dataclass
class Case:
    """`build(graph, take)` adds the case and returns the output's name; take(values) is what to use of each array."""
    what: str                                   # shown when it fails
    build: typing.Callable
    terms: int = 1                              # products or addends behind one output element
    linear: bool = True                         # errors scale with the sum of |terms|
    factor: float = 8.0                         # on the statistical bound
    unit: float = 0.0                           # relative error of one operand where it is larger than fp32's
    operands: int = 2                           # how often such an error is made on the way of a term
    rounded: int = 0                            # results of nodes before the last that are rounded to the type
    absolute: float = 0.0                       # the size of such results where that of the output does not say it


def assemble(cases, dtype, take=lambda x: x, absolute=False):
    graph = Graph(dtype, absolute)
    names = []
    for k, case in enumerate(cases):
        graph.prefix = f"k{k}_"
        names.append(case.build(graph, take))
    return graph, names


def with_shapes(graph, names, shapes):
    for name, shape in zip(names, shapes):
        graph.output(name, shape)
    return graph


def widened(values, dtype, absolute):
    """What the narrow type keeps of these values, in fp32. Integers stay."""
    if values.dtype.kind in "iub":
        return values
    kept = values.astype(TYPES[dtype][0]).astype(np.float32)
    return np.abs(kept) if absolute else kept


def answers(cases, dtype, folder, absolute):
    """onnxruntime's fp32 answers to the cases, or to the sizes of their terms."""
    graph, names = assemble(cases, "f32", lambda x: widened(x, dtype, absolute), absolute)
    path = folder / "wide.onnx"
    onnx.save(with_shapes(graph, names, [None] * len(names)).model(), str(path))
    got = Oracle(path)(graph.values)
    return [got[n] for n in names]


def references(cases, dtype, folder):
    """(graph for dlc, output names, fp32 answers, bounds). Shapes of outputs come from onnxruntime."""
    plain, sizes = (answers(cases, dtype, folder, absolute) for absolute in (False, True))
    bounds = [bound(case, dtype, ref, size) for case, ref, size in zip(cases, plain, sizes)]
    graph, names = assemble(cases, dtype)
    return with_shapes(graph, names, [r.shape for r in plain]), names, plain, bounds


def bound(case, dtype, ref, size):
    """Rounding of results to their type, and of `terms` fp32 operations, which grows like the root of their number."""
    ref, epsilon = np.abs(ref.astype(np.float64)), TYPES[dtype][2]
    spread = size.astype(np.float64) if case.linear else ref
    summed = max(case.factor * 2.0 ** -24 * np.sqrt(case.terms), case.operands * case.unit) * spread
    rounded = epsilon * (2 * ref + case.rounded * (4 * spread + 8 * case.absolute))
    return summed + rounded + (6e-8 if dtype == "f16" else 1e-30)
