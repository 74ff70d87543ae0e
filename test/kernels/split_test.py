#!/usr/bin/env python3
"""Kernels in which several CTAs share a piece of work and the last one finishes it: every order of the CTAs gives the same
bits, the counters are left at zero, and contexts do not meet.
"""
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

    def test_millions(self):
        module = Module(self.folder, "split_rows")
        inputs = self.rows(1, 2_000_003)
        self.check_rows(inputs, module(inputs), "millions")

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
