"""What an instruction of a PTX kernel can change: a forward slice over registers, branches and memory spaces. Standard library only.

    flow = Flow(lines, first, last)     # the body of a kernel, indices into the lines of its text
    flow.depends(line)                  # lines (from 1) of what the instructions of that line compute, address, guard or skip
    flow.reaches(line, other)           # can a thread execute `other` after `line`?
    flow.is_dead(line, executed, taken) # do branches that the thread's index alone decides keep every thread away from it?

It errs on the side of more: a store that depends makes all loads of its memory space depend, and what is executed only on some of
the ways from a branch depends on it (it does not post-dominate the branch).
"""
import dataclasses
import re

NAME = re.compile(r"%[\w$]+|\b\w*(?:param|retval)\w*\b")
LABEL = re.compile(r"^\s*([\w$]+)\s*:(?!:)")
SPACES = ("shared", "global", "local")
# Instructions whose first operand is read, not written.
READ_ONLY = {"st", "red", "bra", "brx", "bar", "barrier", "ret", "exit", "trap", "membar", "fence", "cp", "prefetch", "nanosleep",
             "stmatrix", "discard", "applypriority", "prefetchu", "brkpt", "pmevent", "wmma.store"}
# Registers that are the same in every launch with blocks of that shape, and instructions that bring something else into one.
OF_THREAD = {"%tid", "%ntid", "%laneid"}
FROM_OTHERS = {"ld", "ldu", "ldmatrix", "atom", "call", "shfl", "vote", "match", "redux", "activemask", "mbarrier", "bar", "barrier",
               "wmma"}
STORES = {"st", "red", "atom", "cp", "stmatrix", "call"}
LOADS = {"ld", "ldu", "ldmatrix", "atom", "cp", "call"}


@dataclasses.dataclass
class Statement:
    line: int
    guard: str
    opcode: str
    operands: list
    defs: set
    uses: set
    reads: set
    writes: set


def operands_of(text):
    """The operands: split at commas that stand in no brackets."""
    found, depth, start = [], 0, 0
    for at, c in enumerate(text):
        depth += (c in "({[") - (c in ")}]")
        if c == "," and depth == 0:
            found.append(text[start:at])
            start = at + 1
    return [*found, text[start:]]


def memory_of(opcode, root):
    """(spaces it reads, spaces it writes)"""
    named = {space for space in SPACES if f".{space}" in opcode}
    if root == "wmma":
        reads, writes = ".load" in opcode, ".store" in opcode
    elif root == "mbarrier":
        reads = writes = True
    else:
        reads, writes = root in LOADS, root in STORES
    if ".param" in opcode or ".const" in opcode:
        return set(), set()
    if root == "cp":
        return {"global"}, {"shared"}
    spaces = named or set(SPACES)
    return spaces if reads else set(), spaces if writes else set()


def statement(line, text):
    guard, text = re.fullmatch(r"\s*(?:@!?(%[\w$]+)\s+)?(.*)", text, re.S).groups()
    opcode, _, rest = text.strip().partition(" " if " " in text.strip() else "\t")
    opcode, rest = (opcode.split("\t")[0], opcode.partition("\t")[2] + " " + rest) if "\t" in opcode else (opcode, rest)
    root = opcode.split(".")[0]
    operands = operands_of(rest)
    writes_first = root not in READ_ONLY and not (root == "wmma" and ".store" in opcode) and not operands[0].strip().startswith("[")
    defs, uses = set(), {guard} if guard else set()
    for n, operand in enumerate(operands):
        names = set(NAME.findall(operand))
        if root == "call":
            (defs if n == 0 and len(operands) > 1 else uses).update(names)
        elif root == "st" and ".param" in opcode and n == 0:
            defs |= names
        elif n == 0 and writes_first:
            defs |= names
        else:
            uses |= names
    reads, writes = memory_of(opcode, root)
    return Statement(line, guard or "", opcode, operands, defs, uses, reads, writes)


def parse(lines, first, last):
    """(statements, the number of the statement after each label)"""
    statements, labels = [], {}
    text, begun = "", first
    for at in range(first, min(last + 1, len(lines))):
        code = lines[at].split("//")[0]
        if re.match(r"\s*\.(loc|file|section)\b", code):
            continue  # a directive without an end
        while label := LABEL.match(code):
            if text.strip():
                break
            labels[label[1]] = len(statements)
            code = code[label.end():]
        if not text.strip():
            begun = at
        *whole, text = (text + " " + code).split(";")
        for part in whole:
            part = re.sub(r"^[\s{}]+", "", part)
            if part and part[0] != "." and not re.match(r"\w+\s*:\s*\.\w", part):
                statements.append(statement(begun + 1, part))
            begun = at
        if not re.search(r"[^\s{}()]", text) or re.match(r"\s*\.(visible|entry|func|weak|maxntid|reqntid|minnctapersm)", text):
            text = ""  # a head, or braces of a block
    return statements, labels


