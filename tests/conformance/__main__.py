"""Runs python-oracledb's own test suite against the local database and prints a table by file.

    python -m tests.conformance [--files PATTERN] [--play 19c|23ai] [--sdist DIR] [--together]

The suite is the driver's source package, fetched with pip into a temporary folder and run there; nothing of
it is kept. schema.py makes the schema it wants; scope.py says which tests count.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from collections import Counter
from fnmatch import fnmatch
from pathlib import Path

from tests.conformance import suite
from tests.conformance.scope import file_reason, known_failure
from tests.conformance.suite import Result
from tests.databases import LocalProcess


def alike(cause: str) -> str:
    """The cause without the figures and names that differ from test to test."""
    code = re.search(r"(ORA|DPY|PLS)-\d+: .*", cause)
    if code is None or code[0].startswith("DPY-4011"):
        return re.sub(r"\d+", "n", cause)[:90]
    return code[0][:110]


def print_table(results: list[Result]) -> None:
    """The table by file, then totals and the share of in-scope tests that pass."""
    print(f"\n{'file':46}{'pass':>6}{'fail':>6}{'skip':>6}{'out':>6}  scope")
    for one in results:
        scope = f"out: {one.reason}" if one.reason else "in"
        note = f" ({one.note})" if one.note else ""
        counts = "".join(f"{one.count(what):6}" for what in ("passed", "failed", "skipped", "outside"))
        print(f"{one.name:46}{counts}  {scope}{note}")
    inside = [one for one in results if one.reason is None]
    passed, failed, skipped, outside = (
        sum(one.count(what) for one in inside) for what in ("passed", "failed", "skipped", "outside")
    )
    share = 100 * passed / (passed + failed) if passed + failed else 0.0
    print(
        f"\nin scope: {passed} passed, {failed} failed ({share:.1f} % of those that ran pass);"
        f" {skipped} skipped by the suite itself, {outside} single tests out of scope"
    )


def print_failures(results: list[Result], most: int) -> None:
    """Every in-scope failure with its cause in one line, and the most frequent causes."""
    failures = [case for one in results if one.reason is None for case in one.failures()]
    for case in failures:
        print(f"{case.name}: {known_failure(case.name) or case.cause}")
    counts = Counter(alike(case.cause) for case in failures)
    print("\nmost frequent causes:")
    for cause, count in counts.most_common(most):
        print(f"{count:5}  {cause}")


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("--files", default="*", help="files below the suite's tests folder, as cursor/*")
    parser.add_argument("--play", choices=("19c", "23ai"), default="23ai", help="the version that is played")
    parser.add_argument("--sdist", type=Path, help="the driver's source package, already unpacked")
    parser.add_argument("--packages", type=Path, help="folder with the packages that only the suite needs")
    parser.add_argument("--together", action="store_true", help="all files in one process: faster")
    parser.add_argument("--outside", action="store_true", help="run the files that are out of scope as well")
    parser.add_argument("--seconds", type=int, default=120, help="limit for one file")
    parser.add_argument("--causes", type=int, default=25, help="how many causes of failures to print")
    parser.add_argument("--reports", type=Path, help="folder to keep logs and reports in")
    return parser.parse_args()


def main() -> int:
    """Runs what the command line asks for; 0 when every in-scope test passed, else 1."""
    chosen = options()
    os.environ["CONCORD_TEST_PLAY"] = chosen.play
    with tempfile.TemporaryDirectory(prefix="conformance-") as temporary:
        folder = Path(temporary)
        try:
            source = chosen.sdist or suite.fetch(folder)
            packages = chosen.packages or suite.fetch_packages(folder / "packages")
        except suite.Unreachable as error:
            print(f"The driver's suite cannot be fetched: {error}", file=sys.stderr)
            return 2
        reports = chosen.reports or folder / "reports"
        reports.mkdir(parents=True, exist_ok=True)
        wanted = [
            name
            for name in suite.names(source)
            if any(fnmatch(name, pattern) for pattern in chosen.files.split(","))
            and (chosen.outside or not file_reason(name))
        ]
        with LocalProcess(folder) as process:
            for line in suite.prepare(process.instance):
                print(f"refused: {line}", flush=True)
            if chosen.together:
                variables = suite.environment(process.instance, packages)
                cases = suite.run_together(source, wanted, variables, 5 * chosen.seconds, reports)
                results = [
                    Result(name, file_reason(name), [case for case in cases if case.name.startswith(name)])
                    for name in wanted
                ]
            else:
                results = run_files(process, source, wanted, packages, reports, chosen.seconds)
    print_table(results)
    print_failures(results, chosen.causes)
    return int(any(one.failures() or one.note for one in results if one.reason is None))


def run_files(
    process: LocalProcess, source: Path, wanted: list[str], packages: Path, reports: Path, seconds: int
) -> list[Result]:
    """One file after the other; a database that fell over is started again and the file says so."""
    results = []
    for name in wanted:
        began = time.monotonic()
        one = suite.run_file(source, name, suite.environment(process.instance, packages), seconds, reports)
        if process.process is None or process.process.poll() is not None:
            one.note = "the local database fell over"
            process.start()
        results.append(one)
        took = time.monotonic() - began
        print(f"{name}: {one.count('passed')} passed, {one.count('failed')} failed, {took:.0f} s", flush=True)
    return results


if __name__ == "__main__":
    sys.exit(main())
