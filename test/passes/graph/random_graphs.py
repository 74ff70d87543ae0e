#!/usr/bin/env python3
"""Random graphs through the graph pipeline: what they compute must stay the same after each pass.

    random_graphs.py [--first SEED] [--count N] [--ops N] [--disable NAMES]

Each graph has a symbolic and some static dims, and values that are read several times, at several indices and by results. The
interpreter runs every pass's input and output on seeded inputs (dlc-opt --check-semantics). A failing graph is printed with
the command that repeats it; exit 1 when there is one.
"""
import argparse
import os
import random
import subprocess
import sys
import tempfile


class Value:
    def __init__(self, name, dims, element="f32"):
        self.name, self.dims, self.element = name, list(dims), element

    @property
    def type(self):
        shape = "".join(("?" if isinstance(d, str) else str(d)) + "x" for d in self.dims)
        if any(isinstance(d, str) for d in self.dims):
            return f"tensor<{shape}{self.element}, #graph.dims<{', '.join(map(str, self.dims))}>>"
        return f"tensor<{shape}{self.element}>"


UNARY = ["math.tanh", "arith.negf", "math.absf", "math.erf", "math.sin"]
BINARY = ["arith.addf", "arith.subf", "arith.mulf", "arith.maximumf", "arith.minimumf"]


