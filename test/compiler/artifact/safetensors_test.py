"""The weights file is what the safetensors library reads: names, types, values; and dlc-run computes with it."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "support")]
import numpy as np  # noqa: E402
from programs import program, run  # noqa: E402
from safetensors.numpy import load_file  # noqa: E402

CONSTANTS = [np.array([[1.5, -2, 3.25], [0, 1e30, -0.5]], np.float32), np.array([1, 2, 3, 4, 65504], np.float16),
             np.array([1, -1, 2 ** 63 - 1, -2 ** 63], np.int64), np.array([True, False, True])]


class Safetensors(unittest.TestCase):
    def setUp(self):
        self.held = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.held.name)
        self.artifact = self.folder / "m.ptx"
        run("dlc", HERE / "Inputs/constants.mlir", "-o", self.artifact)

    def tearDown(self):
        self.held.cleanup()

    def test_the_library_reads_it(self):
        tensors = load_file(f"{self.artifact}.safetensors")
        kept = [t for name, t in tensors.items() if not name.startswith("__pad")]
        self.assertEqual(len(kept), len(CONSTANTS))
        for constant in CONSTANTS:
            same = [t for t in kept if t.dtype == constant.dtype and t.shape == constant.shape and (t == constant).all()]
            self.assertEqual(len(same), 1, constant)

    def test_the_runtime_reads_it(self):
        inputs = dict(x=np.ones((2, 3), np.float32), h=np.ones(5, np.float16), i=np.arange(4), b=np.ones(3, bool))
        np.savez(self.folder / "in.npz", **inputs)
        run("dlc-run", self.artifact, "--device=vcuda", "--verify", "--inputs", self.folder / "in.npz",
            "--save", self.folder / "out.npz")
        got = np.load(self.folder / "out.npz")
        x, h, i, b = CONSTANTS
        for name, ref in {"y": inputs["x"] + x, "k": h, "j": inputs["i"] ^ i, "c": inputs["b"] ^ b}.items():
            np.testing.assert_array_equal(got[name], ref)

    def test_weights_of_another_model_are_refused(self):
        text = (HERE / "Inputs/constants.mlir").read_text()
        changed = self.folder / "changed.mlir"
        changed.write_text(text.replace("1.5", "2.5"))
        self.assertNotEqual(text, changed.read_text())
        run("dlc", changed, "-o", self.folder / "other.ptx")
        pathlib.Path(f"{self.artifact}.safetensors").write_bytes((self.folder / "other.ptx.safetensors").read_bytes())
        done = subprocess.run([program("dlc-run"), self.artifact, "--device=vcuda"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("its header is not the one that the plan names", done.stderr)


if __name__ == "__main__":
    unittest.main()
