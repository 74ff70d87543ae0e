"""Matrix products: sizes x operand orders x element types x alignment of rows x batches, with an epilogue now and then.

Long sums of small results are those that several CTAs share.
"""
import numpy as np
from case import Case

SIZES = (1, 7, 16, 33, 64, 65, 129, 197, 1000)
TYPES = ("f16", "bf16", "f32", "tf32")
LONG = (1000, 2304, 4097, 12_001)
LIMIT = 24_000_000              # multiply-adds of one case: 1000^3 stands for itself only in the long sweep


def matrix(rng, batch, rows, columns):
    return rng.standard_normal((*batch, rows, columns)).astype(np.float32)


def operand(graph, values, transposed, offset):
    """An operand as an input, stored transposed and as a slice of a wider matrix (so its rows are not aligned) if asked."""
    if transposed:
        values = np.swapaxes(values, -1, -2)
    columns = values.shape[-1]
    if offset:
        values = np.concatenate([values[..., :offset] if columns >= offset else np.repeat(values[..., :1], offset, -1),
                                 values], -1)
    name = graph.input(np.ascontiguousarray(values))
    if offset:
        name = graph.node("Slice", name, graph.constant(np.array([offset])), graph.constant(np.array([offset + columns])),
                          graph.constant(np.array([values.ndim - 1])))
    if transposed:
        order = list(range(values.ndim))
        name = graph.node("Transpose", name, perm=[*order[:-2], order[-1], order[-2]])
    return name


def make(rng, large):
    """One case."""
    while True:
        m, n, k = (int(rng.choice(sizes)) for sizes in (SIZES, SIZES, LONG if rng.random() < 0.25 else SIZES))
        batch = () if rng.random() < 0.7 else (int(rng.integers(1, 5)),)
        if large or m * n * k * (batch[0] if batch else 1) <= LIMIT:
            break
    ta, tb = rng.random() < 0.4, rng.random() < 0.4
    oa, ob = (int(rng.choice((0, 0, 0, 1, 2, 4))) for _ in range(2))
    shared = bool(batch) and rng.random() < 0.4            # one right-hand side for all of the batch
    tail = rng.choice(("", "", "bias", "relu", "residual"))
    a, b = matrix(rng, batch, m, k), matrix(rng, () if shared else batch, k, n)
    extra = {"bias": rng.standard_normal(n), "residual": rng.standard_normal((*batch, m, n))}.get(tail)

    def build(graph, take):
        y = graph.node("MatMul", operand(graph, take(a), ta, oa), operand(graph, take(b), tb, ob))
        if tail == "relu":
            return graph.node("Relu", y)
        return y if extra is None else graph.node("Add", y, graph.input(take(extra.astype(np.float32))))

    what = f"matmul {batch} {m}x{n}x{k}{' A^T' if ta else ''}{' B^T' if tb else ''} offsets {oa},{ob}" \
           f"{' shared B' if shared else ''} {tail}"
    return Case(what, build, terms=k, rounded=bool(tail))
