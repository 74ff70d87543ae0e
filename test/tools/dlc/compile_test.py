#!/usr/bin/env python3
"""dlc MODEL: what it says about wrong flags and places it cannot write to, and the values it saves for single kernels."""
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
import numpy as np  # noqa: E402
import onnx  # noqa: E402
from onnx import TensorProto as T  # noqa: E402
from onnx import helper  # noqa: E402
from programs import program  # noqa: E402

FOLDER = pathlib.Path(tempfile.mkdtemp())


def run(name, *args):
    return subprocess.run([program(name), *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, text=True)


def refused(code, *args):
    done = run("dlc", MODEL, *args)
    first = done.stderr.splitlines()[0] if done.stderr else ""
    assert done.returncode == 1 and f": error[{code}]: " in first, (args, done.stdout, done.stderr)
    assert "  help: " in done.stderr, done.stderr


graph = helper.make_graph(
    [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Softmax", ["h"], ["y"], axis=-1)], "g",
    [helper.make_tensor_value_info("x", T.FLOAT, ["batch", 64])], [helper.make_tensor_value_info("y", T.FLOAT, ["batch", 48])],
    [onnx.numpy_helper.from_array(np.random.default_rng(1).standard_normal((64, 48)).astype(np.float32), "w")])
MODEL = FOLDER / "model.onnx"
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), MODEL)

refused("E0504", "--target", "gtx-none")
refused("E0505", "--emit", "none")
refused("E0505", "--remarks", "none")
refused("E0503", "--precision", "fp12")
assert "as-is, fp32, tf32, fp16, bf16" in run("dlc", MODEL, "--precision", "fp12").stderr
refused("E0503", "--disable", "no-such-pass")
for wrong in ("k0_matmul=0", "k0_matmul=1025", "k0_matmul=two", "2", "=2", "no_region=2"):
    refused("E0506", "--split", wrong)
refused("E0506", "--split", "k0_matmul=2", "--split", "k0_matmul=3")
refused("E0506", "--split", "k1_softmax=2")     # a row of 48 is one tile
for wrong in ("k0_matmul=64x64", "k0_matmul=64x64x", "k0_matmul=64x64x32x2", "k0_matmul=0x64x32", "64x64x32", "no_region=64x64x32",
              "k0_matmul=65x64x32", "*=1x2x3", "k1_softmax=64x64x32"):
    refused("E0506", "--tile", wrong)
refused("E0506", "--tile", "k0_matmul=32x32x32", "--tile", "k0_matmul=64x64x32")
refused("E0501", "--dim", "batch=9..1")
refused("E0501", "--dim", "batch=1..4", "--dim", "batch=2")
refused("E0502", "--set", "x=1", "--set", "x=2")
refused("E0701", "-o", FOLDER / "no" / "folder" / "model.ptx")
foreign = FOLDER / "foreign.ptx"
foreign.write_text("not an artifact")
refused("E0701", "-o", foreign)
assert foreign.read_text() == "not an artifact"
(FOLDER / "link.ptx").symlink_to(FOLDER / "elsewhere.ptx")
refused("E0701", "-o", FOLDER / "link.ptx")
assert (FOLDER / "link.ptx").is_symlink() and not (FOLDER / "elsewhere.ptx").exists()
text = FOLDER / "text.mlir"
text.write_text(run("dlc", MODEL, "--emit=graph").stdout)
for flag, code in (("--dim=batch=1..4", "E0501"), ("--set=x=1", "E0502")):
    done = run("dlc", text, flag, "-o", FOLDER / "text.ptx")
    assert done.returncode == 1 and f"error[{code}]" in done.stderr and "not for text" in done.stderr, done
