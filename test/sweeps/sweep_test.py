"""The sweeps' own parts: cases are the same each time, onnxruntime takes them, and the bounds notice a wrong element."""
import pathlib
import tempfile
import unittest

import sweep  # noqa: E402  (first: it knows where the others are)
import case  # noqa: E402
import graph_sweep  # noqa: E402
import numpy as np  # noqa: E402
import onnx  # noqa: E402
from oracle import Oracle  # noqa: E402


class Sweeps(unittest.TestCase):
    def groups(self, family, count=4):
        with tempfile.TemporaryDirectory() as folder:
            for group in range(count):
                dtype, precision, _, _, made = sweep.make_group(family, 1, group, 6, False)
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

    def test_all_splits_and_tiles_come_up(self):
        groups = [sweep.make_group("matmul", 1, g, 10, False) for g in range(40)]
        self.assertEqual({g.split for g in groups}, set(sweep.SPLITS))
        self.assertEqual({g.tile for g in groups}, set(sweep.TILES))


class RandomGraphs(unittest.TestCase):
    def test_onnxruntime_takes_them_at_every_size(self):
        with tempfile.TemporaryDirectory() as folder:
            for index in range(40):
                graph, _ = graph_sweep.make(1, index)
                path = pathlib.Path(folder) / "model.onnx"
                onnx.save(graph.net.model(), path)
                oracle = Oracle(path)
                for dims in graph_sweep.SIZES:
                    for name, values in oracle(graph.feeds(dims)).items():
                        self.assertTrue(np.isfinite(values).all(), (index, dims, name))
                        self.assertLess(np.abs(values).max(), 300, (index, dims, name))

    def test_same_seed_same_graph(self):
        one, two = (graph_sweep.make(4, 2) for _ in range(2))
        self.assertEqual(one[0].net.model().SerializeToString(), two[0].net.model().SerializeToString())
        self.assertEqual(one[1], two[1])

    def test_every_step_comes_up(self):
        seen = {node.op_type for index in range(200) for node in graph_sweep.make(1, index)[0].net.nodes}
        self.assertLessEqual({"Add", "Where", "Transpose", "ReduceMax", "Softmax", "LayerNormalization", "MatMul", "Slice", "Split", "Concat",
                              "Pad", "Conv", "MaxPool", "Gather", "CumSum", "Reshape", "Unsqueeze", "Expand"}, seen)

    def test_wrong_elements_are_noticed(self):
        ref = np.arange(6, dtype=np.float32).reshape(2, 3)
        self.assertEqual(graph_sweep.wrong_outputs({"y": ref.copy()}, {"y": ref}), [])
        self.assertEqual(len(graph_sweep.wrong_outputs({"y": ref[::-1]}, {"y": ref})), 1)
        self.assertEqual(len(graph_sweep.wrong_outputs({"y": ref.T}, {"y": ref})), 1)


if __name__ == "__main__":
    unittest.main()
