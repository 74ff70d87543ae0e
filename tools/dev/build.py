"""./dev build: configure a preset once, then ninja."""
import shutil
import time

from steps import ROOT, Failed, cores, run_logged, run_shown, say, tail

FOLDERS = {"release": "build", "debug": "build-debug", "asan": "build-asan", "tsan": "build-tsan", "pack": "build-pack"}


def configure(preset):
    folder = ROOT / FOLDERS[preset]
    if (folder / "build.ninja").exists():
        return folder
    say(f"build: configuring preset {preset}")
    status, log = run_logged(f"configuring {preset}", ["cmake", "--preset", preset])
    if status:
        shutil.rmtree(folder / "CMakeFiles", ignore_errors=True)
        (folder / "CMakeCache.txt").unlink(missing_ok=True)
        raise Failed(f"cmake failed; the end of {log}:\n{tail(log)}")
    return folder


def build(preset="release", targets=("all",), jobs=0):
    """Build targets of a preset. Returns the build folder."""
    folder = configure(preset)
    begun = time.monotonic()
    say(f"build: {preset} in {folder.name}/ on {jobs or cores()} cores")
    if run_shown(["ninja", "-C", folder, "-j", jobs or cores(), *targets],
                 env={"NINJA_STATUS": "[%f/%t, %e s] "}):
        raise Failed(f"the {preset} build failed")
    say(f"build: {preset} done in {time.monotonic() - begun:.0f} s")
    return folder
