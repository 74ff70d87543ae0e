"""Instructions over whole arrays at once: every 16-bit input, or very many.

A Bulk says the instruction's text, the numpy types of D and of the sources, the sources' values and what D must be;
`nan` is a function that says which codes are NaN, where any NaN will do.
"""
import dataclasses
from typing import Callable

import numpy as np

from lanes import HEAD

LANES_PER_CTA = 256


@dataclasses.dataclass
class Bulk:
    text: str
    d: type
    sources: list  # arrays of one length
    want: np.ndarray
    nan: Callable | None = None
    target: str = "sm_90"


def kernel(name, form):
    """Thread t of many does element t; the last CTA's surplus threads do nothing."""
    text = [f".visible .entry {name}(.param .u64 d, .param .u64 a, .param .u64 b, .param .u64 c, .param .u32 n)\n{{",
            ".reg .b64 %p<2>, %o; .reg .b32 %t, %n, %i, %w, %x; .reg .pred %q; .reg .b16 %l, %h;"]
    sizes = [np.dtype(form.d).itemsize, *[s.dtype.itemsize for s in form.sources]]
    for operand, size in zip("DABC", sizes):
        text.append(f".reg .b{max(16, 8 * size)} {operand};")
    text.append("mov.u32 %t, %tid.x; mov.u32 %i, %ctaid.x; mov.u32 %n, %ntid.x; mad.lo.u32 %t, %i, %n, %t;")
    text.append("ld.param.u32 %n, [n]; setp.ge.u32 %q, %t, %n; @%q ret;")
    for operand, parameter, size in zip("ABC", "abc", sizes[1:]):
        text.append(f"ld.param.u64 %p0, [{parameter}]; mul.wide.u32 %o, %t, {size}; add.s64 %p1, %p0, %o;")
        text.append(f"ld.global.{'u8' if size == 1 else f'b{8 * size}'} {operand}, [%p1];")
    text.append(f"{form.text};\nld.param.u64 %p0, [d]; mul.wide.u32 %o, %t, {sizes[0]}; add.s64 %p1, %p0, %o;")
    text.append(f"st.global.{'u8' if sizes[0] == 1 else f'b{8 * sizes[0]}'} [%p1], D;\nret;\n}}\n")
    return "\n".join(text)


def packed(values):
    """Pairs of 16-bit codes as words, the first below."""
    values = np.ascontiguousarray(values)
    return values.view(np.uint32 if values.itemsize == 2 else np.uint16)


def run(gpu, forms):
    """Runs every form of a sequence; returns what is wrong."""
    wrong = []
    for form in forms:
        module = gpu.load(HEAD.format(target=form.target) + kernel("k", form))
        count = len(form.sources[0])
        d, filler = np.zeros(count, form.d), np.zeros(1, np.uint32)
        gpu.run(module, "k", [d, *form.sources, *[filler] * (3 - len(form.sources)), np.uint32(count)],
                grid=-(-count // LANES_PER_CTA), block=LANES_PER_CTA)
        gpu.unload(module)
        want = form.want.view(d.dtype) if form.want.dtype != d.dtype else form.want
        bad = d != want
        if form.nan:
            both, other = d.view(form.nan.dtype), want.view(form.nan.dtype)
            bad = (both != other) & ~(form.nan(both) & form.nan(other))
        if bad.any():
            at = int(np.argmax(bad))
            per = len(bad) // count
            shown = " ".join(f"{s[at // per]:x}" for s in form.sources)
            wrong.append(f"{form.text}: {int(bad.sum())} of {len(bad)} wrong, first of {shown} at {at}: "
                         f"{d[at // per]:x}, not {want[at // per]:x}")
    return wrong


class NanOf:
    """Which codes of a format are NaN."""
    def __init__(self, fmt):
        self.fmt, self.dtype = fmt, np.dtype(fmt.unsigned)

    def __call__(self, codes):
        return np.isnan(self.fmt.decode(codes))
