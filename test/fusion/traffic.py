"""What a model has to move and to multiply, counted on its ONNX graph: the yardstick for the counters of the virtual GPU.

Of each matrix product, convolution, pool, softmax and norm the inputs and outputs that are no weights, once each, and of
each sum of two activations (a residual) the operand that would not be at hand: what kernels move that fuse everything else.
Activations count with the bytes of the precision compiled for; inputs and outputs of the model keep their types.
"""
import math

import numpy as np
import onnx

PRODUCTS = {"MatMul", "Gemm", "Conv"}
MOVERS = PRODUCTS | {"MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "ReduceMean", "Softmax",
                     "LayerNormalization"}
FLOAT = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16, onnx.TensorProto.DOUBLE)


def size_of(name, sizes):
    """The value of a dim's name: a symbol, or an expression as torch's exporter writes it ("Min(512, seq)")."""
    return int(eval(name, {"__builtins__": {}, "Min": min, "Max": max}, sizes))  # graphs of our own folder


class Graph:
    """A model's graph with every dim known."""

    def __init__(self, path, inputs):
        """`inputs`: {name: array}, which fix the dims."""
        model = onnx.load(str(path), load_external_data=False)
        sizes = {}
        for value in model.graph.input:
            for dim, size in zip(value.type.tensor_type.shape.dim, inputs[value.name].shape):
                if dim.dim_param:
                    sizes.setdefault(dim.dim_param, size)
        # What the exporter knows of shapes is kept, with numbers for names; inference fills in the rest.
        for value in [*model.graph.input, *model.graph.value_info, *model.graph.output]:
            for dim in value.type.tensor_type.shape.dim:
                if dim.dim_param:
                    dim.dim_value = size_of(dim.dim_param, sizes)
        model = onnx.shape_inference.infer_shapes(model, check_type=True, data_prop=True)
        self.graph = model.graph
        self.types = {v.name: v.type.tensor_type
                      for v in [*self.graph.input, *self.graph.value_info, *self.graph.output]}
        self.ports = {v.name for v in [*self.graph.input, *self.graph.output]}
        self.shapes = {t.name: list(t.dims) for t in self.graph.initializer}
        # Depends on an input, directly or through other nodes.
        self.active = {v.name for v in self.graph.input}
        for node in self.graph.node:
            if self.active.intersection(node.input):
                self.active.update(node.output)

    def shape(self, name):
        if name in self.shapes:
            return self.shapes[name]
        dims = [d.dim_value if d.HasField("dim_value") else None for d in self.types[name].shape.dim]
        if None in dims:
            raise ValueError(f"'{name}' has a dim that shape inference does not know")
        return dims

    def bytes(self, name, float_bytes):
        code = self.types[name].elem_type
        size = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(code)).itemsize
        return math.prod(self.shape(name)) * (float_bytes if code in FLOAT and name not in self.ports else size)

    def traffic(self, float_bytes):
        """Bytes that are no weights' and cannot be avoided without fusing products with each other."""
        total = 0
        for node in self.graph.node:
            if node.op_type in MOVERS:
                moved = {n for n in node.input if n in self.active} | {n for n in node.output[:1] if n in self.active}
                total += sum(self.bytes(name, float_bytes) for name in moved)
            elif node.op_type == "Add" and all(name in self.active for name in node.input):
                if self.shape(node.input[0]) == self.shape(node.input[1]):
                    total += min(self.bytes(name, float_bytes) for name in node.input)
        return total

    def flops(self):
        """Of products and convolutions, two per multiply-add."""
        total = 0
        for node in self.graph.node:
            if node.op_type not in PRODUCTS or node.output[0] not in self.active:
                continue
            out = math.prod(self.shape(node.output[0]))
            if node.op_type == "Conv":
                terms = math.prod(self.shape(node.input[1])[1:])
            else:
                first = self.shape(node.input[0])
                transposed = any(a.name == "transA" and a.i for a in node.attribute)
                terms = first[0] if transposed else first[-1]
            total += 2 * out * terms
        return total


def counted(counters, plan):
    """(bytes of buffers that are neither weights nor declared workspace, mma FLOPs) of a run's counters."""
    workspace = {name for op in plan["ops"] for name in op.get("scratch", [])}
    moved = sum(b["distinct_bytes_read"] + b["distinct_bytes_written"] for k in counters["kernels"] for b in k["buffers"]
                if not b["name"].startswith("weight:") and b["name"] not in workspace)
    return moved, sum(k["mma_flops"] for k in counters["kernels"])
