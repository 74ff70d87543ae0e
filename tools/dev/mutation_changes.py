"""What can be wrong in one line of PTX: the operators of ./dev mutate. Standard library only.

`changes(line, facts)` yields (kind, what was done, changed line, probe) for everything that can be altered in a line of code:

    barrier     deleted; members halved; the count of a partial barrier or of an mbarrier other by one warp or arrival
    wait        deleted; allows a group more; a test of an mbarrier that succeeds at once
    commit      deleted
    fence       deleted; an access that acquires or releases does no more so
    predicate   a guard dropped, a branch or exit never taken, what is combined with another predicate alone, a choice always the first
                or never zero, a copy that reads all it could
    bound       an order shifted by equality, the end of a loop by one turn, a clamp dropped
    stage       a ring's index that does not start again, is always the first, has one stage less, does not change; another phase
    shuffle     another lane, another range, half of the members (also of votes, matches and reductions)
"""
import dataclasses
import re

# A store that the line counters show.
MARK = "st.global.u8 [dlc_met], 1;"
# Kinds whose instructions only order accesses of others.
ORDERING = ("barrier", "wait", "commit", "fence")
LESS = {"lt": "le", "le": "lt", "gt": "ge", "ge": "gt", "lo": "ls", "ls": "lo", "hi": "hs", "hs": "hi"}
LESS |= {f"{a}u": f"{b}u" for a, b in LESS.items() if a[0] in "lg" and a not in ("lo", "ls")}
NUMBER = re.compile(r"-?\d+|0x[0-9a-fA-F]+")
GUARD = re.compile(r"^(\s*)@(!?)(%\w+)\s+(.*)$")
BARRIER = re.compile(r"\b(bar|barrier)(\.cta)?\.(sync|arrive|red)|\bbar\.warp\.sync|\bmbarrier\.(arrive|test_wait|try_wait)|"
                     r"\bcp\.async\.mbarrier")
WAIT = re.compile(r"\bcp\.async\.wait_(all|group\s+(\d+))")
COMMIT = re.compile(r"\bcp\.async\.commit_group")
FENCE = re.compile(r"\b(membar|fence)\.")
# An access that is a fence as well.
ORDERED = re.compile(r"\b(?:ld|st|atom|red)\b[.:\w]*\.(acquire|release|acq_rel)\b")
# The count of a barrier of some warps, and of the arrivals that end a phase.
PARTIAL = re.compile(r"\b(?:bar|barrier)(?:\.cta)?\.(?:sync|arrive|red)[.\w]*\s+([^;]*);")
ARRIVALS = re.compile(r"\bmbarrier\.init[.:\w]*\s+([^;]*);")
TESTED = re.compile(r"\bmbarrier\.(?:test|try)_wait[.:\w]*\s+([%\w]+)\s*,([^;]*);")
ORDERS = "lt|le|gt|ge|lo|ls|hi|hs|ltu|leu|gtu|geu"
BOUND = re.compile(rf"\bsetp\.({ORDERS})(?:\.and|\.or|\.xor)?(?:\.ftz)?\.([usf](?:16|32|64)|bf16)\b\s+[^,;]+,([^,;]+),([^,;]+)[,;]")
COMBINED = re.compile(r"\bsetp\.\w+(\.(?:and|or|xor))[.\w]*\s+(%?\w+)\s*,([^,;]+),([^,;]+)(,[^,;]+);")
LOGIC = re.compile(r"\b(and|or|xor)\.pred\s+(%?\w+)\s*,\s*(%?\w+)\s*,\s*(%?\w+)\s*;")
NOT = re.compile(r"\bnot\.pred\s+(%?\w+)\s*,\s*(%?\w+)\s*;")
LOOP_END = re.compile(r"\bsetp\.(?:eq|ne)\.([usb](?:16|32|64))\s+(%\w+)\s*,\s*(%\w+)\s*,\s*([%\w-]+)\s*;")
CLAMP = re.compile(r"\b(min|max)\.([us](?:16|32|64))\s+(%\w+)\s*,\s*(%\w+|-?\w+)\s*,\s*(%\w+|-?\w+)\s*;")
SELECT = re.compile(r"\bselp\.([busf](?:16|32|64))\s+(%?\w+)\s*,\s*([^,;]+?)\s*,\s*([^,;]+?)\s*,\s*(%?\w+)\s*;")
# A ring of stages: the index starts again at 0, is some bits of a count or a remainder of it, or goes to and fro.
WRAP = re.compile(r"\bselp\.([bsu]32)\s+(%\w+)\s*,\s*(?:0\s*,\s*(%\w+)|(%\w+)\s*,\s*0)\s*,\s*(%\w+)\s*;")
BITS = re.compile(r"\band\.b(32|64)\s+(%\w+)\s*,\s*(%\w+)\s*,\s*(\d+)\s*;")
TO_AND_FRO = re.compile(r"\bxor\.b(32|64)\s+(%\w+)\s*,\s*(%\w+)\s*,\s*\d+\s*;")
DIFFERENCE = re.compile(r"\bsub\.[su](32)\s+(%\w+)\s*,\s*(%\w+)\s*,\s*(%\w+)\s*;")
REMAINDER = re.compile(r"\brem\.[su]32\s+%\w+\s*,\s*%\w+\s*,\s*(\d+)\s*;")
# A number or nothing: how much an asynchronous copy reads, the outcome of a wait.
MASK = re.compile(r"\bselp\.([bsu]32)\s+(%\w+)\s*,\s*([1-9]\d*)\s*,\s*0\s*,\s*(%?\w+)\s*;")
COPIED = re.compile(r"\bcp\.async\.c[ag][.:\w]*\s+\[[^\]]*\]\s*,\s*\[[^\]]*\]\s*,\s*(0x[0-9a-fA-F]+|\d+)\s*(,\s*(%\w+)\s*);")
SHUFFLE = re.compile(r"\bshfl\.sync\.(\w+)\.b32\s+(.*?);")
MEMBERS = re.compile(r"\b(?:(?:vote|match|redux|elect)[.\w]*\.sync[.\w]*|bar\.warp\.sync)\s+([^;]*);")