class Flow:
    def __init__(self, lines, first, last):
        self.statements, self.labels = parse(lines, first, last)
        self.of_line = {}
        for at, s in enumerate(self.statements):
            self.of_line.setdefault(s.line, []).append(at)
        self.successors = [self.after(at) for at in range(len(self.statements))]
        self.after_of = self.reachable()
        self.post = self.post_dominators()

    def after(self, at):
        s = self.statements[at]
        root = s.opcode.split(".")[0]
        following = [at + 1] if at + 1 < len(self.statements) else []
        if root == "bra":
            target = self.labels.get(s.operands[0].strip())
            return [t for t in ([target] if target is not None and target < len(self.statements) else [])] + (following if s.guard else [])
        if root == "brx":
            return sorted({t for t in self.labels.values() if t < len(self.statements)})
        if root in ("ret", "exit", "trap"):
            return following if s.guard else []
        return following

    def leaves(self, at):
        """Does a way end here?"""
        s = self.statements[at]
        return s.opcode.split(".")[0] in ("ret", "exit", "trap") or not self.successors[at]

    def fixed_point(self, step):
        """Sets as bits, statement by statement from the last, until nothing changes."""
        changed = True
        while changed:
            changed = False
            for at in range(len(self.statements) - 1, -1, -1):
                changed |= step(at)

    def reachable(self):
        after = [0] * len(self.statements)

        def step(at):
            new = after[at]
            for n in self.successors[at]:
                new |= after[n] | 1 << n
            changed, after[at] = new != after[at], new
            return changed
        self.fixed_point(step)
        return after

    def post_dominators(self):
        every = (1 << len(self.statements)) - 1
        post = [every] * len(self.statements)

        def step(at):
            new = 0 if self.leaves(at) else every
            for n in self.successors[at]:
                new &= post[n]
            new |= 1 << at
            changed, post[at] = new != post[at], new
            return changed
        self.fixed_point(step)
        return post

    def skipped(self, at):
        """Statements that a branch or exit decides about, as bits."""
        return self.after_of[at] & ~self.post[at]

    def depends(self, line):
        taken, names, spaces = 0, set(), set()
        queue = list(self.of_line.get(line, []))
        while queue:
            for at in queue:
                if taken >> at & 1:
                    continue
                s = self.statements[at]
                taken |= 1 << at
                names |= s.defs
                spaces |= s.writes
                if s.opcode.split(".")[0] in ("bra", "brx", "ret", "exit", "trap"):
                    held = self.skipped(at) & ~taken
                    for n, other in enumerate(self.statements):
                        if held >> n & 1:
                            taken |= 1 << n
                            names |= other.defs
                            spaces |= other.writes
            queue = [n for n, s in enumerate(self.statements)
                     if not taken >> n & 1 and (s.uses & names or s.reads & spaces)]
        return {s.line for n, s in enumerate(self.statements) if taken >> n & 1}

    def reaches(self, line, other):
        return any(self.after_of[a] >> b & 1 for a in self.of_line.get(line, []) for b in self.of_line.get(other, []))

    def meets_strong(self, line):
        """Could strong accesses (atomic, volatile, relaxed, acquire, release) of other lines show what a fence at the line orders? One
        comes before or after it, and one comes after a fence or an access that acquires, in whatever thread.
        """
        strong = {s.line for s in self.statements if s.opcode.split(".")[0] in ("atom", "red") or
                  re.search(r"\.(volatile|relaxed|acquire|release|acq_rel)\b", s.opcode) and s.opcode[:2] in ("ld", "st")}
        acquires = {s.line for s in self.statements if s.opcode.split(".")[0] in ("membar", "fence") or
                    re.search(r"\.(acquire|acq_rel)\b", s.opcode)}
        return any(self.reaches(line, other) or self.reaches(other, line) for other in strong - {line}) and \
            any(self.reaches(a, other) for a in acquires for other in strong)

    def calls(self):
        return {s.line for s in self.statements if s.opcode.startswith("call")}

    def predecessors(self):
        found = [[] for _ in self.statements]
        for at, following in enumerate(self.successors):
            for n in following:
                found[n].append(at)
        return found

    def walk(self, start, edges, name):
        """Statements on ways from (not including) `start` on which nothing sets the register for sure; those that set it end a way."""
        seen, setters, queue = set(), set(), list(edges[start])
        while queue:
            at = queue.pop()
            if at in seen:
                continue
            seen.add(at)
            s = self.statements[at]
            if name in s.defs:
                setters.add(at)
                if not s.guard:
                    continue
            queue += edges[at]
        return seen, setters

    def of_thread(self, at, name, before, known):
        """Is the register, as the statement reads it, a function of the thread's index in its CTA alone?"""
        if name in OF_THREAD or (at, name) in known:
            return True
        known.add((at, name))
        seen, setters = self.walk(at, before, name)
        for setter in setters:
            s = self.statements[setter]
            if s.opcode.split(".")[0] in FROM_OTHERS or not all(self.of_thread(setter, n, before, known) for n in s.uses):
                return False
            if len(setters) > 1:  # which of them, and how often, is for the branches between to say
                for between in self.walk(setter, self.successors, name)[0] & seen:
                    other = self.statements[between]
                    if other.guard and len(self.successors[between]) > 1 and not self.of_thread(between, other.guard, before, known):
                        return False
        return bool(setters)

    def is_dead(self, line, executed, taken):
        """`executed` and `taken`: the lines, and those of branches, that threads of all blocks of that shape executed and took."""
        before, reached, queue = self.predecessors(), set(), [0]
        while queue:
            at = queue.pop()
            if at in reached:
                continue
            reached.add(at)
            s, following = self.statements[at], list(self.successors[at])
            if s.opcode.split(".")[0] == "bra" and s.guard and s.line in executed and self.of_thread(at, s.guard, before, set()):
                if s.line not in taken:
                    following = [at + 1]
                elif at + 1 in following and self.statements[at + 1].line not in executed:
                    following.remove(at + 1)
            queue += following
        return not reached & set(self.of_line.get(line, [0]))
