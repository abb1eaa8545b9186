"""The driver's own suite, all of it that is in scope, in one process: nothing may fail but what scope.py explains.

The table by file, one process a file, is `python -m tests.conformance`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance import suite
from tests.conformance.scope import file_reason, known_failure
from tests.databases import LocalProcess

LEAST = 1800  # in-scope tests that pass; fewer means that the suite did not run as it should


@pytest.mark.timeout(600)
def test_what_has_passed_passes_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONCORD_TEST_PLAY", "23ai")
    try:
        source = suite.fetch(tmp_path)
        packages = suite.fetch_packages(tmp_path / "packages")
    except suite.Unreachable as error:
        pytest.skip(f"the driver's suite cannot be fetched: {error}")
    chosen = [name for name in suite.names(source) if not file_reason(name)]
    with LocalProcess(tmp_path) as process:
        suite.prepare(process.instance)
        variables = suite.environment(process.instance, packages)
        cases = suite.run_together(source, chosen, variables, 500, tmp_path)
    lost = [case for case in cases if case.outcome == "failed" and known_failure(case.name) is None]
    assert not lost, "\n".join(f"{case.name}: {case.cause}" for case in lost)
    passed = sum(case.outcome == "passed" for case in cases)
    assert passed >= LEAST, f"only {passed} passed: {(tmp_path / 'together.log').read_text()[-2000:]}"