@dataclasses.dataclass
class Facts:
    """What the lines of a kernel say about its registers."""
    constants: dict = dataclasses.field(default_factory=dict)  # which one `mov` gives a number, and nothing else writes
    carried: set = dataclasses.field(default_factory=set)  # from one turn of a loop to the next, by way of itself
    counted: set = dataclasses.field(default_factory=set)  # computed from those
    remainders: set = dataclasses.field(default_factory=set)  # of a count, by what is less than a multiple of a number
    masks: set = dataclasses.field(default_factory=set)  # a number or 0, by a selp
    repeats: set = dataclasses.field(default_factory=set)  # predicates of branches back
    steps: dict = dataclasses.field(default_factory=dict)  # the number that was added


def statement_start(line, at):
    return max(line.rfind(c, 0, at) for c in ";{}:") + 1


def without(line, at):
    """The line less the statement that has a place."""
    end = line.find(";", at) + 1 or len(line)
    return line[:statement_start(line, at)] + " " + line[end:]


def replaced(line, match, group, new):
    return line[:match.start(group)] + new + line[match.end(group):]


def instead(line, match, new):
    """Another statement, under the guard of the one that was there."""
    return line[:match.start()] + new + line[match.end():]


def computed(line, match, group, operation, kind):
    """An operand changed by what is computed before: in a block, so that there is a register for it."""
    start, end = statement_start(line, match.start()), line.find(";", match.start()) + 1
    statement = line[start:match.start(group)] + "%dlc" + line[match.end(group):end]
    operand = match[group].strip()
    before = f".reg .{kind} %dlc; {operation.format('%dlc', operand)};"
    return f"{line[:start]} {{ {before} {statement.strip()} }}{line[end:]}"


def listed(match, group):
    return [o.strip() for o in match[group].split(",")]


def with_operand(line, match, group, index, new):
    operands = listed(match, group)
    return line[:match.start(group)] + ", ".join(operands[:index] + [new] + operands[index + 1:]) + line[match.end(group):]


def met(condition):
    return f"{{ .reg .pred %met; {condition}; @%met {MARK} }}"


def orderings(line, _, executed):
    for kind, pattern in (("barrier", BARRIER), ("commit", COMMIT), ("fence", FENCE), ("wait", WAIT)):
        for match in pattern.finditer(line):
            if "mbarrier" in match[0] and "wait" in match[0]:
                continue  # below
            yield kind, "deleted", without(line, match.start()), executed
            if kind == "wait" and match[2] is not None:
                yield kind, f"allows {int(match[2]) + 1} groups", replaced(line, match, 2, str(int(match[2]) + 1)), executed
    if match := ORDERED.search(line):
        yield "fence", f"no more {match[1]}", replaced(line, match, 1, "relaxed"), executed
    if match := TESTED.search(line):
        yield "wait", "succeeds at once", instead(line, match, f"setp.eq.u32 {match[1]}, 0, 0;"), executed
        if ".parity" in match[0]:
            operands = [match[1], *listed(match, 2)]
            phase = re.compile(rf"(?<=,)\s*({re.escape(operands[2])})\s*(?=[,;])").search(line, match.start())
            yield "stage", "the other phase", computed(line, phase, 1, "xor.b32 {}, {}, 1", "b32"), executed


