"""Integer, logic, comparison, selection and video instructions by their definition in the PTX ISA."""
import math

from lanes import Form, bits32, f16, f32, f64, flushed, signed

M32, M64 = (1 << 32) - 1, (1 << 64) - 1
FORMS = []


def add(text, d, sources, reference, **more):
    FORMS.append(Form(text, d, sources, reference, **more))


# cnot, mul24, mad24, bmsk, szext, prmt and the carry.
for bits in (16, 32, 64):
    add(f"cnot.b{bits} D, A", f"b{bits}", f"b{bits}", lambda a: int(a == 0))
for kind in "us":
    def part(value, kind=kind):
        return signed(value, 24) if kind == "s" else value & 0xffffff
    add(f"mul24.lo.{kind}32 D, A, B", "b32", "b32 b32", lambda a, b, p=part: p(a) * p(b))
    add(f"mul24.hi.{kind}32 D, A, B", "b32", "b32 b32", lambda a, b, p=part: p(a) * p(b) >> 16)
    add(f"mad24.lo.{kind}32 D, A, B, C", "b32", "b32 b32 b32", lambda a, b, c, p=part: p(a) * p(b) + c)
    add(f"mad24.hi.{kind}32 D, A, B, C", "b32", "b32 b32 b32", lambda a, b, c, p=part: (p(a) * p(b) >> 16) + c)

    def extended(a, n, kind=kind, wrap=False):
        n = n & 31 if wrap else min(n, 32)
        if n == 0:
            return 0
        return signed(a, n) if kind == "s" else a & (1 << n) - 1
    add(f"szext.clamp.{kind}32 D, A, B", "b32", "b32 b32", extended)
    add(f"szext.wrap.{kind}32 D, A, B", "b32", "b32 b32", lambda a, n, e=extended: e(a, n, wrap=True))
add("bmsk.clamp.b32 D, A, B", "b32", "b32 b32", lambda a, b: 0 if a > 31 else ((1 << min(b, 32)) - 1) << a)
add("bmsk.wrap.b32 D, A, B", "b32", "b32 b32", lambda a, b: ((1 << (b & 31)) - 1) << (a & 31))


def selected(order):
    """prmt's modes: which bytes of {b, a} for each value of the selector's low bits."""
    def result(a, b, c):
        both = b << 32 | a
        return sum((both >> 8 * byte & 255) << 8 * k for k, byte in enumerate(order[c & 3]))
    return result


for mode, order in {
        "f4e": [[0, 1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 5], [3, 4, 5, 6]],
        "b4e": [[0, 7, 6, 5], [1, 0, 7, 6], [2, 1, 0, 7], [3, 2, 1, 0]],
        "rc8": [[k] * 4 for k in range(4)],
        "ecl": [[0, 1, 2, 3], [1, 1, 2, 3], [2, 2, 2, 3], [3, 3, 3, 3]],
        "ecr": [[0, 0, 0, 0], [0, 1, 1, 1], [0, 1, 2, 2], [0, 1, 2, 3]],
        "rc16": [[0, 1, 0, 1], [2, 3, 2, 3], [0, 1, 0, 1], [2, 3, 2, 3]]}.items():
    add(f"prmt.b32.{mode} D, A, B, C", "b32", "b32 b32 b32", selected(order))

# The carry: 0xffffffff + A carries unless A is 0.
CARRY = "add.cc.u32 %x, A, 0xffffffff;"
add("madc.lo.cc.u32 D, A, B, C", "b32", "b32 b32 b32", lambda a, b, c: a * b + c + (a > 0), before=CARRY)
add("madc.hi.u32 D, A, B, C", "b32", "b32 b32 b32", lambda a, b, c: (a * b >> 32) + c + (a > 0), before=CARRY)
add("madc.lo.s32 D, A, B, C", "b32", "b32 b32 b32", lambda a, b, c: a * b + c + (a > 0), before=CARRY)
add("madc.hi.cc.s32 D, A, B, C", "b32", "b32 b32 b32",
    lambda a, b, c: (signed(a, 32) * signed(b, 32) >> 32) + c + (a > 0), before=CARRY)
