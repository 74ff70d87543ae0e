"""Errors and the bounds that outputs must keep, all against ref64: the interpreter in fp64."""
import numpy as np


def same_outputs(ours, theirs, where):
    if set(ours) != set(theirs):
        raise ValueError(f"{where}: outputs are {sorted(ours)}, expected {sorted(theirs)}")
    for name, a in ours.items():
        if a.shape != theirs[name].shape:
            raise ValueError(f"{where}: output {name} has shape {a.shape}, expected {theirs[name].shape}")


def largest(x):
    return float(np.max(np.abs(x))) if x.size else 0.0


def difference(a, b):
    """a - b in fp64, where equal infinities and NaN beside NaN count as no difference."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    with np.errstate(invalid="ignore"):
        d = np.asarray(a - b) # of scalars numpy makes no array
    d[(a == b) | (np.isnan(a) & np.isnan(b))] = 0.0
    d[np.isnan(d)] = np.inf
    return d


def rms(x):
    return float(np.sqrt(np.mean(np.square(x)))) if x.size else 0.0


def is_float(x):
    return x.dtype.kind == "f" or x.dtype.name in ("bfloat16", "float8_e4m3fn", "float8_e5m2")


class Check:
    """One output held against a bound."""

    def __init__(self, output, error, bound):
        self.output, self.error, self.bound = output, error, bound
        self.ok = error <= bound

    def __str__(self):
        return f"{self.output}: error {self.error:.3g}, bound {self.bound:.3g}{'' if self.ok else '  OVER'}"


def reference_checks(ref64, ort):
    """Is the interpreter in fp64 within 1e-5 of onnxruntime, relative to the largest value of each output?"""
    return [Check(name, largest(difference(ort[name], ref)), 1e-5 * largest(ref) if is_float(ref) else 0.0)
            for name, ref in ref64.items()]


def fp32_checks(ours, ref64, ort):
    """max|d - ref64| <= 4 * max|onnxruntime - ref64| + 1e-5 * max|ref64|; integers and bools: equal."""
    checks = []
    for name, ref in ref64.items():
        error = largest(difference(ours[name], ref))
        bound = 4 * largest(difference(ort[name], ref)) + 1e-5 * largest(ref) if is_float(ref) else 0.0
        checks.append(Check(name, error, bound))
    return checks


def fp16_checks(ours, ref64, rounded):
    """RMS error <= 2 * the RMS error of the interpreter with every node's output and the weights rounded to fp16."""
    return [Check(name, rms(difference(ours[name], ref)),
                  2 * rms(difference(rounded[name], ref)) if is_float(ref) else 0.0)
            for name, ref in ref64.items()]


def bounds(ref64, theirs, rounded):
    """What outputs may differ from ref64, {precision: {output: bound}}: the bounds of the checks above."""
    return {"as-is": {c.output: c.bound for c in fp32_checks(ref64, ref64, theirs)},
            "fp16": {c.output: c.bound for c in fp16_checks(ref64, ref64, rounded)}}


def worst(checks):
    """The check that is nearest to its bound, or furthest past it."""
    return max(checks, key=lambda c: c.error / c.bound if c.bound else (np.inf if c.error else 0.0))
