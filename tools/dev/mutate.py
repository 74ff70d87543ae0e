"""./dev mutate: how many wrong kernels the virtual GPU's checks and the outputs tell from the right one.

Each mutant of a kernel (mutations.py) runs with full checks over the cases of its job (mutation_runs.py). It is

    killed      an output outside the job's tolerance, a failure (trap, deadlock, no end), or a finding: at the altered instruction,
                or at an access that it ordered (a race of accesses of which the earlier can come before the deleted barrier, wait,
                commit or fence, or the later after it) or addressed (the access depends on what it computes, guards or skips:
                ptx_flow.py)
    equivalent  never executed, because branches that the thread's index in its CTA alone decides keep every thread away; or executed,
                and an ordering instruction without which the vector clocks see no conflicting pair and all outputs are equal (not
                a fence with strong accesses around it: those do not race, and memory here has no old values to show); or
                executed, and on a job with a space any other that makes no difference at any point of the space, or gives no other
                output. Outputs that differ in rounding are equal if they are so with floats as elements of a ring. A space has all
                sizes of its parts, and samples of data (mutation_arrays.py): the table says which
    elsewhere   what was found lies at none of these places, and nothing else told
    unreached   the inputs never execute it, or (without a space) never so that the change makes a difference
    survived    the rest

The score is killed and equivalent mutants of all. Which case makes which difference is found beforehand: one run of a text with a
probe for each mutant shows all that a case reaches, so that a mutant runs only where it can be told.
"""
import collections
import concurrent.futures
import json
import pathlib
import re
import subprocess
import tempfile
import time

from build import build
from mutation_changes import ORDERING
from mutation_runs import DATA, SCHEDULES, Arrays, cases_of, programs_folder, run
from mutations import instrumented, kernel_lines, mutants
from ptx_flow import Flow
from setup import setup
from steps import ROOT, Failed, cores, say

JOBS = ROOT / "test" / "runtime" / "vcuda" / "mutation" / "jobs.json"
KINDS = ("barrier", "wait", "commit", "fence", "predicate", "bound", "stage", "shuffle")
VERDICTS = ("killed", "equivalent", "survived", "elsewhere", "unreached")
UNORDERED = ("race", "conflict", "narrow-scope", "async", "uninitialised", "unordered", "non-coherent", "mbarrier")

# What a kernel can end with; anything else (a text that is no PTX, a program that is not there) is no verdict.
KERNEL_FAILED = re.compile(r"CUDA_ERROR_(LAUNCH_|ILLEGAL_|MISALIGNED_|ASSERT|INVALID_PC|INVALID_ADDRESS_SPACE)|^no end$")


class Places:
    """Where findings tell of a mutant: at it, or at what it orders or addresses."""
    def __init__(self, text, kernel):
        lines = text.split("\n")
        self.flows = [(first + 1, last + 1, Flow(lines, first, last)) for first, last in kernel_lines(lines, kernel)]
        self.slices = {}

    def flow(self, line):
        return next(flow for first, last, flow in self.flows if first <= line <= last)

    def told(self, mutant, finding):
        line = finding["ptx_line"]
        other = (finding.get("other") or {}).get("ptx_line", 0)
        if mutant.line in (line, other):
            return "at it"
        flow = self.flow(mutant.line)
        accesses = {line} if line in flow.of_line else flow.calls()  # in a function: wherever one is called
        if mutant.kind in ORDERING and any(word in finding["check"] for word in UNORDERED):
            after = any(flow.reaches(mutant.line, a) for a in accesses)
            return "ordered" if after or (other and flow.reaches(other, mutant.line)) else ""
        if mutant.line not in self.slices:
            self.slices[mutant.line] = flow.depends(mutant.line)
        return "addressed" if accesses & self.slices[mutant.line] else ""


