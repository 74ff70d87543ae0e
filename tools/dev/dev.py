"""./dev: set up, build, test, show, format, lint and pack the project. Standard library only."""
import argparse
import sys

import bench
import build
import demo
import fuzz
import lint
import mutate
import pack
import setup
import testing
from steps import Failed, say


def arguments():
    p = argparse.ArgumentParser(prog="./dev", description="One command per job; each does all set-up that it needs.")
    jobs = p.add_subparsers(dest="job", required=True, metavar="JOB")
    jobs.add_parser("setup", help="install Debian packages, make .venv, fetch models and tools")
    b = jobs.add_parser("build", help="build the programs into build/bin")
    b.add_argument("--preset", choices=build.FOLDERS, default="release")
    b.add_argument("-j", "--jobs", type=int, default=0, help="default: all cores")
    b.add_argument("targets", nargs="*", default=["all"], metavar="TARGET")
    t = jobs.add_parser("test", help="build and run the tests")
    t.add_argument("--all", action="store_true", help="the long ones, too")
    t.add_argument("--no-sanitizers", action="store_true", help="release build only")
    t.add_argument("-R", dest="names", default="", metavar="REGEX", help="only tests whose name matches")
    d = jobs.add_parser("demo", help="compile trained models and run them on the virtual GPU")
    d.add_argument("names", nargs="*", metavar="MODEL", help=", ".join(demo.NAMES))
    d.add_argument("--device", default="vcuda", choices=["vcuda", "cuda", "auto"])
    f = jobs.add_parser("format", help="format C++ sources")
    f.add_argument("--check", action="store_true", help="change nothing, exit 1 if a file would change")
    n = jobs.add_parser("lint", help="clang-tidy over C++ sources, a syntax check over scripts")
    n.add_argument("files", nargs="*", help="default: those that differ from the main branch")
    n.add_argument("--all", action="store_true", help="every file")
    jobs.add_parser("pack", help="a tarball that runs on another Linux machine with a GPU, without LLVM")
    z = jobs.add_parser("fuzz", help="fuzz the virtual GPU's PTX parser")
    z.add_argument("--minutes", type=float, default=2)
    z.add_argument("--executions", type=int, help="as many, instead of minutes")
    z.add_argument("--seed", type=int, help="of the mutations (default: another one each time)")
    z.add_argument("--minimise", action="store_true", help="then write the corpus anew, with what was found")
    v = jobs.add_parser("bench", help="measure: bench vcuda says how fast the virtual GPU is")
    v.add_argument("what", choices=bench.SCRIPTS)
    v.add_argument("arguments", nargs=argparse.REMAINDER, help="for its script; --help lists them")
    m = jobs.add_parser("mutate", help="how many wrong kernels do the virtual GPU's checks and the outputs tell from the right one?")
    m.add_argument("what", nargs="?", default="", metavar="JOBS.json|KERNEL.ptx", help="default: the jobs of test/runtime/vcuda/mutation")
    m.add_argument("names", nargs="*", metavar="JOB", help="only these")
    m.add_argument("--kernel", help="of a PTX file; then as dlc-vcuda takes them:")
    m.add_argument("--grid", default="1")
    m.add_argument("--block", default="1")
    m.add_argument("--shared", type=int, default=0)
    m.add_argument("--arg", action="append", default=[])
    m.add_argument("--data", choices=mutate.DATA, help="besides random data each of these kinds")
    m.add_argument("--rtol", type=float, default=1e-5)
    m.add_argument("--atol", type=float, default=1e-6)
    m.add_argument("--limit", type=int, default=0, help="at most so many mutants of a kernel")
    m.add_argument("--json", help="write every mutant and what became of it to a file")
    m.add_argument("--table", help="write the table to a file, with commit and date")
    m.add_argument("--built", action="store_true", help="the programs are built: set up and build nothing")
    return p.parse_args()


def main():
    args = arguments()
    if args.job == "setup":
        setup.setup()
    elif args.job == "build":
        setup.install_packages()
        build.build(args.preset, args.targets, args.jobs)
    elif args.job == "test":
        return testing.test(args.all, args.names, not args.no_sanitizers)
    elif args.job == "demo":
        return demo.demo(args.names, args.device)
    elif args.job == "format":
        return lint.format_sources(args.check)
    elif args.job == "lint":
        return lint.lint(args.files, args.all)
    elif args.job == "pack":
        return pack.pack()
    elif args.job == "fuzz":
        return fuzz.fuzz(args.minutes, args.executions, args.seed, args.minimise)
    elif args.job == "bench":
        return bench.bench(args.what, args.arguments)
    elif args.job == "mutate":
        return mutate.mutate(args)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as e:
        say(f"error: {e}")
        if e.help_line:
            say(f"help: {e.help_line}")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
