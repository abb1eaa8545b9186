"""Repair and backout scripts, proved by running them: afterwards nothing differs, and then again what differed."""

# ruff: noqa: DTZ001 - DATE and TIMESTAMP have no zone

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import oracledb
import pyarrow as pa
import pytest

from app.oracle.scripts import split
from tests.conftest import Instance
from worker.engines import ComparisonPlan, workflow
from worker.engines.repair import scripts
from worker.engines.repair.literals import text_literal
from worker.engines.sources.base import Source
from worker.engines.sources.memory import MemorySource
from worker.engines.sources.oracle import OracleTableSource
from worker.engines.sources.oracle_query import filtered
from worker.engines.sources.wrapped import Renamed

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
SOME = (
    Decimal("1.5000"),
    Decimal("0.1"),
    datetime(2026, 7, 1, 12, 30, 5),
    datetime(2026, 7, 1, 12, 30, 5, 123456),
    datetime(2026, 7, 1, 10, 0),
    "name",
    "näm",
    "ab",
    b"\x00\xff",
    0.1,
)


@pytest.fixture(scope="module")
def owner(database: Instance) -> Iterator[oracledb.Connection]:
    """A connection of the DBA with the schema REPAIR_TEST, empty."""
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f'create user {SCHEMA} identified by "{secrets.token_hex(10)}"')
        cursor.execute(f"grant unlimited tablespace to {SCHEMA}")
        yield connection
        cursor.execute(f"drop user {SCHEMA} cascade")


def row(number: int, **changes: Any) -> tuple[Any, ...]:
    names = ["amount", "bare", "day", "stamp", "zoned", "name", "national", "code", "bytes", "ratio"]
    values = dict(zip(names, SOME, strict=True)) | changes
    return (number, *values.values())


ROWS_A = [row(n, name=text, national=text) for n, text in enumerate(NASTY)] + [
    row(20),
    row(21, amount=None, day=None, name=None, code=None, bytes=None, ratio=None),
    row(22, amount=Decimal("-99999999.9999"), bare=Decimal("1e-30"), ratio=float("nan")),
    row(23, bare=Decimal("9" * 38), ratio=float("-inf"), code="ü"),
    row(24, name="x" * 390 + "ä", ratio=1e-300),
    row(25, zoned=datetime(2020, 2, 29, 23, 59, 59, 999999), stamp=datetime(1900, 1, 1)),
    row(30),
    row(31, name="only in A & 'quoted'\n"),
]
ROWS_B = [row(n, name=text.upper() + "!", national=None) for n, text in enumerate(NASTY)] + [
    row(20, amount=None, bare=None, day=None, stamp=None, zoned=None, name=None, code=None, bytes=None, ratio=None),
    row(21),
    row(22),
    row(23, code="ö", bare=Decimal("-0.5")),
    row(24),
    row(25),
    row(40, name="only in B; it's & more", national="日本"),
    row(41, name=None, ratio=float("inf")),
]  # fmt: skip


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


def counts(outcome: workflow.Outcome) -> tuple[int, int, int]:
    summary = outcome.document["summary"]
    return summary["changed"], summary["only_a"], summary["only_b"]


def test_the_repair_makes_the_tables_equal_and_the_backout_takes_it_back(
    database: Instance, owner: oracledb.Connection, tmp_path: Path
) -> None:
    make(owner, "GOOD_A", ROWS_A)
    make(owner, "GOOD_B", ROWS_B)
    make(owner, "WAS_B", ROWS_B)
    before = compared(database, "GOOD_A", "GOOD_B", tmp_path / "1")
    assert counts(before) == (len(NASTY) + 6, 2, 2)
    assert before.document["repair"] == {"rows": len(NASTY) + 10, "not_done": {}}
    execute(owner, script(before, "repair.sql"))
    owner.commit()
    after = compared(database, "GOOD_A", "GOOD_B", tmp_path / "2")
    assert counts(after) == (0, 0, 0)
    assert after.files == ()
    execute(owner, script(before, "backout.sql"))
    owner.commit()
    assert counts(compared(database, "WAS_B", "GOOD_B", tmp_path / "3")) == (0, 0, 0)


