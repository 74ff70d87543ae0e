"""f16 and bf16 arithmetic, and all conversions to and from 16 and 8 bits, over all 16-bit inputs.

Two-operand instructions meet every 16-bit first operand with a set of second ones: all of a spread over signs, exponents and
significands, special values and random ones. fma runs over sampled triples, computed with integers of any size.
"""
from fractions import Fraction

import numpy as np

from bulk import Bulk, NanOf, packed
from formats import BF16, E4M3, E5M2, F16, F32, TF32, flush, saturate
from float_forms import rounded
from lanes import Form

ALL16 = np.arange(1 << 16, dtype=np.uint16)
TYPES = {"f16": F16, "bf16": BF16}


def partners(fmt, seed, count):
    """Second operands: zeros, ones, extremes, infinities, NaN, and a spread."""
    random = np.random.default_rng(seed)
    sign = 0x8000
    exponent = ((1 << (15 - fmt.fraction)) - 1) << fmt.fraction
    special = [0, 1, (1 << fmt.fraction) - 1, 1 << fmt.fraction, int(fmt.encode(1.0)), int(fmt.encode(1.5)), exponent - 1, exponent,
               exponent | 1, 0x7fff]
    spread = [int(v) for v in random.integers(0, 1 << 16, max(0, count - 2 * len(special)))]
    return np.array(special + [s | sign for s in special] + spread, np.uint16)[:count]


def pairs(fmt, seed, count):
    a = np.tile(ALL16, count)
    return a, np.repeat(partners(fmt, seed, count), 1 << 16)


def finish(fmt, exact, ftz, sat):
    """As the instruction ends: saturated, rounded, flushed."""
    values = saturate(exact) if sat else exact
    values = fmt.round(values)
    return fmt.encode(flush(fmt, values) if ftz else values)


def two_operands(name, operation, count):
    for kind, fmt in TYPES.items():
        a, b = pairs(fmt, 1, count)
        x, y = fmt.decode(a), fmt.decode(b)
        for modifiers in (("", ".ftz", ".sat", ".ftz.sat") if fmt is F16 else ("",)):
            ftz, sat = ".ftz" in modifiers, ".sat" in modifiers
            with np.errstate(all="ignore"):
                exact = operation(*(flush(fmt, v) if ftz else v for v in (x, y)))
            want = finish(fmt, exact, ftz, sat)
            yield Bulk(f"{name}.rn{modifiers}.{kind}x2 D, A, B", np.uint32, [packed(a), packed(b)], packed(want))
            few = slice(0, 1 << 17)
            for rn in ("", ".rn"):
                yield Bulk(f"{name}{rn}{modifiers}.{kind} D, A, B", np.uint16, [a[few], b[few]], want[few])
            yield Bulk(f"{name}{modifiers}.{kind}x2 D, A, B", np.uint32, [packed(a[few]), packed(b[few])], packed(want[few]))


def extremum(fmt, a, b, ftz, nan, less, sizes=False):
    x, y = fmt.decode(a), fmt.decode(b)
    if ftz:
        x, y = flush(fmt, x), flush(fmt, y)
    if sizes:  # of the absolute values, with the product's sign
        return sized(extremum(fmt, fmt.encode(np.abs(x)), fmt.encode(np.abs(y)), False, nan, less), fmt, (a ^ b) & 0x8000)
    first = less(x, y) | ((x == y) & less(np.where(np.signbit(x), -1, 1), np.where(np.signbit(y), -1, 1))) | np.isnan(y)
    value = np.where(first & ~np.isnan(x), x, y)
    value = np.where(np.isnan(x) & ~np.isnan(y), y, value)
    if nan:
        value = np.where(np.isnan(x) | np.isnan(y), np.nan, value)
    return fmt.encode(value)


def sized(code, fmt, sign):
    return np.where(np.isnan(fmt.decode(code)), code, code | sign).astype(code.dtype)


