"""Integer, logic, comparison, selection and video instructions by their definition in the PTX ISA."""
import itertools
import math

from lanes import Form, bf16, bits32, f16, f32, f64, flushed, signed

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

for bits in (16, 32, 64):
    for kind in "us":
        def real(v, kind=kind, bits=bits):
            return signed(v, bits) if kind == "s" else v
        two = (f"b{bits}", f"b{bits} b{bits}")
        add(f"add.{kind}{bits} D, A, B", *two, lambda a, b: a + b)
        add(f"sub.{kind}{bits} D, A, B", *two, lambda a, b: a - b)
        add(f"min.{kind}{bits} D, A, B", *two, lambda a, b, r=real: min(r(a), r(b)))
        add(f"max.{kind}{bits} D, A, B", *two, lambda a, b, r=real: max(r(a), r(b)))
    add(f"abs.s{bits} D, A", f"b{bits}", f"b{bits}", lambda a, bits=bits: abs(signed(a, bits)))
    add(f"neg.s{bits} D, A", f"b{bits}", f"b{bits}", lambda a: -a)

# The carry: all ones and A carry unless A is 0.
CARRY = "add.cc.u32 %x, A, 0xffffffff;"
for bits in (32, 64):
    before = CARRY if bits == 32 else "add.cc.u64 %o, A, -1;"
    for kind in "us":
        def product(a, b, kind=kind, bits=bits):
            return signed(a, bits) * signed(b, bits) if kind == "s" else a * b
        for out in ("", ".cc"):
            source = f"b{bits} b{bits}"
            add(f"addc{out}.{kind}{bits} D, A, B", f"b{bits}", source, lambda a, b: a + b + (a > 0), before=before)
            add(f"madc.lo{out}.{kind}{bits} D, A, B, C", f"b{bits}", source + f" b{bits}",
                lambda a, b, c: a * b + c + (a > 0), before=before)
            add(f"madc.hi{out}.{kind}{bits} D, A, B, C", f"b{bits}", source + f" b{bits}",
                lambda a, b, c, p=product, bits=bits: (p(a, b) >> bits) + c + (a > 0), before=before)
add("addc.u32 D, 0, 0", "b32", "b32 b32 b32",
    lambda a, b, c: int((a * b & M32) + c + (a > 0) > M32), before=CARRY + "madc.lo.cc.u32 %x, A, B, C;")
add("sub.sat.s32 D, A, B", "b32", "b32 b32",
    lambda a, b: max(-1 << 31, min((1 << 31) - 1, signed(a, 32) - signed(b, 32))))

# Comparisons. Ordered ones of floats are false with a NaN, the -u forms true.
ORDER = {"eq": lambda a, b: a == b, "ne": lambda a, b: a != b, "lt": lambda a, b: a < b, "le": lambda a, b: a <= b,
         "gt": lambda a, b: a > b, "ge": lambda a, b: a >= b}
UNSIGNED = {"lo": "lt", "ls": "le", "hi": "gt", "hs": "ge"}
FLOAT = {**{n: (lambda a, b, f=f: a == a and b == b and f(a, b)) for n, f in ORDER.items()},
         **{n + "u": (lambda a, b, f=f: a != a or b != b or f(a, b)) for n, f in ORDER.items()},
         "num": lambda a, b: a == a and b == b, "nan": lambda a, b: a != a or b != b}
COMBINE = {"and": lambda x, y: x and y, "or": lambda x, y: x or y, "xor": lambda x, y: x != y}
NUMBERS = {"f16": f16, "bf16": bf16, "f32": f32, "f64": f64}
ONES = {"f16": {"f16": 0x3c00, "u16": 0xffff, "s16": 0xffff}, "bf16": {"bf16": 0x3f80, "u16": 0xffff, "s16": 0xffff}}
LEAST = {"f16": 2.0 ** -14, "f32": 2.0 ** -126}


def tests_of(kind):
    if kind[0] == "b" and kind != "bf16":
        return {n: ORDER[n] for n in ("eq", "ne")}
    return {**ORDER, **{n: ORDER[o] for n, o in UNSIGNED.items()}} if kind[0] == "u" else FLOAT if kind in NUMBERS else ORDER


def number(kind, ftz):
    """Raw bits as what is compared."""
    if kind not in NUMBERS:
        return lambda v: signed(v, int(kind[1:])) if kind[0] == "s" else v
    least = LEAST[kind] if ftz else 0
    return lambda v: 0.0 if abs(NUMBERS[kind](v)) < least else NUMBERS[kind](v)


