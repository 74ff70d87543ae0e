#!/usr/bin/env python3
"""Is there PTX for sm_75 to sm_90 that NVIDIA's assembler takes and the virtual GPU refuses?

    accepted_test.py FOLDER_OF_LIBCUDA [PART]

Candidates are made from the rows of FORMS: a row has alternatives in braces, `{.ftz|}`, and letters for its operands. What
ptxas takes the virtual GPU must load; what it loads its own tests execute (runtime/vcuda/coverage.py). Textures, surfaces,
sparse matrices and clusters are left out on purpose and do not stand here, nor do two things that begin with sm_90: fma.oob,
and set with a bf16 result of other types.
"""
import itertools
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support"), str(HERE.parent / "runtime" / "vcuda" / "forms")]
from gpu import Gpu, Refused  # noqa: E402
from ptxas import find_ptxas  # noqa: E402

TARGETS = {"sm_75": "t4", "sm_80": "a100", "sm_86": "rtx3090", "sm_89": "rtx4090", "sm_90": "h200"}
# Registers by letter; S and G are addresses in shared and in global memory, vectors are letters with a count (r4).
REGISTERS = {"b": "b8", "h": "b16", "r": "b32", "l": "b64", "q": "b128", "f": "f32", "d": "f64", "p": "pred"}

INTS = "{.u16 h|.s16 h|.u32 r|.s32 r|.u64 l|.s64 l}"
BITS = "{.b16 h|.b32 r|.b64 l}"
ROUND = "{.rn|.rz|.rm|.rp}"
ANY_ROUND = "{.rn|.rz|.rm|.rp|}"
COMPARE = "{.eq|.ne|.lt|.le|.gt|.ge|.lo|.ls|.hi|.hs|.equ|.neu|.ltu|.leu|.gtu|.geu|.num|.nan}"
TYPED = "{.b16 h|.b32 r|.b64 l|.u16 h|.s16 h|.u32 r|.s32 r|.u64 l|.s64 l|.f32 f|.f64 d|.f16 h|.f16x2 r|.bf16 h|.bf16x2 r}"
HALVES = "{.f16 h|.f16x2 r|.bf16 h|.bf16x2 r}"
NUMBERS = ("u8 s8 u16 s16 u32 s32 u64 s64 f16 bf16 f32 f64".split())
LETTER = {"8": "b", "16": "h", "32": "r", "64": "l"}


def letter(kind):
    return {"f32": "f", "f64": "d", "bf16": "h", "f16": "h"}.get(kind) or LETTER[kind[1:]]


def repeated(base, kinds, counts):
    """`add`, TYPED, 3: every type with its operands, as rows."""
    return [f"{base}{kind} {', '.join([operand] * counts)}" for kind, operand in (k.split() for k in kinds.strip("{}").split("|"))]


def arithmetic():
    for op in ("add", "sub", "div", "rem", "min", "max", "mul.lo", "mul.hi"):
        yield from repeated(op, INTS, 3)
    for op in ("sad", "mad.lo", "mad.hi"):
        yield from repeated(op, INTS, 4)
    for op in ("abs", "neg"):
        yield from repeated(op, INTS, 2)
    yield "{add|sub}.sat.s32 r, r, r"
    yield "mad.hi.sat.s32 r, r, r, r"
    yield from ("mul.wide.{u|s}16 r, h, h", "mul.wide.{u|s}32 l, r, r", "mad.wide.{u|s}16 r, h, h, r", "mad.wide.{u|s}32 l, r, r, l")
    yield from ("mul24.{lo|hi}.{u|s}32 r, r, r", "mad24.{lo|hi}.{u|s}32 r, r, r, r", "mad24.hi.sat.s32 r, r, r, r")
    for op in ("add.cc", "addc", "addc.cc", "sub.cc", "subc", "subc.cc"):
        yield op + ".{u|s}32 r, r, r"
        yield op + ".{u|s}64 l, l, l"
    for op in ("mad{.lo|.hi}.cc", "madc{.lo|.hi}", "madc{.lo|.hi}.cc"):
        yield op + ".{u|s}32 r, r, r, r"
        yield op + ".{u|s}64 l, l, l, l"
    for op in ("and", "or", "xor"):
        yield from repeated(op, BITS, 3)
        yield op + ".pred p, p, p"
    for op in ("not", "cnot"):
        yield from repeated(op, BITS, 2)
    yield "not.pred p, p"
    for op in ("popc", "clz", "brev"):
        yield from (f"{op}.b32 r, r", f"{op}.b64 {'l' if op == 'brev' else 'r'}, l")
    yield from ("bfind{.shiftamt|}.{u|s}32 r, r", "bfind{.shiftamt|}.{u|s}64 r, l", "fns.b32 r, r, r, r")
    yield from ("bfe.{u|s}32 r, r, r, r", "bfe.{u|s}64 l, l, r, r", "bfi.b32 r, r, r, r, r", "bfi.b64 l, l, l, r, r")
    yield from ("bmsk.{clamp|wrap}.b32 r, r, r", "szext.{clamp|wrap}.{u|s}32 r, r, r", "lop3.b32 r, r, r, r, 0x2b")
    yield "lop3.{and|or}.b32 r|p, r, r, r, 0x2b, p"
    yield "lop3.{and|or}.b32 _|p, r, r, r, 0x2b, !p"
    yield from ("prmt.b32{.f4e|.b4e|.rc8|.ecl|.ecr|.rc16|} r, r, r, r", "shf.{l|r}.{clamp|wrap}.b32 r, r, r, r")
    yield from ("dp4a.{u|s}32.{u|s}32 r, r, r, r", "dp2a.{lo|hi}.{u|s}32.{u|s}32 r, r, r, r")
    for op, kinds in (("shl", BITS), ("shr", BITS), ("shr", INTS)):
        yield from (f"{op}{k} {o}, {o}, r" for k, o in (k.split() for k in kinds.strip("{}").split("|")))


