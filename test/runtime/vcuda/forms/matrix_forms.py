"""mma.sync and ldmatrix with the fragments of CuTe's layouts (cute/), on matrices whose exact product is unambiguous.

Elements are whole numbers, times one power of two for floats, so small that every partial sum in any order is exact: the
product is computed with Python's integers. A wrong place of any element changes it.
"""
import json
import pathlib
import random
import re

import numpy as np

from float_forms import fma
from formats import BF16, E4M3, E5M2, F16, F32
from lanes import HEAD

CUTE = json.loads(pathlib.Path(__file__).with_name("cute").joinpath("fragments.json").read_text())
NAME = re.compile(r"SM\d+_(\d+)x(\d+)x(\d+)_(F16|F32|F64|S32)([A-Z]+\d[A-Z\d]*?)_(TN|NT|NN|TT)(_\w+)?$")
OPERANDS = re.compile(r"(BF16|F16|TF32|F64|S8|U8|S4|U4|U1|E4M3|E5M2)")
FLOATS = {"f16": F16, "bf16": BF16, "tf32": F32, "f32": F32, "e4m3": E4M3, "e5m2": E5M2}


def flat(shape):
    return [d for s in shape for d in flat(s)] if isinstance(shape, list) else [shape]


def places(layout):
    """layout[thread][value] of [shape, stride]."""
    def mode(shape, stride):
        sizes, strides = flat(shape), flat(stride)
        found = []
        for index in range(int(np.prod(sizes))):
            at, rest = 0, index
            for size, step in zip(sizes, strides):
                at += rest % size * step
                rest //= size
            found.append(at)
        return found
    shape, stride = layout
    return [[t + v for v in mode(shape[1], stride[1])] for t in mode(shape[0], stride[0])]


def bits_of(kind):
    return {"f64": 64, "b1": 1, "s4": 4, "u4": 4}.get(kind) or (16 if kind in ("f16", "bf16") else 32 if kind in ("f32", "tf32", "s32") else 8)


def encode(kind, value, scale):
    """Raw bits of a whole number, floats times 2 ** scale."""
    if kind == "f64":
        return int(np.float64(value * 2.0 ** scale).view(np.uint64))
    if kind in FLOATS:
        return int(FLOATS[kind].encode(np.array([value * 2.0 ** scale]))[0])
    return value & (1 << bits_of(kind)) - 1


def largest(kind, accumulator, k):
    """How big elements may be so that sums stay exact in the accumulator."""
    if kind == "b1":
        return 1
    if kind in ("s4", "u4", "s8", "u8"):
        return {"s4": 7, "u4": 15, "s8": 127, "u8": 255}[kind]
    if kind == "f64":
        return 1 << 20
    most = {"f16": 1 << 9, "bf16": 1 << 7, "tf32": 1 << 9, "e4m3": 1 << 3, "e5m2": 1 << 2}[kind]
    return min(most, 8) if accumulator == "f16" else most


