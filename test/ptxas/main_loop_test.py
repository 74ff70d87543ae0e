#!/usr/bin/env python3
"""The main loops of fp16 matmuls and convolutions in SASS, for sm_80: what stands in them beside the matrix instructions.

A kernel is assembled and disassembled by NVIDIA's packages in .cache/wheels; without them the test is skipped, or fails when
CI is set. The main loop is the body, from its label to the branch back, in which matrix instructions are densest.
"""
import collections
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(pathlib.Path(__file__).resolve().parents[1] / "support")]
from programs import ROOT, run, skip  # noqa: E402
from ptxas import USE, find_ptxas  # noqa: E402

DISASSEMBLER = ROOT / ".cache" / "wheels" / "nvdisasm" / "nvidia" / "cu13" / "bin" / "nvdisasm"
MOST = 1.2                      # other instructions per matrix instruction
LABEL = re.compile(r"^(\.L_\w+):")
INSTRUCTION = re.compile(r"^\s+/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?([A-Z][A-Z0-9]*)(.*)")


def main_loop(sass):
    """Counts of the opcodes in the main loop."""
    body, labels, best = [], {}, None
    for line in sass.splitlines():
        if label := LABEL.match(line):
            labels[label[1]] = len(body)
        elif found := INSTRUCTION.match(line):
            body.append(found[1])
            back = re.search(r"`\((\.L_\w+)\)", found[2])
            if found[1] == "BRA" and back and back[1] in labels:
                loop = collections.Counter(body[labels[back[1]]:])
                if best is None or loop["HMMA"] / loop.total() > best["HMMA"] / best.total():
                    best = loop
    return best


def text(m, n, k, a_turned, b_turned):
    """Graph text of a product; a name in place of a size is a symbol of at least 4096."""
    def tensor(*dims):
        shape = "x".join("?" if isinstance(d, str) else str(d) for d in dims)
        named = f", #graph.dims<{', '.join(map(str, dims))}>" if any(isinstance(d, str) for d in dims) else ""
        return f"tensor<{shape}xf16{named}>"

    a, b, c = tensor(k, m) if a_turned else tensor(m, k), tensor(n, k) if b_turned else tensor(k, n), tensor(m, n)
    symbols = "".join(f'graph.symbol "{d}" min 4096 max 8192 multiple 1 origins ["a"]\n' for d in (m, n, k) if isinstance(d, str))
    return symbols + (f"func.func @main(%a: {a}, %b: {b}) -> {c} {{\n"
                      f"  %d = graph.dot %a, %b batch [] x [] contract [{int(not a_turned)}] x [{int(b_turned)}] : {a}, {b} -> {c}\n"
                      f"  return %d : {c}\n}}\n")


def convolution(channels, size, stride):
    """Graph text of a 3x3 convolution of `channels` to as many, all of them last in memory."""
    out = (size - 1) // stride + 1

    def tensor(*dims):
        return f"tensor<?x{'x'.join(map(str, dims))}xf16, #graph.dims<{', '.join(map(str, ('N', *dims)))}>>"

    x, xc = tensor(size, size, channels), tensor(channels, size, size)
    y, yc, w = tensor(out, out, channels), tensor(channels, out, out), f"tensor<{channels}x3x3x{channels}xf16>"
    wc = f"tensor<{channels}x{channels}x3x3xf16>"
    return (f'graph.symbol "N" min 64 max 128 multiple 1 origins ["x"]\n'
            f"func.func @main(%x: {x}, %w: {w}) -> {y} {{\n"
            f"  %xc = graph.transpose %x perm [0, 3, 1, 2] : {x} -> {xc}\n"
            f"  %wc = graph.transpose %w perm [0, 3, 1, 2] : {w} -> {wc}\n"
            f"  %c = graph.conv %xc, %wc strides [{stride}, {stride}] dilations [1, 1] low <1, 1> high <1, 1> groups 1 : {xc}, {wc} -> {yc}\n"
            f"  %y = graph.transpose %c perm [0, 2, 3, 1] : {yc} -> {y}\n"
            f"  return %y : {y}\n}}\n")


class MainLoop(unittest.TestCase):
    def check(self, *product):
        self.check_text(text(*product), product)

    def check_text(self, graph, product, most=MOST):
        with tempfile.TemporaryDirectory() as held:
            source, ptx, cubin = (pathlib.Path(held) / name for name in ("p.mlir", "p.ptx", "p.cubin"))
            source.write_text(graph)
            run("dlc", source, "-o", ptx)
            self.assertIn("tile=128x128x32", ptx.read_text(), product)
            log = subprocess.run([find_ptxas(), "-v", "-arch=sm_80", "-o", cubin, ptx], capture_output=True, text=True, check=True)
            for name, *wasted in USE.findall(log.stderr):
                self.assertEqual(wasted, ["0", "0", "0"], f"{product} {name}: stack, spill stores, spill loads")
            loop = main_loop(subprocess.run([DISASSEMBLER, "-c", cubin], capture_output=True, text=True, check=True).stdout)
        self.assertEqual(loop["HMMA"], 64, f"{product}: a warp multiplies 64x64 by two steps of k")
        others = loop.total() - loop["HMMA"]
        self.assertLessEqual(others / loop["HMMA"], most, f"{product}: {loop}")

    def test_orders(self):
        for a_turned in (False, True):
            for b_turned in (False, True):
                self.check(4096, 4096, 4096, a_turned, b_turned)

    def test_symbolic_rows(self):
        self.check("M", 4096, 4096, False, False)
        self.check("M", 4096, 4096, False, True)

    def test_parts_of_tiles(self):
        self.check(4001, 4088, 4088, False, False)
        self.check(4001, 4088, 4088, False, True)

    def test_convolutions(self):
        # A tap's place and whether it is inside of the image cost a few instructions more than a matrix's next block.
        for channels, size, stride in ((128, 28, 1), (256, 14, 1), (128, 56, 2), (384, 14, 1)):
            self.check_text(convolution(channels, size, stride), f"{channels} x {size}, stride {stride}", most=1.35)


if __name__ == "__main__":
    if not DISASSEMBLER.exists():
        skip(f"{DISASSEMBLER} is not there (./dev setup with a network)")
    find_ptxas()
    unittest.main()
