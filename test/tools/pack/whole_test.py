#!/usr/bin/env python3
"""./dev pack, and what comes out of it: unpacked elsewhere and run in an empty environment, on the virtual GPU."""
import json
import pathlib
import re
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[3]

packed = subprocess.run([ROOT / "dev", "pack"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
print(packed.stdout[-2000:], packed.stderr[-2000:])
assert packed.returncode == 0
tarball = pathlib.Path(re.search(r"pack: (\S+\.tar\.xz) has", packed.stdout)[1])
assert tarball.stat().st_size <= 64 << 20
with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    subprocess.run(["tar", "xf", tarball], cwd=folder, check=True)
    (top,) = folder.iterdir()
    for program in ("dlc", "dlc-run"):
        loaded = subprocess.run(["ldd", top / "build" / "bin" / program], capture_output=True, text=True, check=True).stdout
        assert not re.search(r"LLVM|MLIR|protobuf|libz", loaded), loaded
    result = folder / "result.json"
    subprocess.run([top / "check", "--device=vcuda", "--models", "silero_vad", "minilm", "--precision", "fp16", "--no-bench", "--results",
                    result], env={}, cwd="/", stdin=subprocess.DEVNULL, check=True)
    told = json.loads(result.read_text())
    assert [r["ok"] for r in told["models"]] == [True, True] and re.match(r"[0-9a-f]{7,40}", told["commit"]), told
