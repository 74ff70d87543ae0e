"""The dev script's own parts: list files, stamps, hashes of downloads, the lines of ctest that it reads."""
import contextlib
import hashlib
import io
import pathlib
import subprocess
import sys
import tempfile
import unittest
import zipfile
from unittest import mock

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tools" / "dev"))
import schedules  # noqa: E402
import setup  # noqa: E402
import steps  # noqa: E402
import testing  # noqa: E402


class Lists(unittest.TestCase):
    def test_each_package_once(self):
        names = steps.listed(steps.HERE / "packages.txt")
        self.assertEqual(len(names), len(set(names)))
        self.assertIn("llvm-22-dev", names)

    def test_requirements_are_pinned(self):
        for line in steps.listed(steps.HERE / "requirements.txt"):
            self.assertRegex(line, r"^[\w-]+==[\d.]+$")

    def test_wheels_have_a_version_and_a_hash(self):
        for requirement, _, sha256 in setup.wheel_rows():
            self.assertRegex(requirement, r"^[\w-]+==[\d.]+$")
            self.assertRegex(sha256, r"^[0-9a-f]{64}$")


class Downloads(unittest.TestCase):
    """fetch_wheel with a pip that only copies a file."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        root = pathlib.Path(self.folder.name)
        self.source = root / "thing-1.0-py3-none-any.whl"
        with zipfile.ZipFile(self.source, "w") as z:
            z.writestr("thing/model.onnx", "graph")
        self.downloads = 0
        for target, value in [("WHEELS", root / "wheels"), ("run_logged", self.pip), ("say", lambda text: None)]:
            patch = mock.patch.object(setup, target, value)
            patch.start()
            self.addCleanup(patch.stop)

    def pip(self, what, command, env=None):
        self.downloads += 1
        kept = pathlib.Path(command[command.index("-d") + 1])
        kept.mkdir(parents=True)
        (kept / self.source.name).write_bytes(self.source.read_bytes())
        return 0, self.source

    def test_unpacks_once(self):
        good = steps.digest(self.source)
        self.assertIsNone(setup.fetch_wheel("thing==1.0", "thing", good))
        self.assertEqual((setup.WHEELS / "thing/thing/model.onnx").read_text(), "graph")
        self.assertIsNone(setup.fetch_wheel("thing==1.0", "thing", good))
        self.assertEqual(self.downloads, 1)

    def test_refuses_another_hash(self):
        reason = setup.fetch_wheel("thing==1.0", "thing", "0" * 64)
        self.assertIn("hash", reason)
        self.assertFalse((setup.WHEELS / "thing/thing").exists())

    def test_missing_wheel_fails_under_ci(self):
        with mock.patch.object(setup, "fetch_wheel", lambda *row: "is not there"):
            with mock.patch.dict("os.environ", {"CI": "1"}), self.assertRaises(steps.Failed):
                setup.fetch_wheels()
            with mock.patch.dict("os.environ", {"CI": ""}):
                self.assertEqual(len(setup.fetch_wheels()), len(setup.wheel_rows()))


class Stamps(unittest.TestCase):
    def test_fresh_for_the_same_key_only(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "a" / "stamp"
            self.assertFalse(steps.Stamp(path, "one").fresh())
            steps.Stamp(path, "one").set()
            self.assertTrue(steps.Stamp(path, "one").fresh())
            self.assertFalse(steps.Stamp(path, "two").fresh())


class Names(unittest.TestCase):
    def test_unknown_names_are_refused_in_one_line(self):
        for script, *args in [("tools/dev/dev.py", "demo", "nosuch"), ("tools/demo/demo.py", "magika", "nosuch"),
                              ("test/models/models.py", "nosuch")]:
            done = subprocess.run([sys.executable, "-B", ROOT / script, *args], capture_output=True, text=True)
            self.assertNotEqual(done.returncode, 0)
            self.assertRegex(done.stdout + done.stderr, "there is no (demo|model) named 'nosuch'")
            self.assertNotIn("Traceback", done.stderr)


class CtestLines(unittest.TestCase):
    def test_outcomes_are_read(self):
        for line, name, outcome in [
                ("1/3 Test #1: dims_test ...............   Passed    0.02 sec", "dims_test", "Passed"),
                (" 2/30 Test #12: models.magika ....***Skipped   1.10 sec", "models.magika", "Skipped"),
                ("3/3 Test  #3: lit .....................***Failed  12.00 sec", "lit", "Failed")]:
            match = testing.LINE.match(line)
            self.assertEqual((match[1], match[2]), (name, outcome))

    def test_counts_by_kind(self):
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown):
            testing.print_counts({"a": ("Passed", 1.0), "b": ("Failed", 2.0), "c": ("Skipped", 0.5)},
                                 {"a": "unit", "b": "unit", "c": "models"}, 0.0)
        self.assertRegex(shown.getvalue(), r"unit +2 +1 +0 +1 +3\.0")
        self.assertRegex(shown.getvalue(), r"models +1 +0 +1 +0 +0\.5")


class Schedules(unittest.TestCase):
    def test_drawn_from_the_commit(self):
        hashes = [hashlib.sha1(b"%d" % n).hexdigest() for n in range(400)]
        drawn = [schedules.drawn(h) for h in hashes]
        self.assertEqual(drawn, [schedules.drawn(h) for h in hashes])
        for schedule in drawn:
            self.assertRegex(schedule, r"^(reverse|ahead:[0-7]|random:\d{1,6})$")
        for kind in ("reverse", "ahead:0", "ahead:7", "random:"):
            self.assertTrue(any(s.startswith(kind) for s in drawn), kind)
        self.assertGreater(len(set(drawn)), 200)

    def test_the_environment_first_then_the_commit_then_always_the_same(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(schedules.choose({"VCUDA_SCHEDULE": "ahead:3"}, folder)[0], "ahead:3")
            self.assertEqual(schedules.choose({}, folder)[0], "reverse")
            git = ["git", "-C", folder, "-c", "user.name=n", "-c", "user.email=e"]
            subprocess.run([*git, "init", "-q"], check=True)
            self.assertEqual(schedules.choose({}, folder)[0], "reverse")  # a repository, but no commit
            subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "one"], check=True)
            commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
            schedule, origin = schedules.choose({}, folder)
            self.assertEqual(schedule, schedules.drawn(commit))
            self.assertIn(commit[:12], origin)

    def test_ctest_gets_it_and_the_summary_says_so(self):
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "CTestTestfile.cmake").write_text(
                'add_test(shown sh -c "echo schedule is $VCUDA_SCHEDULE")\n'
                'add_test(own sh -c "echo own is $VCUDA_SCHEDULE")\n'
                'set_tests_properties(own PROPERTIES ENVIRONMENT VCUDA_SCHEDULE=forward)\n'
                'set_tests_properties(shown own PROPERTIES FAIL_REGULAR_EXPRESSION " is ")\n')
            shown = io.StringIO()
            with contextlib.redirect_stdout(shown), mock.patch.dict("os.environ", {"VCUDA_SCHEDULE": "random:77"}):
                testing.run_ctest(pathlib.Path(folder), False, "")
        self.assertIn("schedule is random:77", shown.getvalue())
        self.assertIn("own is forward", shown.getvalue())
        self.assertIn("VCUDA_SCHEDULE=random:77 ./dev test -R NAME", shown.getvalue())


if __name__ == "__main__":
    unittest.main()
