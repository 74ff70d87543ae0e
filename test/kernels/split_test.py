#!/usr/bin/env python3
"""Kernels in which several CTAs share a piece of work and the last one finishes it: every order of the CTAs gives the same
bits, the counters are left at zero, and contexts do not meet.
"""
import re
import threading
import unittest

import kernels_test as base     # also finds test/support
import numpy as np
from kernels_test import F16, Module, draw, wide
from programs import run
from runtime import Session

SCHEDULES = ("forward", "reverse", "random:1", "random:2")


class Split(base.Kernels):
    def same_under_all_schedules(self, module, inputs, where, checks="fast"):
        got = module(inputs)
        for schedule in SCHEDULES:
            again = module(inputs, VCUDA_SCHEDULE=schedule, VCUDA_CHECKS=checks)
            for name, value in got.items():
                np.testing.assert_array_equal(value.view(np.uint8), again[name].view(np.uint8), f"{name} {where} {schedule}")
        return got

    def rows(self, batch, length):
        rng = self.rng
        x = draw(rng, (batch, length))
        x[:, length // 2:] = np.minimum(x[:, length // 2:], x[:, :1] + 1)       # equals on both sides of parts
        return dict(x=x, h=draw(rng, (batch, length), F16), c=draw(rng, (length, 10)),
                    scale=np.full(batch, 1 / length, np.float32))

    def check_rows(self, inputs, got, where):
        x, h, c = (wide(inputs[name]) for name in "xhc")
        self.near(f"mean {where}", got["mean"], (h * h).mean(1), units=2)
        np.testing.assert_array_equal(got["largest"], inputs["x"].max(1), where)
        np.testing.assert_array_equal(got["where"], inputs["x"].argmax(1), where)
        np.testing.assert_array_equal(got["any"], (x > 4.5).any(1), where)
        self.near(f"softmax {where}", got["softmax"], self.softmax(x, 1), units=64)
        self.near(f"variance {where}", got["variance"], x.var(1), units=64)
        self.near(f"columns {where}", got["columns"], c.sum(0), terms=np.abs(c).sum(0))

    def test_rows(self):
        module = Module(self.folder, "split_rows")
        stdout, _, _ = run("dlc", "inspect", module.artifact)
        self.assertIn("split<=216", stdout)
        # A length of one more than one CTA takes, parts that end in the middle of a tile, rows that fill the device without.
        for batch, length in ((1, 1), (2, 1000), (3, 16_385), (1, 70_001), (55, 16_500)):
            inputs = self.rows(batch, length)
            where = f"{batch} x {length}"
            self.check_rows(inputs, self.same_under_all_schedules(module, inputs, where), where)

    def test_every_access_is_ordered(self):
        module = Module(self.folder, "split_rows")
        inputs = self.rows(2, 20_000)
        self.same_under_all_schedules(module, inputs, "all checks", checks="full")
        self.gemv("f16", F16, ((2, 70),), checks="full")
        self.split_k("f16", F16, ((9, 2048),), checks="full")

    def test_millions(self):
        module = Module(self.folder, "split_rows")
        inputs = self.rows(1, 2_000_003)
        self.check_rows(inputs, module(inputs), "millions")

    def gemv(self, name, dtype, sizes, checks="fast"):
        module = Module(self.folder, "gemv", {"f16": name} if name != "f16" else None)
        rng = self.rng
        for batch, length in sizes:
            v = {"x": (batch, 1536), "w": (1536, 200), "bias": (200,), "wt": (200, 1536), "q": (batch, 4, 1, 64),
                 "k": (batch, 4, length, 64), "v": (1, length), "t": (length, 33), "c": (7, 1536), "o": (1, 7), "ot": (7, 150)}
            v = {key: draw(rng, shape, dtype) for key, shape in v.items()}
            where = f"{name} {batch} x {length}"
            got, w = self.same_under_all_schedules(module, v, where, checks), {key: wide(value) for key, value in v.items()}
            size = {key: np.abs(value) for key, value in w.items()}
            steps = dict(units=2, dtype=dtype)
            unit = base.UNIT[np.dtype(dtype).name] * 2.0 ** 20
            d = w["x"] @ w["w"]
            self.near(f"linear {where}", got["linear"], np.maximum(d + w["bias"], 0), **steps,
                      terms=size["x"] @ size["w"] + unit * (np.abs(d) + size["bias"]))
            self.near(f"turned {where}", got["turned"], -w["x"] @ w["wt"].T, terms=size["x"] @ size["wt"].T, **steps)
            s = w["q"] @ w["k"].transpose(0, 1, 3, 2)
            self.near(f"scores {where}", got["scores"], s, terms=size["q"] @ size["k"].transpose(0, 1, 3, 2), **steps)
            s = wide(got["scores"].view(dtype))
            self.near(f"heads {where}", got["heads"], s @ w["k"], terms=np.abs(s) @ size["k"], **steps)
            self.near(f"long {where}", got["long"], w["v"] @ w["t"], terms=size["v"] @ size["t"], **steps)
            self.near(f"columns {where}", got["columns"], w["wt"] @ w["c"].T, terms=size["wt"] @ size["c"].T, **steps)
            self.near(f"odd {where}", got["odd"], w["o"] @ w["ot"], terms=size["o"] @ size["ot"], **steps)
        return module

    def test_gemv_f16(self):
        # 9 rows are a matrix product again.
        module = self.gemv("f16", F16, ((1, 1), (8, 33), (3, 5000), (9, 16)))
        stdout, _, _ = run("dlc", "inspect", module.artifact)
        for part in ("gemv rows=8", "along=n width=8", "along=k width=8", "matmul kind=f16"):
            self.assertIn(part, stdout)
        self.assertRegex(stdout, r"gemv .* split=([2-9]|\d\d)")

    def test_gemv_bf16(self):
        self.gemv("bf16", base.BF16, ((1, 7), (5, 300)))

    def test_gemv_f32(self):
        self.gemv("f32", base.F32, ((1, 5), (7, 130)))

    def split_k(self, name, dtype, sizes, checks="fast"):
        module = Module(self.folder, "split_k", {"f16": name} if name != "f16" else None)
        stdout, _, _ = run("dlc", "inspect", module.artifact)
        # Every product has a variant for few tiles.
        self.assertEqual(len(re.findall(r"matmul kind=.* split=\d", stdout)), 4, stdout)
        rng = self.rng
        for batch, length in sizes:
            v = {"x": (batch, 3000), "w": (3000, 72), "wt": (72, 3000), "bias": (72,), "res": (batch, 72),
                 "a": (2, batch, length), "c": (2, length, 40), "i": (1, 256, 7, 7), "f": (64, 256, 3, 3)}
            v = {key: draw(rng, shape, dtype) for key, shape in v.items()}
            where = f"{name} {batch} x {length}"
            got, w = self.same_under_all_schedules(module, v, where, checks), {key: wide(value) for key, value in v.items()}
            size = {key: np.abs(value) for key, value in w.items()}
            steps = dict(units=2, dtype=dtype)
            unit = base.UNIT[np.dtype(dtype).name] * 2.0 ** 20
            d = w["x"] @ w["w"]
            self.near(f"linear {where}", got["linear"], np.maximum(d + w["bias"], 0) + w["res"], **steps,
                      terms=size["x"] @ size["w"] + unit * (2 * np.abs(d) + 2 * size["bias"] + size["res"]))
            self.near(f"turned {where}", got["turned"], w["wt"] @ w["x"].T, terms=size["wt"] @ size["x"].T, **steps)
            self.near(f"batched {where}", got["batched"], w["a"] @ w["c"], terms=size["a"] @ size["c"], **steps)
            ref, terms = (self.conv(part(v["i"].astype(np.float32)), part(v["f"].astype(np.float32)), (2, 2), (1, 1), (0, 0), 1)
                          for part in (wide, lambda x: np.abs(wide(x))))
            self.near(f"conv {where}", got["conv"], ref, terms=terms, **steps)

    def test_split_k_f16(self):
        self.split_k("f16", F16, ((9, 2048), (33, 3001)))

    def test_split_k_f32(self):
        self.split_k("f32", base.F32, ((16, 2500),))

    def test_again_and_from_two_contexts(self):
        module = Module(self.folder, "split_rows")
        small, large = self.rows(1, 17_000), self.rows(2, 40_000)
        first = Session(module.artifact)
        second = Session(module.artifact, share=first)
        expected = [first(small), first(large)]
        wrong = []

        def runs(session):
            for _ in range(3):
                for inputs, ref in zip((small, large), expected):
                    got = session(inputs)
                    wrong.extend(name for name, value in ref.items() if not np.array_equal(got[name], value))
        threads = [threading.Thread(target=runs, args=(s,)) for s in (first, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])
        self.check_rows(small, expected[0], "first")
        self.check_rows(large, expected[1], "second")
        second.close()
        first.close()


def load_tests(loader, _tests, _pattern):
    """Without the tests of the class that Split extends."""
    names = [name for name in vars(Split) if name.startswith("test_")]
    return unittest.TestSuite(Split(name) for name in names)


if __name__ == "__main__":
    unittest.main()
