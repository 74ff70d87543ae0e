#!/usr/bin/env python3
"""check.py on the virtual GPU: a folder as ./dev pack stages it, with the programs of this build, in an empty environment.

Right numbers pass; a changed reference is found, with the kernels compared; a model that cannot be compiled is a failure.
"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools" / "dev"), str(ROOT / "test" / "support")]
import numpy as np  # noqa: E402
import pack  # noqa: E402
from programs import BIN, skip  # noqa: E402

FOLDER = pathlib.Path(tempfile.mkdtemp()) / "packed"


def stage():
    """Scripts by symbolic links would find the checkout again, so they are copied."""
    for name in pack.FOLDERS:
        shutil.copytree(ROOT / name, FOLDER / name, ignore=shutil.ignore_patterns("*_test.py", "results", "__pycache__"))
    (FOLDER / "build").mkdir()
    for name in ("bin", "lib"):
        (FOLDER / "build" / name).symlink_to(BIN.parent / name)
    made = subprocess.run([sys.executable, "-B", ROOT / "tools/pack/make_checks.py", FOLDER, "--models", "silero_vad", "--commit", "c0ffee"],
                          stdin=subprocess.DEVNULL)
    if made.returncode == 77:
        skip("the package of silero-vad is not in the cache")
    assert made.returncode == 0


def check(status, *args):
    """Runs check.py with the system's Python, without an environment. Returns its results."""
    target = FOLDER / "result.json"
    target.unlink(missing_ok=True)
    python = shutil.which("python3", path="/usr/bin:/bin") or sys.executable
    done = subprocess.run([python, "-B", FOLDER / "test/gpu/check.py", "--device=vcuda", "--results", target, *args],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, env={}, cwd="/")
    assert done.returncode == status, (args, done.returncode, done.stdout, done.stderr)
    return json.loads(target.read_text()), done.stdout


def main():
    stage()
    results, _ = check(0, "--models", "silero_vad", "--kernels", "--quick")
    assert results["commit"] == "c0ffee" and results["date"].startswith("20") and "A100" in results["device"], results
    assert results["ops"]["rows"][0]["dlc_us"] > 0 and "rows" in results["bench"], results
    rows = results["models"]
    assert [(r["model"], r["precision"], r["ok"]) for r in rows] == [("silero_vad", "as-is", True), ("silero_vad", "fp16", True)], rows
    for row in rows:
        assert 0 < row["reference"]["output"]["error"] <= row["reference"]["output"]["bound"], row
        assert row["virtual"]["output"]["error"] == 0, "the virtual GPU gives the same bits twice"
        assert row["kernels"]["compared"] == row["launches"] or row["kernels"]["compared"] > 3, row
        assert not row["kernels"]["different"], row

    reference = FOLDER / "checks" / "silero_vad.reference.npz"
    with np.load(reference) as kept:
        wrong = {name: kept[name].copy() for name in kept.files}
    next(iter(wrong.values())).flat[0] += 0.01
    np.savez(reference, **wrong)
    results, shown = check(2, "--models", "silero_vad", "--precision", "as-is", "--no-bench")
    row = results["models"][0]
    assert not row["ok"] and "DIFFERS" in shown, shown
    assert row["kernels"]["compared"] and not row["kernels"]["different"], "the kernels are right, only the reference is not"

    graph = FOLDER / json.loads((FOLDER / "checks" / "checks.json").read_text())["models"]["silero_vad"]["graph"]
    graph.write_bytes(b"no model")
    results, shown = check(1, "--models", "silero_vad", "--no-bench")
    assert all("error" in r and not r["ok"] for r in results["models"]), results
    print("ok")


main()
