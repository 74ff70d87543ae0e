#!/usr/bin/env python3
"""dlc interpret: float modes, types of files, batches, and what it says about inputs that do not fit."""
import json
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
import ml_dtypes  # noqa: E402
import numpy as np  # noqa: E402
import onnx  # noqa: E402
from onnx import TensorProto as T  # noqa: E402
from onnx import helper  # noqa: E402
from programs import program  # noqa: E402

FOLDER = pathlib.Path(tempfile.mkdtemp())
TYPES = {T.FLOAT: np.float32, T.FLOAT16: np.float16, T.BFLOAT16: ml_dtypes.bfloat16, T.DOUBLE: np.float64,
         T.INT8: np.int8, T.UINT8: np.uint8, T.INT32: np.int32, T.UINT64: np.uint64, T.BOOL: np.bool_}


def save_model(name, nodes, inputs, outputs, constants=()):
    def values(rows):
        return [helper.make_tensor_value_info(n, t, dims) for n, t, dims in rows]
    graph = helper.make_graph(nodes, name, values(inputs), values(outputs),
                              [onnx.numpy_helper.from_array(x, n) for n, x in constants])
    path = FOLDER / f"{name}.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


def dlc(*args):
    return subprocess.run([program("dlc"), "interpret", *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True)


def run(model, inputs, *options):
    np.savez(FOLDER / "in.npz", **inputs)
    done = dlc(model, "--inputs", FOLDER / "in.npz", "--save", FOLDER / "out.npz", *options)
    assert done.returncode == 0, done.stderr
    with np.load(FOLDER / "out.npz") as kept:
        return {n: kept[n] for n in kept.files}


def refused(expected, *args):
    done = dlc(*args)
    assert done.returncode == 1 and expected in done.stderr and "  help: " in done.stderr, done


# Every type of a file: Identity keeps it.
for number, dtype in TYPES.items():
    model = save_model(f"identity{number}", [helper.make_node("Identity", ["x"], ["y"])], [("x", number, ["N", 3])],
                       [("y", number, ["N", 3])])
    x = np.array([[0, 1, 2], [3, 100, 0]]).astype(dtype)
    y = run(model, {"x": x})["y"]
    y = y.view(dtype) if y.dtype.kind == "V" else y
    assert y.dtype == dtype and np.array_equal(x, y), (dtype, y)

# The float modes: 2048 + 1 + 1, whose intermediate result fp16 cannot hold.
one = np.ones(1, np.float32)
add = save_model("add", [helper.make_node("Add", ["x", "one"], ["a"], name="first"),
                         helper.make_node("Add", ["a", "one"], ["y"], name="second")],
                 [("x", T.FLOAT, [1])], [("y", T.FLOAT, [1])], [("one", one)])
x = np.array([2048], np.float32)
for mode, want, dtype in (("f64", 2050, np.float64), ("f32", 2050, np.float32), ("f16-rounded", 2048, np.float32)):
    y = run(add, {"x": x}, f"--float={mode}")["y"]
    assert y[0] == want and y.dtype == dtype, (mode, y)

# Every value, by node.
run(add, {"x": x}, "--save-all", FOLDER / "all.npz")
with np.load(FOLDER / "all.npz") as kept:
    values = {name: kept[name].tolist() for name in kept.files}
assert any("first" in n and v == [2049] for n, v in values.items()), values

# Inputs that are baked in, and dims that are fixed.
power = save_model("power", [helper.make_node("Pow", ["x", "p"], ["y"])],
                   [("x", T.FLOAT, ["N"]), ("p", T.INT32, [])], [("y", T.FLOAT, ["N"])])
x = np.array([3, 4], np.float32)
assert run(power, {"x": x}, "--set", "p=2", "--dim", "N=2")["y"].tolist() == [9, 16]

# After the graph passes the model computes the same.
ninth = np.float32([1 / 9])
exact = ninth + one + one
assert run(add, {"x": ninth}, "--after-passes")["y"] == exact

# What does not fit is refused in words.
np.savez(FOLDER / "wrong.npz", x=np.ones((2, 2), np.float32), p=np.int32(1))
refused("error[E0602]", power, "--inputs", FOLDER / "wrong.npz")
np.savez(FOLDER / "wrong.npz", x=np.ones(2, np.int64), p=np.int32(1))
refused("declared f32", power, "--inputs", FOLDER / "wrong.npz")
np.savez(FOLDER / "wrong.npz", x=x)
refused("input 'p' is not in the inputs file", power, "--inputs", FOLDER / "wrong.npz")
refused("error[E0601]", power, "--inputs", FOLDER / "missing.npz")
refused("error[E0101]", FOLDER / "missing.onnx")
refused("error[E0502]", power, "--set", "p=two")
refused("error[E0503]", power, "--inputs", FOLDER / "in.npz", "--set", "p=2", "--after-passes", "--disable", "no-pass")
refused("error[E0603]", power, "--inputs", FOLDER / "in.npz", "--set", "p=2", "--save", FOLDER / "none" / "out.npz")

# A batch goes on after an entry that fails.
np.savez(FOLDER / "x.npz", x=x)
entries = [{"model": str(FOLDER / "missing.onnx")},
           {"model": str(power), "inputs": str(FOLDER / "x.npz"), "save": str(FOLDER / "1.npz"), "set": {"p": 3}},
           {"model": str(power), "inputs": str(FOLDER / "x.npz")},
           {"model": str(power), "inputs": str(FOLDER / "x.npz"), "save": str(FOLDER / "2.npz"), "set": {"p": "2"}}]
(FOLDER / "batch.json").write_text(json.dumps(entries))
done = dlc("--batch", FOLDER / "batch.json")
lines = [json.loads(line) for line in done.stdout.splitlines()]
assert done.returncode == 1 and [line["ok"] for line in lines] == [False, True, False, True], (lines, done.stderr)
assert "E0101" in lines[0]["error"] and "E0601" in lines[2]["error"], lines
assert np.load(FOLDER / "1.npz")["y"].tolist() == [27, 64] and np.load(FOLDER / "2.npz")["y"].tolist() == [9, 16]
for text in ("[", "{}", '[{"inputs": "x"}]', '[{"model": 3}]'):
    (FOLDER / "batch.json").write_text(text)
    refused("error[E0601]", "--batch", FOLDER / "batch.json")
print("dlc interpret: ok")
