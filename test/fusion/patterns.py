"""Subgraphs that must become one kernel each, written the way exporters write them. `all_patterns()` gives {name: model}."""
import numpy as np
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT
BATCH, WIDTH = "batch", 384


class Net:
    """A small graph under construction: input x [batch, 16, WIDTH] unless told otherwise."""

    def __init__(self, shape=(BATCH, 16, WIDTH)):
        self.nodes, self.constants, self.inputs = [], [], [helper.make_tensor_value_info("x", FLOAT, shape)]

    def constant(self, values):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def weights(self, *shape):
        rng = np.random.default_rng(len(self.constants))
        return self.constant(rng.standard_normal(shape).astype(np.float32) / np.float32(shape[0] ** 0.5))

    def input(self, name, shape):
        self.inputs.append(helper.make_tensor_value_info(name, FLOAT, shape))
        return name

    def node(self, op, *inputs, **attributes):
        name = f"{op.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], name=f"/{name}", **attributes))
        return name

    def scalar(self, value):
        return self.constant(np.array(value, np.float32))

    def model(self, output, rank=3, opset=20):
        self.nodes.append(helper.make_node("Identity", [output], ["y"], name="/y"))
        out = helper.make_tensor_value_info("y", FLOAT, [None] * rank)
        graph = helper.make_graph(self.nodes, "pattern", self.inputs, [out], self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def softmax():
    n = Net()
    return n.model(n.node("Softmax", "x", axis=-1))


def masked_softmax():
    """Scale, mask, softmax, and NaN of fully masked rows cleared, as torch's exporter writes attention."""
    n = Net()
    mask = n.input("mask", (BATCH, 1, WIDTH))
    p = n.node("Softmax", n.node("Add", n.node("Mul", "x", n.scalar(0.125)), mask), axis=-1)
    return n.model(n.node("Where", n.node("IsNaN", p), n.scalar(0.0), p))


def softmax_by_parts():
    """tf2onnx: subtract the maximum, exponentiate, divide by the sum."""
    n = Net()
    e = n.node("Exp", n.node("Sub", "x", n.node("ReduceMax", "x", n.constant(np.array([-1])), keepdims=1)))
    return n.model(n.node("Div", e, n.node("ReduceSum", e, n.constant(np.array([-1])), keepdims=1)))


def layer_norm():
    n = Net()
    return n.model(n.node("LayerNormalization", "x", n.weights(WIDTH), n.weights(WIDTH), axis=-1))


def layer_norm_by_parts():
    """torch's older exporter: mean, difference, square, mean, root, quotient, scale, bias."""
    n = Net()
    d = n.node("Sub", "x", n.node("ReduceMean", "x", n.constant(np.array([-1])), keepdims=1))
    v = n.node("ReduceMean", n.node("Pow", d, n.scalar(2.0)), n.constant(np.array([-1])), keepdims=1)
    y = n.node("Div", d, n.node("Sqrt", n.node("Add", v, n.scalar(1e-5))))
    return n.model(n.node("Add", n.node("Mul", y, n.weights(WIDTH)), n.weights(WIDTH)))


def layer_norm_tensorflow():
    """tf2onnx: squared difference, reciprocal of the root, and the mean folded into the bias."""
    n = Net()
    mean = n.node("ReduceMean", "x", n.constant(np.array([-1])), keepdims=1)
    d = n.node("Sub", "x", mean)
    v = n.node("ReduceMean", n.node("Mul", d, d), n.constant(np.array([-1])), keepdims=1)
    r = n.node("Reciprocal", n.node("Sqrt", n.node("Add", v, n.scalar(1e-3))))
    s = n.node("Mul", r, n.weights(WIDTH))
    return n.model(n.node("Add", n.node("Mul", "x", s), n.node("Sub", n.weights(WIDTH), n.node("Mul", mean, s))))


def rms_norm():
    n = Net()
    v = n.node("ReduceMean", n.node("Pow", "x", n.scalar(2.0)), n.constant(np.array([-1])), keepdims=1)
    r = n.node("Reciprocal", n.node("Sqrt", n.node("Add", v, n.scalar(1e-6))))
    return n.model(n.node("Mul", n.node("Mul", "x", r), n.weights(WIDTH)))


def gelu_erf():
    n = Net()
    e = n.node("Erf", n.node("Div", "x", n.scalar(2 ** 0.5)))
    return n.model(n.node("Mul", n.node("Mul", "x", n.node("Add", e, n.scalar(1.0))), n.scalar(0.5)))


def gelu_tanh():
    n = Net()
    inner = n.node("Add", "x", n.node("Mul", n.node("Pow", "x", n.scalar(3.0)), n.scalar(0.044715)))
    t = n.node("Tanh", n.node("Mul", inner, n.scalar((2 / np.pi) ** 0.5)))
    return n.model(n.node("Mul", n.node("Mul", "x", n.scalar(0.5)), n.node("Add", t, n.scalar(1.0))))


def matmul_bias_gelu_residual():
    n = Net()
    y = n.node("Add", n.node("MatMul", "x", n.weights(WIDTH, WIDTH)), n.weights(WIDTH))
    return n.model(n.node("Add", n.node("Gelu", y), "x"))


def matmul_bias_relu():
    n = Net()
    return n.model(n.node("Relu", n.node("Add", n.node("MatMul", "x", n.weights(WIDTH, 128)), n.weights(128))))


def gemm_transposed_weight():
    n = Net((BATCH, WIDTH))
    return n.model(n.node("Relu", n.node("Gemm", "x", n.weights(100, WIDTH), n.weights(100), transB=1)), rank=2)


def conv_bias_relu():
    n = Net((BATCH, 16, 28, 28))
    return n.model(n.node("Relu", n.node("Conv", "x", n.weights(32, 16, 3, 3), n.weights(32), pads=[1] * 4)), rank=4)


def conv_batch_norm_residual():
    n = Net((BATCH, 16, 28, 28))
    y = n.node("Conv", "x", n.weights(16, 16, 3, 3), pads=[1] * 4)
    one = np.ones(16, np.float32)
    y = n.node("BatchNormalization", y, n.constant(one * 1.5), n.constant(one * 0.1), n.constant(one * 0.2), n.constant(one * 0.9))
    return n.model(n.node("Relu", n.node("Add", y, "x")), rank=4)


def conv_hard_swish():
    n = Net((BATCH, 16, 28, 28))
    y = n.node("Conv", "x", n.weights(32, 16, 1, 1), n.weights(32))
    clip = n.node("Clip", n.node("Add", y, n.scalar(3.0)), n.scalar(0.0), n.scalar(6.0))
    return n.model(n.node("Div", n.node("Mul", y, clip), n.scalar(6.0)), rank=4)


PATTERNS = (softmax, masked_softmax, softmax_by_parts, layer_norm, layer_norm_by_parts, layer_norm_tensorflow, rms_norm, gelu_erf,
            gelu_tanh, matmul_bias_gelu_residual, matmul_bias_relu, gemm_transposed_weight, conv_bias_relu,
            conv_batch_norm_residual, conv_hard_swish)


def all_patterns():
    return {make.__name__: make() for make in PATTERNS}
