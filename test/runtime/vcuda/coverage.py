#!/usr/bin/env python3
"""What of PTX the virtual GPU's tests execute: one row per opcode and modifier that its decoder knows.

    coverage.py TABLE.json TEST...

runs the test programs (scripts, too) and writes a list of rows: opcode, modifier ("" for the opcode itself), and the form,
kernel and test program that executed it first. Types are not looked for by name, so they stand in the forms only. Prints the
rows that no test executes and exits with 1 if there are any: what no test executes must not be accepted at load, so a new
modifier comes with its test, and one without leaves the decoder, which then refuses it by name and line.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile


def run(test, file):
    """Lines that the test left behind, each split at tabs."""
    environment = dict(os.environ, VCUDA_COVERAGE=str(file))
    # Programs that run again with full checks execute the same forms.
    program = [test, "--gtest_brief=1", "--gtest_filter=-*Full*"]
    command = [sys.executable, "-B", test] if str(test).endswith(".py") else program
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{test} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return [line.split("\t") for line in file.read_text().splitlines()]


def main():
    table, tests = pathlib.Path(sys.argv[1]), sys.argv[2:]
    rows, ran, accepted = {}, {}, set()
    with tempfile.TemporaryDirectory() as folder:
        for test in tests:
            name = pathlib.Path(test).name
            for kind, *fields in run(test, pathlib.Path(folder) / name):
                if kind == "opcode":
                    rows.setdefault((fields[0], ""), None)
                elif kind == "accepted":
                    accepted.add(fields[0])
                elif kind == "known":
                    rows.setdefault(tuple(fields), None)
                else:
                    ran.setdefault(fields[0], (fields[1], name))
    opcodes = {opcode for opcode, modifier in rows if not modifier}
    for form, where in sorted(ran.items()):
        opcode, *modifiers = form.split(".")
        for modifier in ["", *modifiers]:
            if (opcode, modifier) in rows and rows[opcode, modifier] is None:
                rows[opcode, modifier] = (form, *where)
    # What a decoder's method looks for in a word that is no opcode of its table does not count.
    rows = {key: value for key, value in rows.items() if key[0] in opcodes}
    listed = [dict(opcode=o, modifier=m, form=w and w[0], kernel=w and w[1], test=w and w[2]) for (o, m), w in sorted(rows.items())]
    table.write_text(json.dumps(dict(rows=listed, forms=sorted(ran)), indent=1) + "\n")
    missing = [row for row in listed if not row["test"]]
    untested = sorted(accepted - set(ran))
    print(f"{len(listed)} rows, {len(ran)} forms executed, {len(missing)} rows without a test; {len(accepted)} forms accepted in trials, "
          f"{len(untested)} of them without a test")
    for row in missing:
        print(f"  {row['opcode']}{'.' if row['modifier'] else ''}{row['modifier']}")
    for form in untested:
        print(f"  {form}")
    return 1 if missing or untested else 0


if __name__ == "__main__":
    sys.exit(main())
