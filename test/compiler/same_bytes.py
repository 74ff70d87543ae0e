#!/usr/bin/env python3
"""Same input, same bytes: artifacts do not depend on folder, threads, locale, HOME or the build type.

    same_bytes.py llama_small_decode magika
    same_bytes.py magika --other build-debug/bin/dlc

Compiles each model several ways, compares hashes of artifact and weights, and looks for paths in them.
"""
import argparse
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "models"), str(HERE.parent / "support")]
import models  # noqa: E402
from programs import Broken, program, set_flags, skip  # noqa: E402


def compiled(dlc, model, folder, jobs, environment):
    """Hashes of (artifact, weights) of one compile, and the artifact's text. The model is read from `folder`."""
    folder.mkdir(parents=True)
    source = model.path.parent
    for file in (model.path, *(f for f in source.iterdir() if f.suffix in (".data", ".safetensors"))):
        shutil.copyfile(file, folder / file.name)
    command = [dlc, model.path.name, "-o", "out.ptx", f"-j{jobs}", *set_flags(model.values)]
    done = subprocess.run([str(c) for c in command], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          env={**os.environ, **environment})
    if done.returncode:
        raise Broken(f"{command}: {done.stderr[-1000:]}")
    files = [folder / "out.ptx", folder / "out.ptx.safetensors"]
    return [hashlib.sha256(f.read_bytes()).hexdigest() if f.exists() else "none" for f in files], files[0].read_text()


def check(name, other, folder):
    """What differs for one model, as lines."""
    model = models.get(name)
    ways = {"-j1 in a short folder": ("a", 1, {"LC_ALL": "C", "HOME": "/"}),
            "-j3 in a deep folder": ("b/much/deeper folder", 3, {"LC_ALL": "C.UTF-8", "HOME": str(folder), "TZ": "Asia/Tokyo"})}
    programs = {"this build": program("dlc"), **({"the other build": other} if other else {})}
    seen = {}
    for who, dlc in programs.items():
        for way, (below, jobs, environment) in ways.items():
            place = folder / name / who.replace(" ", "_") / below
            hashes, text = compiled(dlc, model, place, jobs, environment)
            seen[f"{who}, {way}"] = tuple(hashes)
            if found := re.search(r"(/home/|/root/|/tmp/|/usr/|/var/)\S*", text) or re.search(re.escape(str(folder)), text):
                return [f"{name}: a path in the artifact: {found[0]}"]
    print(f"{name}: {len(seen)} compiles, sha256 {next(iter(seen.values()))[0]}")
    return [] if len(set(seen.values())) == 1 else [f"{name}: artifacts differ: {seen}"]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("names", nargs="+", choices=models.names(), metavar="NAME")
    p.add_argument("--other", type=pathlib.Path, help="dlc of another build")
    args = p.parse_args()
    if args.other and not args.other.exists():
        skip(f"{args.other} is not built")
    with tempfile.TemporaryDirectory() as folder:
        lines = [line for name in args.names for line in check(name, args.other, pathlib.Path(folder))]
    print("\n".join(lines) or "the same bytes every way")
    return 1 if lines else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except models.Missing as e:
        skip(e)
    except Broken as e:
        sys.exit(f"same_bytes: {e}")
