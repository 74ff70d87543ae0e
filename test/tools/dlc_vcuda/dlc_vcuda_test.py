"""dlc-vcuda: results, findings, counters, exit statuses, and what it says to bad usage."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from programs import ROOT, program  # noqa: E402

KERNELS = ROOT / "test" / "runtime" / "vcuda" / "kernels.ptx"
SAXPY = ["--kernel", "saxpy", "--grid", "8", "--block", "128"]


def run(*arguments, ptx=KERNELS, before=(), **settings):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("VCUDA_")}
    done = subprocess.run([*before, program("dlc-vcuda"), ptx, *map(str, arguments)], env={**environment, **settings},
                          capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


class DlcVcuda(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def test_runs_a_kernel_over_arrays_of_files(self):
        x, y = (np.random.default_rng(n).standard_normal(1000).astype(np.float32) for n in (1, 2))
        np.save(self.folder / "x.npy", x)
        np.savez(self.folder / "y.npz", other=x, y=y)
        status, out, err = run(*SAXPY, "--arg", "i32:1000", "--arg", "f32:2", "--arg", self.folder / "x.npy", "--arg",
                               f"{self.folder / 'y.npz'}:y", "--save", self.folder / "out.npz", "--json", self.folder / "r.json")
        self.assertEqual((status, err), (0, ""))
        saved = np.load(self.folder / "out.npz")
        self.assertEqual(sorted(saved), ["arg2", "arg3"])
        np.testing.assert_array_equal(saved["arg2"], x)
        np.testing.assert_allclose(saved["arg3"], 2 * x + y, rtol=1e-6, atol=1e-6)
        report = json.loads((self.folder / "r.json").read_text())
        self.assertEqual((report["status"], report["findings"]), (0, []))
        kernel, = report["counters"]
        self.assertEqual((kernel["kernel"], kernel["ctas"], kernel["warps"]), ("saxpy", 8, 32))
        # 1000 floats of each array, 32-byte sectors of eight.
        self.assertEqual((kernel["global_bytes_read"], kernel["global_sectors_read"]), (8000, 250))
        self.assertIn("global sectors written", out)
        self.assertIn("arg3: distinct bytes written", out)

    def test_inlined_lines_name_their_calls(self):
        ptx = self.folder / "inlined.ptx"
        ptx.write_text(""".version 7.8
