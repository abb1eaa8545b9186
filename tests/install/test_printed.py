"""The printed script, read as SQL*Plus reads it: it installs everything, and what it leaves can be continued."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import oracledb
import pytest

from app.oracle import sqlplus
from app.oracle.install import read_ledger
from app.oracle.plan import InstallError
from tests.install.conftest import Place

_UNIT = ("create or replace package", "create or replace trigger", "declare", "begin")


class SqlPlus:
    """As much of SQL*Plus as the script uses, from its manual; anything else is an error."""

    def __init__(self, connection: oracledb.Connection, answers: dict[str, str]) -> None:
        self._connection = connection
        self._answers = answers
        self._values: dict[str, str] = {}
        self._define = True
        self._blank_lines = False
        self._stops = False
        self.said: list[str] = []

    def run(self, script: str) -> None:
        """Raises oracledb.Error at the first error of a statement after WHENEVER SQLERROR EXIT."""
        lines = iter(script.splitlines())
        for line in lines:
            assert len(line) <= 2499
            word = line.split(" ", 1)[0].lower()
            if not line or word == "rem":
                continue
            if word in ("set", "whenever", "prompt", "accept", "undefine", "pause"):
                self._command(word, line)
            else:
                self._execute("\n".join(self._statement(self._substituted(line), lines)))

    def _statement(self, first: str, lines: Iterator[str]) -> Iterator[str]:
        unit = first.lower().startswith(_UNIT)
        line: str | None = first
        while line is not None:
            if unit and line == "/":
                return
            if not unit and line.rstrip().endswith(";"):
                yield line.rstrip()[:-1]
                return
            assert line or unit or self._blank_lines, "a blank line would end the statement"
            yield line
            following = next(lines, None)
            line = None if following is None else self._substituted(following)
        raise AssertionError(f"not ended: {first}")

    def _substituted(self, line: str) -> str:
        if not self._define:
            return line
        return re.sub(r"&(\w+)\.?", lambda match: self._values[match.group(1)], line)

    def _command(self, word: str, line: str) -> None:
        words = line.split()
        if word == "set":
            self._define = words[2] == "on" if words[1] == "define" else self._define
            self._blank_lines = words[2] == "on" if words[1] == "sqlblanklines" else self._blank_lines
        elif word == "whenever" and words[1] == "sqlerror":
            self._stops = words[2] == "exit"
        elif word == "accept":
            assert "hide" in words or "password" not in words[1]
            default = re.search(r"default '([^']*)'", line)
            self._values[words[1]] = self._answers.get(words[1], default.group(1) if default else "")
        elif word == "undefine":
            del self._values[words[1]]
        elif word == "prompt":
            self.said.append(line)

    def _execute(self, sql: str) -> None:
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(sql)
        except oracledb.Error:
            if self._stops:
                self._connection.rollback()
                raise


def run(place: Place, script: str) -> SqlPlus:
    with closing(place.database.connect()) as connection:
        tool = SqlPlus(connection, {"app_password": place.app_password})
        tool.run(script)
    return tool


def installation(place: Place) -> str:
    return "\n".join(sqlplus.installation(place.owner, place.app_user, sees_sessions=True))


def rest(place: Place) -> str:
    with closing(
        oracledb.connect(user=place.app_user, password=place.app_password, dsn=place.database.dsn)
    ) as connection:
        with connection.cursor() as cursor:
            cursor.execute(f"alter session set current_schema = {place.owner}")
        ledger = read_ledger(connection)
    return "\n".join(sqlplus.upgrade(ledger, place.owner, place.app_user))


def test_the_script_installs_everything_and_stops_half_way_without_loss(place: Place) -> None:
    script = installation(place)
    assert place.app_password not in script
    statement = "create index comparison_jobs_completed_at_idx"
    with pytest.raises(oracledb.DatabaseError, match="ORA-00955"):
        run(place, script.replace(statement, "create table workers (n number);\n" + statement, 1))
    place.run(f"grant create session to {place.app_user}")
    left = rest(place)
    assert "schema/0001_queue.sql" not in left
    assert "create user" not in left
    assert "pause" in left  # the statement that had begun is for a person to judge
    tool = run(place, left)
    assert tool.said[-1].startswith("prompt Concord is installed")
    assert place.check() == []
    assert place.inspect() == []
    assert place.install() == []
    assert "insert into" not in rest(place)


def test_what_sqlplus_would_read_otherwise_is_refused() -> None:
    with pytest.raises(InstallError, match="not a plain Oracle name"):
        list(sqlplus.installation("a b", "c", sees_sessions=False))
    for line in ("x" * 2500, "select 1 -", "/", "@file", "#x"):
        with pytest.raises(InstallError, match=r"SQL\*Plus cannot read"):
            sqlplus._checked([line])


def test_no_comment_ends_a_statement_and_nothing_asks_for_a_value() -> None:
    script = "\n".join(sqlplus.installation("CONCORD", "CONCORD_APP", sees_sessions=False))
    body = script.partition("set define off\nalter session")[2]
    assert "\naccept " not in body
    assert not [line for line in body.splitlines() if re.match(r"\s*--.*;\s*$", line)]


def test_the_command_prints_it_without_a_database(tmp_path: Any) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "db", "install", "--print"],
        env={"CONCORD_HOME": str(tmp_path), "CONCORD_DB_OWNER": "cmp", "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
    assert "create user CMP no authentication;" in done.stdout
    assert "grant select on sys.v_$session to CMP with grant option;" in done.stdout
