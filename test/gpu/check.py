#!/usr/bin/env python3
"""Compiles models on this machine, runs them on its GPU, compares the numbers, and measures against PyTorch.

    check.py                                  # everything, on the GPU
    check.py --models magika bert_base --kernels
    check.py --device vcuda --no-bench        # the same without a GPU

Per model, as it is and in fp16: outputs against the interpreter in fp64 within the bounds of the tests, and against what the
virtual GPU makes of the same artifact within twice these. A model that differs is run kernel by kernel, others only with
--kernels. Then benchmarks of single kernels and whole models, beside PyTorch's if it is installed (tools/bench). Everything goes into one JSON file with device,
date and commit. Exit status: 0 all right, 1 something could not be done, 2 a number differs.

Needs Python 3.9 and nothing else; models with seeded weights take numpy.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import cases  # noqa: E402
from programs import ROOT, WORK, Broken, compile_model, program, run  # noqa: E402

PRECISIONS = ("as-is", "fp16")
# From small to large; --quick stops at the trained ones.
SEEDED = ("mobilenetv2", "llama_small_decode", "resnet50", "vit_b16", "distilbert_classifier", "bert_base", "gpt2_prefill",
          "gpt2_decode", "whisper_base_encoder")


class Model:
    """One model in one precision on the device."""

    def __init__(self, case, precision, device):
        self.case, self.precision, self.device = case, precision, device
        self.folder = WORK / "gpu" / case.name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.artifact = self.folder / f"{precision}.ptx"
        self.row = {"model": case.name, "precision": precision}

    def run(self, device, expected, *more):
        """dlc-run with comparison. Returns what its --json says."""
        report = self.folder / f"{self.precision}.{device}.json"
        run("dlc-run", self.artifact, f"--device={device}", "--inputs", self.case.inputs, "--compare", expected, "--json", report,
            *more, expect=None, timeout=3600)
        told = json.loads(report.read_text())
        if "compare" not in told:
            raise Broken(f"{self.case.name} on {device}: {told.get('error', told.get('finding_list', 'failed'))}")
        return told

    def held(self, compared, factor):
        """Each output's error beside its bound."""
        which = "max_error" if self.precision == "as-is" else "rms_error"
        rows = {}
        for name, bound in self.case.bounds[self.precision].items():
            error = compared.get(name, {}).get(which, "inf")
            rows[name] = {"error": error, "bound": factor * bound, "of": which, "ok": not isinstance(error, str) and error <= factor * bound}
        return rows

    def check(self):
        self.row["compile_s"] = round(compile_model(self.case.graph, self.artifact, self.precision, values=self.case.values), 3)
        answer = self.folder / f"{self.precision}.{self.device}.npz"
        told = self.run(self.device, self.case.reference, "--save", answer)
        self.row |= {"device": told["device"], "launches": told["launches"], "run_s": told["run_s"]}
        self.row["reference"] = self.held(told["compare"], 1)
        self.row["virtual"] = self.held(self.run("vcuda", answer)["compare"], 2)
        self.row["ok"] = all(o["ok"] for part in ("reference", "virtual") for o in self.row[part].values())
        return self.row["ok"]

    def kernels(self):
        """Every kernel on the interpreter's operands, within 4 times the interpreter's own error in fp32."""
        flags = [f"--precision={self.precision}", *self.case.flags(), "--inputs", self.case.inputs]
        for floats in ("f64", "f32"):
            run("dlc", self.case.graph, "-o", self.artifact, *flags, "--float", floats, "--save-values", self.folder / floats,
                timeout=3600)
        report = self.folder / f"{self.precision}.kernels.json"
        run("dlc-run", self.artifact, f"--device={self.device}", "--compare-kernels", self.folder / "f64", "--baseline",
            self.folder / "f32", "--json", report, expect=None, timeout=3600)
        told = json.loads(report.read_text())
        rows = told.get("kernels") or []
        self.row["kernels"] = {"compared": len(rows), "different": [r for r in rows if not r["ok"]], "error": told.get("error", "")}
        return told["status"] == 0

    def show(self):
        worst = max((o["error"] / o["bound"] if o["bound"] else float(bool(o["error"])) for part in ("reference", "virtual")
                     for o in self.row[part].values() if not isinstance(o["error"], str)), default=float("nan"))
        kernels = self.row.get("kernels")
        part = f", {len(kernels['different'])} of {kernels['compared']} kernels differ" if kernels else ""
        print(f"{self.case.name:24}{self.precision:8}{self.row['launches']:6} launches, compiled in {self.row['compile_s']:6.2f} s, "
              f"{worst:6.2f} of its bound{part}: {'right' if self.row['ok'] else 'DIFFERS'}", flush=True)


