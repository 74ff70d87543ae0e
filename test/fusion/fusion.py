#!/usr/bin/env python3
"""What fusion must reach: patterns that become one kernel, and launches of whole models.

    fusion.py patterns                 # each pattern of patterns.py: one launch, right result
    fusion.py models                   # ResNet-50, BERT-base: launches, distinct regions, variants
    fusion.py traffic                  # the same in fp16: bytes moved and FLOPs of tensor cores, by the virtual GPU's counters
"""
import argparse
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "models"), str(HERE.parent / "support")]
import models  # noqa: E402
import numpy as np  # noqa: E402
import onnx  # noqa: E402
import plan as plans  # noqa: E402
import traffic  # noqa: E402
from measure import difference, largest  # noqa: E402
from oracle import Oracle  # noqa: E402
from patterns import BATCH, all_patterns  # noqa: E402
from programs import WORK, Broken, compile_model, run_artifact  # noqa: E402

# Launches (kernels, copies, sets) and distinct regions that a model may have, and variants a region may have.
LIMITS = {"resnet50": (60, None), "bert_base": (140, 18)}
VARIANTS = 4
# Dims, and how much more than the model's own (traffic.py) may be moved and multiplied; None: not held to a bound.
TRAFFIC = [("resnet50", {"batch": 8}, 1.1, 1.1), ("resnet50", {"batch": 1}, None, 1.25),
           ("bert_base", {"batch": 8, "seq": 128}, 1.1, 1.1)]
FOLDER = WORK / "fusion"


def pattern_inputs(model, batch, seed=3):
    rng = np.random.default_rng(seed)
    return {i.name: rng.standard_normal([batch if d.dim_param == BATCH else d.dim_value
                                         for d in i.type.tensor_type.shape.dim]).astype(np.float32)
            for i in model.graph.input}


def check_pattern(name, model):
    """What is wrong with one pattern, or nothing."""
    path, artifact = FOLDER / f"{name}.onnx", FOLDER / f"{name}.ptx"
    onnx.save(model, str(path))
    compile_model(path, artifact)
    inputs = pattern_inputs(model, 3)
    np.savez(FOLDER / f"{name}.npz", **inputs)
    plan = plans.read(artifact)[0]
    launches = plans.launches(plan, plans.environment(plan, plans.symbols_of(plan, inputs)))
    if len(launches) != 1:
        return f"{len(launches)} launches: {', '.join(kernel for _, kernel in launches)}"
    run_artifact(artifact, FOLDER / f"{name}.npz", FOLDER / f"{name}.out.npz")
    with np.load(FOLDER / f"{name}.out.npz") as kept:
        ours = kept["y"]
    theirs = Oracle(path)(inputs)["y"]
    error = largest(difference(ours, theirs)) / largest(theirs)
    return f"error {error:.1e}" if error > 1e-5 else ""


def check_patterns():
    bad, made = 0, all_patterns()
    for name, model in made.items():
        try:
            wrong = check_pattern(name, model)
        except Broken as e:
            wrong = str(e).strip()
        bad += bool(wrong)
        print(f"  {name:28}{wrong or 'one kernel, right'}", flush=True)
    print(f"patterns: {len(made) - bad} of {len(made)} are one kernel")
    return bad


def distinct_regions(plan):
    """Regions that share their kernels count once."""
    return len({tuple(launch["kernel"] for v in op["variants"] for launch in v["launches"])
                for op in plan["ops"] if op["kind"] == "run"})


def check_models():
    bad = 0
    for name, (launches, regions) in LIMITS.items():
        model = models.get(name)
        artifact = FOLDER / f"{name}.ptx"
        compile_model(model.path, artifact, "fp16")
        plan = plans.read(artifact)[0]
        counted = plans.counts(plan, model.make_inputs(model.dims()))
        variants = max(len(op["variants"]) for op in plan["ops"] if op["kind"] == "run")
        over = counted["launches"] > launches or (regions and distinct_regions(plan) > regions) or variants > VARIANTS
        bad += bool(over)
        print(f"  {name}: {counted['launches']} launches (at most {launches}), {distinct_regions(plan)} distinct regions "
              f"(at most {regions or 'any'}), {variants} variants at most (at most {VARIANTS}){'  OVER' if over else ''}")
    return bad


def check_traffic():
    """Bytes and FLOPs that the kernels of whole models take, against what the models have."""
    bad = 0
    for name, dims, most_bytes, most_flops in TRAFFIC:
        model, artifact = models.get(name), FOLDER / f"{name}.fp16.ptx"
        compile_model(model.path, artifact, "fp16")
        inputs = model.make_inputs(model.dims(**dims))
        np.savez(FOLDER / "in.npz", **inputs)
        run_artifact(artifact, FOLDER / "in.npz", FOLDER / "out.npz", extra=["--counters", FOLDER / "counters.json"])
        moved, flops = traffic.counted(json.loads((FOLDER / "counters.json").read_text()), plans.read(artifact)[0])
        graph = traffic.Graph(model.path, inputs)
        bytes_ratio, flops_ratio = moved / graph.traffic(float_bytes=2), flops / graph.flops()
        over = bytes_ratio > (most_bytes or bytes_ratio) or flops_ratio > most_flops
        bad += over
        print(f"  {name} {' '.join(f'{k}={v}' for k, v in dims.items())}: {moved / 1e6:.1f} MB moved, {bytes_ratio:.3f} of "
              f"the model's (at most {most_bytes or 'any'}); {flops / 1e9:.2f} GFLOP on tensor cores, {flops_ratio:.3f} of "
              f"the model's (at most {most_flops}){'  OVER' if over else ''}", flush=True)
    return bad


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("what", choices=["patterns", "models", "traffic"])
    args = p.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    check = {"patterns": check_patterns, "models": check_models, "traffic": check_traffic}[args.what]
    return 1 if check() else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Broken as e:
        sys.exit(f"fusion: {e}")
