"""f32 and f64 arithmetic from exact fractions, rounded once; approximations within their bound; cvt.pack."""
import itertools
import math
from fractions import Fraction

from lanes import Form, bits32, f32, f64, flushed, signed

FORMS = []
MODES = ("rn", "rz", "rm", "rp")
NAN = math.nan


def add(text, d, sources, reference, **more):
    FORMS.append(Form(text, d, sources, reference, **more))


def rounded(exact, mode, zero=0.0, fraction=23, least=-126, top=127):
    """A Fraction to a float of that format, once; an exact zero has the sign of `zero`."""
    if exact == 0:
        return zero
    size = abs(exact)
    exponent = size.numerator.bit_length() - size.denominator.bit_length()
    if Fraction(2) ** exponent > size:
        exponent -= 1
    quantum = Fraction(2) ** (max(exponent, least) - fraction)
    steps = exact / quantum
    whole = {"rn": round, "rz": math.trunc, "rm": math.floor, "rp": math.ceil}[mode](steps)
    if abs(whole) * quantum >= Fraction(2) ** (top + 1):
        largest = float((2 - Fraction(1, 2 ** fraction)) * 2 ** top)
        outwards = mode == "rn" or (mode == "rp") == (exact > 0) and mode != "rz"
        return math.copysign(math.inf if outwards else largest, 1 if exact > 0 else -1)
    return math.copysign(float(abs(whole) * quantum), 1 if exact > 0 else -1)


def zero_of(x, y, mode):
    """The sign of x + y = 0."""
    if x == 0 and y == 0 and math.copysign(1, x) == math.copysign(1, y):
        return x
    return -0.0 if mode == "rm" else 0.0


def fma(a, b, c, mode, **fmt):
    if not (math.isfinite(a) and math.isfinite(b) and math.isfinite(c)):
        product = a * b if a == a and b == b else NAN
        return product + c
    product = Fraction(a) * Fraction(b)
    sign = math.copysign(1, a) * math.copysign(1, b)
    return rounded(product + Fraction(c), mode, zero_of(math.copysign(0.0, sign) if product == 0 else sign, c, mode), **fmt)


def mul(a, b, mode, **fmt):
    if not (math.isfinite(a) and math.isfinite(b)):
        return a * b
    return rounded(Fraction(a) * Fraction(b), mode, math.copysign(0.0, math.copysign(1, a) * math.copysign(1, b)), **fmt)


def div(a, b, mode, **fmt):
    sign = math.copysign(1, a) * math.copysign(1, b)
    if a != a or b != b or (a == 0 and b == 0) or (math.isinf(a) and math.isinf(b)):
        return NAN
    if math.isinf(b) or a == 0:
        return math.copysign(0.0, sign)
    if b == 0 or math.isinf(a):
        return math.copysign(math.inf, sign)
    return rounded(Fraction(a) / Fraction(b), mode, **fmt)


def saturated(v):
    return v if 0 < v < 1 else 1.0 if v >= 1 else 0.0


def variants(name, operation, count):
    """f32 with every rounding, .ftz and .sat; f64 with every rounding."""
    letters, sources = ", ".join("DABC"[:count + 1]), " ".join(["f32"] * count)
    double = dict(fraction=52, least=-1022, top=1023)
    divides = name in ("div", "rcp")
    for mode in MODES if divides or name in ("fma", "mad") else ("", *MODES):
        for ftz in ("", ".ftz"):
            for sat in ("",) if divides else ("", ".sat"):
                def want(*bits, mode=mode, ftz=ftz, sat=sat):
                    values = [flushed(f32(b)) if ftz else f32(b) for b in bits]
                    r = operation(*values, mode or "rn")
                    r = flushed(r) if ftz else r
                    return bits32(saturated(r) if sat else r)
                add(f"{name}{'.' * bool(mode)}{mode}{ftz}{sat}.f32 {letters}", "b32", sources, want)

        def wide(*bits, mode=mode):
            import struct
            r = operation(*[f64(b) for b in bits], mode or "rn", **double)
            return struct.unpack("<Q", struct.pack("<d", r))[0]
        add(f"{name}{'.' * bool(mode)}{mode}.f64 {letters}", "b64", sources.replace("32", "64"), wide, nans=True)


