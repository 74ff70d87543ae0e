#!/usr/bin/env python3
"""What dlc and dlc-run leave behind when a signal ends them, or a file grows past the limit, while they write: nothing."""
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
import numpy as np  # noqa: E402
import onnx  # noqa: E402
from onnx import TensorProto as T  # noqa: E402
from onnx import helper  # noqa: E402
from programs import program  # noqa: E402

ELEMENTS = 1 << 22  # 16 MiB: writing it takes long enough to be caught
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def write_model(path, nodes, shape, result, constants):
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", T.FLOAT, shape)],
                              [helper.make_tensor_value_info("y", T.FLOAT, result)], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)


class Signals(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def heavy(self):
        """A command of dlc that writes many weights to out*."""
        weights = onnx.numpy_helper.from_array(np.zeros((1024, ELEMENTS // 1024), np.float32), "w")
        model = self.folder / "model.onnx"
        write_model(model, [helper.make_node("MatMul", ["x", "w"], ["y"])], [1, 1024], [1, ELEMENTS // 1024], [weights])
        return [program("dlc"), model, "-o", self.folder / "out.ptx"]

    def long(self):
        """A command of dlc-run that saves a large tensor to out*."""
        model, artifact = self.folder / "copy.onnx", self.folder / "copy.ptx"
        write_model(model, [helper.make_node("Identity", ["x"], ["y"])], [ELEMENTS], [ELEMENTS], [])
        subprocess.run([program("dlc"), model, "-o", artifact], check=True, stdout=subprocess.DEVNULL)
        return [program("dlc-run"), artifact, "--device=vcuda", "--save", self.folder / "out.npz"]

    def left(self):
        return sorted(path.name for path in self.folder.glob("out*"))

    def send(self, command, temporary, number, ignored):
        """The exit status, and whether the signal came while the file was written."""
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   preexec_fn=lambda: signal.signal(number, signal.SIG_IGN if ignored else signal.SIG_DFL))
        while process.poll() is None:
            if list(self.folder.glob(temporary)):
                process.send_signal(number)
                return process.wait(), True
            time.sleep(0.0005)
        return process.returncode, False

    def check_signals(self, command, temporary, whole):
        for number in SIGNALS:
            for ignored in (False, True):
                with self.subTest(number=number, ignored=ignored):
                    for _ in range(10):  # the file may have been written between two looks
                        status, came = self.send(command, temporary, number, ignored)
                        if status == -number:
                            self.assertFalse(ignored)
                            self.assertEqual(self.left(), [])
                            break
                        self.assertEqual((status, self.left()), (0, whole))
                        for name in whole:
                            (self.folder / name).unlink()
                        if ignored and came:
                            break
                    else:
                        self.fail("no signal came in time")

    def check_limit(self, command, message):
        done = subprocess.run(command, capture_output=True, text=True,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)))
        self.assertEqual((done.returncode, self.left()), (1, []), done.stderr)
        self.assertRegex(done.stderr, message)

    def test_dlc(self):
        command = self.heavy()
        self.check_limit(command, r"error\[E0701\]: cannot write '.*': File too large\n  help: ")
        self.check_signals(command, "out.ptx.*.tmp", ["out.ptx", "out.ptx.safetensors"])

    def test_dlc_run(self):
        command = self.long()
        self.check_limit(command, r"error: can't write '.*': File too large\n  help: what was there is unchanged")
        self.check_signals(command, "out.npz.*.part", ["out.npz"])


if __name__ == "__main__":
    unittest.main()
