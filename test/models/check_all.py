#!/usr/bin/env python3
"""`dlc check` over all models, or over every .onnx file of a folder: imported, or refused in words.

    check_all.py                     # the models of this folder and the trained ones: each must be accepted
    check_all.py --folder DIR        # any graphs: each must be accepted, or refused with node paths; never a crash

"""
import argparse
import collections
import json
import pathlib
import subprocess
import sys
import time

import models
from programs import Broken, program, set_flags, skip


def check(path, values):
    """(exit status, {code: count}, first reason with its node path, seconds). Raises Broken for any other end than 0 and 1."""
    begun = time.monotonic()
    command = [program("dlc"), "check", path, "--json", *set_flags(values)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=120)
    if done.returncode not in (0, 1):
        raise Broken(f"exit status {done.returncode}: {done.stderr[-200:]}")
    try:
        report = json.loads(done.stdout)
    except ValueError as e:
        raise Broken(f"no JSON: {e}: {done.stderr[-200:]}") from None
    if report["supported"] != (done.returncode == 0):
        raise Broken(f"exit status {done.returncode} and supported = {report['supported']}")
    wrong = [(i["code"], f"{i['path']}: {i['reason']}") for i in report["issues"]] or \
        [(d["code"], f"{d['location']}: {d['message']}") for d in report["diagnostics"] if d["code"].startswith("E")]
    codes = collections.Counter(code for code, _ in wrong)
    return done.returncode, codes, wrong[0][1] if wrong else "", time.monotonic() - begun


def rows(folder):
    if folder:
        return [(p.stem, p, {}) for p in sorted(folder.glob("*.onnx"))]
    return [(name, models.get(name).path, models.get(name).values) for name in models.names()]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--folder", type=pathlib.Path)
    args = p.parse_args()
    accepted = refused = broken = 0
    for name, path, values in rows(args.folder):
        try:
            code, codes, reason, seconds = check(path, values)
        except Broken as e:
            broken += 1
            print(f"{name:32}BROKEN {str(e).splitlines()[-1][:120]}")
            continue
        wordless = code == 1 and not codes
        broken += wordless
        accepted += code == 0
        refused += code == 1
        said = " ".join(f"{c} x{n}" for c, n in codes.items())
        print(f"{name:32}{'accepted' if code == 0 else 'refused ' + said}  {reason[:110]}  {seconds:.1f} s", flush=True)
    print(f"check: {accepted} accepted, {refused} refused, {broken} broken")
    return 1 if broken or (refused and not args.folder) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except models.Missing as e:
        skip(e)
