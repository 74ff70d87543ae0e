"""./dev bench: set up, build what is measured, run one script of tools/bench."""
from build import build
from setup import setup
from steps import PYTHON, ROOT, run_shown

SCRIPTS = {"vcuda": "vcuda_bench.py"}


def bench(what, arguments):
    setup()
    build(targets=("dlc", "dlc-run", "dlc_vcuda"))
    return run_shown([PYTHON, "-B", ROOT / "tools" / "bench" / SCRIPTS[what], *arguments])
