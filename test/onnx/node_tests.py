#!/usr/bin/env python3
"""The official node tests of the pinned onnx package, through dlc's interpreter and as PTX on the virtual GPU.

    node_tests.py                       # both ways
    node_tests.py --way interpreter --after-passes
    node_tests.py -k 'conv|pool' --way interpreter

A test counts as refused when dlc says that it does not support what the model asks for (codes in REFUSALS); every other
end than the right answer is a failure. None is excluded by name. Where dlc wants a value at compile time (shapes, axes,
pads, scales, given as inputs), the small integer inputs and vectors of numbers are baked in by --set, and the line "baked" counts those.
Exit status 1 if an accepted test fails either way.
"""
import argparse
import collections
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import warnings

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import ml_dtypes  # noqa: E402, F401  (numpy learns bfloat16 and the 8-bit floats from it)
import numpy as np  # noqa: E402
import onnx  # noqa: E402
from programs import WORK, Broken, compile_model, program, run_artifact  # noqa: E402

# Codes that mean "not supported", by ir/support/diagnostics.def. Any other code on a valid model is a failure.
REFUSALS = {"E0104", "E0205", "E0301", "E0303", "E0306", "E0307", "E0308"}
WANTS_VALUE = {"E0306", "E0308"}
BAKED_LIMIT = 16                # elements of an input that may be baked in
FOLDER = WORK / "onnx_node_tests"


@dataclasses.dataclass
class Case:
    name: str
    ops: str
    inputs: dict
    expected: dict
    rtol: float
    atol: float
    values: dict = dataclasses.field(default_factory=dict)
    error: str = ""

    @property
    def model(self):
        return FOLDER / self.name / "model.onnx"

    @property
    def inputs_file(self):
        return FOLDER / self.name / "inputs.npz"

    def code(self):
        """The diagnostic's code, or nothing."""
        found = re.search(r"\[([EW]\d{4})\]", self.error)
        return found[1] if found else ""

    def bakeable(self):
        return {n: x.tolist() for n, x in self.inputs.items()
                if (x.dtype.kind in "iub" or x.dtype.kind == "f" and x.ndim == 1) and x.size <= BAKED_LIMIT}

    def write_inputs(self):
        np.savez(self.inputs_file, **{n: x for n, x in self.inputs.items() if n not in self.values})


def as_array(x):
    """Sequences, maps and optionals are no tensors: dlc refuses their models, nothing is stored for them."""
    if isinstance(x, onnx.TensorProto):
        x = onnx.numpy_helper.to_array(x)
    whole = isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind not in "OUS"
    return np.asarray(x) if whole else np.zeros(0, np.float32)