def min_max(count):
    for name, less in (("min", np.less), ("max", np.greater)):
        for kind, fmt in TYPES.items():
            a, b = pairs(fmt, 2, count)
            for ftz in ("", ".ftz") if fmt is F16 else ("",):
                for nan in ("", ".NaN"):
                    few = slice(0, 1 << 17)
                    for sizes, all_of in (("", slice(None)), (".xorsign.abs", slice(0, 6 << 16))):
                        x, y = a[all_of], b[all_of]
                        want = extremum(fmt, x, y, bool(ftz), bool(nan), less, bool(sizes))
                        yield Bulk(f"{name}{ftz}{nan}{sizes}.{kind}x2 D, A, B", np.uint32, [packed(x), packed(y)], packed(want))
                        yield Bulk(f"{name}{ftz}{nan}{sizes}.{kind} D, A, B", np.uint16, [x[few], y[few]], want[few])


def one_operand():
    for name, operation in (("neg", np.negative), ("abs", np.abs)):
        for kind, fmt in TYPES.items():
            for ftz in ("", ".ftz") if fmt is F16 else ("",):
                x = fmt.decode(ALL16)
                want = fmt.encode(operation(flush(fmt, x) if ftz else x))
                yield Bulk(f"{name}{ftz}.{kind}x2 D, A", np.uint32, [packed(ALL16)], packed(want), NanOf(fmt))
                yield Bulk(f"{name}{ftz}.{kind} D, A", np.uint16, [ALL16], want, NanOf(fmt))


def fused(count):
    """fma over triples, a third of them so close to cancelling that the lost bits decide."""
    for kind, fmt in TYPES.items():
        random = np.random.default_rng(9)
        a, b, c = (random.integers(0, 1 << 16, count).astype(np.uint16) for _ in range(3))
        with np.errstate(all="ignore"):
            near = fmt.encode(fmt.round(-fmt.decode(a) * fmt.decode(b)))
        c = np.where(np.arange(count) % 3 == 0, near + random.integers(-1, 2, count).astype(np.uint16), c).astype(np.uint16)
        shape = dict(fraction=fmt.fraction, least=1 - fmt.bias, top=fmt.bias)
        for modifiers in ("", ".relu") + ((".ftz", ".sat", ".ftz.sat", ".ftz.relu") if fmt is F16 else ()):
            ftz, sat, relu = (m in modifiers for m in (".ftz", ".sat", ".relu"))
            x, y, z = (flush(fmt, fmt.decode(v)) if ftz else fmt.decode(v) for v in (a, b, c))
            with np.errstate(all="ignore"):
                result = x * y + z  # right where something is not finite; otherwise replaced
            for n in np.flatnonzero(np.isfinite(x) & np.isfinite(y) & np.isfinite(z)):
                product = Fraction(x[n]) * Fraction(y[n])
                zero = x[n] * y[n] + z[n] if product == 0 else 0.0
                exact = product + Fraction(z[n])
                if sat:
                    exact = min(max(exact, 0), 1)
                    zero = 0.0
                result[n] = rounded(exact, "rn", zero, **shape)
            if sat:
                result = saturate(result)
            if ftz:
                result = flush(fmt, result)
            if relu:
                result = np.where(np.signbit(result) & ~np.isnan(result), 0.0, result)
            want = fmt.encode(result)
            yield Bulk(f"fma.rn{modifiers}.{kind}x2 D, A, B, C", np.uint32, [packed(a), packed(b), packed(c)], packed(want))
            yield Bulk(f"fma.rn{modifiers}.{kind} D, A, B, C", np.uint16, [a, b, c], want)


ROUNDINGS = ("rn", "rz", "rm", "rp")
INTEGERS = [(s, b) for b in (8, 16, 32, 64) for s in "us"]


class NanOf64:
    dtype = np.dtype(np.uint64)

    def __call__(self, codes):
        return np.isnan(codes.view(np.float64))


def limits(sign, bits):
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if sign == "s" else (0, (1 << bits) - 1)


