"""Every pattern is a valid model that onnxruntime runs, with finite outputs that depend on the input."""
import pathlib
import tempfile
import unittest

import fusion
import numpy as np
import onnx
from oracle import Oracle
from patterns import all_patterns


class Patterns(unittest.TestCase):
    def test_onnxruntime_takes_them(self):
        for name, model in all_patterns().items():
            onnx.checker.check_model(model)
            with tempfile.TemporaryDirectory() as folder:
                path = pathlib.Path(folder) / "p.onnx"
                onnx.save(model, str(path))
                one, two = (Oracle(path)(fusion.pattern_inputs(model, 2, seed))["y"] for seed in (1, 2))
            self.assertTrue(np.isfinite(one).all(), name)
            self.assertGreater(np.abs(one - two).max(), 1e-3, name)


if __name__ == "__main__":
    unittest.main()
