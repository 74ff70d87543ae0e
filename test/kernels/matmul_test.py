#!/usr/bin/env python3
"""What matrix products cost by the virtual GPU's counters: no bank conflicts where fragments are read or copies land, and the
number of matrix instructions that the tile says; in every order of the operands, with right results.
"""
import itertools
import json
import re
import unittest

import kernels_test as base     # also finds test/support
import numpy as np
import plan as plans
from kernels_test import BF16, F16, F32, draw, wide
from programs import run

NAMES = {"f16": F16, "bf16": BF16, "f32": F32}
INSTRUCTION_K = {"f16": 16, "bf16": 16, "f32": 8}
FEEDING = re.compile(r"^\s*(@!?%\w+ )?(ldmatrix|cp\.async\.c[ag])")


def product(kind, m, n, k, turned_a, turned_b, turned_c):
    """Text of C = A * B with operands and result stored in either order; fp32 as tf32."""
    a, b = (f"tensor<{k}x{m}x{kind}>", 0) if turned_a else (f"tensor<{m}x{k}x{kind}>", 1), \
           (f"tensor<{n}x{k}x{kind}>", 1) if turned_b else (f"tensor<{k}x{n}x{kind}>", 0)
    c, t = f"tensor<{m}x{n}x{kind}>", f"tensor<{n}x{m}x{kind}>"
    precision = ' precision "tf32"' if kind == "f32" else ""
    last = f"%t = graph.transpose %d perm [1, 0] : {c} -> {t}\n  return %t : {t}" if turned_c else f"return %d : {c}"
    return (f'func.func @main(%a: {a[0]} {{graph.name = "a"}}, %b: {b[0]} {{graph.name = "b"}}) -> '
            f'({t if turned_c else c} {{graph.name = "c"}}) {{\n'
            f"  %d = graph.dot %a, %b batch [] x [] contract [{a[1]}] x [{b[1]}]{precision} : {a[0]}, {b[0]} -> {c}\n"
            f"  {last}\n}}\n")


class Matmul(base.Kernels):
    def counted(self, text, inputs):
        """(artifact's lines, the schedule, the kernel's counters, the result)."""
        source, artifact, counters = (self.folder / name for name in ("p.mlir", "p.ptx", "counters.json"))
        source.write_text(text)
        run("dlc", source, "-o", artifact)
        np.savez(self.folder / "in.npz", **inputs)
        run("dlc-run", artifact, "--device=vcuda", "--inputs", self.folder / "in.npz", "--save", self.folder / "out.npz",
            env={"VCUDA_COUNTERS": str(counters), "VCUDA_LINE_COUNTERS": "on"})
        kernels = json.loads(counters.read_text())["kernels"]
        self.assertEqual(len(kernels), 1)
        variants = plans.read(artifact)[0]["ops"][0]["variants"]
        schedule = next(v["schedule"] for v in variants if v["launches"][0]["kernel"] == kernels[0]["kernel"])
        with np.load(self.folder / "out.npz") as kept:
            return artifact.read_text().splitlines(), schedule, kernels[0], kept["c"]

    def check(self, kind, m, n, k, orders, aligned=True):
        where = f"{kind} {m}x{n}x{k} orders {orders}"
        a, b = draw(self.rng, (m, k), NAMES[kind]), draw(self.rng, (k, n), NAMES[kind])
        lines, schedule, counters, c = self.counted(product(kind, m, n, k, *orders), {
            "a": a.T.copy() if orders[0] else a, "b": b.T.copy() if orders[1] else b})
        tile = re.search(r"tile=(\d+)x(\d+)x(\d+)", schedule)
        self.assertTrue(tile, schedule)
        bm, bn, bk = map(int, tile.groups())
        padded = -(-m // bm) * bm * (-(-n // bn) * bn) * (-(-k // bk) * bk)
        self.assertEqual(counters["instructions"]["mma"],
                         padded // (16 * 8 * INSTRUCTION_K[kind]), f"{where}: {schedule}")
        self.assertEqual(counters["mma_flops"], 2 * padded, where)
        terms = np.abs(wide(a)) @ np.abs(wide(b)) * (2.0 ** 10 if kind == "f32" else 1)
        expected = wide(a) @ wide(b)
        self.near(where, c.T if orders[2] else c, expected, terms, dtype=NAMES[kind])
        if not aligned:
            return
        feeding = [line for line in counters["lines"] if FEEDING.match(lines[line["ptx_line"] - 1])]
        self.assertTrue(any("ldmatrix" in lines[line["ptx_line"] - 1] for line in feeding) or kind == "f32", where)
        self.assertTrue(any("cp.async" in lines[line["ptx_line"] - 1] for line in feeding), where)
        for line in feeding:
            self.assertEqual(line["wavefronts"], line["ideal_wavefronts"], f"{where}: {lines[line['ptx_line'] - 1].strip()}")

    def test_orders(self):
        for orders in itertools.product((False, True), repeat=3):
            self.check("f16", 136, 200, 104, orders)

    def test_types_and_tiles(self):
        """Sizes for which the tile is small, oblong or large."""
        for kind, (m, n, k) in itertools.product(("f16", "bf16", "f32"), ((24, 40, 64), (16, 512, 128), (512, 24, 72),
                                                                         (200, 328, 56))):
            for orders in ((False, False, False), (True, True, False), (False, True, True)):
                self.check(kind, m, n, k, orders)

    def test_large(self):
        self.check("f16", 1536, 1536, 64, (False, False, False))
        self.check("bf16", 1537, 1544, 40, (False, True, False))

    def test_wide(self):
        """Tiles in groups of eight rows, the last group with one."""
        self.check("f16", 1100, 12801, 16, (False, True, False), aligned=False)

    def test_rows_of_any_length(self):
        for orders in itertools.product((False, True), repeat=3):
            self.check("f16", 67, 51, 33, orders, aligned=False)


def load_tests(loader, _tests, _pattern):
    """Without the tests of the class that Matmul extends."""
    names = [name for name in vars(Matmul) if name.startswith("test_")]
    return unittest.TestSuite(Matmul(name) for name in names)


if __name__ == "__main__":
    unittest.main()
