"""Instructions that need memory, several lanes or a whole CTA: a piece of PTX that leaves one word per thread in %r0.

The piece may use %t (the thread), %a (the address of 64 global words that hold 1000, 1001, ...), %s (the shared address of 1 KiB,
zeroed), %r<16>, %d<16>, %f<8>, %x<8> (16 bits) and %p<4>, and labels. What it must give is a function of the thread.
"""
import dataclasses
from typing import Callable

import numpy as np

from gpu import Refused
from lanes import HEAD, bits32

M32 = (1 << 32) - 1


@dataclasses.dataclass
class Snippet:
    text: str
    want: Callable
    block: int = 32
    target: str = "sm_90"
    module: str = ""  # what stands at module scope


SNIPPETS = []


def snippet(text, want, **more):
    SNIPPETS.append(Snippet(text, want, **more))


def kernel(name, s):
    return (f"{s.module}\n.visible .entry {name}(.param .u64 out, .param .u64 in)\n{{\n.shared .align 16 .b8 smem[1024];\n"
            ".reg .b64 %a, %o, %d<16>; .reg .b32 %t, %s, %r<16>; .reg .f32 %f<8>; .reg .b16 %x<8>; .reg .pred %p<4>;\n"
            "mov.u32 %t, %tid.x; ld.param.u64 %a, [in]; mov.u32 %s, smem; mov.u32 %r0, %t;\n"
            "ZERO: shl.b32 %r1, %r0, 2; add.u32 %r1, %r1, %s; st.shared.u32 [%r1], 0; mov.u32 %r2, %ntid.x; add.u32 %r0, %r0, %r2;\n"
            "setp.lt.u32 %p0, %r0, 256; @%p0 bra ZERO; bar.sync 0;\n"
            f"{s.text}\nld.param.u64 %o, [out]; mul.wide.u32 %d0, %t, 4; add.s64 %o, %o, %d0; st.global.u32 [%o], %r0;\nret;\n}}\n")


def run(gpu):
    wrong = []
    for s in SNIPPETS:
        try:
            module = gpu.load(HEAD.format(target=s.target) + kernel("k", s))
        except Refused as refused:
            wrong.append(f"{s.text}: refused: {refused}")
            continue
        out = np.zeros(s.block, np.uint32)
        gpu.run(module, "k", [out, np.arange(1000, 1064, dtype=np.uint32)], block=s.block)
        gpu.unload(module)
        want = np.array([s.want(t) & M32 for t in range(s.block)], np.uint32)
        if (out != want).any():
            at = int(np.argmax(out != want))
            wrong.append(f"{s.text}: thread {at}: {out[at]:x}, not {want[at]:x}")
    return wrong


# Loads: every way to say how strong, how cached, and of which space.
OWN = "mul.wide.u32 %d1, %t, 4; add.s64 %d1, %a, %d1; "
for form in ("weak.global", "relaxed.cta.global", "relaxed.cluster.global", "relaxed.gpu.global", "relaxed.sys.global",
             "acquire.sys.global", "acquire.gpu", "acquire.cta", "volatile.global", "mmio.relaxed.sys.global", "global.ca", "global.cg",
             "global.cs", "global.lu", "global.cv", "global.nc", "global.L1::evict_last.L2::128B"):
    snippet(OWN + f"ld.{form}.u32 %r0, [%d1];", lambda t: 1000 + t)
snippet(OWN + "ldu.global.u32 %r0, [%d1];", lambda t: 1000 + t)
snippet("mul.wide.u32 %d1, %t, 8; add.s64 %d1, %a, %d1; ldu.global.v2.u32 {%r1, %r2}, [%d1]; add.u32 %r0, %r1, %r2;",
        lambda t: 2001 + 4 * t)
snippet("mul.wide.u32 %d1, %t, 2; and.b64 %d1, %d1, 48; add.s64 %d1, %a, %d1; ldu.global.v4.u32 {%r1, %r2, %r3, %r4}, [%d1]; "
        "sub.u32 %r0, %r4, %r1; add.u32 %r0, %r0, %r2; sub.u32 %r0, %r0, %r3;", lambda t: 2)
snippet("ld.param::entry.u64 %d1, [in]; setp.eq.u64 %p0, %d1, %a; selp.u32 %r0, 7, 8, %p0;", lambda t: 7)

# Stores.
for form in ("weak.shared", "relaxed.cta.shared", "relaxed.cluster.shared", "relaxed.gpu.shared", "relaxed.sys.shared::cta",
             "release.cta.shared", "release.sys.shared", "volatile.shared", "shared.wb", "shared::cta"):
    snippet(f"shl.b32 %r1, %t, 2; add.u32 %r1, %r1, %s; mul.lo.u32 %r2, %t, 3; st.{form}.u32 [%r1], %r2; "
            "ld.shared::cta.u32 %r0, [%r1];", lambda t: 3 * t)
