#!/usr/bin/env python3
"""tools/launch.py on the runtime's worked example: launch_test.py DRIVER."""
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "tools/launch.py"
DRIVER = os.path.abspath(sys.argv[1])
assert len(SCRIPT.read_text().splitlines()) <= 150

EXAMPLE = ROOT / "test/runtime/fixtures/example.ptx"


def launch(artifact, given, got, driver=DRIVER):
    return subprocess.run([sys.executable, "-B", SCRIPT, artifact, given, got, "--driver", driver], capture_output=True, text=True)


def refuse(text, *args, **options):
    """One line that says why, and nothing else."""
    done = launch(*args, **options)
    assert done.returncode == 1 and text in done.stderr and done.stderr.count("\n") == 1, (text, done)


with tempfile.TemporaryDirectory() as folder:
    given, got = pathlib.Path(folder, "in.npz"), pathlib.Path(folder, "out.npz")
    for batch in (1, 4, 5, 17, 18):
        x = np.random.default_rng(batch).random((batch, 8), np.float32)
        np.savez(given, x=x)
        done = launch(EXAMPLE, given, got)
        if batch == 18:
            assert done.returncode == 1 and "batch is 18; this artifact takes 1..17" in done.stderr, done
            continue
        assert done.returncode == 0, done
        index = np.arange(8, dtype=np.float32)
        want = (x * (0.5 + index) + (-1 - 0.25 * index)).sum(1)
        np.testing.assert_allclose(np.load(got)["y"], want, rtol=1e-6, atol=1e-5)

    x, none, text = np.ones((4, 8), np.float32), pathlib.Path(folder, "none"), pathlib.Path(folder, "text")
    text.write_text("neither an artifact nor arrays\n")
    np.savez(given, x=x)
    refuse(f"can't read {none}: ", EXAMPLE, none, got)
    refuse(f"can't read {text}: ", EXAMPLE, text, got)
    refuse(f"{none} is no artifact of dlc: ", none, given, got)
    refuse(f"{text} is no artifact of dlc: ", text, given, got)
    refuse("can't open the CUDA driver /none: ", EXAMPLE, given, got, driver="/none")
    refuse("can't open the CUDA driver libc.so.6: ", EXAMPLE, given, got, driver="libc.so.6")
    refuse(f"can't write {none}/out.npz: ", EXAMPLE, given, none / "out.npz")
    alone = pathlib.Path(folder, "example.ptx")
    alone.write_bytes(EXAMPLE.read_bytes())
    refuse("can't read the weights ", alone, given, got)
    for arrays, why in [({"z": x}, "the inputs are x, not z"), ({"x": x, "z": x}, "the inputs are x, not x, z"),
                        ({"x": x.astype(np.float64)}, "input x is float64, rank 2; should be f32 (float32), rank 2"),
                        ({"x": x.astype(">f4")}, "input x is >f4, rank 2; should be f32 (float32)"),
                        ({"x": x[0]}, "input x is float32, rank 1; should be f32 (float32), rank 2"),
                        ({"x": x[:, :7]}, "input x should have shape [4, 8]")]:
        np.savez(given, **arrays)
        refuse(why, EXAMPLE, given, got)