add("addc.u32 D, 0, 0", "b32", "b32 b32 b32",
    lambda a, b, c: int((a * b & M32) + c + (a > 0) > M32), before=CARRY + "madc.lo.cc.u32 %x, A, B, C;")
add("sub.sat.s32 D, A, B", "b32", "b32 b32",
    lambda a, b: max(-1 << 31, min((1 << 31) - 1, signed(a, 32) - signed(b, 32))))

# Every comparison of integers, in setp and set, with and without a predicate to combine with.
ORDER = {"eq": lambda a, b: a == b, "ne": lambda a, b: a != b, "lt": lambda a, b: a < b, "le": lambda a, b: a <= b,
         "gt": lambda a, b: a > b, "ge": lambda a, b: a >= b}
UNSIGNED = {"lo": "lt", "ls": "le", "hi": "gt", "hs": "ge"}
COMBINE = {"and": lambda x, y: x and y, "or": lambda x, y: x or y, "xor": lambda x, y: x != y}


def numbers(kind, bits):
    """How the raw bits of a source compare."""
    if kind == "f":
        return {16: f16, 32: f32, 64: f64}[bits]
    return (lambda v: signed(v, bits)) if kind == "s" else (lambda v: v)


for kind in "us":
    for bits in (16, 32, 64):
        for name in [*ORDER, *(UNSIGNED if kind == "u" else [])]:
            def holds(a, b, name=name, real=numbers(kind, bits)):
                return ORDER[UNSIGNED.get(name, name)](real(a), real(b))
            source = f"b{bits} b{bits}"
            add(f"setp.{name}.{kind}{bits} D, A, B", "p", source, lambda a, b, h=holds: int(h(a, b)))
            add(f"set.{name}.u32.{kind}{bits} D, A, B", "b32", source, lambda a, b, h=holds: -int(h(a, b)))
            add(f"set.{name}.s32.{kind}{bits} D, A, B", "b32", source, lambda a, b, h=holds: -int(h(a, b)))
            add(f"set.{name}.f32.{kind}{bits} D, A, B", "b32", source, lambda a, b, h=holds: bits32(float(h(a, b))))
for bits in (16, 32, 64):
    for name in ("eq", "ne"):
        add(f"setp.{name}.b{bits} D, A, B", "p", f"b{bits} b{bits}", lambda a, b, n=name: int(ORDER[n](a, b)))
        add(f"set.{name}.u32.b{bits} D, A, B", "b32", f"b{bits} b{bits}", lambda a, b, n=name: -int(ORDER[n](a, b)))

# Floats: ordered comparisons are false with a NaN, the -u forms true.
FLOAT = {**{n: (lambda a, b, f=f: a == a and b == b and f(a, b)) for n, f in ORDER.items()},
         **{n + "u": (lambda a, b, f=f: a != a or b != b or f(a, b)) for n, f in ORDER.items()},
         "num": lambda a, b: a == a and b == b, "nan": lambda a, b: a != a or b != b}
for bits in (32, 64):
    for name, compare in FLOAT.items():
        real, source = numbers("f", bits), f"f{bits} f{bits}"
        add(f"setp.{name}.f{bits} D, A, B", "p", source, lambda a, b, c=compare, r=real: int(c(r(a), r(b))))
        add(f"set.{name}.u32.f{bits} D, A, B", "b32", source, lambda a, b, c=compare, r=real: -int(c(r(a), r(b))))
        add(f"set.{name}.f32.f{bits} D, A, B", "b32", source, lambda a, b, c=compare, r=real: bits32(float(c(r(a), r(b)))))
        if bits == 32:
            add(f"setp.{name}.ftz.f32 D, A, B", "p", source, lambda a, b, c=compare: int(c(flushed(f32(a)), flushed(f32(b)))))
            add(f"set.{name}.ftz.u32.f32 D, A, B", "b32", source,
                lambda a, b, c=compare: -int(c(flushed(f32(a)), flushed(f32(b)))))
