"""The harness' own parts: the plan reader on the runtime's fixture, and the bounds."""
import hashlib
import pathlib
import tempfile
import unittest

import numpy as np
import plan as plans
from measure import Check, difference, fp16_checks, fp32_checks, largest, reference_checks, worst
from programs import ROOT


class Plan(unittest.TestCase):
    def setUp(self):
        self.plan, self.hash = plans.read(ROOT / "test/runtime/fixtures/example.ptx")

    def test_hash_and_symbols(self):
        self.assertRegex(self.hash, r"^[0-9a-f]{64}$")
        self.assertEqual(plans.symbols_of(self.plan, {"x": np.zeros((8, 8))}), {"batch": 8})

    def test_rewritten_with_its_hash(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder) / "copy.ptx"
            copy.write_bytes((ROOT / "test/runtime/fixtures/example.ptx").read_bytes())
            plans.rewrite(copy, lambda plan: plan["target"].update(sms=7))
            plan, digest = plans.read(copy)
            self.assertEqual(plan, {**self.plan, "target": {**self.plan["target"], "sms": 7}})
            text = copy.read_bytes()
            self.assertEqual(digest, hashlib.sha256(text[:text.rindex(b"//!dlc-plan")]).hexdigest())

    def test_variant_is_the_first_that_holds(self):
        for batch, kernel in ((8, "k0_mul_add_wide"), (7, "k0_mul_add")):
            issued = plans.launches(self.plan, plans.environment(self.plan, {"batch": batch}))
            self.assertEqual([k for _, k in issued], [kernel, "k1_sum"])

    def test_counts(self):
        self.assertEqual(plans.counts(self.plan, {"x": np.zeros((3, 8))}), {"regions": 2, "kernels": 3, "launches": 2})

    def test_an_empty_grid_is_no_launch(self):
        self.assertEqual(plans.counts(self.plan, {"x": np.zeros((0, 8))})["launches"], 0)


class Bounds(unittest.TestCase):
    ref = {"y": np.array([1.0, -2.0, 4.0])}

    def near(self, error):
        return {"y": (self.ref["y"] + np.array([0, error, 0])).astype(np.float32)}

    def test_reference_must_be_near(self):
        self.assertTrue(reference_checks(self.ref, self.near(3e-5))[0].ok)
        self.assertFalse(reference_checks(self.ref, self.near(6e-5))[0].ok)

    def test_fp32_bound_follows_onnxruntime(self):
        self.assertTrue(fp32_checks(self.near(1e-2), self.ref, self.near(3e-3))[0].ok)
        self.assertFalse(fp32_checks(self.near(1e-2), self.ref, self.near(1e-3))[0].ok)

    def test_fp16_bound_follows_rounding(self):
        self.assertTrue(fp16_checks(self.near(1e-2), self.ref, self.near(6e-3))[0].ok)
        self.assertFalse(fp16_checks(self.near(1e-2), self.ref, self.near(4e-3))[0].ok)

    def test_integers_are_equal_or_wrong(self):
        ref = {"y": np.array([1, 2])}
        self.assertTrue(fp32_checks({"y": np.array([1, 2])}, ref, ref)[0].ok)
        self.assertFalse(fp32_checks({"y": np.array([1, 3])}, ref, ref)[0].ok)

    def test_infinities_and_nan(self):
        a = np.array([np.inf, -np.inf, np.nan, 1.0])
        self.assertEqual(largest(difference(a, a)), 0.0)
        self.assertEqual(largest(difference(a, np.array([np.inf, np.inf, np.nan, 1.0]))), np.inf)
        self.assertEqual(largest(difference(a, np.array([np.inf, -np.inf, 0.0, 1.0]))), np.inf)

    def test_worst_is_the_nearest_to_its_bound(self):
        checks = [Check("a", 1.0, 10.0), Check("b", 0.5, 1.0), Check("c", 0.0, 0.0)]
        self.assertEqual(worst(checks).output, "b")


if __name__ == "__main__":
    unittest.main()
