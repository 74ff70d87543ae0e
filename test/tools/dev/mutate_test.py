"""./dev mutate: what it alters, and what it says about each mutant of one small kernel."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tools" / "dev"))
from mutation_runs import cases_of  # noqa: E402
from mutations import MARK, changes, constants_of, instrumented, kernel_lines, mutants  # noqa: E402
from mutate import Places  # noqa: E402
from ptx_flow import Flow  # noqa: E402

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
            "selp.b32 %r1, 16, 0, %p1;": [("predicate", "mov.b32 %r1, 16;")], "selp.b32 %r1, 0, 1, %p1;": [],
            "and.b32 %r1, %r2, 1;": [("stage", "mov.b32 %r1, 0;")], "and.b32 %r1, %r2, 31;": [],
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

    def test_probes_mark_where_the_change_makes_a_difference(self):
        for line, probe in {
            "@%p1 bra $L1;": f"@%p1 {MARK}", "@!%p1 st.global.u32 [%rd1], %r1;": f"@%p1 {MARK}", "bar.sync 0;": MARK,
            "setp.lt.s32 %p1, %r1, 7;": f"{{ .reg .pred %met; setp.eq.s32 %met, %r1, 7; @%met {MARK} }}",
            "selp.b32 %r1, 0, %r2, %p1;": f"{{ .reg .pred %met; setp.ne.and.u32 %met, %r2, 0, %p1; @%met {MARK} }}",
            "selp.b32 %r1, %r2, 0, %p1;": f"{{ .reg .pred %met; setp.ne.and.u32 %met, %r2, 0, !%p1; @%met {MARK} }}",
        }.items():
            self.assertEqual([p for *_, p in changes(line, {})], [probe])

    def test_instrumented_text(self):
        text = TINY.read_text()
        altered = list(mutants(text, "tiny"))
        probed, marks, origin = instrumented(text, altered)
        lines, before = probed.split("\n"), text.split("\n")
        self.assertEqual(sorted(n for numbers in marks.values() for n in numbers), list(range(len(altered))))
        for line, numbers in marks.items():
            self.assertIn(MARK, lines[line - 1])
            following = next(origin[at] for at in range(line, len(lines) + 1) if at in origin)
            self.assertEqual({altered[n].line for n in numbers}, {following})
        self.assertEqual([lines[at - 1] for at in origin], before)

    def test_a_half_of_the_members_is_not_all(self):
        self.assertEqual([text for _, text in altered("shfl.sync.bfly.b32 %r1, %r2, %r3, 31, 65535;")],
                         ["shfl.sync.bfly.b32 %r1, %r2, %r3, 31, 255;"])

    def test_one_kernel_of_several(self):
        text = TINY.read_text()
        both = text + text[text.index(".visible"):].replace("tiny(", "other(")
        self.assertEqual(len(kernel_lines(both.split("\n"), None)), 2)
        ours = list(mutants(both, "other"))
        self.assertEqual(len(ours), len(list(mutants(text, "tiny"))))
        self.assertTrue(all(m.line > text.count("\n") for m in ours))
        self.assertTrue(all(m.text.count("\n") == both.count("\n") for m in ours))


class Cases(unittest.TestCase):
    def test_listed_ones_and_the_space(self):
        job = {"name": "k", "grid": "{(n + 31) // 32}", "args": ["zeros:f32:{max(n, 1)}", "i32:{n}"], "block": "32",
               "cases": [{"n": 40}, {"grid": "7", "n": 1}], "space": [{"n": "0:3"}, {"n": [64], "block": ["16", "8"]}]}
        cases = cases_of(job)
        self.assertEqual([c.job["args"] for c in cases], [[f"zeros:f32:{max(n, 1)}", f"i32:{n}"] for n in (40, 1, 0, 1, 2, 64, 64)])
        self.assertEqual([c.job["grid"] for c in cases], ["2", "7", "0", "1", "1", "2", "2"])
        self.assertEqual([c.job["block"] for c in cases[-2:]], ["16", "8"])
        self.assertEqual([len(c.schedules) for c in cases], [4, 4, 1, 1, 1, 1, 1])

    def test_a_job_without_cases_is_one(self):
        self.assertEqual(len(cases_of({"name": "k", "args": []})), 1)


class Flows(unittest.TestCase):
    TEXT = """.visible .entry k(.param .u64 p)
{
\t.reg .b32 %r<9>;
\tmov.u32 %r1, %tid.x;
\tmov.u32 %r2, 7;
\tsetp.lt.u32 %p1, %r1, %r2;
\t.loc 1 2 3
\t@%p1 bra $L1;
\tadd.u32 %r3, %r1, 1;
\tst.shared.u32 [%r1], %r3;
$L1:
\tbar.sync 0;
\tld.shared.v2.u32 {%r4, %r5}, [%r2];
\tst.global.u32 [%rd1], %r4;
\tld.local.u32 %r6, [%r2];
\tret;
}"""

    def setUp(self):
        self.flow = Flow(self.TEXT.split("\n"), 0, 16)

    def test_slices(self):
        # The bound decides the branch, that the store, that what shared memory holds; local memory does not depend on it.
        self.assertEqual(self.flow.depends(6), {6, 8, 9, 10, 13, 14})
        self.assertEqual(self.flow.depends(9), {9, 10, 13, 14})
        self.assertEqual(self.flow.depends(15), {15})
        self.assertEqual(self.flow.depends(12), {12})

    def test_order(self):
        self.assertTrue(self.flow.reaches(10, 13))
        self.assertFalse(self.flow.reaches(13, 10))

    def test_what_the_thread_alone_decides(self):
        def dead(line, text, executed, taken):
            return Flow(text.split("\n"), 0, 16).is_dead(line, executed, taken)
        threads = set(range(4, 18)) - {9, 10}
        self.assertTrue(dead(9, self.TEXT, threads, {8}))
        self.assertFalse(dead(9, self.TEXT, threads | {9}, {8}))  # some thread came there
        self.assertFalse(dead(13, self.TEXT, threads, {8}))
        # A parameter decides, or which of two values it is.
        self.assertFalse(dead(9, self.TEXT.replace("mov.u32 %r2, 7", "ld.param.u32 %r2, [p]"), threads, {8}))
        twice = self.TEXT.replace("mov.u32 %r2, 7;", "mov.u32 %r2, 7; @%p7 mov.u32 %r2, 9;")
        self.assertTrue(dead(9, twice, threads, {8}) is False)
        # A loop whose trips the thread decides.
        loop = """.visible .entry k(.param .u64 p)
{
mov.u32 %r1, %tid.x;
$L0:
add.u32 %r1, %r1, 32;
setp.lt.u32 %p1, %r1, 99;
@%p1 bra $L0;
setp.lt.u32 %p2, %r1, 40;
@%p2 bra $L2;
ret;
$L2:
bar.sync 0;
ret;
}"""
        self.assertTrue(Flow(loop.split("\n"), 0, 13).is_dead(12, set(range(3, 11)), {7}))
        bounded = loop.replace("99", "%r9").replace("mov.u32 %r1, %tid.x;", "mov.u32 %r1, %tid.x; ld.param.u32 %r9, [p];")
        self.assertFalse(Flow(bounded.split("\n"), 0, 13).is_dead(12, set(range(3, 11)), {7}))

    def test_strong_accesses(self):
        self.assertFalse(self.flow.meets_strong(12))
        strong = Flow(self.TEXT.replace("ld.local.u32 %r6", "ld.volatile.global.u32 %r6").split("\n"), 0, 16)
        self.assertTrue(strong.meets_strong(12))

    def test_where_findings_tell(self):
        places = Places(self.TEXT, "k")
        by_line = {m.line: m for m in mutants(self.TEXT, "k")}
        race = dict(check="shared-race", ptx_line=13, other=dict(ptx_line=10))
        self.assertEqual(places.told(by_line[12], race), "ordered")
        self.assertEqual(places.told(by_line[12], dict(race, ptx_line=9, other=dict(ptx_line=14))), "")
        self.assertEqual(places.told(by_line[12], dict(check="out-of-bounds", ptx_line=13)), "")
        self.assertEqual(places.told(by_line[12], dict(check="divergent", ptx_line=12)), "at it")
        self.assertEqual(places.told(by_line[6], dict(check="out-of-bounds", ptx_line=13)), "addressed")
        self.assertEqual(places.told(by_line[6], dict(check="out-of-bounds", ptx_line=15)), "")


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
        self.assertRegex(done.stdout, r"all( +\d+){12} +2 +0 +0 +0 +100\.0%")

    def test_bad_usage(self):
        for arguments, text in ((["nothing.json"], "nothing.json"), (["--", "", "nobody"], "no job nobody")):
            done = subprocess.run([sys.executable, "-B", ROOT / "tools" / "dev" / "dev.py", "mutate", "--built", *arguments],
                                  capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 1, arguments)
            self.assertIn(text, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