(FOLDER / "cut.mlir").write_text(text.read_text()[:text.stat().st_size * 2 // 3])
done = run("dlc", FOLDER / "cut.mlir", "--emit=tile")
assert done.returncode == 1 and re.search(r"^[^\n]*error\[E0201\]: line \d+, column \d+: .+\n  help: .*--emit=graph", done.stderr), done
(FOLDER / "text.txt").write_text(text.read_text())
done = run("dlc", "check", FOLDER / "text.txt")
assert done.returncode == 1 and "error[E0102]: the file is text" in done.stderr and "*.mlir" in done.stderr, done
(FOLDER / "empty.mlir").write_text("")
done = run("dlc", FOLDER / "empty.mlir", "--emit=tile")
assert done.returncode == 1 and "error[E0201]: the text has no function main" in done.stderr, done
for flags in (["--no-such"], ["one", "too many"], ["--emit=ptx", "-o", FOLDER / "m.ptx"], ["-o", ""], ["-j", "-1"],
              ["--emit=ptx", "--save-values", FOLDER / "v", "--inputs", FOLDER / "in.npz"]):
    done = run("dlc", MODEL, *flags)
    assert done.returncode == 1 and re.fullmatch(r"dlc: error\[E0507\]: .+\n  help: .+\n", done.stderr), (flags, done)
    assert not done.stdout, (flags, done)
assert not (FOLDER / "model.ptx").exists() and not (FOLDER / "m.ptx").exists()
assert not list(FOLDER.glob("*.tmp")) and not list(FOLDER.glob("*.safetensors")), list(FOLDER.iterdir())

for command in (["--emit=ptx"], ["check"], ["inspect"], ["interpret", MODEL, "--float=f16"]):
    done = run("dlc", *command)
    assert done.returncode == 1 and "dlc: error[E0507]: " in done.stderr and "  help: " in done.stderr, (command, done)

# The PTX is for sm_80 whatever the target: older devices get a warning.
for target, warned in (("t4", True), ("sm_70", True), ("a100", False), ("sm_90", False)):
    done = run("dlc", MODEL, "--emit=plan", "--target", target)
    assert done.returncode == 0 and ("warning[W0501]" in done.stderr) == warned, (target, done.stderr)

done = run("dlc", "--version")
assert done.returncode == 0 and re.fullmatch(r"dlc \d+\.\d+\.\d+\n", done.stdout), done

# What cannot be printed is no success.
with open("/dev/full", "w") as full:
    for command in (["dlc", MODEL, "--emit=ptx"], ["dlc", MODEL, "--emit=graph"], ["dlc", "check", MODEL], ["dlc", "--help"],
                    ["dlc", "--version"], ["dlc", "--list-targets"], ["dlc-opt", text]):
        done = subprocess.run([program(command[0]), *command[1:]], stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE,
                              text=True)
        assert done.returncode == 1 and "cannot write" in done.stderr, (command, done)

np.savez(FOLDER / "in.npz", x=np.random.default_rng(2).standard_normal((5, 64)).astype(np.float32))
artifact = FOLDER / "model.ptx"
for mode in ("f64", "f32"):
    done = run("dlc", MODEL, "-o", artifact, "--save-values", FOLDER / mode, "--inputs", FOLDER / "in.npz", "--float", mode)
    assert done.returncode == 0, done.stderr
done = run("dlc-run", artifact, "--device=vcuda", "--inputs", FOLDER / "in.npz", "--compare-kernels", FOLDER / "f64",
           "--baseline", FOLDER / "f32")
assert done.returncode == 0 and "all equal" in done.stdout, (done.stdout, done.stderr)
with open("/dev/full", "w") as full:
    done = subprocess.run([program("dlc"), "inspect", artifact], stdout=full, stderr=subprocess.PIPE, text=True)
assert done.returncode == 1 and "cannot write" in done.stderr, done
# Without -g, the graph text of an earlier compile goes with the artifact that pointed into it; no other file does.
lined = FOLDER / "lined.ptx"
beside = FOLDER / "lined.ptx.mlir"
for kept, contents in ((False, None), (True, "not a graph text"), (True, "// dlc graph text: the lines of other.ptx point in here\n")):
    assert run("dlc", MODEL, "-g", "-o", lined).returncode == 0 and beside.read_text().startswith("// dlc graph text: ")
    if contents:
        beside.write_text(contents)
    failed = run("dlc", MODEL, "-o", lined, "--save-values", foreign, "--inputs", FOLDER / "in.npz")
    assert failed.returncode == 1 and ".loc" in lined.read_text() and beside.exists(), failed
    done = run("dlc", MODEL, "-o", lined)
    assert done.returncode == 0 and ".loc" not in lined.read_text() and beside.exists() == kept, (done, contents)
    if kept:
        assert beside.read_text() == contents
        beside.unlink()

# Values that cannot be saved leave no artifact.
fresh = FOLDER / "fresh.ptx"
refused("E0601", "-o", fresh, "--save-values", FOLDER / "v", "--inputs", MODEL)
refused("E0603", "-o", fresh, "--save-values", foreign, "--inputs", FOLDER / "in.npz")
assert not fresh.exists() and not list(FOLDER.glob("fresh*")), list(FOLDER.iterdir())
print("ok")
