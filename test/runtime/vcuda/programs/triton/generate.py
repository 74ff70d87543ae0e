"""Kernels in Triton, compiled to PTX without a GPU: NAME.sm_80.ptx and NAME.sm_86.ptx beside this file.

Needs `pip install triton==3.9.0`. Behind the arguments that a kernel declares Triton wants two addresses of scratch
memory, null here; the dynamic shared memory that it needs stands in the first line as a comment.
"""
import pathlib

import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource


@triton.jit
def matmul(a, b, c, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    columns = tl.program_id(1) * BN + tl.arange(0, BN)
    depth = tl.arange(0, BK)
    sums = tl.zeros((BM, BN), dtype=tl.float32)
    for k in range(0, K, BK):
        at = k + depth
        left = tl.load(a + rows[:, None] * K + at[None, :], mask=(rows[:, None] < M) & (at[None, :] < K), other=0.0)
        right = tl.load(b + at[:, None] * N + columns[None, :], mask=(at[:, None] < K) & (columns[None, :] < N), other=0.0)
        sums = tl.dot(left, right, sums)
    inside = (rows[:, None] < M) & (columns[None, :] < N)
    tl.store(c + rows[:, None] * N + columns[None, :], sums, mask=inside)


@triton.jit
def attention(q, k, v, out, scale, N, D: tl.constexpr, BQ: tl.constexpr, BK: tl.constexpr):
    """Softmax(Q K^T scale) V of one head per program of the second axis, a block of keys at a time."""
    head = tl.program_id(1) * N * D
    rows = tl.program_id(0) * BQ + tl.arange(0, BQ)
    width = tl.arange(0, D)
    query = tl.load(q + head + rows[:, None] * D + width[None, :], mask=rows[:, None] < N, other=0.0)
    most = tl.full((BQ,), float("-inf"), tl.float32)
    total = tl.zeros((BQ,), tl.float32)
    sums = tl.zeros((BQ, D), tl.float32)
    for start in range(0, N, BK):
        keys = start + tl.arange(0, BK)
        key = tl.load(k + head + keys[:, None] * D + width[None, :], mask=keys[:, None] < N, other=0.0)
        scores = tl.dot(query, tl.trans(key)) * scale
        scores = tl.where(keys[None, :] < N, scores, float("-inf"))
        newMost = tl.maximum(most, tl.max(scores, 1))
        weights = tl.exp(scores - newMost[:, None])
        correction = tl.exp(most - newMost)
        total = total * correction + tl.sum(weights, 1)
        value = tl.load(v + head + keys[:, None] * D + width[None, :], mask=keys[:, None] < N, other=0.0)
        sums = tl.dot(weights.to(tl.float16), value, sums * correction[:, None])
        most = newMost
    tl.store(out + head + rows[:, None] * D + width[None, :], sums / total[:, None], mask=rows[:, None] < N)


@triton.jit
def layerNorm(x, weight, bias, y, n, eps, B: tl.constexpr):
    row = tl.program_id(0) * n
    mean = tl.zeros((B,), tl.float32)
    for start in range(0, n, B):
        at = start + tl.arange(0, B)
        mean += tl.load(x + row + at, mask=at < n, other=0.0)
    mean = tl.sum(mean, 0) / n
    square = tl.zeros((B,), tl.float32)
    for start in range(0, n, B):
        at = start + tl.arange(0, B)
        d = tl.where(at < n, tl.load(x + row + at, mask=at < n, other=0.0) - mean, 0.0)
        square += d * d
    scale = 1 / tl.sqrt(tl.sum(square, 0) / n + eps)
    for start in range(0, n, B):
        at = start + tl.arange(0, B)
        inside = at < n
        v = (tl.load(x + row + at, mask=inside) - mean) * scale
        tl.store(y + row + at, v * tl.load(weight + at, mask=inside) + tl.load(bias + at, mask=inside), mask=inside)


@triton.jit
def softmax(x, y, n, B: tl.constexpr):
    row = tl.program_id(0) * n
    at = tl.arange(0, B)
    v = tl.load(x + row + at, mask=at < n, other=float("-inf"))
    e = tl.exp(v - tl.max(v, 0))
    tl.store(y + row + at, e / tl.sum(e, 0), mask=at < n)


@triton.jit
def dropout(x, y, n, p, seed, B: tl.constexpr):
    at = tl.program_id(0) * B + tl.arange(0, B)
    v = tl.load(x + at, mask=at < n)
    keep = tl.rand(seed, at) > p
    tl.store(y + at, tl.where(keep, v / (1 - p), 0.0), mask=at < n)


@triton.jit
def sort(x, y, B: tl.constexpr):
    at = tl.program_id(0) * B + tl.arange(0, B)
    tl.store(y + at, tl.sort(tl.load(x + at)))


@triton.jit
def histogram(x, bins, n, B: tl.constexpr, BINS: tl.constexpr):
    at = tl.program_id(0) * B + tl.arange(0, B)
    v = tl.load(x + at, mask=at < n, other=0)
    counts = tl.histogram(v, BINS, mask=at < n)
    tl.atomic_add(bins + tl.arange(0, BINS), counts)


KERNELS = [
    (matmul, dict(a="*fp16:16", b="*fp16:16", c="*fp32:16", M="i32", N="i32:16", K="i32:16"), dict(BM=64, BN=32, BK=32), 3),
    (attention, dict(q="*fp16:16", k="*fp16:16", v="*fp16:16", out="*fp32:16", scale="fp32", N="i32"), dict(D=32, BQ=32, BK=32), 2),
    (layerNorm, dict(x="*fp32", weight="*fp32", bias="*fp32", y="*fp32", n="i32", eps="fp32"), dict(B=256), 1),
    (softmax, dict(x="*fp32", y="*fp32", n="i32"), dict(B=512), 1),
    (dropout, dict(x="*fp32:16", y="*fp32:16", n="i32", p="fp32", seed="i32"), dict(B=512), 1),
    (sort, dict(x="*i32:16", y="*i32:16"), dict(B=256), 1),
    (histogram, dict(x="*i32", bins="*i32", n="i32"), dict(B=512, BINS=64), 1),
]


def compile(fn, signature, constants, stages, capability):
    names = list(signature) + list(constants)
    types = {name: text.split(":")[0] for name, text in signature.items()} | {name: "constexpr" for name in constants}
    values = {(names.index(name),): value for name, value in constants.items()}
    aligned = {(i,): [["tt.divisibility", 16]] for i, name in enumerate(names) if ":16" in signature.get(name, "")}
    source = ASTSource(fn=fn, signature=types, constexprs=values, attrs=aligned)
    return triton.compile(source, target=GPUTarget("cuda", capability, 32), options=dict(num_warps=4, num_stages=stages))


if __name__ == "__main__":
    for fn, signature, constants, stages in KERNELS:
        for capability in (80, 86):
            kernel = compile(fn, signature, constants, stages, capability)
            lines = kernel.asm["ptx"].splitlines()
            # Names of folders on the machine that compiled it, and sections for debuggers, are of no use to anybody.
            text = "\n".join(line for line in lines if not line.strip().startswith((".file", ".loc")))
            text = text.split("\t.section")[0].rstrip()
            path = pathlib.Path(__file__).with_name(f"{fn.__name__}.sm_{capability}.ptx")
            path.write_text(f"// shared: {kernel.metadata.shared}\n{text}\n")
            print(path.name, kernel.metadata.shared)