def test_a_row_that_changed_meanwhile_stops_the_script(
    database: Instance, owner: oracledb.Connection, tmp_path: Path
) -> None:
    make(owner, "MOVED_A", [(1, "x"), (2, "y")], "id number(9) primary key, name varchar2(9)")
    make(owner, "MOVED_B", [(1, "X"), (2, "Y")], "id number(9) primary key, name varchar2(9)")
    found = compared(database, "MOVED_A", "MOVED_B", tmp_path)
    with owner.cursor() as cursor:
        cursor.execute(f"update {SCHEMA}.moved_b set name = 'new' where id = 2")
    owner.commit()
    with pytest.raises(oracledb.DatabaseError, match=r"ORA-20099: Statement [12]: the row is not as it was"):
        execute(owner, script(found, "repair.sql"))
    owner.rollback()


def test_a_script_holds_nothing_that_a_client_reads_otherwise(
    database: Instance, owner: oracledb.Connection, tmp_path: Path
) -> None:
    make(owner, "CLEAN_A", ROWS_A)
    make(owner, "CLEAN_B", ROWS_B)
    text = script(compared(database, "CLEAN_A", "CLEAN_B", tmp_path), "repair.sql")
    assert text.isascii()
    assert "&" not in text
    body = text.partition("begin\n")[2]
    assert "\n\n" not in body
    assert text.startswith("-- Makes REPAIR_TEST.CLEAN_B (side B) what REPAIR_TEST.CLEAN_A (side A) was.\n")
    assert "-- 2 rows to delete, 14 to update, 2 to insert.\n" in text
    assert "commit;" not in text


def test_duplicate_keys_are_refused(database: Instance, owner: oracledb.Connection, tmp_path: Path) -> None:
    make(owner, "TWICE_A", [(1, "x"), (1, "y")], "id number(9), name varchar2(9)")
    make(owner, "TWICE_B", [(1, "x"), (1, "z")], "id number(9), name varchar2(9)")
    found = compared(database, "TWICE_A", "TWICE_B", tmp_path, key=("ID",))
    assert "1 key occurs more than once" in found.document["repair"]["refused"]
    assert "repair.sql" not in [file.name for file in found.files]


LARGE = "id number(9) primary key, name varchar2(9), long_text clob, national nclob, bytes blob"
LONGEST = "Zürich 日本 😀 & it's\n\n" * 1500


def large(number: int, text: str | None, data: bytes | None, name: str = "x") -> tuple[Any, ...]:
    return (number, name, text, text, data)


def make_large(owner: oracledb.Connection, name: str, rows: list[tuple[Any, ...]]) -> None:
    with owner.cursor() as cursor:
        cursor.execute(f"create table {SCHEMA}.{name} ({LARGE})")
        for values in rows:
            cursor.setinputsizes(
                None, None, oracledb.DB_TYPE_CLOB, oracledb.DB_TYPE_NCLOB, oracledb.DB_TYPE_BLOB
            )
            cursor.execute(f"insert into {SCHEMA}.{name} values (:1, :2, :3, :4, :5)", list(values))
    owner.commit()


