"""The jobs of ./dev mutate: what runs, over which cases, and how its outputs are compared. Standard library only, but for arrays
and their comparison, which the project's Python does with NumPy.

A job says what runs: a PTX file, kernel, grid, block and arguments as dlc-vcuda takes them, or a graph text that dlc compiles and
dlc-run runs, with dims. "cases" are changes of it, each run under all schedules: other entries of the job, or values of variables
that stand in braces in its strings ("random:f32:{n}", "{(n + 127) // 128}"), or other "schedules". "space" is the whole
small input space, each point under one of the schedules in turn: for each of its parts every combination of the variables'
values ("0:70", or a list of values and ranges).
"arrays" are inputs made with NumPy: expressions of the variables, np, uniform(seed, *shape) and drawn(type, seed, *shape), named
"arrays.npz:NAME" in arguments, and the inputs of a graph. The variable "data" says what is drawn, there and for "random:TYPE:SHAPE"
in arguments: "random" where a case does not name it, one of the kinds of mutation_arrays.py, or all that a name of DATA stands for.
"rtol" and "atol" are the tolerance, "reasons" say why mutants survive, by what was done.
"""
import itertools
import json
import os
import pathlib
import re
import subprocess

from steps import PYTHON, ROOT, Failed

SCHEDULES = ("forward", "reverse", "random:1", "ahead:0")
FIELDS = {"name", "ptx", "graph", "flags", "kernel", "grid", "block", "shared", "args", "cooperative", "dims", "arrays", "rtol", "atol",
          "cases", "space", "reasons", "schedules"}
# Names for what the variable `data` goes through. Sums without numbers of which other orders round to something else.
SUMS = ("ties", "equal", "zeros", "signs", "specials", "infinite", "lowest", "nans", "rising", "falling", "ramp", "first", "last",
        "sparse", "edges")
DATA = {"sums": SUMS, "floats": ("wide", "extremes", "low", "high", *SUMS),
        "integers": ("wide", "extremes", "low", "high", *(d for d in SUMS if d not in ("specials", "infinite", "nans")))}
# How dlc-vcuda draws a buffer, which the variable `data` replaces by an array.
RANDOM = re.compile(r"random:(\w+):(\d+(?:x\d+)*)(?::(\d+))?")


def programs_folder():
    return ROOT / "build" / "bin" if "DLC_BIN_DIR" not in os.environ else type(ROOT)(os.environ["DLC_BIN_DIR"])


