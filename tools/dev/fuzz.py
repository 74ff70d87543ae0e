"""./dev fuzz: build the fuzzer with sanitizers, run it; what it finds stays in the build folder for the next run."""
from build import build
from setup import install_packages
from steps import ROOT, run_shown

SCRIPT = ROOT / "test" / "runtime" / "vcuda" / "fuzz" / "run.py"


def fuzz(minutes, minimise):
    install_packages()
    folder = build("asan", ["vcuda_ptx_fuzz"])
    command = ["python3", "-B", SCRIPT, folder / "bin" / "vcuda_ptx_fuzz", "--work", folder / "fuzz"]
    status = run_shown([*command, "--seconds", int(minutes * 60)])
    return status or (run_shown([*command, "--minimise"]) if minimise else 0)
