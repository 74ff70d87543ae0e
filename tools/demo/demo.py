#!/usr/bin/env python3
"""Trained models, compiled to PTX and run, with their answers decoded.

    demo.py [magika minilm ppocr_cls silero_vad] [--device vcuda|cuda|auto]

Each run is compared with onnxruntime on the same inputs. Exit status 1 when an answer is wrong, or the largest error is
over BOUND times onnxruntime's largest value.
"""
import argparse
import importlib
import pathlib
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(ROOT / "test" / "models"), str(ROOT / "test" / "support")]
import models  # noqa: E402
import plan as plans  # noqa: E402
from measure import difference, largest  # noqa: E402
from oracle import Oracle  # noqa: E402
from programs import WORK, Broken, compile_model  # noqa: E402
from runtime import Session  # noqa: E402

NAMES = ("magika", "minilm", "ppocr_cls", "silero_vad")
BOUND = 1e-4


def open_session(artifact, device):
    """A session on the device asked for; auto takes the GPU if there is one."""
    if device != "auto":
        return Session(artifact, device)
    try:
        return Session(artifact, "cuda")
    except Broken:
        return Session(artifact, "vcuda")


class Runner:
    """Calls an artifact like a function; keeps times and the largest error against onnxruntime."""

    def __init__(self, model, artifact, device):
        self.model, self.reference = model, Oracle(model.path)
        self.session = open_session(artifact, device)
        self.device = self.session.device()
        self.seconds, self.error, self.runs = 0.0, 0.0, 0

    def oracle(self, inputs):
        return self.reference({**inputs, **self.model.baked_inputs()})

    def __call__(self, inputs):
        begun = time.monotonic()
        answer = self.session(inputs)
        self.seconds += time.monotonic() - begun
        self.runs += 1
        for name, theirs in self.oracle(inputs).items():
            scale = largest(theirs) or 1.0
            self.error = max(self.error, largest(difference(answer[name], theirs)) / scale)
        return answer


def show(name, device):
    """One demo. Returns whether everything was right."""
    module = importlib.import_module(name)
    demo = module.Demo()
    print(f"\n{name}: {module.TITLE}  ({demo.model.exporter}, {demo.model.nodes} ONNX nodes)", flush=True)
    artifact = WORK / "demo" / f"{name}.ptx"
    compiled = compile_model(demo.model.path, artifact, values=demo.model.values)
    plan, _ = plans.read(artifact)
    run = Runner(demo.model, artifact, device)
    good = True
    for line, right in demo.answer(run):
        print(f"  {line}{'' if right else '   WRONG'}")
        good &= right
    kept = run.error <= BOUND
    print(f"  {len(plan['kernels'])} kernels on {run.device}, compiled in {compiled:.1f} s, "
          f"{run.runs} run{'s' if run.runs > 1 else ''} in {run.seconds:.1f} s, "
          f"error {run.error:.1e} of onnxruntime's largest value{'' if kept else f'   OVER {BOUND:.0e}'}", flush=True)
    return good and kept


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("names", nargs="*", metavar="NAME", default=NAMES)
    p.add_argument("--device", default="vcuda", choices=["vcuda", "cuda", "auto"])
    args = p.parse_args()
    for name in args.names:
        if name not in NAMES:
            p.error(f"there is no demo named '{name}'; the demos are {', '.join(NAMES)}")
    begun = time.monotonic()
    bad = []
    for name in args.names:
        try:
            if not show(name, args.device):
                bad.append(name)
        except (models.Missing, Broken) as e:
            print(f"  {e}")
            bad.append(name)
    print(f"\n{len(args.names) - len(bad)} of {len(args.names)} demos right in {time.monotonic() - begun:.0f} s"
          + (f"; wrong: {', '.join(bad)}" if bad else ""))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