def counts(line, facts, executed):
    if (match := PARTIAL.search(line)) and len(operands := listed(match, 1)) > 1:
        at = len(operands) - 1 if ".red" not in match[0] else 2
        count = facts.constants.get(operands[at], operands[at])
        if ".red" not in match[0] and NUMBER.fullmatch(count):
            other = int(count, 0) - 32 if int(count, 0) > 32 else int(count, 0) + 32
            yield "barrier", f"count {count} -> {other}", with_operand(line, match, 1, at, str(other)), executed
    if match := ARRIVALS.search(line):
        operands = listed(match, 1)
        count = facts.constants.get(operands[1], operands[1])
        others = [int(count, 0) + d for d in (-1, 1) if int(count, 0) + d] if NUMBER.fullmatch(count) else []
        for other in others:
            yield "barrier", f"count {count} -> {other}", with_operand(line, match, 1, 1, str(other)), executed
        if not others:
            operand = re.compile(r",\s*(%\w+)\s*(?=;)").search(line, match.start())
            yield "barrier", "count one more", computed(line, operand, 1, "add.u32 {}, {}, 1", "b32"), executed


def guards(line, _, executed):
    if not (guard := GUARD.match(line)):
        return
    indent, negated, predicate, rest = guard.groups()
    if re.match(r"bra\b", rest):
        yield "predicate", "never branches", indent, executed
    elif re.match(r"(ret|exit|trap)\b", rest):
        yield "predicate", "never leaves", indent, executed
    else:
        yield "predicate", "guard dropped", indent + rest, f"@{'' if negated else '!'}{predicate} {MARK}"


def bounds(line, facts, _):
    for match in BOUND.finditer(line):
        equal = met(f"setp.eq.{match[2]} %met, {match[3].strip()}, {match[4].strip()}")
        yield "bound", f"{match[1]} -> {LESS[match[1]]}", replaced(line, match, 1, LESS[match[1]]), equal
    if (match := LOOP_END.search(line)) and match[2] in facts.repeats:
        kind, _, counter, end = match.groups()
        step, equal = facts.steps.get(counter, 1), met(f"setp.eq.{kind} %met, {counter}, {end}")
        if NUMBER.fullmatch(end):
            yield "bound", "one turn more or less", replaced(line, match, 4, str(int(end, 0) + step)), equal
        else:
            width = kind.replace("b", "u")
            yield "bound", "one turn more or less", computed(line, match, 4, f"add.{width} {{}}, {{}}, {step}", f"b{kind[1:]}"), equal
    if match := CLAMP.search(line):
        kept = match[5] if NUMBER.fullmatch(match[4]) else match[4]
        other = met(f"{{ .reg .b{match[2][1:]} %dlc; {match[1]}.{match[2]} %dlc, {match[4]}, {match[5]}; "
                    f"setp.ne.{match[2]} %met, %dlc, {kept}; }}")
        yield "bound", "not clamped", instead(line, match, f"mov.{match[2]} {match[3]}, {kept};"), other


def combinations(line, _, executed):
    if match := COMBINED.search(line):
        alone = line[:match.start(1)] + line[match.end(1):match.start(5)] + line[match.end(5):]
        whole, one = match[0].replace(match[2], "%met", 1), alone[match.start():].split(";")[0].replace(match[2], "%one", 1)
        yield "predicate", "its comparison alone", alone, met(f".reg .pred %one; {whole} {one}; xor.pred %met, %met, %one")
    if match := LOGIC.search(line):
        for n, name in ((3, "first"), (4, "second")):
            differs = met(f"{match[1]}.pred %met, {match[3]}, {match[4]}; xor.pred %met, %met, {match[n]}")
            yield "predicate", f"its {name} operand alone", instead(line, match, f"mov.pred {match[2]}, {match[n]};"), differs
    if match := NOT.search(line):
        yield "predicate", "not negated", instead(line, match, f"mov.pred {match[1]}, {match[2]};"), executed


