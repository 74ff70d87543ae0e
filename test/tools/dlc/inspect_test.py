#!/usr/bin/env python3
"""dlc inspect: everything about an artifact that a program or a person asks for, and what it says about files that are none."""
import json
import pathlib
import re
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
import numpy as np  # noqa: E402
import onnx  # noqa: E402
import plan as plans  # noqa: E402
from onnx import TensorProto as T  # noqa: E402
from onnx import helper  # noqa: E402
from programs import inspect, run  # noqa: E402

FOLDER = pathlib.Path(tempfile.mkdtemp())


def make_model():
    """Two equal layers (one kernel), a softmax, and a sum of two inputs, which makes two dims one symbol."""
    rng = np.random.default_rng(1)
    weights = [onnx.numpy_helper.from_array(rng.standard_normal((64, 64)).astype(np.float32), f"w{k}") for k in (0, 1)]
    nodes = [helper.make_node("MatMul", ["x", "w0"], ["a"], name="first"), helper.make_node("Relu", ["a"], ["b"], name="first_relu"),
             helper.make_node("MatMul", ["b", "w1"], ["c"], name="second"), helper.make_node("Relu", ["c"], ["d"], name="second_relu"),
             helper.make_node("Softmax", ["d"], ["e"], name="soft", axis=-1), helper.make_node("Add", ["e", "y"], ["z"], name="sum")]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", T.FLOAT, ["batch", 64]),
                                           helper.make_tensor_value_info("y", T.FLOAT, ["rows", 64])],
                              [helper.make_tensor_value_info("z", T.FLOAT, None)], weights)
    path = FOLDER / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


model, artifact = make_model(), FOLDER / "model.ptx"
run("dlc", model, "-o", artifact, "--dim", "batch=1..512:4", "--precision=fp16", "--target=a2")
told = inspect(artifact)
plan, digest = plans.read(artifact)

assert told["hash"] == digest and told["compiler"].startswith("dlc ") and told["llvm"]
assert told["target"] == {"name": "a2", "arch": "sm_80"} and told["options"]["precision"] == "fp16"
assert [(v["name"], v["dtype"], v["dims"]) for v in told["inputs"]] == [("x", "f32", ["batch", "64"]), ("y", "f32", ["batch", "64"])], told["inputs"]
assert [(v["name"], v["dtype"]) for v in told["outputs"]] == [("z", "f32")]
symbols = {s["name"]: s for s in told["symbols"]}
assert symbols["batch"]["max"] == 512 and symbols["batch"]["multiple"] == 4 and "x dim 0" in symbols["batch"]["origins"], symbols
assert told["guards"] == [], told["guards"]

# Ops, variants and kernels are those of the plan, in text.
assert [op["name"] for op in told["ops"]] == [op["name"] for op in plan["ops"]]
assert {k["name"] for k in told["kernels"]} == set(plan["kernels"])
for ours, theirs in zip(told["ops"], plan["ops"]):
    assert ours["nodes"] == theirs["nodes"] and ours["deps"] == theirs["deps"] and ours["operands"] == theirs["operands"]
    assert [v["schedule"] for v in ours["variants"]] == [v["schedule"] for v in theirs["variants"]]
    assert all(launch["kernel"] in plan["kernels"] and len(launch["grid"]) == 3 for v in ours["variants"] for launch in v["launches"])
assert {n for op in told["ops"] for n in op["nodes"]} >= {"first", "second", "soft", "sum"}, told["ops"]
shared = [k for k in told["kernels"] if {"first", "second"} <= set(k["nodes"])]
assert shared and all(len(k["ops"]) == 2 for k in shared), "the layers share their kernels"

# Memory is a formula of the dims; at run time it has that value.
assert told["memory"]["weights"] == sum(int(np.prod(w["dims"])) * 2 for w in plan["weights"]["tensors"]), told["memory"]
arena = plans.evaluate(plan["memory"]["arena"], plans.environment(plan, {"batch": 8}))
assert "batch" in told["memory"]["arena"] and arena > 0, told["memory"]
report = FOLDER / "report.json"
run("dlc-run", artifact, "--device=vcuda", "--dim", "batch=8", "--json", report)
ran = json.loads(report.read_text())
assert ran["memory"]["arena"] == arena and ran["memory"]["weights"] >= told["memory"]["weights"], (ran, arena)
assert 0 < ran["launches"] <= told["launches"], (ran["launches"], told["launches"])

# The text for people says the same.
text = run("dlc", "inspect", artifact)[0]
assert digest in text and f"{told['launches']} launches" in text and told["memory"]["arena"] in text
assert re.search(r"^  batch  \d+\.\.512, multiples of 4  \(x dim 0.*\)$", text, re.M), text
assert run("dlc-run", artifact, "--inspect")[0] == text
edited = FOLDER / "edited.ptx"
edited.write_text(artifact.read_text().replace("mov.u32", "mov.u32 ", 1))
assert inspect(edited).get("edited") is True
for wrong in (model, FOLDER / "none.ptx"):
    err = run("dlc", "inspect", wrong, expect=1)[1]
    assert err.startswith("dlc inspect: error: ") and "help: " in err, err
print("ok")
