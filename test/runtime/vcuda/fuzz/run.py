#!/usr/bin/env python3
"""Fuzzes the PTX parser and decoder with libFuzzer, from the committed corpus on: run.py vcuda_ptx_fuzz --seconds 120

Prints executions, covered edges and how many of them the last million executions found; exit status 1 after a crash, a leak,
a hang or a broken promise, whose input is left in the work folder. --seconds 0 only runs the corpus. --minimise writes
corpus.zip anew: the inputs of the corpus and of the work folder, up to a kilobyte each, less those that add nothing.
"""
import argparse
import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
CORPUS, LONGEST = HERE / "corpus.zip", 1100
PROGRESS = re.compile(r"^#(\d+)\s+\w+\s+cov: (\d+)", re.M)


def unpack(folder):
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(CORPUS) as packed:
        packed.extractall(folder)
        return len(packed.namelist())


def fuzz(binary, work, seconds):
    seeds = unpack(work / "seeds")
    found, log = work / "found", work / "log"
    found.mkdir(exist_ok=True)
    how = [f"-max_total_time={seconds}"] if seconds else ["-runs=0"]
    with open(log, "w") as out:
        status = subprocess.run([binary, *how, f"-dict={HERE / 'ptx.dict'}", "-max_len=4096", "-rss_limit_mb=4096", "-timeout=20",
                                 f"-artifact_prefix={work}/", found, work / "seeds"], stdout=out, stderr=out).returncode
    text = log.read_text(errors="replace")
    steps = [(int(n), int(cov)) for n, cov in PROGRESS.findall(text)]
    if status or not steps:
        print(text[-6000:])
        print(f"the fuzzer ended with {status}; inputs and log are in {work}")
        return 1
    (count, edges), start = steps[-1], steps[-1][0] - 1000000
    before = [cov for n, cov in steps if n <= start]
    late = f"{edges - before[-1]} of them in the last million" if before else "less than a million executions"
    print(f"{seeds} inputs in the corpus, {count} executions, {edges} edges, {late}")
    return 0


def minimise(binary, work):
    with tempfile.TemporaryDirectory() as held:
        small, kept = pathlib.Path(held, "small"), pathlib.Path(held, "kept")
        unpack(small)
        kept.mkdir()
        for file in (work / "found").glob("*"):
            if file.stat().st_size <= LONGEST:
                (small / file.name).write_bytes(file.read_bytes())
        subprocess.run([binary, "-set_cover_merge=1", f"-max_len={LONGEST}", kept, small], stderr=subprocess.DEVNULL, check=True)
        with zipfile.ZipFile(CORPUS, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
            for file in sorted(kept.iterdir()):
                # No time stamps: the same inputs give the same file.
                packed.writestr(zipfile.ZipInfo(file.name), file.read_bytes(), zipfile.ZIP_DEFLATED, 9)
        print(f"{len(list(kept.iterdir()))} inputs, {CORPUS.stat().st_size} bytes")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("binary")
    p.add_argument("--seconds", type=int, default=120)
    p.add_argument("--work", type=pathlib.Path, help="where new inputs are kept (default: nowhere)")
    p.add_argument("--minimise", action="store_true")
    args = p.parse_args()
    with tempfile.TemporaryDirectory() as held:
        work = args.work or pathlib.Path(held)
        work.mkdir(parents=True, exist_ok=True)
        if args.minimise:
            minimise(args.binary, work)
            return 0
        return fuzz(args.binary, work, args.seconds)


if __name__ == "__main__":
    sys.exit(main())