for op, combine in COMBINE.items():
    for negated in ("", "!"):
        def both(a, b, c, f=combine, n=bool(negated), test=ORDER["lt"]):
            return int(f(test(a, b), bool(c) != n))
        add(f"setp.lt.{op}.u32 D, A, B, {negated}C", "p", "b32 b32 p", both)
        add(f"set.lt.{op}.u32.u32 D, A, B, {negated}C", "b32", "b32 b32 p", lambda a, b, c, f=both: -f(a, b, c))
        # The second result combines the comparison's opposite.
        add(f"setp.lt.{op}.u32 %q|D, A, B, {negated}C", "p", "b32 b32 p",
            lambda a, b, c, f=both, t=ORDER["ge"]: f(a, b, c, test=t))

# slct by sign, testp by class.
for kind, bits in [("b", 16), ("b", 32), ("b", 64), ("u", 16), ("s", 32), ("u", 64), ("f", 32), ("f", 64)]:
    source = f"b{bits} b{bits}"
    add(f"slct.{kind}{bits}.s32 D, A, B, C", f"b{bits}", source + " b32", lambda a, b, c: a if signed(c, 32) >= 0 else b)
    add(f"slct.{kind}{bits}.f32 D, A, B, C", f"b{bits}", source + " f32", lambda a, b, c: a if f32(c) >= 0 else b)
    add(f"slct.ftz.{kind}{bits}.f32 D, A, B, C", f"b{bits}", source + " f32", lambda a, b, c: a if flushed(f32(c)) >= 0 else b)
for bits, real, least in ((32, f32, 2.0 ** -126), (64, f64, 2.0 ** -1022)):
    for name, test in {"finite": math.isfinite, "infinite": math.isinf, "number": lambda v: v == v, "notanumber": lambda v: v != v,
                       "normal": lambda v, m=least: math.isfinite(v) and abs(v) >= m,
                       "subnormal": lambda v, m=least: 0 < abs(v) < m}.items():
        inputs = ([1, 0x80000001, 1 << (bits - 1), 1 << 52, (1 << 52) - 1, 0x7fffff, 0x800000, 0] * 4,) if name == "subnormal" else ()
        inputs = tuple([v & ((1 << bits) - 1) for v in p] for p in inputs)
        add(f"testp.{name}.f{bits} D, A", "p", f"f{bits}", lambda a, t=test, r=real: int(t(r(a))), inputs=inputs)

# Video instructions on two halves or four bytes.
VIDEO = {"vadd": lambda x, y: x + y, "vsub": lambda x, y: x - y, "vmin": min, "vmax": max, "vabsdiff": lambda x, y: abs(x - y),
         "vavrg": lambda x, y: (x + y + 1) >> 1 if x + y >= 0 else -((-(x + y) + 1) >> 1)}


def video(op, parts, d, a, b, saturates, sums):
    bits = 32 // parts

    def value(word, k, kind):
        v = word >> k * bits & (1 << bits) - 1
        return signed(v, bits) if kind == "s" else v

    def result(x, y, c):
        least = -(1 << (bits - 1)) if d == "s" else 0
        total = 0
        for k in range(parts):
            v = op(value(x, k, a), value(y, k, b))
            if saturates:
                v = max(least, min(least + (1 << bits) - 1, v))
            v &= (1 << bits) - 1
            total += (signed(v, bits) if d == "s" else v) if sums else v << k * bits
        return total + c if sums else total
    return result


for parts in (2, 4):
    for name, op in VIDEO.items():
        for d, a, b in ("uuu", "sss", "usu", "sus"):
            for modifier in ("", ".sat", ".add"):
                add(f"{name}{parts}.{d}32.{a}32.{b}32{modifier} D, A, B, C", "b32", "b32 b32 b32",
                    video(op, parts, d, a, b, modifier == ".sat", modifier == ".add"))
    for name, test in ORDER.items():
        for a, b in ("uu", "ss", "us"):
            for modifier in ("", ".add"):
                add(f"vset{parts}.{a}32.{b}32.{name}{modifier} D, A, B, C", "b32", "b32 b32 b32",
                    video(lambda x, y, t=test: int(t(x, y)), parts, "u", a, b, False, modifier == ".add"))
