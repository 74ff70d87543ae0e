"""What ./dev mutate needs NumPy for, as a process that answers requests by line: arrays for inputs, and comparisons of outputs.

    ["make", path, {name: expression}, {variable: value}]   -> made
    ["compare", file, file, rtol, atol]                     -> equal, near or far

Expressions know np, the variables, uniform(seed, *shape), and drawn(type, seed, *shape): an array of what the variable `data`
names (DATA below; "random" without one).
"""
import json
import sys

import numpy as np

TYPES = {"f16": "f2", "f32": "f4", "f64": "f8", **{f"{k}{8 * n}": f"{k}{n}" for k in "iu" for n in (1, 2, 4, 8)}}


def uniform(seed, *shape):
    return np.random.default_rng(seed).random(shape, dtype=np.float32) * 2 - 1


def is_float(dtype):
    return dtype.kind == "f"


def random(rng, dtype, count):
    """As dlc-vcuda's random: [-1, 1), or 16 small numbers, so that every number comes often."""
    if is_float(dtype):
        return rng.random(count) * 2 - 1
    least = -8 if dtype.kind == "i" else 0
    return rng.integers(least, least + 16, count)


def wide(rng, dtype, count):
    """All numbers of the type; floats of all magnitudes whose squares are finite."""
    if not is_float(dtype):
        return np.frombuffer(rng.bytes(count * dtype.itemsize), dtype)
    half = np.finfo(dtype).maxexp // 2 - 1
    return np.ldexp(rng.random(count) * 2 - 1, rng.integers(-half, half, count))


def ties(rng, dtype, count):
    return rng.choice(np.array([-0.5, 0.5, 1] if is_float(dtype) else [1, 2, 7]), count)


def equal(_, dtype, count):
    return np.full(count, 0.75 if is_float(dtype) else 3)


def zeros(_, dtype, count):
    return np.zeros(count)


def signs(rng, dtype, count):
    """Numbers that are equal and not the same: zeros with both signs. Integers: the neighbours of zero."""
    return rng.choice(np.array([0.0, -0.0] if is_float(dtype) else [0, 1] if dtype.kind == "u" else [-1, 0, 1]), count)


def extremes(rng, dtype, count):
    """The ends of the type and what lies next to them: of floats also the smallest, normal and not."""
    if is_float(dtype):
        info = np.finfo(dtype)
        ends = [info.max, -info.max, np.nextafter(info.max, dtype.type(0)), info.tiny, -info.tiny, info.smallest_subnormal, 0, -0.0, 1]
    else:
        info = np.iinfo(dtype)
        ends = [info.max, info.max - 1, info.min, info.min + 1, 0, 1, info.max // 2 + 1]
    return rng.choice(np.array(ends, dtype), count)


def specials(rng, dtype, count):
    """Infinities and NaNs among finite numbers. Integers have none: their ends."""
    if not is_float(dtype):
        return extremes(rng, dtype, count)
    return np.where(rng.random(count) < 0.1, rng.choice(np.array([np.inf, -np.inf, np.nan]), count), random(rng, dtype, count))


def infinite(rng, dtype, count):
    """An infinity of each sign alone among finite numbers: the first and the last."""
    values = random(rng, dtype, count).astype(dtype)
    if count and is_float(dtype):
        values[0], values[-1] = -np.inf, np.inf
    return values


def low(rng, dtype, count):
    """All far below zero (unsigned integers: the largest), so that no number which was left at zero looks like one of them."""
    return (0 if dtype.kind == "u" else -200 if is_float(dtype) else -100) - np.abs(random(rng, dtype, count)) - (dtype.kind == "u")


def high(rng, dtype, count):
    return (200 if is_float(dtype) else 100) + np.abs(random(rng, dtype, count))


def lowest(_, dtype, count):
    """Nothing but what a search for the largest begins with."""
    return np.full(count, -np.inf) if is_float(dtype) else np.full(count, np.iinfo(dtype).min)


def nans(_, dtype, count):
    """Nothing but NaN. Integers have none: ones."""
    return np.full(count, np.nan) if is_float(dtype) else np.ones(count)


def rising(rng, dtype, count):
    return np.sort(random(rng, dtype, count) if is_float(dtype) else wide(rng, dtype, count))


def falling(rng, dtype, count):
    return rising(rng, dtype, count)[::-1]


def ramp(_, dtype, count):
    """Each number tells its place. Half precision holds 2048 of them."""
    return np.arange(count) % (2048 if dtype.itemsize == 2 else 1 << 7 if dtype.itemsize == 1 else 1 << 23)


def first(_, dtype, count):
    """One number that outweighs the rest, at the beginning."""
    values = np.zeros(count)
    values[:1] = 100
    return values


def last(_, dtype, count):
    return first(_, dtype, count)[::-1]


def sparse(rng, dtype, count):
    """Few numbers other than zero, which outweigh all others."""
    return np.where(rng.random(count) < 0.05, 100, 0)


def edges(_, dtype, count):
    """Large where tiles and warps end: before and at each multiple of 32; the last largest."""
    at = np.arange(count)
    values = np.where((at % 32 == 31) | (at % 32 == 0), 20 + at // 32 % 64, 1)
    values[-1:] = 100
    return values


DATA = {f.__name__: f for f in (random, wide, ties, equal, zeros, signs, extremes, specials, infinite, low, high, lowest, nans, rising,
                                falling, ramp, first, last, sparse, edges)}


def drawing(data):
    def drawn(kind, seed, *shape):
        dtype = np.dtype(TYPES[kind])
        with np.errstate(over="ignore", invalid="ignore"):
            return DATA[data](np.random.default_rng(seed), dtype, int(np.prod(shape))).astype(dtype).reshape(shape)
    return drawn


def make(path, arrays, values):
    names = dict(data="random") | values
    names |= dict(np=np, uniform=uniform, drawn=drawing(names["data"]))
    np.savez(path, **{n: np.ascontiguousarray(eval(text, names)) for n, text in arrays.items()})
    return "made"


def wide_of(a):
    """bfloat16, which NumPy does not know, as float32."""
    return a.view(np.uint16).astype(np.uint32).__lshift__(16).view(np.float32) if a.dtype == "V2" else a


def same(x, y, rtol, atol):
    x, y = wide_of(x), wide_of(y)
    return np.allclose(x, y, rtol, atol, equal_nan=True) if x.dtype.kind == "f" else np.array_equal(x, y)


def compare(a, b, rtol, atol):
    with np.load(a) as x, np.load(b) as y:
        equal = all(x[n].tobytes() == y[n].tobytes() for n in x.files)
        near = equal or all(same(x[n], y[n], rtol, atol) for n in x.files)
    return "equal" if equal else "near" if near else "far"


if __name__ == "__main__":
    np.seterr(all="ignore")
    for line in sys.stdin:
        function, *arguments = json.loads(line)
        print({"compare": compare, "make": make}[function](*arguments), flush=True)