for kind in [f"{k}{b}" for b in (16, 32, 64) for k in "usb"] + list(NUMBERS):
    size = 16 if kind == "bf16" else int(kind[1:])
    register = f"f{size}" if kind in ("f32", "f64") else f"b{size}"
    source = f"{register} {register}"
    for ftz in ("", ".ftz") if kind in LEAST else ("",):
        for name, test in tests_of(kind).items():
            def holds(a, b, t=test, real=number(kind, ftz)):
                return bool(t(real(a), real(b)))
            add(f"setp.{name}{ftz}.{kind} D, A, B", "p", source, lambda a, b, h=holds: int(h(a, b)))
            for result in ("u32", "s32"):
                add(f"set.{name}{ftz}.{result}.{kind} D, A, B", "b32", source, lambda a, b, h=holds: -int(h(a, b)))
            if kind not in ONES:
                add(f"set.{name}{ftz}.f32.{kind} D, A, B", "b32", source, lambda a, b, h=holds: bits32(float(h(a, b))))
            for result, yes in ONES.get(kind, {}).items():
                add(f"set.{name}{ftz}.{result}.{kind} D, A, B", "b16", source, lambda a, b, h=holds, y=yes: y * h(a, b))
            for op, combine in COMBINE.items():
                if name not in ("lt", "eq") or ftz:
                    continue
                for negated in ("", "!"):
                    def both(a, b, c, f=combine, n=bool(negated), h=holds):
                        return int(f(h(a, b), bool(c) != n))
                    add(f"setp.{name}.{op}.{kind} D, A, B, {negated}C", "p", source + " p", both)
                    for result in ("u32", "s32"):
                        add(f"set.{name}.{op}.{result}.{kind} D, A, B, {negated}C", "b32", source + " p",
                            lambda a, b, c, f=both: -f(a, b, c))
                    for result, yes in ONES.get(kind, {}).items():
                        add(f"set.{name}.{op}.{result}.{kind} D, A, B, {negated}C", "b16", source + " p",
                            lambda a, b, c, f=both, y=yes: y * f(a, b, c))
                    if kind not in ONES:
                        add(f"set.{name}.{op}.f32.{kind} D, A, B, {negated}C", "b32", source + " p",
                            lambda a, b, c, f=both: bits32(float(f(a, b, c))))
# Pairs: each half by itself.
for kind in ("f16", "bf16"):
    for ftz in ("", ".ftz") if kind == "f16" else ("",):
        for name, test in FLOAT.items():
            def halves(a, b, t=test, real=number(kind, ftz)):
                return [bool(t(real(a >> s & 0xffff), real(b >> s & 0xffff))) for s in (0, 16)]
            for result, yes in (("u32", 0xffff), ("s32", 0xffff), (kind + "x2", ONES[kind][kind])):
                add(f"set.{name}{ftz}.{result}.{kind}x2 D, A, B", "b32", "b32 b32",
                    lambda a, b, h=halves, y=yes: sum(y << 16 * n for n, x in enumerate(h(a, b)) if x))
                for op, combine in COMBINE.items():
                    if name in ("lt", "eq") and not ftz:
                        add(f"set.{name}.{op}.{result}.{kind}x2 D, A, B, C", "b32", "b32 b32 p",
                            lambda a, b, c, h=halves, f=combine, y=yes:
                                sum(y << 16 * n for n, x in enumerate(h(a, b)) if f(x, bool(c))))
# The second result of setp combines the comparison's opposite.
for op, combine in COMBINE.items():
    for negated in ("", "!"):
        add(f"setp.lt.{op}.u32 %q|D, A, B, {negated}C", "p", "b32 b32 p",
            lambda a, b, c, f=combine, n=bool(negated): int(f(a >= b, bool(c) != n)))

# slct by sign, testp by class.
for kind, bits in [*((k, b) for k in "bus" for b in (16, 32, 64)), ("f", 32), ("f", 64)]:
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
        for d, a, b in itertools.product("us", repeat=3):
            for modifier in ("", ".sat", ".add"):
                add(f"{name}{parts}.{d}32.{a}32.{b}32{modifier} D, A, B, C", "b32", "b32 b32 b32",
                    video(op, parts, d, a, b, modifier == ".sat", modifier == ".add"))
    for name, test in ORDER.items():
        for a, b in itertools.product("us", repeat=2):
            for modifier in ("", ".add"):
                add(f"vset{parts}.{a}32.{b}32.{name}{modifier} D, A, B, C", "b32", "b32 b32 b32",
                    video(lambda x, y, t=test: int(t(x, y)), parts, "u", a, b, False, modifier == ".add"))
