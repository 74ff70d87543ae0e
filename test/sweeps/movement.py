"""Movement in fused positions: chains of broadcast, slice with steps, pad, concat, gather, transpose, reshape and pointwise
work, in front of and behind each other."""
import numpy as np
from case import Case

TYPES = ("f32", "f16")


class Chain:
    """Draws a chain of steps once, so that it can be built in several graphs. Follows the shape as it goes."""

    def __init__(self, rng):
        self.rng = rng
        self.shape = [int(rng.integers(1, 12)) for _ in range(int(rng.integers(1, 5)))]
        self.first = list(self.shape)
        self.x = self.draw(self.shape)
        self.steps, self.words = [], []
        kinds = [self.slice, self.pad, self.concat, self.gather, self.transpose, self.reshape, self.expand, self.pointwise]
        for _ in range(int(rng.integers(2, 7))):
            kinds[int(rng.integers(0, len(kinds)))]()

    def draw(self, shape):
        return self.rng.standard_normal(shape).astype(np.float32)

    def axis(self):
        return int(self.rng.integers(0, len(self.shape)))

    def add(self, word, step):
        self.words.append(word)
        self.steps.append(step)

    def slice(self):
        a, step = self.axis(), int(self.rng.choice((1, 1, 2, 3, -1, -2)))
        n = self.shape[a]
        begin = int(self.rng.integers(0, n))
        end = int(self.rng.integers(begin + 1, n + 1)) if step > 0 else -n - 1
        self.shape[a] = len(range(n)[begin:end:step]) if step > 0 else len(range(begin, -1, step))
        self.add(f"slice {a} {begin}:{end}:{step}", lambda g, t, v: g.node(
            "Slice", v, *(g.constant(np.array([i])) for i in (begin, end, a, step))))

    def pad(self):
        pads = [int(self.rng.integers(0, 3)) for _ in range(2 * len(self.shape))]
        rank = len(self.shape)
        self.shape = [n + pads[i] + pads[rank + i] for i, n in enumerate(self.shape)]
        self.add(f"pad {pads}", lambda g, t, v: g.node("Pad", v, g.constant(np.array(pads)), g.constant(t(np.array(0.5, np.float32)))))

    def concat(self):
        a = self.axis()
        other = self.draw([int(self.rng.integers(1, 6)) if i == a else n for i, n in enumerate(self.shape)])
        self.shape[a] += other.shape[a]
        self.add(f"concat {a} {other.shape}", lambda g, t, v: g.node("Concat", v, g.input(t(other)), axis=a))

    def gather(self):
        a = self.axis()
        rows = self.rng.integers(0, self.shape[a], int(self.rng.integers(1, 9))).astype(np.int64)
        self.shape[a] = len(rows)
        self.add(f"gather {a} {len(rows)}", lambda g, t, v: g.node("Gather", v, g.input(rows), axis=a))

    def transpose(self):
        order = [int(i) for i in self.rng.permutation(len(self.shape))]
        self.shape = [self.shape[i] for i in order]
        self.add(f"transpose {order}", lambda g, t, v: g.node("Transpose", v, perm=order))

    def reshape(self):
        if len(self.shape) > 1 and self.rng.random() < 0.5:
            a = int(self.rng.integers(0, len(self.shape) - 1))
            self.shape[a:a + 2] = [self.shape[a] * self.shape[a + 1]]
        else:
            a = self.axis()
            f = next((f for f in (2, 3, 5) if self.shape[a] % f == 0), 1)
            self.shape[a:a + 1] = [f, self.shape[a] // f]
        to = list(self.shape)
        self.add(f"reshape {to}", lambda g, t, v: g.node("Reshape", v, g.constant(np.array(to))))

    def expand(self):
        if 1 not in self.shape or len(self.shape) > 5:
            return self.pointwise()
        a = self.shape.index(1)
        self.shape[a] = int(self.rng.integers(2, 6))
        to = list(self.shape)
        return self.add(f"expand {to}", lambda g, t, v: g.node("Expand", v, g.constant(np.array(to))))

    def pointwise(self):
        op = str(self.rng.choice(("Add", "Mul", "Tanh", "Relu", "Sub")))
        if op in ("Tanh", "Relu"):
            return self.add(op, lambda g, t, v: g.node(op, v))
        # A random operand that broadcasts: some axes of size one, some leading ones left out.
        shape = [1 if self.rng.random() < 0.4 else n for n in self.shape][int(self.rng.integers(0, len(self.shape))):]
        other = self.draw(shape)
        return self.add(f"{op} {shape}", lambda g, t, v: g.node(op, v, g.input(t(other))))


def make(rng, large):
    """One case."""
    chain = Chain(rng)

    def build(graph, take):
        v = graph.input(take(chain.x))
        for step in chain.steps:
            v = step(graph, take, v)
        return graph.node("Identity", v) if not chain.steps else v

    return Case(f"{chain.first}: {'; '.join(chain.words)}", build, terms=len(chain.steps) ** 2 * 4, linear=True, factor=64.0,
                rounded=len(chain.steps))