class Kernel:
    """A job with its text, its mutants, and what each case reaches and gives unaltered."""
    def __init__(self, job, folder, arrays):
        self.job, self.folder, self.arrays = job, folder, arrays
        self.source = ROOT / job["ptx"] if "ptx" in job else self.compiled()
        self.text = self.source.read_text()
        self.mutants = list(mutants(self.text, job.get("kernel")))
        self.places = Places(self.text, job.get("kernel"))
        self.cases = cases_of(job)
        self.lines, self.reaching = set(), collections.defaultdict(list)  # executed; cases by mutant
        for case in self.cases:
            if case.job.get("arrays"):
                arrays.ask("make", folder / f"arrays{case.number}.npz", case.job["arrays"], case.variables)
        self.cover()

    def compiled(self):
        artifact = self.folder / "graph.ptx"
        done = subprocess.run([programs_folder() / "dlc", ROOT / self.job["graph"], "-o", artifact, *self.job.get("flags", [])],
                              capture_output=True, text=True)
        if done.returncode:
            raise Failed(f"{self.job['name']}: dlc: {done.stderr.strip()[-300:]}")
        return artifact

    def own(self, name, text):
        """A file with a text of the kernel, in a folder for what its run writes."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        (folder / "kernel.ptx").write_text(text)
        weights, link = self.source.with_name(self.source.name + ".safetensors"), folder / "kernel.ptx.safetensors"
        if weights.exists() and not link.exists():
            link.symlink_to(weights)
        return folder / "kernel.ptx", folder

    def cover(self):
        """Which mutants does each case execute, and for which does the change make a difference?"""
        text, marks, origin = instrumented(self.text, self.mutants)
        ptx, folder = self.own("probes", text)
        for case in self.cases:
            reached = set()
            for schedule in case.schedules:
                status, _, error, counters = run(case, ptx, folder, schedule, "off")
                if status:
                    raise Failed(f"{self.job['name']}: with probes, {case.variables or case.number}, {schedule}: {error}")
                for row in (row for kernel in counters for row in kernel.get("lines", [])):
                    if row["ptx_line"] in marks and row["bytes"]:
                        reached.update(marks[row["ptx_line"]])
                    self.lines.add(origin.get(row["ptx_line"]))
                case.cost = max(case.cost, sum(kernel["total_instructions"] for kernel in counters))
            for n in reached:
                self.reaching[n].append(case)

    def reference(self, case, schedule):
        """The outputs of the unaltered kernel, which no schedule may change, without findings."""
        file = self.folder / f"reference{case.number}.npz"
        if schedule in case.known:
            return file
        ptx, folder = self.own("reference", self.text)
        where = f"{self.job['name']}: unaltered, {case.variables or case.number}, {schedule}"
        status, findings, error, counters = run(case, ptx, folder, schedule)
        if status:
            raise Failed(f"{where}: {findings[0]['check'] + ': ' + findings[0]['message'] if findings else error}")
        if not case.known:
            (folder / "out.npz").rename(file)
        elif self.arrays.compare(file, folder / "out.npz", self.job) == "far":
            raise Failed(f"{where}: other outputs than under {SCHEDULES[0]}")
        case.known.add(schedule)
        case.cost = max([case.cost, *(kernel["total_instructions"] for kernel in counters)])
        return file

    def equal_exactly(self, case, ptx, folder, schedule):
        """Are outputs that differ in rounding the same where floats are elements of a ring?"""
        original, own = self.own("reference", self.text)
        runs = [run(case, text, place, schedule, "off", 20 * case.cost + 50000, "payloads")[0]
                for text, place in ((original, own), (ptx, folder))]
        return not any(runs) and self.arrays.compare(own / "out.npz", folder / "out.npz", self.job) == "equal"

    def judge(self, number):
        """(verdict, why, schedule)"""
        mutant, reaching = self.mutants[number], self.reaching[number]
        ptx, folder = self.own("mutant", mutant.text)
        all_equal, rounded, elsewhere = True, False, ""
        for case in sorted(reaching, key=lambda c: (len(c.schedules) == 1, c.cost)):
            for schedule in case.schedules:
                reference = self.reference(case, schedule)
                status, findings, error, _ = run(case, ptx, folder, schedule, limit=20 * case.cost + 50000)
                for finding in findings:
                    if finding["kernel"] == (self.job.get("kernel") or finding["kernel"]) and (how := self.places.told(mutant, finding)):
                        return "killed", f"{finding['check']} at line {finding['ptx_line']}, {how}", schedule
                if status == 1:
                    if not KERNEL_FAILED.search(error):
                        raise Failed(f"{self.job['name']}, line {mutant.line}, {mutant.what}: {error or 'failed'}")
                    return "killed", error.splitlines()[0], schedule
                verdict = self.arrays.compare(reference, folder / "out.npz", self.job)
                if verdict == "far":
                    return "killed", "output", schedule
                all_equal = all_equal and (verdict == "equal" or self.equal_exactly(case, ptx, folder, schedule))
                rounded = rounded or verdict == "near"
                if findings:
                    elsewhere = f"{findings[0]['check']} in {findings[0]['kernel']}, line {findings[0]['ptx_line']}"
        if elsewhere:
            return "elsewhere", elsewhere, ""
        return (*self.untold(number, all_equal, rounded), "")

    def untold(self, number, all_equal, rounded):
        """(verdict, why) of a mutant that no run told from the kernel."""
        mutant, points = self.mutants[number], len(self.cases)
        if mutant.line not in self.lines:
            taken = {self.mutants[n].line for n in self.reaching if self.mutants[n].what.startswith("never branches")}
            if self.places.flow(mutant.line).is_dead(mutant.line, self.lines, taken):
                return "equivalent", "no thread comes there: its index alone decides"
            return "unreached", "never executed"
        if not self.reaching[number]:
            return ("equivalent", f"makes no difference in {points} cases, all of the space") if "space" in self.job else \
                ("unreached", "the inputs never make a difference there")
        if all_equal and mutant.kind == "fence" and self.places.flow(mutant.line).meets_strong(mutant.line):
            return "survived", "what strong accesses see without it is not modelled"
        if all_equal and mutant.kind in ORDERING:
            return "equivalent", "orders no conflicting pair"
        if all_equal and "space" in self.job:
            return "equivalent", f"{'equal but for rounding' if rounded else 'equal outputs'} in {points} cases, all of the space"
        return "survived", "equal outputs" if all_equal else "outputs within the tolerance"


def work(job, limit=0):
    """All mutants of a job: rows for the report, and seconds."""
    begun, arrays, rows = time.monotonic(), Arrays(), []
    with tempfile.TemporaryDirectory() as held:
        kernel = Kernel(job, pathlib.Path(held), arrays)
        for number, mutant in enumerate(kernel.mutants[:limit or None]):
            started = time.monotonic()
            verdict, why, schedule = kernel.judge(number)
            rows.append(dict(kernel=job["name"], kind=mutant.kind, line=mutant.line, what=mutant.what, verdict=verdict, why=why,
                             schedule=schedule, seconds=round(time.monotonic() - started, 2)))
            if verdict in ("survived", "elsewhere", "unreached"):
                rows[-1]["reason"] = next((r for text, r in job.get("reasons", {}).items() if text in mutant.what), "")
    arrays.close()
    return rows, round(time.monotonic() - begun, 1)


def score(rows):
    return 100 * sum(row["verdict"] in ("killed", "equivalent") for row in rows) / len(rows) if rows else 100


def reasons_of(rows):
    """How many mutants were told by what, or equivalent for what."""
    def reason(row):
        why = row["why"]
        if row["verdict"] == "killed":
            return f"a finding {why.rpartition(', ')[2]}" if " at line " in why else why if why == "output" else "a failure"
        return re.sub(r" in \d+ cases.*", " over the space", why)
    count = collections.Counter((row["verdict"], reason(row)) for row in rows if row["verdict"] in ("killed", "equivalent"))
    order = sorted(count, key=lambda k: (k[0] != "killed", -count[k], k))
    return [f"{verdict + ', ' + why:60}{count[verdict, why]:8}" for verdict, why in order]


def table(results, seconds):
    """One line per kernel and one for all: mutants by kind, verdicts, what killed, score; then who was not told."""
    heads = [*(k[:5] for k in KINDS), "all", "killed", "finding", "output", "equiv", "surviv", "elsewh", "unreach", "score", "s"]
    lines = [f"{'kernel':32}" + "".join(f"{h:>8}" for h in heads)]
    everything = [row for rows in results.values() for row in rows]
    for name, rows in [*results.items(), ("all", everything)]:
        kinds = collections.Counter(row["kind"] for row in rows)
        count = collections.Counter(row["verdict"] for row in rows)
        killed = [row["why"] for row in rows if row["verdict"] == "killed"]
        numbers = [*(kinds[k] for k in KINDS), len(rows), len(killed), sum(" at line " in why for why in killed), killed.count("output"),
                   *(count[v] for v in VERDICTS[1:]), f"{score(rows):.1f}%",
                   round(seconds.get(name, 0) if name != "all" else sum(seconds.values()))]
        lines.append(f"{name:32}" + "".join(f"{n:>8}" for n in numbers))
    lines += ["", *reasons_of(everything)]
    untold = [row for row in everything if row["verdict"] not in ("killed", "equivalent")]
    lines += ["", "not told from the right kernel:"] if untold else []
    lines += [f"  {r['kernel']}, line {r['line']}, {r['kind']}, {r['verdict']}: {' '.join(r['what'].split())} ({r['why']})" +
              (f": {r['reason']}" if r.get("reason") else "") for r in untold]
    return "\n".join(lines)


def spaces(jobs):
    """What each job's inputs are: how many, with data of how many kinds besides random, and of which sizes."""
    lines = [f"{'inputs':32}{'cases':>8}{'sizes':>8}{'data':>8}  listed under all schedules; spaces, a point under one of them"]
    for job in jobs:
        cases = cases_of(job)
        kinds = {case.variables.get("data", "random") for case in cases}
        sizes = {tuple(v for k, v in case.variables.items() if k != "data") for case in cases}

        def shown(part):
            return ", ".join(f"{k} {v if isinstance(v, str) else v[0] if len(v) == 1 else ' '.join(map(str, v))}" for k, v in part.items())
        listed = [", ".join(f"{k} {v}" for k, v in case.items()) for case in job.get("cases", [])]
        lines.append(f"{job['name']:32}{len(cases):>8}{len(sizes):>8}{len(kinds):>8}  {'; '.join(listed)} | "
                     f"{'; '.join(map(shown, job.get('space', [])))}")
    names = sorted({name for job in jobs for part in job.get("space", []) for name in [part.get("data")] if isinstance(name, str)})
    return [*lines, "", *(f"data {name}: {' '.join(DATA[name])}" for name in names if name in DATA)]