for form in ("mmio.relaxed.sys.global", "release.gpu.global", "global.cg", "global.cs", "global.wt", "global.wb", "release.cluster",
             "global.L1::no_allocate"):
    snippet(OWN + f"mul.lo.u32 %r2, %t, 5; st.{form}.u32 [%d1], %r2; ld.global.u32 %r0, [%d1];", lambda t: 5 * t)

# Functions' parameters under their newer names; returns and branches that are uniform.
CALLED = (".func (.param .b32 r) triple(.param .b32 a)\n{ .reg .b32 %y; ld.param::func.b32 %y, [a]; mul.lo.u32 %y, %y, 3; "
          "st.param::func.b32 [r], %y; ret.uni; }\n")
snippet("{ .param .b32 a; .param .b32 r; st.param::func.b32 [a], %t; call.uni (r), triple, (a); ld.param::func.b32 %r0, [r]; }",
        lambda t: 3 * t, module=CALLED)
snippet("mov.u32 %r1, 2; ts: .branchtargets A, B, C; brx.idx.uni %r1, ts; A: mov.u32 %r0, 1; bra.uni E; B: mov.u32 %r0, 2; bra.uni E;"
        "C: mov.u32 %r0, 3; E:", lambda t: 3)
# Lanes that leave take no part in what follows.
snippet("mov.u32 %r0, 0; setp.ge.u32 %p0, %t, 8; ld.param.u64 %o, [out]; mul.wide.u32 %d0, %t, 4; add.s64 %o, %o, %d0; "
        "@%p0 st.global.u32 [%o], 99; @%p0 exit; activemask.b32 %r0;", lambda t: 0xff if t < 8 else 99)

# Registers that nobody fills.
for name in ("%pm0", "%pm7", "%envreg0", "%envreg31"):
    snippet(f"mov.u32 %r0, {name};", lambda t: 0)
for name in ("%pm0_64", "%current_graph_exec"):
    snippet(f"mov.u64 %d1, {name}; cvt.u32.u64 %r0, %d1;", lambda t: 0)

# All parts of one, the low bits of one, and the one that is a constant.
snippet("mov.v4.u32 {%r1, %r2, %r3, %r4}, %tid; mov.v4.u16 {%x1, _, %x3, %x4}, %ntid; cvt.u32.u16 %r5, %x1; add.u32 %r0, %r1, %r2; "
        "add.u32 %r0, %r0, %r4; add.u32 %r0, %r0, %r5;", lambda t: t + 64, block=64)
snippet("cvt.u64.u32 %d1, %tid.x; cvt.u32.u8 %r1, %tid.x; cvt.u32.u64 %r2, %gridid; cvt.u32.u16 %r3, %laneid; cvt.u32.u64 %r4, %d1; "
        "mov.b16 %x1, %tid.x; cvt.u32.u16 %r5, %x1; add.u32 %r0, %r4, %r1; add.u32 %r0, %r0, %r3; add.u32 %r0, %r0, %r5;",
        lambda t: 3 * t + t % 32, block=256)
snippet("add.u32 %r0, %t, WARP_SZ; mov.u64 %d1, WARP_SZ; cvt.u32.u64 %r1, %d1; mul.lo.u32 %r0, %r0, %r1;", lambda t: 32 * (t + 32))
# A grid without clusters is one of clusters of one CTA each.
snippet("mov.pred %p0, %is_explicit_cluster; mov.u32 %r1, %cluster_ctarank; mov.u32 %r2, %cluster_nctarank; mov.u32 %r3, %cluster_ctaid.y; "
        "mov.u32 %r4, %cluster_nctaid.z; mov.u32 %r5, %clusterid.x; mov.u32 %r6, %nclusterid.y; mov.u32 %r7, %cluster_nctaid.w; "
        "selp.u32 %r0, 1000, 0, %p0; mad.lo.u32 %r0, %r2, 100, %r0; mad.lo.u32 %r0, %r4, 10, %r0; add.u32 %r0, %r0, %r6; "
        "or.b32 %r1, %r1, %r3; or.b32 %r1, %r1, %r5; or.b32 %r1, %r1, %r7; mad.lo.u32 %r0, %r1, 7, %r0;", lambda t: 111)
# The system's part of shared memory, which lies behind the kernel's KiB here.
snippet("mov.u32 %r1, %reserved_smem_offset_begin; mov.u32 %r2, %reserved_smem_offset_end; mov.u32 %r3, %reserved_smem_offset_cap; "
        "mov.u32 %r4, %aggr_smem_size; mov.u32 %r5, %total_smem_size; sub.u32 %r6, %r2, %r1; setp.eq.u32 %p0, %r6, %r3; "
        "sub.u32 %r7, %r4, %r5; setp.eq.and.u32 %p0, %r7, %r3, %p0; shl.b32 %r8, %t, 2; add.u32 %r8, %r8, %r1; st.shared.u32 [%r8], %t; "
        "ld.shared.u32 %r9, [%r8]; selp.u32 %r0, %r9, 9999, %p0; mad.lo.u32 %r0, %r5, 100, %r0;", lambda t: 102400 + t)

