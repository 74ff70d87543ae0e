"""./dev test: set up, build, run all tests through one ctest.

The sanitizer builds (AddressSanitizer and UBSan, ThreadSanitizer) cover the runtime, the virtual GPU, the
importer and the graph passes. Their tests join the release build's ctest under their own label, so that one
run has one summary. All tests run under the schedule of the virtual GPU that schedules.py draws.
"""
import collections
import json
import os
import re
import subprocess
import time

import schedules
from build import build, configure
from setup import setup
from steps import ROOT, Failed, cores, say

# Folders whose tests run under a sanitizer, too. ThreadSanitizer's preset has no compiler in it.
SANITIZED = {"asan": ["test/runtime", "test/compiler/import", "test/passes/graph"], "tsan": ["test/runtime"]}
# Programs that those tests run.
PROGRAMS = ["dlc-example"]
# Folders of IR tests that run with the sanitizer build's dlc-opt.
SANITIZED_LIT = {"asan": ["test/passes/graph"], "tsan": []}
# LLVM's headers poison what its allocators have not given out; libMLIR, which is not instrumented, allocates from the same
# memory without lifting the poison. So that poison of programs' own is off.
SANITIZER_OPTIONS = {"asan": ["ASAN_OPTIONS=allow_user_poisoning=0"], "tsan": []}
CLOSING = re.compile(r"^\d+% tests passed")
LINE = re.compile(r"^\s*\d+/\d+ Test\s+#\d+: (\S+) \.+\**\s*(\S.*?)\s+([\d.]+) sec")


def listed_tests(folder):
    """The tests that ctest knows in a build folder."""
    shown = subprocess.run(["ctest", "--test-dir", folder, "--show-only=json-v1"], capture_output=True, text=True)
    if shown.returncode:
        raise Failed(f"ctest cannot read {folder}: {shown.stderr.strip()}")
    return json.loads(shown.stdout)["tests"]


def property_of(test, name, default):
    return next((p["value"] for p in test.get("properties", []) if p["name"] == name), default)


def test_line(preset, name, command, where, variables=()):
    """The lines that add one test of a sanitizer build to another ctest. Values are quoted so that none is expanded."""
    quoted = " ".join(f"[==[{part}]==]" for part in command)
    variables = [*SANITIZER_OPTIONS[preset], *variables]
    return (f"add_test([==[{preset}.{name}]==] {quoted})\n"
            f"set_tests_properties([==[{preset}.{name}]==] PROPERTIES LABELS {preset} "
            f"WORKING_DIRECTORY [==[{where}]==] ENVIRONMENT [==[{';'.join(variables)}]==])\n")


def sanitizer_lines(preset):
    """Build one sanitizer preset; the lines that add its tests to another ctest."""
    names = [f for f in SANITIZED[preset] if (ROOT / f / "CMakeLists.txt").exists()]
    suites = [f for f in SANITIZED_LIT[preset] if any((ROOT / f).rglob("*.mlir"))]
    if not names and not suites:
        return []
    folder = configure(preset)
    known = subprocess.run(["ninja", "-C", folder, "-t", "targets", "all"], capture_output=True, text=True).stdout
    targets = [f"{n}/all" for n in names if f"\n{n}/all:" in known]
    build(preset, targets + PROGRAMS + (["dlc-opt"] if suites else []))
    lines = [test_line(preset, suite.replace("/", "."), ["lit-22", "-sv", folder / suite], folder) for suite in suites]
    for test in listed_tests(folder):
        command, where = test.get("command", []), property_of(test, "WORKING_DIRECTORY", "")
        inside = any(where.startswith(str(folder / n)) for n in names)
        if not inside or "unit" not in property_of(test, "LABELS", []):
            continue
        if not command: # ctest leaves the command out when its program is not there
            raise Failed(f"the {preset} build lacks the program of the test {test['name']}")
        lines.append(test_line(preset, test["name"], command, where, property_of(test, "ENVIRONMENT", [])))
    return lines


def print_counts(results, kinds, begun):
    """One line per kind of test: how many, how they ended, how long they took."""
    table = collections.defaultdict(lambda: [0, 0, 0, 0.0])
    for name, (outcome, seconds) in results.items():
        row = table[kinds.get(name, "other")]
        row[0] += 1
        row[1] += outcome == "Passed"
        row[2] += outcome.startswith("Skipped") or outcome == "Not Run"
        row[3] += seconds
    print("\nkind          tests  passed  skipped  failed   seconds")
    for kind, (count, passed, skipped, seconds) in sorted(table.items()):
        print(f"{kind:12}{count:7}{passed:8}{skipped:9}{count - passed - skipped:8}{seconds:10.1f}")
    say(f"{len(results)} tests in {time.monotonic() - begun:.0f} s\n")


def run_ctest(folder, everything, names):
    """Stream ctest's lines; put our counts in front of its closing lines. Returns its exit status."""
    kinds = {t["name"]: (property_of(t, "LABELS", ["other"]) or ["other"])[0] for t in listed_tests(folder)}
    command = ["ctest", "--test-dir", folder, "--output-on-failure", "--no-label-summary", "-j", str(cores())]
    command += [] if everything else ["-LE", "^long$"]
    command += ["-R", names] if names else []
    schedule, origin = schedules.choose()
    begun, results, closing = time.monotonic(), {}, []
    ctest = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, errors="replace",
                             env={**os.environ, schedules.VARIABLE: schedule})
    for line in ctest.stdout:
        if closing or CLOSING.match(line):
            closing.append(line)
            continue
        if match := LINE.match(line):
            results[match[1]] = (match[2], float(match[3]))
        print(line, end="", flush=True)
    status = ctest.wait()
    print_counts(results, kinds, begun)
    say(f"virtual GPU: schedule {schedule}, {origin}; one test again: {schedules.VARIABLE}={schedule} ./dev test -R NAME\n")
    print("".join(closing), end="", flush=True)
    return status


def test(everything=False, names="", sanitizers=True):
    os.environ.setdefault("CTEST_OUTPUT_ON_FAILURE", "1")
    setup()
    folder = build()
    if everything: # its artifacts are compared with the release build's
        build("debug", ["dlc"])
    lines = [line for preset in SANITIZED for line in sanitizer_lines(preset)] if sanitizers else []
    (folder / "sanitizer_tests.cmake").write_text("".join(lines))
    return run_ctest(folder, everything, names)
