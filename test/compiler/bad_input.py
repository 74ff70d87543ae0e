#!/usr/bin/env python3
"""Broken models and mutated ones: dlc must refuse them in words, quickly, and leave nothing behind.

    bad_input.py                      # every broken model (bad_models.py)
    bad_input.py --mutations 200      # seeded byte mutations of good models through the whole compile

A broken model: stderr has `FILE: error[Ennnn]: ...` and a `help:` line and no control characters, exit status 1, at most
5 s and 512 MB, no output file. A mutated one may also compile; a signal, an internal error or another status is a failure.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(pathlib.Path(__file__).resolve().parents[1] / "support")]
import bad_models  # noqa: E402
import numpy as np  # noqa: E402
from programs import ROOT, Broken, program  # noqa: E402

SECONDS, MEGABYTES = 5.0, 512
ERROR = re.compile(r"^[^:]+: error\[E\d{4}\]: .+", re.M)
GOOD = ("llama_small_decode", "mobilenetv2", "resnet50_torchscript")


def measured(command, timeout):
    """(exit status, stderr, seconds, peak MB). A negative status is a signal."""
    begun = time.monotonic()
    with tempfile.TemporaryFile("w+", errors="replace") as err:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err)
        killer = threading.Timer(timeout, child.kill)
        killer.start()
        _, status, usage = os.wait4(child.pid, 0)
        killer.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
        err.seek(0)
        return child.returncode, err.read(), time.monotonic() - begun, usage.ru_maxrss / 1024


def complaints(path, output):
    """What is wrong with the way one broken model is refused."""
    status, text, seconds, megabytes = measured([program("dlc"), path, "-o", output], 4 * SECONDS)
    wrong = []
    if status != 1:
        wrong.append(f"exit status {status}")
    if not ERROR.search(text):
        wrong.append(f"no error[Ennnn] line in {text[:300]!r}")
    if "help:" not in text:
        wrong.append("no help line")
    if re.search(r"[\x00-\x08\x0b-\x1f]", text):
        wrong.append("control characters in the message")
    if seconds > SECONDS:
        wrong.append(f"{seconds:.1f} s")
    if megabytes > MEGABYTES:
        wrong.append(f"{megabytes:.0f} MB")
    if output.exists() or pathlib.Path(f"{output}.safetensors").exists():
        wrong.append("an output file is left")
        output.unlink(missing_ok=True)
    return wrong


def refuse_all(folder):
    bad = 0
    models = bad_models.make_all(folder)
    codes = set()
    for name, path in models.items():
        wrong = complaints(path, folder / "out.ptx")
        if wrong:
            bad += 1
            print(f"{name}: {'; '.join(wrong)}")
        else:
            codes |= set(re.findall(r"E\d{4}", measured([program("dlc"), path, "-o", folder / "out.ptx"], 20)[1]))
    print(f"broken models: {len(models) - bad} of {len(models)} refused as they should be; codes {' '.join(sorted(codes))}")
    return bad


def mutate(content, rng):
    """A few bytes overwritten, inserted, deleted or doubled."""
    content = bytearray(content)
    for _ in range(int(rng.integers(1, 6))):
        at, kind = int(rng.integers(0, len(content))), int(rng.integers(0, 4))
        if kind == 0:
            content[at] = int(rng.integers(0, 256))
        elif kind == 1:
            content[at] ^= 1 << int(rng.integers(0, 8))
        elif kind == 2:
            del content[at:at + int(rng.integers(1, 9))]
        else:
            content[at:at] = content[at:at + int(rng.integers(1, 33))]
    return bytes(content)


def survive_mutations(count, seed, folder):
    """Graphs without their data files: what compiles is refused for the missing weights at the latest."""
    bad = 0
    for k in range(count):
        rng = np.random.default_rng([seed, k])
        content = (ROOT / "test" / "models" / f"{GOOD[k % len(GOOD)]}.onnx").read_bytes()
        path = folder / "mutated.onnx"
        path.write_bytes(mutate(content, rng))
        status, text, seconds, _ = measured([program("dlc"), path, "-o", folder / "out.ptx"], 60)
        if status not in (0, 1) or (status == 1 and not ERROR.search(text)) or seconds > 60:
            bad += 1
            print(f"mutation {k} (seed {seed}): exit status {status} after {seconds:.1f} s: {text[-300:]!r}")
    print(f"mutations: {count - bad} of {count} refused or compiled")
    return bad


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--mutations", type=int, default=0)
    p.add_argument("--seed", type=int, default=1)
    args = p.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        return 1 if (survive_mutations(args.mutations, args.seed, folder) if args.mutations else refuse_all(folder)) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Broken as e:
        sys.exit(f"bad_input: {e}")