# Spaces of addresses.
snippet("cvt.u64.u32 %d1, %s; cvta.shared::cta.u64 %d2, %d1; cvta.to.shared::cta.u64 %d3, %d2; setp.eq.u64 %p0, %d1, %d3; "
        "isspacep.shared::cta %p1, %d2; isspacep.shared %p2, %a; selp.u32 %r0, 1, 0, %p0; selp.u32 %r1, 2, 0, %p1; "
        "selp.u32 %r2, 4, 0, %p2; or.b32 %r0, %r0, %r1; or.b32 %r0, %r0, %r2;", lambda t: 3)
snippet(".local .align 4 .b8 mine[4]; mov.u64 %d1, mine; cvta.local.u64 %d2, %d1; isspacep.local %p0, %d2; isspacep.global %p1, %a; "
        "isspacep.const %p2, %a; selp.u32 %r0, 1, 0, %p0; @%p1 add.u32 %r0, %r0, 2; @%p2 add.u32 %r0, %r0, 4;", lambda t: 3)

# What has no effect on results, and what means a fence.
for text in ("prefetch.global.L1 [%a];", "prefetch.global.L2 [%a];", "prefetch.local.L1 [%a];", "prefetch.L2 [%a];", "prefetchu.L1 [%a];",
             "prefetch.global.L2::evict_last [%a];", "prefetch.L2::evict_normal [%a];", "applypriority.global.L2::evict_normal [%a], 128;",
             "applypriority.L2::evict_normal [%a], 128;", "createpolicy.fractional.L2::evict_last.b64 %d1, 1.0;",
             "createpolicy.fractional.L2::evict_first.L2::evict_unchanged.b64 %d1, 0.5;",
             "createpolicy.range.global.L2::evict_last.L2::evict_unchanged.b64 %d1, [%a], 128, 256;",
             "createpolicy.range.L2::evict_last.b64 %d1, [%a], 128, 256;", "createpolicy.fractional.L2::evict_normal.b64 %d1;",
             "createpolicy.range.L2::evict_unchanged.L2::evict_first.b64 %d1, [%a], 128, 256;",
             "createpolicy.cvt.L2.b64 %d1, %d2;", "pmevent 3;", "pmevent.mask 5;", "brkpt;", "nanosleep.u32 10;", "membar.cta;",
             "membar.gl;", "membar.sys;", "bar.warp.sync 0xffffffff;", "fence.proxy.alias;", "membar.proxy.alias;",
             *(f"fence.{order}.{scope};" for order in ("sc", "acq_rel", "acquire", "release")
               for scope in ("cta", "cluster", "gpu", "sys"))):
    needs = "mov.u64 %d2, 0; " if "cvt.L2" in text else ""
    snippet(needs + text + " add.u32 %r0, %t, 1;", lambda t: t + 1)

# Registers of 128 bits, and of 8.
snippet("mul.wide.u32 %d1, %t, 16; and.b64 %d1, %d1, 112; add.s64 %d1, %a, %d1; { .reg .b128 %w<2>; ld.global.b128 %w0, [%d1]; "
        "mov.b128 %w1, %w0; mov.b128 {%d2, %d3}, %w1; } shr.u64 %d4, %d3, 32; cvt.u32.u64 %r0, %d4; cvt.u32.u64 %r1, %d2; "
        "mad.lo.u32 %r0, %r1, 10000, %r0;", lambda t: 10000 * (1000 + 4 * (t % 8)) + 1003 + 4 * (t % 8))
snippet("shl.b32 %r1, %t, 4; add.u32 %r1, %r1, %s; cvt.u64.u32 %d1, %t; mov.u64 %d2, 77; { .reg .b128 %w; mov.b128 %w, {%d1, %d2}; "
        "st.shared.b128 [%r1], %w; } ld.shared.u32 %r2, [%r1]; ld.shared.u32 %r3, [%r1+8]; ld.shared.u32 %r4, [%r1+12]; "
        "mad.lo.u32 %r0, %r2, 100, %r3; add.u32 %r0, %r0, %r4;", lambda t: 100 * t + 77)
snippet("{ .reg .b128 %w; ld.acquire.gpu.global.b128 %w, [%a]; mov.b128 {_, %d3}, %w; } cvt.u32.u64 %r0, %d3;", lambda t: 1002)
snippet("add.u32 %r1, %t, 0x01020304; { .reg .b8 %b<4>; mov.b32 {%b0, %b1, %b2, %b3}, %r1; mov.b32 %r0, {%b3, %b2, %b1, %b0}; }",
        lambda t: int.from_bytes((t + 0x01020304).to_bytes(4, "little"), "big"))
snippet("cvt.u16.u32 %x1, %t; { .reg .b8 %b<2>; mov.b16 {%b0, _}, %x1; mov.b16 %x2, {%b0, 2}; } cvt.u32.u16 %r0, %x2;", lambda t: 512 + t)

