#!/usr/bin/env python3
"""The program dlc-run on the runtime's worked example: dlc_run_test.py DRIVER, the library it takes for the virtual GPU."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

import ml_dtypes
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "test/runtime/fixtures"))
import make_example  # noqa: E402

PROGRAM = pathlib.Path(os.environ["DLC_BIN_DIR"]) / "dlc-run"
EXAMPLE = ROOT / "test/runtime/fixtures/example.ptx"
SCALE = 0.5 + np.arange(8, dtype=np.float32)
BIAS = -1.0 - 0.25 * np.arange(8, dtype=np.float32)
DRIVER = os.path.abspath(sys.argv.pop(1))
IS_VIRTUAL = "vcuda" in DRIVER  # the virtual GPU, not the tests' fake driver


def dlc_run(*args, expect=0):
    """(stdout, stderr) of dlc-run with the driver as virtual GPU."""
    done = subprocess.run([PROGRAM, *map(str, args)], capture_output=True, text=True,
                          env={**os.environ, "DLC_VCUDA": DRIVER})
    assert done.returncode == expect, f"{args}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout, done.stderr


class DlcRun(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.x = np.random.default_rng(0).integers(-8, 9, (6, 8)).astype(np.float32)
        self.h = self.x * SCALE + BIAS
        np.savez(self.folder / "in.npz", x=self.x)
        np.savez(self.folder / "ref.npz", y=self.h.sum(1))

    def virtual(self, *args, expect=0):
        return dlc_run(EXAMPLE, "--device=vcuda", *args, expect=expect)

    def test_runs_saves_compares(self):
        out, _ = self.virtual("--inputs", self.folder / "in.npz", "--save", self.folder / "out.npz", "--compare",
                              self.folder / "ref.npz", "--json", self.folder / "report.json")
        self.assertIn("equal", out)
        np.testing.assert_allclose(np.load(self.folder / "out.npz")["y"], self.h.sum(1), rtol=1e-6, atol=1e-6)
        report = json.loads((self.folder / "report.json").read_text())
        self.assertTrue(report["device"].startswith("vcuda ("))
        self.assertEqual((report["dims"], report["status"], report["findings"]), ({"batch": 6}, 0, 0))
        self.assertEqual(report["outputs"], {"y": {"dtype": "f32", "shape": [6]}})
        self.assertTrue(report["compare"]["y"]["ok"])

    def test_differences_are_status_2(self):
        reference = self.h.sum(1)
        reference[3] += 1
        np.savez(self.folder / "ref.npz", y=reference)
        out, _ = self.virtual("--inputs", self.folder / "in.npz", "--compare", self.folder / "ref.npz", expect=2)
        self.assertIn("1 of 6 elements over: DIFFERS", out)
        self.virtual("--inputs", self.folder / "in.npz", "--compare", self.folder / "ref.npz", "--atol", "1.001")
        np.savez(self.folder / "ref.npz", y=reference[:5])
        out, _ = self.virtual("--inputs", self.folder / "in.npz", "--compare", self.folder / "ref.npz", expect=2)
        self.assertIn("shape [6], expected [5]", out)

    def test_seeds(self):
        self.virtual("--seed=1", "--dim", "batch=17", "--save", self.folder / "a.npz")
        self.virtual("--seed=1", "--dim=batch=17", "--compare", self.folder / "a.npz")
        self.virtual("--seed=2", "--dim=batch=17", "--compare", self.folder / "a.npz", expect=2)
        self.assertEqual(np.load(self.folder / "a.npz")["y"].shape, (17,))

    def test_failures_are_reported(self):
        self.virtual("--dim=batch=18", "--json", self.folder / "report.json", expect=1)
        report = json.loads((self.folder / "report.json").read_text())
        self.assertEqual(report["status"], 1)
        self.assertIn("this artifact takes 1..17", report["error"])

    def test_refusals(self):
        def message(*args):
            return self.virtual(*args, expect=1)[1]
        self.assertIn("input 'x' dim 0 ('batch') is 18; this artifact takes 1..17\n  help: compile again",
                      message("--dim=batch=18"))
        self.assertIn("there is no dim named 'b'\n  help: the dims of this artifact are 'batch'", message("--dim=b=1"))
        np.savez(self.folder / "in.npz", x=self.x.astype(np.float64))
        self.assertIn("array 'x' is '<f8'; it should be f32", message("--inputs", self.folder / "in.npz"))
        np.savez(self.folder / "in.npz", z=self.x)
        self.assertIn("has no array 'x'", message("--inputs", self.folder / "in.npz"))
        np.savez(self.folder / "in.npz", x=self.x, z=self.x)
        self.assertIn("the model has no input 'z'", message("--inputs", self.folder / "in.npz"))
        (self.folder / "in.npz").write_bytes(b"PK\3\4 no archive")
        self.assertIn("no zip archive", message("--inputs", self.folder / "in.npz"))
        dlc_run(EXAMPLE, "--device=mars", expect=1)
        dlc_run(self.folder / "none.ptx", expect=1)
        self.assertIn("this file has no launch plan", dlc_run(__file__, "--device=vcuda", expect=1)[1])

    def test_options_that_do_not_go_together(self):
        given = ("--inputs", self.folder / "in.npz")
        self.assertIn("--inputs excludes --dim", self.virtual(*given, "--dim=batch=5", expect=1)[1])
        for flags in (["--bench"], ["--save", self.folder / "out.npz"], ["--seed=1"], ["--compare", self.folder / "ref.npz"]):
            self.assertIn("excludes", self.virtual("--compare-kernels", self.folder, *flags, expect=1)[1])
        for flags in (["--no-such"], ["one too many"], ["--dim=batch"]):
            errors = self.virtual(*flags, expect=1)[1]
            self.assertRegex(errors, r"^dlc-run: error: .*\n  help: `dlc-run --help`")
        self.assertIn("--help", dlc_run(expect=1)[1])
        self.assertIn("--rtol: '-1' is not a tolerance, a number from 0 on", self.virtual("--rtol=-1", expect=1)[1])
        self.assertIn("'nan' is not a tolerance", self.virtual("--atol=nan", expect=1)[1])
        self.assertIn("'0' is not a whole number from 1 on", self.virtual("--bench", "--iterations=0", expect=1)[1])

    def copy(self):
        for suffix in ("", ".safetensors"):
            shutil.copy(f"{EXAMPLE}{suffix}", f"{self.folder}/example.ptx{suffix}")
        return self.folder / "example.ptx"

    def test_what_is_read_is_never_overwritten(self):
        artifact, given = self.copy(), self.folder / "in.npz"
        os.symlink(artifact, self.folder / "link")
        for flag in ("--save", "--json", "--counters"):
            for path in (artifact, f"{artifact}.safetensors", given, self.folder / "link", f"{self.folder}/./in.npz"):
                before = pathlib.Path(path).read_bytes()
                out, errors = dlc_run(artifact, "--device=vcuda", "--inputs", given, flag, path, expect=1)
                self.assertIn(f"{flag} would overwrite '{path}', which this run reads", errors)
                self.assertEqual((out, pathlib.Path(path).read_bytes()), ("", before))
        same = self.folder / "same"
        self.assertIn("--save and --json are the same file", self.virtual("--save", same, "--json", same, expect=1)[1])

    def test_weights_of_another_name_are_never_overwritten(self):
        artifact, weights = self.copy(), self.folder / "other.safetensors"
        os.rename(f"{artifact}.safetensors", weights)
        text, plan_name = artifact.read_text(), '"file": "example.ptx.safetensors"'
        self.assertIn(plan_name, text)
        artifact.write_text(text.replace(plan_name, '"file": "other.safetensors"'))
        before = weights.read_bytes()
        errors = dlc_run(artifact, "--device=vcuda", "--edited", "--json", weights, expect=1)[1]
        self.assertIn("--json would overwrite", errors)
        self.assertEqual(weights.read_bytes(), before)

    def test_bad_outputs_are_noticed_before_the_run(self):
        for flag in ("--save", "--json", "--counters"):
            out, errors = self.virtual(flag, self.folder / "none" / "file", expect=1)
            self.assertEqual(out, "")
            self.assertIn("No such file or directory\n  help: ", errors)
            self.assertIn("it is a folder", self.virtual(flag, self.folder, expect=1)[1])

    def test_what_cannot_be_printed_is_no_success(self):
        for flags in (["--device=vcuda"], ["--inspect"], ["--help"], ["--version"]):
            with open("/dev/full", "w") as full:
                done = subprocess.run([PROGRAM, EXAMPLE, *flags], stdout=full, stderr=subprocess.PIPE, text=True,
                                      env={**os.environ, "DLC_VCUDA": DRIVER})
            self.assertEqual((done.returncode, done.stderr), (1, "dlc-run: error: cannot write to standard output\n"), flags)

    def test_a_failed_write_leaves_what_was_there(self):
        for flag in ("--save", "--json"):
            path = self.folder / "kept"
            path.write_text("kept")
            full = subprocess.run(["bash", "-c", 'ulimit -f 0; exec "$@"', "-", PROGRAM, EXAMPLE,
                                   "--device=vcuda", flag, path], capture_output=True, text=True,
                                  env={**os.environ, "DLC_VCUDA": DRIVER})
            self.assertEqual(full.returncode, 1, full)
            self.assertIn("can't write ", full.stderr)
            self.assertIn("File too large\n  help: what was there is unchanged", full.stderr)
            self.assertEqual(path.read_text(), "kept")
        self.assertEqual(sorted(p.name for p in self.folder.iterdir()), ["in.npz", "kept", "ref.npz"])
        self.virtual("--save", path, "--json", "/dev/stdout")
        self.assertEqual(np.load(path)["y"].shape, (1,))

    def test_help_for_missing_weights(self):
        artifact = self.copy()
        os.remove(f"{artifact}.safetensors")
        self.assertIn("dlc-run --weights=FILE", dlc_run(artifact, "--device=vcuda", expect=1)[1])

    @unittest.skipUnless(IS_VIRTUAL, "needs the virtual GPU")
    def test_help_for_a_wrong_virtual_device(self):
        with unittest.mock.patch.dict(os.environ, {"VCUDA_DEVICE": "foo"}):
            errors = self.virtual(expect=1)[1]
        self.assertIn("correct its environment variables (VCUDA_DEVICE", errors)
        self.assertNotIn("install the NVIDIA driver", errors)

    @unittest.skipUnless(IS_VIRTUAL, "needs the virtual GPU")
    def test_files_of_the_virtual_device_are_opened_before_the_run(self):
        for name in ("VCUDA_FINDINGS", "VCUDA_COUNTERS"):
            with unittest.mock.patch.dict(os.environ, {name: f"{self.folder}/none/x.json"}):
                out, errors = self.virtual(expect=1)
            self.assertEqual(out, "")
            self.assertIn(f"vcuda: {name}: {self.folder}/none/x.json: No such file or directory\n", errors)

    def test_no_device_is_never_replaced(self):
        if "DLC_RUN_TEST_HAS_GPU" not in os.environ and not pathlib.Path("/dev/nvidiactl").exists():
            self.assertIn("--device=vcuda", dlc_run(EXAMPLE, expect=1)[1])
            out, _ = dlc_run(EXAMPLE, "--device=auto")
            self.assertIn("no GPU (", out)
            self.assertIn("device: vcuda (", out)

    def test_bench(self):
        self.virtual("--bench", "--iterations=4", "--json", self.folder / "report.json")
        self.assertEqual(json.loads((self.folder / "report.json").read_text())["bench"]["iterations"], 4)

    def test_edited_artifacts(self):
        for suffix in ("", ".safetensors"):
            shutil.copy(f"{EXAMPLE}{suffix}", f"{self.folder}/example.ptx{suffix}")
        edited = self.folder / "example.ptx"
        edited.write_text(edited.read_text().replace("// Generated", "// Made"))
        self.assertIn("--edited", dlc_run(edited, "--device=vcuda", expect=1)[1])
        self.assertIn("warning: the artifact was edited", dlc_run(edited, "--device=vcuda", "--edited")[1])
        weights = self.folder / "example.ptx.safetensors"
        weights.write_bytes(weights.read_bytes()[:-1] + b"!")
        dlc_run(edited, "--device=vcuda", "--edited")
        self.assertIn("content is not", dlc_run(edited, "--device=vcuda", "--edited", "--verify", expect=1)[1])

    def values(self, name="values", **changes):
        """Operands and results of both ops, as dlc --save-values writes them (in fp64); returns the folder."""
        folder = self.folder / name
        folder.mkdir()
        values = {"x": self.x, "w": SCALE, "b": BIAS, "h": self.h, "y": self.h.sum(1), **changes}
        for op, names in {"r0_mul_add": "xwbh", "r1_sum": "hy"}.items():
            np.savez(folder / f"{op}.npz", **{n: values[n].astype(np.float64) for n in names})
        return folder

    def test_kernels_one_by_one(self):
        out, _ = self.virtual("--compare-kernels", self.values(), "--json", self.folder / "report.json")
        self.assertIn("2 ops compared, 0 without saved values, all equal", out)
        rows = json.loads((self.folder / "report.json").read_text())["kernels"]
        self.assertEqual([(r["op"], r["buffer"], r["ok"]) for r in rows], [("r0_mul_add", "h", True), ("r1_sum", "y", True)])

    def test_a_wrong_kernel_is_found(self):
        wrong = self.h.copy()
        wrong[2, 3] += 1
        # The second op gets the wrong operand as well as the right result: both differ, each by itself.
        out, _ = self.virtual("--compare-kernels", self.values(h=wrong), expect=2)
        self.assertEqual(out.count("DIFFERS"), 2)
        loose = self.values("baseline", h=wrong + 1, y=self.h.sum(1) + 1)
        self.virtual("--compare-kernels", self.folder / "values", "--baseline", loose)

    def test_kernels_without_values(self):
        folder = self.values()
        (folder / "r0_mul_add.npz").unlink()
        self.assertIn("1 ops compared, 1 without", self.virtual("--compare-kernels", folder, "--dim=batch=6")[0])
        (folder / "r1_sum.npz").unlink()
        self.assertIn("no values of this artifact's ops", self.virtual("--compare-kernels", folder, expect=1)[1])

    def changed(self, change):
        """The example with a changed plan."""
        plan = json.loads("".join(line[2:] for line in EXAMPLE.read_text().split("//!dlc-plan")[1].splitlines()[1:]))
        change(plan)
        path = self.folder / "example.ptx"
        path.write_text(make_example.artifact((EXAMPLE.parent / "example.kernels.ptx").read_text(), json.dumps(plan)))
        shutil.copy(f"{EXAMPLE}.safetensors", f"{path}.safetensors")
        return path

    def test_every_dtype_passes_through(self):
        """Inputs that are outputs as well, of every dtype, as NumPy and ml_dtypes store them."""
        rng = np.random.default_rng(1)
        types = {"f32": np.float32, "f16": np.float16, "bf16": ml_dtypes.bfloat16, "f64": np.float64, "i8": np.int8,
                 "u8": np.uint8, "i16": np.int16, "u16": np.uint16, "i32": np.int32, "u32": np.uint32, "i64": np.int64,
                 "u64": np.uint64, "bool": np.bool_, "f8e4m3fn": ml_dtypes.float8_e4m3fn, "f8e5m2": ml_dtypes.float8_e5m2}
        values = {name: rng.integers(0, 100, (2, 3)).astype(kind) for name, kind in types.items()}

        def pass_through(plan):
            for name in types:
                port = {"name": name, "dtype": name, "dims": [2, 3], "buffer": f"b_{name}"}
                plan["inputs"].append(port)
                plan["outputs"].append({**port, "name": f"out_{name}"})
                plan["buffers"].append({"name": f"b_{name}", "dtype": name, "dims": [2, 3],
                                        "base": {"kind": "input", "name": name}})
        artifact = self.changed(pass_through)
        np.savez_compressed(self.folder / "in.npz", x=self.x, **values)
        dlc_run(artifact, "--device=vcuda", "--inputs", self.folder / "in.npz", "--save", self.folder / "out.npz")
        out = np.load(self.folder / "out.npz")
        for name, value in values.items():
            self.assertEqual(out[f"out_{name}"].tobytes(), value.tobytes(), name)
            self.assertEqual(out[f"out_{name}"].shape, (2, 3))
            if value.dtype.isbuiltin == 1:
                self.assertEqual(out[f"out_{name}"].dtype, value.dtype)

    @unittest.skipUnless(IS_VIRTUAL, "needs the virtual GPU")
    def test_findings_make_the_run_fail(self):
        def one_row_more(plan):
            plan["ops"][1]["variants"][0]["launches"][0]["args"][2]["expr"] = ["+", "batch", 1]
        _, errors = dlc_run(self.changed(one_row_more), "--device=vcuda", "--dim=batch=6", "--json",
                            self.folder / "report.json", expect=1)
        self.assertIn("k1_sum", errors)
        report = json.loads((self.folder / "report.json").read_text())
        self.assertEqual((report["status"], report["findings"] > 0), (1, True))
        self.assertEqual(report["finding_list"][0]["kernel"], "k1_sum")

    @unittest.skipUnless(IS_VIRTUAL, "needs the virtual GPU")
    def test_counters(self):
        self.virtual("--dim=batch=8", "--counters", self.folder / "counters.json")
        text = (self.folder / "counters.json").read_text()
        json.loads(text)
        for name in ("k0_mul_add_wide", "k1_sum", "weight:w", '"h"'):
            self.assertIn(name, text)

    @unittest.skipIf(IS_VIRTUAL, "the virtual GPU has them")
    def test_no_counters_elsewhere(self):
        self.assertIn("only the virtual GPU has counters",
                      self.virtual("--counters", self.folder / "counters.json", expect=1)[1])

    @unittest.skipUnless((PROGRAM.parent / "dlc").exists(), "needs the compiler")
    def test_dlc_inspect(self):
        done = subprocess.run([PROGRAM.parent / "dlc", "inspect", EXAMPLE, "--json"], capture_output=True, text=True)
        shown = json.loads(done.stdout)
        self.assertEqual((shown["launches"], len(shown["kernels"]), shown["memory"]["arena"]),
                         (2, 3, "256 * ceildiv(32 * batch, 256)"))
        self.assertEqual(shown["kernels"][0]["nodes"], ["/scale/Add", "/scale/Mul"])
        done = subprocess.run([PROGRAM.parent / "dlc", "inspect", __file__], capture_output=True, text=True)
        self.assertEqual((done.returncode, "help: " in done.stderr), (1, True))

    def test_inspect(self):
        out, _ = dlc_run(EXAMPLE, "--inspect")
        for text in ("x  f32 [batch, 8]", "batch  1..17  (x dim 0)", "arena 256 * ceildiv(32 * batch, 256)", "2 launches",
                     "if 4 divides batch: pointwise vector=4", "k0_mul_add_wide  grid [ceildiv(elements, 512), 1, 1]",
                     "nodes /scale/Add, /scale/Mul"):
            self.assertIn(text, out)


if __name__ == "__main__":
    unittest.main()