def from_halves():
    """Every f16 and bf16 to integers, wider floats, each other and whole numbers."""
    whole = {"rni": np.rint, "rzi": np.trunc, "rmi": np.floor, "rpi": np.ceil}
    for kind, fmt in TYPES.items():
        x = fmt.decode(ALL16)
        for mode, to_whole in whole.items():
            for sign, bits in INTEGERS:
                low, high = limits(sign, bits)
                values = [min(max(int(v), low), high) if v == v and abs(v) != np.inf else 0 if v != v else high if v > 0 else low
                          for v in to_whole(x)]
                want = np.array([v & (1 << bits) - 1 for v in values], f"u{bits // 8}")
                if (fmt, bits) == (BF16, 8):  # ptxas wants a register of 8 bits
                    yield Bulk(f"{{ .reg .b8 %v; cvt.{mode}.{sign}8.bf16 %v, A; mov.b16 D, {{%v, 0}}; }}", np.uint8, [ALL16], want)
                    continue
                yield Bulk(f"cvt.{mode}.{sign}{bits}.{kind} D, A", want.dtype, [ALL16], want)
                if fmt is F16:  # .sat says what is done anyway
                    yield Bulk(f"cvt.{mode}.sat.{sign}{bits}.{kind} D, A", want.dtype, [ALL16], want)
            yield Bulk(f"cvt.{mode}.{kind}.{kind} D, A", np.uint16, [ALL16], fmt.encode(to_whole(x)), NanOf(fmt))
            if fmt is F16:
                yield Bulk(f"cvt.{mode}.sat.{kind}.{kind} D, A", np.uint16, [ALL16], fmt.encode(saturate(to_whole(x))))
        yield Bulk(f"cvt.f32.{kind} D, A", np.uint32, [ALL16], F32.encode(x), NanOf(F32))
        yield Bulk(f"cvt.ftz.f32.{kind} D, A", np.uint32, [ALL16], F32.encode(flush(F32, x)), NanOf(F32))
        if fmt is F16:
            yield Bulk(f"cvt.sat.f32.{kind} D, A", np.uint32, [ALL16], F32.encode(saturate(x)))
            yield Bulk(f"cvt.sat.{kind}.{kind} D, A", np.uint16, [ALL16], fmt.encode(saturate(x)))
            yield Bulk(f"cvt.ftz.sat.f32.{kind} D, A", np.uint32, [ALL16], F32.encode(saturate(x)))
            yield Bulk(f"cvt.sat.f64.{kind} D, A", np.uint64, [ALL16], saturate(x).view(np.uint64))
        else:  # a rounding may be said where nothing is lost
            for mode in ROUNDINGS:
                yield Bulk(f"cvt.{mode}.f32.{kind} D, A", np.uint32, [ALL16], F32.encode(x), NanOf(F32))
                yield Bulk(f"cvt.{mode}.ftz.f32.{kind} D, A", np.uint32, [ALL16], F32.encode(flush(F32, x)), NanOf(F32))
                yield Bulk(f"cvt.{mode}.f64.{kind} D, A", np.uint64, [ALL16], x.view(np.uint64), NanOf64())
        yield Bulk(f"cvt.{kind}.{kind} D, A", np.uint16, [ALL16], fmt.encode(x), NanOf(fmt))
        yield Bulk(f"cvt.f64.{kind} D, A", np.uint64, [ALL16], x.view(np.uint64), NanOf64())
        other_name, other = [(n, f) for n, f in TYPES.items() if f is not fmt][0]
        yield Bulk(f"cvt.{other_name}.{kind} D, A", np.uint16, [ALL16], other.encode(other.round(x, "rn")), NanOf(other))
        for mode in ROUNDINGS:
            yield Bulk(f"cvt.{mode}.{other_name}.{kind} D, A", np.uint16, [ALL16], other.encode(other.round(x, mode)), NanOf(other))


