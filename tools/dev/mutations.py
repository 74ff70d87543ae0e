"""What can be wrong in a kernel, one thing at a time: mutants of PTX text. Standard library only.

`mutants(text, kernel)` yields every mutant of one kernel (all kernels if None): its kind, its line (from 1), what was done
in words, and the whole text with that line changed (mutation_changes.py). Lines keep their numbers. `probe` is what to put before the
unaltered line so that MARK is executed where the change makes a difference: a bound when both sides are equal, a guard when it is
false, a branch when it is taken, what has no condition whenever it is executed. `instrumented(text, mutants)` is the text with all
of them.
"""
import collections
import dataclasses
import re

from mutation_changes import MASK, Facts, changes
from ptx_flow import parse

# The place that MARK stores to.
MARKED = ".global .align 1 .u8 dlc_met[1];"


@dataclasses.dataclass
class Mutant:
    kind: str
    line: int
    what: str
    text: str
    probe: str


def kernel_lines(lines, kernel):
    """Index ranges [first, last) of the bodies of a kernel, or of all kernels and functions."""
    found, at = [], 0
    while at < len(lines):
        head = re.search(r"\.(entry|func)\b.*?([\w$]+)\s*\(", lines[at])
        if head and (kernel is None or (head[1] == "entry" and head[2] == kernel)):
            depth, end = 0, at
            while end < len(lines):
                code = lines[end].split("//")[0]
                depth += code.count("{") - code.count("}")
                if (depth == 0 and "}" in code) or (depth == 0 and code.rstrip().endswith(";")):
                    break
                end += 1
            found.append((at, end))
            at = end
        at += 1
    return found


def constants_of(statements):
    """Registers that one `mov` gives a number, and nothing else writes."""
    found, times = {}, collections.Counter(name for s in statements for name in s.defs)
    for s in statements:
        if re.fullmatch(r"mov\.[bsu](32|64)", s.opcode) and re.fullmatch(r"\s*(-?\d+|0x[0-9a-fA-F]+)\s*", s.operands[1]):
            found[s.operands[0].strip()] = s.operands[1].strip()
    return {r: v for r, v in found.items() if times[r] == 1}


def closure(start, edges):
    """What can be reached from some names, themselves included only by a way."""
    seen, queue = set(), [n for s in start for n in edges.get(s, ())]
    while queue:
        name = queue.pop()
        if name not in seen:
            seen.add(name)
            queue += edges.get(name, ())
    return seen


def facts_of(lines, first, last):
    statements, labels = parse(lines, first, last)
    sources, results, times = {}, {}, collections.Counter()
    for s in statements:
        for name in s.defs:
            times[name] += 1
            sources.setdefault(name, set()).update(s.uses)
        for name in s.uses:
            results.setdefault(name, set()).update(s.defs)
    carried = {name for name, n in times.items() if n > 1 and name in closure([name], sources)}
    facts = Facts(constants_of(statements), carried, carried | closure(carried, results))
    for at, s in enumerate(statements):
        if s.opcode.split(".")[0] == "bra" and s.guard and labels.get(s.operands[0].strip(), at + 1) <= at:
            facts.repeats.add(s.guard)
        if re.match(r"add\.[su](16|32|64)$", s.opcode) and re.fullmatch(r"\s*-?\d+\s*", s.operands[2]):
            facts.steps[s.operands[0].strip()] = int(s.operands[2])
    defined = {name: s for s in statements for name in s.defs if times[name] == 1}
    for s in statements:
        product = defined.get(s.operands[2].strip()) if re.match(r"sub\.[su]32$", s.opcode) else None
        if product and product.opcode.startswith("mul.lo") and re.fullmatch(r"\s*\d+\s*", product.operands[2]):
            whole = s.operands[1].strip()
            if whole in facts.counted and whole in closure([product.operands[1].strip()], sources):
                facts.remainders.update(s.defs)
    facts.masks.update(match[2] for line in lines[first:last] for match in MASK.finditer(line))
    return facts


def mutants(text, kernel=None):
    lines = text.split("\n")
    for first, last in kernel_lines(lines, kernel):
        facts = facts_of(lines, first, last)
        for at in range(first, last):
            code, slashes, comment = lines[at].partition("//")
            for kind, what, changed, probe in changes(code, facts):
                if changed != code:
                    whole = "\n".join([*lines[:at], changed + slashes + comment, *lines[at + 1:]])
                    yield Mutant(kind, at + 1, f"{what}: {code.strip()}", whole, probe)


def instrumented(text, altered):
    """(the text with every mutant's probe on a line of its own, {line of a probe: indices of mutants}, {line: line of the text})"""
    probes = {}
    for n, mutant in enumerate(altered):
        probes.setdefault(mutant.line, {}).setdefault(mutant.probe, []).append(n)
    out, marks, origin, declared = [], {}, {}, False
    for at, line in enumerate(text.split("\n"), 1):
        label = re.match(r"\s*[\w$]+\s*:(?!:)", line)
        if at in probes and label:
            out.append(label[0])
            line = line[label.end():]
        for probe, numbers in probes.get(at, {}).items():
            out.append(probe)
            marks[len(out)] = numbers
        out.append(line)
        origin[len(out)] = at
        if not declared and line.startswith(".address_size"):
            out.append(MARKED)
            declared = True
    return "\n".join(out), marks, origin
