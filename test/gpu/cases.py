"""Models that are checked on a GPU: where they are, their inputs, reference and bounds.

Trained models come with the pack: checks/checks.json names graph, inputs, the interpreter's answer in fp64 and what an output may
differ from it (tools/pack/make_checks.py). The others are graphs of test/models. Their weights, inputs and bounds are made
here, which takes numpy; the interpreter in fp32 stands in for onnxruntime in their bounds.
"""
import dataclasses
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "test" / "models"), str(ROOT / "test" / "support"), str(ROOT / "tools" / "pack")]
import half_weights  # noqa: E402
from programs import WORK, interpret, set_flags  # noqa: E402

CHECKS = ROOT / "checks"


@dataclasses.dataclass
class Case:
    name: str
    graph: pathlib.Path
    values: dict            # --set
    inputs: pathlib.Path
    reference: pathlib.Path  # the interpreter's answer in fp64
    bounds: dict            # {precision: {output: bound}}: largest error for as-is, RMS error for fp16

    def flags(self):
        return set_flags(self.values)


def packed(checks=CHECKS):
    """What make_checks.py wrote, or nothing in a folder that is no pack."""
    file = checks / "checks.json"
    return json.loads(file.read_text()) if file.exists() else {"models": {}}


def from_pack(name, row, checks=CHECKS):
    root = checks.parent
    if half := row.get("half"):
        full = root / row["weights"]
        if not full.exists():
            half_weights.widen(root / half, full)
    return Case(name, root / row["graph"], row["set"], checks / f"{name}.inputs.npz", checks / f"{name}.reference.npz", row["bounds"])


def seeded(name):
    """A model that is made from its seed. Raises ImportError without numpy."""
    import models
    import numpy as np
    from measure import bounds

    model = models.get(name)
    folder = WORK / "gpu" / name
    folder.mkdir(parents=True, exist_ok=True)
    inputs = folder / "inputs.npz"
    np.savez(inputs, **model.make_inputs(model.dims()))
    answers = {}
    for floats in ("f64", "f32", "f16-rounded"):
        interpret(model.path, inputs, folder / f"{floats}.npz", floats, model.values)
        with np.load(folder / f"{floats}.npz") as kept:
            answers[floats] = {key: kept[key] for key in kept.files}
    allowed = bounds(answers["f64"], answers["f32"], answers["f16-rounded"])
    return Case(name, model.path, model.values, inputs, folder / "f64.npz", allowed)


def find(name, rows):
    """The case of that name. Raises ImportError if it needs numpy, and KeyError for an unknown name."""
    return from_pack(name, rows["models"][name]) if name in rows["models"] else seeded(name)