def choices(line, facts, executed):
    mixed = line.lstrip().startswith(("@", "{"))  # a predicate of its own block, or the same in a guard
    if match := WRAP.search(line):
        kept, predicate = match[3] or match[4], match[5]
        again = met(f"setp.ne.and.{match[1].replace('b', 'u')} %met, {kept}, 0, {'' if match[3] else '!'}{predicate}")
        kind, what = ("stage", "does not start again") if kept in facts.counted else ("predicate", "not zeroed")
        yield kind, what, instead(line, match, f"mov.{match[1]} {match[2]}, {kept};"), again
    elif match := MASK.search(line):
        yield "predicate", f"always {match[3]}", instead(line, match, f"mov.{match[1]} {match[2]}, {match[3]};"), \
            executed if mixed else f"@!{match[4]} {MARK}"
    elif match := SELECT.search(line):
        kind = match[1]
        yield "predicate", "always the first", instead(line, match, f"mov.{kind} {match[2]}, {match[3]};"), \
            executed if mixed else f"@!{match[5]} {MARK}"


def few_stages(bits):
    """At most three bits that stand together: of an index, or of an address."""
    while bits and bits % 2 == 0:
        bits //= 2
    return bits in (1, 3, 7)


def rings(line, facts, executed):
    if (match := BITS.search(line)) and (match[4] == "1" or (match[3] in facts.counted and few_stages(int(match[4])))):
        some = met(f".reg .b{match[1]} %bit; and.b{match[1]} %bit, {match[3]}, {match[4]}; setp.ne.u{match[1]} %met, %bit, 0")
        what = "always the first of two" if match[4] == "1" else "always the first"
        yield "stage", what, instead(line, match, f"mov.b{match[1]} {match[2]}, 0;"), some
    if (match := DIFFERENCE.search(line)) and match[2] in facts.remainders:
        yield "stage", "always the first", instead(line, match, f"mov.b32 {match[2]}, 0;"), met(f"setp.ne.u32 %met, {match[3]}, {match[4]}")
    if (match := TO_AND_FRO.search(line)) and match[3] in facts.carried:
        yield "stage", "does not change", instead(line, match, f"mov.b{match[1]} {match[2]}, {match[3]};"), executed
    if (match := REMAINDER.search(line)) and int(match[1]) > 1:
        yield "stage", f"remainder by {int(match[1]) - 1}", replaced(line, match, 1, str(int(match[1]) - 1)), executed


def halved(line, match, group, index, facts):
    """(in words, the line with half of the members): by number, or computed."""
    members = listed(match, group)[index]
    number = facts.constants.get(members, members)
    if NUMBER.fullmatch(number):
        value = int(number, 0) & 0xffffffff
        half = next((h for h in (value & 0xffff, value & 0xff, value >> 1) if h not in (0, value)), 0)
        return f"members {number} -> half of them", with_operand(line, match, group, index, str(half))
    operand = re.compile(rf"({re.escape(members)})\s*(?=;)").search(line, match.start())
    return "members: the lower half of the warp", computed(line, operand, 1, "and.b32 {}, {}, 0xffff", "b32")


def exchanges(line, facts, executed):
    if (match := SHUFFLE.search(line)) and len(operands := listed(match, 2)) == 5:
        lane, span = (facts.constants.get(operands[n], operands[n]) for n in (2, 3))
        if re.fullmatch(r"\d+", lane):
            other = str(int(lane) // 2 if int(lane) > 1 else int(lane) + 1)
            yield "shuffle", f"lane operand {lane} -> {other}", with_operand(line, match, 2, 2, other), executed
        if NUMBER.fullmatch(span):
            other = str(int(span, 0) ^ 31)
            yield "shuffle", f"range {span} -> {other}", with_operand(line, match, 2, 3, other), executed
        yield ("shuffle", *halved(line, match, 2, 4, facts), executed)
    if (match := MEMBERS.search(line)) and (operands := listed(match, 1)):
        kind = "barrier" if "bar.warp" in match[0] else "shuffle"
        yield (kind, *halved(line, match, 1, len(operands) - 1, facts), executed)


def copies(line, facts, _):
    if (match := COPIED.search(line)) and match[3] not in facts.masks:  # of a mask, its choice is altered
        less = met(f"setp.ne.u32 %met, {match[3]}, {match[1]}")
        yield "predicate", "reads all", line[:match.start(2)] + line[match.end(2):], less


OPERATORS = (orderings, counts, guards, bounds, combinations, choices, rings, exchanges, copies)


def changes(line, facts):
    """(kind, what, changed line, probe) of one line of code."""
    guard = GUARD.match(line)
    executed = f"@{guard[2]}{guard[3]} {MARK}" if guard else MARK
    for operator in OPERATORS:
        yield from operator(line, facts, executed)
