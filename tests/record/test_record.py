"""What was run is noted from every process, and the page of it is in step with the record."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.databases import Instance
from tests.gate.collect import Hole, Text
from tests.record import runs, statements
from tests.record.statements import Coverage, coverage, noted

PROGRAM = """
import asyncio, os, sys
import oracledb
user, password, dsn = sys.argv[1:]
async def main():
    async with oracledb.connect_async(user=user, password=password, dsn=dsn) as connection:
        await connection.execute("select 3 from dual")
        [batch async for batch in connection.fetch_df_batches("select 4 as c from dual")]
with oracledb.connect(user=user, password=password, dsn=dsn) as connection:
    with connection.cursor() as cursor:
        cursor.execute("select 1  from dual")
        cursor.executemany("begin if :1 = 0 then null; end if; end;", [(1,), (2,)])
        cursor.callproc("dbms_output.enable")
        try:
            cursor.execute("select nothing from dual")
        except oracledb.DatabaseError:
            pass
if os.fork() == 0:
    asyncio.run(main())
    os._exit(0)
os.wait()
"""


def test_statements_of_other_processes_are_noted_once_they_succeed(
    database: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATEMENT_RECORD", str(tmp_path))
    command = [sys.executable, "-c", PROGRAM, database.user, database.password, database.dsn]
    subprocess.run(command, check=True, timeout=60)
    assert noted(tmp_path) >= {
        "select 1 from dual",
        "begin if :1 = 0 then null; end if; end;",
        "begin dbms_output.enable(); end;",
        "select 3 from dual",
        "select 4 as c from dual",
    }
    assert "select nothing from dual" not in noted(tmp_path)


def test_a_statement_counts_when_it_was_executed(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [
        Text("plain", "f.py", 1, ("select a\n  from t",)),
        Text("other", "f.py", 1, ("select b from t",)),
        Text("hole", "f.py", 1, ("select a from ", Hole("x", ("u",)), " where b = 1")),
        Text("block", "f.py", 1, ("begin p.q(in_a => :a); end;",)),
    ]
    monkeypatch.setattr(statements, "collect", lambda: type("Collection", (), {"texts": texts}))
    monkeypatch.setattr(statements, "specifications", lambda: {"P.Q": (), "P.R": ()})
    monkeypatch.setattr(
        statements, "calls", lambda text: [type("Call", (), {"name": "P.Q"})] if "p.q" in text else []
    )
    found = coverage(
        {"select a from t", 'select a from "X" where b = 1', "begin begin p.q(in_a => :a); end; audit; end;"}
    )
    assert set(found.missing) == {"other", "P.R"}


def test_a_run_replaces_what_the_same_database_had_of_its_areas(tmp_path: Path) -> None:
    file = tmp_path / "verified.json"
    known = list(runs.digests())
    runs.enter(file, "the local database playing 19c", {"api": Counter(passed=3), "queue": Counter(failed=1)}, Coverage((known[0],), ()))  # fmt: skip
    runs.enter(
        file, "the local database playing 19c", {"queue": Counter(passed=2)}, Coverage((known[1],), ())
    )
    run = json.loads(file.read_text())["the local database playing 19c"]
    assert (run["areas"]["api"]["passed"], run["areas"]["queue"]["failed"]) == (3, 0)
    assert set(run["statements"]) == {known[0], known[1]}
    assert "**Nothing here has ever run on a real Oracle Database.**" in runs.render(
        json.loads(file.read_text())
    )


def test_records_of_other_runs_are_taken_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = tmp_path / "one.json", tmp_path / "other.json"
    monkeypatch.setattr(runs, "RECORD", one)
    monkeypatch.setattr(runs, "PAGE", tmp_path / "page.md")
    known = list(runs.digests())
    runs.enter(one, "the local database playing 19c", {"api": Counter(passed=3)}, Coverage((known[0],), ()))
    runs.enter(
        other, "the local database playing 19c", {"queue": Counter(passed=2)}, Coverage((known[1],), ())
    )
    runs.main([str(other)])
    run = json.loads(one.read_text())["the local database playing 19c"]
    assert (set(run["areas"]), set(run["statements"])) == ({"api", "queue"}, {known[0], known[1]})
    assert "| tests/queue | 2 | 0 | 0 |" in (tmp_path / "page.md").read_text()


def test_the_page_says_what_ran_on_oracle(tmp_path: Path) -> None:
    file = tmp_path / "verified.json"
    runs.enter(file, "gvenzl/oracle-free:1 in a container", {"api": Counter(passed=3)}, Coverage((), ()))
    assert "Run on Oracle: gvenzl/oracle-free:1" in runs.render(json.loads(file.read_text()))


def test_the_page_is_rendered_from_the_record() -> None:
    assert runs.PAGE.read_text() == runs.render(json.loads(runs.RECORD.read_text()))
