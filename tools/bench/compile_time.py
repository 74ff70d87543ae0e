#!/usr/bin/env python3
"""Compile times of whole models: best of three, files cached, default dims, weights included.

    compile_time.py                     # ResNet-50 and BERT-base, as-is and fp16, with their limits
    compile_time.py vit_b16 --precision fp16

Also the processor time of that compile, and the peak memory beyond the mapped model against 1.2 x the largest tensor +
300 MB. Exit status 1 past a limit.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "test" / "models"), str(ROOT / "test" / "support")]
import models  # noqa: E402
from programs import WORK, program, set_flags  # noqa: E402

# Seconds on two cores. An fp32 model as it is may take 10: its products are emulated or in FMA.
LIMITS = {("resnet50", "fp16"): 6, ("resnet50", "as-is"): 10, ("bert_base", "fp16"): 8, ("bert_base", "as-is"): 10}


def compile_once(model, precision):
    """(seconds, seconds of processor time, peak resident MB, phases as dlc prints them)."""
    artifact = WORK / "bench" / f"{model.name}.{precision}.ptx"
    artifact.parent.mkdir(parents=True, exist_ok=True)
    command = [program("dlc"), model.path, "-o", artifact, f"--precision={precision}", "--timing", *set_flags(model.values)]
    begun = time.monotonic()
    with open(artifact.with_suffix(".timing"), "w+") as log:
        child = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - begun
        log.seek(0)
        text = log.read()
    if child.returncode:
        sys.exit(f"compile_time: {' '.join(map(str, command))} ended with {child.returncode}\n{text[-2000:]}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, text


def largest_tensor(model):
    """Megabytes of the model's largest initializer."""
    import onnx
    loaded = onnx.load(str(model.path), load_external_data=False)
    wide = {onnx.TensorProto.FLOAT: 4, onnx.TensorProto.INT64: 8, onnx.TensorProto.FLOAT16: 2}

    def size(t):
        n = wide.get(t.data_type, 4)
        for d in t.dims:
            n *= d
        return n

    return max((size(t) for t in loaded.graph.initializer), default=0) / 2 ** 20


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("names", nargs="*", default=["resnet50", "bert_base"], metavar="NAME", help=", ".join(models.names()))
    p.add_argument("--precision", nargs="+", default=["as-is", "fp16"])
    p.add_argument("--phases", action="store_true", help="print what --timing says, too")
    args = p.parse_args()
    late = 0
    print(f"{'model':24}{'precision':10}{'best s':>8}{'limit':>7}{'cpu s':>8}{'peak MB':>9}{'mapped MB':>11}{'allowed MB':>12}")
    for name in args.names:
        model = models.get(name)
        mapped = sum(f.stat().st_size for f in model.path.parent.iterdir() if f.suffix in (".onnx", ".data", ".safetensors")) / 2 ** 20
        allowed = mapped + 1.2 * largest_tensor(model) + 300
        for precision in args.precision:
            runs = [compile_once(model, precision) for _ in range(3)]
            (best, cpu, _, phases), peak = min(runs), max(r[2] for r in runs)
            limit = LIMITS.get((name, precision))
            over = (limit and best > limit) or peak > allowed
            late += bool(over)
            print(f"{name:24}{precision:10}{best:8.2f}{limit or '-':>7}{cpu:8.2f}{peak:9.0f}{mapped:11.0f}{allowed:12.0f}"
                  f"{'  OVER' if over else ''}", flush=True)
            if args.phases:
                print(phases)
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
