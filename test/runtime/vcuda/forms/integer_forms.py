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

# Pairs of half words, and results that are not below zero.
for name, op in {"add": lambda a, b: a + b, "min": min, "max": max}.items():
    for kind in "us":
        def pairs(a, b, op=op, kind=kind, relu=False):
            parts = [op(*(signed(v >> s, 16) if kind == "s" else v >> s & 0xffff for v in (a, b))) for s in (0, 16)]
            return sum((max(p, 0) if relu else p) % 65536 << s for p, s in zip(parts, (0, 16)))
        add(f"{name}.{kind}16x2 D, A, B", "b32", "b32 b32", pairs, target="sm_90")
    if name != "add":
        add(f"{name}.relu.s16x2 D, A, B", "b32", "b32 b32", lambda a, b, p=pairs: p(a, b, relu=True), target="sm_90")
        add(f"{name}.relu.s32 D, A, B", "b32", "b32 b32", lambda a, b, op=op: max(0, op(signed(a, 32), signed(b, 32))), target="sm_90")

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
                add(f"set.{name}{ftz}.f16.{kind} D, A, B", "b16", source, lambda a, b, h=holds: 0x3c00 * int(h(a, b)))
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
                        add(f"set.{name}.{op}.f16.{kind} D, A, B, {negated}C", "b16", source + " p",
                            lambda a, b, c, f=both: 0x3c00 * int(f(a, b, c)))
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

# The same with parts that are chosen, and with a mask of those that are written.
for parts, choices in ((2, (("h32", "h01", "h0"), ("h13", "h20", "h1"))), (4, (("b7531", "b0246", "b20"), ("b0123", "b4440", "b3")))):
    size = 32 // parts
    for name in ("vadd", "vmin", "vabsdiff"):
        for first, second, mask in choices:
            for modifier in ("", ".add", ".sat"):
                def chosen(x, y, c, op=VIDEO[name], picks=(first, second), mask=mask, parts=parts, size=size, modifier=modifier):
                    words = [x >> size * k & (1 << size) - 1 for k in range(parts)] + [y >> size * k & (1 << size) - 1 for k in range(parts)]
                    total = c
                    for k in range(parts):
                        u, v = (words[int(p[-1 - k])] for p in picks)
                        v = op(u, signed(v, size))
                        if modifier == ".sat":
                            v = max(-1 << size - 1, min((1 << size - 1) - 1, v))
                        v &= (1 << size) - 1
                        if str(k) not in mask:
                            continue
                        total = total + signed(v, size) if modifier == ".add" else total & ~(((1 << size) - 1) << size * k) | v << size * k
                    return total
                add(f"{name}{parts}.s32.u32.s32{modifier} D.{mask}, A.{first}, B.{second}, C", "b32", "b32 b32 b32", chosen)

# Video instructions on one part of each word.
BITS = {"": 32, "b": 8, "h": 16}


def piece(word, place, kind):
    """A part of a word by its name, "b2", as the type says."""
    size = BITS[place[:1]]
    v = word >> size * int(place[1:] or 0) & (1 << size) - 1
    return signed(v, size) if kind == "s" else v


def clipped(v, size, kind):
    least = -(1 << size - 1) if kind == "s" else 0
    return max(least, min(least + (1 << size) - 1, v))


def single(op, d, a, b, pa="", pb="", pd="", sat=False, second=""):
    def result(x, y, c=0):
        v = op(piece(x, pa, a), piece(y, pb, b))
        v = clipped(v, BITS[pd[:1]], d) if sat else v
        if second:
            return {"add": lambda v, c: v + c, "min": min, "max": max}[second](v, piece(c, "", d))
        if not pd:
            return v
        size = BITS[pd[:1]]
        at = size * int(pd[1:])
        return c & ~(((1 << size) - 1) << at) | (v & (1 << size) - 1) << at
    return result


def named_part(register, place):
    return register + ("." + place if place else "")


