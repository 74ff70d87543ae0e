"""The C interface by ctypes: the fixture at several sizes in one context on the virtual GPU, and a refusal."""
import unittest

import numpy as np
from programs import ROOT, Broken
from runtime import Session


class OneContext(unittest.TestCase):
    def setUp(self):
        self.session = Session(ROOT / "test/runtime/fixtures/example.ptx")
        self.addCleanup(self.session.close)

    def test_many_sizes(self):
        """y = sum over columns of x * w + b, so it is affine in x: rows of a larger batch do not change the others."""
        x = np.random.default_rng(1).standard_normal((17, 8)).astype(np.float32)
        whole = self.session({"x": x})["y"]
        for batch in (1, 2, 3, 4, 8, 17, 5):
            np.testing.assert_array_equal(self.session({"x": x[:batch]})["y"], whole[:batch])
        self.assertGreater(np.abs(whole).min(), 0)

    def test_refusal_names_the_dim(self):
        with self.assertRaisesRegex(Broken, "'x' dim 0 .*18"):
            self.session({"x": np.zeros((18, 8), np.float32)})
        self.assertEqual(self.session({"x": np.zeros((2, 8), np.float32)})["y"].shape, (2,))

    def test_device_says_that_it_is_virtual(self):
        self.assertIn("virtual", self.session.device())


if __name__ == "__main__":
    unittest.main()
