"""Small floating-point formats by their definition: every finite value is an integer times a power of two.

Independent of the virtual GPU's code: values are float64 (which holds every value of these formats, and every f32), and
rounding works on quotients by the spacing at the value's exponent. The results are compared with ml_dtypes and numpy in
`self_test`.
"""
import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Format:
    name: str
    bits: int
    fraction: int      # stored bits of the significand
    bias: int
    top: float         # largest finite value
    infinity: bool     # all ones in the exponent mean infinity and NaN
    nan: int           # what a GPU writes for NaN

    @property
    def unsigned(self):
        return np.uint8 if self.bits == 8 else np.uint16 if self.bits == 16 else np.uint32

    def decode(self, codes):
        """float64 values of codes."""
        codes = codes.astype(np.int64)
        magnitude = codes & ((1 << (self.bits - 1)) - 1)
        exponent, rest = magnitude >> self.fraction, magnitude & ((1 << self.fraction) - 1)
        normal = exponent > 0
        value = np.ldexp(np.where(normal, rest + (1 << self.fraction), rest).astype(np.float64),
                         (np.where(normal, exponent, 1) - self.bias - self.fraction).astype(np.int32))
        if self.infinity:
            last = (1 << (self.bits - 1 - self.fraction)) - 1
            value = np.where(exponent == last, np.where(rest == 0, np.inf, np.nan), value)
        else:
            value = np.where(magnitude == (1 << (self.bits - 1)) - 1, np.nan, value)
        return np.where(codes >> (self.bits - 1) & 1, -value, value)

    def round(self, values, mode="rn", finite=False):
        """float64 to the format's values, still as float64: rn, rna, rz, rm, rp. `finite`: nothing becomes infinite."""
        values = np.asarray(values, np.float64)
        with np.errstate(all="ignore"):
            _, exponent = np.frexp(np.where(np.isfinite(values), values, 0))
            quantum = np.ldexp(1.0, np.maximum(exponent - 1, 1 - self.bias) - self.fraction)
            scaled = values / quantum
            away = np.copysign(np.floor(np.abs(scaled) + 0.5), scaled)
            whole = {"rn": np.rint, "rz": np.trunc, "rm": np.floor, "rp": np.ceil}.get(mode, lambda s: away)(scaled)
            result = np.copysign(whole * quantum, values)
        over = np.isfinite(values) & (np.abs(result) > self.top)
        outwards = {"rn": True, "rna": True, "rz": False, "rm": values < 0, "rp": values > 0}[mode]
        limit = np.where(outwards, np.inf, self.top)
        result = np.where(over, np.copysign(limit, values), result)
        if finite:
            result = np.where(np.isinf(result), np.copysign(self.top, result), result)
        return result

    def encode(self, values):
        """Codes of float64 values that the format has."""
        values = np.asarray(values, np.float64)
        size = np.abs(values)
        with np.errstate(all="ignore"):
            _, exponent = np.frexp(np.where(np.isfinite(size), size, 0))
            exponent = np.maximum(np.where(size == 0, -5000, exponent - 1), 1 - self.bias)
            steps = np.ldexp(np.where(np.isfinite(size), size, 0), self.fraction - exponent).astype(np.int64)
        code = steps + ((exponent + self.bias - 1).astype(np.int64) << self.fraction)
        code = np.where(np.isinf(size), ((1 << (self.bits - 1 - self.fraction)) - 1) << self.fraction, code)
        code |= np.signbit(values).astype(np.int64) << (self.bits - 1)
        return np.where(np.isnan(values), self.nan, code).astype(self.unsigned)


F16 = Format("f16", 16, 10, 15, 65504.0, True, 0x7fff)
BF16 = Format("bf16", 16, 7, 127, float.fromhex("0x1.fep127"), True, 0x7fff)
TF32 = Format("tf32", 32, 10, 127, float.fromhex("0x1.ffcp127"), True, 0)
F32 = Format("f32", 32, 23, 127, float.fromhex("0x1.fffffep127"), True, 0x7fffffff)
E4M3 = Format("e4m3", 8, 3, 7, 448.0, False, 0x7f)
E5M2 = Format("e5m2", 8, 2, 15, 57344.0, True, 0x7f)
FORMATS = {f.name: f for f in (F16, BF16, TF32, F32, E4M3, E5M2)}


def flush(fmt, values):
    """Subnormal values become zeros of their sign."""
    return np.where(np.abs(values) < 2.0 ** (1 - fmt.bias), np.copysign(0.0, values), values)


def saturate(values):
    """[0, 1]; NaN becomes 0."""
    return np.where(values > 0, np.minimum(values, 1.0), 0.0)


def self_test():
    """The formats against ml_dtypes and numpy, over all codes and over values between them."""
    import ml_dtypes
    theirs = {F16: np.float16, BF16: ml_dtypes.bfloat16, E4M3: ml_dtypes.float8_e4m3fn, E5M2: ml_dtypes.float8_e5m2}
    random = np.random.default_rng(5)
    for fmt, dtype in theirs.items():
        codes = np.arange(1 << fmt.bits).astype(fmt.unsigned)
        with np.errstate(invalid="ignore"):
            values = codes.view(dtype).astype(np.float64)
        np.testing.assert_array_equal(fmt.decode(codes), values)
        real = ~np.isnan(values)
        np.testing.assert_array_equal(fmt.encode(values)[real], codes[real])
        between = np.float32(np.ldexp(random.uniform(-2, 2, 20000), random.integers(-30, 16, 20000)))
        wanted = between.astype(dtype).astype(np.float64)
        inside = np.abs(between) <= fmt.top
        np.testing.assert_array_equal(fmt.round(between)[inside], wanted[inside])
