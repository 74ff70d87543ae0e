#!/usr/bin/env python3
"""Files between NumPy and dlc's npz library: npz_test.py COPY, a program that reads one file and writes another."""
import pathlib
import subprocess
import sys
import tempfile

import ml_dtypes
import numpy as np

rng = np.random.default_rng(0)
arrays = {f"{i}/{np.dtype(t).name}": rng.integers(0, 100, (2, 3, i + 1)).astype(t) for i, t in enumerate(
    [np.bool_, np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64, np.float16, np.float32,
     np.float64, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn])}
arrays["scalar"] = np.float32(2.5)
arrays["empty"] = np.zeros((0, 7), np.int32)
arrays["fortran"] = np.asfortranarray(rng.random((3, 4, 5)))
# NumPy cannot read what it writes for this one ("<f1"), so it goes as raw bytes.
arrays["e5m2"] = rng.random(5).astype(ml_dtypes.float8_e5m2).view("V1")
arrays["large"] = np.zeros(1 << 20)

with tempfile.TemporaryDirectory() as folder:
    source, target = pathlib.Path(folder, "in.npz"), pathlib.Path(folder, "out.npz")
    for save in (np.savez, np.savez_compressed):
        save(source, **arrays)
        subprocess.run([sys.argv[1], source, target], check=True)
        with np.load(source) as want, np.load(target) as have:
            assert want.files == have.files, have.files
            for name in want.files:
                assert want[name].dtype == have[name].dtype and want[name].shape == have[name].shape, name
                assert want[name].tobytes() == have[name].tobytes(), name
print(f"{2 * len(arrays)} arrays agree")
