#!/usr/bin/env python3
"""Whole models on the virtual GPU, checks on, against onnxruntime and the interpreter in fp64.

    numerics.py magika mobilenetv2 --precision as-is fp16
    numerics.py whisper_base_encoder --compile-only
    numerics.py gpt2_decode --reference-only      # the interpreter in fp64 against onnxruntime, no compiler
    numerics.py minilm --compare-kernels          # kernel by kernel as well

Per model and precision one row: exporter, ONNX nodes, regions, unique kernels, launches, compile s, run s, error.
Bounds (measure.py): fp32 against onnxruntime's own error, fp16 against the interpreter with everything rounded to fp16.
Kernel by kernel each gets the operands that the interpreter in fp64 has there, and its results are held to the fp32 bound with the
interpreter in fp32 in onnxruntime's place (16-bit results may be one rounding off). The reference itself, the interpreter in fp64, must lie within 1e-5 of onnxruntime. Exit status 1 if a bound is broken.
Rows also go to numerics/NAME.json in the folder of work (build/work; of a test: build/work/TEST).
"""
import argparse
import json
import shutil
import sys

import models
import numpy as np
import plan as plans
from measure import Check, fp16_checks, fp32_checks, reference_checks, same_outputs, worst
from oracle import Oracle
from programs import WORK, Broken, compile_model, interpret, run, run_artifact, skip

HEADER = f"{'model':24}{'precision':10}{'exporter':28}{'nodes':>6}{'regions':>8}{'kernels':>8}{'launches':>9}" \
         f"{'compile s':>10}{'run s':>8}  error"


def load(path):
    with np.load(path) as kept:
        return {name: kept[name] for name in kept.files}


class Bench:
    """One model at one size: its inputs and references, and a folder to work in."""

    def __init__(self, name, size):
        self.model, self.size = models.get(name), size
        self.folder = WORK / "numerics" / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.inputs = self.model.make_inputs(self.model.dims(size))
        self.inputs_file = self.folder / "inputs.npz"
        np.savez(self.inputs_file, **self.inputs)
        self.ort = Oracle(self.model.path)({**self.inputs, **self.model.baked_inputs()})
        self.ref64 = self.interpreted("f64")
        self.broken = []
        self.reference = self.hold("interpreter in fp64 against onnxruntime", reference_checks(self.ref64, self.ort))

    def interpreted(self, floats):
        file = self.folder / f"{floats}.npz"
        interpret(self.model.path, self.inputs_file, file, floats, self.model.values)
        answer = load(file)
        same_outputs(answer, self.ort, f"interpreter, {floats}")
        return answer

    def hold(self, what, checks):
        """Keep note of the checks that fail; returns the worst one."""
        self.broken += [f"{self.model.name}: {what}: {c}" for c in checks if not c.ok]
        return worst(checks)

    def checks(self, precision, answer):
        if precision == "as-is":
            return fp32_checks(answer, self.ref64, self.ort)
        return fp16_checks(answer, self.ref64, self.interpreted("f16-rounded"))

    def compare_kernels(self, precision):
        """(results compared, the one that is nearest to its bound) of one artifact's kernels, each by itself."""
        artifact, values = self.folder / f"{precision}.ptx", {}
        for floats in ("f64", "f32"):
            values[floats] = self.folder / f"values-{floats}"
            compile_model(self.model.path, artifact, precision, values=self.model.values,
                          extra=["--save-values", values[floats], "--inputs", self.inputs_file, "--float", floats], timeout=1800)
        report = self.folder / "kernels.json"
        run("dlc-run", artifact, "--device=vcuda", "--inputs", self.inputs_file, "--compare-kernels", values["f64"],
            "--baseline", values["f32"], "--json", report, expect=None, timeout=3600)
        checks = [Check(f"{r['op']} {r['buffer']}", r["max_error"], r["bound"]) for r in json.loads(report.read_text())["kernels"]]
        for folder in values.values(): # each as large as all activations together
            shutil.rmtree(folder)
        return len(checks), self.hold(f"{precision}, kernel by kernel", checks)

    def row(self, precision, compile_only):
        """Compile, run, compare. Returns the row's figures."""
        artifact = self.folder / f"{precision}.ptx"
        row = {"model": self.model.name, "size": self.size, "precision": precision, "exporter": self.model.exporter,
               "nodes": self.model.nodes}
        row["compile_s"] = compile_model(self.model.path, artifact, precision, values=self.model.values)
        row |= plans.counts(plans.read(artifact)[0], self.inputs)
        if compile_only:
            return row
        saved = self.folder / f"{precision}.npz"
        row["run_s"], row["device"] = run_artifact(artifact, self.inputs_file, saved)
        answer = load(saved)
        same_outputs(answer, self.ort, f"dlc-run, {precision}")
        check = self.hold(precision, self.checks(precision, answer))
        row |= {"error": check.error, "bound": check.bound, "output": check.output}
        return row


def show(row):
    run = f"{row['run_s']:8.1f}" if "run_s" in row else "       -"
    error = f"{row['error']:.2e} of {row['bound']:.2e}" if "error" in row else "not run"
    print(f"{row['model']:24}{row['precision']:10}{row['exporter'][:27]:28}{row['nodes']:6}{row['regions']:8}"
          f"{row['kernels']:8}{row['launches']:9}{row['compile_s']:10.2f}{run}  {error}", flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("names", nargs="+", metavar="NAME", choices=models.names())
    p.add_argument("--precision", nargs="+", default=["as-is", "fp16"], choices=["as-is", "fp16"])
    p.add_argument("--size", default="default")
    p.add_argument("--compile-only", action="store_true", help="interpreter and compiler, nothing is run")
    p.add_argument("--compare-kernels", action="store_true", help="each kernel by itself, too")
    p.add_argument("--reference-only", action="store_true", help="the interpreter alone")
    args = p.parse_args()
    broken = []
    if not args.reference_only:
        print(HEADER)
    for name in args.names:
        bench = Bench(name, args.size)
        broken += bench.broken
        if args.reference_only:
            print(f"{name:24}interpreter in fp64 against onnxruntime: {bench.reference}", flush=True)
            continue
        rows = []
        for precision in args.precision:
            rows.append(bench.row(precision, args.compile_only))
            show(rows[-1])
            if args.compare_kernels:
                count, check = bench.compare_kernels(precision)
                rows[-1] |= {"kernel_results": count, "kernel_worst": check.output, "kernel_error": check.error,
                             "kernel_bound": check.bound}
                print(f"{name:24}{precision:10}{count} results of kernels, each by itself: {check}", flush=True)
        (bench.folder.parent / f"{name}.json").write_text(json.dumps(rows, indent=1) + "\n")
        broken += [line for line in bench.broken if line not in broken]
    for line in broken:
        print(line)
    return 1 if broken else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except models.Missing as e:
        skip(e)
    except (Broken, ValueError) as e:
        sys.exit(f"numerics: {e}")
