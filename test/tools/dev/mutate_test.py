"""./dev mutate: what it alters, and what it says about each mutant of one small kernel."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tools" / "dev"))
from mutation_changes import MARK, Facts, changes  # noqa: E402
from mutation_runs import DATA, Arrays, cases_of  # noqa: E402
from mutations import facts_of, instrumented, kernel_lines, mutants  # noqa: E402
from mutate import Places, reasons_of, spaces  # noqa: E402
from ptx_flow import Flow  # noqa: E402

TINY = ROOT / "test" / "runtime" / "vcuda" / "mutation" / "tiny.ptx"


def altered(line, **facts):
    return [(kind, " ".join(text.split())) for kind, _, text, _ in changes(line, Facts(**facts))]


def facts(body):
    lines = [".visible .entry k(.param .u64 p)", "{", *body.strip().split("\n"), "}"]
    return facts_of(lines, 0, len(lines))


class Changes(unittest.TestCase):
    def test_each_kind(self):
        for line, want in {
            "bar.sync 0;": [("barrier", "")],
            "barrier.cta.sync.aligned 1;": [("barrier", "")],
            
            "mbarrier.arrive.shared.b64 %rd1, [%r1];": [("barrier", "")],
            "cp.async.commit_group ;": [("commit", "")],
            "cp.async.wait_group 1;": [("wait", ""), ("wait", "cp.async.wait_group 2;")],
            "cp.async.wait_all;": [("wait", "")],
            "fence.acq_rel.gpu;": [("fence", "")],
            "@%p1 bra $L1;": [("predicate", "")],
            "@!%p1 st.global.u32 [%rd1], %r1;": [("predicate", "st.global.u32 [%rd1], %r1;")],
            "setp.lt.s32 %p1, %r1, %r2;": [("bound", "setp.le.s32 %p1, %r1, %r2;")],
            "setp.ge.and.u32 %p1, %r1, %r2, %p2;": [("bound", "setp.gt.and.u32 %p1, %r1, %r2, %p2;"),
                                                    ("predicate", "setp.ge.u32 %p1, %r1, %r2;")],
            "setp.eq.or.s32 %p1, %r1, 0, %p2;": [("predicate", "setp.eq.s32 %p1, %r1, 0;")],
            "setp.lt.f32 %p1, %f1, %f2;": [("bound", "setp.le.f32 %p1, %f1, %f2;")],
            "setp.gtu.ftz.f32 %p1, %f1, %f2;": [("bound", "setp.geu.ftz.f32 %p1, %f1, %f2;")],
            "min.s32 %r1, %r2, 127;": [("bound", "mov.s32 %r1, %r2;")], "max.u32 %r1, 1, %r2;": [("bound", "mov.u32 %r1, %r2;")],
            "max.f32 %f1, %f2, %f3;": [],
            "selp.b32 %r1, 0, %r2, %p1;": [("predicate", "mov.b32 %r1, %r2;")],
            "selp.b32 %r1, 16, 0, %p1;": [("predicate", "mov.b32 %r1, 16;")],
            "selp.b32 %r1, 0, 1, %p1;": [("predicate", "mov.b32 %r1, 0;")],
            "selp.f32 %f1, %f2, 0fFF800000, %p1;": [("predicate", "mov.f32 %f1, %f2;")],
            "and.pred %p1, %p2, %p3;": [("predicate", "mov.pred %p1, %p2;"), ("predicate", "mov.pred %p1, %p3;")],
            "not.pred %p1, %p2;": [("predicate", "mov.pred %p1, %p2;")],
            "and.b32 %r1, %r2, 1;": [("stage", "mov.b32 %r1, 0;")], "and.b32 %r1, %r2, 31;": [],
            "rem.u32 %r1, %r2, 3;": [("stage", "rem.u32 %r1, %r2, 2;")],
            "shfl.sync.bfly.b32 %r1|%p1, %r2, 16, 31, -1;":
                [("shuffle", "shfl.sync.bfly.b32 %r1|%p1, %r2, 8, 31, -1;"),
                 ("shuffle", "shfl.sync.bfly.b32 %r1|%p1, %r2, 16, 0, -1;"),
                 ("shuffle", "shfl.sync.bfly.b32 %r1|%p1, %r2, 16, 31, 65535;")],
            "vote.sync.ballot.b32 %r1, %p1, -1;": [("shuffle", "vote.sync.ballot.b32 %r1, %p1, 65535;")],
            "redux.sync.add.s32 %r1, %r2, %r3;":
                [("shuffle", "{ .reg .b32 %dlc; and.b32 %dlc, %r3, 0xffff; redux.sync.add.s32 %r1, %r2, %dlc; }")],
            "@%p1 match.any.sync.b32 %r1, %r2, %r3;":
                [("predicate", "match.any.sync.b32 %r1, %r2, %r3;"),
                 ("shuffle", "{ .reg .b32 %dlc; and.b32 %dlc, %r3, 0xffff; @%p1 match.any.sync.b32 %r1, %r2, %dlc; }")],
            "add.u32 %r1, %r2, %r3;": [], "setp.eq.s32 %p1, %r1, 0;": [],
        }.items():
            self.assertEqual(altered(line), want, line)

    def test_barriers_of_some(self):
        for line, want in {
            "bar.sync %r1, 64;": [("barrier", ""), ("barrier", "bar.sync %r1, 32;")],
            "barrier.cta.arrive.aligned 3, 32;": [("barrier", ""), ("barrier", "barrier.cta.arrive.aligned 3, 64;")],
            "bar.warp.sync -1;": [("barrier", ""), ("barrier", "bar.warp.sync 65535;")],
            "bar.warp.sync 15;": [("barrier", ""), ("barrier", "bar.warp.sync 7;")],
            "bar.red.popc.u32 %r1, 0, %p1;": [("barrier", "")],
            "mbarrier.init.shared.b64 [%r1], 96;":
                [("barrier", "mbarrier.init.shared.b64 [%r1], 95;"), ("barrier", "mbarrier.init.shared.b64 [%r1], 97;")],
            "mbarrier.init.shared.b64 [%r1], %r2;":
                [("barrier", "{ .reg .b32 %dlc; add.u32 %dlc, %r2, 1; mbarrier.init.shared.b64 [%r1], %dlc; }")],
            "mbarrier.test_wait.shared.b64 p, [%r1], %rd1;": [("wait", "setp.eq.u32 p, 0, 0;")],
            "mbarrier.try_wait.parity.shared.b64 p, [%r1], %r2;":
                [("wait", "setp.eq.u32 p, 0, 0;"),
                 ("stage", "{ .reg .b32 %dlc; xor.b32 %dlc, %r2, 1; mbarrier.try_wait.parity.shared.b64 p, [%r1], %dlc; }")],
            "ld.acquire.gpu.global.u32 %r1, [%rd1];": [("fence", "ld.relaxed.gpu.global.u32 %r1, [%rd1];")],
            "atom.global.gpu.acq_rel.add.u32 %r1, [%rd1], 1;": [("fence", "atom.global.gpu.relaxed.add.u32 %r1, [%rd1], 1;")],
            "ld.relaxed.gpu.global.u32 %r1, [%rd1];": [],
        }.items():
            self.assertEqual(altered(line), want, line)

    def test_copies_that_read_less(self):
        line = "cp.async.cg.shared.global [ %r1 + 0 ], [ %rd1 + 0 ], 0x10, %r2;"
        self.assertEqual(altered(line), [("predicate", "cp.async.cg.shared.global [ %r1 + 0 ], [ %rd1 + 0 ], 0x10;")])
        self.assertEqual(altered(line, masks={"%r2"}), [])  # the choice of 16 or 0 is altered
        self.assertEqual(altered("cp.async.ca.shared.global [%r1], [%rd1], 4;"), [])

    def test_what_goes_round(self):
        for line, known, want in [
            ("and.b32 %r1, %r2, 4096;", dict(counted={"%r2"}), [("stage", "mov.b32 %r1, 0;")]),
            ("selp.b32 %r1, 0, %r2, %p1;", dict(counted={"%r2"}), [("stage", "mov.b32 %r1, %r2;")]),
            ("and.b32 %r1, %r2, 4096;", {}, []), ("and.b32 %r1, %r2, 60;", dict(counted={"%r2"}), []),  # more than eight stages
            ("sub.s32 %r1, %r2, %r3;", dict(remainders={"%r1"}), [("stage", "mov.b32 %r1, 0;")]), ("sub.s32 %r1, %r2, %r3;", {}, []),
            ("xor.b32 %r1, %r2, 8192;", dict(carried={"%r2"}), [("stage", "mov.b32 %r1, %r2;")]),
            ("xor.b32 %r1, %r2, 8192;", {}, []),
            ("setp.ne.s32 %p1, %r1, 12;", dict(repeats={"%p1"}, steps={"%r1": 4}), [("bound", "setp.ne.s32 %p1, %r1, 16;")]),
            ("setp.eq.s32 %p1, %r1, 12;", dict(steps={"%r1": 4}), []),
            ("setp.ne.s32 %p1, %r1, %r2;", dict(repeats={"%p1"}),
             [("bound", "{ .reg .b32 %dlc; add.s32 %dlc, %r2, 1; setp.ne.s32 %p1, %r1, %dlc; }")]),
        ]:
            self.assertEqual(altered(line, **known), want, line)

    def test_several_statements_on_a_line(self):
        self.assertEqual(altered("mov.u32 %r1, 0; bar.sync 0; ret;"), [("barrier", "mov.u32 %r1, 0; ret;")])

    def test_registers_that_hold_constants(self):
        known = facts("mov.u32 %r1, 4;\nmov.b32 %r2, -1;\nmov.u32 %r3, 1;\nmov.u32 %r3, 2;")
        self.assertEqual(known.constants, {"%r1": "4", "%r2": "-1"})
        self.assertEqual([text for _, text in altered("shfl.sync.down.b32 %r5, %r6, %r1, 31, %r2;", constants=known.constants)],
                         ["shfl.sync.down.b32 %r5, %r6, 2, 31, %r2;", "shfl.sync.down.b32 %r5, %r6, %r1, 0, %r2;",
                          "shfl.sync.down.b32 %r5, %r6, %r1, 31, 65535;"])

    def test_registers_of_a_loop(self):
        known = facts("""
