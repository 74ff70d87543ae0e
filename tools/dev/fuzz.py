"""./dev fuzz: build the fuzzer with sanitizers, run it; what it finds stays in the build folder for the next run."""
import random

from build import build
from setup import install_packages
from steps import ROOT, run_shown

SCRIPT = ROOT / "test" / "runtime" / "vcuda" / "fuzz" / "run.py"


def fuzz(minutes, executions, seed, minimise):
    install_packages()
    folder = build("asan", ["vcuda_ptx_fuzz"])
    command = ["python3", "-B", SCRIPT, folder / "bin" / "vcuda_ptx_fuzz", "--work", folder / "fuzz"]
    seed = seed or random.randrange(1, 2**31)
    limit = ["--executions", executions] if executions else ["--seconds", int(minutes * 60)]
    status = run_shown([*command, *limit, "--seed", seed])
    return status or (run_shown([*command, "--minimise"]) if minimise else 0)