def floats():
    for op in ("add", "sub", "mul"):
        yield op + ANY_ROUND + "{.ftz|}{.sat|}.f32 f, f, f"
        yield op + ANY_ROUND + ".f64 d, d, d"
        for kind in repeated("", HALVES, 3):
            yield op + "{.rn|}{.ftz|}{.sat|}" + kind
    for op in ("fma", "mad"):
        yield op + ROUND + "{.ftz|}{.sat|}.f32 f, f, f, f"
        yield op + ROUND + ".f64 d, d, d, d"
    for kind in repeated("", HALVES, 4):
        yield "fma.rn{.ftz|}{.sat|}{.relu|}" + kind
    for op in ("min", "max"):
        for kind in [".f32 f, f, f", ".f64 d, d, d", *repeated("", HALVES, 3)]:
            yield op + "{.ftz|}{.NaN|}{.xorsign.abs|}" + kind
        yield op + "{.relu|}.s32 r, r, r"
    for op in ("abs", "neg"):
        for kind in [".f32 f, f", ".f64 d, d", *repeated("", HALVES, 2)]:
            yield op + "{.ftz|}" + kind
    yield "div{.approx|.full|.rn|.rz|.rm|.rp}{.ftz|}.f32 f, f, f"
    yield "div" + ROUND + ".f64 d, d, d"
    for op in ("rcp", "sqrt"):  # ptxas also takes rcp.rn.ftz.f64, which the ISA has not
        yield op + "{.approx|.rn|.rz|.rm|.rp}{.ftz|}.f32 f, f"
        yield op + ROUND + ".f64 d, d"
    yield "rcp.approx.ftz.f64 d, d"
    for op in ("rsqrt", "sin", "cos", "lg2", "ex2", "tanh"):
        for kind in (".f32 f, f", ".f64 d, d", *repeated("", HALVES, 2)):
            yield op + ".approx{.ftz|}" + kind
    yield from ("copysign.f32 f, f, f", "copysign.f64 d, d, d")
    yield "testp{.finite|.infinite|.number|.notanumber|.normal|.subnormal}{.f32 p, f|.f64 p, d}"


def comparisons():
    for kind, operand in (k.split() for k in TYPED.strip("{}").split("|")):
        to = "p|p" if "x2" in kind else "p"
        yield f"setp{COMPARE}{{.ftz|}}{kind} {to}, {operand}, {operand}"
        yield f"setp.lt.and{{.ftz|}}{kind} p|p, {operand}, {operand}, !p"
        for result in ("u32 r", "s32 r", "f32 f", "f16 h", "bf16 h", "u16 h", "s16 h", "f16x2 r", "bf16x2 r"):
            name, d = result.split()
            if name == "bf16" and kind != ".bf16":
                continue
            yield f"set.{{eq|lt|geu|hi|nan}}{{.ftz|}}.{name}{kind} {d}, {operand}, {operand}"
            yield f"set.ne.xor{{.ftz|}}.{name}{kind} {d}, {operand}, {operand}, p"
        yield f"selp{kind} {operand}, {operand}, {operand}, p"
        yield f"slct{{.ftz|}}{kind}{{.s32|.f32}} {operand}, {operand}, {operand}, {{r|f}}"


