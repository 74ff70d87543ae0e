#!/usr/bin/env python3
"""The committed example is what its script makes, and its weights open with the safetensors package."""
import pathlib
import sys
import tempfile

import numpy as np
from safetensors.numpy import load_file

FIXTURES = pathlib.Path(__file__).parent / "fixtures"
sys.path.insert(0, str(FIXTURES))
import make_example  # noqa: E402

with tempfile.TemporaryDirectory() as folder:
    make_example.main(FIXTURES, pathlib.Path(folder))
    for name in ("example.ptx", "example.ptx.safetensors"):
        assert pathlib.Path(folder, name).read_bytes() == (FIXTURES / name).read_bytes(), f"{name}: run make_example.py"

tensors = load_file(FIXTURES / "example.ptx.safetensors")
assert list(sorted(tensors)) == ["__pad0", "b", "w"] and tensors["__pad0"].dtype == np.uint8
np.testing.assert_array_equal(tensors["w"], 0.5 + np.arange(8, dtype=np.float32))