def test_large_objects_are_repaired_and_brought_back(
    database: Instance, owner: oracledb.Connection, tmp_path: Path
) -> None:
    rows_a = [
        *(large(n, text, text.encode()) for n, text in enumerate([*NASTY, LONGEST])),
        large(20, None, None),
        large(21, "text", b"\x00\xff" * 2500),
        large(22, "same", b"same"),
        large(30, "only in A & " + LONGEST[:5000], b"a"),
        large(31, None, None),
    ]
    rows_b = [
        *(large(n, text.upper(), None) for n, text in enumerate([*NASTY, LONGEST])),
        large(20, "text", b"\x01", name="y"),
        large(21, None, b"\x00\xff" * 2499),
        large(22, "same", b"same"),
        large(40, "only in B", b"b" * 3000),
    ]
    for name, rows in (("LARGE_A", rows_a), ("LARGE_B", rows_b), ("LARGE_WAS", rows_b)):
        make_large(owner, name, rows)
    with owner.cursor() as cursor:  # neither is a difference from NULL
        cursor.execute(
            f"update {SCHEMA}.large_b set long_text = empty_clob(), bytes = empty_blob() where id in (21)"
        )
        cursor.execute(f"update {SCHEMA}.large_b set bytes = hextoraw('00') where id = 21")
    owner.commit()
    before = compared(database, "LARGE_A", "LARGE_B", tmp_path / "1")
    assert before.document["repair"] == {"rows": len(NASTY) + 6, "not_done": {}}
    text = script(before, "repair.sql")
    assert text.isascii()
    assert max(map(len, text.splitlines())) < 2500
    execute(owner, text)
    owner.commit()
    assert counts(compared(database, "LARGE_A", "LARGE_B", tmp_path / "2")) == (0, 0, 0)
    execute(owner, script(before, "backout.sql"))
    owner.commit()
    back = compared(database, "LARGE_WAS", "LARGE_B", tmp_path / "3")
    assert [cell["column"] for row in back.document["samples"]["changed"] for cell in row["cells"]] == [
        "BYTES"
    ]


def test_a_large_object_that_changed_meanwhile_stops_the_script(
    database: Instance, owner: oracledb.Connection, tmp_path: Path
) -> None:
    make_large(owner, "MEANT_A", [large(1, "a", None), large(2, "a", None)])
    make_large(owner, "MEANT_B", [large(1, "b", None), large(2, None, None)])
    found = compared(database, "MEANT_A", "MEANT_B", tmp_path)
    for number in (1, 2):
        with owner.cursor() as cursor:
            cursor.execute(f"update {SCHEMA}.meant_b set long_text = 'new' where id = :1", [number])
        with pytest.raises(oracledb.DatabaseError, match=rf"ORA-20099: Statement {number}: the row is not"):
            execute(owner, script(found, "repair.sql"))
        owner.rollback()


