"""Convolutions and pools in 1-D and 2-D: kernel, stride, pad, dilation, groups, depthwise."""
import numpy as np
from case import Case

TYPES = ("f32", "f16", "tf32")


def attributes(rng, rank):
    """Attributes and the input's extents that give at least one output position."""
    kernel = [int(rng.choice((1, 1, 2, 3, 5, 7))) for _ in range(rank)]
    stride = [int(rng.choice((1, 1, 2, 3))) for _ in range(rank)]
    dilation = [int(rng.choice((1, 1, 2))) for _ in range(rank)]
    pads = [int(rng.integers(0, k)) for k in kernel + kernel]
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation)]
    extent = [int(rng.integers(max(1, r - p - q), r + 20)) for r, p, q in zip(reach, pads[:rank], pads[rank:])]
    return dict(kernel_shape=kernel, strides=stride, dilations=dilation, pads=pads), extent


def unchanged(graph, x, channels, spatial):
    """A convolution that gives what it gets: tensors between convolutions are stored in their own order."""
    eye = np.eye(channels, dtype=np.float32)
    return graph.node("Conv", x, graph.constant(eye.reshape(channels, channels, *[1] * spatial)))


def pool(rng, x, keys):
    kind = str(rng.choice(("MaxPool", "AveragePool")))
    keys = dict(keys, pads=[min(p, (k - 1) // 2) for p, k in zip(keys["pads"], keys["kernel_shape"] * 2)])
    reach = [(k - 1) * d + 1 for k, d in zip(keys["kernel_shape"], keys["dilations"])]
    x = np.pad(x, [(0, 0), (0, 0)] + [(0, max(0, r - e)) for r, e in zip(reach, x.shape[2:])], "edge")
    if kind == "AveragePool":
        keys["count_include_pad"] = int(rng.integers(0, 2))
    between = rng.random() < 0.5

    def build(graph, take):
        at = graph.input(take(x))
        return graph.node(kind, unchanged(graph, at, x.shape[1], x.ndim - 2) if between else at, **keys)

    return Case(f"{kind} of {x.shape} {keys} {'behind another' if between else ''}", build,
                terms=int(np.prod(keys["kernel_shape"])), linear=kind == "AveragePool", rounded=between)


def make(rng, large):
    """One case."""
    rank = int(rng.choice((1, 2, 2)))
    keys, extent = attributes(rng, rank)
    groups = int(rng.choice((1, 1, 1, 2, 4)))
    per_group = int(rng.choice((1, 3, 8, 16, 40 if large else 24)))
    depthwise = rng.random() < 0.25
    if depthwise:
        groups, per_group = int(rng.choice((3, 8, 33))), 1
    channels, filters = groups * per_group, groups * int(rng.choice((1, 2, 5, 16)))
    batch = int(rng.choice((1, 1, 2, 5)))
    x = rng.standard_normal((batch, channels, *extent)).astype(np.float32)
    what = f"{x.shape} filters {filters} groups {groups} {keys}"
    if rng.random() < 0.15:
        return pool(rng, x, keys)
    w = rng.standard_normal((filters, per_group, *keys["kernel_shape"])).astype(np.float32)
    bias = rng.standard_normal(filters).astype(np.float32) if rng.random() < 0.5 else None
    tail = str(rng.choice(("", "Relu", "residual")))
    between = rng.random() < 0.5
    gate = rng.standard_normal((batch, channels, *[1] * rank)).astype(np.float32) if rng.random() < 0.25 else None

    def build(graph, take):
        at = graph.input(take(x))
        at = unchanged(graph, at, channels, rank) if between else at
        if gate is not None:
            at = graph.node("Mul", at, graph.input(take(gate)))
        y = graph.node("Conv", at, graph.constant(take(w)),
                       *([graph.constant(take(bias))] if bias is not None else []), group=groups, **keys)
        if tail == "Relu":
            y = graph.node("Relu", y)
        elif tail == "residual":
            y = graph.node("Add", y, y)
        return unchanged(graph, y, filters, rank) if between else y

    gated = gate is not None
    # Convolutions around it round its input and its result; a gate behind the first makes the rounded input a new value.
    return Case(f"conv {what} {tail} {'between others' if between else ''} {'gated' if gated else ''}", build,
                terms=int(np.prod(w.shape[1:])), rounded=bool(tail) + between + gated, operands=2 + between * (1 + gated))
