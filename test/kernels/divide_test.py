#!/usr/bin/env python3
"""Divisions of indices by extents that only a run knows: magic numbers in place of the GPU's division.

Quotients and remainders at the edges of many divisors, a divisor of zero included, which a launch that divides nothing by it may
have; and that no kernel of 32-bit indices has an instruction that divides.
"""
import pathlib
import re
import tempfile
import unittest

from kernels_test import Module     # also finds test/support
import numpy as np
from runtime import Session

LARGEST = 2 ** 31 - 1
KERNEL = re.compile(r"^\.visible \.entry (\w+)", re.M)
DIVISION = re.compile(r"^\s+(?:div|rem)\.[us]\d+.*", re.M)


def divisors():
    yield from range(1, 18)
    for bit in range(5, 31):
        yield from (2 ** bit - 1, 2 ** bit, 2 ** bit + 1)
    yield from (100, 196, 1000, 12_345_677, LARGEST - 1, LARGEST)


def dividends(d, rng):
    """Where quotients change, and somewhere else."""
    last = LARGEST // d * d
    some = int(rng.integers(2 ** 31))
    return {n for n in (0, 1, d - 1, d, last - 1, last, LARGEST, some, some // d * d, some // d * d - 1) if 0 <= n <= LARGEST}


class Divide(unittest.TestCase):
    def setUp(self):
        self.held = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.held.name)
        self.module = Module(self.folder, "divide")

    def tearDown(self):
        self.held.cleanup()

    def values(self, session, n, d):
        """The module's results for the digits of n and d, which are the extents of its inputs."""
        digits = dict(p=n >> 16, q=n & 0xffff, r=d >> 16, t=d & 0xffff)
        return {name: int(value) for name, value in session({k: np.zeros(v, np.int8) for k, v in digits.items()}).items()}

    def test_exact(self):
        session, rng = Session(self.module.artifact), np.random.default_rng(7)
        for d in divisors():
            for n in sorted(dividends(d, rng)):
                below = (n & 0xffff) - (n >> 16 << 16)
                want = dict(floor=n // d, rest=n % d, ceil=-(-n // d), below=below // d, by7=n // 7, of196=n % 196,
                            below7=below // 7, below12=below % 12, below16=below // 16, largest=n // LARGEST)
                self.assertEqual(self.values(session, n, d), want, f"{n} by {d}")

    def test_zero(self):
        session = Session(self.module.artifact)
        self.assertIn('["max",["+",["*","R",65536],"T"],1]', self.module.artifact.read_text())
        got = self.values(session, 1000, 0)     # whatever it is by zero
        self.assertEqual((got["by7"], got["of196"]), (1000 // 7, 1000 % 196))

    def test_no_divisions(self):
        for name in ("divide", "movement", "rows", "matmul", "gemv", "split_k"):
            ptx = Module(self.folder, name).artifact.read_text()
            parts = KERNEL.split(ptx)[1:]
            self.assertGreater(len(parts), 0, name)
            for kernel, body in zip(parts[::2], parts[1::2]):
                if not kernel.endswith("_i64"):
                    self.assertIsNone(DIVISION.search(body), f"{name} {kernel}")


if __name__ == "__main__":
    unittest.main()
