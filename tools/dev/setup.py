"""./dev setup: Debian packages, the .venv, and packages that are downloaded and unpacked.

Each of the three looks first whether it has anything to do, so a second run takes no network and well
under a second.
"""
import os
import shutil
import subprocess
import sys
import zipfile

from steps import CACHE, HERE, PYTHON, VENV, Failed, Stamp, digest, listed, run_logged, say, tail

WHEELS = CACHE / "wheels"


def missing_packages():
    wanted = listed(HERE / "packages.txt")
    try:
        shown = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Abbrev}\n", *wanted],
                               capture_output=True, text=True).stdout
    except FileNotFoundError:
        raise Failed("dpkg-query is not here: setup knows Debian 12 only",
                     "install what tools/dev/packages.txt lists by other means and run cmake --preset release")
    there = {line.split()[0].split(":")[0] for line in shown.splitlines() if " ii" in line}
    return [p for p in wanted if p not in there]


def as_root(command):
    if os.geteuid() == 0:
        return command
    if not shutil.which("sudo"):
        raise Failed("Debian packages are missing and this user is neither root nor has sudo",
                     "as root, run: " + " ".join(command))
    ask = [] if sys.stdin is not None and sys.stdin.isatty() else ["-n"]
    if subprocess.run(["sudo", *ask, "-v"]).returncode:
        raise Failed("Debian packages are missing and sudo refuses", "as root, run: " + " ".join(command))
    return ["sudo", *ask, "env", "DEBIAN_FRONTEND=noninteractive", *command]


def install_packages():
    missing = missing_packages()
    if not missing:
        say("packages: all there")
        return
    say(f"packages: installing {len(missing)}: {' '.join(missing)}")
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *missing]
    env = {"DEBIAN_FRONTEND": "noninteractive"}
    status, log = run_logged("reading package lists", as_root(["apt-get", "update", "-q"]), env)
    if status:
        say("packages: the lists could not be renewed, trying with those that are here")
    status, log = run_logged("installing packages", as_root(install), env)
    if status:
        raise Failed(f"apt-get failed; the end of {log}:\n{tail(log)}",
                     "without a network, install them beforehand: " + " ".join(install))
    say("packages: installed")


def make_venv():
    wanted = (HERE / "requirements.txt").read_text()
    stamp = Stamp(VENV / "dlc-stamp", wanted + str(VENV) + sys.version)
    if stamp.fresh() and PYTHON.exists():
        say("python: .venv is there")
        return
    say("python: making .venv and installing " + " ".join(listed(HERE / "requirements.txt")))
    shutil.rmtree(VENV, ignore_errors=True)
    status, log = run_logged("making .venv", [sys.executable, "-m", "venv", VENV])
    if status:
        raise Failed(f"python3 -m venv failed; the end of {log}:\n{tail(log)}")
    status, log = run_logged("installing Python packages",
                             [PYTHON, "-m", "pip", "install", "-q", "--no-input", "--disable-pip-version-check",
                              "--only-binary=:all:", "-r", HERE / "requirements.txt"])
    if status:
        raise Failed(f"pip failed; the end of {log}:\n{tail(log, 12)}", "the first ./dev setup needs a network")
    stamp.set()
    say("python: .venv is ready")


def wheel_rows():
    """(name==version, folder, sha256) of each package in wheels.txt."""
    return [tuple(line.split()) for line in listed(HERE / "wheels.txt")]


def fetch_wheel(requirement, folder, sha256):
    """Download one package, check its hash, unpack it. Returns the reason why not, or None."""
    stamp = Stamp(WHEELS / folder / "dlc-stamp", sha256)
    if stamp.fresh():
        return None
    kept = WHEELS / "files" / folder
    kept.mkdir(parents=True, exist_ok=True)
    good = next((f for f in kept.glob("*.whl") if digest(f) == sha256), None)
    if not good:
        shutil.rmtree(kept)
        say(f"wheels: fetching {requirement}")
        status, log = run_logged(f"fetching {requirement}",
                                 [PYTHON, "-m", "pip", "download", "-q", "--no-deps", "--no-input",
                                  "--disable-pip-version-check", "--only-binary=:all:", "-d", kept, requirement])
        got = list(kept.glob("*.whl")) if kept.exists() else []
        if status or len(got) != 1:
            return f"could not be downloaded:\n{tail(log, 4)}"
        good = got[0]
        if (found := digest(good)) != sha256:
            good.unlink()
            return f"has the hash {found}, not {sha256}"
    shutil.rmtree(WHEELS / folder, ignore_errors=True)
    with zipfile.ZipFile(good) as z:
        z.extractall(WHEELS / folder)
    for program in (WHEELS / folder).glob("nvidia/*/bin/*"):
        program.chmod(0o755)
    stamp.set()
    good.unlink()
    return None


def fetch_wheels():
    """Returns {requirement: reason} of those that are neither in the cache nor to be had."""
    refused = {}
    for requirement, folder, sha256 in wheel_rows():
        if reason := fetch_wheel(requirement, folder, sha256):
            refused[requirement] = reason
            say(f"wheels: {requirement} {reason}")
    if not refused:
        say(f"wheels: all {len(wheel_rows())} there")
    elif os.environ.get("CI"):
        raise Failed(f"{len(refused)} packages are missing, and CI is set")
    else:
        say("wheels: tests and demos that need those will be skipped; ./dev setup with a network gets them")
    return refused


def setup():
    install_packages()
    make_venv()
    fetch_wheels()
