#!/usr/bin/env python3
"""dlc --timing, --dump-dir and -g: phases, a file per level and kernel, and line information that points into the graph text."""
import hashlib
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "support"), str(HERE.parents[1] / "ptxas")]
import numpy as np  # noqa: E402
import onnx  # noqa: E402
from onnx import TensorProto as T  # noqa: E402
from onnx import helper  # noqa: E402
from programs import ROOT, program, run  # noqa: E402
from ptxas import PACKAGED  # noqa: E402

FOLDER = pathlib.Path(tempfile.mkdtemp())
NVDISASM = ROOT / ".cache" / "wheels" / "nvdisasm" / "nvidia" / "cu13" / "bin" / "nvdisasm"


def make_model():
    w = onnx.numpy_helper.from_array(np.random.default_rng(1).standard_normal((64, 48)).astype(np.float32), "w")
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h"], name="product"), helper.make_node("Softmax", ["h"], ["s"], axis=-1),
             helper.make_node("Sin", ["x"], ["t"], name="wave")]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", T.FLOAT, ["batch", 64])],
                              [helper.make_tensor_value_info(n, T.FLOAT, None) for n in ("s", "t")], [w])
    path = FOLDER / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


MODEL = make_model()


def timing():
    out, err, _ = run("dlc", MODEL, "-o", FOLDER / "t.ptx", "--timing")
    rows = re.findall(r"^( *[a-z ]+?) +([\d.]+) s(?: over all threads)?$", err, re.M)
    names = [name for name, _ in rows]
    assert names == ["import", "graph passes", "schedules", "kernels", "  lowering", "  llvm", "plan", "writing", "total"], err
    seconds = {name: float(value) for name, value in rows}
    phases = sum(value for name, value in seconds.items() if not name.startswith(" ") and name != "total")
    assert abs(phases - seconds["total"]) < 0.01 and seconds["  llvm"] > 0, err
    assert len(out.splitlines()) == 1 and not run("dlc", MODEL, "-o", FOLDER / "t.ptx")[1], "timing stays off unless asked for"


def dumps():
    folder = FOLDER / "made" / "for it"
    run("dlc", MODEL, "-o", FOLDER / "d.ptx", "--dump-dir", folder)
    names = sorted(f.name for f in folder.iterdir())
    kernels = [re.search(r"-(\d\d\d-.*)\.", n)[1] for n in names if n.startswith("3-")]
    assert [k[:3] for k in kernels] == [f"{i:03}" for i in range(len(kernels))] and len(kernels) >= 3, names
    expected = ["1-graph.mlir", "2-regions.mlir"]
    for number, level, end in ((3, "tile", "mlir"), (4, "thread", "mlir"), (5, "llvm", "ll"), (6, "ptx", "ptx")):
        expected += [f"{number}-{level}-{k}.{end}" for k in kernels]
    assert names == [*expected, "7-plan.json"], names
    for level in ("graph", "regions", "tile", "thread", "llvm", "plan"):
        files = [f for f in sorted(folder.iterdir()) if f.name.split("-")[1].split(".")[0] == level]
        between = "// -----\n" if level in ("tile", "thread") else ""
        assert between.join(f.read_text() for f in files) == run("dlc", MODEL, "--emit", level)[0], level
    entries = re.findall(r"\.entry (\w+)", "".join(f.read_text() for f in sorted(folder.glob("6-*"))))
    assert entries == re.findall(r"\.entry (\w+)", (FOLDER / "d.ptx").read_text())

    # A former dump goes, other files stay.
    short = FOLDER / "short"
    short.mkdir()
    kept = {"notes.txt", "3-tiles.mlir", "8-tile.mlir", "1-graph.ll"}
    for name in (*kept, "3-tile-099-of_another_model.mlir", "7-plan.json"):
        (short / name).write_text("old")
    run("dlc", MODEL, "--emit=tile", "--dump-dir", short)
    written = {f.name for f in short.iterdir() if f.read_text() != "old"}
    assert {name[0] for name in written} == set("123"), "levels that are not reached have no files"
    assert {f.name for f in short.iterdir()} - written == kept, list(short.iterdir())
    # The model may be part of it. Its weights are names there.
    run("dlc", short / "1-graph.mlir", "--emit=llvm", "--dump-dir", short)
    assert len(list(short.glob("5-*"))) == len(kernels) and (short / "1-graph.mlir").exists()
    err = run("dlc", short / "1-graph.mlir", "-o", FOLDER / "again.ptx", expect=1)[1]
    assert ": error[E0201]: weight w has no bytes in text" in err, err
    (FOLDER / "file").write_text("in the way")
    blocked = FOLDER / "blocked"
    (blocked / "7-plan.json").mkdir(parents=True)
    for place in (FOLDER / "file", blocked):
        err = run("dlc", MODEL, "-o", FOLDER / "none.ptx", "--dump-dir", place, expect=1)[1]
        assert ": error[E0603]: cannot " in err and str(place) in err and "  help: " in err, err
        assert not (FOLDER / "none.ptx").exists()