# Memory that lanes take while they run: each as much as it wants, in a loop, behind a call's frame, and given back.
GROW = ("mov.u32 %r2, 0; mov.u32 %r3, 0; and.b32 %r4, %t, 3; add.u32 %r4, %r4, 1; cvt.u64.u32 %d1, %r4; shl.b64 %d1, %d1, 4;\n"
        "L: alloca.u64 %d2, %d1, 16; st.local.u32 [%d2], %r2; add.u64 %d3, %d2, %d1; st.local.u32 [%d3+-4], %t;\n")
snippet(GROW + "ld.local.u32 %r5, [%d2]; ld.local.u32 %r6, [%d3+-4]; add.u32 %r3, %r3, %r5; add.u32 %r3, %r3, %r6; add.u32 %r2, %r2, 1; "
        "setp.lt.u32 %p0, %r2, 10; @%p0 bra L; mov.u32 %r0, %r3;", lambda t: 45 + 10 * t)
snippet("stacksave.u64 %d5; " + GROW + "stackrestore.u64 %d5; add.u32 %r2, %r2, 1; setp.lt.u32 %p0, %r2, 2000; @%p0 bra L; "
        "stacksave.u64 %d6; sub.u64 %d6, %d6, %d5; cvt.u32.u64 %r0, %d6;", lambda t: 0)
TAKES = (".func (.param .b32 r) takes(.param .b32 a)\n{ .reg .b32 %y; .reg .b64 %q, %z; ld.param.b32 %y, [a]; mov.u64 %z, 64; alloca.u64 %q, %z; "
         "st.local.u32 [%q+60], %y; ld.local.u32 %y, [%q+60]; mul.lo.u32 %y, %y, 3; st.param.b32 [r], %y; ret; }\n")
snippet("mov.u64 %d1, 32; alloca.u64 %d2, %d1; st.local.u32 [%d2+28], 7; { .param .b32 a; .param .b32 r; st.param.b32 [a], %t; "
        "call.uni (r), takes, (a); ld.param.b32 %r0, [r]; } ld.local.u32 %r1, [%d2+28]; add.u32 %r0, %r0, %r1;",
        lambda t: 3 * t + 7, module=TAKES)
# Bytes that are given up may be written again.
snippet("setp.eq.u32 %p0, %t, 0; @%p0 discard.global.L2 [%a], 128; @%p0 discard.L2 [%a+128], 128; bar.sync 0; " + OWN +
        "st.global.u32 [%d1], 5; ld.global.u32 %r0, [%d1];", lambda t: 5)

# Atomics and reductions. All threads meet at one word; the word is what is left.
MEET = {"add": (lambda v: (50 + sum(v)) & M32, "u32"), "min": (lambda v: min([50, *v]), "u32"), "max": (lambda v: max([50, *v]), "s32"),
        "and": (lambda v: 50 if not v else __import__("functools").reduce(int.__and__, v, 50), "b32"),
        "or": (lambda v: __import__("functools").reduce(int.__or__, v, 50), "b32"),
        "xor": (lambda v: __import__("functools").reduce(int.__xor__, v, 50), "b32")}
for name, (left, kind) in MEET.items():
    values = [t * 7 + 3 for t in range(64)]
    for opcode, result in (("red", ""), ("atom", "%r4, ")):
        for where, space in (("[%s]", ".shared"), ("[%s]", ".shared::cta"), ("[%a]", ".global"), ("[%a]", "")):
            read = "ld.shared.u32" if "s" in where else "ld.relaxed.gpu.global.u32"
            write = "st.shared.u32" if "s" in where else "st.relaxed.gpu.global.u32"
            snippet(f"setp.eq.u32 %p0, %t, 0; @%p0 {write} {where}, 50; bar.sync 0; mad.lo.u32 %r3, %t, 7, 3; "
                    f"{opcode}{space}.{name}.{kind} {result}{where}, %r3; bar.sync 0; {read} %r0, {where};",
                    lambda t, l=left, v=values: l(v), block=64)
for order in ("relaxed", "acquire", "release", "acq_rel"):
    for scope in ("cta", "cluster", "gpu", "sys"):
        for opcode, result in (("red", ""), ("atom", "%r4, ")):
            snippet(f"{opcode}.{order}.{scope}.shared.add.u32 {result}[%s], 2; bar.sync 0; ld.shared.u32 %r0, [%s];",
                    lambda t: 128, block=64)
for name, left in (("inc", 64 % 41), ("dec", None)):
    # inc counts 0 .. 40 and starts again; dec the other way round.
    count = 0
    for _ in range(64):
        count = (0 if count >= 40 else count + 1) if name == "inc" else (40 if count == 0 or count > 40 else count - 1)
    for opcode, result in (("red", ""), ("atom", "%r4, ")):
        snippet(f"{opcode}.shared.{name}.u32 {result}[%s], 40; bar.sync 0; ld.shared.u32 %r0, [%s];", lambda t, c=count: c, block=64)
