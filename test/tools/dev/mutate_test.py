"""./dev mutate: what it alters, and what it says about each mutant of one small kernel."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tools" / "dev"))
from mutations import changes, constants_of, kernel_lines, mutants  # noqa: E402

TINY = ROOT / "test" / "runtime" / "vcuda" / "mutation" / "tiny.ptx"


def altered(line, constants=None):
    return [(kind, text.strip()) for kind, _, text, _ in changes(line, constants or {})]


class Changes(unittest.TestCase):
    def test_each_kind(self):
        for line, want in {
            "bar.sync 0;": [("barrier", "")],
            "barrier.cta.sync.aligned 1, 64;": [("barrier", "")],
            "bar.warp.sync -1;": [("barrier", "")],
            "mbarrier.arrive.shared.b64 %rd1, [%r1];": [("barrier", "")],
            "cp.async.commit_group ;": [("commit", "")],
            "cp.async.wait_group 1;": [("wait", ""), ("wait", "cp.async.wait_group 2;")],
            "cp.async.wait_all;": [("wait", "")],
            "fence.acq_rel.gpu;": [("fence", "")],
            "@%p1 bra $L1;": [("predicate", "")],
            "@!%p1 st.global.u32 [%rd1], %r1;": [("predicate", "st.global.u32 [%rd1], %r1;")],
            "setp.lt.s32 %p1, %r1, %r2;": [("bound", "setp.le.s32 %p1, %r1, %r2;")],
            "setp.ge.and.u32 %p1, %r1, %r2, %p2;": [("bound", "setp.gt.and.u32 %p1, %r1, %r2, %p2;")],
            "selp.b32 %r1, 0, %r2, %p1;": [("stage", "mov.b32 %r1, %r2;")],
            "rem.u32 %r1, %r2, 3;": [("stage", "rem.u32 %r1, %r2, 2;")],
            "shfl.sync.bfly.b32 %r1|%p1, %r2, 16, 31, -1;":
                [("shuffle", "shfl.sync.bfly.b32 %r1|%p1, %r2, 8, 31, -1;"),
                 ("shuffle", "shfl.sync.bfly.b32 %r1|%p1, %r2, 16, 31, 65535;")],
            "add.u32 %r1, %r2, %r3;": [], "setp.eq.s32 %p1, %r1, 0;": [], "setp.lt.f32 %p1, %f1, %f2;": [],
        }.items():
            self.assertEqual(altered(line), want, line)

    def test_several_statements_on_a_line(self):
        self.assertEqual(altered("mov.u32 %r1, 0; bar.sync 0; ret;"), [("barrier", "mov.u32 %r1, 0;  ret;")])

    def test_registers_that_hold_constants(self):
        lines = ["mov.u32 %r1, 4;", "mov.b32 %r2, -1;", "mov.u32 %r3, 1;", "mov.u32 %r3, 2;"]
        self.assertEqual(constants_of(lines), {"%r1": "4", "%r2": "-1"})
        self.assertEqual([text for _, text in altered("shfl.sync.down.b32 %r5, %r6, %r1, 31, %r2;", constants_of(lines))],
                         ["shfl.sync.down.b32 %r5, %r6, 2, 31, %r2;", "shfl.sync.down.b32 %r5, %r6, %r1, 31, 65535;"])

    def test_probes_trap_where_the_change_makes_a_difference(self):
        for line, probe in {
            "@%p1 bra $L1;": "@%p1 trap; @%p1 bra $L1;", "@!%p1 st.global.u32 [%rd1], %r1;": "@%p1 trap; @!%p1 st.global.u32 [%rd1], %r1;",
            "setp.lt.s32 %p1, %r1, 7;": "{ .reg .pred %met; setp.eq.s32 %met,  %r1,  7; @%met trap; } setp.lt.s32 %p1, %r1, 7;",
            "selp.b32 %r1, 0, %r2, %p1;":
                "{ .reg .pred %met; setp.ne.and.u32 %met, %r2, 0, %p1; @%met trap; } selp.b32 %r1, 0, %r2, %p1;",
            "selp.b32 %r1, %r2, 0, %p1;":
                "{ .reg .pred %met; setp.ne.and.u32 %met, %r2, 0, !%p1; @%met trap; } selp.b32 %r1, %r2, 0, %p1;", "bar.sync 0;": None,
        }.items():
            self.assertEqual([p for *_, p in changes(line, {})], [probe])

    def test_one_kernel_of_several(self):
        text = TINY.read_text()
        both = text + text[text.index(".visible"):].replace("tiny(", "other(")
        self.assertEqual(len(kernel_lines(both.split("\n"), None)), 2)
        ours = list(mutants(both, "other"))
        self.assertEqual(len(ours), len(list(mutants(text, "tiny"))))
        self.assertTrue(all(m.line > text.count("\n") for m in ours))
        self.assertTrue(all(m.text.count("\n") == both.count("\n") for m in ours))


class Verdicts(unittest.TestCase):
    def test_every_mutant_of_a_small_kernel(self):
        with tempfile.TemporaryDirectory() as folder:
            report = pathlib.Path(folder) / "report.json"
            done = subprocess.run(
                [sys.executable, "-B", ROOT / "tools" / "dev" / "dev.py", "mutate", TINY, "--built", "--kernel", "tiny", "--block", "64",
                 "--arg", "random:i32:64", "--arg", "empty:i32:60", "--arg", "u32:60", "--json", report], capture_output=True, text=True,
                timeout=300)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            rows = json.loads(report.read_text())
        said = {(r["kind"], r["what"].split(":")[0], r["line"]): r["verdict"] for r in rows}
        lines = TINY.read_text().split("\n")
        first, second = (n + 1 for n, line in enumerate(lines) if "bar.sync" in line)
        for (kind, what, line), verdict in said.items():
            # Nothing comes after the second barrier that it orders, and nobody else reads what the fence orders.
            free = kind == "fence" or (kind == "barrier" and line == second)
            self.assertEqual(verdict, "equivalent" if free else "killed", (kind, what, line))
        self.assertEqual({kind for kind, _, _ in said}, {"barrier", "wait", "commit", "fence", "predicate", "bound", "shuffle"})
        self.assertIn(("barrier", "deleted", first), said)
        self.assertRegex(done.stdout, r"all +\d+ +\d+ +\d+ +\d+ +2 +0 +100\.0% +0")

    def test_bad_usage(self):
        for arguments, text in ((["nothing.json"], "nothing.json"), (["--", "", "nobody"], "no job nobody")):
            done = subprocess.run([sys.executable, "-B", ROOT / "tools" / "dev" / "dev.py", "mutate", "--built", *arguments],
                                  capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 1, arguments)
            self.assertIn(text, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