def jobs_of(args):
    if args.kernel:
        return [dict(name=args.kernel, ptx=str(pathlib.Path(args.what).resolve()), kernel=args.kernel, grid=args.grid, block=args.block,
                     shared=args.shared, args=args.arg, rtol=args.rtol, atol=args.atol,
                     cases=[{}, *(dict(data=kind, schedules=[SCHEDULES[n % len(SCHEDULES)]]) for n, kind in enumerate(DATA.get(args.data, ())))])]
    path = pathlib.Path(args.what) if args.what else JOBS
    try:
        jobs = json.loads(path.read_text())
    except (OSError, ValueError) as e:
        raise Failed(f"{path}: {e}", "a list of jobs as in test/runtime/vcuda/mutation/jobs.json, or a PTX file with --kernel")
    if unknown := set(args.names) - {job["name"] for job in jobs}:
        raise Failed(f"no job {', '.join(sorted(unknown))}", "known: " + ", ".join(job["name"] for job in jobs))
    return [job for job in jobs if not args.names or job["name"] in args.names]


def commit():
    done = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else "no commit"


def mutate(args):
    if not args.built:
        setup()
        build(targets=("dlc", "dlc-run", "dlc-vcuda", "dlc_vcuda"))
    jobs, results, seconds = jobs_of(args), {}, {}
    with concurrent.futures.ThreadPoolExecutor(cores()) as pool:
        running = {pool.submit(work, job, args.limit): job["name"] for job in reversed(jobs)}  # the long ones stand last
        for done in concurrent.futures.as_completed(running):
            name = running[done]
            results[name], seconds[name] = done.result()
            say(f"{name}: {len(results[name])} mutants, {score(results[name]):.1f}%, {seconds[name]:.0f} s, {len(results)} of {len(jobs)} jobs")
            write(args, [job for job in jobs if job["name"] in results], results, seconds, len(jobs))
    print(table({job["name"]: results[job["name"]] for job in jobs}, seconds))
    return 0


def write(args, jobs, results, seconds, count):
    """What is there so far, so that a run that is cut off leaves something."""
    results = {job["name"]: results[job["name"]] for job in jobs}
    if args.table:
        part = "" if len(jobs) == count else f", {len(jobs)} of {count} jobs so far"
        head = f"./dev mutate at {commit()}, {time.strftime('%Y-%m-%d', time.gmtime())}, {cores()} cores{part}"
        text = "\n".join([head, "", table(results, seconds), "", *spaces(jobs)])
        pathlib.Path(args.table).write_text(f"{text}\n")
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps([row for rows in results.values() for row in rows], indent=1) + "\n")