def singles(name, op, types, sat=True, tail=""):
    """All ways to say the types, with a few choices of parts, merges and second operations."""
    for d, a, b in types:
        kinds = "".join(f".{k}32" for k in (d, a, b) if k)
        result = d or "u"
        for modifier in ("", ".sat") if sat else ("",):
            for pa, pb in (("", ""), ("b0", "h1"), ("h0", "b3"), ("b2", "")):
                add(f"{name}{kinds}{modifier}{tail} D, {named_part('A', pa)}, {named_part('B', pb)}", "b32", "b32 b32",
                    single(op, result, a, b, pa, pb, sat=bool(modifier)))
            for second in ("add", "min", "max"):
                add(f"{name}{kinds}{modifier}{tail}.{second} D, A.h1, B.b1, C", "b32", "b32 b32 b32",
                    single(op, result, a, b, "h1", "b1", sat=bool(modifier), second=second))
            for pd in ("b0", "b1", "b2", "b3", "h0", "h1"):
                add(f"{name}{kinds}{modifier}{tail} D.{pd}, A.b1, B.h0, C", "b32", "b32 b32 b32",
                    single(op, result, a, b, "b1", "h0", pd, sat=bool(modifier)))


ALL3 = list(itertools.product("us", repeat=3))
for name in ("vadd", "vsub", "vabsdiff", "vmin", "vmax"):
    singles(name, VIDEO[name], ALL3)
for name, shift in (("vshl", lambda v, n: v << n), ("vshr", lambda v, n: v >> n)):
    for tail, amount in ((".clamp", lambda n: min(n, 32)), (".wrap", lambda n: n & 31)):
        singles(name, lambda v, n, s=shift, m=amount: s(v, m(n)), [(d, a, "u") for d, a in itertools.product("us", repeat=2)], tail=tail)
for name, test in ORDER.items():
    singles("vset", lambda x, y, t=test: int(t(x, y)), [("", a, b) for a, b in itertools.product("us", repeat=2)], sat=False, tail="." + name)


def multiplied(a, b, c, kinds, pa="", pb="", minus="", po=False, sat=False, scale=0):
    kind = "s" if "s" in kinds or minus else "u"
    product = piece(a, pa, kinds[0]) * piece(b, pb, kinds[1])
    addend = piece(c, "", kind)
    v = ((-product if minus == "ab" else product) + (-addend if minus == "c" else addend) + po) >> scale
    return clipped(v, 32, kind) if sat else v


for d, a, b in ALL3:
    for sat in ("", ".sat"):
        for scale in (0, 7, 15):
            tail = f"{sat}{f'.shr{scale}' if scale else ''}"
            for pa, pb in (("", ""), ("b1", "h1")):
                add(f"vmad.{d}32.{a}32.{b}32{tail} D, {named_part('A', pa)}, {named_part('B', pb)}, C", "b32", "b32 b32 b32",
                    lambda x, y, c, k=a + b, p=(pa, pb), s=sat, n=scale: multiplied(x, y, c, k, *p, sat=bool(s), scale=n))
            add(f"vmad.{d}32.{a}32.{b}32.po{tail} D, A.h0, B.b2, C", "b32", "b32 b32 b32",
                lambda x, y, c, k=a + b, s=sat, n=scale: multiplied(x, y, c, k, "h0", "b2", po=True, sat=bool(s), scale=n))
    for text, minus in (("-A.h0, B.h1, C", "ab"), ("A.h0, -B.h1, C", "ab"), ("-A.h0, -B.h1, C", ""), ("A.h0, B.h1, -C", "c")):
        if d == "s" and (a, b) != ("u", "u"):
            add(f"vmad.{d}32.{a}32.{b}32.sat D, {text}", "b32", "b32 b32 b32",
                lambda x, y, c, k=a + b, m=minus: multiplied(x, y, c, k, "h0", "h1", minus=m, sat=True))

# lop3 with a predicate, and the odd ones.
for op, combine in (("and", lambda x, y: x and y), ("or", lambda x, y: x or y)):
    for negated in ("", "!"):
        def nonzero(a, b, c, f=combine, n=bool(negated)):
            return int(f((a & b) != 0, (c & 1 == 1) != n))
        add(f"lop3.{op}.b32 %x|D, A, B, A, 0xc0, {negated}%q", "p", "b32 b32 b32", nonzero,
            before="and.b32 %x, C, 1; setp.ne.u32 %q, %x, 0;")
        add(f"lop3.{op}.b32 _|D, A, B, A, 0xc0, {negated}%q", "p", "b32 b32 b32", nonzero,
            before="and.b32 %x, C, 1; setp.ne.u32 %q, %x, 0;")
    add(f"lop3.{op}.b32 D|_, A, B, C, 0x96, %q", "b32", "b32 b32 b32", lambda a, b, c: a ^ b ^ c, before="setp.ne.u32 %q, A, 0;")
add("mad24.hi.sat.s32 D, A, B, C", "b32", "b32 b32 b32",
    lambda a, b, c: clipped((signed(a, 24) * signed(b, 24) >> 16) + signed(c, 32), 32, "s"))
