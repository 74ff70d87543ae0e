#!/usr/bin/env python3
"""Kernels of every family, from graph text to numbers: each module of Inputs/ is compiled once with symbolic dims, run on
the virtual GPU with its checks on at several sizes, and compared with numpy.

Bounds are those of rounding: of the results to their type, and of the sums to fp32. Integers are equal.
"""
import math
import pathlib
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "support")]
import ml_dtypes  # noqa: E402
import numpy as np  # noqa: E402
from programs import run  # noqa: E402

F32, F16, BF16 = np.float32, np.float16, ml_dtypes.bfloat16
UNIT = {"float32": 2.0 ** -23, "float16": 2.0 ** -10, "bfloat16": 2.0 ** -7}
ERF = np.vectorize(math.erf, otypes=[np.float64])


def wide(x):
    return x.astype(np.float64)


def draw(rng, shape, dtype=F32):
    return rng.standard_normal(shape).astype(dtype)


class Module:
    """A compiled module; calls run it."""

    def __init__(self, folder, name, replace=None):
        text = (HERE / "Inputs" / f"{name}.mlir").read_text()
        for old, new in (replace or {}).items():
            text = text.replace(old, new)
        source = folder / f"{name}.mlir"
        source.write_text(text)
        self.folder, self.artifact = folder, folder / f"{name}.ptx"
        run("dlc", source, "-o", self.artifact)

    def __call__(self, inputs, **env):
        np.savez(self.folder / "in.npz", **inputs)
        # dlc-run refuses to call a run done when the virtual GPU has a finding.
        run("dlc-run", self.artifact, "--device=vcuda", "--inputs", self.folder / "in.npz", "--save", self.folder / "out.npz",
            env=env)
        with np.load(self.folder / "out.npz") as kept:
            return {name: kept[name] for name in kept.files}


