"""./dev format and ./dev lint."""
import ast
import json
import subprocess

from build import configure
from steps import ROOT, Failed, cores, run_shown, say

CPP = (".h", ".hpp", ".cpp", ".c", ".cc", ".inc")


def tracked(*patterns):
    shown = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", *patterns], cwd=ROOT,
                           capture_output=True, text=True, check=True).stdout
    return [f for f in shown.splitlines() if (ROOT / f).exists()]


def sources():
    return [f for f in tracked() if f.endswith(CPP)]


def format_sources(check):
    """clang-format over every C++ file. With check, only tell which would change."""
    files = sources()
    mode = ["--dry-run", "-Werror"] if check else ["-i"]
    status = run_shown(["clang-format-22", *mode, *files]) if files else 0
    say(f"format: {len(files)} files {'looked at' if check else 'formatted'}")
    return 1 if status else 0


def changed_files():
    """Files that differ from main, committed or not."""
    shown = subprocess.run(["git", "diff", "--name-only", "--diff-filter=d", "main"], cwd=ROOT,
                           capture_output=True, text=True)
    if shown.returncode:
        raise Failed("there is no branch main to compare with", "name files, or give --all")
    return shown.stdout.splitlines() + tracked("-o")


def lint(files, everything):
    """clang-tidy on sources of the release build, a syntax check on scripts. 0 when clean."""
    files = files or (tracked() if everything else changed_files())
    bad = 0
    for script in (f for f in files if f.endswith(".py")):
        try:
            ast.parse((ROOT / script).read_text(), script)
        except SyntaxError as e:
            say(f"{script}:{e.lineno}: {e.msg}")
            bad += 1
    folder = configure("release")
    known = {entry["file"] for entry in json.loads((folder / "compile_commands.json").read_text())}
    compiled = [f for f in files if str(ROOT / f) in known]
    say(f"lint: {len(compiled)} sources")
    # run-clang-tidy takes regular expressions; xargs keeps all cores busy without one.
    if compiled:
        bad += subprocess.run(["xargs", "-d", "\n", "-n", "1", "-P", str(cores()), "clang-tidy-22", "--quiet",
                               "--warnings-as-errors=*", "-p", str(folder)],
                              input="\n".join(compiled), text=True, cwd=ROOT).returncode != 0
    return 1 if bad else 0
