"""cvt between integers, f32 and f64 in every form that the ISA has, from exact fractions."""
import math
import struct
from fractions import Fraction

from float_forms import MODES, flushed, rounded, saturated
from lanes import Form, bits32, f32, f64, signed

INTEGERS = [f"{s}{b}" for b in (8, 16, 32, 64) for s in "us"]
REAL = {"f32": (f32, dict(fraction=23, least=-126, top=127)), "f64": (f64, dict(fraction=52, least=-1022, top=1023))}
WHOLE = {"rni": round, "rzi": math.trunc, "rmi": math.floor, "rpi": math.ceil}


def register(kind):
    return "b8" if kind[1:] == "8" else ("f" if kind[0] == "f" else "b") + kind[1:]


def number(kind, bits):
    """The value of raw bits."""
    if kind in REAL:
        return REAL[kind][0](bits)
    return signed(bits, int(kind[1:])) if kind[0] == "s" else bits & (1 << int(kind[1:])) - 1


def code(kind, value):
    """The raw bits of a value that the type has."""
    if kind == "f32":
        return bits32(value)
    return struct.unpack("<Q", struct.pack("<d", value))[0] if kind == "f64" else int(value)


def clamped(kind, value):
    bits = int(kind[1:])
    low = -(1 << (bits - 1)) if kind[0] == "s" else 0
    return max(low, min(low + (1 << bits) - 1, value))


def whole(value, to_whole):
    """A float rounded to an integral value, as a float of the same sign."""
    return value if value != value or math.isinf(value) else math.copysign(float(to_whole(Fraction(value))), value)


def holds(to, source):
    """Whether clamping to one integer type changes nothing of the other."""
    bits = int(source[1:])
    ends = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if source[0] == "s" else (0, (1 << bits) - 1)
    return all(clamped(to, v) == v for v in ends)


def to_integer(kind, value, to_whole):
    if value != value:
        return 0
    return clamped(kind, (1 << 70) * (1 if value > 0 else -1) if math.isinf(value) else to_whole(Fraction(value)))


def narrowed(kind, value, mode):
    """To a float with one rounding."""
    if isinstance(value, float) and (value != value or math.isinf(value) or value == 0):
        return value
    return rounded(Fraction(value), mode, **REAL[kind][1])


def forms():
    for to in INTEGERS:
        for source in INTEGERS:
            yield f"cvt.{to}.{source}", to, source, lambda v: v
            if not holds(to, source):
                yield f"cvt.sat.{to}.{source}", to, source, lambda v, to=to: clamped(to, v)
    for real in REAL:
        for ftz in ("", ".ftz") if real == "f32" else ("",):
            start = flushed if ftz else float
            for sat in ("", ".sat"):
                end = saturated if sat else float
                for name, to_whole in WHOLE.items():
                    for to in INTEGERS:
                        yield f"cvt.{name}{ftz}{sat}.{to}.{real}", to, real, \
                            lambda v, to=to, w=to_whole, s=start: to_integer(to, s(v), w)
                    yield f"cvt.{name}{ftz}{sat}.{real}.{real}", real, real, lambda v, w=to_whole, s=start, e=end: e(whole(s(v), w))
                for mode in MODES:
                    for source in INTEGERS:
                        yield f"cvt.{mode}{ftz}{sat}.{real}.{source}", real, source, \
                            lambda v, k=real, m=mode, e=end: e(narrowed(k, v, m) if v else 0.0)
                yield f"cvt{ftz}{sat}.{real}.{real}", real, real, lambda v, s=start, e=end: e(s(v))
    for ftz in ("", ".ftz"):
        start = flushed if ftz else float
        for sat in ("", ".sat"):
            end = saturated if sat else float
            yield f"cvt{ftz}{sat}.f64.f32", "f64", "f32", lambda v, s=start, e=end: e(s(v))
            for mode in MODES:
                yield f"cvt.{mode}{ftz}{sat}.f32.f64", "f32", "f64", lambda v, m=mode, s=start, e=end: e(s(narrowed("f32", v, m)))


# A register of 8 bits has 16; what stands above the value is its sign or zero, and is not compared.
FORMS = [Form(f"{name} D, A", register(to), register(source),
              lambda bits, to=to, source=source, f=convert: code(to, f(number(source, bits))), nans=to in REAL)
         for name, to, source, convert in forms()]