def collect(pattern):
    """Write every test whose name matches below FOLDER. One case per data set."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.loader import load_model_tests
        tests = load_model_tests(kind="node")
    cases = []
    for test in tests:
        if not re.search(pattern, test.name):
            continue
        model = test.model
        initial = {t.name for t in model.graph.initializer}
        names = [i.name for i in model.graph.input if i.name not in initial]
        for k, (inputs, outputs) in enumerate(test.data_sets):
            case = Case(f"{test.name}{f'.{k}' if k else ''}", ",".join(sorted({n.op_type for n in model.graph.node})),
                        {n: as_array(x) for n, x in zip(names, inputs)},
                        {o.name: as_array(x) for o, x in zip(model.graph.output, outputs)}, test.rtol, test.atol)
            case.model.parent.mkdir(parents=True, exist_ok=True)
            case.model.write_bytes(model.SerializeToString())
            case.write_inputs()
            cases.append(case)
    return cases


def answer_file(case, way):
    return FOLDER / case.name / f"{way}.npz"


def interpret_batch(cases, options):
    """Interpret all cases in as few processes as crashes allow; sets each case's error, empty when it ran."""
    left = {str(c.model): c for c in cases}
    while left:
        entries = [{"model": m, "inputs": str(c.inputs_file), "save": str(answer_file(c, "interpreter")),
                    **({"set": c.values} if c.values else {})} for m, c in left.items()]
        with tempfile.NamedTemporaryFile("w", suffix=".json") as batch:
            json.dump(entries, batch)
            batch.flush()
            done = subprocess.run([program("dlc"), "interpret", "--float=f32", *options, "--batch", batch.name],
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        for line in lines:
            case = left.pop(line["model"])
            case.error = "" if line["ok"] else line.get("error", "no reason given") or "no reason given"
        if left and not lines and done.returncode in (0, 1):
            raise Broken(f"dlc interpret --batch reported nothing: {done.stderr[-2000:]}")
        if left:
            crashed = left.pop(next(iter(left)))
            crashed.error = f"the interpreter's process ended with {done.returncode}: {done.stderr[-300:]}"


def rounding(want):
    """Half of what the last bit of the largest value is worth: what is zero but for rounding may be off by as much."""
    if want.dtype.name not in ("float32", "float64"):
        return 0.0
    finite = np.abs(want[np.isfinite(want)])
    return float(finite.max() * np.finfo(want.dtype).eps / 2) if finite.size else 0.0


def compare(case, way):
    """What is wrong with the saved answer, or nothing."""
    with np.load(answer_file(case, way)) as kept:
        got = {name: kept[name] for name in kept.files}
    for name, want in case.expected.items():
        if name not in got:
            return f"output {name} is missing"
        have = got[name]
        if have.dtype.kind == "V":
            have = have.view(want.dtype)
        if have.shape != want.shape or have.dtype != want.dtype:
            return f"output {name} is {have.dtype} {have.shape}, expected {want.dtype} {want.shape}"
        wide = (lambda x: x.astype(np.float64)) if want.dtype.kind not in "biuc" else (lambda x: x)
        # The reference rounds every intermediate of a 16-bit model; dlc computes norms and softmax in fp32 and rounds once.
        is_narrow = want.dtype.itemsize == 2 and want.dtype.kind not in "iu"
        rtol = max(case.rtol, 2 * float(ml_dtypes.finfo(want.dtype).eps)) if is_narrow else case.rtol
        if not np.allclose(wide(have), wide(want), rtol=rtol, atol=max(case.atol, rounding(want)), equal_nan=True):
            return f"output {name} differs"
    return ""


def run_ptx(case):
    """Compile and run one case on the virtual GPU. What is wrong, or nothing."""
    artifact = FOLDER / case.name / "model.ptx"
    values = {n: json.dumps(v) for n, v in case.values.items()}
    try:
        compile_model(case.model, artifact, values=values, timeout=120)
        run_artifact(artifact, case.inputs_file, answer_file(case, "ptx"), timeout=300)
        return compare(case, "ptx")
    except Broken as e:
        return str(e)


def by_interpreter(cases, options):
    """First as the models are; those that want values at compile time again with them baked in."""
    interpret_batch(cases, options)
    again = [c for c in cases if c.code() in WANTS_VALUE and c.bakeable()]
    for case in again:
        case.values = case.bakeable()
        case.write_inputs()
    interpret_batch(again, options)
    return {c.name: c.error or compare(c, "interpreter") for c in cases if c.code() not in REFUSALS}


def by_ptx(cases):
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return dict(zip((c.name for c in cases), pool.map(run_ptx, cases)))


def show_refusals(refused):
    """How many tests were refused for which reason, the operators that make up most of each."""
    reasons = collections.defaultdict(collections.Counter)
    for case in refused:
        reasons[case.code()][case.ops] += 1
    for code, ops in sorted(reasons.items()):
        most = ", ".join(f"{op} {n}" for op, n in ops.most_common(12))
        print(f"  refused by {code}: {sum(ops.values())} ({most}{', ...' if len(ops) > 12 else ''})")


def show_failures(way, results, limit):
    bad = {name: what for name, what in results.items() if what}
    for name, what in list(bad.items())[:limit]:
        print(f"  {way}: {name}: {what.strip().splitlines()[-1][:200]}")
    if len(bad) > limit:
        print(f"  {way}: ... and {len(bad) - limit} more")
    return len(bad)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("-k", default="", metavar="REGEX", help="only tests whose name matches")
    p.add_argument("--way", choices=["interpreter", "both"], default="both")
    p.add_argument("--after-passes", action="store_true", help="the interpreter gets what the graph passes made")
    p.add_argument("--show", type=int, default=40, help="failures to list")
    args = p.parse_args()
    cases = collect(args.k)
    results = {"interpreter": by_interpreter(cases, ["--after-passes"] if args.after_passes else [])}
    accepted = [c for c in cases if c.name in results["interpreter"]]
    if args.way == "both":
        results["ptx"] = by_ptx(accepted)
    print(f"official node tests: {len(cases)}, accepted {len(accepted)}, refused {len(cases) - len(accepted)}, "
          f"baked {sum(bool(c.values) for c in accepted)}")
    show_refusals([c for c in cases if c.name not in results["interpreter"]])
    bad = 0
    for way, answers in results.items():
        failed = show_failures(way, answers, args.show)
        print(f"{way}: {len(answers) - failed} of {len(answers)} pass")
        bad += failed
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "results.json").write_text(json.dumps({
        "refused": {c.name: c.error for c in cases if c.name not in results["interpreter"]}, **results}, indent=1))
    if not accepted and not args.k:
        print("no test was accepted")
        bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Broken as e:
        sys.exit(f"node_tests: {e}")