class Kernels(unittest.TestCase):
    def setUp(self):
        self.held = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.held.name)
        self.rng = np.random.default_rng(7)

    def tearDown(self):
        self.held.cleanup()

    def near(self, what, got, ref, terms=None, units=4, dtype=None):
        """got is within `units` of its type's roundings of ref, and of fp32's roundings of sums of size `terms`."""
        dtype = np.dtype(dtype or got.dtype)
        got = got.view(dtype) if got.dtype.kind == "V" else got
        self.assertEqual(got.shape, ref.shape, what)
        ref = wide(ref)
        limit = units * UNIT[dtype.name] * np.abs(ref) + 1e-7
        if terms is not None:
            limit = limit + 2.0 ** -20 * terms
        with np.errstate(invalid="ignore"):
            off = np.where(wide(got) == ref, 0, np.abs(wide(got) - ref)) / limit
        worst = float(np.nanmax(off)) if off.size else 0.0
        self.assertFalse((np.isnan(wide(got)) != np.isnan(ref)).any(), f"{what}: NaN in one of the two")
        self.assertLessEqual(worst, 1.0, f"{what}: {worst:.3g} times the bound, {(off > 1).sum()} of {off.size} elements")

    def test_pointwise(self):
        module = Module(self.folder, "pointwise")
        rng = self.rng
        for batch, length in ((1, 1), (3, 37), (8, 64), (0, 5)):
            x, bias, row = draw(rng, (batch, length, 24)), draw(rng, 24), draw(rng, (batch, 1, 1))
            a = rng.integers(-50, 50, (batch, length)).astype(np.int32)
            b = rng.integers(-3, 40, (batch, length)).astype(np.int32)
            a[rng.random(a.shape) < 0.2] = np.iinfo(np.int32).min
            h = draw(rng, (length, batch + 1), F16)
            got = module(dict(x=x, bias=bias, row=row, a=a, b=b, h=h))
            where = f"{batch} x {length}"
            t = wide((x + bias) * row)
            self.near(f"gelu {where}", got["gelu"], t * (1 + ERF(t * 0.70710678)) * 0.5, terms=np.abs(t), units=16)
            self.near(f"half {where}", got["half"], np.tanh(wide(h)) + np.exp(wide(h)))
            np.testing.assert_array_equal(got["less"], a < b)
            np.testing.assert_array_equal(got["integers"], self.integers(a, b))
            sign = np.sign(a).astype(np.int64)
            extreme = np.where(sign > 0, np.iinfo(np.int32).max, np.where(sign < 0, np.iinfo(np.int32).min, 0))
            np.testing.assert_array_equal(got["saturated"], extreme)

    @staticmethod
    def integers(a, b):
        """(a / b) ^ (a % b) + (a << b) with the meanings of graph.td: truncating, x / 0 = 0, shifts past the width 0."""
        a64, b64 = a.astype(np.int64), b.astype(np.int64)
        safe = np.where(b64 == 0, 1, b64)
        quotient = np.where(b64 == 0, 0, np.sign(a64) * np.sign(safe) * (np.abs(a64) // np.abs(safe)))
        rest = np.where(b64 == 0, 0, a64 - quotient * safe)
        past = (b64 < 0) | (b64 > 31)
        shifted = np.where(past, 0, a64 << np.where(past, 0, b64))
        mixed = (quotient.astype(np.int32) ^ rest.astype(np.int32)).astype(np.int64)
        return (mixed + shifted).astype(np.int32)

    @staticmethod
    def softmax(x, axis):
        e = np.exp(wide(x) - wide(x).max(axis, keepdims=True))
        return e / e.sum(axis, keepdims=True)

    def test_rows(self):
        module = Module(self.folder, "rows")
        rng = self.rng
        # Rows of every variant: 256, 2048, more; one and several rows a CTA.
        for batch, length in ((1, 1), (5, 33), (3, 256), (2, 1000), (2, 5000), (1, 9000)):
            x, y = 3 * draw(rng, (batch, length)), draw(rng, (batch, length, 7))
            z, t = draw(rng, (batch, 96), F16), draw(rng, (batch, length))
            t[:, length // 2:] = t[:, :1]       # the first of equals wins
            scale, shift = draw(rng, 96, F16), draw(rng, 96, F16)
            x[0, 0] = -np.inf if length > 1 else x[0, 0]
            got = module(dict(x=x, y=y, z=z, scale=scale, shift=shift, t=t))
            where = f"{batch} x {length}"
            self.near(f"softmax {where}", got["softmax"], self.softmax(x, 1), units=64)
            self.near(f"middle {where}", got["middle"], self.softmax(y, 1), units=64)
            c = wide(z) - wide(z).mean(1, keepdims=True)
            norm = c / np.sqrt((c * c).mean(1, keepdims=True) + 1e-5)
            self.near(f"layernorm {where}", got["layernorm"], norm * wide(scale) + wide(shift), units=1,
                      terms=np.abs(norm * wide(scale)) + np.abs(wide(shift)))
            np.testing.assert_array_equal(got["argmax"], t.argmax(1), where)
            self.near(f"total {where}", got["total"], wide(t).sum(), terms=np.abs(t).sum())

    def test_not_a_number_goes_through_a_softmax(self):
        module = Module(self.folder, "rows")
        x = draw(self.rng, (3, 40))
        x[1, 7] = np.nan
        got = module(dict(x=x, y=draw(self.rng, (3, 40, 7)), z=draw(self.rng, (3, 96), F16), t=draw(self.rng, (3, 40)),
                          scale=draw(self.rng, 96, F16), shift=draw(self.rng, 96, F16)))["softmax"]
        self.assertTrue(np.isnan(got[1]).all())
        self.assertFalse(np.isnan(got[[0, 2]]).any())

    def matmul(self, name, dtype, sizes):
        module = Module(self.folder, "matmul", {"f16": name} if name != "f16" else None)
        rng = self.rng
        for batch, length in sizes:
            v = {"x": (batch, length, 72), "w": (72, 40), "bias": (40,), "res": (batch, length, 40),
                 "q": (batch, 4, length, 16), "k": (batch, 4, length, 16), "a": (33, length), "b": (length, 20),
                 "at": (length, 33), "bt": (20, length), "pr": (batch, 4, length, length), "v": (batch, 4, length, 16)}
            v = {key: draw(rng, shape, dtype) for key, shape in v.items()}
            got, w = module(v), {key: wide(value) for key, value in v.items()}
            size = {key: np.abs(value) for key, value in w.items()}
            where = f"{name} {batch} x {length}"
            # Each step of an epilogue rounds to the type again.
            steps = dict(units=2, dtype=dtype)
            unit = UNIT[np.dtype(dtype).name]
            d, ds = w["x"] @ w["w"], size["x"] @ size["w"]
            self.near(f"linear {where}", got["linear"], np.maximum(d + w["bias"], 0) + w["res"], **steps,
                      terms=ds + unit * 2.0 ** 20 * (np.abs(d) + size["bias"] + np.abs(d + w["bias"])))
            turned = (0, 1, 3, 2)
            s, ss = w["q"] @ w["k"].transpose(turned), size["q"] @ size["k"].transpose(turned)
            self.near(f"scores {where}", got["scores"], 0.25 * s, terms=ss, **steps)
            self.near(f"plain {where}", got["plain"], w["a"] @ w["b"], terms=size["a"] @ size["b"], **steps)
            self.near(f"turned {where}", got["turned"], w["at"].T @ w["bt"].T, terms=size["at"].T @ size["bt"].T, **steps)
            order = (0, 2, 1, 3)
            self.near(f"heads {where}", got["heads"], (w["pr"] @ w["v"]).transpose(order),
                      terms=(size["pr"] @ size["v"]).transpose(order), **steps)

    def test_matmul_f16(self):
        self.matmul("f16", F16, ((1, 1), (2, 33), (1, 300)))

    def test_matmul_bf16(self):
        self.matmul("bf16", BF16, ((1, 7), (3, 40)))

    def test_matmul_f32(self):
        self.matmul("f32", F32, ((1, 5), (2, 64)))

    def test_windows(self):
        module = Module(self.folder, "windows")
        rng = self.rng
        for count, height, width in ((1, 3, 3), (2, 9, 14)):
            x, f = draw(rng, (count, 6, height, width)), draw(rng, (8, 6, 3, 3))
            bias, g = draw(rng, 8), draw(rng, (4, 3, 2, 3))
            got = module(dict(x=x, f=f, bias=bias, g=g))
            where = f"{count} x {height} x {width}"
            ref, terms = (self.conv(*(part(v) for v in (x, f)), (2, 2), (1, 1), (1, 1), 1) for part in (wide, np.abs))
            self.near(f"conv {where}", got["conv"], np.maximum(ref + bias[:, None, None], 0), terms=terms + 1)
            ref, terms = (self.conv(*(part(v) for v in (x, g)), (1, 1), (2, 1), (0, 1), 2) for part in (wide, np.abs))
            self.near(f"grouped {where}", got["grouped"], ref, terms=terms)
            taps = self.taps(wide(x), (3, 3), (2, 2), (1, 1), (1, 1), -np.inf)
            self.near(f"max {where}", got["max"], taps.max(0), units=0)
            taps = self.taps(wide(x), (3, 3), (2, 2), (1, 1), (1, 1), 0)
            self.near(f"sum {where}", got["sum"], taps.sum(0), terms=np.abs(taps).sum(0))

    def test_channels_last(self):
        module = Module(self.folder, "channels_last")
        rng = self.rng
        for count, height, width in ((1, 3, 3), (2, 9, 14), (1, 6, 23)):
            x, bytes_ = draw(rng, (count, height, width, 16), F16), rng.integers(-128, 128, (count, height, width, 16)).astype(np.int8)
            f, d, m = draw(rng, (24, 3, 3, 16), F16), draw(rng, (1, 3, 3, 16), F16), draw(rng, (1, 3, 3, 32), F16)
            got = module(dict(x=x, f=f, d=d, m=m, bytes=bytes_))
            got = {name: value.transpose(0, 3, 1, 2) for name, value in got.items()}
            x, bytes_, f = (v.transpose(0, 3, 1, 2) for v in (x, bytes_, f))
            d, m = d.transpose(3, 0, 1, 2), m.transpose(3, 0, 1, 2)
            where = f"{count} x {height} x {width}"
            ref, terms = (self.conv(part(x), part(f), (2, 2), (1, 1), (1, 1), 1) for part in (wide, lambda v: np.abs(wide(v))))
            self.near(f"conv {where}", got["conv"], ref, terms=terms)
            ref, terms = (self.conv(part(x), part(d), (1, 1), (1, 1), (1, 1), 16) for part in (wide, lambda v: np.abs(wide(v))))
            self.near(f"depthwise {where}", got["depthwise"], ref + wide(x), units=4, terms=terms * 2 ** 10)
            ref, terms = (self.conv(part(x), part(m), (1, 1), (2, 1), (2, 0), 16) for part in (wide, lambda v: np.abs(wide(v))))
            self.near(f"twice {where}", got["twice"], ref, terms=terms)
            taps = self.taps(bytes_.astype(np.int32), (3, 2), (2, 1), (1, 1), (1, 0), -128)
            np.testing.assert_array_equal(got["bytesmax"], taps.max(0), f"bytesmax {where}")
            taps = self.taps(wide(x), (1, 5), (1, 1), (1, 1), (0, 2), 0)
            self.near(f"mean {where}", got["mean"], taps.sum(0) / 5, terms=np.abs(taps).sum(0))

    def test_taps(self):
        module = Module(self.folder, "taps")
        rng = self.rng
        for count, height, width in ((1, 3, 3), (2, 9, 14), (1, 40, 33)):
            x, line = draw(rng, (count, height, width, 64), F16), draw(rng, (count, width, 96), F16)
            f, g, e = draw(rng, (64, 3, 3, 64), F16), draw(rng, (64, 5, 7, 64), F16), draw(rng, (96, 5, 96), F16)
            got = module(dict(x=x, f=f, g=g, l=line, e=e))
            x, f, g = (v.transpose(0, 3, 1, 2) for v in (x, f, g))
            line, e = (v.transpose(0, 2, 1)[:, :, None] for v in (line, e))
            # name: input, filter, strides, dilations, padding in front and behind
            cases = dict(same=(x, f, (1, 1), (1, 1), ((1, 1), (1, 1))), half=(x, f, (2, 2), (1, 1), ((1, 1), (1, 1))),
                         large=(x, g, (1, 1), (2, 1), ((4, 2), (3, 5))), line=(line, e, (1, 1), (1, 3), ((0, 0), (6, 6))))
            for name, (source, weights, strides, dilations, pads) in cases.items():
                padded = np.pad(source, ((0, 0), (0, 0), *pads))
                ref, terms = (self.conv(part(padded), part(weights), strides, dilations, (0, 0), 1)
                              for part in (wide, lambda v: np.abs(wide(v))))
                ours = got[name].transpose(0, 3, 1, 2) if name != "line" else got[name].transpose(0, 2, 1)[:, :, None]
                self.near(f"{name} {count} x {height} x {width}", ours, ref, terms=terms)

    @staticmethod
    def taps(x, window, strides, dilations, pads, fill):
        """[tap, N, C, H', W']: what each position of the window sees."""
        x = np.pad(x, ((0, 0), (0, 0), (pads[0],) * 2, (pads[1],) * 2), constant_values=fill)
        out = [(x.shape[2 + d] - dilations[d] * (window[d] - 1) - 1) // strides[d] + 1 for d in (0, 1)]
        return np.stack([x[:, :, i * dilations[0]:, j * dilations[1]:][:, :, ::strides[0], ::strides[1]][:, :, :out[0], :out[1]]
                         for i in range(window[0]) for j in range(window[1])])

    def conv(self, x, f, strides, dilations, pads, groups):
        taps = self.taps(x, f.shape[2:], strides, dilations, pads, 0)
        channels, per = f.shape[1], f.shape[0] // groups
        parts = [np.einsum("tnchw,oct->nohw", taps[:, :, g * channels:(g + 1) * channels],
                           f[g * per:(g + 1) * per].reshape(per, channels, -1)) for g in range(groups)]
        return np.concatenate(parts, 1)

    def test_movement(self):
        module = Module(self.folder, "movement")
        rng = self.rng
        for batch, length in ((1, 1), (4, 19)):
            x, y = draw(rng, (batch, length, 12)), draw(rng, (batch, length, 5))
            table, same = draw(rng, (31, 16), F16), rng.integers(0, 9, 4).astype(np.int32)
            ids = rng.integers(-5, 36, (batch, length)).astype(np.int32)
            got = module(dict(x=x, y=y, table=table, ids=ids, same=same))
            expected = {"concat": 2 * np.concatenate([x, -y, x[:, :, ::-4]], 2), "passed": same,
                        "heads": np.abs(x.reshape(batch, length, 3, 4).transpose(0, 2, 1, 3)),
                        "embedded": 2 * table[np.clip(ids, 0, 30)],
                        "padded": -np.pad(x, ((0, 0), (1, 2), (0, 0)), constant_values=7)}
            for name, ref in expected.items():
                np.testing.assert_array_equal(got[name], ref, f"{name} {batch} x {length}")


if __name__ == "__main__":
    unittest.main()