def check_model(name, rows, args, results):
    """Rows of one model for the results; a failure is a row, too."""
    try:
        case = cases.find(name, rows)
    except ImportError as e:
        print(f"{name:24}left out: {e}")
        results["left_out"].append({"model": name, "why": str(e)})
        return
    for precision in args.precision:
        model = Model(case, precision, args.device)
        try:
            if not model.check() or args.kernels:
                model.row["ok"] &= model.kernels()
            model.show()
        except (Broken, subprocess.TimeoutExpired) as e:
            model.row |= {"ok": False, "error": str(e)}
            print(f"{name:24}{precision:8}FAILED: {e}", flush=True)
        results["models"].append(model.row)


def benchmark(script, args, more):
    """What a script of tools/bench measured, or why it did not."""
    report = WORK / "gpu" / f"{script}.json"
    report.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run([sys.executable, "-B", str(ROOT / "tools" / "bench" / script), "--device", args.device, "--json", str(report),
                           *more], stdin=subprocess.DEVNULL)
    return json.loads(report.read_text()) if done.returncode == 0 else {"error": f"{script}: exit status {done.returncode}"}


def commit(rows):
    """The commit that the pack was made from; in a checkout, the one that is checked out."""
    if "commit" in rows:
        return rows["commit"]
    told = subprocess.run(["git", "describe", "--always", "--dirty", "--abbrev=40"], cwd=ROOT, capture_output=True, text=True)
    return told.stdout.strip() or "unknown"


def driver_version():
    """Name and driver of the GPUs as nvidia-smi says them; empty without one."""
    try:
        told = subprocess.run(["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"], capture_output=True, text=True)
        return told.stdout.strip().splitlines()
    except OSError:
        return []


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--device", default="cuda", choices=["cuda", "vcuda"])
    p.add_argument("--models", nargs="+", metavar="NAME", help="default: all")
    p.add_argument("--quick", action="store_true", help="trained models and the shortest benchmarks only")
    p.add_argument("--precision", nargs="+", default=PRECISIONS, choices=PRECISIONS)
    p.add_argument("--kernels", action="store_true", help="compare kernel by kernel where outputs agree, too")
    p.add_argument("--no-bench", action="store_true", help="measure nothing")
    p.add_argument("--results", type=pathlib.Path, help="JSON file to write (default: results/DEVICE-DATE.json here)")
    args = p.parse_args()
    rows = cases.packed()
    names = args.models or [*rows["models"], *([] if args.quick else SEEDED)]
    now = datetime.datetime.now(datetime.timezone.utc)
    results = {"date": now.isoformat(timespec="seconds"), "commit": commit(rows), "dlc": run("dlc-run", "--version")[0].strip(),
               "system": platform.platform(), "gpus": driver_version(), "models": [], "left_out": []}
    for name in names:
        check_model(name, rows, args, results)
    if not args.no_bench:
        results["ops"] = benchmark("op_bench.py", args, ["--only", "softmax 8"] if args.quick else [])
        results["bench"] = benchmark("torch_bench.py", args, ["--models", "minilm"] if args.quick else [])
    differs = [r for r in results["models"] if not r["ok"] and "error" not in r]
    failed = [r for r in (*results["models"], results.get("ops", {}), results.get("bench", {})) if "error" in r] or not results["models"]
    device = next((r["device"] for r in results["models"] if "device" in r), args.device)
    results["device"] = device
    name = "".join(c if c.isalnum() else "-" for c in device).strip("-")
    target = args.results or HERE / "results" / f"{name}-{now:%Y%m%d-%H%M}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(results, indent=1) + "\n")
    print(f"{len(results['models'])} runs, {len(differs)} differ; everything stands in {os.path.relpath(target)}")
    return 2 if differs else 1 if failed else 0


if __name__ == "__main__":
    program("dlc")
    sys.exit(main())
