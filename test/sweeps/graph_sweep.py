#!/usr/bin/env python3
"""Random graphs (graphs.py) through the whole compiler: are all sizes right on the virtual GPU, with its checks on?

    graph_sweep.py --count 200 --seed 3
    graph_sweep.py --seed 3 --one 17          # one graph again; its files stay in build/work/sweeps/graphs

Each is compiled once, some with ranges of dims, a pass switched off, a split or a tile by hand, and run at three sizes. Answers are held
against onnxruntime's within 0.1 % of the output's largest value: the order of sums is no matter here, a wrong element is. Exit
status 1 if an answer is wrong, or a model is refused, or a run fails; a finding of the virtual GPU counts as the latter.
"""
import argparse
import concurrent.futures
import os
import pathlib
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(pathlib.Path(__file__).resolve().parents[1] / "support")]
import numpy as np  # noqa: E402
import onnx  # noqa: E402
from graphs import DIMS, SIZES, RandomGraph  # noqa: E402
from measure import difference, largest  # noqa: E402
from oracle import Oracle  # noqa: E402
from programs import WORK, Broken, compile_model, run_artifact  # noqa: E402

TOLERANCE = 1e-3
TILES = ("64x64x32", "64x32x16", "32x64x32", "32x32x16")
SWITCHES = ("epilogue", "pointwise", "movement", "reduction", "prologue", "multi-output", "duplicate", "assign-storage",
            "fold-constants", "simplify-movement", "canonicalize-graph", "sink-scales")


def make(seed, index):
    """(graph, flags of dlc)"""
    rng = np.random.default_rng([seed, index])
    graph, flags = RandomGraph(rng), []
    symbols = {n for shape in graph.inputs.values() for n in shape if isinstance(n, str)}
    if rng.random() < 0.3:
        flags += [f"--dim={name}={low}..{high}" for name, (low, high) in DIMS.items() if name in symbols]
    if rng.random() < 0.25:
        flags.append(f"--disable={rng.choice(SWITCHES)}")
    if rng.random() < 0.2:
        flags.append(f"--split=*={rng.choice((2, 5))}")
    if rng.random() < 0.2:
        flags.append(f"--tile=*={rng.choice(TILES)}")
    return graph, flags


def wrong_outputs(ours, theirs):
    lines = []
    for name, ref in theirs.items():
        if ours[name].shape != ref.shape:
            lines.append(f"{name} has shape {ours[name].shape}, not {ref.shape}")
        elif (error := largest(difference(ours[name], ref))) > TOLERANCE * max(1.0, largest(ref)):
            lines.append(f"{name} is {error:.3g} off at values up to {largest(ref):.3g}")
    return lines


def check(seed, index):
    """What is wrong with one graph, as lines."""
    graph, flags = make(seed, index)
    folder = WORK / "sweeps" / "graphs" / f"{seed}-{index}"
    folder.mkdir(parents=True, exist_ok=True)
    model, lines = folder / "model.onnx", []
    onnx.save(graph.net.model(), str(model))
    try:
        oracle = Oracle(model)
        compile_model(model, folder / "model.ptx", extra=flags)
        for dims in SIZES:
            given = graph.feeds(dims)
            np.savez(folder / "inputs.npz", **given)
            run_artifact(folder / "model.ptx", folder / "inputs.npz", folder / "outputs.npz", extra=["--sync"])
            with np.load(folder / "outputs.npz") as kept:
                lines += [f"{dims}: {line}" for line in wrong_outputs({n: kept[n] for n in kept.files}, oracle(given))]
    except Broken as e:
        lines.append(str(e))
    ops = " ".join(n.op_type for n in graph.net.nodes if n.op_type != "Identity")
    again = f"again: graph_sweep.py --seed {seed} --one {index}   # {ops} {' '.join(flags)}"
    return [f"graph {index}: {line}" for line in lines] + [f"  {again}"] * bool(lines)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--count", type=int, default=50)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--one", type=int, help="this graph only")
    args = p.parse_args()
    indices = [args.one] if args.one is not None else range(args.count)
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        results = list(pool.map(lambda index: check(args.seed, index), indices))
    bad = [lines for lines in results if lines]
    for lines in bad:
        print("\n".join(lines))
    print(f"{len(results)} graphs at {len(SIZES)} sizes, {len(bad)} wrong")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
