#!/usr/bin/env python3
"""How fast the virtual GPU is: seconds of one run, with checks off, fast and full; in brackets the CPU seconds of all its
threads, which hardly depend on what else the machine does.

    vcuda_bench.py                                  # all three workloads
    vcuda_bench.py matmul --checks off fast

matmul is 1024 x 1024 x 1024 in fp16; resnet50 is one image, bert_base 128 tokens, both compiled with --precision=fp16 and
their weights on the device before the clock starts; the fastest of some runs counts. Nothing is compared with a limit.
"""
import argparse
import json
import os
import pathlib
import resource
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


def bench(artifact, dims, checks, iterations):
    """dlc-run --bench: (seconds of the fastest run, CPU seconds of the process). It makes 2 * iterations + 1 runs."""
    report = artifact.with_suffix(".json")
    command = [program("dlc-run"), artifact, "--device=vcuda", "--bench", "--iterations", str(iterations), "--json", report,
               *dim_flags(dims)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([str(c) for c in command], env={**os.environ, "VCUDA_CHECKS": checks}, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"vcuda_bench: {' '.join(map(str, command))} ended with {done.returncode}\n{done.stderr[-1000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return json.loads(report.read_text())["bench"]["min_s"], cpu


def measure(artifact, dims, checks):
    """(seconds of the fastest run, CPU seconds of one), load and copies of weights not counted: what one iteration more takes."""
    short, long = bench(artifact, dims, checks, 1), bench(artifact, dims, checks, 2)
    return min(short[0], long[0]), max(0.0, long[1] - short[1]) / 2


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    p.add_argument("--checks", nargs="+", default=["off", "fast", "full"], choices=["off", "fast", "full"])
    args = p.parse_args()
    for name in args.names:
        if name not in NAMES:
            p.error(f"there is no workload '{name}': choose from {', '.join(NAMES)}")
    print("seconds".ljust(12) + "".join(f"{c:>16}" for c in args.checks) + f"   {len(os.sched_getaffinity(0))} cores", flush=True)
    for name in args.names or NAMES:
        artifact, dims = artifact_of(name)
        print(f"{name:12}", end="", flush=True)
        for checks in args.checks:
            wall, cpu = measure(artifact, dims, checks)
            print(f"{wall:8.2f} ({cpu:5.2f})", end="", flush=True)
        print(flush=True)


if __name__ == "__main__":
    main()