def to_halves():
    """Every 8- and 16-bit integer, and values around every rounding decision, to f16 and bf16."""
    random = np.random.default_rng(3)
    for kind, fmt in TYPES.items():
        for sign, bits in INTEGERS:
            codes = np.arange(1 << min(bits, 16)).astype(f"u{bits // 8}")
            if bits > 16:
                codes = (random.integers(0, 1 << 63, 1 << 16).astype(np.uint64) << np.uint64(1)
                         >> random.integers(0, 60, 1 << 16).astype(np.uint64)).astype(f"u{bits // 8}")
            values = codes.view(f"i{bits // 8}") if sign == "s" else codes
            for mode in ROUNDINGS:
                shape = dict(fraction=fmt.fraction, least=1 - fmt.bias, top=fmt.bias)
                some = slice(0, 4096) if bits == 64 else slice(None)
                exact = np.array([rounded(Fraction(int(v)), mode, **shape) for v in values[some]]) if bits == 64 else \
                    fmt.round(values.astype(np.float64), mode)
                narrow = (fmt, bits) == (BF16, 8)
                text = f"{{ .reg .b8 %v; mov.b16 {{%v, _}}, A; cvt.{mode}.bf16.{sign}8 D, %v; }}" if narrow else f"cvt.{mode}.{kind}.{sign}{bits} D, A"
                yield Bulk(text, np.uint16, [codes[some]], fmt.encode(exact))
                if fmt is F16:
                    yield Bulk(f"cvt.{mode}.sat.{kind}.{sign}{bits} D, A", np.uint16, [codes[some]],
                               fmt.encode(saturate(values[some].astype(np.float64))))
        sources = around(fmt)
        x = F32.decode(sources)
        for mode in ROUNDINGS:
            for ftz in ("", ".ftz"):
                source = flush(F32, x) if ftz else x
                want = fmt.encode(fmt.round(source, mode))
                yield Bulk(f"cvt.{mode}{ftz}.{kind}.f32 D, A", np.uint16, [sources], want, NanOf(fmt))
            if fmt is F16:
                sat = fmt.encode(fmt.round(saturate(x), mode))
                yield Bulk(f"cvt.{mode}.sat.{kind}.f32 D, A", np.uint16, [sources], sat)
            if mode in ("rn", "rz"):
                partner = sources[::-1].copy()
                for modifier in ("", ".relu", ".satfinite", ".relu.satfinite", ".satfinite.relu"):  # ptxas takes both orders
                    value = fmt.round(x, mode, finite="satfinite" in modifier)
                    code = fmt.encode(np.where(np.signbit(x) & ~np.isnan(x), 0.0, value) if "relu" in modifier else value)
                    if modifier:
                        yield Bulk(f"cvt.{mode}{modifier}.{kind}.f32 D, A", np.uint16, [sources], code, NanOf(fmt))
                    word = code.astype(np.uint32) << 16 | code[::-1]
                    yield Bulk(f"cvt.{mode}{modifier}.{kind}x2.f32 D, A, B", np.uint32, [sources, partner], word, NanOf(fmt))
            wide = x[: 1 << 16] * (1 + 2.0 ** -50)  # just off what an f32 can say
            yield Bulk(f"cvt.{mode}.{kind}.f64 D, A", np.uint16, [wide.view(np.uint64)], fmt.encode(fmt.round(wide, mode)), NanOf(fmt))
            if fmt is F16:
                yield Bulk(f"cvt.{mode}.sat.{kind}.f64 D, A", np.uint16, [wide.view(np.uint64)],
                           fmt.encode(fmt.round(saturate(wide), mode)))


