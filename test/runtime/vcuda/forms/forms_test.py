#!/usr/bin/env python3
"""Single forms of instructions against their definition, on the virtual GPU: forms_test.py [NAME ...]

Prints what is wrong, line by line; exit status 1 if anything is. Names are those of GROUPS. The loader finds libcuda.so.1
through LD_LIBRARY_PATH.
"""
import os
import pathlib
import sys
import time

import accepted
import bulk
import conversion_forms
import float_forms
import formats
import half_forms
import integer_forms
import lanes
import matrix_forms
import snippets
from gpu import Gpu

GROUPS = {
    "formats": lambda gpu: formats.self_test() or [],
    "integer": lambda gpu: lanes.run(gpu, integer_forms.FORMS),
    "float": lambda gpu: lanes.run(gpu, float_forms.FORMS),
    "conversion": lambda gpu: lanes.run(gpu, conversion_forms.FORMS),
    "half": lambda gpu: bulk.run(gpu, half_forms.all_forms()),
    "snippets": snippets.run,
    "matrix": matrix_forms.run,
    "accepted": lambda gpu: accepted.run(gpu, [*integer_forms.FORMS, *float_forms.FORMS, *conversion_forms.FORMS, *half_forms.named()]),
}


def main():
    folder = pathlib.Path(os.environ["DLC_LIB_DIR"], "vcuda") if "DLC_LIB_DIR" in os.environ else None
    os.environ["VCUDA_DEVICE"] = "h200"  # which also runs the plain instructions of sm_90
    os.environ["VCUDA_SUMMARY"] = "off"
    gpu = Gpu(str(folder / "libcuda.so.1") if folder else "libcuda.so.1")
    wrong = []
    for name in sys.argv[1:] or GROUPS:
        begun = time.monotonic()
        found = GROUPS[name](gpu)
        print(f"{name}: {len(found)} wrong, {time.monotonic() - begun:.1f} s")
        wrong += found
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
