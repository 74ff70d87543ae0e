"""Which forms the virtual GPU accepts beside those that tests name: each lane-wise form with one of its types replaced by each other
type. What it accepts must be executed by some test; coverage.py compares."""
import os
import re

from gpu import Refused
from lanes import HEAD

TYPES = [f"{k}{b}" for k in "bsu" for b in (8, 16, 32, 64)] + ["f16", "f16x2", "bf16", "bf16x2", "f32", "f64", "tf32", "pred", "e4m3x2",
                                                               "e5m2x2", "u16x2", "s16x2"]


def width(kind):
    """Bits of a register that holds the type; 0 for predicates."""
    if kind in ("pred", "p"):
        return 0
    if kind in ("f16x2", "bf16x2", "tf32", "u16x2", "s16x2"):
        return 32
    if kind in ("e4m3x2", "e5m2x2", "bf16"):
        return 16
    return max(16, int(re.search(r"\d+$", kind)[0]))


def candidates(form):
    """(form's name, kernel) with other types; the registers of the old type's width change with it."""
    name, _, operands = form.text.partition(" ")
    if ";" in form.text:
        return
    words = name.split(".")
    kinds = dict(zip("DABC", [form.d, *form.sources.split()]))
    for at, old in enumerate(words[1:], 1):
        if old not in TYPES:
            continue
        for new in TYPES:
            changed = ".".join([*words[:at], new, *words[at + 1:]])
            widths = {o: width(new) if width(k) == width(old) else width(k) for o, k in kinds.items()}
            # A narrow result of a wide source, and the other way round: only one side changes.
            for part in ("DABC", "D", "ABC", "AB", "C"):
                regs = {o: widths[o] if o in part else width(k) for o, k in kinds.items()}
                yield changed, "".join(f".reg .{f'b{w}' if w else 'pred'} {o}; " for o, w in regs.items()) + f"{changed} {operands};"


def run(gpu, forms):
    """Appends a line for each accepted form to the file of coverage; finds nothing wrong by itself."""
    found, tried = set(), set()
    for form in forms:
        for name, text in candidates(form):
            if name in found or text in tried:
                continue
            tried.add(text)
            try:
                gpu.unload(gpu.load(HEAD.format(target="sm_90") + ".entry k()\n{\n" + text + "\nret;\n}\n"))
                found.add(name)
            except Refused:
                pass
    if file := os.environ.get("VCUDA_COVERAGE"):
        with open(file, "a") as out:
            out.writelines(f"accepted\t{name}\n" for name in sorted(found))
    return []
