"""Settings of the IR tests: each *.mlir or *.test file under test/ carries its own RUN lines.

`lit` is the name under which ctest runs them; by hand: lit-22 -v build/test/passes/graph (any folder or file below build/test).
"""
import os

import lit.formats

config.name = "dlc"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.dlc_build, "test")
# The programs under test come first, then FileCheck, not, count, split-file of the LLVM that dlc is built with.
config.environment["PATH"] = os.pathsep.join([os.path.join(config.dlc_build, "bin"), config.llvm_tools,
                                              os.environ.get("PATH", "")])
config.environment["FILECHECK_OPTS"] = "--dump-input-filter=all --allow-unused-prefixes=false"
for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "HOME"):
    if name in os.environ:
        config.environment[name] = os.environ[name]
config.substitutions.append(("%build", config.dlc_build))
config.substitutions.append(("%python", config.python))
