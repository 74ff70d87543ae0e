#!/usr/bin/env python3
"""Every command of the README's `$` lines is run in the repository's root; what it prints is what the README shows.

Numbers may differ (times, hashes, errors, how many kernels), words may not. Lines that the README does not show are not looked at.
Paths of the README begin with build/, so this runs for the release build only.
"""
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "test" / "support"))
from programs import BIN, skip  # noqa: E402


def sessions(text):
    """[(command, [lines that it shows])] of the indented blocks."""
    found, shown = [], None
    for line in text.splitlines():
        if line.startswith("    $ "):
            shown = []
            found.append((line[6:], shown))
        elif line.startswith("    ") and shown is not None:
            shown.append(line[4:])
        else:
            shown = None
    return found


def words(line):
    """A line without what varies: numbers, hashes, and what stands in for cut text."""
    return re.sub(r"\b[0-9a-f]{8,}\b(\.\.\.)?|[\d.]+(e[-+]?\d+)?(\.\.\.)?", "#", line.rstrip())


def main():
    if BIN != ROOT / "build" / "bin":
        skip("the README's paths are those of the release build")
    wrong = []
    for command, shown in sessions((ROOT / "README.md").read_text()):
        done = subprocess.run(["bash", "-c", command], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              env={**os.environ, "PATH": "/usr/bin:/bin"})
        printed = {words(line) for line in (done.stdout + done.stderr).splitlines()}
        missing = [line for line in shown if words(line) not in printed]
        refused = any(": error" in line for line in shown)
        if missing or (done.returncode != 0) != refused:
            wrong.append(f"$ {command}\n  exit status {done.returncode}, not printed: {missing}\n{done.stdout[-800:]}{done.stderr[-800:]}")
        print(f"{'ok' if not missing else 'WRONG'}: {command}", flush=True)
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