def conversions():
    for to, source in itertools.product(NUMBERS, NUMBERS):
        yield (f"cvt{{.rni|.rzi|.rmi|.rpi|.rn|.rz|.rm|.rp|.rna|}}{{.ftz|}}{{.relu|.sat|.satfinite|.relu.satfinite|}}.{to}.{source} "
               f"{letter(to)}, {letter(source)}")
    for to, operands in (("f16x2", "r, f, f"), ("bf16x2", "r, f, f"), ("e4m3x2", "h, f, f"), ("e5m2x2", "h, f, f"), ("tf32", "r, f")):
        yield f"cvt{{.rn|.rz|.rna|.rm}}{{.relu|.satfinite|.satfinite.relu|.relu.satfinite|}}.{to}.f32 {operands}"
    for eight in ("e4m3x2", "e5m2x2"):
        yield f"cvt.rn{{.satfinite|}}{{.relu|}}.{eight}.f16x2 h, r"
        yield f"cvt.rn{{.relu|}}{{.f16x2|.bf16x2}}.{eight} r, h"
    yield from ("cvt.pack.sat.{u|s}16.s32 r, r, r", "cvt.pack.sat.{u|s}{8|4|2}.s32.b32 r, r, r, r")
    yield from ("mov.b16 {b, b}, h", "mov.b32 {h, h}, r", "mov.b32 {b, b, b, b}, r", "mov.b64 {r, r}, l", "mov.b64 {h, h, h, h}, l",
                "mov.b128 {l, l}, q", "mov.b128 q, {l, l}", "mov.b128 q, q")
    yield from repeated("mov", "{.b16 h|.b32 r|.b64 l|.u16 h|.s16 h|.u32 r|.s32 r|.u64 l|.s64 l|.f32 f|.f64 d|.pred p}", 2)
    yield from specials()
    yield "mov{.u16 h|.b16 h|.u32 r|.s32 r|.u64 l}, WARP_SZ"
    yield "{add|min|xor}.b32 r, r, WARP_SZ"
    yield "setp.lt.u32 p, r, WARP_SZ"


def specials():
    """All of section 10 of the ISA, but %reserved_smem_offset_0, of which nobody says what it is."""
    vectors = ("tid", "ntid", "ctaid", "nctaid", "clusterid", "nclusterid", "cluster_ctaid", "cluster_nctaid")
    scalars = ("laneid", "warpid", "nwarpid", "smid", "nsmid", "gridid", "is_explicit_cluster", "cluster_ctarank", "cluster_nctarank",
               *(f"lanemask_{c}" for c in "eq le lt ge gt".split()), "clock", "clock_hi", "clock64", *(f"pm{n}" for n in range(9)),
               *(f"pm{n}_64" for n in range(9)), *(f"envreg{n}" for n in range(33)), "globaltimer", "globaltimer_lo", "globaltimer_hi",
               *(f"reserved_smem_offset_{n}" for n in ("begin", "end", "cap", "1")), "total_smem_size", "aggr_smem_size",
               "dynamic_smem_size", "current_graph_exec")
    for name in (*(f"{v}.{part}" for v in vectors for part in "xyzw"), *scalars):
        yield f"mov{{.u16 h|.b16 h|.u32 r|.b32 r|.s32 r|.u64 l|.b64 l|.f32 f|.pred p}}, %{name}"
        if name in ("tid.x", "cluster_ctaid.z", "laneid", "gridid", "clock64", "pm3_64", "globaltimer_lo", "envreg1"):
            for to, source in itertools.product("u8 u16 s32 u64".split(), repeat=2):
                yield f"cvt{{.sat|}}.{to}.{source} {letter(to)}, %{name}"
    for name in vectors:
        yield from (f"mov.v4.u16 {{h, h, h, h}}, %{name}", f"mov.v4.b32 {{r, r, _, r}}, %{name}", f"mov.v4.u32 {{r, r, r, r}}, %{name}")


