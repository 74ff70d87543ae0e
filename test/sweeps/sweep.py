#!/usr/bin/env python3
"""Seeded sweeps over kernels: ONNX graphs of a family, compiled and run on the virtual GPU with its checks on.

    sweep.py matmul conv reduce movement --count 500 --seed 1
    sweep.py matmul --seed 1 --group 37 --verbose     # one group again

Cases stand side by side in one model, `--width` of them, all of one element type ("tf32" is fp32 under --precision=tf32).
Answers are held against onnxruntime in fp32 on the same values, within rounding (case.py). Exit status 1 if a case is
wrong, or a model does not compile or run; a finding of the virtual GPU counts as the latter.
"""
import argparse
import concurrent.futures
import importlib
import os
import pathlib
import sys
import typing

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(pathlib.Path(__file__).resolve().parents[1] / "support")]
import case as cases_module  # noqa: E402
import numpy as np  # noqa: E402
import onnx  # noqa: E402
from measure import difference  # noqa: E402
from programs import WORK, Broken, compile_model, run_artifact  # noqa: E402

FAMILIES = ("matmul", "conv", "reduce", "movement")
TILES = ("", "", "", "128x128x32", "64x64x32", "32x128x32", "16x64x64", "64x32x16", "32x32x16")     # of those for 16 or 32 bits
SPLITS = (0, 0, 2, 5)           # CTAs that share a row or a tile, whatever its size; 0: as many as dlc finds best
TF32 = 2.0 ** -10               # relative error of a value rounded (or cut) to tf32


class Group(typing.NamedTuple):
    dtype: str
    precision: str
    split: int
    tile: str
    cases: list


def make_group(family, seed, group, width, large):
    """One group: its element type as dlc knows it, precision flag, split, tile of products and cases."""
    module = importlib.import_module(family)
    rng = np.random.default_rng([seed, FAMILIES.index(family), group])
    kind = module.TYPES[group % len(module.TYPES)]
    made = [module.make(rng, large) for _ in range(width)]
    if kind == "tf32":
        for each in made:
            each.unit = TF32
    dtype, precision = ("f32", "tf32") if kind == "tf32" else (kind, "as-is")
    return Group(dtype, precision, int(rng.choice(SPLITS)), str(rng.choice(TILES)), made)


def check_group(family, seed, group, width, large):
    """What is wrong in one group, as lines."""
    dtype, precision, split, tile, made = make_group(family, seed, group, width, large)
    flags = [f"--split=*={split}"] * bool(split) + [f"--tile=*={tile}"] * bool(tile)
    what = " ".join([dtype, precision, *flags])
    folder = WORK / "sweeps" / family / str(group)
    folder.mkdir(parents=True, exist_ok=True)
    graph, names, refs, bounds = cases_module.references(made, dtype, folder)
    onnx.save(graph.model(), str(folder / "model.onnx"))
    np.savez(folder / "inputs.npz", **graph.values)
    again = f"again: sweep.py {family} --seed {seed} --group {group} --width {width}{' --large' if large else ''}"
    try:
        compile_model(folder / "model.onnx", folder / "model.ptx", precision, extra=flags)
        run_artifact(folder / "model.ptx", folder / "inputs.npz", folder / "outputs.npz",
                     env={"VCUDA_SCHEDULE": f"random:{group}"} if split else None)     # any CTA may come last
    except Broken as e:
        return [f"{family} group {group} ({what}): {e}\n  {again}"]
    with np.load(folder / "outputs.npz") as kept:
        got = {n: kept[n] for n in kept.files}
    lines = []
    for each, name, ref, limit in zip(made, names, refs, bounds):
        have = got[name].view(cases_module.TYPES[dtype][0]) if got[name].dtype.kind == "V" else got[name]
        with np.errstate(over="ignore"):            # what is past the type's range is infinite in it
            ref = np.where(np.isinf(ref.astype(have.dtype)), ref.astype(have.dtype).astype(ref.dtype), ref)
        over = np.abs(difference(have, ref)) / limit if have.shape == ref.shape else np.array([np.inf])
        if over.size and over.max() > 1:
            lines.append(f"{family} ({what}) {each.what}: {over.max():.2g} x the bound, "
                         f"{(over > 1).sum()} of {over.size} elements\n  {again}")
    return lines


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("families", nargs="+", choices=FAMILIES)
    p.add_argument("--count", type=int, default=100, help="cases of each family")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--width", type=int, default=10, help="cases in one model")
    p.add_argument("--group", type=int, help="this group only")
    p.add_argument("--large", action="store_true", help="larger cases, too")
    args = p.parse_args()
    bad = 0
    for family in args.families:
        groups = [args.group] if args.group is not None else range(-(-args.count // args.width))
        with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            results = list(pool.map(lambda g: check_group(family, args.seed, g, args.width, args.large), groups))
        lines = [line for result in results for line in result]
        for line in lines[:20]:
            print(line)
        print(f"{family}: {len(results) * args.width} cases, {len(lines)} findings", flush=True)
        bad += len(lines)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