class Arrays:
    """A Python with NumPy that makes arrays, and compares two files of them: equal, near or far (mutation_arrays.py)."""
    def __init__(self):
        program = pathlib.Path(__file__).with_name("mutation_arrays.py")
        self.process = subprocess.Popen([PYTHON, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, *request):
        print(json.dumps([str(r) if hasattr(r, "parts") else r for r in request]), file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline().strip()
        if not answer:
            raise Failed(f"the work with arrays broke off: {request}")
        return answer

    def compare(self, a, b, job):
        return self.ask("compare", a, b, float(job.get("rtol", 1e-5)), float(job.get("atol", 1e-6)))

    def close(self):
        self.process.communicate()


def filled(value, variables):
    """Text, or texts in a list or dictionary, with what stands in braces computed."""
    if isinstance(value, str):
        return re.sub(r"\{([^{}]+)\}", lambda m: str(eval(m[1], {"__builtins__": {}, "min": min, "max": max}, variables)), value)
    if isinstance(value, list):
        return [filled(v, variables) for v in value]
    if isinstance(value, dict):
        return {k: filled(v, variables) for k, v in value.items()}
    return value


def values_of(spec):
    """"first:last:step" without the last, or a list of values and of such ranges, or a name of DATA."""
    if isinstance(spec, str) and spec in DATA:
        return list(DATA[spec])
    if not isinstance(spec, list):
        return list(range(*map(int, spec.split(":"))))
    return [v for part in spec for v in (values_of(part) if re.fullmatch(r"-?\d+(:-?\d+)+", str(part)) else [part])]


class Case:
    """One run of a job: its entries, and the schedules under which it runs."""
    def __init__(self, job, change, number, schedules):
        variables = {k: v for k, v in change.items() if k not in FIELDS}
        entries = {**job, **{k: v for k, v in change.items() if k in FIELDS}}
        self.job = {k: v if k in ("name", "arrays") else filled(v, variables) for k, v in entries.items()
                    if k not in ("cases", "space", "reasons")}
        self.variables, self.number, self.schedules = variables, number, change.get("schedules", schedules)
        if variables.get("data", "random") != "random":
            self.replace_random()
        self.known, self.cost = set(), 0  # schedules whose outputs are known, instructions

    def replace_random(self):
        """Random arguments become arrays of the data that the case names."""
        arrays = dict(self.job.get("arrays", {}))
        for n, argument in enumerate(self.job.get("args", [])):
            if drawn := RANDOM.fullmatch(argument):
                kind, shape, seed = drawn.groups()
                arrays[f"arg{n}"] = f"drawn('{kind}', {seed or 0}, {shape.replace('x', ', ')})"
                self.job["args"][n] = f"arrays.npz:arg{n}"
        self.job["arrays"] = arrays


def cases_of(job):
    listed = [Case(job, change, n, SCHEDULES) for n, change in enumerate(job.get("cases") or ([] if "space" in job else [{}]))]
    points = [dict(zip(part, point)) for part in job.get("space", []) for point in itertools.product(*map(values_of, part.values()))]
    return listed + [Case(job, point, len(listed) + n, (SCHEDULES[n % len(SCHEDULES)],)) for n, point in enumerate(points)]


def command(case, ptx, folder, schedule, checks, limit):
    """(command, environment) that runs a text of the case's kernel."""
    job, out, report, programs = case.job, folder / "out.npz", folder / "report.json", programs_folder()
    arrays = folder.parent / f"arrays{case.number}.npz"
    env = dict(VCUDA_THREADS="1", VCUDA_MAX_INSTRUCTIONS=str(limit))
    if "graph" in job:
        inputs = ["--inputs", arrays] if "arrays" in job else \
            [part for name, value in job.get("dims", {}).items() for part in ("--dim", f"{name}={value}")]
        env |= dict(VCUDA_CHECKS=checks, VCUDA_SCHEDULE=schedule, VCUDA_FINDINGS=str(folder / "findings.jsonl"), VCUDA_SUMMARY="off")
        if checks == "off":
            env |= dict(VCUDA_COUNTERS=str(folder / "counters.json"), VCUDA_LINE_COUNTERS="on")
        return [programs / "dlc-run", ptx, "--device=vcuda", "--edited", *inputs, "--save", out, "--json", report], env
    arguments = [part for a in job["args"] for part in ("--arg", a.replace("arrays.npz", str(arrays)))]
    extra = (["--cooperative"] if job.get("cooperative") else []) + (["--lines"] if checks == "off" else [])
    return [programs / "dlc-vcuda", ptx, "--kernel", job["kernel"], "--grid", job["grid"], "--block", job["block"], "--shared",
            str(job.get("shared", 0)), *arguments, *extra, "--checks", checks, "--schedule", schedule, "--max-instructions",
            str(limit), "--save", out, "--json", report], env


def run(case, ptx, folder, schedule, checks="full", limit=0, floats="values"):
    """(status, findings, error, counters): status 0 done, 1 failed, 2 findings."""
    for name in ("out.npz", "report.json", "findings.jsonl", "counters.json"):
        (folder / name).unlink(missing_ok=True)
    line, env = command(case, ptx, folder, schedule, checks, limit)
    try:
        done = subprocess.run([str(c) for c in line], env={**os.environ, **env, "VCUDA_FLOATS": floats}, capture_output=True, text=True,
                              errors="replace", timeout=120)
    except subprocess.TimeoutExpired:
        return 1, [], "no end", []

    def read(name):
        return (folder / name).read_text() if (folder / name).exists() else ""
    data = json.loads(read("report.json") or "{}")
    findings = [json.loads(f) for f in read("findings.jsonl").splitlines()] if "graph" in case.job else data.get("findings", [])
    counters = json.loads(read("counters.json") or "{}").get("kernels", []) or data.get("counters", [])
    return (2 if findings else done.returncode), findings, data.get("error") or done.stderr.strip()[-300:], counters