.target sm_80
.address_size 64
.file 1 "kernel.cu"
.file 2 "helper.h"
.visible .entry store(.param .u64 p) {
  .reg .b64 %rd<2>;
  ld.param.u64 %rd1, [p];
  .loc 2 30 5, function_name $L__info_string1, inlined_at 1 7 3
  .loc 2 10 9, function_name $L__info_string0, inlined_at 2 30 5
  st.global.u32 [%rd1+4096], 1;
  ret;
}
""")
        status, out, _ = run("--kernel", "store", "--grid", "1", "--block", "1", "--arg", "zeros:f32:4", ptx=ptx)
        self.assertEqual(status, 2)
        self.assertIn("(helper.h:10, inlined at helper.h:30, inlined at kernel.cu:7), CTA", out)

    def test_made_buffers(self):
        made = []
        for seed in (5, 5, 6):
            status, _, err = run(*SAXPY, "--arg", "i32:1000", "--arg", "f32:0", "--arg", "zeros:f32:1000", "--arg",
                                 f"random:f32:10x100:{seed}", "--save", self.folder / "out.npz")
            self.assertEqual((status, err), (0, ""))
            made.append(np.load(self.folder / "out.npz")["arg3"])
        self.assertEqual(made[0].shape, (10, 100))
        self.assertTrue((np.abs(made[0]) <= 1).all() and made[0].std() > 0.5)
        np.testing.assert_array_equal(made[0], made[1])
        self.assertTrue((made[0] != made[2]).any())

    def test_findings_give_status_2(self):
        for schedule in ("forward", "reverse", "random:3", "ahead:1"):
            status, out, _ = run(*SAXPY, "--arg", "i32:1001", "--arg", "f32:2", "--arg", "random:f32:1000", "--arg",
                                 "empty:f32:1001", "--json", self.folder / "r.json", "--schedule", schedule)
            self.assertEqual(status, 2)
            report = json.loads((self.folder / "r.json").read_text())
            self.assertEqual({f["check"] for f in report["findings"]}, {"out-of-bounds", "uninitialised-read"})
            self.assertIn("out-of-bounds in saxpy, PTX line", out)
            self.assertIn("arg3", out)

    def test_checks_can_be_off(self):
        status, out, _ = run(*SAXPY, "--arg", "i32:1000", "--arg", "f32:2", "--arg", "empty:f32:1000", "--arg",
                             "empty:f32:1000", "--checks", "off")
        self.assertEqual(status, 0)
        self.assertNotIn("uninitialised", out)

    def test_lines(self):
        status, out, _ = run(*SAXPY, "--arg", "i32:1000", "--arg", "f32:2", "--arg", "zeros:f32:1000", "--arg",
                             "zeros:f32:1000", "--lines")
        self.assertEqual(status, 0)
        self.assertRegex(out, r"\n +\d+ +32 +125 +0  st\.global\.f32")

    def test_a_failed_kernel_gives_status_1(self):
        status, _, err = run("--kernel", "trap")
        self.assertEqual(status, 1)
        self.assertIn("the kernel failed: CUDA_ERROR_", err)

    def test_settings_of_the_environment_hold_unless_an_option_says_otherwise(self):
        arguments = [*SAXPY, "--arg", "i32:1000", "--arg", "f32:2", "--arg", "zeros:f32:1000", "--arg", "empty:f32:1000"]
        for checks, option, status in (("off", [], 0), ("fast", [], 2), ("off", ["--checks", "full"], 2), ("full", ["--checks", "off"], 0)):
            with self.subTest(checks=checks, option=option):
                self.assertEqual(run(*arguments, *option, VCUDA_CHECKS=checks)[0], status)
        endless = self.folder / "endless.ptx"
        endless.write_text(".version 7.8\n.target sm_80\n.address_size 64\n.visible .entry k()\n{\n$again:\nbra $again;\n}\n")
        for option, settings in (([], {"VCUDA_MAX_INSTRUCTIONS": "1000"}), (["--max-instructions", "1000"], {})):
            status, _, err = run(*option, ptx=endless, **settings)
            self.assertEqual(status, 1)
            self.assertRegex(err, "executed more than the 1000 basic blocks that VCUDA_MAX_INSTRUCTIONS allows: .* \\(kernel k, PTX line 7\\)")
            self.assertIn("CUDA_ERROR_LAUNCH_TIMEOUT", err)
        self.assertIn("does not run on the device (sm_75)", run(*arguments, VCUDA_DEVICE="t4")[2])

    def test_outputs_are_written_whole_or_not_at_all(self):
        arguments = [*SAXPY, "--arg", "i32:1000", "--arg", "f32:2", "--arg", "zeros:f32:1000", "--arg", "zeros:f32:1000"]
        npz, report = self.folder / "out.npz", self.folder / "r.json"
        npz.write_text("old")
        report.write_text("old")
        small = ["bash", "-c", "ulimit -f 4; trap '' XFSZ; exec \"$@\"", "-"]  # files of at most 4 KiB
        status, _, err = run(*arguments, "--save", npz, "--json", report, "--lines", before=small)
        self.assertEqual(status, 1)
        for path in (npz, report):
            self.assertIn(f"can't write '{path}': File too large", err)
            self.assertEqual(path.read_text(), "old")
        self.assertIn("what was there is unchanged", err)
        self.assertEqual(run(*arguments, "--save", npz, "--json", npz)[2],
                         "dlc-vcuda: error: --save and --json are the same file\n  help: choose two files\n")
        self.assertEqual(sorted(p.name for p in self.folder.iterdir()), ["out.npz", "r.json"])
        x = self.folder / "x.npy"
        np.save(x, np.zeros(1000, np.float32))
        before = x.read_bytes()
        status, _, err = run(*SAXPY, "--arg", "i32:1000", "--arg", "f32:2", "--arg", x, "--arg", "zeros:f32:1000", "--save", x)
        self.assertEqual(status, 1)
        self.assertIn("--save would overwrite", err)
        self.assertEqual(x.read_bytes(), before)
        self.assertEqual(run(*arguments, "--save", npz, "--json", report)[0], 0)
        self.assertEqual(sorted(p.name for p in self.folder.iterdir()), ["out.npz", "r.json", "x.npy"])
        self.assertEqual(json.loads(report.read_text())["status"], 0)

    def test_raw_bytes_are_a_parameter(self):
        hexed = np.float32(2).tobytes().hex()
        status, _, err = run(*SAXPY, "--arg", "hex:e8030000", "--arg", f"hex:{hexed}", "--arg", "zeros:f32:1000", "--arg",
                             "zeros:f32:1000")
        self.assertEqual((status, err), (0, ""))

    def test_refused_launches_name_the_limit(self):
        ptx = self.folder / "limits.ptx"
        ptx.write_text(".version 7.8\n.target sm_80\n.address_size 64\n"
                       ".visible .entry most()\n.maxntid 256\n{\n.reg .u32 %r;\n.shared .align 4 .b8 own[1024];\nmov.u32 %r, own;\nst.shared.u32 [%r], 0;\nret;\n}\n"
                       ".visible .entry exact()\n.reqntid 64, 2\n{\nret;\n}\n")
        cases = [
            (["most", "--block", "4096"], "a block of (4096,1,1) threads", "1024 in all"),
            (["most", "--block", "1,1,65"], "a block of (1,1,65) threads", "64 in x, y and z"),
            (["most", "--block", "257"], "a block of 257 threads", ".maxntid allows 256"),
            (["exact", "--block", "128"], "a block of (128,1,1) threads", ".reqntid takes (64,2,1)"),
            (["most", "--grid", "1,65536"], "a grid of (1,65536,1) CTAs", "65535"),
            (["most", "--shared", "232448"], "232448 bytes of dynamic shared memory",
             "h200 has 232448 bytes for a CTA, of which the kernel's own variables take 1024"),
            (["most", "--shared", "170000", "--device", "a100"], "170000 bytes of dynamic shared memory", "a100 has 166912 bytes"),
            (["most", "--shared", "4000000000"], "bytes of dynamic shared memory", "h200 has 232448 bytes"),
            (["most", "--cooperative", "--shared", "231424", "--grid", "133"], "a cooperative grid of 133 CTAs",
             "h200 holds 132 (1 on each of 132 SMs)"),
        ]
        for arguments, asked, limit in cases:
            with self.subTest(arguments):
                status, out, err = run("--kernel", *arguments, ptx=ptx)
                self.assertEqual((status, out), (1, ""))
                self.assertRegex(err, r"^vcuda: kernel (most|exact): .*: (choose|launch it|use) .*\ndlc-vcuda: error: the launch was refused: "
                                      r"CUDA_ERROR_(INVALID_VALUE|COOPERATIVE_LAUNCH_TOO_LARGE)\n  help: ")
                self.assertIn(asked, err)
                self.assertIn(limit, err)
        for arguments in (["most", "--block", "256", "--shared", "231424"], ["exact", "--block", "64,2", "--shared", "48000"],
                          ["most", "--cooperative", "--shared", "231424", "--grid", "132"]):
            self.assertEqual(run("--kernel", *arguments, ptx=ptx)[::2], (0, ""))

    def test_bad_usage(self):
        good = ["--arg", "i32:1", "--arg", "f32:2", "--arg", "zeros:f32:4", "--arg", "zeros:f32:4"]
        cases = [
            ([], "which kernel?"), (["--kernel", "nothing"], "there is no kernel 'nothing'"),
            (["--kernel", "saxpy"], "has 4 parameters, 0 arguments"),
            (["--kernel", "saxpy", *good, "--grid", "0"], "--grid '0'"), (["--kernel", "saxpy", *good, "--block", "1,2,3,4"], "--block"),
            (["--kernel", "saxpy", "--arg", "i32:x"], "'i32:x': that is no i32"),
            (["--kernel", "saxpy", "--arg", "i32:4294967296"], "that is no i32"),
            (["--kernel", "saxpy", "--arg", "5"], "expected a number"),
            (["--kernel", "saxpy", "--arg", "hex:abc"], "hexadecimal"),
            (["--kernel", "saxpy", "--arg", "zeros:f31:4"], "zeros:TYPE:SHAPE"),
            (["--kernel", "saxpy", "--arg", "zeros:f32:4x0"], "zeros:TYPE:SHAPE"),
            (["--kernel", "saxpy", "--arg", "random:f32:4:x"], "the seed is no number"),
            (["--kernel", "saxpy", "--arg", "nothing.npy"], "nothing.npy: No such file"),
            (["--kernel", "saxpy", "--arg", "nothing.npz:x"], "nothing.npz: No such file"),
            (["--kernel", "saxpy", *good[:-2], "--arg", "i32:7"], "has 4 bytes, the kernel's parameter 8"),
            (["--kernel", "saxpy", *good, "--checks", "some"], "VCUDA_CHECKS: 'some' is not off, fast or full"),
            (["--kernel", "saxpy", *good, "--schedule", "sideways"], "VCUDA_SCHEDULE: 'sideways' is not forward, "),
            (["--kernel", "saxpy", *good, "--device", "a1000"], "'a1000' is not a device"),
            (["--kernel", "saxpy", *good, "--save", "/nonexistent/x.npz"], "/nonexistent/x.npz"),
            (["--kernel", "saxpy", *good, "--json", "/nonexistent/x.json"], "can't write '/nonexistent/x.json': No such file"),
            (["--kernel", "saxpy", *good, "--save", "/"], "can't write '/': it is a folder"),
            (["--kernel", "saxpy", *good, "--save", KERNELS], "which this run reads"),
            (["--kernel", "saxpy", *good, "--max-instructions", "-1"], "VCUDA_MAX_INSTRUCTIONS: '-1' is not a number"),
            (["--frob"], "--frob"),
        ]
        for arguments, text in cases:
            with self.subTest(arguments):
                status, out, err = run(*arguments)
                self.assertEqual(status, 1)
                self.assertIn(text, err)
        self.assertEqual(run(ptx="nothing.ptx")[0], 1)
        self.assertIn("cannot read /", run(ptx="/")[2])
        bad = self.folder / "bad.ptx"
        bad.write_text(".version 7.8\n.target sm_80\n.address_size 64\n.visible .entry k()\n{\nfrobnicate.u32 1;\nret;\n}\n")
        status, _, err = run(ptx=bad)
        self.assertEqual(status, 1)
        self.assertIn("line 6", err)
        self.assertIn("instruction 'frobnicate' is not supported", err)


if __name__ == "__main__":
    unittest.main()
