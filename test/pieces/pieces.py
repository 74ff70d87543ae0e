#!/usr/bin/env python3
"""Pieces of models as exporters write them, which no whole model of the tests contains: one artifact each, many sizes.

    pieces.py                     # all
    pieces.py swin_window t5_bias --precision fp16
    pieces.py --wide              # the kernels with 64-bit indices, which no size of these would choose

Each is compiled once with its dims as ranges and run on the virtual GPU at every size, against onnxruntime and the interpreter
in fp64, with the bounds of whole models (support/measure.py). Models of 16 bits are held to the fp16 bound.
"""
import argparse
import sys
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]
import language  # noqa: E402
import ml_dtypes  # noqa: E402
import numpy as np  # noqa: E402
import onnx  # noqa: E402
import plan as plans  # noqa: E402
import sound  # noqa: E402
import vision  # noqa: E402
from measure import fp16_checks, fp32_checks, reference_checks, same_outputs, worst  # noqa: E402
from oracle import Oracle  # noqa: E402
from programs import WORK, Broken, compile_model, interpret  # noqa: E402
from runtime import Session  # noqa: E402

PIECES = {**vision.pieces(), **language.pieces(), **sound.pieces()}


def make_inputs(net, dims):
    """Bell curves; token ids below 101, masks that end after some tokens, positions that count."""
    rng = np.random.default_rng(1)
    made = {}
    for info in net.inputs:
        tensor = info.type.tensor_type
        shape = [dims[d.dim_param] if d.dim_param else d.dim_value for d in tensor.shape.dim]
        dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        if dtype == np.uint8:
            values = rng.integers(0, 256, shape)
        elif info.name == "attention_mask":
            values = np.arange(shape[1])[None, :] < 1 + shape[1] * (np.arange(shape[0])[:, None] + 1) // (shape[0] + 1)
        elif info.name.startswith("position"):
            values = np.broadcast_to(np.arange(shape[-1]) + 5, shape)
        elif dtype.kind == "i":
            values = rng.integers(0, 24 if dtype == np.int32 else 101, shape)
        else:
            values = rng.standard_normal(shape)
        made[info.name] = values.astype(dtype)
    return made


def dim_ranges(ranges):
    """A third number is what the dim is a multiple of."""
    return [f"--dim={name}={r[0]}..{r[1]}" + (f":{r[2]}" if len(r) > 2 else "") for name, r in ranges.items()]


def widened(ranges):
    """No upper limits."""
    return {name: (r[0], (2 ** 31 - 1) // r[-1] * r[-1], r[2]) if len(r) > 2 else (r[0], 2 ** 31 - 1) for name, r in ranges.items()}


def keep_wide(plan):
    """Leaves the variants with 64-bit indices only, where there are any."""
    for op in plan["ops"]:
        wide = [v for v in op.get("variants", []) if v["schedule"].endswith("index=i64")]
        op["variants"] = wide or op.get("variants", [])


def load(path):
    """bfloat16 comes back as two bytes without a meaning."""
    with np.load(path) as kept:
        arrays = {name: kept[name] for name in kept.files}
    return {name: x.view(ml_dtypes.bfloat16) if x.dtype.kind == "V" else x for name, x in arrays.items()}


class Piece:
    def __init__(self, name):
        self.name, (self.net, self.ranges, self.sizes) = name, PIECES[name]()
        self.folder = WORK / "pieces" / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.path = self.folder / "model.onnx"
        onnx.save(self.net.model(name), self.path)
        kinds = {o.type.tensor_type.elem_type for o in self.net.outputs}
        self.is_narrow = bool(kinds & {onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16})
        self.is_bfloat = onnx.TensorProto.BFLOAT16 in kinds

    def interpreted(self, inputs, floats):
        given, answer = self.folder / "inputs.npz", self.folder / f"{floats}.npz"
        np.savez(given, **inputs)
        interpret(self.path, given, answer, floats)
        return load(answer)

    def checks(self, precision, ours, ref64, ort, inputs):
        if precision == "as-is" and not self.is_narrow:
            return [*reference_checks(ref64, ort), *fp32_checks(ours, ref64, ort)]
        # bfloat16 models are rounded after every op as they are; fp16's rounding would be too fine for them.
        return fp16_checks(ours, ref64, self.interpreted(inputs, "f32" if self.is_bfloat else "f16-rounded"))

    def run(self, precision, is_wide):
        """Compile once, run every size. Returns what is wrong, as lines."""
        artifact, wrong = self.folder / f"{precision}{'.wide' * is_wide}.ptx", []
        ranges = widened(self.ranges) if is_wide else self.ranges
        seconds = compile_model(self.path, artifact, precision, extra=dim_ranges(ranges))
        if is_wide:
            plans.rewrite(artifact, keep_wide)
        session, worst_checks = Session(artifact), []
        oracle = None if self.is_bfloat else Oracle(self.path) # onnxruntime has few kernels for bfloat16
        for dims in self.sizes:
            inputs = make_inputs(self.net, dims)
            ref64, ours = self.interpreted(inputs, "f64"), session(inputs)
            ort = oracle(inputs) if oracle else ref64
            same_outputs(ours, ort, f"{self.name} {dims}")
            worst_checks.append(worst(self.checks(precision, ours, ref64, ort, inputs)))
            if not worst_checks[-1].ok:
                wrong.append(f"{self.name} {precision} {dims}: {worst_checks[-1]}")
        print(f"{self.name:24}{precision:8}{len(self.net.nodes):4} nodes, compiled in {seconds:4.1f} s, {len(self.sizes)} sizes, "
              f"{worst(worst_checks)}", flush=True)
        return wrong


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("names", nargs="*", metavar="NAME", choices=[*PIECES, []], help="default: all")
    p.add_argument("--precision", nargs="+", default=["as-is", "fp16"], choices=["as-is", "fp16"])
    p.add_argument("--wide", action="store_true", help="kernels with 64-bit indices")
    args = p.parse_args()
    wrong = []
    for name in args.names or PIECES:
        try:
            piece = Piece(name)
            for precision in args.precision if not piece.is_narrow else ["as-is"]:
                wrong += piece.run(precision, args.wide)
        except (Broken, ValueError) as e:
            wrong.append(f"{name}: {e}")
            print(wrong[-1], flush=True)
    print("\n".join(wrong) or f"{len(args.names or PIECES)} pieces are right at every size")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
