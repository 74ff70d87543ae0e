#!/usr/bin/env python3
"""Single kernels by dlc against PyTorch's (cuBLAS, cuDNN, ATen) on the same GPU, in turns in the same run, as ratios.

    op_bench.py                          # every row of OPS, fp16 and fp32
    op_bench.py --only matmul --json ops.json
    op_bench.py --device vcuda --only "row softmax 8"    # tries the script where there is no GPU; its figures mean nothing

Times are of runs back to back, without a wait between them. TFLOP/s for products, GB/s (each tensor once) for the others. fp32 is
dlc's as-is against PyTorch with TF32 off. Without PyTorch only dlc is measured.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "test" / "support")]
from programs import WORK, Broken, compile_model, run  # noqa: E402

BYTES = {"fp16": 2, "fp32": 4}


def tensor(*dims):
    """A type in graph text, its element type still to be filled in."""
    return "tensor<" + "".join(f"{d}x" for d in dims) + "T>"


def main_function(inputs, output, body):
    parameters = ", ".join(f'%{name}: {tensor(*dims)} {{graph.name = "{name}"}}' for name, dims in inputs.items())
    return f'func.func @main({parameters}) -> ({tensor(*output)} {{graph.name = "y"}}) {{\n{body}\n  return %y : {tensor(*output)}\n}}\n'


class Op:
    """A kernel: its graph text, the same in PyTorch, its FLOPs (0: bytes count), inputs and output."""

    def __init__(self, name, inputs, output, flops, body, in_torch):
        self.name, self.inputs, self.output, self.flops, self.in_torch = name, inputs, output, flops, in_torch
        self.graph = main_function(inputs, output, body)

    def graph_in(self, precision):
        element, infinity = ("f16", "0xFC00") if precision == "fp16" else ("f32", "0xFF800000")
        return self.graph.replace("0xINF", infinity).replace("xT>", f"x{element}>").replace(": T", f": {element}")

    def work(self, bytes_each):
        """(amount, unit) of one run; amount / seconds / 1e12 or 1e9."""
        elements = sum(count(d) for d in (*self.inputs.values(), self.output))
        return (self.flops, "TFLOP/s", 1e12) if self.flops else (elements * bytes_each, "GB/s", 1e9)


def count(dims):
    n = 1
    for d in dims:
        n *= d
    return n


def matmul(m, n, k):
    body = (f"  %y = graph.dot %a, %b batch [] x [] contract [1] x [0] : {tensor(m, k)}, {tensor(k, n)} -> {tensor(m, n)}")
    return Op(f"matmul {m}x{n}x{k}", {"a": (m, k), "b": (k, n)}, (m, n), 2 * m * n * k, body, lambda torch, a, b: a @ b)


def convolution(batch, channels, size, outputs, window):
    x, w, y = (batch, channels, size, size), (outputs, channels, window, window), (batch, outputs, size, size)
    pad = window // 2
    body = (f"  %y = graph.conv %x, %w strides [1, 1] dilations [1, 1] low <{pad}, {pad}> high <{pad}, {pad}> groups 1 : "
            f"{tensor(*x)}, {tensor(*w)} -> {tensor(*y)}")
    return Op(f"conv {batch}x{channels}x{size}x{size} by {outputs}x{window}x{window}", {"x": x, "w": w}, y,
              2 * count(y) * channels * window * window, body,
              lambda torch, x, w: torch.nn.functional.conv2d(x, w, padding=pad))


def softmax(rows, columns):
    full, row = tensor(rows, columns), tensor(rows)
    body = f"""  %m = graph.reduce %x init [0xINF : T] dims [1] : {full} -> {row} combiner {{
  ^bb0(%a: T, %e: T):
    %0 = arith.maximumf %a, %e : T
    graph.yield %0 : T
  }}
  %mb = graph.broadcast %m dims [0] : {row} -> {full}
  %d = arith.subf %x, %mb : {full}
  %e = math.exp %d : {full}
  %s = graph.reduce %e init [0.0 : T] dims [1] : {full} -> {row} combiner {{
  ^bb0(%a: T, %v: T):
    %0 = arith.addf %a, %v : T
    graph.yield %0 : T
  }}
  %sb = graph.broadcast %s dims [0] : {row} -> {full}
  %y = arith.divf %e, %sb : {full}"""
    return Op(f"row softmax {rows}x{columns}", {"x": (rows, columns)}, (rows, columns), 0, body,
              lambda torch, x: torch.softmax(x, 1))


def addition(elements):
    body = f"  %y = arith.addf %a, %b : {tensor(elements)}"
    return Op(f"add {elements}", {"a": (elements,), "b": (elements,)}, (elements,), 0, body, lambda torch, a, b: a + b)


OPS = [matmul(4096, 4096, 4096), matmul(8192, 8192, 8192), matmul(1024, 1024, 1024), matmul(1024, 3072, 768), matmul(128, 768, 3072),
       matmul(1, 4096, 4096), matmul(8, 11008, 4096), convolution(32, 64, 56, 64, 3), convolution(32, 256, 14, 256, 3),
       convolution(32, 256, 56, 64, 1), softmax(8, 1024), softmax(12288, 128), softmax(4096, 4096), addition(1 << 26)]


def by_dlc(artifact, device):
    """Seconds of a run among runs back to back."""
    report = artifact.with_suffix(".bench.json")
    run("dlc-run", artifact, f"--device={device}", "--bench", "--json", report, *(["--iterations=1"] if device == "vcuda" else []),
        timeout=3600)
    return json.loads(report.read_text())["bench"]["back_to_back_s"]


def by_torch(torch, op, precision):
    """The same."""
    dtype = torch.float16 if precision == "fp16" else torch.float32
    inputs = [torch.randn(dims, dtype=dtype, device="cuda") for dims in op.inputs.values()]

    def runs(n):
        begun = time.perf_counter()
        for _ in range(n):
            op.in_torch(torch, *inputs)
        torch.cuda.synchronize()
        return (time.perf_counter() - begun) / n

    runs(10)
    return runs(max(3, min(1000, int(0.3 / max(runs(3), 1e-7)))))


def measure(op, precision, args, torch):
    folder = WORK / "bench" / "ops"
    folder.mkdir(parents=True, exist_ok=True)
    graph = folder / f"{op.name.replace(' ', '_')}.{precision}.mlir"
    graph.write_text(op.graph_in(precision))
    artifact = graph.with_suffix(".ptx")
    compile_model(graph, artifact)
    ours, theirs = [], []
    for _ in range(args.rounds):
        ours.append(by_dlc(artifact, args.device))
        if torch:
            theirs.append(by_torch(torch, op, precision))
    amount, unit, scale = op.work(BYTES[precision])
    row = {"op": op.name, "precision": precision, "unit": unit, "dlc": amount / statistics.median(ours) / scale,
           "dlc_us": 1e6 * statistics.median(ours)}
    if theirs:
        row |= {"torch": amount / statistics.median(theirs) / scale, "ratio": statistics.median(theirs) / statistics.median(ours)}
    beside = f"   torch {row['torch']:9.2f} {unit}, {row['ratio']:5.2f} x" if theirs else ""
    print(f"{op.name:36}{precision:6}dlc {row['dlc_us']:10.1f} us {row['dlc']:9.2f} {unit}{beside}", flush=True)
    return row


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--only", default="", metavar="TEXT", help="ops whose name contains it")
    p.add_argument("--precision", nargs="+", default=list(BYTES), choices=list(BYTES))
    p.add_argument("--device", default="cuda", choices=["cuda", "vcuda"])
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--json", type=pathlib.Path, help="file for the rows")
    args = p.parse_args()
    try:
        import torch
        torch = torch if args.device == "cuda" and torch.cuda.is_available() else None
    except ImportError:
        torch = None
    if torch:
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    results = {"torch": torch and torch.__version__, "rows": [], "left_out": []}
    for op in (op for op in OPS if args.only in op.name):
        for precision in args.precision:
            try:
                results["rows"].append(measure(op, precision, args, torch))
            except (Broken, subprocess.TimeoutExpired) as e:
                results["left_out"].append({"op": op.name, "precision": precision, "why": str(e)})
                print(f"{op.name:36}{precision:6}left out: {e}", flush=True)
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
