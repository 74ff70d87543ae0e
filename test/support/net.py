"""A small ONNX graph under construction."""
import numpy as np
from onnx import TensorProto, helper, numpy_helper

FLOAT, HALF, BFLOAT, INT32, INT64, UINT8, BOOL = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.INT32,
                                                  TensorProto.INT64, TensorProto.UINT8, TensorProto.BOOL)


class Net:
    """Values are names. Constants are seeded, so that the same code gives the same model."""

    def __init__(self, opset=17):
        self.opset, self.nodes, self.constants, self.inputs, self.outputs = opset, [], [], [], []

    def input(self, name, shape, kind=FLOAT):
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def output(self, value, rank, kind=FLOAT):
        name = f"out{len(self.outputs)}"
        self.nodes.append(helper.make_node("Identity", [value], [name], name=f"/{name}"))
        self.outputs.append(helper.make_tensor_value_info(name, kind, [None] * rank))

    def constant(self, values):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def ints(self, *values):
        return self.constant(np.array(values, np.int64))

    def index(self, value):
        """An int64 scalar."""
        return self.constant(np.array(value, np.int64))

    def scalar(self, value, dtype=np.float32):
        return self.constant(np.array(value, dtype))

    def weights(self, *shape, fan=None, dtype=np.float32):
        """A bell curve whose products keep the size of what they are multiplied with."""
        rng = np.random.default_rng([len(self.constants), *shape])
        return self.constant((rng.standard_normal(shape) / (fan or shape[0]) ** 0.5).astype(dtype))

    def gains(self, *shape, dtype=np.float32):
        """Positive numbers around 1, for scales and variances."""
        rng = np.random.default_rng([len(self.constants), *shape])
        return self.constant((1 + 0.3 * rng.uniform(-1, 1, shape)).astype(dtype))

    def node(self, op, *inputs, outputs=1, **attributes):
        """The name of the result, or a list of them."""
        names = [f"{op.lower()}_{len(self.nodes)}" + (f"_{k}" if outputs > 1 else "") for k in range(outputs)]
        self.nodes.append(helper.make_node(op, list(inputs), names, name=f"/{op}_{len(self.nodes)}", **attributes))
        return names[0] if outputs == 1 else names

    def shape(self, x, *axes):
        """Dims of x as int64 vectors of one element, as torch's exporter gets them."""
        shape = self.node("Shape", x)
        return [self.unsqueeze(self.node("Gather", shape, self.index(a), axis=0), 0) for a in axes]

    def unsqueeze(self, x, *axes):
        if self.opset < 13:
            return self.node("Unsqueeze", x, axes=list(axes))
        return self.node("Unsqueeze", x, self.ints(*axes))

    def reshape(self, x, *dims):
        """Dims are numbers or names of vectors."""
        if all(isinstance(d, int) for d in dims):
            return self.node("Reshape", x, self.ints(*dims))
        parts = [self.ints(d) if isinstance(d, int) else d for d in dims]
        return self.node("Reshape", x, self.node("Concat", *parts, axis=0))

    def transpose(self, x, *perm):
        return self.node("Transpose", x, perm=list(perm))

    def mean(self, x, *axes):
        if self.opset < 18:
            return self.node("ReduceMean", x, axes=list(axes), keepdims=1)
        return self.node("ReduceMean", x, self.ints(*axes), keepdims=1)

    def linear(self, x, inner, outer):
        return self.node("Add", self.node("MatMul", x, self.weights(inner, outer)), self.weights(outer, fan=4))

    def conv(self, x, inner, outer, kernel, groups=1, dtype=np.float32, **attributes):
        """1-D, 2-D or 3-D by the kernel's length, with a bias."""
        w = self.weights(outer, inner // groups, *kernel, fan=inner // groups * int(np.prod(kernel)), dtype=dtype)
        bias = self.weights(outer, fan=4, dtype=dtype)
        return self.node("Conv", x, w, bias, group=groups, kernel_shape=list(kernel), **attributes)

    def model(self, name="piece"):
        graph = helper.make_graph(self.nodes, name, self.inputs, self.outputs, self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=10)
