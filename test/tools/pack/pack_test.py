"""Packing: weights survive as fp16, and the check of symbol versions sees what it should."""
import pathlib
import stat
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tools" / "pack"), str(ROOT / "tools" / "dev")]
import half_weights  # noqa: E402
import numpy as np  # noqa: E402
import symbol_versions  # noqa: E402
from safetensors.numpy import load_file, save_file  # noqa: E402


class HalfWeights(unittest.TestCase):
    def test_round_trip(self):
        rng = np.random.default_rng(1)
        tensors = {"a": rng.standard_normal((300, 7)).astype(np.float32), "ids": np.arange(5), "z": np.float32([1e6, -1e9, 0.5])}
        with tempfile.TemporaryDirectory() as folder:
            full, half, again = (pathlib.Path(folder) / n for n in ("full", "half", "again"))
            save_file(tensors, full)
            half_weights.shrink(full, half)
            half_weights.widen(half, again)
            self.assertLess(half.stat().st_size, full.stat().st_size)
            self.assertEqual(again.stat().st_size, full.stat().st_size)
            back = load_file(again)
        self.assertEqual(set(back), set(tensors))
        self.assertEqual(back["ids"].tolist(), tensors["ids"].tolist())
        np.testing.assert_array_equal(back["a"], tensors["a"].astype(np.float16).astype(np.float32))
        self.assertEqual(back["z"].tolist(), [65504.0, -65504.0, 0.5])


class SymbolVersions(unittest.TestCase):
    def complaints(self, shown):
        """With a readelf that prints `shown`."""
        with tempfile.TemporaryDirectory() as folder:
            readelf = pathlib.Path(folder) / "readelf"
            readelf.write_text(f"#!/bin/sh\ncat <<'END'\n{shown}\nEND\n")
            readelf.chmod(readelf.stat().st_mode | stat.S_IXUSR)
            return symbol_versions.complaints("thing", str(readelf))

    def test_old_symbols_pass(self):
        self.assertEqual(self.complaints("Name: GLIBC_2.34\nName: GLIBC_2.2.5\n (NEEDED) Shared library: [libc.so.6]"), [])

    def test_new_symbols_and_other_libraries_do_not(self):
        self.assertEqual(self.complaints("Name: GLIBC_2.36"), ["thing needs glibc 2.36"])
        self.assertEqual(self.complaints(" (NEEDED)  Shared library: [libLLVM.so.22.1]"), ["thing needs libLLVM.so.22.1"])
        self.assertEqual(len(self.complaints(" (RUNPATH)  Library runpath: [/usr/lib/llvm-22/lib]")), 1)

    def test_real_readelf_sees_a_real_program(self):
        self.assertTrue(any("libLLVM" in line for line in symbol_versions.complaints("/usr/bin/clang-22")))


if __name__ == "__main__":
    unittest.main()
