"""./dev mutate: how many wrong kernels the virtual GPU's checks and the outputs tell from the right one.

Each mutant of a kernel (mutations.py) runs under four schedules with full checks. It is

    killed      a finding, another output (outside the job's tolerance), a failure (trap, deadlock, no end), or refused at load
    equivalent  an ordering instruction (barrier, wait, commit, fence) without which the vector clocks see no conflicting
                pair, and all outputs are equal; or any other mutant whose outputs are equal on a job that says that its
                cases are the whole input space ("complete")
    unreached   outputs equal, and the case in which the change makes a difference never occurs with the job's inputs: a trap put
                there does not go off. This says something of the inputs, not of the checks; the score leaves these out
    survived    the rest

A job says what runs: a PTX file, kernel, grid, block and arguments as dlc-vcuda takes them, or a graph text that dlc compiles and
dlc-run runs, with dims. Its "cases" are changes of it that run one after the other: other arguments, blocks, dims. Standard library only, but for the comparison of outputs, which the project's Python does with NumPy.
"""
import collections
import concurrent.futures
import json
import os
import pathlib
import subprocess
import tempfile

from build import build
from mutations import ORDERING, mutants
from setup import setup
from steps import PYTHON, ROOT, Failed, cores, say

JOBS = ROOT / "test" / "runtime" / "vcuda" / "mutation" / "jobs.json"
SCHEDULES = ("forward", "reverse", "random:1", "ahead:0")
COMPARE = """
import sys, numpy as np
wide = lambda a: a.view(np.uint16).astype(np.uint32).__lshift__(16).view(np.float32) if a.dtype == 'V2' else a
def same(x, y, rtol, atol):
    x, y = wide(x), wide(y)
    return np.allclose(x, y, rtol, atol, equal_nan=True) if x.dtype.kind == 'f' else np.array_equal(x, y)
for line in sys.stdin:
    a, b, rtol, atol = line.split('\\t')
    with np.load(a) as x, np.load(b) as y:
        equal = all(x[n].tobytes() == y[n].tobytes() for n in x.files)
        near = equal or all(same(x[n], y[n], float(rtol), float(atol)) for n in x.files)
    print('equal' if equal else 'near' if near else 'far', flush=True)
"""


def programs_folder():
    return pathlib.Path(os.environ.get("DLC_BIN_DIR", ROOT / "build" / "bin"))