snippet("red.shared.add.u64 [%s], 0x100000001; bar.sync 0; ld.shared.v2.u32 {%r1, %r2}, [%s]; add.u32 %r0, %r1, %r2;",
        lambda t: 128, block=64)
snippet("red.shared.add.f32 [%s], 0f3F800000; bar.sync 0; ld.shared.u32 %r0, [%s];", lambda t: bits32(64.0), block=64)
snippet("red.shared.min.s64 [%s], -5; bar.sync 0; ld.shared.u32 %r0, [%s+4];", lambda t: M32, block=64)
for kind, one, sum64 in (("f16", 0x3c00, 0x5400), ("bf16", 0x3f80, 0x4280)):
    for opcode, result in (("red", ""), ("atom", "%x2, ")):
        snippet(f"mov.b16 %x1, {one}; {opcode}.shared.add.noftz.{kind} {result}[%s], %x1; bar.sync 0; ld.shared.u32 %r0, [%s];",
                lambda t, s=sum64: s, block=64)
    for opcode, result in (("red", ""), ("atom", "%r2, ")):
        snippet(f"mov.b32 %r1, {one << 16 | one}; {opcode}.shared.add.noftz.{kind}x2 {result}[%s], %r1; bar.sync 0; "
                "ld.shared.u32 %r0, [%s];", lambda t, s=sum64: s << 16 | s, block=64)
snippet("setp.eq.u32 %p0, %t, 9; selp.u32 %r1, 0, 1, %p0; atom.relaxed.cta.shared.cas.b32 %r2, [%s], %r1, 77; bar.sync 0; "
        "ld.shared.u32 %r0, [%s];", lambda t: 77)
snippet("atom.acq_rel.gpu.shared.exch.b32 %r2, [%s], %t; bar.sync 0; ld.shared.u32 %r0, [%s]; setp.lt.u32 %p0, %r0, 32; "
        "selp.u32 %r0, 1, 0, %p0;", lambda t: 1)
# Words on how long a line stays in a cache.
for opcode, result in (("red", ""), ("atom", "%r4, ")):
    snippet(f"createpolicy.fractional.L2::evict_last.b64 %d1; {opcode}.global.add.L2::cache_hint.u32 {result}[%a], 2, %d1; bar.sync 0; "
            "ld.relaxed.gpu.global.u32 %r0, [%a];", lambda t: 1000 + 128, block=64)
# 128 bits: exchanged, and counted up in both halves by all threads.
snippet("shl.b32 %r1, %t, 4; add.u32 %r1, %r1, %s; cvt.u64.u32 %d1, %t; mov.u64 %d2, 77; { .reg .b128 %w<2>; mov.b128 %w0, {%d1, %d2}; "
        "atom.shared.exch.b128 %w1, [%r1], %w0; atom.shared::cta.exch.b128 %w0, [%r1], %w1; mov.b128 {%d3, %d4}, %w0; "
        "mov.b128 {%d5, %d6}, %w1; atom.exch.b128 _, [%a], %w0; } mad.lo.u64 %d3, %d3, 100, %d4; or.b64 %d5, %d5, %d6; "
        "mad.lo.u64 %d3, %d5, 9999, %d3; ld.shared.u32 %r2, [%r1]; cvt.u32.u64 %r0, %d3; add.u32 %r0, %r0, %r2;", lambda t: 100 * t + 77)
for form, where, start in (("global.cas", "%a", (1000, 1002)), ("cas", "%a", (1000, 1002)), ("shared.cas", "%s", (0, 0)),
                           ("acq_rel.gpu.global.cas", "%a", (1000, 1002)), ("relaxed.cta.shared::cta.cas", "%s", (0, 0)),
                           ("acquire.cluster.cas", "%a", (1000, 1002)), ("release.sys.global.cas", "%a", (1000, 1002))):
    read = "ld.shared.u32" if where == "%s" else "ld.relaxed.gpu.global.u32"
    snippet(f"{{ .reg .b128 %w<3>; mov.u64 %d1, 0; mov.b128 %w0, {{%d1, %d1}}; atom.{form}.b128 %w0, [{where}], %w0, %w0; "
            f"L: mov.b128 {{%d1, %d2}}, %w0; add.u64 %d3, %d1, 1; add.u64 %d4, %d2, 2; mov.b128 %w1, {{%d3, %d4}}; "
            f"atom.{form}.b128 %w2, [{where}], %w0, %w1; mov.b128 %w0, %w2; mov.b128 {{%d5, %d6}}, %w2; setp.ne.u64 %p0, %d5, %d1; "
            f"setp.ne.or.u64 %p0, %d6, %d2, %p0; @%p0 bra L; }} bar.sync 0; {read} %r1, [{where}]; {read} %r2, [{where}+8]; "
            "mad.lo.u32 %r0, %r1, 10000, %r2;", lambda t, s=start: (s[0] + 64) * 10000 + s[1] + 128, block=64)
