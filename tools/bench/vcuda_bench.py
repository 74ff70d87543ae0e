#!/usr/bin/env python3
"""How fast the virtual GPU is: seconds of one run, with checks off, fast and full.

    vcuda_bench.py                                  # all three workloads
    vcuda_bench.py matmul --checks off fast

matmul is 1024 x 1024 x 1024 in fp16; resnet50 is one image, bert_base 128 tokens, both compiled with --precision=fp16 and
their weights on the device before the clock starts. Nothing is compared with a limit.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "test" / "models"), str(ROOT / "test" / "support")]
import models  # noqa: E402
from programs import WORK, dim_flags, program, run, set_flags  # noqa: E402

MATMUL = """func.func @main(%a: tensor<1024x1024xf16> {graph.name = "a"}, %b: tensor<1024x1024xf16> {graph.name = "b"})
    -> (tensor<1024x1024xf16> {graph.name = "c"}) {
  %c = graph.dot %a, %b batch [] x [] contract [1] x [0] : tensor<1024x1024xf16>, tensor<1024x1024xf16> -> tensor<1024x1024xf16>
  return %c : tensor<1024x1024xf16>
}
"""
NAMES = ("matmul", "resnet50", "bert_base")


def artifact_of(name):
    """(artifact, dims); compiled when it is not there."""
    artifact = WORK / "bench" / f"vcuda.{name}.ptx"
    artifact.parent.mkdir(parents=True, exist_ok=True)
    if name == "matmul":
        source = artifact.with_suffix(".mlir")
        source.write_text(MATMUL)
        run("dlc", source, "-o", artifact)
        return artifact, {}
    model = models.get(name)
    run("dlc", model.path, "-o", artifact, "--precision=fp16", *set_flags(model.values))
    return artifact, model.dims()  # one image; one sequence of 128 tokens


def measure(artifact, dims, checks):
    """Seconds of the fastest of three runs, load and copies of weights not counted."""
    report = artifact.with_suffix(".json")
    command = [program("dlc-run"), artifact, "--device=vcuda", "--bench", "--iterations", "3", "--json", report, *dim_flags(dims)]
    done = subprocess.run([str(c) for c in command], env={**os.environ, "VCUDA_CHECKS": checks}, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"vcuda_bench: {' '.join(map(str, command))} ended with {done.returncode}\n{done.stderr[-1000:]}")
    return json.loads(report.read_text())["bench"]["min_s"]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    p.add_argument("--checks", nargs="+", default=["off", "fast", "full"], choices=["off", "fast", "full"])
    args = p.parse_args()
    for name in args.names:
        if name not in NAMES:
            p.error(f"there is no workload '{name}': choose from {', '.join(NAMES)}")
    print("seconds".ljust(12) + "".join(f"{c:>10}" for c in args.checks) + f"   {len(os.sched_getaffinity(0))} cores", flush=True)
    for name in args.names or NAMES:
        artifact, dims = artifact_of(name)
        print(f"{name:12}", end="", flush=True)
        for checks in args.checks:
            print(f"{measure(artifact, dims, checks):10.2f}", end="", flush=True)
        print(flush=True)


if __name__ == "__main__":
    main()