def memory():
    data = [(k, letter(k) if k[0] != "b" else LETTER[k[1:]]) for k in "b8 b16 b32 b64 u8 s8 u16 s16 u32 s32 u64 s64 f32 f64".split()]
    data = [(k, "h" if k in ("b8", "u8", "s8") else v) for k, v in data]
    strong = "{.volatile|.relaxed.cta|.relaxed.gpu|.relaxed.sys|.weak|.mmio.relaxed.sys|}"
    for space, where in (("", "G"), (".global", "G"), (".shared", "S"), (".shared::cta", "S"), (".local", "S"), (".const", "G")):
        for kind, operand in data:
            for count in ("", ".v2", ".v4"):
                values = operand if not count else "{" + ", ".join([operand] * int(count[2])) + "}"
                rich = kind in ("b32", "f64") or not count
                yield f"ld{strong if rich else ''}{{.acquire.gpu|}}{space}{count}.{kind} {values}, {where}"
                if space != ".const":
                    yield f"st{strong if rich else ''}{{.release.gpu|}}{space}{count}.{kind} {where}, {values}"
        yield f"ld{space}.b128 q, {where}"
        yield f"st{space}.b128 {where}, q"
        for hint in (".ca", ".cg", ".cs", ".lu", ".cv", ".L1::evict_normal", ".L1::evict_unchanged", ".L1::evict_first", ".L1::evict_last",
                     ".L1::no_allocate", ".L2::64B", ".L2::128B", ".L2::256B", ".L1::evict_last.L2::128B"):
            yield f"ld{space}{hint}.b32 r, {where}"
            yield f"ld{space}{hint.split('.L2')[0]}.nc{'.L2' + hint.split('.L2')[1] if '.L2' in hint else ''}.b32 r, {where}"
            yield f"ld{space}.nc{hint}.v4.f32 {{f, f, f, f}}, {where}"
        for hint in (".wb", ".cg", ".cs", ".wt", ".L1::evict_first", ".L1::no_allocate"):
            yield f"st{space}{hint}.b32 {where}, r"
        yield f"ld{space}.L2::cache_hint.b32 r, {where}, l"
        yield f"st{space}.L2::cache_hint.b32 {where}, r, l"
    yield from ("ldu.global{.u32 r|.v2.u32 {r, r}|.v4.f32 {f, f, f, f}}, G",)
    yield from ("prefetch{.global|.local|}{.L1|.L2} G", "prefetchu.L1 G", "prefetch{.global|}.L2::{evict_last|evict_normal} G",
                "applypriority{.global|}.L2::evict_normal G, 128", "discard{.global|}.L2 G, 128",
                "createpolicy.fractional.L2::{evict_last|evict_normal|evict_first|evict_unchanged}{.L2::evict_first|.L2::evict_unchanged|}.b64 l{, 0.5|}",
                "createpolicy.range{.global|}.L2::{evict_last|evict_normal|evict_first|evict_unchanged}{.L2::evict_unchanged|}.b64 l, G, r, r",
                "createpolicy.cvt.L2.b64 l, l")
    yield from ("cvta{.to|}{.global|.shared|.shared::cta|.local|.const|.param}.u64 l, l",
                "isspacep{.global|.shared|.shared::cta|.local|.const|.param} p, l", "alloca.u64 l, l{, 16|}", "stacksave.u64 l",
                "stackrestore.u64 l")


def atomics():
    scoped = "{.relaxed|.acquire|.release|.acq_rel|}{.cta|.gpu|.sys|}"
    for space, where in (("", "G"), (".global", "G"), (".shared", "S"), (".shared::cta", "S")):
        words = scoped if space in (".global", ".shared") else "{.acq_rel.gpu|}"
        for op, kinds in {"and": "b32 b64", "or": "b32 b64", "xor": "b32 b64", "exch": "b32 b64", "cas": "b16 b32 b64",
                          "add": "u32 s32 u64 s64 f32 f64", "inc": "u32", "dec": "u32", "min": "u32 s32 u64 s64 f32", "max": "u32 s32 u64 s64"}.items():
            for kind in kinds.split():
                o = LETTER[kind[1:]] if kind[0] == "b" else letter(kind)
                yield f"atom{words}{space}.{op}.{kind} {o}, {where}, {o}{', ' + o if op == 'cas' else ''}"
                if op not in ("exch", "cas"):
                    yield f"red{words}{space}.{op}.{kind} {where}, {o}"
        for kind, o in (("f16", "h"), ("f16x2", "r"), ("bf16", "h"), ("bf16x2", "r")):
            yield f"atom{words}{space}.{{add|min|max}}{{.noftz|}}.{kind} {o}, {where}, {o}"
            yield f"red{words}{space}.{{add|min|max}}{{.noftz|}}.{kind} {where}, {o}"
        yield f"atom{words}{space}.cas.b128 q, {where}, q, q"
        yield f"atom{words}{space}.exch.b128 {{q|_}}, {where}, q"
        yield f"atom{space}.exch.L2::cache_hint.b128 q, {where}, q, l"
        yield f"atom{space}.add.L2::cache_hint.u32 r, {where}, r, l"
        yield f"red{space}.add.L2::cache_hint.u32 {where}, r, l"
    yield from ("membar{.cta|.gl|.sys}", "fence{.sc|.acq_rel}{.cta|.gpu|.sys}", "fence.proxy.alias", "membar.proxy.alias")