# Vectors of reductions: one per element.
ONE = "mul.wide.u32 %d1, 0, 4; add.s64 %d1, %a, 32; "
CLEAR = ("setp.eq.u32 %p0, %t, 0; mov.u32 %r9, 0; @%p0 st.global.v4.u32 [%d1], {%r9, %r9, %r9, %r9}; bar.sync 0; ")
for opcode, result2, result4 in (("red", "", ""), ("atom", "{%f4, %f5}, ", "{%f4, %f5, %f6, %f7}, ")):
    snippet(ONE + CLEAR + "cvt.rn.f32.u32 %f0, %t; mov.f32 %f1, 0f3F800000; mov.f32 %f2, 0f40000000; mov.f32 %f3, 0f3E800000; "
            f"{opcode}.global.add.v4.f32 {result4}[%d1], {{%f0, %f1, %f2, %f3}}; bar.sync 0; and.b32 %r1, %t, 3; "
            "mul.wide.u32 %d2, %r1, 4; add.s64 %d2, %d2, %d1; ld.relaxed.gpu.global.u32 %r0, [%d2];",
            lambda t: bits32([2016.0, 64.0, 128.0, 16.0][t % 4]), block=64)
    snippet(ONE + CLEAR + "mov.f32 %f0, 0f3F800000; mov.f32 %f1, 0f40000000; "
            f"{opcode}.relaxed.gpu.global.add.v2.f32 {result2}[%d1], {{%f0, %f1}}; bar.sync 0; and.b32 %r1, %t, 3; "
            "mul.wide.u32 %d2, %r1, 4; add.s64 %d2, %d2, %d1; ld.relaxed.gpu.global.u32 %r0, [%d2];",
            lambda t: bits32([64.0, 128.0, 0.0, 0.0][t % 4]), block=64)
for kind, codes in (("f16", {1: 0x3c00, 2: 0x4000, 3: 0x4200, 4: 0x4400, 64: 0x5400, 128: 0x5800}),
                    ("bf16", {1: 0x3f80, 2: 0x4000, 3: 0x4040, 4: 0x4080, 64: 0x4280, 128: 0x4300})):
    READ = "bar.sync 0; and.b32 %r1, %t, 3; mul.wide.u32 %d2, %r1, 4; add.s64 %d2, %d2, %d1; ld.relaxed.gpu.global.u32 %r0, [%d2];"
    for name, final in (("add", (64, 128)), ("max", (1, 2)), ("min", (0, 0))):
        def words(t, count, c=codes, f=final, n=name):
            low, high = (c.get(v, 0) for v in f)
            return high << 16 | low if t % 4 < count else 0
        for opcode in ("red", "atom"):
            halves = "{%x1, %x2, %x1, %x2}" if opcode == "red" else "{%x3, %x4, %x5, %x6}, "
            four, source4 = ("" if opcode == "red" else halves), "{%x1, %x2, %x1, %x2}"
            setup = ONE + CLEAR + f"mov.b16 %x1, {codes[1]}; mov.b16 %x2, {codes[2]}; mov.b32 %r5, {{%x1, %x2}}; "
            snippet(setup + f"{opcode}.global.{name}.noftz.v4.{kind} {four}[%d1], {source4}; {READ}".replace("}, [", "}, ["),
                    lambda t, w=words: w(t, 2), block=64)
            snippet(setup + f"{opcode}.global.{name}.noftz.v2.{kind} {'' if opcode == 'red' else '{%x3, %x4}, '}[%d1], {{%x1, %x2}}; {READ}",
                    lambda t, w=words: w(t, 1), block=64)
            eight = "" if opcode == "red" else "{%x3, %x4, %x5, %x6, %x7, _, _, _}, "
            snippet(setup + f"{opcode}.global.{name}.noftz.v8.{kind} {eight}[%d1], {{%x1, %x2, %x1, %x2, %x1, %x2, %x1, %x2}}; {READ}",
                    lambda t, w=words: w(t, 4), block=64)
            for count in (2, 4):
                to = "" if opcode == "red" else "{%r10, %r11, %r12, %r13}, " if count == 4 else "{%r10, %r11}, "
                source = ", ".join(["%r5"] * count)
                snippet(setup + f"{opcode}.global.{name}.noftz.v{count}.{kind}x2 {to}[%d1], {{{source}}}; {READ}",
                        lambda t, w=words, c=count: w(t, c), block=64)

# Barriers: both names, all threads or some, votes at barriers.
snippet("setp.ge.u32 %p0, %t, 32; @%p0 bra W; barrier.cta.sync.aligned 1, 64; ld.shared.u32 %r0, [%s]; bra.uni E;\n"
        "W: mov.u32 %r1, 5; st.shared.u32 [%s], %r1; barrier.cta.arrive.aligned 1, 64; mov.u32 %r0, 6; E:",
        lambda t: 5 if t < 32 else 6, block=64)