def places(ptx):
    """[(line of the graph text, instruction)] of a PTX text."""
    found, line = [], None
    for row in ptx.split("//!dlc-plan")[0].splitlines():
        if at := re.match(r"\s*\.loc\s+1 (\d+) \d+", row):
            line = int(at[1])
        elif ".entry" in row:
            line = None
        elif row.startswith("\t") and row.endswith(";") and line:
            found.append((line, row.strip()))
    return found


def lines():
    plain, debug = FOLDER / "plain.ptx", FOLDER / "here" / "lines.ptx"
    debug.parent.mkdir()
    run("dlc", MODEL, "-o", plain)
    assert ".loc" not in plain.read_text() and not plain.with_suffix(".ptx.mlir").exists()
    run("dlc", MODEL, "-o", debug, "-g")
    ptx, text = debug.read_text(), debug.with_suffix(".ptx.mlir").read_text().splitlines()
    assert re.findall(r"^\.file\s.*$", ptx, re.M) == ['.file\t1 "lines.ptx.mlir"'] and ".section" not in ptx
    stripped = [[row for row in t.split("//!dlc-plan")[0].splitlines() if not re.match(r"\s*\.(loc|file)\s|\$L__", row)]
                for t in (plain.read_text(), ptx)]
    assert stripped[0] == stripped[1], "line information changes no instruction"
    found = places(ptx)
    says = {operation: {text[n - 1].split()[2] for n, i in found if i.startswith(operation)} for operation in ("mma.", "ex2.", "bar.")}
    assert says["mma."] <= {"graph.dot"} or not says["mma."], says
    assert says["ex2."] == {"math.exp"}, says
    assert any("graph.dot" in text[n - 1] for n, _ in found) and any("math.sin" in text[n - 1] for n, _ in found)
    # The text reads back, and is dlc's own: another file of that name stays.
    run("dlc-opt", debug.with_suffix(".ptx.mlir"))
    run("dlc", MODEL, "-o", debug, "-g")
    debug.with_suffix(".ptx.mlir").write_text("notes")
    err = run("dlc", MODEL, "-o", debug, "-g", expect=1)[1]
    assert "error[E0701]" in err and debug.with_suffix(".ptx.mlir").read_text() == "notes", err
    # The same bytes from another folder, no path of this one.
    other = FOLDER / "other place" / "lines.ptx"
    other.parent.mkdir()
    shutil.copy(MODEL, other.parent)
    subprocess.run([program("dlc"), "model.onnx", "-o", "lines.ptx", "-g", "-j1"], cwd=other.parent, check=True, capture_output=True)
    assert other.read_text() == ptx and other.with_suffix(".ptx.mlir").read_text().splitlines() == text
    assert str(FOLDER) not in ptx and str(FOLDER) not in "\n".join(text)
    return debug, ptx, text


def findings(artifact, ptx, text):
    """What the virtual GPU finds has the line of the graph text."""
    body = re.sub(r"(ld\.global\.nc\.v4\.\w+\s.*\[%rd\d+)(\])", r"\1+268435456\2", ptx.split("//!dlc-plan 1 end")[0])
    assert body != ptx.split("//!dlc-plan 1 end")[0]
    body += f"//!dlc-plan 1 end sha256:{hashlib.sha256(body.encode()).hexdigest()}\n"
    broken = artifact.with_name("broken.ptx")
    broken.write_text(body)
    report = FOLDER / "findings.jsonl"
    run("dlc-run", broken, "--device=vcuda", "--dim", "batch=8", expect=1, env={"VCUDA_FINDINGS": str(report)})
    first = json.loads(report.read_text().splitlines()[0])
    assert first["check"] == "out-of-bounds" and first["source_file"] == "lines.ptx.mlir", first
    row = broken.read_text().splitlines()[first["ptx_line"] - 1]
    assert "+268435456" in row, row
    assert (first["source_line"], row.strip()) in places(body), first
    assert re.search(r"graph\.|math\.|arith\.", text[first["source_line"] - 1]), first


def assembled(artifact):
    """ptxas takes the lines; nvdisasm shows them."""
    if not PACKAGED.exists() or not NVDISASM.exists():
        print("ptxas or nvdisasm is not there: SASS lines are not looked at")
        return
    cubin = FOLDER / "lines.cubin"
    subprocess.run([PACKAGED, "-arch=sm_80", "-lineinfo", artifact, "-o", cubin], check=True)
    shown = subprocess.run([NVDISASM, "-g", cubin], check=True, capture_output=True, text=True).stdout
    seen = {int(n) for n in re.findall(r'//## File "lines\.ptx\.mlir", line (\d+)', shown)}
    assert seen and seen <= {n for n, _ in places(artifact.read_text())} | {int(n) for n in re.findall(
        r"\.loc\s+1 (\d+)", artifact.read_text())}, seen


timing()
dumps()
made = lines()
findings(*made)
assembled(made[0])
print("ok")
