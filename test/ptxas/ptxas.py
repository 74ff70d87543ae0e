#!/usr/bin/env python3
"""NVIDIA's assembler over every kernel of the artifacts that the tests wrote.

    ptxas.py                          # all *.ptx below build/work
    ptxas.py model.ptx build/work/numerics --arch sm_80

Each file is assembled for each architecture. Exit status 1 if one is refused, or if a kernel spills registers or needs
a stack frame. Files with the same PTX are assembled once. The assembler comes out of the package in .cache/wheels (or
from PATH); without it the test is skipped, or fails when CI is set.
"""
import argparse
import concurrent.futures
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from programs import ROOT, WORK, skip  # noqa: E402

ARCHITECTURES = ["sm_80", "sm_86", "sm_89", "sm_90"]
PACKAGED = ROOT / ".cache" / "wheels" / "ptxas" / "nvidia" / "cu13" / "bin" / "ptxas"
ENTRY = re.compile(r"Compiling entry function '(\S+)'")
USE = re.compile(r"Function properties for (\S+)\s+(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")


def find_ptxas():
    found = PACKAGED if PACKAGED.exists() else shutil.which("ptxas")
    return found or skip(f"{PACKAGED} is not there (./dev setup with a network), nor is ptxas on PATH")


def unique(files):
    """One file per PTX text; the plan in the trailing comments does not matter."""
    kept = {}
    for file in files:
        text = re.split(rb"^//!dlc-plan", file.read_bytes(), maxsplit=1, flags=re.M)[0]
        if b".entry" in text:
            kept.setdefault(hashlib.sha256(text).digest(), file)
    return list(kept.values())


def assemble(ptxas, file, arch):
    """(kernels, what is wrong) of one file for one architecture."""
    done = subprocess.run([ptxas, "-v", "-arch", arch, "-o", "/dev/null", file], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, errors="replace")
    if done.returncode:
        first = next((line for line in done.stderr.splitlines() if "error" in line or "fatal" in line), "")
        return 0, [f"{file} for {arch} is refused: {first}\n  again: {ptxas} -arch {arch} -o /dev/null {file}"]
    kernels = ENTRY.findall(done.stderr)
    bad = [f"{file} for {arch}: {name}: {frame} bytes of stack, {stores} stored and {loads} loaded by spills"
           for name, frame, stores, loads in USE.findall(done.stderr) if any(map(int, (frame, stores, loads)))]
    if len(USE.findall(done.stderr)) < len(kernels):
        bad.append(f"{file} for {arch}: ptxas -v said nothing of some kernels")
    return len(kernels), bad


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("files", nargs="*", type=pathlib.Path, help="artifacts, and folders of them")
    p.add_argument("--arch", nargs="+", default=ARCHITECTURES)
    args = p.parse_args()
    ptxas = find_ptxas()
    files = unique(f for place in args.files or [WORK] for f in (sorted(place.rglob("*.ptx")) if place.is_dir() else [place]))
    jobs = [(f, a) for f in files for a in args.arch]
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        results = list(pool.map(lambda job: assemble(ptxas, *job), jobs))
    bad = [line for _, lines in results for line in lines]
    for line in bad[:40]:
        print(line)
    print(f"ptxas: {sum(n for n, _ in results)} kernels assembled ({len(files)} files x {' '.join(args.arch)}), "
          f"{len(bad)} refused, spilling or with a stack frame")
    if not files:
        print("ptxas: there is no artifact to assemble")
    return 1 if bad or not files else 0


if __name__ == "__main__":
    sys.exit(main())
