"""Running dlc's programs from tests and demos.

Programs are looked for in $DLC_BIN_DIR, by default build/bin. Every call has a time limit; a program that exits with
another status than expected raises Broken with the command and the end of its stderr.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("DLC_BIN_DIR", ROOT / "build" / "bin"))
WORK = pathlib.Path(os.environ.get("DLC_WORK_DIR", BIN.parent / "work"))


class Broken(Exception):
    """A program did not do what it should."""


def skip(reason):
    """Ends a test that lacks something it may lack: exit status 77 (ctest: skipped), or 1 when CI is set."""
    print(f"{'missing and CI is set' if os.environ.get('CI') else 'skipped'}: {reason}")
    sys.exit(1 if os.environ.get("CI") else 77)


def program(name):
    path = BIN / name
    if not path.exists():
        raise Broken(f"{path} is not there; build it first (./dev build)")
    return path


def run(name, *args, expect=0, timeout=900, cwd=None, env=None):
    """Run one of dlc's programs. Returns (stdout, stderr, seconds)."""
    command = [str(program(name)), *map(str, args)]
    begun = time.monotonic()
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                              timeout=timeout, cwd=cwd, env={**os.environ, **(env or {})})
    except subprocess.TimeoutExpired:
        raise Broken(f"{' '.join(command)}\n  still ran after {timeout} s") from None
    if expect is not None and done.returncode != expect:
        end = "\n".join("  " + line for line in done.stderr.splitlines()[-20:])
        raise Broken(f"{' '.join(command)}\n  exit status {done.returncode}, expected {expect}\n{end}")
    return done.stdout, done.stderr, time.monotonic() - begun


def dim_flags(ranges):
    """{"batch": (1, 17)} -> the flags that declare it; a single number fixes the dim."""
    flags = []
    for name, value in (ranges or {}).items():
        low, high = value if isinstance(value, tuple) else (value, value)
        flags.append(f"--dim={name}={low}" + (f"..{high}" if high != low else ""))
    return flags


def set_flags(values):
    return [f"--set={name}={value}" for name, value in (values or {}).items()]


def compile_model(model, artifact, precision="as-is", dims=None, values=None, extra=(), timeout=900):
    """dlc model -o artifact. Returns the seconds it took."""
    artifact.parent.mkdir(parents=True, exist_ok=True)
    flags = [*dim_flags(dims), *set_flags(values), *extra]
    if precision != "as-is":
        flags.append(f"--precision={precision}")
    return run("dlc", model, "-o", artifact, *flags, timeout=timeout)[2]


def run_artifact(artifact, inputs, outputs, device="vcuda", extra=(), timeout=1800, env=None):
    """dlc-run artifact. Returns (seconds, what --json says)."""
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.json"
        seconds = run("dlc-run", artifact, f"--device={device}", "--inputs", inputs, "--save", outputs, "--json", report,
                      *extra, timeout=timeout, env=env)[2]
        return seconds, json.loads(report.read_text())


def interpret(model, inputs, outputs, floats="f64", values=None, timeout=1800):
    """dlc interpret: the graph interpreter's answer. floats: f64, f32 or f16-rounded. Returns seconds."""
    return run("dlc", "interpret", model, "--inputs", inputs, "--save", outputs, f"--float={floats}",
               *set_flags(values), timeout=timeout)[2]


def inspect(artifact):
    """dlc inspect --json: what is in an artifact."""
    return json.loads(run("dlc", "inspect", artifact, "--json")[0])
