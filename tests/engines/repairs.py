"""What the tests of repair scripts share: a schema, tables, and running a script as SQL*Plus would."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import oracledb
import pytest

from app.oracle.scripts import split
from tests.conftest import Instance
from worker.engines import ComparisonPlan, workflow
from worker.engines.sources.base import Source
from worker.engines.sources.oracle import OracleTableSource

SCHEMA = "REPAIR_TEST"
COLUMNS = """id number(9) primary key, amount number(12,4), bare number, day date, stamp timestamp(6),
  zoned timestamp(6) with time zone, name varchar2(400 char), national nvarchar2(100), code char(6 char), bytes raw(16),
  ratio binary_double"""
NASTY = [
    "it's",
    "a & b",
    "line\none\n\nline two",
    "tab\t;/",
    "Zürich – 日本 😀",
    " x ",
    "/*+ hint */ -- no",
    "\\0041",
]


@pytest.fixture(scope="module")
def owner(database: Instance) -> Iterator[oracledb.Connection]:
    """A connection of the DBA with the schema REPAIR_TEST, empty."""
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f'create user {SCHEMA} identified by "{secrets.token_hex(10)}"')
        cursor.execute(f"grant unlimited tablespace to {SCHEMA}")
        yield connection
        cursor.execute(f"drop user {SCHEMA} cascade")


def make(owner: oracledb.Connection, name: str, rows: list[tuple[Any, ...]], columns: str = COLUMNS) -> None:
    with owner.cursor() as cursor:
        cursor.execute(f"create table {SCHEMA}.{name} ({columns})")
        sizes = [
            None,
            None,
            None,
            oracledb.DB_TYPE_DATE,
            oracledb.DB_TYPE_TIMESTAMP,
            oracledb.DB_TYPE_TIMESTAMP_TZ,
        ]
        sizes += [None, oracledb.DB_TYPE_NVARCHAR, None, oracledb.DB_TYPE_RAW, oracledb.DB_TYPE_BINARY_DOUBLE]
        for values in rows:
            cursor.setinputsizes(*sizes[: len(values)])
            places = ", ".join(f":{n + 1}" for n in range(len(values)))
            cursor.execute(f"insert into {SCHEMA}.{name} values ({places})", list(values))
    owner.commit()


def table(database: Instance, name: str) -> OracleTableSource:
    return OracleTableSource(database.connect, SCHEMA, name)


def compared(database: Instance, a: str, b: str, folder: Path, **plan: Any) -> workflow.Outcome:
    return outcome((table(database, a), table(database, b)), folder, **plan)


def outcome(sides: tuple[Source, Source], folder: Path, **plan: Any) -> workflow.Outcome:
    work = folder / "work"
    work.mkdir(parents=True, exist_ok=True)
    wanted = workflow.Wanted(engine="arrow_duckdb", repair=True)
    return workflow.run(
        *sides, ComparisonPlan(**plan), wanted, lambda *_: None, work, folder / "results", 256
    )


def script(outcome: workflow.Outcome, name: str) -> str:
    return next(file for file in outcome.files if file.name == name).path.read_text()


def execute(owner: oracledb.Connection, text: str) -> None:
    """Run a script as SQL*Plus would: its own commands aside, statement by statement."""
    sql = re.sub(r"^(set|whenever|prompt) .*$", "", text, flags=re.MULTILINE)
    with owner.cursor() as cursor:
        for statement in split(sql):
            cursor.execute(statement.text)


def carry_out(owner: oracledb.Connection, outcome: workflow.Outcome, name: str) -> None:
    """Run one of the scripts and commit."""
    execute(owner, script(outcome, name))
    owner.commit()


def counts(outcome: workflow.Outcome) -> tuple[int, int, int]:
    summary = outcome.document["summary"]
    return summary["changed"], summary["only_a"], summary["only_b"]
