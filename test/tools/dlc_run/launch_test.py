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

with tempfile.TemporaryDirectory() as folder:
    given, got = pathlib.Path(folder, "in.npz"), pathlib.Path(folder, "out.npz")
    for batch in (1, 4, 5, 17, 18):
        x = np.random.default_rng(batch).random((batch, 8), np.float32)
        np.savez(given, x=x)
        done = subprocess.run([sys.executable, "-B", SCRIPT, ROOT / "test/runtime/fixtures/example.ptx", given, got,
                               "--driver", DRIVER], capture_output=True, text=True)
        if batch == 18:
            assert done.returncode == 1 and "batch is 18; this artifact takes 1..17" in done.stderr, done
            continue
        assert done.returncode == 0, done
        index = np.arange(8, dtype=np.float32)
        want = (x * (0.5 + index) + (-1 - 0.25 * index)).sum(1)
        np.testing.assert_allclose(np.load(got)["y"], want, rtol=1e-6, atol=1e-5)
