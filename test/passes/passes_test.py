#!/usr/bin/env python3
"""Every pass of dlc can be run by dlc-opt and has an IR test of its name; every pass that --disable takes is one of them."""
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from programs import run  # noqa: E402

UPSTREAM = {"canonicalize", "cse", "inline", "symbol-dce"}

shown = run("dlc-opt", "--help")[0]
listed = shown.split("Passes:")[1].split("Pass Pipelines:")[0]
passes = set(re.findall(r"^      --([\w-]+) ", listed, re.M)) - UPSTREAM | {"build-plan"}
assert "--build-plan" in shown and {"fuse-regions", "schedule-regions", "distribute", "lower-to-llvm"} <= passes, passes
for name in sorted(passes):
    # A file may leave out the verb that all of its folder share: to_llvm.mlir for lower-to-llvm.
    files = [f for f in HERE.rglob("*.mlir") if f.stem in (name.replace("-", "_"), name.split("-", 1)[1].replace("-", "_")
                                                           if name.startswith("lower-") else "")]
    assert files, f"no IR test for {name}"
    assert any(re.search(rf"// RUN: .*dlc-opt .*--{name}\b", f.read_text()) for f in files), f"{files[0]} does not run --{name}"
switches = {line.split()[0] for line in run("dlc", "--list-passes")[0].splitlines()}
kinds = {"pointwise", "epilogue", "prologue", "reduction", "movement", "multi-output", "duplicate"}
assert switches - kinds <= passes, switches - kinds - passes
print(f"{len(passes)} passes")
