"""Repair and backout scripts, proved by running them: afterwards nothing differs, and then again what differed."""

# ruff: noqa: DTZ001 - DATE and TIMESTAMP have no zone

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import oracledb
import pyarrow as pa
import pytest

from tests.conftest import Instance
from tests.engines.repairs import (
    NASTY,
    SCHEMA,
    carry_out,
    compared,
    counts,
    execute,
    make,
    outcome,
    owner,
    script,
    table,
)
from worker.engines import ComparisonPlan, workflow
from worker.engines.repair import scripts
from worker.engines.repair.literals import text_literal
from worker.engines.sources.base import Source
from worker.engines.sources.memory import MemorySource
from worker.engines.sources.oracle_query import filtered
from worker.engines.sources.wrapped import Renamed

__all__ = ["owner"]

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


def test_the_repair_makes_the_tables_equal_and_the_backout_takes_it_back(
    database: Instance, owner: oracledb.Connection, tmp_path: Path
) -> None:
    make(owner, "GOOD_A", ROWS_A)
    make(owner, "GOOD_B", ROWS_B)
    make(owner, "WAS_B", ROWS_B)
    before = compared(database, "GOOD_A", "GOOD_B", tmp_path / "1")
    assert counts(before) == (len(NASTY) + 6, 2, 2)
    assert before.document["repair"] == {"rows": len(NASTY) + 10, "not_done": {}}
    carry_out(owner, before, "repair.sql")
    after = compared(database, "GOOD_A", "GOOD_B", tmp_path / "2")
    assert counts(after) == (0, 0, 0)
    assert after.files == ()
    carry_out(owner, before, "backout.sql")
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
    carry_out(owner, found, "repair.sql")
    assert counts(outcome(sides, tmp_path / "2")) == (0, 0, 0)
    carry_out(owner, found, "backout.sql")
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
    carry_out(owner, found, "repair.sql")
    assert counts(compared(database, "SEEN_A", "SEEN_B", tmp_path / "2", key=("ID",))) == (0, 0, 0)
    carry_out(owner, found, "backout.sql")
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
