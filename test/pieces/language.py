"""Pieces of language and tabular models, written the way exporters write them. Each returns (Net, ranges of dims, sizes)."""
import numpy as np
from net import BFLOAT, BOOL, FLOAT, HALF, INT32, INT64, Net

TEXTS = {"batch": (1, 4), "seq": (1, 64)}
TEXT_SIZES = [{"batch": 2, "seq": 7}, {"batch": 1, "seq": 33}, {"batch": 3, "seq": 1}]
LOWEST = float(np.finfo(np.float32).min)


def heads_first(n, x, heads, width):
    return n.transpose(n.reshape(x, 0, -1, heads, width // heads), 0, 2, 1, 3)


def heads_last(n, x, width):
    return n.reshape(n.transpose(x, 0, 2, 1, 3), 0, -1, width)


def attend(n, q, k, v, *biases):
    scores = n.node("MatMul", q, n.transpose(k, 0, 1, 3, 2))
    for bias in biases:
        scores = n.node("Add", scores, bias)
    return n.node("MatMul", n.node("Softmax", scores, axis=-1), v)


def arange(n, length):
    """0, 1, ... below a vector of one element."""
    return n.node("Range", n.index(0), n.node("Squeeze", length, n.ints(0)), n.index(1))


def t5_bias():
    """T5's buckets of relative positions: integers, logarithms, a table."""
    n, width, heads = Net(opset=17), 32, 4
    x = n.input("x", ["batch", "seq", width])
    length, = n.shape(x, 1)
    memory, context = n.unsqueeze(arange(n, length), 0), n.unsqueeze(arange(n, length), 1)
    relative = n.node("Sub", memory, context)
    bucket = n.node("Mul", n.node("Cast", n.node("Greater", relative, n.index(0)), to=INT64), n.index(16))
    distance = n.node("Abs", relative)
    far = n.node("Log", n.node("Div", n.node("Cast", distance, to=FLOAT), n.scalar(8.1)))
    far = n.node("Cast", n.node("Mul", n.node("Div", far, n.scalar(np.log(16.0))), n.scalar(8.0)), to=INT64)
    far = n.node("Min", n.node("Add", far, n.index(8)), n.index(15))
    bucket = n.node("Add", bucket, n.node("Where", n.node("Less", distance, n.index(8)), distance, far))
    bias = n.unsqueeze(n.transpose(n.node("Gather", n.weights(32, heads, fan=1), bucket), 2, 0, 1), 0)
    scale = n.gains(width)
    y = n.node("Mul", x, n.node("Reciprocal", n.node("Sqrt", n.node("Add", n.mean(n.node("Mul", x, x), -1), n.scalar(1e-6)))))
    y = n.node("Mul", scale, y)
    q, k, v = (heads_first(n, n.node("MatMul", y, n.weights(width, width)), heads, width) for _ in range(3))
    y = n.node("MatMul", heads_last(n, attend(n, q, k, v, bias), width), n.weights(width, width))
    n.output(n.node("Add", x, y), 3)
    return n, TEXTS, TEXT_SIZES


def llama_rotary():
    """Rotary positions by slices, negation and concatenation; grouped heads by Expand; a mask from comparisons."""
    n, width, heads, groups, dim = Net(opset=18), 64, 4, 2, 16
    x = n.input("x", ["batch", "seq", width])
    positions = n.input("position_ids", ["batch", "seq"], INT64)
    batch, length = n.shape(x, 0, 1)
    inverse = n.constant((10000.0 ** (-np.arange(0, dim, 2) / dim)).astype(np.float32).reshape(1, -1, 1))
    inverse = n.node("Expand", inverse, n.node("Concat", batch, n.ints(8, 1), axis=0))
    angles = n.transpose(n.node("MatMul", inverse, n.node("Cast", n.unsqueeze(positions, 1), to=FLOAT)), 0, 2, 1)
    angles = n.node("Concat", angles, angles, axis=-1)
    cos, sin = (n.unsqueeze(n.node(f, angles), 1) for f in ("Cos", "Sin"))

    def turned(y):
        left, right = (n.node("Slice", y, n.ints(a), n.ints(b), n.ints(3), n.ints(1)) for a, b in ((0, 8), (8, 2 ** 63 - 1)))
        half = n.node("Concat", n.node("Neg", right), left, axis=-1)
        return n.node("Add", n.node("Mul", y, cos), n.node("Mul", half, sin))

    def project(count):
        y = n.node("MatMul", x, n.weights(width, count * dim))
        return n.transpose(n.reshape(y, batch, length, count, dim), 0, 2, 1, 3)

    def repeated(y):
        y = n.node("Expand", n.unsqueeze(y, 2), n.node("Concat", batch, n.ints(groups, heads // groups), length, n.ints(dim), axis=0))
        return n.reshape(y, batch, heads, length, dim)

    q, k, v = turned(project(heads)), repeated(turned(project(groups))), repeated(project(groups))
    row, column = n.unsqueeze(arange(n, length), 1), n.unsqueeze(arange(n, length), 0)
    mask = n.node("Where", n.node("Greater", column, row), n.scalar(LOWEST), n.scalar(0.0))
    y = attend(n, n.node("Mul", q, n.scalar(dim ** -0.5)), k, v, n.unsqueeze(mask, 0, 1))
    y = n.reshape(n.transpose(y, 0, 2, 1, 3), batch, length, width)
    n.output(n.node("MatMul", y, n.weights(width, width)), 3)
    n.output(k, 4)
    return n, TEXTS, TEXT_SIZES


def padding_mask():
    """A mask of int64 expanded to the scores' shape and turned into the lowest float by Where."""
    n, width, heads = Net(opset=14), 48, 3
    x = n.input("x", ["batch", "seq", width])
    mask = n.input("attention_mask", ["batch", "seq"], INT64)
    batch, length = n.shape(x, 0, 1)
    wide = n.node("Expand", n.unsqueeze(mask, 1, 2), n.node("Concat", batch, n.ints(1), length, length, axis=0))
    inverted = n.node("Sub", n.scalar(1.0), n.node("Cast", wide, to=FLOAT))
    bias = n.node("Where", n.node("Cast", inverted, to=BOOL), n.scalar(LOWEST), inverted)
    q, k, v = (heads_first(n, n.linear(x, width, width), heads, width) for _ in range(3))
    q = n.node("Div", q, n.node("Sqrt", n.node("Cast", n.node("Slice", n.node("Shape", q), n.ints(-1), n.ints(2 ** 62)), to=FLOAT)))
    y = n.linear(heads_last(n, attend(n, q, k, v, bias), width), width, width)
    n.output(n.node("Add", y, x), 3)
    return n, TEXTS, TEXT_SIZES


def mask_positions():
    """RoBERTa: positions count the tokens that are not padding, by a running sum along the sequence."""
    n, padding = Net(opset=14), 1
    ids = n.input("ids", ["batch", "seq"], INT64)
    real = n.node("Cast", n.node("Not", n.node("Equal", ids, n.index(padding))), to=INT32)
    counted = n.node("Mul", n.node("CumSum", real, n.index(1)), real)
    positions = n.node("Add", n.node("Cast", counted, to=INT64), n.index(padding))
    y = n.node("Add", n.node("Gather", n.weights(101, 24, fan=1), ids), n.node("Gather", n.weights(80, 24, fan=1), positions))
    later = n.node("CumSum", n.node("Cast", real, to=FLOAT), n.index(-1), reverse=1, exclusive=1)
    n.output(n.node("Mul", y, n.node("Exp", n.node("Neg", n.unsqueeze(later, 2)))), 3)
    n.output(positions, 2, INT64)
    return n, TEXTS, TEXT_SIZES


def embedding_bag():
    """Sentence embedding: sums of table rows under a mask, divided by their number, of length one."""
    n = Net(opset=13)
    ids = n.input("ids", ["batch", "seq"], INT64)
    mask = n.input("attention_mask", ["batch", "seq"], INT64)
    rows = n.node("Gather", n.weights(101, 48, fan=1), ids)
    weight = n.node("Cast", n.node("Expand", n.unsqueeze(mask, -1), n.node("Shape", rows)), to=FLOAT)
    total = n.node("ReduceSum", n.node("Mul", rows, weight), n.ints(1), keepdims=0)
    count = n.node("Clip", n.node("ReduceSum", weight, n.ints(1), keepdims=0), n.scalar(1e-9))
    y = n.node("Div", total, count)
    length = n.node("ReduceL2", y, axes=[1], keepdims=1)
    n.output(n.node("Div", y, n.node("Expand", n.node("Clip", length, n.scalar(1e-12)), n.node("Shape", y))), 2)
    return n, TEXTS, TEXT_SIZES


def gpt2_torchscript():
    """One projection split in three; the causal mask is a slice of a stored triangle, its ends from shapes."""
    n, width, heads = Net(opset=13), 48, 4
    x = n.input("x", ["batch", "seq", width])
    past = n.input("past", [2, "batch", heads, "past", width // heads])
    shape = n.shape(x, 0, 1)
    flat = n.node("Gemm", n.reshape(x, -1, width), n.weights(width, 3 * width), n.weights(3 * width, fan=4))
    parts = n.node("Split", n.reshape(flat, *shape, 3 * width), n.ints(width, width, width), outputs=3, axis=2)
    q, k, v = (n.transpose(n.reshape(p, *n.shape(p, 0, 1), heads, width // heads), 0, 2, 1, 3) for p in parts)
    k, v = (n.node("Concat", n.node("Gather", past, n.index(i), axis=0), y, axis=-2) for i, y in enumerate((k, v)))
    scores = n.node("Div", n.node("MatMul", q, n.transpose(k, 0, 1, 3, 2)), n.scalar((width // heads) ** 0.5))
    (queries,), (keys,) = n.shape(q, 2), n.shape(k, 2)
    begin = n.node("Sub", keys, queries)
    triangle = n.constant(np.tril(np.ones((1, 1, 128, 128), bool)))
    mask = n.node("Slice", triangle, begin, keys, n.ints(2), n.ints(1))
    mask = n.node("Slice", mask, n.ints(0), keys, n.ints(3), n.ints(1))
    scores = n.node("Where", mask, scores, n.scalar(-1e4))
    y = n.transpose(n.node("MatMul", n.node("Softmax", scores, axis=3), v), 0, 2, 1, 3)
    n.output(n.reshape(y, *shape, width), 3)
    n.output(n.node("Concat", n.unsqueeze(k, 0), n.unsqueeze(v, 0), axis=0), 5)
    sizes = [{"batch": 1, "seq": 1, "past": 9}, {"batch": 2, "seq": 5, "past": 0}, {"batch": 3, "seq": 4, "past": 17}]
    return n, {"batch": (1, 4), "seq": (1, 64), "past": (0, 64)}, sizes


def narrow_block(kind, dtype):
    """A block in 16 bits whose norm and softmax are cast to 32."""
    n, width, heads = Net(opset=17), 64, 4
    x = n.input("x", ["batch", "seq", width], kind)

    def weights(*shape, **more):
        return n.node("Cast", n.weights(*shape, **more), to=kind) if dtype is None else n.weights(*shape, dtype=dtype, **more)

    def linear(y, inner, outer):
        return n.node("Add", n.node("MatMul", y, weights(inner, outer)), weights(outer, fan=4))

    wide = n.node("Cast", x, to=FLOAT)
    y = n.node("LayerNormalization", wide, n.gains(width), n.weights(width, fan=4), axis=-1)
    y = n.node("Cast", y, to=kind)
    q, k, v = (heads_first(n, linear(y, width, width), heads, width) for _ in range(3))
    scores = n.node("MatMul", q, n.transpose(k, 0, 1, 3, 2))
    scores = n.node("Mul", n.node("Cast", scores, to=FLOAT), n.scalar((width // heads) ** -0.5))
    shares = n.node("Cast", n.node("Softmax", scores, axis=-1), to=kind)
    y = n.node("Add", x, linear(heads_last(n, n.node("MatMul", shares, v), width), width, width))
    inner = linear(y, width, 2 * width)
    inner = n.node("Mul", inner, n.node("Sigmoid", inner))
    n.output(n.node("Add", y, linear(inner, 2 * width, width)), 3, kind)
    return n, TEXTS, TEXT_SIZES


def half_block():
    return narrow_block(HALF, np.float16)


def bfloat_block():
    return narrow_block(BFLOAT, None)


def last_token():
    """CLIP's text tower: the row of the largest id, per text; its scores, the best three by masking."""
    n = Net(opset=17)
    ids = n.input("ids", ["batch", "seq"], INT64)
    y = n.node("Gather", n.weights(101, 32, fan=1), ids)
    batch, = n.shape(y, 0)
    at = n.node("ArgMax", n.node("Cast", ids, to=INT32), axis=-1, keepdims=0)
    where = n.node("Concat", n.unsqueeze(arange(n, batch), 1), n.unsqueeze(at, 1), axis=1)
    scores = n.linear(n.node("GatherND", y, where), 32, 20)
    n.output(n.node("LogSoftmax", scores, axis=-1), 2)
    best = n.node("ArgMax", scores, axis=1, keepdims=1)
    n.output(n.node("GatherElements", n.node("Softmax", scores, axis=1), best, axis=1), 2)
    n.output(n.node("Squeeze", best, n.ints(1)), 1, INT64)
    return n, TEXTS, TEXT_SIZES


def static_cache():
    """A decode step with a cache of fixed length, updated by a comparison of positions; ALiBi slopes."""
    n, heads, dim, room = Net(opset=16), 4, 16, 40
    x = n.input("x", ["batch", 1, heads * dim])
    position = n.input("position", [1], INT64)
    cache = [n.input(f"cache_{c}", ["batch", heads, room, dim]) for c in "kv"]
    places = n.constant(np.arange(room))
    here = n.unsqueeze(n.node("Equal", places, position), 0, 1, 3)
    q, k, v = (heads_first(n, n.node("MatMul", x, n.weights(64, 64)), heads, 64) for _ in range(3))
    k, v = (n.node("Where", here, new, old) for new, old in zip((k, v), cache))
    past = n.node("Cast", n.node("Sub", places, position), to=FLOAT)
    slopes = n.constant((2.0 ** -np.arange(2, 10, 2)).astype(np.float32).reshape(1, heads, 1, 1))
    hidden = n.node("Where", n.node("LessOrEqual", places, position), n.scalar(0.0), n.scalar(float("-inf")))
    y = attend(n, n.node("Mul", q, n.scalar(0.25)), k, v, n.node("Mul", slopes, past), hidden)
    n.output(heads_last(n, y, 64), 3)
    n.output(k, 4)
    n.output(v, 4)
    return n, {"batch": (1, 4)}, [{"batch": 1}, {"batch": 3}]


def tf_shapes():
    """tf2onnx: ids and shape arithmetic in int32, one-hot embedding, slices with strides, int64 only where ONNX asks."""
    n = Net(opset=13)
    ids = n.input("ids", ["batch", "seq"], INT32)
    x = n.node("OneHot", ids, n.constant(np.array(24, np.int32)), n.constant(np.array([0, 1], np.float32)), axis=-1)
    x = n.node("MatMul", x, n.weights(24, 32, fan=1))
    shape = n.node("Cast", n.node("Shape", x), to=INT32)
    batch, length = (n.node("Squeeze", n.node("Slice", shape, n.ints(a), n.ints(a + 1), n.ints(0)), n.ints(0)) for a in (0, 1))
    rows = n.unsqueeze(n.node("Mul", batch, length), 0)
    flat = n.node("Reshape", x, n.node("Cast", n.node("Concat", rows, n.constant(np.array([32], np.int32)), axis=0), to=INT64))
    y = n.linear(n.node("Relu", n.linear(flat, 32, 48)), 48, 16)
    back = n.node("Concat", n.unsqueeze(batch, 0), n.unsqueeze(length, 0), n.constant(np.array([-1], np.int32)), axis=0)
    y = n.node("Reshape", y, n.node("Cast", back, to=INT64))
    n.output(n.node("Slice", y, n.ints(-1), n.ints(-2 ** 31), n.ints(2), n.ints(-3)), 3)
    n.output(n.node("Cast", n.node("Mod", ids, n.constant(np.array(7, np.int32))), to=FLOAT), 2)
    return n, TEXTS, TEXT_SIZES


def sinusoids():
    """Positions computed from the length; two sequences, one attending to the other."""
    n, width, heads = Net(opset=15), 32, 2
    x, memory = n.input("x", ["batch", "seq", width]), n.input("memory", ["batch", "other", width])
    length, = n.shape(x, 1)
    place = n.unsqueeze(n.node("Cast", arange(n, length), to=FLOAT), 1)
    rates = n.node("Exp", n.node("Mul", n.constant(np.arange(0, width, 2, dtype=np.float32)), n.scalar(-np.log(1e4) / width)))
    angle = n.node("Mul", place, rates)
    table = n.node("Concat", n.unsqueeze(n.node("Sin", angle), 2), n.unsqueeze(n.node("Cos", angle), 2), axis=2)
    y = n.node("Add", n.node("Mul", x, n.node("Sqrt", n.scalar(float(width)))), n.reshape(table, -1, width))
    q = heads_first(n, n.linear(y, width, width), heads, width)
    k, v = (heads_first(n, n.linear(memory, width, width), heads, width) for _ in range(2))
    n.output(heads_last(n, attend(n, q, k, v), width), 3)
    sizes = [{"batch": 1, "seq": 5, "other": 40}, {"batch": 2, "seq": 33, "other": 1}]
    return n, {**TEXTS, "other": (1, 64)}, sizes


def mixture():
    """Experts, all of them computed, weighted by a router; a gate of softmax, the sum over experts."""
    n, experts, width = Net(opset=18), 4, 32
    x = n.input("x", ["batch", "seq", width])
    flat = n.reshape(x, -1, width)
    share = n.node("Softmax", n.node("MatMul", flat, n.weights(width, experts)), axis=-1)
    share = n.node("Div", share, n.node("ReduceMax", share, n.ints(-1), keepdims=1))
    share = n.node("Div", share, n.node("ReduceSum", share, n.ints(-1), keepdims=1))
    inner = n.node("MatMul", n.unsqueeze(flat, 0), n.weights(experts, width, 2 * width, fan=width))
    gate, up = n.node("Split", inner, outputs=2, axis=-1, num_outputs=2)
    inner = n.node("Mul", n.node("Mul", gate, n.node("Sigmoid", gate)), up)
    each = n.node("MatMul", inner, n.weights(experts, width, width, fan=width))
    y = n.node("ReduceSum", n.node("Mul", each, n.unsqueeze(n.transpose(share, 1, 0), 2)), n.ints(0), keepdims=0)
    n.output(n.node("Reshape", y, n.node("Shape", x)), 3)
    return n, TEXTS, TEXT_SIZES


def slices_written():
    """Tokens shifted by writing slices (ScatterND with all its indices), a mask's entries by ScatterElements, sums by index."""
    n = Net(opset=18)
    ids = n.input("ids", ["batch", "seq"], INT64)
    batch, length = n.shape(ids, 0, 1)
    # shifted[:, 1:] = ids[:, :-1]; shifted[:, 0] = 2
    grid = n.node("Concat", batch, n.node("Sub", length, n.ints(1)), n.ints(1), axis=0)
    rows = n.node("Expand", n.unsqueeze(arange(n, batch), 1, 2), grid)
    columns = n.node("Add", n.unsqueeze(arange(n, n.node("Sub", length, n.ints(1))), 0, 2), n.index(1))
    where = n.node("Concat", rows, n.node("Expand", columns, grid), axis=2)
    before = n.node("Slice", ids, n.ints(0), n.ints(-1), n.ints(1))
    shifted = n.node("ScatterND", n.node("Mul", ids, n.index(0)), where, before)
    column = n.node("Expand", n.ints(0), n.node("Concat", batch, n.ints(1), axis=0))
    first = n.node("Concat", n.unsqueeze(arange(n, batch), 1), column, axis=1)
    shifted = n.node("ScatterND", shifted, first, n.node("Expand", n.ints(2), batch))
    n.output(shifted, 2, INT64)
    y = n.node("Gather", n.weights(101, 24, fan=1), shifted)
    # Expert counts: how often each of eight groups of ids occurs.
    groups = n.node("Mod", ids, n.index(8))
    none = n.node("Expand", n.scalar(0.0), n.node("Concat", batch, n.ints(8), axis=0))
    ones = n.node("Expand", n.scalar(1.0), n.node("Shape", ids))
    n.output(n.node("ScatterElements", none, groups, ones, axis=1, reduction="add"), 2)
    at = n.node("ArgMax", n.node("Cast", ids, to=FLOAT), axis=1, keepdims=1)
    low = n.node("Expand", n.scalar(-5.0), n.node("Shape", at))
    hidden = n.node("ScatterElements", n.node("Cast", ids, to=FLOAT), at, low, axis=1)
    n.output(n.node("Mul", y, n.unsqueeze(hidden, 2)), 3)
    return n, TEXTS, TEXT_SIZES


def router():
    """The best two of some experts and their shares, as a table of shares; the worst three of the last tokens."""
    n, experts, width = Net(opset=18), 6, 24
    x = n.input("x", ["batch", "seq", width])
    logits = n.node("MatMul", n.reshape(x, -1, width), n.weights(width, experts))
    best, at = n.node("TopK", logits, n.ints(2), outputs=2, axis=-1)
    share = n.node("Softmax", best, axis=-1)
    table = n.node("ScatterElements", n.node("Mul", logits, n.scalar(0.0)), at, share, axis=1)
    n.output(table, 2)
    n.output(at, 2, INT64)
    last = n.node("Slice", x, n.ints(-1), n.ints(2 ** 62), n.ints(1))
    worst, _ = n.node("TopK", last, n.ints(3), outputs=2, axis=2, largest=0)
    n.output(worst, 3)
    return n, TEXTS, TEXT_SIZES


def einsum_attention():
    """Keras's attention with a dim for the heads in its weights, contracted by Einsum; distances of keys as a third operand."""
    n, width, heads = Net(opset=13), 32, 4
    x = n.input("x", ["batch", "seq", width])

    def einsum(equation, *operands):
        return n.node("Einsum", *operands, equation=equation)

    q, k, v = (einsum("abc,cde->abde", x, n.weights(width, heads, 8, fan=width)) for _ in range(3))
    scores = n.node("Softmax", einsum("aecd,abcd->acbe", k, n.node("Mul", q, n.scalar(8 ** -0.5))), axis=-1)
    y = einsum("acbe,aecd->abcd", scores, v)
    n.output(einsum("abcd,cde->abe", y, n.weights(heads, 8, width, fan=width)), 3)
    n.output(einsum("b h i d, h j d, ... -> b i j", n.transpose(q, 0, 2, 1, 3), n.weights(heads, 5, 8), n.scalar(0.5)), 3)
    n.output(einsum("bsd,bsd", x, x), 0)
    return n, TEXTS, TEXT_SIZES


def recommendation():
    """DLRM: several tables, all pairs of dot products of which the lower triangle is taken, two towers."""
    n, tables, width = Net(opset=13), 5, 16
    dense = n.input("dense", ["batch", 13])
    ids = n.input("ids", ["batch", tables], INT64)
    counts = n.node("Log", n.node("Add", n.node("Relu", dense), n.scalar(1.0)))
    bottom = n.node("Relu", n.node("Gemm", counts, n.weights(width, 13, fan=13), n.weights(width, fan=4), transB=1))
    rows = [n.unsqueeze(bottom, 1)]
    for t in range(tables):
        row = n.node("Gather", n.weights(101, width, fan=1), n.node("Gather", ids, n.index(t), axis=1))
        rows.append(n.unsqueeze(row, 1))
    every = n.node("Concat", *rows, axis=1)
    pairs = n.reshape(n.node("MatMul", every, n.transpose(every, 0, 2, 1)), -1, (tables + 1) ** 2)
    row, column = np.tril_indices(tables + 1, -1)
    pairs = n.node("Gather", pairs, n.constant((row * (tables + 1) + column).astype(np.int64)), axis=1)
    y = n.node("Concat", bottom, pairs, axis=1)
    y = n.node("Relu", n.node("Gemm", y, n.weights(width + 15, 24), n.weights(24, fan=4)))
    n.output(n.node("Sigmoid", n.node("Gemm", y, n.weights(24, 1), n.weights(1, fan=4))), 2)
    return n, {"batch": (1, 64)}, [{"batch": 1}, {"batch": 33}]


def pieces():
    return {f.__name__: f for f in (t5_bias, llama_rotary, padding_mask, mask_positions, embedding_bag, gpt2_torchscript,
                                    half_block, bfloat_block, last_token, static_cache, tf_shapes, sinusoids, mixture,
                                    einsum_attention, slices_written, router, recommendation)}
