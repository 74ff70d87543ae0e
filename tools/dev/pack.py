"""./dev pack: a tarball that runs on another x86-64 Linux with a GPU, without LLVM."""
import re
import shutil
import subprocess
import tarfile

import symbol_versions
from build import build
from setup import setup
from steps import PYTHON, ROOT, Failed, run_logged, say, tail

LIMIT = 64 << 20
PROGRAMS = ("dlc", "dlc-run")
TARGETS = (*PROGRAMS, "dlc_vcuda")
# Scripts and graphs go along as they are, in the folders in which they lie here.
FOLDERS = ("test/gpu", "test/models", "test/support", "tools/bench", "tools/pack", "runtime/include")
FILES = ("LICENSE", "README.md", "runtime/README.md", "tools/launch.py")
STARTER = """#!/bin/sh
# Everything: compile, run on the GPU, compare, measure. Options: ./check --help
exec python3 -B "$(dirname "$0")/test/gpu/check.py" "$@"
"""


def version():
    return re.search(r"project\(dlc VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text())[1]


def git(*arguments):
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def stage_programs(built, folder):
    """Programs and the virtual driver, each refused if it would not start elsewhere."""
    files = [built / "bin" / p for p in PROGRAMS] + sorted((built / "lib" / "vcuda").glob("libcuda.so*"))
    if lines := [line for file in files for line in symbol_versions.complaints(str(file))]:
        raise Failed("programs would not run on another machine:\n    " + "\n    ".join(lines))
    say(f"pack: {len(files)} programs and libraries need glibc {'.'.join(map(str, symbol_versions.GLIBC))} at most")
    for file in files:
        target = folder / "build" / file.relative_to(built)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, target, follow_symlinks=False)


def stage_scripts(folder):
    for file in git("ls-files", "-c", *FOLDERS, *FILES).splitlines():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / file, folder / file)
    (folder / "check").write_text(STARTER)
    (folder / "check").chmod(0o755)


def anonymous(entry):
    """The same bytes whoever packs: no names, no times."""
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    return entry


def pack():
    setup()
    built = build("pack", TARGETS)
    name = f"dlc-{version()}-linux-x86_64"
    folder = built / "stage" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    stage_programs(built, folder)
    stage_scripts(folder)
    commit = git("describe", "--always", "--dirty", "--abbrev=40").strip()
    status, log = run_logged("packing models", [PYTHON, "-B", ROOT / "tools/pack/make_checks.py", folder, "--commit", commit],
                             {"DLC_BIN_DIR": str(built / "bin")})
    if status:
        raise Failed(f"models could not be packed; the end of {log}:\n{tail(log, 12)}")
    say("pack: compressing")
    target = built / f"{name}.tar.xz"
    with tarfile.open(target, "w:xz", preset=6) as tar:
        for file in sorted(p for p in folder.rglob("*") if not p.is_dir()):
            tar.add(file, f"{name}/{file.relative_to(folder)}", filter=anonymous)
    size = target.stat().st_size
    if size > LIMIT:
        raise Failed(f"{target} has {size / 2 ** 20:.1f} MiB, more than {LIMIT >> 20}")
    say(f"pack: {target} has {size / 2 ** 20:.1f} MiB; on the other machine: tar xf {target.name} && {name}/check")
    return 0
