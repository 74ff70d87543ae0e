"""The sweeps' own parts: cases are the same each time, onnxruntime takes them, and the bounds notice a wrong element."""
import pathlib
import tempfile
import unittest

import sweep  # noqa: E402  (first: it knows where the others are)
import case  # noqa: E402
import numpy as np  # noqa: E402


class Sweeps(unittest.TestCase):
    def groups(self, family, count=4):
        with tempfile.TemporaryDirectory() as folder:
            for group in range(count):
                dtype, precision, _, made = sweep.make_group(family, 1, group, 6, False)
                yield (made, precision, *case.references(made, dtype, pathlib.Path(folder)))

    def test_bounds_are_finite_and_notice_a_wrong_element(self):
        for family in sweep.FAMILIES:
            for made, precision, _, _, refs, bounds in self.groups(family):
                for each, ref, limit in zip(made, refs, bounds):
                    self.assertTrue(np.isfinite(limit).all(), each.what)
                    if precision == "tf32" or ref.size < 2:
                        continue
                    low, high = ref.argmin(), ref.argmax()
                    swap = abs(ref.flat[high] - ref.flat[low])
                    if swap > 1.0:      # a permuted result must be seen
                        self.assertGreater(swap, min(limit.flat[low], limit.flat[high]), each.what)

    def test_same_seed_same_cases(self):
        one, two = (sweep.make_group("movement", 3, 5, 6, False).cases for _ in range(2))
        self.assertEqual([c.what for c in one], [c.what for c in two])

    def test_all_types_come_up(self):
        self.assertEqual({sweep.make_group("matmul", 1, g, 1, False)[:2] for g in range(4)},
                         {("f16", "as-is"), ("bf16", "as-is"), ("f32", "as-is"), ("f32", "tf32")})

    def test_all_splits_come_up(self):
        for family in ("matmul", "reduce"):
            self.assertEqual({sweep.make_group(family, 1, g, 10, False).split for g in range(15)}, set(sweep.SPLITS))


if __name__ == "__main__":
    unittest.main()
