#!/usr/bin/env python3
"""An application outside of the project: the runtime installed, the example built against it and run.

install_test.py CMAKE BUILD_FOLDER C_COMPILER DRIVER
"""
import pathlib
import subprocess
import sys
import tempfile

cmake, build, compiler, driver = sys.argv[1:]
here = pathlib.Path(__file__).resolve().parent
source = here.parents[1] / "runtime/example"

with tempfile.TemporaryDirectory() as folder:
    def run(*command):
        done = subprocess.run([*map(str, command)], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0, f"{command}\n{done.stdout}"
        return done.stdout

    run(cmake, "--install", build, "--component", "runtime", "--prefix", f"{folder}/installed")
    run(cmake, "-S", source, "-B", "built", f"-DCMAKE_PREFIX_PATH={folder}/installed", f"-DCMAKE_C_COMPILER={compiler}")
    run(cmake, "--build", "built")
    assert "all equal" in run("built/dlc-example", here / "fixtures/example.ptx", 2, driver)

    # Exactly the C interface is visible, and nothing but the C and C++ libraries is needed.
    library = next(pathlib.Path(folder).glob("installed/lib*/**/libdlc_runtime.so"))
    names = [line.split()[-1] for line in run("nm", "-D", "--defined-only", library).splitlines()]
    assert names and all(name.startswith("dlc_") for name in names), names
    needed = [line.split("[")[1].split("]")[0] for line in run("readelf", "-d", library).splitlines() if "NEEDED" in line]
    assert all(n.startswith(("libc.", "libm.", "libdl.", "libgcc_s.", "libstdc++.", "ld-linux", "libpthread."))
               for n in needed), needed
