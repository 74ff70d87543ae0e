#!/usr/bin/env python3
"""The benchmark scripts run and say what they should; what they measure is not looked at here."""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[3]
BENCH = ROOT / "tools" / "bench"


def run(script, *args):
    done = subprocess.run([sys.executable, "-B", BENCH / script, *args], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, (script, done.stdout, done.stderr)
    return done.stdout


shown = run("compile_time.py", "mobilenetv2", "--precision", "fp16", "--phases")
header, row = shown.splitlines()[:2]
assert re.search(r"best s +limit +cpu s +peak MB +mapped MB +allowed MB", header), header
best, limit, cpu, peak, mapped, allowed = row.split()[2:8]
assert limit == "-" and 0 < float(best) and 0 < float(cpu) and 0 < float(peak) <= float(allowed), row
assert "graph passes" in shown and "writing" in shown, shown

shown = run("vcuda_bench.py", "matmul", "--checks", "off", "fast")
assert re.search(r"seconds +off +fast +\d+ cores\nmatmul( +\d+\.\d\d \( *\d+\.\d\d\)){2}\n", shown), shown

with tempfile.TemporaryDirectory() as folder:
    report = pathlib.Path(folder) / "bench.json"
    run("torch_bench.py", "--device=vcuda", "--models", "mobilenetv2", "--precision", "fp16", "--sizes", "default", "--rounds=1",
        "--json", report)
    told = json.loads(report.read_text())
    (row,) = told["rows"]
    assert (row["model"], row["precision"], row["size"], row["dims"]) == ("mobilenetv2", "fp16", "default", {"batch": 1}), row
    assert row["dlc_ms"] > 0 and not told["left_out"], told
    assert bool(row["torch"]) == bool(told["torch"]), told
    run("op_bench.py", "--device=vcuda", "--only", "softmax 8", "--rounds=1", "--json", report)
    rows = json.loads(report.read_text())["rows"]
    assert [(r["op"], r["precision"], r["unit"]) for r in rows] == [("row softmax 8x1024", p, "GB/s") for p in ("fp16", "fp32")], rows
    assert all(r["dlc"] > 0 for r in rows), rows

# Every op is something that dlc compiles.
sys.path.insert(0, str(BENCH))
import op_bench  # noqa: E402
from programs import run as run_program  # noqa: E402

with tempfile.TemporaryDirectory() as folder:
    graph = pathlib.Path(folder) / "op.mlir"
    for op in op_bench.OPS:
        for precision in op_bench.BYTES:
            graph.write_text(op.graph_in(precision))
            run_program("dlc", graph, "--emit=plan")
print("ok")