class Mma:
    """One instruction: its modifiers and the layouts of its operands."""
    def __init__(self, name):
        match = NAME.match(name)
        self.target = max("sm_89", name.split("_")[0].lower().replace("sm", "sm_"))
        self.layouts = {part: places(layout) for part, layout in CUTE["mma"][name].items()}
        self.m, self.n, self.k = (int(v) for v in match.groups()[:3])
        for part, (rows, columns) in dict(A=(self.m, self.k), B=(self.n, self.k), C=(self.m, self.n)).items():
            assert sorted(v for values in self.layouts[part] for v in values) == list(range(rows * columns)), (name, part)
        self.d = match[4].lower()
        middle = OPERANDS.findall(match[5])
        self.a, self.b = (t.lower().replace("u1", "b1") for t in middle[:2])
        self.pairs = (self.m, self.n, self.k, self.a) == (8, 8, 4, "f16")
        aligned = {"T": "row", "N": "col"}[match[6][0]], {"T": "row", "N": "col"}[match[6][1]]
        extra = match[7] or ""
        self.saturates = extra == "_SATURATE"
        self.bit_op = {"_ANDPOPC": "and", "_XORPOPC": "xor"}.get(extra)
        self.text = (f"mma.sync.aligned.m{self.m}n{self.n}k{self.k}.{aligned[0]}.{aligned[1]}" + ".satfinite" * self.saturates
                     + f".{self.d}.{self.a}.{self.b}.{self.d}" + (f".{self.bit_op}.popc" if self.bit_op else ""))

    def registers(self, part):
        kind = {"A": self.a, "B": self.b, "C": self.d}[part]
        return max(1, len(self.layouts[part][0]) * bits_of(kind) // (64 if kind == "f64" else 32))

    def lanes(self):
        """(product, thread of the layout, lane)"""
        if not self.pairs:
            return [(0, t, t) for t in range(32)]
        return [(p, t, 16 * (t // 4) + 4 * p + t % 4) for p in range(4) for t in range(8)]

    def spread(self, part, matrices, scale):
        """Registers of all lanes from matrices [product][place]."""
        kind = {"A": self.a, "B": self.b, "C": self.d}[part]
        bits, wide = bits_of(kind), kind == "f64"
        words = np.zeros((32, self.registers(part)), np.uint64 if wide else np.uint32)
        for product, thread, lane in self.lanes():
            for value, place in enumerate(self.layouts[part][thread]):
                at, shift = divmod(value * bits, 64 if wide else 32)
                words[lane, at] |= words.dtype.type(encode(kind, matrices[product][place], scale) << shift)
        return words

    def kernel(self):
        text = [HEAD.format(target="sm_75" if self.pairs else self.target),
                ".visible .entry k(.param .u64 d, .param .u64 a, .param .u64 b, .param .u64 c)\n{\n.reg .b64 %p, %o; .reg .b32 %t;",
                "mov.u32 %t, %tid.x;"]
        lists = {}
        for part, parameter in zip("DABC", "dabc"):
            count, wide = self.registers("C" if part == "D" else part), (self.d if part in "DC" else self.a) == "f64"
            size = 8 if wide else 4
            names = [f"%{parameter}r{i}" for i in range(count)]
            text.append(f".reg .b{8 * size} {', '.join(names)};")
            lists[part] = "{" + ", ".join(names) + "}"
            access = [f"ld.param.u64 %p, [{parameter}]; mul.wide.u32 %o, %t, {size * count}; add.s64 %p, %p, %o;"]
            access += [f"st.global.b{8 * size} [%p+{size * i}], {n};" if part == "D" else f"ld.global.b{8 * size} {n}, [%p+{size * i}];"
                       for i, n in enumerate(names)]
            if part == "D":
                stores = access
            else:
                text += access
        text.append(f"{self.text} {lists['D']}, {lists['A']}, {lists['B']}, {lists['C']};")
        return "\n".join(text + stores) + "\nret;\n}\n"

    def run(self, gpu, seed):
        pick = random.Random(seed)
        products = 4 if self.pairs else 1
        scales = (pick.randrange(-4, 3), pick.randrange(-4, 3)) if self.d[0] == "f" and self.d != "f16" and self.a[0] != "e" else (0, 0)

        def matrix(kind, size):
            top = largest(kind, self.d, self.k)
            return [pick.randint(0 if kind[0] in "ub" and kind != "bf16" else -top, top) for _ in range(size)]
        a = [matrix(self.a, self.m * self.k) for _ in range(products)]
        b = [matrix(self.b, self.n * self.k) for _ in range(products)]
        limit = 64 if self.d == "f16" else (1 << 31) - 1 if self.saturates else 1 << 16
        c = [[pick.randint(-limit, limit) for _ in range(self.m * self.n)] for _ in range(products)]
        want = []
        for p in range(products):
            def one(i, j, p=p):
                terms = ((a[p][i + self.m * x], b[p][j + self.n * x]) for x in range(self.k))
                total = c[p][i + self.m * j] + sum({"and": x & y, "xor": x ^ y}[self.bit_op] if self.bit_op else x * y
                                                   for x, y in terms)
                return max(-1 << 31, min((1 << 31) - 1, total)) if self.saturates else total
            want.append([one(at % self.m, at // self.m) for at in range(self.m * self.n)])
        module = gpu.load(self.kernel())
        fragments = [self.spread("A", a, scales[0]), self.spread("B", b, scales[1]), self.spread("C", c, sum(scales))]
        d = np.zeros_like(fragments[2])
        gpu.run(module, "k", [d, *fragments])
        gpu.unload(module)
        expected = self.spread("C", want, sum(scales))
        if (d == expected).all():
            return None
        lane, register = (int(v[0]) for v in np.nonzero(d != expected))
        return f"{self.text}: lane {lane}, register {register}: {d[lane, register]:x}, not {expected[lane, register]:x}"


def load_matrices(gpu, name, layouts):
    """ldmatrix: thread t names row t; half word i of the rows holds i."""
    size, kind = name.split("_")
    count = int(size.split("x")[1]) * int(size[1:3]) // 32
    source, target = places(layouts["Src"]), places(layouts["Dst"])
    assert all(source[t] == list(range(128 * t, 128 * t + 128)) for t in range(8 * count))
    registers = [f"%r{i}" for i in range(count)]
    module = gpu.load(HEAD.format(target="sm_75") + ".visible .entry k(.param .u64 out)\n{\n.shared .align 16 .b8 rows[512];\n"
                      ".reg .b64 %p, %o; .reg .b32 %r<8>, %t, %a, %w, %s; mov.u32 %t, %tid.x; mov.u32 %s, rows; shl.b32 %a, %t, 4;\n"
                      "add.u32 %s, %s, %a; mul.lo.u32 %w, %t, 0x80008; add.u32 %w, %w, 0x10000;\n"
                      + "".join(f"st.shared.u32 [%s+{4 * i}], %w; add.u32 %w, %w, 0x20002;\n" for i in range(4)) + "bar.sync 0;\n"
                      f"ldmatrix.sync.aligned.m8n8.x{count}{'.trans' * (kind == 'T')}.shared.b16 {{{', '.join(registers)}}}, [%s];\n"
                      f"ld.param.u64 %p, [out]; mul.wide.u32 %o, %t, {4 * count}; add.s64 %p, %p, %o;\n"
                      + "".join(f"st.global.u32 [%p+{4 * i}], {r};\n" for i, r in enumerate(registers)) + "ret;\n}\n")
    out = np.zeros((32, count), np.uint32)
    gpu.run(module, "k", [out])
    gpu.unload(module)
    got = out.view(np.uint16)
    want = np.array([[bit // 16 for bit in target[t][::16]] for t in range(32)], np.uint16)
    return None if (got == want).all() else f"ldmatrix {name}: {got[got != want][:4]}, not {want[got != want][:4]}"


# m, n, k of the shapes of doubles that say how sums are rounded: values per lane of A, B and C.
DOUBLES = {"m8n8k4": (1, 1, 2, "sm_80"), "m16n8k4": (2, 1, 4, "sm_90"), "m16n8k8": (4, 2, 4, "sm_90"), "m16n8k16": (8, 4, 4, "sm_90")}


def directed(gpu):
    """Sums of doubles in each rounding: A and B hold one value each, so that an element is k fused operations on C."""
    a, b, c = 1.0 + 2.0 ** -30, 1.0 - 2.0 ** -25, 3.0 + 2.0 ** -51
    for shape, (na, nb, nc, target) in DOUBLES.items():
        for mode in ("rn", "rz", "rm", "rp"):
            want = c
            for _ in range(int(shape.split("k")[1])):
                want = fma(a, b, want, mode, fraction=52, least=-1022, top=1023)
            forms = [f"mma.sync.aligned.{shape}.row.col.{mode}.f64.f64.f64.f64"]
            if shape == "m8n8k4":
                forms.append(f"wmma.mma.sync.aligned.row.col.{shape}.{mode}.f64.f64.f64.f64")
            for form in forms:
                d = [f"%d{8 + i}" for i in range(nc)]
                module = gpu.load(HEAD.format(target=target) + ".visible .entry k(.param .u64 out, .param .f64 a, .param .f64 b, .param .f64 c)\n{"
                                  ".reg .b64 %p, %o, %d<16>; .reg .b32 %t; mov.u32 %t, %tid.x; mul.wide.u32 %o, %t, 8;\n"
                                  "ld.param.f64 %d0, [a]; ld.param.f64 %d1, [b]; ld.param.f64 %d2, [c]; ld.param.u64 %p, [out]; add.s64 %p, %p, %o;\n"
                                  f"{form} {{{', '.join(d)}}}, {{{', '.join(['%d0'] * na)}}}, {{{', '.join(['%d1'] * nb)}}}, "
                                  f"{{{', '.join(['%d2'] * nc)}}};\nst.global.b64 [%p], {d[-1]};\nret;\n}}\n")
                out = np.zeros(32)
                gpu.run(module, "k", [out, np.float64(a), np.float64(b), np.float64(c)])
                gpu.unload(module)
                if (out != want).any():
                    yield f"{form}: {out[0].hex()}, not {want.hex()}"


def run(gpu):
    wrong = [load_matrices(gpu, name, layouts) for name, layouts in CUTE["ldmatrix"].items()]
    for name in CUTE["mma"]:
        if "C64" not in name:
            wrong += [Mma(name).run(gpu, seed) for seed in range(4)]
    return [*(w for w in wrong if w), *directed(gpu)]
