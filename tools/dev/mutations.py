"""What can be wrong in a kernel, one thing at a time: mutants of PTX text. Standard library only.

`mutants(text, kernel)` yields every mutant of one kernel (all kernels if None): its kind, its line (from 1), what was done
in words, and the whole text with that line changed. Lines keep their numbers. `probe` is what to put before the unaltered line so
that MARK is executed where the change makes a difference: a bound when both sides are equal, a guard when it is false, a branch
when it is taken, everything else whenever it is executed. `instrumented(text, mutants)` is the text with all of them.
"""
import dataclasses
import re

# A store that the line counters show, and the place it goes to.
MARK = "st.global.u8 [dlc_met], 1;"
MARKED = ".global .align 1 .u8 dlc_met[1];"
# Kinds whose instructions only order accesses of others.
ORDERING = ("barrier", "wait", "commit", "fence")
LESS = {"lt": "le", "le": "lt", "gt": "ge", "ge": "gt", "lo": "ls", "ls": "lo", "hi": "hs", "hs": "hi"}
GUARD = re.compile(r"^(\s*)@(!?)(%\w+)\s+(.*)$")
BARRIER = re.compile(r"\b(bar|barrier)(\.cta)?\.(sync|arrive|red)|\bbar\.warp\.sync|\bmbarrier\.(arrive|test_wait|try_wait)|"
                     r"\bcp\.async\.mbarrier")
WAIT = re.compile(r"\bcp\.async\.wait_(all|group\s+(\d+))")
COMMIT = re.compile(r"\bcp\.async\.commit_group")
FENCE = re.compile(r"\b(membar|fence)\.")
BOUND = re.compile(r"\bsetp\.(lt|le|gt|ge|lo|ls|hi|hs)(?:\.and|\.or)?\.([us](?:16|32|64))\b\s+[^,;]+,([^,;]+),([^,;]+)[,;]")
# A ring of stages: the index starts again at 0, or is a remainder.
WRAP = re.compile(r"\bselp\.([bsu]32)\s+(%\w+)\s*,\s*(?:0\s*,\s*(%\w+)|(%\w+)\s*,\s*0)\s*,\s*(%\w+)\s*;")
PARITY = re.compile(r"\band\.b32\s+(%\w+)\s*,\s*(%\w+)\s*,\s*1\s*;")
# A number or nothing: how much an asynchronous copy reads, the outcome of a wait.
MASK = re.compile(r"\bselp\.([bsu]32)\s+(%\w+)\s*,\s*([1-9]\d*)\s*,\s*0\s*,\s*(%?\w+)\s*;")
REMAINDER = re.compile(r"\brem\.[su]32\s+%\w+\s*,\s*%\w+\s*,\s*(\d+)\s*;")
SHUFFLE = re.compile(r"\bshfl\.sync\.(\w+)\.b32\s+(.*);")


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


def without(line, match_start):
    """The line less the statement that begins at or before a place."""
    start = max(line.rfind(c, 0, match_start) for c in ";{}:") + 1
    end = line.find(";", match_start) + 1 or len(line)
    return line[:start] + " " + line[end:]


def replaced(line, match, group, new):
    return line[:match.start(group)] + new + line[match.end(group):]


