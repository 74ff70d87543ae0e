#!/usr/bin/env python3
"""Writes coefficients.inc: the polynomials of the expansions of maths, for f32 and f64. Needs mpmath.

Each is the interpolation of its function at Chebyshev points (within a small factor of the best polynomial), of the
smallest degree whose error, weighted by its share of the result (relative), stays below 2^-27 (f32) or 2^-57 (f64).
"""
import struct

from mpmath import mp, mpf, asin, atan, atanh, cos, erf, erfc, exp, log, pi, sin, sqrt, tanh  # noqa: F401

mp.dps = 60


def removable(function, at_zero):
    """`function`, with its limit in a small circle around 0, where it would cancel."""
    return lambda w: mpf(at_zero) if abs(w) < mpf(10) ** -20 else function(w)


def erfcx(t):
    """(1 + 2x) e^(x^2) erfc(x) at x = 4 (1 + t) / (1 - t)."""
    if t > 1 - mpf(10) ** -30:
        return 2 / sqrt(pi)
    x = 4 * (1 + t) / (1 - t)
    if x > 60:
        terms, term = mpf(1), mpf(1)
        for k in range(1, 40):
            term *= -(2 * k - 1) / (2 * x * x)
            terms += term
        return (1 + 2 * x) * terms / (x * sqrt(pi))
    return (1 + 2 * x) * exp(x * x) * erfc(x)


# name: function, interval, share of an absolute error in the result's relative one
POLYNOMIALS = {
    "expTail": (removable(lambda r: (exp(r) - 1 - r) / r**2, 0.5), -log(2) / 2, log(2) / 2, 0.12),
    "logTail": (removable(lambda w: (2 * atanh(sqrt(w)) / sqrt(w) - 2) / w, mpf(2) / 3), 0, mpf("0.02944"), 0.015),
    "powTail": (removable(lambda w: ((2 * atanh(sqrt(w)) / sqrt(w) - 2) / w - mpf(2) / 3) / w, mpf(2) / 5), 0,
                mpf("0.02944"), 2.0**-5),
    "sinTail": (removable(lambda w: (sin(sqrt(w)) / sqrt(w) - 1) / w, -mpf(1) / 6), 0, mpf("0.62"), 0.7),
    "cosTail": (removable(lambda w: (cos(sqrt(w)) - 1 + w / 2) / w**2, mpf(1) / 24), 0, mpf("0.62"), 0.55),
    "asinTail": (removable(lambda w: (asin(sqrt(w)) / sqrt(w) - 1) / w, mpf(1) / 6), 0, mpf("0.2500001"), 0.25),
    "atanTail": (removable(lambda w: (atan(sqrt(w)) / sqrt(w) - 1) / w, -mpf(1) / 3), 0, mpf(1), 1.2),
    "tanhTail": (removable(lambda w: (tanh(sqrt(w)) / sqrt(w) - 1) / w, -mpf(1) / 3), 0, mpf("0.37"), 0.4),
    "erfTail": (removable(lambda w: erf(sqrt(w)) / sqrt(w) - 1, 2 / sqrt(pi) - 1), 0, mpf(1), 1),
    "erfLog": (lambda a: log(erfc(a), 2), mpf(1), mpf(4), 0.1),
    "erfcScaled": (erfcx, mpf(-1), mpf(1), 0.9),
}


def interpolate(function, low, high, degree):
    """Monomial coefficients, lowest first."""
    n = degree + 1
    nodes = [cos(pi * (2 * k + 1) / (2 * n)) for k in range(n)]
    xs = [(low + high) / 2 + (high - low) / 2 * t for t in nodes]
    table = [function(x) for x in xs]
    for level in range(1, n):
        for k in range(n - 1, level - 1, -1):
            table[k] = (table[k] - table[k - 1]) / (xs[k] - xs[k - level])
    result = [mpf(0)]
    for k in range(n - 1, -1, -1):  # result * (x - xs[k]) + table[k]
        shifted = [mpf(0)] + result
        result = [a - xs[k] * b for a, b in zip(shifted, result + [mpf(0)])]
        result[0] += table[k]
    return result[:n]


def fit(function, low, high, share, limit):
    low, high = mpf(low), mpf(high)
    points = [low + (high - low) * k / 60 for k in range(61)]
    values = [function(x) for x in points]
    for degree in range(1, 40):
        c = interpolate(function, low, high, degree)
        error = max(abs(mp.polyval(c[::-1], x) - v) for x, v in zip(points, values))
        if error * share < limit:
            return c, error * share
    raise SystemExit("no polynomial")


def literal(value, single):
    value = float(value)
    if single:
        value = struct.unpack("f", struct.pack("f", value))[0]
    return value.hex()


def main():
    print("// Written by coefficients.py: powers ascending, then the bound of the error that the polynomial leaves.")
    for name, (function, low, high, share) in POLYNOMIALS.items():
        for suffix, limit in (("32", mpf(2) ** -27), ("64", mpf(2) ** -57)):
            if name + suffix in ("tanhTail64", "erfLog64"):
                continue
            c, error = fit(function, low, high, share, limit)
            body = ", ".join(literal(v, suffix == "32") for v in c)
            print(f"/// 2^{float(log(error, 2)):.1f}\nconstexpr double {name}{suffix}[] = {{{body}}};")
    mp.dps = 500
    digits = int(mp.floor((2 / pi) * mpf(2) ** 1280))
    words = [(digits >> (1280 - 32 * (k + 1))) & 0xFFFFFFFF for k in range(40)]
    print("/// 2 / pi = 0.w0 w1 ... in base 2^32.")
    print("constexpr uint32_t twoOverPi[] = {" + ", ".join(hex(w) for w in words) + "};")


if __name__ == "__main__":
    main()
