"""./dev demo: set up, build what the demos need, show them."""
from build import build
from setup import setup
from steps import Failed, PYTHON, ROOT, run_shown

NAMES = ("magika", "minilm", "ppocr_cls", "silero_vad")


def demo(names, device):
    for name in names:
        if name not in NAMES:
            raise Failed(f"there is no demo named '{name}'", f"the demos are {', '.join(NAMES)}")
    setup()
    build(targets=("dlc", "dlc-run", "dlc_vcuda", "dlc_runtime_shared"))
    return run_shown([PYTHON, "-B", ROOT / "tools" / "demo" / "demo.py", *names, "--device", device])
