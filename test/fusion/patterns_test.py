"""Every pattern is a valid model that onnxruntime runs, with finite outputs that depend on the input."""
import pathlib
import tempfile
import unittest

import fusion
import numpy as np
import onnx
import traffic
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


class Traffic(unittest.TestCase):
    def test_a_model_by_hand(self):
        """y = relu(x w + b) + x over 3 x 8 floats, in fp16: x, x w and the residual are moved; w and b are weights."""
        made = onnx.helper
        nodes = [made.make_node("Gemm", ["x", "w", "b"], ["p"]), made.make_node("Relu", ["p"], ["r"]),
                 made.make_node("Add", ["r", "x"], ["y"])]
        weights = [onnx.numpy_helper.from_array(np.ones(s, np.float32), n) for n, s in (("w", (8, 8)), ("b", (8,)))]
        ports = [made.make_tensor_value_info(n, onnx.TensorProto.FLOAT, ["batch", 8]) for n in ("x", "y")]
        model = made.make_model(made.make_graph(nodes, "g", ports[:1], ports[1:], weights))
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "m.onnx"
            onnx.save(model, str(path))
            graph = traffic.Graph(path, {"x": np.ones((3, 8), np.float32)})
        # x has four bytes as an input of the model, p and r have two; of the sum's operands the smaller one counts.
        self.assertEqual(graph.traffic(float_bytes=2), 3 * 8 * (4 + 2 + 2))
        self.assertEqual(graph.flops(), 2 * 3 * 8 * 8)

    def test_weights_and_workspace_do_not_count(self):
        buffers = [{"name": n, "distinct_bytes_read": r, "distinct_bytes_written": w}
                   for n, r, w in (("weight:a", 100, 0), ("x", 7, 0), ("k0", 0, 5), ("k0.scratch", 50, 50))]
        moved = traffic.counted({"kernels": [{"buffers": buffers, "mma_flops": 9}]}, {"ops": [{"scratch": ["k0.scratch"]}]})
        self.assertEqual(moved, (12, 9))


if __name__ == "__main__":
    unittest.main()