snippet("setp.ge.u32 %p0, %t, 32; @%p0 bra W; bar.cta.sync 1, 64; ld.shared.u32 %r0, [%s]; bra.uni E;\n"
        "W: mov.u32 %r1, 5; st.shared.u32 [%s], %r1; bar.cta.arrive 1, 64; mov.u32 %r0, 6; E:",
        lambda t: 5 if t < 32 else 6, block=64)
snippet("and.b32 %r1, %t, 1; setp.eq.u32 %p0, %r1, 0; @%p0 bra H; barrier.sync 2; bra E; H: barrier.sync 2; E: mov.u32 %r0, 1;",
        lambda t: 1, block=64)
for name in ("bar", "bar.cta", "barrier", "barrier.cta"):
    aligned = ".aligned" if "barrier" in name else ""
    snippet(f"setp.lt.u32 %p0, %t, 10; {name}.red.popc{aligned}.u32 %r0, 3, %p0;", lambda t: 10, block=64)
    snippet(f"setp.lt.u32 %p0, %t, 64; {name}.red.and{aligned}.pred %p1, 3, 64, %p0; selp.u32 %r0, 1, 0, %p1;", lambda t: 1, block=64)
    snippet(f"setp.lt.u32 %p0, %t, 1; {name}.red.or{aligned}.pred %p1, 3, !%p0; selp.u32 %r0, 1, 0, %p1;", lambda t: 1, block=64)
snippet("elect.sync %r1|%p0, 0xffffffff; vote.sync.ballot.b32 %r2, %p0, 0xffffffff; popc.b32 %r0, %r2;", lambda t: 1)

# Barriers in shared memory, with the words of newer PTX.
WAIT = "W: mbarrier.{wait}.b64 %p1, [%s], {state}; @!%p1 bra W; ld.shared.u32 %r0, [%s+16];"
for space in ("shared", "shared::cta"):
    for order in ("", ".release.cta", ".release.cluster", ".relaxed.cta", ".relaxed.cluster"):
        for wait in ("test_wait", "try_wait"):
            for wait_order in ("", ".acquire.cta", ".acquire.cluster", ".relaxed.cta", ".relaxed.cluster"):
                if (order.replace("release", "acquire") == wait_order) or not order:
                    snippet(f"setp.eq.u32 %p0, %t, 0; @%p0 mbarrier.init.{space}.b64 [%s], 64; bar.sync 0; setp.eq.u32 %p2, %t, 63; "
                            f"@%p2 st.shared.u32 [%s+16], 5; mbarrier.arrive{order}.{space}.b64 %d1, [%s]; "
                            f"W: mbarrier.{wait}{wait_order}.{space}.b64 %p1, [%s], %d1; @!%p1 bra W; bar.sync 0; "
                            "ld.shared.u32 %r0, [%s+16];", lambda t: 5, block=64)
snippet("setp.eq.u32 %p0, %t, 0; @%p0 mbarrier.init.shared.b64 [%s], 64; bar.sync 0; "
        "mbarrier.arrive_drop.release.cta.shared::cta.b64 %d1, [%s]; W: mbarrier.try_wait.parity.acquire.cta.shared::cta.b64 %p1, [%s], 0; "
        "@!%p1 bra W; bar.sync 0; @%p0 mbarrier.inval.shared::cta.b64 [%s]; mov.u32 %r0, 3;", lambda t: 3, block=64)
for space in ("shared", "shared::cta"):
    snippet(f"shl.b32 %r1, %t, 2; add.u32 %r1, %r1, %s; {OWN} cp.async.ca.{space}.global [%r1+512], [%d1], 4; "
            "cp.async.commit_group; cp.async.wait_group 0; ld.shared.u32 %r0, [%r1+512];", lambda t: 1000 + t)
# cp.async that arrives: .noinc takes one of the expected arrivals, without it one more is expected.
for form, expected in (("", 32), (".noinc", 64)):
    for space in (".shared", ""):
        snippet(f"setp.eq.u32 %p0, %t, 0; @%p0 mbarrier.init.shared.b64 [%s], {expected}; bar.sync 0; shl.b32 %r1, %t, 2; "
                f"add.u32 %r1, %r1, %s; {OWN} cp.async.ca.shared.global [%r1+512], [%d1], 4; "
                f"cp.async.mbarrier.arrive{form}{space}.b64 [%s]; mbarrier.arrive.shared.b64 _, [%s]; "
                "W: mbarrier.test_wait.parity.shared.b64 %p1, [%s], 0; @!%p1 bra W; ld.shared.u32 %r0, [%r1+512];", lambda t: 1000 + t)

