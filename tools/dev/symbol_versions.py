#!/usr/bin/env python3
"""Refuses programs and libraries that need a newer glibc than GLIBC, or a shared library that is not everywhere.

    symbol_versions.py build-pack/bin/dlc build-pack/lib/vcuda/libcuda.so.1
"""
import re
import subprocess
import sys

GLIBC = (2, 34)
EVERYWHERE = {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "libgcc_s.so.1", "ld-linux-x86-64.so.2"}


def complaints(path, readelf="llvm-readelf-22"):
    """What keeps a file from running elsewhere, as lines; none when it may."""
    shown = subprocess.run([readelf, "--version-info", "--dynamic-table", path], capture_output=True, text=True, check=True).stdout
    versions = {tuple(map(int, v.split("."))) for v in re.findall(r"\bGLIBC_([\d.]+)", shown)}
    libraries = set(re.findall(r"\(NEEDED\)\s+Shared library: \[(.*?)\]", shown))
    lines = [f"{path} needs glibc {'.'.join(map(str, v))}" for v in sorted(versions) if v > GLIBC]
    lines += [f"{path} needs {name}" for name in sorted(libraries - EVERYWHERE)]
    if re.search(r"\((RPATH|RUNPATH)\)\s+Library \w+: \[/", shown):
        lines.append(f"{path} has an absolute library path")
    return lines


def main():
    lines = [line for path in sys.argv[1:] for line in complaints(path)]
    print("\n".join(lines) or f"{len(sys.argv) - 1} files need glibc {'.'.join(map(str, GLIBC))} at most, and nothing else")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
