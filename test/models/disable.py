#!/usr/bin/env python3
"""Every name that --disable= takes, on one model each: right results, and a remark that says so.

    disable.py --model llama_small_decode
"""
import argparse
import json
import sys

import models
import numpy as np
from measure import fp32_checks, same_outputs
from oracle import Oracle
from programs import WORK, Broken, interpret, run, run_artifact, set_flags, skip


def load(path):
    with np.load(path) as kept:
        return {name: kept[name] for name in kept.files}


def switchable():
    """Names of passes and fusion kinds that can be switched off, from dlc --list-passes."""
    shown = run("dlc", "--list-passes")[0]
    names = [line.split()[0] for line in shown.splitlines() if line.strip()]
    if len(names) < 5:
        raise Broken(f"dlc --list-passes prints {shown!r}")
    return names


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--model", default="llama_small_decode", choices=models.names())
    args = p.parse_args()
    model = models.get(args.model)
    folder = WORK / "disable" / model.name
    folder.mkdir(parents=True, exist_ok=True)
    inputs = model.make_inputs(model.dims("alt1"))
    given, got = folder / "inputs.npz", folder / "outputs.npz"
    np.savez(given, **inputs)
    ort = Oracle(model.path)({**inputs, **model.baked_inputs()})
    interpret(model.path, given, folder / "f64.npz", "f64", model.values)
    ref64, bad = load(folder / "f64.npz"), 0
    names = switchable()
    for name in names:
        artifact = folder / f"{name}.ptx"
        remarks = run("dlc", model.path, "-o", artifact, f"--disable={name}", "--remarks=text", *set_flags(model.values))
        run_artifact(artifact, given, got)
        ours = load(got)
        same_outputs(ours, ort, name)
        wrong = [str(c) for c in fp32_checks(ours, ref64, ort) if not c.ok]
        if not any(name in line and "disabled" in line for line in (remarks[0] + remarks[1]).splitlines()):
            wrong.append("no remark says that it was disabled")
        bad += bool(wrong)
        print(f"--disable={name}: {'; '.join(wrong) or 'right'}", flush=True)
    (folder / "names.json").write_text(json.dumps(names))
    return 1 if bad else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except models.Missing as e:
        skip(e)
    except (Broken, ValueError) as e:
        sys.exit(f"disable: {e}")