class Comparer:
    """A Python with NumPy that compares two files of arrays: equal, near or far."""
    def __init__(self):
        self.process = subprocess.Popen([PYTHON, "-c", COMPARE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, a, b, job):
        print(a, b, job.get("rtol", 1e-5), job.get("atol", 1e-6), sep="\t", file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline().strip()
        if not answer:
            raise Failed("the comparison of outputs broke off")
        return answer

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def command(job, ptx, folder, schedule, limit):
    """(command, environment) that runs a text of the job's kernel."""
    out, report = folder / "out.npz", folder / "report.json"
    found = folder / "findings.jsonl"
    for file in (out, report, found):
        file.unlink(missing_ok=True)
    programs = programs_folder()
    if "graph" in job:
        dims = [part for name, value in job.get("dims", {}).items() for part in ("--dim", f"{name}={value}")]
        env = dict(VCUDA_CHECKS="full", VCUDA_SCHEDULE=schedule, VCUDA_MAX_INSTRUCTIONS=str(limit), VCUDA_THREADS="1",
                   VCUDA_FINDINGS=str(found), VCUDA_SUMMARY="off")
        return [programs / "dlc-run", ptx, "--device=vcuda", "--edited", *dims, "--save", out, "--json", report], env
    arguments = [part for a in job["args"] for part in ("--arg", a)]
    extra = ["--cooperative"] if job.get("cooperative") else []
    return [programs / "dlc-vcuda", ptx, "--kernel", job["kernel"], "--grid", job["grid"], "--block", job["block"], "--shared",
            str(job.get("shared", 0)), *arguments, *extra, "--checks", "full", "--schedule", schedule, "--max-instructions",
            str(limit), "--save", out, "--json", report], dict(VCUDA_THREADS="1")


def run(job, case, ptx, folder, schedule, limit):
    """(status, findings, error): 0 done, 1 failed, 2 findings."""
    job = {**job, **case}
    line, env = command(job, ptx, folder, schedule, limit)
    try:
        done = subprocess.run([str(c) for c in line], env={**os.environ, **env}, capture_output=True, text=True, errors="replace",
                              timeout=120)
    except subprocess.TimeoutExpired:
        return 1, [], "no end"
    report = folder / "report.json"
    data = json.loads(report.read_text()) if report.exists() else {}
    found = folder / "findings.jsonl"
    findings = [json.loads(f) for f in found.read_text().splitlines()] if found.exists() else data.get("findings", [])
    return (2 if findings else done.returncode), findings, data.get("error", done.stderr.strip()[-200:])


class Kernel:
    """A job with its text and what it gives unaltered."""
    def __init__(self, job, folder, compare):
        self.job, self.folder, self.compare = job, folder, compare
        self.cases = job.get("cases") or [{}]  # what each changes of the job
        self.source = ROOT / job["ptx"] if "ptx" in job else self.compiled()
        self.text = self.source.read_text()
        self.limit = 0
        self.reference()

    def compiled(self):
        artifact = self.folder / "graph.ptx"
        done = subprocess.run([programs_folder() / "dlc", ROOT / self.job["graph"], "-o", artifact, *self.job.get("flags", [])],
                              capture_output=True, text=True)
        if done.returncode:
            raise Failed(f"{self.job['name']}: dlc: {done.stderr.strip()[-300:]}")
        return artifact

    def reference(self):
        """The outputs of each case; every schedule must agree with the first, without findings."""
        for n, case in enumerate(self.cases):
            for schedule in SCHEDULES:
                status, findings, error = run(self.job, case, self.source, self.folder, schedule, 0)
                if status:
                    raise Failed(f"{self.job['name']}: unaltered, {schedule}: {findings[0]['check'] if findings else error}")
                if schedule == SCHEDULES[0]:
                    (self.folder / "out.npz").rename(self.folder / f"reference{n}.npz")
                elif self.compare(self.folder / f"reference{n}.npz", self.folder / "out.npz", self.job) == "far":
                    raise Failed(f"{self.job['name']}: unaltered, {schedule}: other outputs than {SCHEDULES[0]}")
        report = json.loads((self.folder / "report.json").read_text())
        counted = [k.get("total_instructions", 0) for k in report.get("counters", []) if isinstance(k, dict)]
        self.limit = 20 * max(counted, default=0) + 1000000

    def judge(self, mutant, folder, compare):
        """(verdict, why, schedule)"""
        ptx = folder / "mutant.ptx"
        ptx.write_text(mutant.text)
        weights = self.source.with_name(self.source.name + ".safetensors")
        if weights.exists() and not (folder / "mutant.ptx.safetensors").exists():
            (folder / "mutant.ptx.safetensors").symlink_to(weights)
        all_equal = True
        for n, case in enumerate(self.cases):
            for schedule in SCHEDULES:
                status, findings, error = run(self.job, case, ptx, folder, schedule, self.limit)
                if findings:
                    f = findings[0]
                    return "killed", f"{f['check']} at line {f['ptx_line']}", schedule
                if status:
                    return "killed", error.splitlines()[0] if error else "failed", schedule
                verdict = compare(self.folder / f"reference{n}.npz", folder / "out.npz", self.job)
                if verdict == "far":
                    return "killed", "output", schedule
                all_equal = all_equal and verdict == "equal"
        if all_equal and mutant.probe and not self.reaches(mutant, folder):
            return "unreached", "the inputs never make a difference there", ""
        if all_equal and (mutant.kind in ORDERING or self.job.get("complete")):
            return "equivalent", "orders no conflicting pair" if mutant.kind in ORDERING else "equal over all inputs", ""
        return "survived", "equal outputs" if all_equal else "outputs within the tolerance", ""


    def reaches(self, mutant, folder):
        ptx = folder / "mutant.ptx"
        ptx.write_text(mutant.probe)
        return any(run(self.job, case, ptx, folder, schedule, self.limit)[0] for case in self.cases for schedule in SCHEDULES)


def work(job, limit=0):
    """All mutants of a job: rows for the report."""
    compare, rows = Comparer(), []
    with tempfile.TemporaryDirectory() as held:
        folder = pathlib.Path(held)
        kernel = Kernel(job, folder, compare)
        for number, mutant in enumerate(mutants(kernel.text, job.get("kernel"))):
            if limit and number >= limit:
                break
            own = folder / "own"
            own.mkdir(exist_ok=True)
            verdict, why, schedule = kernel.judge(mutant, own, compare)
            rows.append(dict(kernel=job["name"], kind=mutant.kind, line=mutant.line, what=mutant.what, verdict=verdict, why=why,
                             schedule=schedule))
    compare.close()
    return rows


def table(results):
    """One line per kernel and one for all; then the survivors."""
    lines = [f"{'kernel':32}{'mutants':>8}{'killed':>8}{'finding':>9}{'output':>8}{'equivalent':>12}{'survived':>10}{'score':>8}"
             f"{'unreached':>11}"]
    everything = [row for rows in results.values() for row in rows]
    for name, rows in [*results.items(), ("all", everything)]:
        count = collections.Counter(row["verdict"] for row in rows)
        found = sum(row["verdict"] == "killed" and " at line " in row["why"] for row in rows)
        output = sum(row["verdict"] == "killed" and row["why"] == "output" for row in rows)
        told = count["killed"] + count["equivalent"]
        score = 100 * told / (told + count["survived"]) if rows and told + count["survived"] else 100
        lines.append(f"{name:32}{len(rows):8}{count['killed']:8}{found:9}{output:8}{count['equivalent']:12}{count['survived']:10}"
                     f"{score:7.1f}%{count['unreached']:11}")
    survivors = [row for row in everything if row["verdict"] == "survived"]
    lines += ["", "survivors:"] if survivors else []
    lines += [f"  {r['kernel']}, line {r['line']}, {r['kind']}, {r['what']} ({r['why']})" for r in survivors]
    return "\n".join(lines)


def jobs_of(args):
    if args.kernel:
        return [dict(name=args.kernel, ptx=str(pathlib.Path(args.what).resolve()), kernel=args.kernel, grid=args.grid, block=args.block,
                     shared=args.shared, args=args.arg, rtol=args.rtol, atol=args.atol)]
    path = pathlib.Path(args.what) if args.what else JOBS
    try:
        jobs = json.loads(path.read_text())
    except (OSError, ValueError) as e:
        raise Failed(f"{path}: {e}", "a list of jobs as in test/runtime/vcuda/mutation/jobs.json, or a PTX file with --kernel")
    if unknown := set(args.names) - {job["name"] for job in jobs}:
        raise Failed(f"no job {', '.join(sorted(unknown))}", "known: " + ", ".join(job["name"] for job in jobs))
    return [job for job in jobs if not args.names or job["name"] in args.names]


def mutate(args):
    if not args.built:
        setup()
        build(targets=("dlc", "dlc-run", "dlc-vcuda", "dlc_vcuda"))
    jobs, results = jobs_of(args), {}
    with concurrent.futures.ThreadPoolExecutor(cores()) as pool:
        running = {pool.submit(work, job, args.limit): job["name"] for job in jobs}
        for done in concurrent.futures.as_completed(running):
            results[running[done]] = done.result()
            say(f"{running[done]}: {len(results[running[done]])} mutants")
    results = {job["name"]: results[job["name"]] for job in jobs}
    print(table(results))
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps([row for rows in results.values() for row in rows], indent=1) + "\n")
    return 0
