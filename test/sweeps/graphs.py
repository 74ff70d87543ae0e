"""Random graphs of up to 14 steps over tensors with symbolic dims: each step takes one or two of the last values, so that work
stands in front of, behind and beside other work in ways that nobody thought of.

Sizes of values are followed roughly, and large ones go through tanh: what is left of a difference of large numbers is no test. No
step cuts a value to an integer or chooses by one that was computed.
"""
import dataclasses

import numpy as np
from net import Net

DIMS = {"B": (1, 4), "S": (1, 40)}
SIZES = ({"B": 1, "S": 1}, {"B": 2, "S": 5}, {"B": 3, "S": 18})
LARGE = 16.0                    # values may be about as large


@dataclasses.dataclass(frozen=True)
class Tensor:
    name: str
    shape: tuple                # numbers, and names of dims
    size: float = 1.0           # of its values, about


class RandomGraph:
    """Draws a graph once. `net` is the model, `inputs` what it is to be given: {name: shape}."""

    def __init__(self, rng):
        self.rng, self.net, self.values, self.inputs, self.used = rng, Net(opset=17), [], {}, set()
        channels = int(rng.choice((3, 4, 5, 8, 16)))
        shapes = (("B", "S", 4 * channels), ("B", channels, 20), ("S", 2 * channels), ("B", channels, "S", 7),
                  ("B", channels, "S", 12), ("B", channels, 8, "S"))
        shape = shapes[rng.integers(len(shapes))]
        for name in ("x", "y")[:1 + int(rng.random() < 0.4)]:
            self.inputs[name] = shape
            self.keep(self.net.input(name, list(shape)), shape)
        for _ in range(int(rng.integers(2, 15))):
            steps = self.STEPS
            steps[rng.integers(len(steps))](self, self.pick())
        self.declare_outputs()

    # What steps are made of.

    def pick(self, fits=lambda shape: True):
        """One of the last values that fit; the last input when none does."""
        fitting = [v for v in self.values[-5:] if fits(v.shape)]
        return fitting[self.rng.integers(len(fitting))] if fitting else self.values[0]

    def keep(self, name, shape, size=1.0):
        if size > LARGE:
            name, size = self.net.node("Tanh", name), 1.0
        self.values.append(Tensor(name, tuple(shape), max(size, 0.1)))

    def node(self, op, x, shape, *others, size=1.0, **attributes):
        names = [t.name if isinstance(t, Tensor) else t for t in (x, *others)]
        self.used.update(names)
        self.keep(self.net.node(op, *names, **attributes), shape, size)

    def one_of(self, *choices):
        return choices[self.rng.integers(len(choices))]

    def axis(self, x, least=1):
        """A static axis of at least this extent, or none."""
        axes = [a for a, n in enumerate(x.shape) if isinstance(n, int) and n >= least]
        return int(self.rng.choice(axes)) if axes else None

    def any_axis(self, x):
        return int(self.rng.integers(len(x.shape)))

    def weights(self, *shape):
        values = self.rng.standard_normal(shape) / max(1, np.prod(shape[1:]) if len(shape) > 2 else shape[0]) ** 0.5
        return self.net.constant(values.astype(np.float32))

    def vector(self, *shape):
        return self.net.constant((1 + 0.3 * self.rng.uniform(-1, 1, shape)).astype(np.float32))

    @staticmethod
    def replaced(x, axis, *extents):
        return x.shape[:axis] + extents + x.shape[axis + 1:]

    # Steps: each adds something to x, or nothing where it does not fit.

    def unary(self, x):
        op = self.one_of("Relu", "Sigmoid", "Tanh", "Neg", "Abs", "Erf", "Softplus", "HardSwish", "LeakyRelu")
        self.node(op, x, x.shape, size=x.size if op not in ("Sigmoid", "Tanh", "Erf") else 1.0)

    def binary(self, x):
        """With a value whose dims are the same, or one in either."""
        def fits(shape):
            return len(shape) == len(x.shape) and all(n == m or 1 in (n, m) for n, m in zip(shape, x.shape))
        other, op = self.pick(fits), self.one_of("Add", "Mul", "Sub", "Max", "Min")
        if not fits(other.shape):
            other = x
        shape = [m if n == 1 else n for n, m in zip(x.shape, other.shape)]
        size = x.size * other.size if op == "Mul" else max(x.size, other.size) if op in ("Max", "Min") else x.size + other.size
        self.node(op, x, shape, other, size=size)

    def with_constant(self, x):
        shape = [n if isinstance(n, int) and self.rng.random() < 0.6 else 1 for n in x.shape][self.any_axis(x):]
        op = self.one_of("Add", "Mul", "Div")
        self.node(op, x, x.shape, self.vector(*shape), size=x.size + 1.5)

    def chosen(self, x):
        """By where an input is positive, whose values are exact."""
        name = next((n for n, shape in self.inputs.items() if shape == x.shape), None)
        if name:
            mask = self.net.node("Greater", name, self.net.scalar(0.0))
            self.node("Where", mask, x.shape, x, self.net.scalar(-0.5), size=x.size)

    def transpose(self, x):
        order = [int(a) for a in self.rng.permutation(len(x.shape))]
        self.node("Transpose", x, [x.shape[a] for a in order], perm=order)

    def reduce(self, x):
        axes = sorted({self.any_axis(x) for _ in range(self.one_of(1, 1, 2))})
        keeps = self.rng.random() < 0.6
        shape = [1 if a in axes else n for a, n in enumerate(x.shape) if keeps or a not in axes]
        if shape:
            self.node(self.one_of("ReduceMean", "ReduceMax", "ReduceMin", "ReduceL2"), x, shape, axes=axes,
                      keepdims=int(keeps), size=4 * x.size)

    def softmax(self, x):
        self.node(self.one_of("Softmax", "LogSoftmax"), x, x.shape, axis=self.any_axis(x), size=x.size + 3)

    def norm(self, x):
        if isinstance(x.shape[-1], int):
            self.node("LayerNormalization", x, x.shape, self.vector(x.shape[-1]), self.vector(x.shape[-1]), axis=-1, epsilon=0.01,
                      size=4.0)

    def matmul(self, x):
        if isinstance(x.shape[-1], int) and len(x.shape) > 1:
            outer = self.one_of(1, 3, 8, 17, 32)
            self.node("MatMul", x, (*x.shape[:-1], outer), self.weights(x.shape[-1], outer), size=3 * x.size)

    def square(self, x):
        """A product with its own transpose."""
        if len(x.shape) > 2:
            order = [*range(len(x.shape) - 2), len(x.shape) - 1, len(x.shape) - 2]
            turned = self.net.node("Transpose", x.name, perm=order)
            self.node("MatMul", x, (*x.shape[:-1], x.shape[-2]), turned, size=40.0)

    def slice(self, x):
        axis = self.axis(x, least=2)
        if axis is None:
            return
        extent = x.shape[axis]
        begin, step = int(self.rng.integers(extent)), self.one_of(1, 1, 2, 3, -1, -2)
        end = int(self.rng.integers(begin + 1, extent + 1)) if step > 0 else -extent - 1
        taken = len(range(extent)[begin:end:step]) if step > 0 else len(range(begin, -1, step))
        self.node("Slice", x, self.replaced(x, axis, taken), *(self.net.ints(i) for i in (begin, end, axis, step)), size=x.size)

    def split(self, x):
        axis = self.axis(x, least=2)
        if axis is None:
            return
        first = int(self.rng.integers(1, x.shape[axis]))
        parts = [first, x.shape[axis] - first]
        self.used.add(x.name)
        for name, part in zip(self.net.node("Split", x.name, self.net.ints(*parts), outputs=2, axis=axis), parts):
            self.keep(name, self.replaced(x, axis, part), x.size)

    def concat(self, x):
        axis = self.axis(x)
        if axis is None:
            return

        def fits(shape):
            return len(shape) == len(x.shape) and isinstance(shape[axis], int) and all(
                a == axis or n == m for a, (n, m) in enumerate(zip(shape, x.shape)))
        other = self.pick(fits)
        other = other if fits(other.shape) else x
        self.node("Concat", x, self.replaced(x, axis, x.shape[axis] + other.shape[axis]), other, axis=axis, size=max(x.size, other.size))

    def pad(self, x):
        mode = self.one_of("constant", "edge", "reflect")
        axis = self.axis(x, least=4 if mode == "reflect" else 1)
        if axis is None:
            return
        pads = [0] * (2 * len(x.shape))
        before, after = (int(n) for n in self.rng.integers(0, 3, 2))
        pads[axis], pads[axis + len(x.shape)] = before, after
        self.node("Pad", x, self.replaced(x, axis, x.shape[axis] + before + after), self.net.ints(*pads), mode=mode, size=x.size)

    def conv(self, x):
        if len(x.shape) not in (3, 4) or not isinstance(x.shape[1], int):
            return
        inner, rank, kernel = x.shape[1], len(x.shape) - 2, self.one_of(1, 3)
        groups = self.one_of(1, 1, inner)
        outer = groups * self.one_of(1, 2) if groups > 1 else self.one_of(4, 6, 16, 33)
        others = [self.weights(outer, inner // groups, *[kernel] * rank)]
        others += [self.vector(outer)] * int(self.rng.random() < 0.5)
        self.node("Conv", x, (x.shape[0], outer, *x.shape[2:]), *others, group=groups, pads=[kernel // 2] * (2 * rank), size=3 * x.size)

    def pool(self, x):
        if len(x.shape) == 4:
            self.node(self.one_of("MaxPool", "AveragePool"), x, x.shape, kernel_shape=[3, 3], pads=[1] * 4, size=x.size)

    def gather(self, x):
        axis = self.axis(x)
        if axis is not None:
            rows = self.rng.integers(-x.shape[axis], x.shape[axis], self.one_of(1, 2, 5))
            self.node("Gather", x, self.replaced(x, axis, len(rows)), self.net.ints(*rows), axis=axis, size=x.size)

    def cumsum(self, x):
        self.node("CumSum", x, x.shape, self.net.index(self.any_axis(x)), reverse=self.one_of(0, 1), exclusive=self.one_of(0, 1), size=8 * x.size)

    def merge(self, x):
        """Two neighbouring static dims become one."""
        pairs = [a for a in range(len(x.shape) - 1) if isinstance(x.shape[a], int) and isinstance(x.shape[a + 1], int)]
        if pairs:
            a = self.one_of(*pairs)
            shape = (*x.shape[:a], x.shape[a] * x.shape[a + 1], *x.shape[a + 2:])
            dims = [0 if b < a else n if isinstance(n, int) else -1 for b, n in enumerate(shape)]
            if dims.count(-1) < 2:
                self.node("Reshape", x, shape, self.net.ints(*dims), size=x.size)

    def unsqueeze(self, x):
        if len(x.shape) < 5:
            a = self.any_axis(x)
            self.node("Unsqueeze", x, (*x.shape[:a], 1, *x.shape[a:]), self.net.ints(a), size=x.size)

    def expand(self, x):
        """To the dims of another value, which are read at run time."""
        def fits(shape):
            return len(shape) == len(x.shape) and shape != x.shape and all(n in (1, m) for n, m in zip(x.shape, shape))
        other = self.pick(fits)
        if fits(other.shape):
            self.node("Expand", x, other.shape, self.net.node("Shape", other.name), size=x.size)

    STEPS = (unary, unary, unary, binary, binary, binary, with_constant, chosen, transpose, transpose, reduce, reduce, softmax, norm,
             matmul, matmul, square, slice, slice, split, concat, pad, conv, conv, pool, gather, cumsum, merge, unsqueeze, expand)

    def declare_outputs(self):
        """What nobody reads, and now and then a value that somebody does."""
        made = self.values[len(self.inputs):] or self.values[:1]
        last = [v for v in made if v.name not in self.used][-6:]
        if self.rng.random() < 0.3 or not last:
            last.append(made[self.rng.integers(len(made))])
        for value in dict.fromkeys(last):
            self.net.output(value.name, len(value.shape))

    def feeds(self, dims):
        return {name: self.rng.standard_normal([dims.get(n, n) for n in shape]).astype(np.float32)
                for name, shape in self.inputs.items()}