class Graph:
    def __init__(self, seed, ops):
        self.random = random.Random(seed)
        self.lines, self.values, self.weights, self.used = [], [], 0, set()
        self.arguments = [Value(f"%arg{i}", self.random.choice([["B", 6, 4], ["B", 4], [6, 4], ["B", 6], [4, 4]]))
                          for i in range(3)]
        self.values = list(self.arguments)
        while len(self.lines) < ops:
            try:
                self.random.choice([self.unary, self.binary, self.binary, self.binary, self.splat, self.transpose, self.reduce,
                                    self.broadcast, self.dot, self.slice, self.concat, self.pad, self.reshape, self.gather,
                                    self.softmax, self.select, self.half])()
            except LookupError:
                pass  # no value fits this kind of op

    def pick(self, accept=lambda v: True):
        choices = [v for v in self.values if v.element == "f32" and accept(v)]
        if not choices:
            raise LookupError
        value = self.random.choice(choices[-8:] if self.random.random() < 0.7 else choices)
        self.used.add(value.name)
        return value

    def emit(self, text, dims, element="f32", keep=True):
        value = Value(f"%{len(self.lines)}", dims, element)
        self.lines.append(f"{value.name} = {text.replace('RESULT', value.type)}")
        if keep:
            self.values.append(value)
        return value

    def weight(self, dims):
        self.weights += 1
        return self.emit(f'graph.constant #graph.weight<"w{self.weights}"> -> RESULT', dims, keep=False)

    def fill(self, dims, number=None):
        number = number or self.random.choice(["0.0", "1.0", "-1.0", "0.5", "2.0", "0xFF800000"])
        return self.emit(f"graph.fill {number} : f32 -> RESULT", dims, keep=False)

    def unary(self):
        x = self.pick()
        self.emit(f"{self.random.choice(UNARY)} {x.name} : {x.type}", x.dims)

    def binary(self):
        x = self.pick()
        y = self.pick(lambda v: v.dims == x.dims)
        self.emit(f"{self.random.choice(BINARY)} {x.name}, {y.name} : {x.type}", x.dims)

    def splat(self):
        x = self.pick()
        y = self.fill(x.dims, self.random.choice(["0.0", "1.0", "-1.0", "0.5", "2.0"]))
        self.emit(f"{self.random.choice(BINARY)} {x.name}, {y.name} : {x.type}", x.dims)

    def transpose(self):
        x = self.pick(lambda v: len(v.dims) > 1)
        perm = list(range(len(x.dims)))
        self.random.shuffle(perm)
        self.emit(f"graph.transpose {x.name} perm {perm} : {x.type} -> RESULT", [x.dims[p] for p in perm])

    def reduction(self, x, dims, keep=True):
        op, init = self.random.choice([("arith.addf", "0.0"), ("arith.maximumf", "0xFF800000")])
        return self.emit(f"graph.reduce {x.name} init [{init} : f32] dims {dims} : {x.type} -> RESULT combiner {{\n"
                         f"  ^bb0(%a: f32, %b: f32):\n    %c = {op} %a, %b : f32\n    graph.yield %c : f32\n  }}",
                         [d for i, d in enumerate(x.dims) if i not in dims], keep=keep)

    def reduce(self):
        x = self.pick(lambda v: len(v.dims) > 1)
        self.reduction(x, sorted(self.random.sample(range(len(x.dims)), self.random.randint(1, len(x.dims) - 1))))

    def repeat(self, x, dims, places, keep=True):
        return self.emit(f"graph.broadcast {x.name} dims {places} : {x.type} -> RESULT", dims, keep=keep)

    def broadcast(self):
        x = self.pick(lambda v: len(v.dims) < 3)
        place = self.random.randint(0, len(x.dims))
        dims = x.dims[:place] + [self.random.choice([1, 2, 4, 6])] + x.dims[place:]
        self.repeat(x, dims, [i for i in range(len(dims)) if i != place])

    def softmax(self):
        x = self.pick(lambda v: len(v.dims) > 1)
        axis = len(x.dims) - 1
        row = self.reduction(x, [axis], keep=self.random.random() < 0.3)
        if self.random.random() < 0.4:
            row = self.emit(f"graph.reshape {row.name} : {row.type} -> RESULT", row.dims + [1], keep=False)
        wide = self.repeat(row, x.dims, list(range(len(row.dims))), keep=self.random.random() < 0.2)
        y = self.emit(f"arith.subf {x.name}, {wide.name} : {x.type}", x.dims)
        s = self.reduction(y, [axis], keep=False)
        wide = self.repeat(s, x.dims, list(range(axis)), keep=False)
        self.emit(f"arith.addf {y.name}, {wide.name} : {x.type}", x.dims)

    def dot(self):
        x = self.pick(lambda v: not isinstance(v.dims[-1], str) if v.dims else False)
        k, n = x.dims[-1], self.random.choice([4, 6])
        transposed = self.random.random() < 0.5
        w = self.weight([n, k] if transposed else [k, n])
        dims = x.dims[:-1] + [n]
        y = self.emit(f"graph.dot {x.name}, {w.name} batch [] x [] contract [{len(x.dims) - 1}] x [{int(transposed)}] : "
                      f"{x.type}, {w.type} -> RESULT", dims, keep=self.random.random() < 0.5)
        b = self.repeat(self.weight([n]), dims, [len(dims) - 1], keep=False)
        op = self.random.choice(["arith.mulf", "arith.addf", "arith.subf"])
        self.emit(f"{op} {y.name}, {b.name} : {y.type}", dims)

    def slice(self):
        x = self.pick(lambda v: any(isinstance(d, int) and d > 1 for d in v.dims))
        axis = self.random.choice([i for i, d in enumerate(x.dims) if isinstance(d, int) and d > 1])
        size = self.random.randint(1, x.dims[axis])
        offset = self.random.randint(0, x.dims[axis] - size)
        dims = [size if i == axis else d for i, d in enumerate(x.dims)]
        offsets = ", ".join(str(offset if i == axis else 0) for i in range(len(dims)))
        self.emit(f"graph.slice {x.name} offsets <{offsets}> steps {[1] * len(dims)} : {x.type} -> RESULT", dims)

    def concat(self):
        x = self.pick(lambda v: any(isinstance(d, int) for d in v.dims))
        axis = self.random.choice([i for i, d in enumerate(x.dims) if isinstance(d, int)])
        y = self.pick(lambda v: len(v.dims) == len(x.dims) and isinstance(v.dims[axis], int)
                      and all(a == b for i, (a, b) in enumerate(zip(v.dims, x.dims)) if i != axis))
        dims = [x.dims[axis] + y.dims[axis] if i == axis else d for i, d in enumerate(x.dims)]
        if dims[axis] <= 12:
            self.emit(f"graph.concat {x.name}, {y.name} axis {axis} : {x.type}, {y.type} -> RESULT", dims)

    def pad(self):
        x = self.pick(lambda v: any(isinstance(d, int) and d < 8 for d in v.dims))
        axis = self.random.choice([i for i, d in enumerate(x.dims) if isinstance(d, int) and d < 8])
        low, high = self.random.randint(0, 1), self.random.randint(0, 1)
        v = self.fill([], self.random.choice(["0.0", "1.5"]))
        text = [", ".join(str(m if i == axis else 0) for i in range(len(x.dims))) for m in (low, high)]
        self.emit(f"graph.pad {x.name}, {v.name} low <{text[0]}> high <{text[1]}> : {x.type}, {v.type} -> RESULT",
                  [d + low + high if i == axis else d for i, d in enumerate(x.dims)])

    def reshape(self):
        x = self.pick(lambda v: any(isinstance(d, int) and d in (4, 6) for d in v.dims))
        axis = self.random.choice([i for i, d in enumerate(x.dims) if d in (4, 6)])
        split = self.random.choice([[2, x.dims[axis] // 2], [1, x.dims[axis]], [x.dims[axis], 1]])
        dims = x.dims[:axis] + split + x.dims[axis + 1:]
        y = self.emit(f"graph.reshape {x.name} : {x.type} -> RESULT", dims)
        if len(dims) > 3 or self.random.random() < 0.5:
            self.emit(f"graph.reshape {y.name} : {y.type} -> RESULT", x.dims)

    def gather(self):
        x = self.pick(lambda v: v.dims and isinstance(v.dims[0], int))
        i = self.emit("graph.iota dim 0 : RESULT", ["B"], "i64", keep=False)
        self.emit(f"graph.gather {x.name}, {i.name} axis 0 batch_dims 0 : {x.type}, {i.type} -> RESULT", ["B"] + x.dims[1:])

    def select(self):
        x = self.pick()
        y = self.pick(lambda v: v.dims == x.dims)
        c = self.emit(f"arith.cmpf ogt, {x.name}, {y.name} : {x.type}", x.dims, "i1", keep=False)
        z = self.fill(x.dims, "0.25")
        self.emit(f"arith.select {c.name}, {x.name}, {z.name} : {c.type}, {x.type}", x.dims)

    def half(self):
        x = self.pick()
        n = self.emit(f"arith.truncf {x.name} : {x.type} to RESULT", x.dims, "f16", keep=False)
        self.emit(f"arith.extf {n.name} : {n.type} to RESULT", x.dims)

    def text(self):
        results = [v for v in self.values if v.name not in self.used and v not in self.arguments]
        results += self.random.sample(self.values, 2)
        signature = ", ".join(f"{v.name}: {v.type}" for v in self.arguments)
        types = ", ".join(v.type for v in results)
        return ('graph.symbol "B" min 1 max 4 multiple 1 origins []\n'
                f"func.func @main({signature}) -> ({types}) {{\n  " + "\n  ".join(self.lines) +
                f"\n  return {', '.join(v.name for v in results)} : {types}\n}}\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--ops", type=int, default=30)
    parser.add_argument("--disable", default="")
    arguments = parser.parse_args()
    dlc_opt = os.path.join(os.environ.get("DLC_BIN_DIR", "build/bin"), "dlc-opt")
    failures = 0
    for seed in range(arguments.first, arguments.first + arguments.count):
        with tempfile.NamedTemporaryFile("w", suffix=".mlir") as file:
            file.write(Graph(seed, arguments.ops).text())
            file.flush()
            command = [dlc_opt, "--graph-pipeline", "--check-semantics", f"--disable={arguments.disable}", file.name]
            try:
                run = subprocess.run(command, capture_output=True, text=True, timeout=60)
                bad = run.returncode != 0 or "error" in run.stderr or "warning" in run.stderr
                message = run.stderr[:600]
            except subprocess.TimeoutExpired:
                bad, message = True, "no end after 60 s"
        if bad:
            failures += 1
            print(f"seed {seed}: repeat with {sys.argv[0]} --first {seed} --count 1 --ops {arguments.ops}\n{message}")
    print(f"{arguments.count} random graphs, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
