#!/usr/bin/env python3
"""Whole models by dlc against PyTorch on the same GPU, in turns in the same run, as ratios.

    torch_bench.py                                   # every model of torch_models.py, fp32 and fp16
    torch_bench.py --models bert_base --sizes alt2 --json bench.json
    torch_bench.py --device vcuda --models minilm    # tries the script where there is no GPU; its figures mean nothing

Per model, size and precision: median milliseconds of a run by dlc, by PyTorch eager and by torch.compile, and how many times faster
than each dlc is. fp32 allows PyTorch what it is allowed by default. Without PyTorch only dlc is measured.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "test" / "gpu"), str(HERE.parents[1] / "test" / "support")]
import cases  # noqa: E402
from programs import WORK, Broken, compile_model, run  # noqa: E402

NAMES = ("mobilenetv2", "resnet50", "vit_b16", "minilm", "bert_base", "gpt2_prefill")
ROUNDS = 3


def by_dlc(artifact, dims, device):
    """Median seconds of a run; inputs are on the device already."""
    report = artifact.with_suffix(".bench.json")
    flags = [f"--dim={name}={value}" for name, value in dims.items()]
    run("dlc-run", artifact, f"--device={device}", *flags, "--bench", "--json", report, *(["--iterations=1"] if device == "vcuda" else []),
        timeout=3600)
    return json.loads(report.read_text())["bench"]["median_s"]


def by_torch(torch, model, inputs):
    """Median seconds of a run."""
    wait = torch.cuda.synchronize if torch.cuda.is_available() else lambda: None
    with torch.inference_mode():
        for _ in range(3):
            model(*inputs)
        wait()
        begun = time.perf_counter()
        model(*inputs)
        wait()
        times = []
        for _ in range(max(3, min(300, int(0.5 / max(time.perf_counter() - begun, 1e-6))))):
            begun = time.perf_counter()
            model(*inputs)
            wait()
            times.append(time.perf_counter() - begun)
    return statistics.median(times)


def torch_module(torch, name, precision):
    from torch_models import MODELS
    return MODELS[name]().eval().to("cuda" if torch.cuda.is_available() else "cpu", torch.float16 if precision == "fp16" else torch.float32)


def torch_inputs(torch, name, dims, like):
    import models
    entry = {"name": name, "inputs": models.manifest()[name]["inputs"], "sizes": {"these": dims}}
    made = models.materialize.make_inputs(entry, "these", 0)
    tensors = [torch.from_numpy(made[row["name"]]).to(like.device) for row in entry["inputs"]]
    return [t.to(like.dtype) if t.is_floating_point() else t for t in tensors]


def contenders(torch, name, precision, with_compile):
    """{"eager": module, "compile": module or why there is none}"""
    eager = torch_module(torch, name, precision)
    return {"eager": eager, **({"compile": torch.compile(eager)} if with_compile else {})}


def measure(name, precision, size, graph, values, args, torch):
    """One row: medians of rounds in turn, and ratios."""
    import models
    dims = models.manifest()[name]["sizes"][size]
    artifact = WORK / "bench" / f"{name}.{precision}.ptx"
    compile_model(graph, artifact, precision, values=values)
    row = {"model": name, "precision": precision, "size": size, "dims": dims, "dlc_ms": [], "torch": {}}
    others = contenders(torch, name, precision, not args.no_compile) if torch else {}
    inputs = torch_inputs(torch, name, dims, next(others["eager"].parameters())) if torch else None
    times = {who: [] for who in others}
    for _ in range(args.rounds):
        row["dlc_ms"].append(1e3 * by_dlc(artifact, dims, args.device))
        for who, module in others.items():
            if isinstance(times[who], str):
                continue
            try:
                times[who].append(1e3 * by_torch(torch, module, inputs))
            except Exception as e:  # torch.compile may lack a compiler; that is no failure of the benchmark
                times[who] = f"{type(e).__name__}: {str(e).splitlines()[0] if str(e) else ''}"
    row["dlc_ms"] = statistics.median(row["dlc_ms"])
    for who, seen in times.items():
        row["torch"][who] = {"error": seen} if isinstance(seen, str) else {
            "ms": statistics.median(seen), "ratio": statistics.median(seen) / row["dlc_ms"]}
    return row


def show(row):
    others = "".join(f"   {who} {t['ms']:9.3f} ms, {t['ratio']:5.2f} x" if "ms" in t else f"   {who}: {t['error'][:60]}"
                     for who, t in row["torch"].items())
    print(f"{row['model']:16}{row['precision']:7}{row['size']:9}dlc {row['dlc_ms']:9.3f} ms{others}", flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--models", nargs="+", default=NAMES, choices=NAMES, metavar="NAME", help=", ".join(NAMES))
    p.add_argument("--precision", nargs="+", default=["as-is", "fp16"], choices=["as-is", "fp16"])
    p.add_argument("--sizes", nargs="+", default=["default", "alt2"], help="sizes of test/models/manifest.json that a model has")
    p.add_argument("--device", default="cuda", choices=["cuda", "vcuda"])
    p.add_argument("--rounds", type=int, default=ROUNDS)
    p.add_argument("--no-compile", action="store_true", help="leave torch.compile out")
    p.add_argument("--json", type=pathlib.Path, help="file for the rows")
    args = p.parse_args()
    try:
        import numpy  # noqa: F401  (weights and inputs)
    except ImportError:
        print("torch_bench: numpy is not installed, nothing is measured")
        args.models = []
    try:
        import torch
    except ImportError:
        torch = None
    results = {"torch": torch and torch.__version__, "rows": [], "left_out": []}
    if args.device == "cuda" and torch and not torch.cuda.is_available():
        results["torch"], torch = f"{torch.__version__} sees no GPU", None
    rows = cases.packed()
    for name in args.models:
        import models
        try:
            packed = rows["models"].get(name)
            graph, values = (cases.from_pack(name, packed).graph, packed["set"]) if packed else (models.get(name).path, {})
            for precision in args.precision:
                for size in (s for s in args.sizes if s in models.manifest()[name]["sizes"]):
                    results["rows"].append(measure(name, precision, size, graph, values, args, torch))
                    show(results["rows"][-1])
        except (Broken, subprocess.TimeoutExpired, models.Missing) as e:
            results["left_out"].append({"model": name, "why": str(e)})
            print(f"{name:16}left out: {e}", flush=True)
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