def around(fmt):
    """f32 codes: every value of the format, the middles between neighbours, one step to either side of both, and noise."""
    values = fmt.decode(np.arange(1 << fmt.bits).astype(fmt.unsigned))
    values = np.sort(np.unique(values[np.isfinite(values)]))
    middles = (values[1:] + values[:-1]) / 2
    codes = F32.encode(F32.round(np.concatenate([values, middles])))
    noise = np.random.default_rng(11).integers(0, 1 << 32, 1 << 16).astype(np.uint32)
    special = np.array([0x7f800000, 0xff800000, 0x7fc00000, 0xffc12345, 0x7f7fffff, 0xff7fffff], np.uint32)
    codes = np.concatenate([codes, codes + np.uint32(1), codes - np.uint32(1), noise, special])
    return np.ascontiguousarray(codes[: len(codes) // 64 * 64])


def eight_bits():
    """Every pair of e4m3 and e5m2 codes to f16, every f16 and many f32 to them: nearest even, never infinite."""
    for kind, fmt in (("e4m3", E4M3), ("e5m2", E5M2)):
        codes = packed(np.arange(1 << 16, dtype=np.uint16))
        both = np.arange(1 << 16).astype(np.uint16)
        halves = [F16.encode(fmt.decode((both >> s & 255).astype(np.uint8))).astype(np.uint32) for s in (0, 8)]
        yield Bulk(f"cvt.rn.f16x2.{kind}x2 D, A", np.uint32, [both], halves[1] << 16 | halves[0], NanOf(F16))
        plus = [np.where((h & 0x8000 != 0) & ~np.isnan(F16.decode(h)), 0, h) for h in halves]
        yield Bulk(f"cvt.rn.relu.f16x2.{kind}x2 D, A", np.uint32, [both], plus[1] << 16 | plus[0], NanOf(F16))
        x = F16.decode(ALL16)
        sources = around(fmt)
        y = F32.decode(sources)
        for modifier in (".satfinite", ".satfinite.relu", ".relu.satfinite"):
            def narrowed(values):
                result = fmt.round(values, finite=True)
                return fmt.encode(np.where(np.signbit(values) & ~np.isnan(values), 0.0, result) if "relu" in modifier else result)
            yield Bulk(f"cvt.rn{modifier}.{kind}x2.f16x2 D, A", np.uint16, [codes], packed(narrowed(x)), NanOf(fmt))
            low = narrowed(y)
            word = low.astype(np.uint16) << 8 | low[::-1]
            yield Bulk(f"cvt.rn{modifier}.{kind}x2.f32 D, A, B", np.uint16, [sources, sources[::-1].copy()], word, NanOf(fmt))


def to_tf32():
    """f32 to tf32: an f32 whose last 13 bits are zero."""
    random = np.random.default_rng(6).integers(0, 1 << 32, 1 << 17).astype(np.uint32)
    ties = (random & np.uint32(0xffffe000)) | np.uint32(0x1000)
    sources = np.concatenate([random, ties, ties + np.uint32(1), ties - np.uint32(1),
                              np.array([0x7f800000, 0xff800000, 0x7f7fffff, 0xff7fffff, 0x7fc00000] * 32, np.uint32)])
    x = F32.decode(sources)
    for modifier, mode in (("rna", "rna"), ("rn", "rn"), ("rz", "rz")):
        result = TF32.round(x, mode)
        if modifier == "rna":
            finite = TF32.round(x, mode, finite=True)
            yield Bulk("cvt.rna.satfinite.tf32.f32 D, A", np.uint32, [sources], F32.encode(finite), NanOf(F32))
        yield Bulk(f"cvt.{modifier}.tf32.f32 D, A", np.uint32, [sources], F32.encode(result), NanOf(F32))
        if modifier != "rna":
            relu = np.where(np.signbit(x) & ~np.isnan(x), 0.0, result)
            yield Bulk(f"cvt.{modifier}.relu.tf32.f32 D, A", np.uint32, [sources], F32.encode(relu), NanOf(F32))


def named():
    """Every form here with its types, without the work of what it must give."""
    kinds = {1: "b16", 2: "b16", 4: "b32", 8: "b64"}
    for f in all_forms(1, 32):
        yield Form(f.text, kinds[np.dtype(f.d).itemsize], " ".join(kinds[s.dtype.itemsize] for s in f.sources), None)


def all_forms(count=20, triples=20000):
    yield from two_operands("add", np.add, count)
    yield from two_operands("sub", np.subtract, count)
    yield from two_operands("mul", np.multiply, count)
    yield from min_max(count)
    yield from one_operand()
    yield from fused(triples)
    yield from from_halves()
    yield from to_halves()
    yield from eight_bits()
    yield from to_tf32()
