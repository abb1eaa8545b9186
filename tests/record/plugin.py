"""pytest's side of the record: the statements of the run, and with --record what ran on which database.

A run of all tests fails where a statement of the product was executed by none of them. With --statements a run of
some tests says which it has not executed.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import pytest

from tests.record import sitecustomize as recorder

_SELECTIONS = ("keyword", "markexpr", "deselect", "lf", "failedfirst", "ignore", "ignore_glob", "stepwise")


def begin() -> Path:
    """Watch the driver in this process and in those that it starts; the folder of the notes."""
    folder = Path(tempfile.mkdtemp(prefix="concord-statements-"))
    os.environ[recorder.VARIABLE] = str(folder)
    here = str(Path(recorder.__file__).parent)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))
    recorder.watch(str(folder))
    return folder


def add_options(parser: pytest.Parser) -> None:
    """--statements and --record."""
    group = parser.getgroup("concord")
    group.addoption(
        "--statements", action="store_true", help="say which statements of the product were not executed"
    )
    group.addoption("--record", metavar="FILE", help="enter this run into a record, see tests/record/runs.py")


class Plugin:
    """Counts outcomes by area, and looks at the notes at the end. database: its name, for the record."""

    def __init__(self, config: pytest.Config, database: str) -> None:
        self._config = config
        self._folder = begin()
        self._database = database
        self._outcomes: dict[str, Counter[str]] = {}
        self._lines: list[str] = []
        self._all = config.args_source is pytest.Config.ArgsSource.TESTPATHS and not any(
            config.getoption(name, None) for name in _SELECTIONS
        )

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            area = report.nodeid.partition("::")[0].split("/")[1].removesuffix(".py")
            self._outcomes.setdefault(area, Counter())[report.outcome] += 1

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        try:
            self._finish(session, exitstatus)
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _finish(self, session: pytest.Session, exitstatus: int) -> None:
        record = self._config.getoption("--record")
        if not (self._all or record or self._config.getoption("--statements")):
            return
        from tests.record.runs import enter
        from tests.record.statements import coverage, noted

        found = coverage(noted(self._folder))
        total = len(found.executed) + len(found.missing)
        self._lines.append(f"{len(found.executed)} of {total} statements of the product executed")
        self._lines += [f"not executed: {owner}" for owner in found.missing]
        if record:
            enter(Path(record), self._database, self._outcomes, found)
        if self._all and found.missing and exitstatus == pytest.ExitCode.OK:
            self._lines.append(
                "Write a test for each, or say in tests/record/statements.py why there is none."
            )
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._lines:
            terminalreporter.section("statements")
            for line in self._lines:
                terminalreporter.line(line)
