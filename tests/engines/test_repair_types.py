"""Repair of what is no plain value: large objects, times with a zone, intervals, columns that the database computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import oracledb
import pytest

from tests.conftest import Instance
from tests.engines.repairs import NASTY, SCHEMA, carry_out, compared, counts, execute, make, owner, script

__all__ = ["owner"]

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
    carry_out(owner, before, "backout.sql")
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
    carry_out(owner, found, "backout.sql")
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
    carry_out(owner, found, "repair.sql")
    assert counts(compared(database, "SPAN_A", "SPAN_B", tmp_path / "2")) == (0, 0, 0)
    carry_out(owner, found, "backout.sql")
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
    carry_out(owner, found, "backout.sql")
    again = compared(database, "MADE_A", "MADE_B", tmp_path / "4", ignore=("TWICE",))
    assert counts(again) == (2, 1, 1)
    assert again.document["repair"] == {"rows": 4, "not_done": {}}

    found = compared(database, "ALWAYS_MADE_A", "ALWAYS_MADE_B", tmp_path / "5")
    told = "rows only in A or B, for ID is an identity column GENERATED ALWAYS, which takes no value"
    assert found.document["repair"] == {"rows": 3, "not_done": {told: 1}}
    carry_out(owner, found, "repair.sql")
    assert counts(compared(database, "ALWAYS_MADE_A", "ALWAYS_MADE_B", tmp_path / "6")) == (0, 0, 1)