def warps():
    yield from ("bar{.cta|}.sync 1{, 64|}", "bar{.cta|}.sync r{, r|}", "bar{.cta|}.arrive 1, 64", "bar{.cta|}.red.popc.u32 r, 1{, 64|}, {!p|p}",
                "bar{.cta|}.red{.and|.or}.pred p, 1{, 64|}, {!p|p}", "barrier{.cta|}.sync{.aligned|} 1{, 64|}",
                "barrier{.cta|}.arrive{.aligned|} 1, 64", "barrier{.cta|}.red.popc{.aligned|}.u32 r, 1{, 64|}, p",
                "barrier{.cta|}.red{.and|.or}{.aligned|}.pred p, 1{, 64|}, p", "bar.warp.sync r")
    yield from ("shfl.sync{.up|.down|.bfly|.idx}.b32 {r|p|r|_|p}, r, r, r, r", "shfl.sync.idx.b32 r, r, 3, 31, 0xffffffff",
                "vote.sync{.all|.any|.uni}.pred p, {!p|p}, r", "vote.sync.ballot.b32 r, p, r", "match.any.sync{.b32 r, r|.b64 r, l}, r",
                "match.all.sync{.b32 r|p, r|.b64 r|p, l|.b32 r, r|.b64 r, l}, r", "activemask.b32 r",
                "redux.sync{.add|.min|.max}.{u|s}32 r, r, r", "redux.sync{.and|.or|.xor}.b32 r, r, r", "nanosleep.u32 {r|100}",
                "pmevent 3", "pmevent.mask 5", "brkpt", "trap", "exit", "ret{.uni|}")
    for space, where in (("", "G"), (".shared", "S"), (".shared::cta", "S")):
        yield from (f"mbarrier.init{space}.b64 {where}, r", f"mbarrier.inval{space}.b64 {where}",
                    f"mbarrier.arrive{{_drop|}}{{.noComplete|}}{{.release.cta|}}{space}.b64 l, {where}{{, r|}}",
                    f"mbarrier.arrive{space}.b64 _, {where}",
                    f"mbarrier.{{test|try}}_wait{{.acquire.cta|}}{space}.b64 p, {where}, l",
                    f"mbarrier.{{test|try}}_wait.parity{{.acquire.cta|}}{space}.b64 p, {where}, r",
                    f"cp.async.mbarrier.arrive{{.noinc|}}{space}.b64 {where}", f"ldmatrix.sync.aligned.m8n8.x1{{.trans|}}{space}.b16 {{r}}, {where}",
                    f"ldmatrix.sync.aligned.m8n8.x2{{.trans|}}{space}.b16 {{r, r}}, {where}",
                    f"ldmatrix.sync.aligned.m8n8.x4{{.trans|}}{space}.b16 {{r, r, r, r}}, {where}")
    yield "mbarrier.pending_count.b64 r, l"
    hints = "{.L2::cache_hint|}{.L2::64B|.L2::128B|.L2::256B|}"
    yield from (f"cp.async.ca{{.shared|.shared::cta}}.global{hints} S, G, {{4|8|16}}{{, r|, p|}}", f"cp.async.cg.shared.global{hints} S, G, 16{{, r|, p|}}",
                "cp.async.ca.shared.global.L2::cache_hint S, G, 16, l", "cp.async.cg.shared.global.L2::cache_hint S, G, 16, r, l",
                "cp.async.commit_group", "cp.async.wait_group 2", "cp.async.wait_all", "movmatrix.sync.aligned.m8n8.trans.b16 r, r")


def vector(kind, count):
    return "{" + ", ".join([kind] * count) + "}"


