"""What can be wrong in a kernel, one thing at a time: mutants of PTX text. Standard library only.

`mutants(text, kernel)` yields every mutant of one kernel (all kernels if None): its kind, its line (from 1), what was done
in words, and the whole text with that line changed. Lines keep their numbers. Where it can be said when the change makes a
difference (a bound when both sides are equal, a guard when it is false, a branch when it is taken), `probe` is the unaltered
text with a trap for that case.
"""
import dataclasses
import re

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
REMAINDER = re.compile(r"\brem\.[su]32\s+%\w+\s*,\s*%\w+\s*,\s*(\d+)\s*;")
SHUFFLE = re.compile(r"\bshfl\.sync\.(\w+)\.b32\s+(.*);")


@dataclasses.dataclass
class Mutant:
    kind: str
    line: int
    what: str
    text: str
    probe: str = ""


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
        yield f"members {members} -> half of them", with_operand(line, match, operands, 4, str(value & 0xffff or value >> 1))


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
    """(kind, what, changed line, line with a probe or None) of one line of code."""
    for kind, pattern in (("barrier", BARRIER), ("commit", COMMIT), ("fence", FENCE), ("wait", WAIT)):
        for match in pattern.finditer(line):
            if "mbarrier" in match[0] and "wait" in match[0]:
                continue  # its predicate is altered, or the branch that repeats it
            yield kind, "deleted", without(line, match.start()), None
            if kind == "wait" and match[2] is not None:
                yield kind, f"allows {int(match[2]) + 1} groups", replaced(line, match, 2, str(int(match[2]) + 1)), None
    guard = GUARD.match(line)
    if guard:
        indent, negated, predicate, rest = guard.groups()
        taken = f"{indent}@{negated}{predicate} trap; {line.strip()}"
        if re.match(r"bra\b", rest):
            yield "predicate", "never branches", indent, taken
        elif re.match(r"(ret|exit|trap)\b", rest):
            yield "predicate", "never leaves", indent, taken
        else:
            yield "predicate", "guard dropped", indent + rest, f"{indent}@{'' if negated else '!'}{predicate} trap; {line.strip()}"
    for match in BOUND.finditer(line):
        probe = f"{{ .reg .pred %met; setp.eq.{match[2]} %met, {match[3]}, {match[4]}; @%met trap; }} {line}"
        yield "bound", f"{match[1]} -> {LESS[match[1]]}", replaced(line, match, 1, LESS[match[1]]), None if guard else probe
    if match := WRAP.search(line):
        kept, predicate = match[3] or match[4], match[5]
        probe = (f"{{ .reg .pred %met; setp.ne.and.{match[1].replace('b', 'u')} %met, {kept}, 0, {'' if match[3] else '!'}{predicate}; "
                 f"@%met trap; }} {line}")
        yield "stage", "does not start again", f"{line[:match.start()]}mov.{match[1]} {match[2]}, {kept};{line[match.end():]}", \
            None if guard else probe
    if (match := REMAINDER.search(line)) and int(match[1]) > 1:
        yield "stage", f"remainder by {int(match[1]) - 1}", replaced(line, match, 1, str(int(match[1]) - 1)), None
    if match := SHUFFLE.search(line):
        for what, changed in shuffles(line, match, constants):
            yield "shuffle", what, changed, None


def mutants(text, kernel=None):
    lines = text.split("\n")

    def with_line(at, line):
        return "\n".join(lines[:at] + [line] + lines[at + 1:])
    for first, last in kernel_lines(lines, kernel):
        constants = constants_of(lines[first:last])
        for at in range(first, last):
            code, slashes, comment = lines[at].partition("//")
            for kind, what, changed, probe in changes(code, constants):
                if changed != code:
                    yield Mutant(kind, at + 1, f"{what}: {code.strip()}", with_line(at, changed + slashes + comment),
                                 with_line(at, probe) if probe else "")
