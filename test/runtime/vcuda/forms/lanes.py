"""Instructions that work lane by lane, and what each must give: Form("cnot.b32 D, A", "b32", "b32", reference).

D, A, B and C stand for registers. A reference takes Python integers (the raw bits of A, B, C; predicates are 0 or 1) and
returns the raw bits of D. It is plain integer or Fraction arithmetic wherever the ISA defines the result exactly.
"""
import dataclasses
import math
import struct
from typing import Callable

import numpy as np

HEAD = ".version 8.6\n.target {target}\n.address_size 64\n"


@dataclasses.dataclass
class Form:
    text: str
    d: str
    sources: str  # "b32 b32"; p is a predicate
    reference: Callable
    before: str = ""       # instructions before, which set what carries over (the carry flag)
    nans: bool = False     # of D, any NaN will do
    unit: float = 0        # D is a float within this relative error of the reference (a float)
    target: str = "sm_89"
    inputs: tuple = ()     # instead of the pools


def signed(value, bits):
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def f32(bits):
    return struct.unpack("<f", struct.pack("<I", bits & 0xffffffff))[0]


def f64(bits):
    return struct.unpack("<d", struct.pack("<Q", bits & (1 << 64) - 1))[0]


def f16(bits):
    return struct.unpack("<e", struct.pack("<H", bits & 0xffff))[0]


def bf16(bits):
    return f32((bits & 0xffff) << 16)


def bits32(value):
    """Of a float that is an f32; NaN is the canonical one."""
    return 0x7fffffff if value != value else struct.unpack("<I", struct.pack("<f", value))[0]


def flushed(value):
    return math.copysign(0.0, value) if abs(value) < 2.0 ** -126 else value


SPECIAL32 = [0.0, -0.0, 1.0, -1.0, 0.5, 1.5, 2.5, -2.5, 3.0, 1e-40, -1e-40, 1.17549435e-38, 3.4e38, -3.4e38, math.inf, -math.inf,
             math.nan, 65504.0, 1e-8, 2147483648.0, 100.25, -7.75]


def pool(kind, seed, size=256):
    """Values that matter and random ones, as raw bits."""
    random = np.random.default_rng(seed)
    bits = 1 if kind == "p" else int(kind.lstrip("bfh"))
    if kind == "p":
        return [int(v) for v in random.integers(0, 2, size)]
    if kind[0] == "f":
        special = [struct.unpack("<I" if bits == 32 else "<Q", struct.pack("<f" if bits == 32 else "<d", v))[0] for v in SPECIAL32]
    else:
        special = [0, 1, 2, 3, 5, 15, 16, 31, 32, 33, 63, 64, 65, 127, 128, 255, 256, 0x7fff, 0x8000, 0xffff, 0x80000000, 0x7fffffff,
                   0xffffffff, 1 << 63, (1 << 63) - 1, (1 << 64) - 1, 0x7f80ff01, 0x80017ffe]
    random.shuffle(special)
    while len(special) < size:
        value = int(random.integers(0, 1 << 63)) * 2 + int(random.integers(0, 2))
        if kind[0] == "f" and len(special) % 2:
            real = random.uniform(-4, 4)
            special.append(struct.unpack("<I" if bits == 32 else "<Q", struct.pack("<f" if bits == 32 else "<d", real))[0])
        else:
            special.append(value >> int(random.integers(0, bits)) * (kind[0] != "f"))
    return [v & ((1 << bits) - 1) for v in special[:size]]


def kernel(name, form, width):
    """One kernel: thread t applies the form to a[t], b[t], c[t]."""
    kinds = form.sources.split()
    text = [f".visible .entry {name}(.param .u64 d, .param .u64 a, .param .u64 b, .param .u64 c)\n{{",
            ".reg .b64 %p<2>, %o; .reg .b32 %t, %n, %i, %w, %x; .reg .pred %q;"]
    reg = {"p": "pred", "b8": "b16"}
    for operand, kind in zip("DABC", [form.d, *kinds]):
        text.append(f".reg .{reg.get(kind, 'b' + kind[1:])} {operand};")
    text.append("mov.u32 %t, %tid.x; mov.u32 %i, %ctaid.x; mov.u32 %n, %ntid.x; mad.lo.u32 %t, %i, %n, %t;")
    for operand, parameter, kind in zip("ABC", "abc", kinds):
        size = 4 if kind == "p" else width(kind)
        text.append(f"ld.param.u64 %p0, [{parameter}]; mul.wide.u32 %o, %t, {size}; add.s64 %p1, %p0, %o;")
        text.append("ld.global.u32 %w, [%p1]; setp.ne.u32 " + operand + ", %w, 0;" if kind == "p"
                    else f"ld.global.b{8 * size} {operand}, [%p1];")
    text.append(f"{form.before}\n{form.text};")
    size = 4 if form.d == "p" else width(form.d)
    text.append(f"ld.param.u64 %p0, [d]; mul.wide.u32 %o, %t, {size}; add.s64 %p1, %p0, %o;")
    text.append("selp.u32 %w, 1, 0, D; st.global.u32 [%p1], %w;" if form.d == "p" else f"st.global.b{8 * size} [%p1], D;")
    return "\n".join(text) + "\nret;\n}\n"


def width(kind):
    return 4 if kind == "p" else int(kind[1:]) // 8


def is_nan(bits, size):
    value = f32(bits) if size == 4 else f64(bits) if size == 8 else f16(bits)
    return value != value


def check(form, got, sources):
    """None, or what is wrong."""
    size = width(form.d)
    keep = 1 if form.d == "p" else (1 << 8 * size) - 1
    for lane, (value, *arguments) in enumerate(zip(got, *sources)):
        want = form.reference(*arguments)
        if form.unit:
            real = (f32 if size == 4 else f64)(value)
            near = real == want or (real != real and want != want) or \
                abs(real - want) <= form.unit * max(abs(want), 2.0 ** -126 / form.unit * 1e-3)
        else:
            near = value & keep == want & keep
            near = near or (form.nans and is_nan(value, size) and is_nan(want, size))
        if not near:
            shown = " ".join(f"{a:x}" for a in arguments)
            return f"{form.text} of {shown} at {lane}: {value:x}, not {want if form.unit else hex(want & keep)}"
    return None


def run(gpu, forms, size=256):
    """Runs every form; returns what is wrong."""
    wrong = []
    for target in sorted({f.target for f in forms}):
        chosen = [f for f in forms if f.target == target]
        text = HEAD.format(target=target) + "".join(kernel(f"k{n}", f, width) for n, f in enumerate(chosen))
        module = gpu.load(text)
        for n, form in enumerate(chosen):
            kinds = form.sources.split()
            sources = form.inputs or [pool(k, 100 * n + s, size) for s, k in enumerate(kinds)]
            count = len(sources[0])
            arrays = [np.array(values, dtype=f"u{width(k)}") for values, k in zip(sources, kinds)]
            d = np.full(count, 0xa5, dtype=f"u{width(form.d)}")
            filler = np.zeros(1, np.uint32)
            gpu.run(module, f"k{n}", [d, *arrays, *[filler] * (3 - len(arrays))], grid=count // 32)
            if message := check(form, [int(v) for v in d], sources):
                wrong.append(message)
        gpu.unload(module)
    return wrong