def matrices():
    for m, k, a, b, c in ((16, 16, 4, 2, 4), (16, 8, 2, 1, 4)):
        for kind in ("f16", "bf16"):
            yield f"mma.sync.aligned.m{m}n8k{k}.row.col.f32.{kind}.{kind}.f32 {vector('f', c)}, {vector('r', a)}, {vector('r', b)}, {vector('f', c)}"
        yield f"mma.sync.aligned.m{m}n8k{k}.row.col.f16.f16.f16.f16 {vector('r', 2)}, {vector('r', a)}, {vector('r', b)}, {vector('r', 2)}"
    for k, a, b in ((8, 4, 2), (4, 2, 1)):
        yield f"mma.sync.aligned.m16n8k{k}.row.col.f32.tf32.tf32.f32 {vector('f', 4)}, {vector('r', a)}, {vector('r', b)}, {vector('f', 4)}"
    for shape, a, b, c, kinds in (("m8n8k16", 1, 1, 2, "us8"), ("m16n8k16", 2, 1, 4, "us8"), ("m16n8k32", 4, 2, 4, "us8"), ("m8n8k32", 1, 1, 2, "us4"),
                                  ("m16n8k32", 2, 1, 4, "us4"), ("m16n8k64", 4, 2, 4, "us4")):
        types = f"{{.u|.s}}{kinds[2]}{{.u|.s}}{kinds[2]}"
        yield f"mma.sync.aligned.{shape}.row.col{{.satfinite|}}.s32{types}.s32 {vector('r', c)}, {vector('r', a)}, {vector('r', b)}, {vector('r', c)}"
    for shape, a, b, c in (("m8n8k128", 1, 1, 2), ("m16n8k128", 2, 1, 4), ("m16n8k256", 4, 2, 4)):
        yield f"mma.sync.aligned.{shape}.row.col.s32.b1.b1.s32{{.xor|.and}}.popc {vector('r', c)}, {vector('r', a)}, {vector('r', b)}, {vector('r', c)}"
    yield f"mma.sync.aligned.m8n8k4.row.col{ANY_ROUND}.f64.f64.f64.f64 {{d, d}}, {{d}}, {{d}}, {{d, d}}"
    for c, d in itertools.product(("f16 r 4", "f32 f 8"), repeat=2):
        (ck, co, cn), (dk, do, dn) = c.split(), d.split()
        yield f"mma.sync.aligned.m8n8k4{{.row|.col}}{{.row|.col}}.{dk}.f16.f16.{ck} {vector(do, int(dn))}, {{r, r}}, {{r, r}}, {vector(co, int(cn))}"
    for shape, a, b in (("m16n8k32", 4, 2), ("m16n8k16", 2, 1)):
        for sums, n in (("f32", 4), ("f16", 2)):
            s = vector("f" if sums == "f32" else "r", n)
            yield f"mma.sync.aligned.{shape}.row.col.{sums}{{.e4m3|.e5m2}}{{.e4m3|.e5m2}}.{sums} {s}, {vector('r', a)}, {vector('r', b)}, {s}"
    for space, where in (("", "G"), (".global", "G"), (".shared", "S")):
        for shape in ("m16n16k16", "m32n8k16", "m8n32k16"):
            yield f"wmma.load{{.a|.b}}.sync.aligned{{.row|.col}}.{shape}{space}.f16 {vector('r', 8)}, {where}{{, r|}}"
            for part, size in (("a", {"m16n16k16": 2, "m32n8k16": 4, "m8n32k16": 1}), ("b", {"m16n16k16": 2, "m32n8k16": 1, "m8n32k16": 4})):
                yield f"wmma.load.{part}.sync.aligned{{.row|.col}}.{shape}{space}{{.u8|.s8}} {vector('r', size[shape])}, {where}{{, r|}}"
                yield f"wmma.load.{part}.sync.aligned{{.row|.col}}.{shape}{space}.bf16 {vector('r', 2 * size[shape])}, {where}{{, r|}}"
            for kind, o, n in (("f16", "r", 4), ("f32", "f", 8), ("s32", "r", 8)):
                yield f"wmma.load.c.sync.aligned{{.row|.col}}.{shape}{space}.{kind} {vector(o, n)}, {where}{{, r|}}"
                yield f"wmma.store.d.sync.aligned{{.row|.col}}.{shape}{space}.{kind} {where}, {vector(o, n)}{{, r|}}"
        yield f"wmma.load{{.a|.b}}.sync.aligned{{.row|.col}}.m16n16k8{space}.tf32 {vector('r', 4)}, {where}{{, r|}}"
        yield f"wmma.load{{.a|.b}}.sync.aligned{{.row|.col}}.m8n8k4{space}.f64 {{d}}, {where}{{, r|}}"
        yield f"wmma.load.c.sync.aligned{{.row|.col}}.m8n8k4{space}.f64 {{d, d}}, {where}{{, r|}}"
        yield f"wmma.store.d.sync.aligned{{.row|.col}}.m8n8k4{space}.f64 {where}, {{d, d}}{{, r|}}"
        for shape, kinds in (("m8n8k32", "{.u4|.s4}"), ("m8n8k128", ".b1")):
            yield f"wmma.load.a.sync.aligned.row.{shape}{space}{kinds} {{r}}, {where}{{, r|}}"
            yield f"wmma.load.b.sync.aligned.col.{shape}{space}{kinds} {{r}}, {where}{{, r|}}"
            yield f"wmma.load.c.sync.aligned{{.row|.col}}.{shape}{space}.s32 {{r, r}}, {where}{{, r|}}"
            yield f"wmma.store.d.sync.aligned{{.row|.col}}.{shape}{space}.s32 {where}, {{r, r}}{{, r|}}"
    for shape in ("m16n16k16", "m32n8k16", "m8n32k16"):
        size = {"m16n16k16": (2, 2), "m32n8k16": (4, 1), "m8n32k16": (1, 4)}[shape]
        for (dk, do, dn), (ck, co, cn) in itertools.product((("f16", "r", 4), ("f32", "f", 8)), repeat=2):
            yield (f"wmma.mma.sync.aligned{{.row|.col}}{{.row|.col}}.{shape}.{dk}.{ck}{{.satfinite|}} {vector(do, dn)}, {vector('r', 8)}, "
                   f"{vector('r', 8)}, {vector(co, cn)}")
        a, b = (vector("r", n) for n in size)
        yield f"wmma.mma.sync.aligned{{.row|.col}}{{.row|.col}}.{shape}.s32{{.u8.u8|.s8.s8}}.s32{{.satfinite|}} {vector('r', 8)}, {a}, {b}, {vector('r', 8)}"
        a, b = (vector("r", 2 * n) for n in size)
        yield f"wmma.mma.sync.aligned{{.row|.col}}{{.row|.col}}.{shape}.f32.bf16.bf16.f32 {vector('f', 8)}, {a}, {b}, {vector('f', 8)}"
    yield f"wmma.mma.sync.aligned{{.row|.col}}{{.row|.col}}.m16n16k8.f32.tf32.tf32.f32 {vector('f', 8)}, {vector('r', 4)}, {vector('r', 4)}, {vector('f', 8)}"
    yield f"wmma.mma.sync.aligned{{.row|.col}}{{.row|.col}}.m8n8k4{ANY_ROUND}.f64.f64.f64.f64 {{d, d}}, {{d}}, {{d}}, {{d, d}}"
    yield "wmma.mma.sync.aligned.row.col.m8n8k32.s32{.u4.u4|.s4.s4}.s32{.satfinite|} {r, r}, {r}, {r}, {r, r}"
    yield "wmma.mma{.xor|.and}.popc.sync.aligned.row.col.m8n8k128.s32.b1.b1.s32 {r, r}, {r}, {r}, {r, r}"