mov.u32 %r1, 0;
mov.u32 %r9, 5;
@%p7 mov.u32 %r9, 6;
$L1:
shl.b32 %r2, %r1, 12;
and.b32 %r3, %r2, 4096;
mul.hi.u32 %r6, %r1, -1431655765;
shr.u32 %r7, %r6, 1;
mul.lo.s32 %r8, %r7, 3;
sub.s32 %r10, %r1, %r8;
sub.s32 %r11, %r9, %r8;
add.s32 %r4, %r1, 2;
mov.u32 %r1, %r4;
setp.ne.s32 %p1, %r4, %r9;
@%p1 bra $L1;
selp.b32 %r5, 16, 0, %p1;
@%p2 bra $L2;
$L2:
ret;""")
        self.assertEqual(known.carried, {"%r1"})
        self.assertEqual(known.counted & {"%r1", "%r2", "%r3", "%r4", "%r9"}, {"%r1", "%r2", "%r3", "%r4"})
        self.assertEqual((known.repeats, known.steps, known.masks, known.remainders), ({"%p1"}, {"%r4": 2}, {"%r5"}, {"%r10"}))

    def test_probes_mark_where_the_change_makes_a_difference(self):
        for line, probe in {
            "@%p1 bra $L1;": f"@%p1 {MARK}", "@!%p1 st.global.u32 [%rd1], %r1;": f"@%p1 {MARK}", "bar.sync 0;": MARK,
            "setp.lt.s32 %p1, %r1, 7;": f"{{ .reg .pred %met; setp.eq.s32 %met, %r1, 7; @%met {MARK} }}",
            "selp.b32 %r1, 0, %r2, %p1;": f"{{ .reg .pred %met; setp.ne.and.u32 %met, %r2, 0, %p1; @%met {MARK} }}",
            "selp.b32 %r1, %r2, 0, %p1;": f"{{ .reg .pred %met; setp.ne.and.u32 %met, %r2, 0, !%p1; @%met {MARK} }}",
        }.items():
            self.assertEqual([p for *_, p in changes(line, Facts())], [probe])

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
        self.assertEqual([text for _, text in altered("shfl.sync.bfly.b32 %r1, %r2, %r3, %r4, 65535;")],
                         ["shfl.sync.bfly.b32 %r1, %r2, %r3, %r4, 255;"])

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

    def test_kinds_of_data(self):
        job = {"name": "k", "args": ["{keys}:8:3", "random:f32:2x4", "empty:f32:8"], "arrays": {"x": "drawn('i32', 1, n)"},
               "space": [{"n": [5], "keys": ["random:i32"], "data": ["random", "last"]}, {"n": [5], "keys": ["random:u8"], "data": "sums"}]}
        cases = cases_of(job)
        self.assertEqual(cases[0].job["args"], ["random:i32:8:3", "random:f32:2x4", "empty:f32:8"])
        self.assertEqual(cases[1].job["args"], ["arrays.npz:arg0", "arrays.npz:arg1", "empty:f32:8"])
        self.assertEqual(cases[1].job["arrays"],
                         {"x": "drawn('i32', 1, n)", "arg0": "drawn('i32', 3, 8)", "arg1": "drawn('f32', 0, 2, 4)"})
        self.assertEqual([c.variables["data"] for c in cases[2:]], list(DATA["sums"]))
        self.assertRegex("\n".join(spaces([job])), r"k +17 +2 +16  .*data random last.*\n+data sums: ties equal")

    def test_all_kinds_can_be_drawn(self):
        arrays = Arrays()
        try:
            with tempfile.TemporaryDirectory() as folder:
                files = {}
                for data in {kind for kinds in DATA.values() for kind in kinds} | {"random"}:
                    files[data] = pathlib.Path(folder) / f"{data}.npz"
                    texts = {t: f"drawn('{t}', 1, 40, 2)" for t in ("f16", "f32", "f64", "i16", "u8", "i32", "u32", "i64")}
                    self.assertEqual(arrays.ask("make", files[data], texts, {"data": data}), "made")
                    self.assertEqual(arrays.compare(files[data], files[data], {}), "equal")  # NaN is what it is
                self.assertEqual([name for name in files if arrays.compare(files[name], files["first"], {}) != "far"], ["first"])
                # The same numbers but for signs of zeros.
                self.assertEqual(arrays.ask("make", files["first"], {"f32": "np.abs(drawn('f32', 1, 40))"}, {"data": "signs"}), "made")
                self.assertEqual(arrays.ask("make", files["last"], {"f32": "drawn('f32', 1, 40)"}, {"data": "signs"}), "made")
                self.assertEqual(arrays.compare(files["first"], files["last"], {}), "near")
        finally:
            arrays.close()

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
        def meets(line, before, after):
            """A fence at line 12, and other accesses before and after it."""
            text = self.TEXT.replace("bar.sync 0", "fence.acq_rel.gpu")
            return Flow(text.replace("st.shared.u32", before).replace("ld.local.u32", after).split("\n"), 0, 16).meets_strong(line)
        self.assertFalse(meets(12, "st.shared.u32", "ld.local.u32"))
        self.assertTrue(meets(12, "st.relaxed.gpu.shared.u32", "ld.volatile.global.u32"))
        self.assertTrue(meets(12, "st.shared.u32", "ld.volatile.global.u32"))
        self.assertFalse(meets(12, "st.relaxed.gpu.shared.u32", "ld.local.u32"))  # nothing strong comes after a fence
        # What acquires and releases is itself no witness.
        alone = self.TEXT.replace("ld.local.u32", "ld.acquire.gpu.global.u32").split("\n")
        self.assertFalse(Flow(alone, 0, 16).meets_strong(15))

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
                 "--arg", "random:i32:64", "--arg", "empty:i32:60", "--arg", "u32:60", "--data", "integers", "--json", report], capture_output=True, text=True,
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

    def test_reasons_are_counted(self):
        rows = [dict(verdict="equivalent", why=f"equal but for rounding in {n} cases, all of the space") for n in (3, 4)]
        rows += [dict(verdict="equivalent", why="equal outputs in 3 cases, all of the space"), dict(verdict="killed", why="output"),
                 dict(verdict="killed", why="shared-race at line 4, ordered"), dict(verdict="survived", why="equal outputs")]
        self.assertEqual([" ".join(line.split()) for line in reasons_of(rows)],
                         ["killed, a finding ordered 1", "killed, output 1", "equivalent, equal but for rounding over the space 2",
                          "equivalent, equal outputs over the space 1"])

    def test_bad_usage(self):
        for arguments, text in ((["nothing.json"], "nothing.json"), (["--", "", "nobody"], "no job nobody")):
            done = subprocess.run([sys.executable, "-B", ROOT / "tools" / "dev" / "dev.py", "mutate", "--built", *arguments],
                                  capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 1, arguments)
            self.assertIn(text, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