def shuffles(line, match, constants):
    """Another lane, and members less. Registers stand for the constants that they were given once."""
    operands = [o.strip() for o in match[2].split(",")]
    if len(operands) != 5:
        return
    lane, members = (constants.get(operands[n], operands[n]) for n in (2, 4))
    if re.fullmatch(r"\d+", lane):
        other = str(int(lane) // 2 if int(lane) > 1 else int(lane) + 1)
        yield f"lane operand {lane} -> {other}", with_operand(line, match, operands, 2, other)
    if re.fullmatch(r"-1|0x[0-9a-fA-F]+|\d+", members):
        value = int(members, 0) & 0xffffffff
        half = next(h for h in (value & 0xffff, value & 0xff, value >> 1) if h not in (0, value))
        yield f"members {members} -> half of them", with_operand(line, match, operands, 4, str(half))


def with_operand(line, match, operands, index, new):
    changed = operands[:index] + [new] + operands[index + 1:]
    return line[:match.start(2)] + ", ".join(changed) + line[match.end(2):]


def constants_of(lines):
    """Registers that one `mov` gives a number, and nothing else writes."""
    found, twice = {}, set()
    for line in lines:
        for register, value in re.findall(r"\bmov\.[bsu]32\s+(%\w+)\s*,\s*(-?\w+)\s*;", line):
            if register in found:
                twice.add(register)
            found[register] = value
    return {r: v for r, v in found.items() if r not in twice and re.fullmatch(r"-1|0x[0-9a-fA-F]+|\d+", v)}


def changes(line, constants):
    """(kind, what, changed line, probe) of one line of code."""
    guard = GUARD.match(line)
    executed = f"@{guard[2]}{guard[3]} {MARK}" if guard else MARK

    def met(condition):
        return f"{{ .reg .pred %met; {condition}; @%met {MARK} }}"

    for kind, pattern in (("barrier", BARRIER), ("commit", COMMIT), ("fence", FENCE), ("wait", WAIT)):
        for match in pattern.finditer(line):
            if "mbarrier" in match[0] and "wait" in match[0]:
                continue  # its predicate is altered, or the branch that repeats it
            yield kind, "deleted", without(line, match.start()), executed
            if kind == "wait" and match[2] is not None:
                yield kind, f"allows {int(match[2]) + 1} groups", replaced(line, match, 2, str(int(match[2]) + 1)), executed
    if guard:
        indent, negated, predicate, rest = guard.groups()
        if re.match(r"bra\b", rest):
            yield "predicate", "never branches", indent, executed
        elif re.match(r"(ret|exit|trap)\b", rest):
            yield "predicate", "never leaves", indent, executed
        else:
            yield "predicate", "guard dropped", indent + rest, f"@{'' if negated else '!'}{predicate} {MARK}"
    for match in BOUND.finditer(line):
        equal = met(f"setp.eq.{match[2]} %met, {match[3].strip()}, {match[4].strip()}")
        yield "bound", f"{match[1]} -> {LESS[match[1]]}", replaced(line, match, 1, LESS[match[1]]), equal
    if match := WRAP.search(line):
        kept, predicate = match[3] or match[4], match[5]
        again = met(f"setp.ne.and.{match[1].replace('b', 'u')} %met, {kept}, 0, {'' if match[3] else '!'}{predicate}")
        yield "stage", "does not start again", f"{line[:match.start()]}mov.{match[1]} {match[2]}, {kept};{line[match.end():]}", again
    if match := MASK.search(line):
        always = f"{line[:match.start()]}mov.{match[1]} {match[2]}, {match[3]};{line[match.end():]}"
        yield "predicate", f"always {match[3]}", always, executed if guard or "{" in line else f"@!{match[4]} {MARK}"
    if match := PARITY.search(line):
        odd = met(f".reg .b32 %bit; and.b32 %bit, {match[2]}, 1; setp.ne.u32 %met, %bit, 0")
        yield "stage", "always the first of two", f"{line[:match.start()]}mov.b32 {match[1]}, 0;{line[match.end():]}", odd
    if (match := REMAINDER.search(line)) and int(match[1]) > 1:
        yield "stage", f"remainder by {int(match[1]) - 1}", replaced(line, match, 1, str(int(match[1]) - 1)), executed
    if match := SHUFFLE.search(line):
        for what, changed in shuffles(line, match, constants):
            yield "shuffle", what, changed, executed


def mutants(text, kernel=None):
    lines = text.split("\n")
    for first, last in kernel_lines(lines, kernel):
        constants = constants_of(lines[first:last])
        for at in range(first, last):
            code, slashes, comment = lines[at].partition("//")
            for kind, what, changed, probe in changes(code, constants):
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