def videos():
    for op in ("vadd", "vsub", "vavrg", "vabsdiff", "vmin", "vmax"):
        for parts, selections in (("2", ("", ".h10", ".h0", ".h32")), ("4", ("", ".b3210", ".b20", ".b7531"))):
            yield f"{op}{parts}.{{u|s}}32.{{u|s}}32.{{u|s}}32{{.sat|.add|}} r, r, r, r"
            yield f"{op}{parts}.s32.u32.s32{{.add|}} r{selections[2]}, r{selections[3]}, r{selections[1]}, r"
        if op != "vavrg":
            yield f"{op}.{{u|s}}32.{{u|s}}32.{{u|s}}32{{.sat|}} r, r{{.b0|.h1|}}, r{{.b3|.h0|}}"
            yield f"{op}.{{u|s}}32.u32.s32{{.sat|}}{{.add|.min|.max}} r, r{{.b0|}}, r, r"
            yield f"{op}.s32.u32.s32{{.sat|}} r{{.b2|.h1}}, r.b1, r.h0, r"
    yield from ("vshl.{u|s}32.{u|s}32.u32{.sat|}{.clamp|.wrap} r, r{.b1|}, r", "vshr.{u|s}32.{u|s}32.u32{.sat|}{.clamp|.wrap}{.add|.min} r, r, r{.h0|}, r",
                "vset.{u|s}32.{u|s}32{.eq|.ne|.lt|.le|.gt|.ge} r, r{.b1|}, r", "vset.{u|s}32.{u|s}32{.eq|.lt}{.add|.max} r, r, r, r",
                "vset.u32.s32.lt r.h1, r, r, r", "vmad.{u|s}32.{u|s}32.{u|s}32{.sat|}{.shr7|.shr15|} r, r{.b0|.h1|}, r, r",
                "vmad.{u|s}32.{u|s}32.{u|s}32.po{.sat|}{.shr7|} r, r, r, r", "vmad.s32.s32.s32 r, -r, r, r", "vmad.s32.s32.s32 r, r, r, -r",
                "vset{2|4}.{u|s}32.{u|s}32{.eq|.ne|.lt|.le|.gt|.ge}{.add|} r, r, r, r")


