"""Reductions of length 1 to 70,000 over any axes, softmax, layer norm and running sums, with pointwise work before and transposes around."""
import numpy as np
from case import Case

TYPES = ("f32", "f16")
LENGTHS = (1, 2, 3, 7, 31, 32, 33, 64, 100, 255, 256, 257, 1000, 1024, 1025, 4097, 10_007, 33_333, 70_000)
SUMS = ("ReduceSum", "ReduceMean", "ReduceL1")
OTHERS = ("ReduceMax", "ReduceMin", "Softmax", "LayerNormalization", "ReduceL2", "CumSum")
ELEMENTS = 300_000


def make(rng, large):
    """One case."""
    length = int(rng.choice(LENGTHS))
    left = max(1, (4 if large else 1) * ELEMENTS // length)
    others = [int(rng.integers(1, min(left, 40) + 1)) for _ in range(2)]
    if others[0] * others[1] > left:
        others[1] = 1
    axis = int(rng.integers(0, 3))
    shape = [*others[:axis], length, *others[axis:]]
    axes = sorted({axis, int(rng.integers(0, 3))}) if rng.random() < 0.3 else [axis]
    op = str(rng.choice(SUMS + OTHERS))
    x = rng.standard_normal(shape).astype(np.float32)
    keep = int(rng.integers(0, 2))
    before = str(rng.choice(("", "Abs", "add")))
    if op == "LayerNormalization" and np.prod(shape[axis:]) < 8:
        before = ""                 # two values that are nearly equal become -1 and 1, or 1 and -1 when they were rounded before
    offset = rng.standard_normal(shape[-1]).astype(np.float32)

    # Rows whose order changes in front of the reduction or behind it, as in models that run over time first.
    rank = len(shape) if keep or op in ("Softmax", "LayerNormalization", "CumSum") else len(shape) - len(axes)
    turned = [[int(d) for d in rng.permutation(r)] if rng.random() < 0.3 else None for r in (len(shape), rank)]

    def build(graph, take):
        v = graph.input(take(x if turned[0] is None else x.transpose(np.argsort(turned[0])).copy()))
        if turned[0] is not None:
            v = graph.node("Transpose", v, perm=turned[0])
        if before == "Abs":
            v = graph.node("Abs", v)
        elif before == "add":
            v = graph.node("Add", v, graph.input(take(offset)))
        if op == "CumSum":
            v = graph.node(op, v, graph.constant(np.array(axis)), reverse=keep, exclusive=int(before == "Abs"))
        elif op == "Softmax":
            v = graph.node(op, v, axis=axis)
        elif op == "LayerNormalization":
            trail = shape[axis:]
            v = graph.node(op, v, graph.constant(np.ones(trail)), graph.constant(np.zeros(trail)), axis=axis)
        else:
            v = graph.node(op, v, graph.constant(np.array(axes)), keepdims=keep)
        return v if turned[1] is None else graph.node("Transpose", v, perm=turned[1])

    terms = int(np.prod([shape[a] for a in axes]))
    linear = op in ("ReduceSum", "ReduceMean", "ReduceL1", "CumSum")
    # A norm subtracts the mean, a softmax exponentiates: both lose a few units more than one sum does.
    factor = {"LayerNormalization": 4096.0, "Softmax": 64.0}.get(op, 16.0)
    return Case(f"{op} of {shape} axes {axes} keepdims {keep} {before} turned {turned}", build, terms=terms, linear=linear, factor=factor,
                rounded=bool(before), absolute=1.0 if op == "LayerNormalization" else 0.0)
