#!/usr/bin/env python3
"""Instructions of a kernel that only moves, all sizes known at run time alone: index arithmetic is nearly all of it.

A transpose of the last two of three symbolic dims takes an element's number apart: two quotients, two remainders. The GPU's own
division would be some thirty instructions for each.
"""
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(pathlib.Path(__file__).resolve().parents[1] / "support")]
from main_loop_test import DISASSEMBLER, INSTRUCTION  # noqa: E402
from programs import run, skip  # noqa: E402
from ptxas import find_ptxas  # noqa: E402

MOST = 110
TEXT = """
!x = tensor<?x?x?xf32, #graph.dims<B, S, H>>
!y = tensor<?x?x?xf32, #graph.dims<B, H, S>>
graph.symbol "B" min 1 max 64 multiple 1 origins ["x dim 0"]
graph.symbol "S" min 1 max 1024 multiple 1 origins ["x dim 1"]
graph.symbol "H" min 1 max 1024 multiple 1 origins ["x dim 2"]
func.func @main(%x: !x) -> !y {
  %a = math.absf %x : !x
  %t = graph.transpose %a perm [0, 2, 1] : !x -> !y
  return %t : !y
}
"""


class IndexArithmetic(unittest.TestCase):
    def test_transpose(self):
        with tempfile.TemporaryDirectory() as held:
            source, ptx, cubin = (pathlib.Path(held) / name for name in ("t.mlir", "t.ptx", "t.cubin"))
            source.write_text(TEXT)
            run("dlc", source, "-o", ptx)
            subprocess.run([find_ptxas(), "-arch=sm_80", "-o", cubin, ptx], check=True)
            sass = subprocess.run([DISASSEMBLER, "-c", cubin], capture_output=True, text=True, check=True).stdout
        opcodes = [found[1] for line in sass.splitlines() if (found := INSTRUCTION.match(line))]
        opcodes = [opcode for opcode in opcodes if opcode != "NOP"]
        self.assertIn("LDG", opcodes)
        self.assertLessEqual(len(opcodes), MOST, sorted(opcodes))


if __name__ == "__main__":
    if not DISASSEMBLER.exists():
        skip(f"{DISASSEMBLER} is not there (./dev setup with a network)")
    find_ptxas()
    unittest.main()