PARTS = {f.__name__: f for f in (arithmetic, floats, comparisons, conversions, memory, atomics, warps, matrices, videos)}
CHOICE = re.compile(r"\{([^{}]*\|[^{}]*)\}")


def expanded(row):
    """All choices of a row; braces without a bar are vectors."""
    found = CHOICE.search(row)
    if not found:
        return [row]
    # r|p inside of a choice is a pair of results.
    options = re.split(r"\|(?!p\b)", found[1]) if "|p" in found[1] else found[1].split("|")
    return [text for option in options for text in expanded(row[:found.start()] + option + row[found.end():])]


def with_registers(text):
    """Letters of operands become registers of their own, declared in front."""
    name, _, operands = text.partition(" ")
    used = {}

    def register(match):
        kind = match[0]
        if kind in "SG":
            used.setdefault("r" if kind == "S" else "l", 1)
            return "[%r0]" if kind == "S" else "[%l0]"
        number = used[kind] = used.get(kind, 1) + 1
        return f"%{kind}{number - 1}"
    operands = re.sub(r"(?<![\w.%:])[bhrlqfdpSG](?![\w:])", register, operands)
    declared = " ".join(f".reg .{REGISTERS[k]} %{k}<{n + 1}>;" for k, n in used.items())
    return f"{{ {declared} {name} {operands}; }}"


def taken(ptxas, target, statements):
    """Those that the assembler takes: refused lines are left out until nothing is refused."""
    kept = dict(enumerate(statements))
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "all.ptx")
        while kept:
            order = list(kept)
            lines = [f".visible .entry k{n}() {{ {kept[n]} ret; }}" for n in order]
            file.write_text(f".version 8.6\n.target {target}\n.address_size 64\n" + "\n".join(lines) + "\n")
            done = subprocess.run([ptxas, "-O0", "-arch", target, "-o", os.devnull, file], capture_output=True, text=True, errors="replace")
            if done.returncode == 0:
                return [kept[n] for n in order]
            bad = {int(n) - 4 for n in re.findall(r"line (\d+); (?:error|fatal)", done.stderr)}
            if not bad:
                sys.exit(f"ptxas says nothing of a line: {done.stderr[:500]}")
            for n in bad:
                kept.pop(order[n], None)
    return []


def main():
    ptxas, folder, parts = find_ptxas(), pathlib.Path(sys.argv[1]), sys.argv[2:] or PARTS
    os.environ.update(VCUDA_DEVICE="h200", VCUDA_SUMMARY="off")
    gpu = Gpu(str(folder / "libcuda.so.1"))
    wrong = 0
    for part in parts:
        statements = list(dict.fromkeys(with_registers(text) for row in PARTS[part]() for text in expanded(row)))
        known, refused = set(), {}
        for target in TARGETS:
            for statement in taken(ptxas, target, [s for s in statements if s not in known]):
                known.add(statement)
                try:
                    gpu.unload(gpu.load(f".version 8.6\n.target {target}\n.address_size 64\n.entry k() {{ {statement} ret; }}\n"))
                except Refused as reason:
                    refused[statement] = f"{target}: {statement}\n    {str(reason).splitlines()[0]}"
        print(f"{part}: {len(statements)} candidates, {len(known)} taken by ptxas, {len(refused)} of them refused here", flush=True)
        print("".join(f"  {line}\n" for line in refused.values()), end="")
        wrong += len(refused)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
