"""Printing with times, running programs, stamps: what every part of ./dev shares."""
import hashlib
import os
import pathlib
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = ROOT / "tools" / "dev"
CACHE = ROOT / ".cache"
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STARTED = time.monotonic()


class Failed(Exception):
    """Something the user can act on: a message and, where there is one, a help line."""

    def __init__(self, message, help_line=""):
        super().__init__(message)
        self.help_line = help_line


def say(text):
    print(f"[{time.monotonic() - STARTED:7.1f} s] {text}", flush=True)


def cores():
    return len(os.sched_getaffinity(0))


def tail(path, lines=30):
    text = pathlib.Path(path).read_text(errors="replace").splitlines()
    return "\n".join("    " + line for line in text[-lines:])


def run_logged(what, command, env=None):
    """Run a program with its output in a log under .cache; say every 15 s that it still runs.

    Returns (exit status, log file).
    """
    log = CACHE / "log" / (what.replace(" ", "-") + ".log")
    log.parent.mkdir(parents=True, exist_ok=True)
    begun, done = time.monotonic(), threading.Event()

    def pulse():
        while not done.wait(15):
            say(f"  still {what} ({time.monotonic() - begun:.0f} s)")

    threading.Thread(target=pulse, daemon=True).start()
    try:
        with open(log, "wb") as out:
            status = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=out,
                                    stderr=subprocess.STDOUT, env={**os.environ, **(env or {})}, cwd=ROOT).returncode
    except FileNotFoundError:
        log.write_text(f"{command[0]}: not found\n")
        status = 127
    finally:
        done.set()
    return status, log


def run_shown(command, cwd=ROOT, env=None):
    """Run a program with its output on ours. Returns its exit status."""
    sys.stdout.flush()
    return subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, cwd=cwd,
                          env={**os.environ, **(env or {})}).returncode


def listed(path):
    """The lines of a list file, less comments."""
    lines = (line.split("#")[0].strip() for line in path.read_text().splitlines())
    return [line for line in lines if line]


def digest(path):
    h = hashlib.sha256()
    with open(path, "rb") as f:
        while block := f.read(1 << 20):
            h.update(block)
    return h.hexdigest()


class Stamp:
    """A file that says for which key a step was done last."""

    def __init__(self, path, key):
        self.path, self.key = path, hashlib.sha256(key.encode()).hexdigest()

    def fresh(self):
        return self.path.exists() and self.path.read_text() == self.key

    def set(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(self.key)
