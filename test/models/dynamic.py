#!/usr/bin/env python3
"""One artifact for all sizes: compiled once with its dims as ranges, run at many sizes, each held to the fp32 bound.

    dynamic.py magika llama_small_decode
    dynamic.py resnet50 --few          # the default size and one more

Prints the artifact's hash once. All sizes run in one context, which loads its module and makes its CUDA graph
once; other sizes update the graph. A batch outside its range must be refused by dlc-run with exit status 1, naming the
ONNX dim.
"""
import argparse
import itertools
import sys

import models
import numpy as np
import plan as plans
from measure import fp32_checks, same_outputs, worst
from oracle import Oracle
from programs import WORK, Broken, compile_model, interpret, run, skip
from runtime import Session

BATCHES = (1, 2, 3, 5, 17)
LENGTHS = (1, 7, 128, 129)
# A dim that counts tokens; "past" brings "total" = past + 1 with it (the attention mask covers the new token).
LENGTH_DIMS = ("seq", "past")


def load(path):
    with np.load(path) as kept:
        return {name: kept[name] for name in kept.files}


def batch_dim(model):
    return next(d for d in model.sizes["default"] if d not in ("seq", "past", "total"))


def size_list(model, few):
    """The dims to run at: every batch x length, or the model's own default and one more."""
    if few:
        return [model.dims("default"), model.dims("alt1")]
    length = next((d for d in LENGTH_DIMS if d in model.sizes["default"]), None)
    sizes = []
    for batch, n in itertools.product(BATCHES, LENGTHS if length else (None,)):
        dims = {batch_dim(model): batch}
        if length:
            dims[length] = n
        if "total" in model.sizes["default"]:
            dims["total"] = n + 1
        sizes.append(dims)
    return sizes


def check_size(model, session, oracle, dims, folder):
    """Run one size. Returns the worst check."""
    inputs = model.make_inputs(dims)
    files = {kind: folder / f"{kind}.npz" for kind in ("inputs", "f64")}
    np.savez(files["inputs"], **inputs)
    ort = oracle({**inputs, **model.baked_inputs()})
    interpret(model.path, files["inputs"], files["f64"], "f64", model.values)
    ours = session(inputs)
    same_outputs(ours, ort, f"{model.name} {dims}")
    return worst(fp32_checks(ours, load(files["f64"]), ort))


def check_refusal(model, artifact, folder):
    """A batch past the range: exit status 1, and the message names the dim. Returns what is wrong, or None."""
    dim = batch_dim(model)
    inputs = model.make_inputs({**model.dims("default"), dim: max(BATCHES) + 1})
    np.savez(folder / "inputs.npz", **inputs)
    _, message, _ = run("dlc-run", artifact, "--device=vcuda", "--inputs", folder / "inputs.npz", expect=1)
    plan = plans.read(artifact)[0]
    origins = next((s for s in plan["symbols"] if s["max"] == max(BATCHES)), None)
    wanted = origins["from"]["input"] if origins else next(iter(inputs))
    return None if wanted in message and str(max(BATCHES) + 1) in message else f"refusal does not name the dim: {message}"


def check_model(name, few):
    model = models.get(name)
    folder = WORK / "dynamic" / name
    folder.mkdir(parents=True, exist_ok=True)
    artifact = folder / "model.ptx"
    seconds = compile_model(model.path, artifact, dims={batch_dim(model): (1, max(BATCHES))}, values=model.values)
    print(f"{name}: compiled in {seconds:.1f} s, artifact {plans.read(artifact)[1]}", flush=True)
    session, oracle, bad = Session(artifact, graph=True), Oracle(model.path), 0
    for dims in size_list(model, few):
        check = check_size(model, session, oracle, dims, folder)
        bad += not check.ok
        print(f"  {' '.join(f'{d}={n}' for d, n in dims.items()):32}{check}", flush=True)
    if wrong := check_refusal(model, artifact, folder):
        bad += 1
        print(f"  {wrong}")
    return bad


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("names", nargs="+", metavar="NAME", choices=models.names())
    p.add_argument("--few", action="store_true", help="the default size and one more")
    args = p.parse_args()
    return 1 if sum(check_model(name, args.few) for name in args.names) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except models.Missing as e:
        skip(e)
    except (Broken, ValueError) as e:
        sys.exit(f"dynamic: {e}")