# stmatrix and ldmatrix: element (r, c) of matrix m is 100 m + 8 r + c; lane l holds columns 2 (l % 4) and the next of row l / 4.
for count in (1, 2, 4):
    for trans in ("", ".trans"):
        registers = ", ".join(f"%r{4 + m}" for m in range(count))
        fill = "".join(f"add.u32 %r2, %r1, {100 * m}; add.u32 %r3, %r2, 1; shl.b32 %r3, %r3, 16; or.b32 %r{4 + m}, %r2, %r3; "
                       for m in range(count))

        def stored(t, n=count, trans=bool(trans)):
            word = t % (32 * n)
            m, e = divmod(2 * word, 64)

            def at(e):
                r, c = divmod(e, 8)
                return 100 * m + (8 * c + r if trans else 8 * r + c)
            return at(e + 1) << 16 | at(e)
        snippet(f"and.b32 %r1, %t, 31; shl.b32 %r1, %r1, 1; {fill} shl.b32 %r10, %t, 4; add.u32 %r10, %r10, %s; "
                f"setp.ge.u32 %p0, %t, 32; @%p0 bra N; stmatrix.sync.aligned.m8n8.x{count}{trans}.shared.b16 [%r10], {{{registers}}}; "
                f"N: bar.sync 0; rem.u32 %r11, %t, {32 * count}; shl.b32 %r11, %r11, 2; add.u32 %r11, %r11, %s; ld.shared.u32 %r0, [%r11];",
                stored, block=128)
snippet("shl.b32 %r1, %t, 2; add.u32 %r1, %r1, %s; st.shared.u32 [%r1], %t; bar.sync 0; shl.b32 %r2, %t, 4; and.b32 %r2, %r2, 112; "
        "add.u32 %r2, %r2, %s; ldmatrix.sync.aligned.m8n8.x1.shared::cta.b16 {%r0}, [%r2];", lambda t: t)

for count in (1, 2, 4):
    for trans in ("", ".trans"):
        registers = ", ".join(f"%r{4 + m}" for m in range(count))

        def loaded(t, n=count, trans=bool(trans)):
            row, column = divmod(t, 4)
            column *= 2
            places = [(8 * (column + e) + row) if trans else 8 * row + column + e for e in (0, 1)]
            return sum((64 * (n - 1) + p) << 16 * e for e, p in enumerate(places))
        # Half word i of shared memory holds i; the last matrix is looked at.
        snippet("mov.u32 %r0, %t; FILL: shl.b32 %r1, %r0, 2; add.u32 %r1, %r1, %s; shl.b32 %r2, %r0, 1; add.u32 %r3, %r2, 1; "
                "shl.b32 %r3, %r3, 16; or.b32 %r2, %r2, %r3; st.shared.u32 [%r1], %r2; add.u32 %r0, %r0, 32; setp.lt.u32 %p0, %r0, 256; "
                f"@%p0 bra FILL; bar.sync 0; shl.b32 %r2, %t, 4; add.u32 %r2, %r2, %s; "
                f"ldmatrix.sync.aligned.m8n8.x{count}{trans}.shared.b16 {{{registers}}}, [%r2]; mov.u32 %r0, %r{3 + count};", loaded)

snippet("shl.b32 %r1, %t, 1; add.u32 %r2, %r1, 1; shl.b32 %r2, %r2, 16; or.b32 %r1, %r1, %r2; "
        "movmatrix.sync.aligned.m8n8.trans.b16 %r0, %r1;",
        lambda t: sum((8 * (2 * (t % 4) + e) + t // 4) << 16 * e for e in (0, 1)))
# Quad pairs that add halves to floats: every sum is 4 * 1 * 2 + 3.
snippet("mov.u32 %r1, 0x3c003c00; mov.u32 %r2, 0x40004000; mov.u32 %r3, 0x42004200; "
        "mma.sync.aligned.m8n8k4.col.row.f32.f16.f16.f16 {%f0, %f1, %f2, %f3, %f4, %f5, %f6, %f7}, {%r1, %r1}, {%r2, %r2}, "
        "{%r3, %r3, %r3, %r3}; mov.b32 %r0, %f5;", lambda t: bits32(11.0), target="sm_75")

# Matrices: one of them, where the sum is known.
snippet("mov.f64 %d1, 0d3FF0000000000000; mov.f64 %d2, 0d4000000000000000; "
        "mma.sync.aligned.m8n8k4.row.col.rn.f64.f64.f64.f64 {%d3, %d4}, {%d1}, {%d2}, {%d1, %d1}; cvt.rni.u32.f64 %r0, %d4;",
        lambda t: 9, target="sm_80")
ONES = ", ".join(["%r1"] * 2)
snippet(f"mov.u32 %r1, 0x7f7f7f7f; mov.u32 %r2, 0x7fffffff; wmma.mma.sync.aligned.row.col.m16n16k16.s32.s8.s8.s32.satfinite "
        f"{{{', '.join(f'%r{4 + i}' for i in range(8))}}}, {{{ONES}}}, {{{ONES}}}, {{{', '.join(['%r2'] * 8)}}}; mov.u32 %r0, %r11;",
        lambda t: 0x7fffffff, target="sm_75")
snippet("mov.u32 %r1, 16; wmma.load.a.sync.aligned.row.m16n16k16.shared::cta.s8 {%r2, %r3}, [%s], %r1; add.u32 %r0, %r2, %r3;",
        lambda t: 0, target="sm_75")
