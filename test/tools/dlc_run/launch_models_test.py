#!/usr/bin/env python3
"""tools/launch.py on artifacts of whole models, with nothing of dlc but the virtual driver as libcuda.so.1: launch_models_test.py NAME..."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "test" / "models"), str(ROOT / "test" / "support")]
import models  # noqa: E402
import numpy as np  # noqa: E402
from measure import difference, largest  # noqa: E402
from oracle import Oracle  # noqa: E402
from programs import compile_model, skip  # noqa: E402
from runtime import LIB  # noqa: E402

BOUND = 1e-4  # of the largest value


def launch(artifact, inputs, folder):
    """What launch.py writes for the inputs; the virtual GPU may have no findings."""
    given, got, findings = folder / "in.npz", folder / "out.npz", folder / "findings.jsonl"
    np.savez(given, **inputs)
    done = subprocess.run([sys.executable, "-B", ROOT / "tools/launch.py", artifact, given, got], capture_output=True, text=True,
                          env={**os.environ, "LD_LIBRARY_PATH": str(LIB / "vcuda"), "VCUDA_FINDINGS": str(findings)})
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in findings.read_text().splitlines()] if findings.exists() else []
    assert not found, found[:3]
    with np.load(got) as kept:
        return {name: kept[name] for name in kept.files}


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for model in map(models.get, sys.argv[1:]):
            artifact = folder / f"{model.name}.ptx"
            compile_model(model.path, artifact, values=model.values)
            oracle = Oracle(model.path)
            for size in ("default", "alt1"):
                inputs = model.make_inputs(model.dims(size))
                ours, theirs = launch(artifact, inputs, folder), oracle({**inputs, **model.baked_inputs()})
                assert set(ours) == set(theirs), (set(ours), set(theirs))
                errors = {k: largest(difference(ours[k], v)) / (largest(v) or 1) for k, v in theirs.items()}
                assert max(errors.values()) <= BOUND, (model.name, size, errors)
                print(f"{model.name}, {model.dims(size)}: largest error {max(errors.values()):.1e}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except models.Missing as e:
        skip(e)
