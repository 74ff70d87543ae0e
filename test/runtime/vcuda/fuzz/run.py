#!/usr/bin/env python3
"""Fuzzes the PTX parser and decoder with libFuzzer, from the committed corpus on: run.py vcuda_ptx_fuzz --seconds 120

Prints executions, covered edges and how many of them the last million executions found; exit status 1 after a crash, a leak,
a hang or a broken promise, whose input is left in the work folder. The same seed gives the same executions, of which --executions
or else --seconds says how many; --seconds 0 only runs the corpus. --minimise writes corpus.zip anew: the inputs of the corpus and
of the work folder, less those that reach no edge of their own.
"""
import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
CORPUS, LONGEST = HERE / "corpus.zip", 1100
# An input is kept for an edge that no other reaches, not for how often it takes it: a corpus of few and small inputs, and an
# execution costs little beside what it executes.
HOW = [f"-max_len={LONGEST}", "-len_control=0", "-use_counters=0", "-entropic=0", "-reduce_inputs=0", "-mutate_depth=3", "-reload=0",
       "-print_funcs=0", "-rss_limit_mb=4096", "-timeout=20"]
PROGRESS = re.compile(r"^#(\d+)\s+\w+\s+cov: (\d+)", re.M)


def unpack(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with zipfile.ZipFile(CORPUS) as packed:
        packed.extractall(folder)
        return len(packed.namelist())


def fuzz(binary, work, limit, seed):
    seeds = unpack(work / "seeds")
    found, log = work / "found", work / "log"
    found.mkdir(exist_ok=True)
    begin = time.monotonic()
    with open(log, "w") as out:
        status = subprocess.run([binary, *HOW, limit, f"-seed={seed}", f"-artifact_prefix={work}/", found, work / "seeds"],
                                stdout=out, stderr=out).returncode
    taken = time.monotonic() - begin
    text = log.read_text(errors="replace")
    steps = [(int(n), int(cov)) for n, cov in PROGRESS.findall(text)]
    if status or not steps:
        print(text[-6000:])
        print(f"the fuzzer ended with {status}; inputs and log are in {work}")
        return 1
    (count, edges), start = steps[-1], steps[-1][0] - 1000000
    before = [cov for n, cov in steps if n <= start]
    late = f"{edges - before[-1]} of them in the last million" if before else "less than a million executions"
    print(f"seed {seed}, {seeds} inputs in the corpus, {count} executions in {taken:.0f} s, {edges} edges, {late}")
    return 0


def minimise(binary, work):
    with tempfile.TemporaryDirectory() as held:
        small, kept = pathlib.Path(held, "small"), pathlib.Path(held, "kept")
        unpack(small)
        kept.mkdir()
        for file in (work / "found").glob("*"):
            if file.stat().st_size <= LONGEST:
                (small / file.name).write_bytes(file.read_bytes())
        subprocess.run([binary, "-set_cover_merge=1", "-use_counters=0", f"-max_len={LONGEST}", kept, small],
                       stderr=subprocess.DEVNULL, check=True)
        with zipfile.ZipFile(CORPUS, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
            for file in sorted(kept.iterdir()):
                # No time stamps: the same inputs give the same file.
                packed.writestr(zipfile.ZipInfo(file.name), file.read_bytes(), zipfile.ZIP_DEFLATED, 9)
        print(f"{len(list(kept.iterdir()))} inputs, {CORPUS.stat().st_size} bytes")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("binary")
    p.add_argument("--seconds", type=int, default=120)
    p.add_argument("--executions", type=int, help="instead of --seconds")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--work", type=pathlib.Path, help="where new inputs are kept for the next run (default: nowhere)")
    p.add_argument("--minimise", action="store_true")
    args = p.parse_args()
    work = args.work or pathlib.Path(tempfile.mkdtemp(prefix="fuzz-"))
    work.mkdir(parents=True, exist_ok=True)
    if args.minimise:
        minimise(args.binary, work)
        return 0
    limit = f"-runs={args.executions or 0}" if args.executions or not args.seconds else f"-max_total_time={args.seconds}"
    status = fuzz(args.binary, work, limit, args.seed)
    if not args.work and not status:
        shutil.rmtree(work)
    return status


if __name__ == "__main__":
    sys.exit(main())
