"""The order in which the virtual GPU runs warps and CTAs while tests run: another one for each commit.

A kernel must be right in any order, so any order will do for a test; drawn from the commit, the same one comes again
when the tests of a commit are repeated. Tests that are about orders say theirs themselves.
"""
import os
import subprocess

from steps import ROOT

VARIABLE = "VCUDA_SCHEDULE"
WITHOUT_COMMIT = "reverse"


def drawn(commit):
    """A schedule by a commit's hash (hexadecimal): one in eight is reverse, two let a warp run ahead, the others are random."""
    number = int(commit, 16)
    kind, rest = number % 8, number // 8
    if kind == 0:
        return "reverse"
    return f"ahead:{rest % 8}" if kind < 3 else f"random:{rest % 1000000}"


def commit_of(folder):
    """The hash of what is checked out, or nothing: no repository, no commit, no git."""
    try:
        done = subprocess.run(["git", "-C", folder, "rev-parse", "--verify", "HEAD"], capture_output=True, text=True)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def choose(environment=os.environ, folder=ROOT):
    """(schedule, where it comes from): what the environment says goes before the commit."""
    if environment.get(VARIABLE):
        return environment[VARIABLE], f"from {VARIABLE}"
    commit = commit_of(folder)
    if not commit:
        return WITHOUT_COMMIT, "no commit to draw one from"
    return drawn(commit), f"drawn from commit {commit[:12]}"