variants("add", lambda a, b, mode, **f: fma(a, 1.0, b, mode, **f), 2)
variants("sub", lambda a, b, mode, **f: fma(a, 1.0, -b, mode, **f), 2)
variants("mul", mul, 2)
variants("fma", fma, 3)
variants("div", div, 2)
variants("rcp", lambda a, mode, **f: div(1.0, a, mode, **f), 1)
variants("mad", fma, 3)


def extremum(a, b, better, nan):
    if (nan and (a != a or b != b)) or (a != a and b != b):
        return NAN
    if a != a or b != b:
        return b if a != a else a
    return better((a, math.copysign(1, a)), (b, math.copysign(1, b)))[0]


for name, better in (("min", min), ("max", max)):
    for ftz in ("", ".ftz"):
        for nan in ("", ".NaN"):
            def want(a, b, better=better, ftz=ftz, nan=nan):
                values = [flushed(f32(v)) if ftz else f32(v) for v in (a, b)]
                return bits32(extremum(*values, better, bool(nan)))
            add(f"{name}{ftz}{nan}.f32 D, A, B", "b32", "f32 f32", want)

            def sized(a, b, better=better, ftz=ftz, nan=nan):
                values = [flushed(f32(v)) if ftz else f32(v) for v in (a, b)]
                r = extremum(*map(abs, values), better, bool(nan))
                return bits32(r) | (0 if r != r else (a ^ b) & 0x80000000)
            add(f"{name}{ftz}{nan}.xorsign.abs.f32 D, A, B", "b32", "f32 f32", sized)
for name, operation in (("abs", abs), ("neg", lambda v: -v)):
    for ftz in ("", ".ftz"):
        add(f"{name}{ftz}.f32 D, A", "b32", "f32", lambda a, o=operation, z=ftz: bits32(o(flushed(f32(a)) if z else f32(a))),
            nans=True)

# Approximations: within the bound that the ISA gives (relative; sin and cos absolute over a period).
add("rcp.approx.f32 D, A", "b32", "f32", lambda a: div(1.0, f32(a), "rn"), unit=2.0 ** -22)
add("rcp.approx.ftz.f32 D, A", "b32", "f32", lambda a: flushed(div(1.0, flushed(f32(a)), "rn")), unit=2.0 ** -22)
PERIOD = [bits32(f32(bits32(k * 0.049))) for k in range(-128, 128)]
for name in ("sin", "cos"):
    for ftz in ("", ".ftz"):
        # Values of at least 1 in size, so that the absolute bound can stand as a relative one.
        add(f"{name}.approx{ftz}.f32 %x, A; add.f32 D, %x, 0f40800000", "b32", "f32",
            lambda a, f=getattr(math, name): f(f32(a)) + 4, unit=2.0 ** -20.5 / 3, inputs=(PERIOD,))
for ftz in ("", ".ftz"):
    add(f"div.full{ftz}.f32 D, A, B", "b32", "f32 f32", lambda a, b: div(f32(a), f32(b), "rn"), unit=2.0 ** -21,
        inputs=([bits32(float(k) / 7) for k in range(-128, 128)], [bits32(1.5 * k + 0.25) for k in range(256)]))
    add(f"div.approx{ftz}.f32 D, A, B", "b32", "f32 f32", lambda a, b: div(f32(a), f32(b), "rn"), unit=2.0 ** -22,
        inputs=([bits32(float(k) / 7) for k in range(-128, 128)], [bits32(1.5 * k + 0.25) for k in range(256)]))

# cvt.pack clamps A above B; the smaller forms push C up.
for kind, bits in itertools.product("us", (16, 8, 4, 2)):
    def clamped(v, kind=kind, bits=bits):
        least = -(1 << (bits - 1)) if kind == "s" else 0
        return max(least, min(least + (1 << bits) - 1, signed(v, 32))) & (1 << bits) - 1
    if bits == 16:
        add(f"cvt.pack.sat.{kind}16.s32 D, A, B", "b32", "b32 b32", lambda a, b, c=clamped: c(a) << 16 | c(b))
    else:
        add(f"cvt.pack.sat.{kind}{bits}.s32.b32 D, A, B, C", "b32", "b32 b32 b32",
            lambda a, b, c, f=clamped, n=bits: c << 2 * n | f(a) << n | f(b))