def test_what_cannot_be_written_and_columns_not_compared_are_told(
    database: Instance, owner: oracledb.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.engines.repair.large.MAX_VALUE_BYTES", 3)
    make_large(owner, "LONG_A", [large(1, "long", None), large(2, "b", None), large(3, "long", None)])
    make_large(owner, "LONG_B", [large(1, "x", None, "y"), large(2, "b", None), large(4, "long", None)])
    found = compared(database, "LONG_A", "LONG_B", tmp_path / "1")
    assert found.document["repair"]["rows"] == 1
    assert sum(found.document["repair"]["not_done"].values()) == 4
    assert "-- NOT repaired: 1 cells of LONG_TEXT" in script(found, "repair.sql")
    assert "clob" not in script(found, "repair.sql")
    ignored = ("LONG_TEXT", "NATIONAL", "BYTES")
    narrow = compared(database, "LONG_A", "LONG_B", tmp_path / "2", ignore=ignored)
    assert narrow.document["repair"]["rows"] == 1
    assert "were not compared (LONG_TEXT, NATIONAL, BYTES)" in str(narrow.document["repair"]["not_done"])


def test_too_many_rows_are_refused(
    database: Instance, owner: oracledb.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(owner, "MANY_A", [(n, "x") for n in range(5)], "id number(9) primary key, name varchar2(9)")
    make(owner, "MANY_B", [(n, "y") for n in range(5)], "id number(9) primary key, name varchar2(9)")
    monkeypatch.setattr("worker.engines.repair.plan.MAX_ROWS", 4)
    assert (
        "5 rows differ, and a script changes at most 4"
        in (compared(database, "MANY_A", "MANY_B", tmp_path).document["repair"]["refused"])
    )


def test_columns_under_other_names_are_repaired_under_their_own(
    database: Instance, owner: oracledb.Connection, tmp_path: Path
) -> None:
    make(owner, "NAMED_A", [(1, "x"), (2, "y"), (3, "z")], "id number(9) primary key, name varchar2(9)")
    make(
        owner, "NAMED_B", [(1, "X"), (3, "z"), (4, "w")], 'nr number(9) primary key, "Full name" varchar2(9)'
    )
    sides = (
        table(database, "NAMED_A"),
        Renamed(table(database, "NAMED_B"), {"NR": "ID", "Full name": "NAME"}),
    )
    found = outcome(sides, tmp_path / "1")
    assert found.document["repair"] == {"rows": 3, "not_done": {}}
    assert 'set "Full name" = ' in script(found, "repair.sql")
    execute(owner, script(found, "repair.sql"))
    owner.commit()
    assert counts(outcome(sides, tmp_path / "2")) == (0, 0, 0)
    execute(owner, script(found, "backout.sql"))
    owner.commit()
    assert counts(outcome(sides, tmp_path / "3")) == counts(found) == (1, 1, 1)


def test_of_a_filtered_table_only_the_compared_rows_are_repaired(
    database: Instance, owner: oracledb.Connection, tmp_path: Path
) -> None:
    columns = "id number(9), name varchar2(9), state varchar2(9)"
    make(owner, "SOME_A", [(1, "x", "on"), (2, "y", "on"), (3, "z", "on")], columns)
    make(owner, "SOME_B", [(1, "X", "on"), (4, "w", "on"), (5, "v", "off")], columns)

    def sides() -> tuple[Source, Source]:
        return table(database, "SOME_A"), filtered(table(database, "SOME_B"), [("STATE", "=", "on")])

    found = outcome(sides(), tmp_path / "1", key=("ID",))
    assert found.document["repair"] == {"rows": 4, "not_done": {}}
    with owner.cursor() as cursor:
        cursor.execute(f"update {SCHEMA}.some_b set id = 3 where id = 5")
        with pytest.raises(
            oracledb.DatabaseError, match=r"ORA-20099: Statement [34]: the row is not as it was"
        ):
            execute(owner, script(found, "repair.sql"))
        owner.rollback()
        execute(owner, script(found, "repair.sql"))
        owner.commit()
        cursor.execute(f"select count(*) from {SCHEMA}.some_b where state = 'off'")
        assert cursor.fetchone() == (1,)
    assert counts(outcome(sides(), tmp_path / "2", key=("ID",))) == (0, 0, 0)


def test_a_row_trigger_that_reads_its_table_does_not_hinder_the_inserts(
    database: Instance, owner: oracledb.Connection, tmp_path: Path
) -> None:
    columns = "id number(9), name varchar2(9), long_text clob"
    make(owner, "SEEN_A", [(1, "x", "l"), (2, "y", None), (3, "z", "long"), (None, "n", None)], columns)
    make(owner, "SEEN_B", [(1, "x", "l"), (9, "w", "old")], columns)
    with owner.cursor() as cursor:
        cursor.execute(
            f"create trigger {SCHEMA}.seen_t before insert on {SCHEMA}.seen_b for each row\n"
            f"declare\n   l_rows pls_integer;\nbegin\n   select count(*) into l_rows from {SCHEMA}.seen_b;\n"
            "   if l_rows > 9 then\n      raise_application_error(-20001, 'full');\n   end if;\nend;"
        )
        with pytest.raises(oracledb.DatabaseError, match="ORA-04091"):
            cursor.execute(f"insert into {SCHEMA}.seen_b (id) select 7 from dual")
    found = compared(database, "SEEN_A", "SEEN_B", tmp_path / "1", key=("ID",))
    assert found.document["repair"] == {"rows": 4, "not_done": {}}
    execute(owner, script(found, "repair.sql"))
    owner.commit()
    assert counts(compared(database, "SEEN_A", "SEEN_B", tmp_path / "2", key=("ID",))) == (0, 0, 0)
    execute(owner, script(found, "backout.sql"))
    owner.commit()
    assert counts(compared(database, "SEEN_A", "SEEN_B", tmp_path / "3", key=("ID",))) == (0, 3, 1)


def test_inserts_run_twice_stop_at_the_first(
    database: Instance, owner: oracledb.Connection, tmp_path: Path
) -> None:
    columns = "id number(9), name varchar2(9), long_text clob"
    make(owner, "AGAIN_A", [(1, "x", None), (2, "y", "long"), (None, "n", None)], columns)
    make(owner, "AGAIN_B", [(1, "x", None)], columns)
    repair = script(compared(database, "AGAIN_A", "AGAIN_B", tmp_path, key=("ID",)), "repair.sql")
    execute(owner, repair)
    owner.commit()
    blocks = re.findall(r"^declare\n.*?^/\n", repair, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 2
    for block in blocks:
        with pytest.raises(oracledb.DatabaseError, match=r"ORA-20099: Statement [12]: the row is not as it"):
            execute(owner, block)
        owner.rollback()
    with owner.cursor() as cursor:
        assert cursor.execute(f"select count(*) from {SCHEMA}.again_b").fetchone() == (3,)


def test_times_with_a_zone_are_repaired_in_utc_and_the_script_says_so(
    database: Instance, owner: oracledb.Connection, tmp_path: Path
) -> None:
    columns = """id number(9) primary key, name varchar2(9), zoned timestamp(6) with time zone,
      local timestamp(6) with local time zone"""
    stamps = (
        "timestamp '2026-07-01 12:00:00.123456 +02:00'",
        "timestamp '2020-02-29 23:30:00 -11:30'",
        "timestamp '1999-12-31 23:59:59.999999 +00:00'",
        "cast(null as timestamp with time zone)",
        "from_tz(timestamp '2026-12-01 08:00:00', 'Europe/Zurich')",
    )
    turned = stamps[1:] + stamps[:1]
    for name, order, only in (("ZONED_A", stamps, 10), ("ZONED_B", turned, 11), ("ZONED_WAS", turned, 11)):
        make(owner, name, [], columns)
        with owner.cursor() as cursor:
            for number, stamp in enumerate(order):
                cursor.execute(f"insert into {SCHEMA}.{name} values ({number}, 'x', {stamp}, {stamp})")
            cursor.execute(f"insert into {SCHEMA}.{name} values ({only}, 'x', {order[0]}, {order[1]})")
        owner.commit()
    found = compared(database, "ZONED_A", "ZONED_B", tmp_path / "1")
    repair = script(found, "repair.sql")
    assert "-- Times of ZONED are written in UTC: the same instants, not their own zones.\n" in repair
    execute(owner, repair)
    owner.commit()
    assert counts(compared(database, "ZONED_A", "ZONED_B", tmp_path / "2")) == (0, 0, 0)
    execute(owner, script(found, "backout.sql"))
    owner.commit()
    assert counts(compared(database, "ZONED_WAS", "ZONED_B", tmp_path / "3")) == (0, 0, 0)


def test_intervals_are_repaired_exactly(
    database: Instance, owner: oracledb.Connection, tmp_path: Path
) -> None:
    columns = "id number(9) primary key, months interval year(9) to month, span interval day(9) to second(9)"
    of_months = (
        "to_yminterval('-0-03')",
        "to_yminterval('99999999-11')",
        "cast(null as interval year to month)",
    )
    of_time = (
        "to_dsinterval('-0 00:00:00.000001')",
        "to_dsinterval('12345 23:59:59.999999')",
        "to_dsinterval('0 12:30:00')",
    )
    for name, turn in (("SPAN_A", 0), ("SPAN_B", 1), ("SPAN_WAS", 1)):
        make(owner, name, [], columns)
        with owner.cursor() as cursor:
            for n in range(3):
                values = f"{n}, {of_months[(n + turn) % 3]}, {of_time[(n + turn) % 3]}"
                cursor.execute(f"insert into {SCHEMA}.{name} values ({values})")
        owner.commit()
    found = compared(database, "SPAN_A", "SPAN_B", tmp_path / "1")
    assert counts(found) == (3, 0, 0)
    assert found.document["samples"]["changed"][0]["cells"] == [
        {"column": "MONTHS", "a": "-0-03", "b": "99999999-11"},
        {"column": "SPAN", "a": "-00:00:00.000001", "b": "12345 23:59:59.999999"},
    ]
    execute(owner, script(found, "repair.sql"))
    owner.commit()
    assert counts(compared(database, "SPAN_A", "SPAN_B", tmp_path / "2")) == (0, 0, 0)
    execute(owner, script(found, "backout.sql"))
    owner.commit()
    assert counts(compared(database, "SPAN_WAS", "SPAN_B", tmp_path / "3")) == (0, 0, 0)


def test_virtual_columns_follow_and_rows_of_an_identity_column_are_told(
    database: Instance, owner: oracledb.Connection, tmp_path: Path
) -> None:
    virtual = "id number(9) primary key, a number(9), twice number(9) generated always as (a * 2) virtual, c number(9)"
    always = "id number(9) generated always as identity primary key, a number(9)"
    for name, shift in (("MADE_A", 0), ("MADE_B", 1)):
        make(owner, name, [], virtual)
        make(owner, f"ALWAYS_{name}", [], always)
        with owner.cursor() as cursor:
            for n in range(3):
                values = f"({n + 5 * shift * (n == 2)}, {n + shift}, {n})"
                cursor.execute(f"insert into {SCHEMA}.{name} (id, a, c) values {values}")
            for n in range(3 + shift):
                cursor.execute(f"insert into {SCHEMA}.ALWAYS_{name} (a) values ({n + shift})")
        owner.commit()
    found = compared(database, "MADE_A", "MADE_B", tmp_path / "1")
    told = "cells of TWICE, a virtual column, which follows the columns it is computed from"
    assert found.document["repair"] == {"rows": 4, "not_done": {told: 2}}
    execute(owner, script(found, "repair.sql"))
    assert counts(compared(database, "MADE_A", "MADE_B", tmp_path / "2")) == (2, 1, 1)
    owner.commit()
    assert counts(compared(database, "MADE_A", "MADE_B", tmp_path / "3")) == (0, 0, 0)
    execute(owner, script(found, "backout.sql"))
    owner.commit()
    again = compared(database, "MADE_A", "MADE_B", tmp_path / "4", ignore=("TWICE",))
    assert counts(again) == (2, 1, 1)
    assert again.document["repair"] == {"rows": 4, "not_done": {}}

    found = compared(database, "ALWAYS_MADE_A", "ALWAYS_MADE_B", tmp_path / "5")
    told = "rows only in A or B, for ID is an identity column GENERATED ALWAYS, which takes no value"
    assert found.document["repair"] == {"rows": 3, "not_done": {told: 1}}
    execute(owner, script(found, "repair.sql"))
    owner.commit()
    assert counts(compared(database, "ALWAYS_MADE_A", "ALWAYS_MADE_B", tmp_path / "6")) == (0, 0, 1)


def test_a_file_is_not_repaired(tmp_path: Path) -> None:
    sides = [MemorySource(n, pa.table({"K": [1], "V": [v]})) for n, v in (("A", "x"), ("B", "y"))]
    (tmp_path / "work").mkdir()
    found = workflow.run(
        *sides,
        ComparisonPlan(key=("K",)),
        workflow.Wanted(repair=True),
        lambda *_: None,
        tmp_path / "work",
        tmp_path / "results",
        256,
    )
    assert found.document["repair"] == {"refused": "No repair script: B is no table of an Oracle database."}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("it's", "'it''s'"),
        ("a&b", "to_char(unistr('a\\0026b'))"),
        ("a\\b", "to_char(unistr('a\\005Cb'))"),
        ("\n", "to_char(unistr('\\000A'))"),
        ("😀", "to_char(unistr('\\D83D\\DE00'))"),
        ("x" * 401, f"'{'x' * 400}'\n       || 'x'"),
        ("x" * 4001, None),
        ("ä" * 2001, None),
    ],
)
def test_texts_are_written_so_that_every_client_reads_them_alike(text: str, written: str | None) -> None:
    assert text_literal(text) == written


@pytest.mark.parametrize("name", ['a"b', "", "a\nb", "a\x00b"])
def test_what_cannot_be_a_name_is_not_written(name: str) -> None:
    with pytest.raises(Exception, match="cannot be the name"):
        scripts.quoted(name)
