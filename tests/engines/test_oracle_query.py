"""Queries and filtered tables as sources; the moment as of which tables are read; reading that breaks off."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import oracledb
import pytest

from tests.conftest import Instance
from worker.engines import ComparisonPlan, compare
from worker.engines.errors import BadPlan, EngineError, SourceFailed, SourceInterrupted
from worker.engines.sources import oracle, oracle_query
from worker.engines.sources.oracle import OracleTableSource, current_scn
from worker.engines.sources.oracle_query import OracleQuerySource, filtered

OWNER = "QUERY_TEST"


@pytest.fixture(scope="module")
def owner(database: Instance) -> Iterator[oracledb.Connection]:
    """A connection of the DBA; the schema has the table T of 1,000 rows."""
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f'create user {OWNER} identified by "{secrets.token_hex(10)}"')
        cursor.execute(f"grant unlimited tablespace to {OWNER}")
        cursor.execute(
            f"create table {OWNER}.t (id number(9) primary key, name varchar2(20 char), amount number(9,2),"
            ' bare number, day date, at timestamp(3), padded char(5), "Mixed" varchar2(5))'
        )
        cursor.executemany(
            f"insert into {OWNER}.t (id, name, amount, bare, day) values"
            " (:1, :2, :3, :4, date '2026-01-01' + :5)",
            [(n, f"name {n}", Decimal(n) / 4, Decimal(n) / 8, n % 365) for n in range(1000)],
        )
        for number, fraction in enumerate(("125", "250", "500")):
            cursor.execute(
                f"update {OWNER}.t set at = timestamp '2026-01-01 12:00:00.{fraction}' where id = {number}"
            )
        connection.commit()
        yield connection
        cursor.execute(f"drop user {OWNER} cascade")


@pytest.fixture
def table(owner: oracledb.Connection, database: Instance) -> OracleTableSource:
    return OracleTableSource(database.connect, OWNER, "T")


def rows(source: Any, *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for batch in source.batches(list(columns)) for row in batch.to_pylist()]


def test_a_query_is_described_and_read(
    owner: oracledb.Connection, database: Instance, monkeypatch: Any
) -> None:
    monkeypatch.setattr(oracle_query, "BATCH_ROWS", 7)
    source = OracleQuerySource(
        database.connect,
        f"select id, name, amount, amount * 3 as triple, day, at, padded from {OWNER}.t -- all of them\n"
        "where id >= :low and name like :form order by id -- the end",
        {"low": 990, "form": "name%"},
    )
    assert [(c.name, c.oracle_type) for c in source.schema()] == [
        ("ID", "NUMBER(9)"),
        ("NAME", "VARCHAR2(20 CHAR)"),
        ("AMOUNT", "NUMBER(9,2)"),
        ("TRIPLE", "NUMBER"),
        ("DAY", "DATE"),
        ("AT", "TIMESTAMP(3)"),
        ("PADDED", "CHAR(5 BYTE)"),
    ]
    assert rows(source, "TRIPLE", "ID")[:2] == [("742.5", Decimal(990)), ("743.25", Decimal(991))]
    assert len(rows(source, "ID")) == 10
    assert source.account()["binds"] == ["form", "low"]


def test_a_query_compares_with_its_table(table: Any, database: Instance, tmp_path: Path) -> None:
    query = OracleQuerySource(
        database.connect, f"select t.*, 1 as one from {OWNER}.t t where mod(id, 100) <> 7", name="query B"
    )
    result = compare(table, query, ComparisonPlan(), lambda *_: None, tmp_path, 64)
    assert (result.summary.equal, result.summary.only_a, result.summary.changed) == (990, 10, 0)
    assert (result.schema["only_b"], result.schema["different"]) == (["ONE"], [])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("select id from nowhere.nothing", "ORA-00942"),
        ("select nothing from {owner}.t", "ORA-00904"),
        ("select id, id from {owner}.t", "ORA-00918"),
        ("select id from {owner}.t where id = :missing", "query could not be read"),
        ("select id fro {owner}.t", "ORA-0"),
        ("delete from {owner}.t", "ORA-0"),
        ("select id from {owner}.t where to_number(name) = 1", "ORA-01722"),
    ],
)
def test_what_the_database_refuses_is_said_in_its_words(
    owner: oracledb.Connection, database: Instance, text: str, says: str
) -> None:
    source = OracleQuerySource(database.connect, text.format(owner=OWNER))
    with pytest.raises(SourceFailed, match=says):
        rows(source, source.schema()[0].name)


def test_a_query_writes_nothing(owner: oracledb.Connection, database: Instance) -> None:
    with owner.cursor() as cursor:
        cursor.execute(
            f"create or replace function {OWNER}.meddle return number as begin"
            f" delete from {OWNER}.t; return 1; end;"
        )
    source = OracleQuerySource(database.connect, f"select {OWNER}.meddle as v from dual")
    with pytest.raises(SourceFailed):
        rows(source, "V")
    with owner.cursor() as cursor:
        assert cursor.execute(f"select count(*) from {OWNER}.t").fetchall() == [(1000,)]


@pytest.mark.parametrize(
    ("conditions", "count"),
    [
        ([("ID", "<", 10)], 10),
        ([("id", "in", [1, 2, 5000])], 2),
        ([("NAME", "=", "name 7")], 1),
        ([("NAME", "like", "name 99%"), ("AMOUNT", ">=", "248.25")], 7),
        ([("DAY", "<=", "2026-01-02")], 6),
        ([("BARE", "!=", Decimal("0.125"))], 999),
        ([("AT", "is null", None)], 997),
        ([("AT", ">=", "2026-01-01 12:00:00.250")], 2),
        ([("AT", "in", ["2026-01-01 12:00:00.125", "2026-01-01 12:00:00.5"])], 2),
        ([("Mixed", "is not null", None)], 0),
        ([("NAME", "=", "' or 1 = 1 --")], 0),
    ],
)
def test_a_table_may_be_filtered(table: OracleTableSource, conditions: Any, count: int) -> None:
    source = filtered(table, conditions)
    assert len(rows(source, "ID")) == count
    assert len(source.account()["where"]) == len(conditions)


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        (("NOTHING", "=", 1), "has no column NOTHING"),
        (("ID", "=", "x"), "'x': the column ID of QUERY_TEST.T is NUMBER"),
        (("ID", "=", "NaN"), "is NUMBER"),
        (("DAY", "=", "yesterday"), "is DATE"),
        (("DAY", "=", "2026-01-01T00:00:00+02:00"), "is DATE"),
        (("DAY", "=", "2026-01-01T00:00:00.5"), "is DATE"),
        (("NAME", "=", 7), "is VARCHAR2"),
    ],
)
def test_a_filter_must_fit_its_column(table: OracleTableSource, condition: Any, says: str) -> None:
    with pytest.raises(BadPlan, match=says):
        filtered(table, [condition])


def test_both_tables_are_read_as_of_one_moment_or_it_is_said_why_not(
    table: OracleTableSource, database: Instance
) -> None:
    scn, why_not = current_scn(database.connect)
    assert (scn is None) == bool(why_not)
    table.pin(scn, why_not)
    account = table.account()
    if account["scn"] is None:
        assert account["no_scn"].endswith("; one query, as of its start")
    else:
        assert account["scn"] == scn
    assert len(rows(table, "ID")) == 1000


def test_without_a_right_to_the_scn_the_reason_is_told(
    owner: oracledb.Connection, database: Instance
) -> None:
    password = secrets.token_hex(10)
    with owner.cursor() as cursor:
        cursor.execute(f'create user query_test_plain identified by "{password}"')
        cursor.execute("grant create session to query_test_plain")
    try:

        def connect() -> oracledb.Connection:
            return oracledb.connect(user="query_test_plain", password=password, dsn=database.dsn)

        scn, why_not = current_scn(connect)
        if scn is None:
            assert why_not == "neither V$DATABASE nor DBMS_FLASHBACK is granted"
        source = OracleTableSource(connect, OWNER, "T")
        source.pin(None, why_not or "not granted")
        assert source.account()["scn"] is None
        with pytest.raises(SourceFailed, match=r"QUERY_TEST\.T does not exist, or Concord may not read it"):
            source.schema()
    finally:
        with owner.cursor() as cursor:
            cursor.execute("drop user query_test_plain cascade")


@pytest.fixture
def victim(owner: oracledb.Connection, database: Instance, monkeypatch: Any) -> Iterator[OracleTableSource]:
    """A table of many small batches, to be disturbed while it is read."""
    monkeypatch.setattr(oracle, "BATCH_ROWS", 100)
    with owner.cursor() as cursor:
        cursor.execute(f"create table {OWNER}.victim (id number(9) primary key, v varchar2(200))")
        cursor.executemany(
            f"insert into {OWNER}.victim values (:1, :2)", [(n, "x" * 200) for n in range(5000)]
        )
        owner.commit()
    yield OracleTableSource(database.connect, OWNER, "VICTIM")
    with owner.cursor() as cursor:
        cursor.execute(
            "begin execute immediate 'drop table query_test.victim'; exception when others then"
            " if sqlcode <> -942 then raise; end if; end;"
        )


def test_a_table_that_goes_before_it_is_read(
    victim: OracleTableSource, owner: oracledb.Connection, tmp_path: Path
) -> None:
    victim.schema()
    with owner.cursor() as cursor:
        cursor.execute(f"drop table {OWNER}.victim")
    with pytest.raises(SourceFailed, match="VICTIM does not exist, or Concord may not read it") as caught:
        compare(victim, victim, ComparisonPlan(key=("ID",)), lambda *_: None, tmp_path, 64)
    assert not caught.value.retryable


def test_a_table_that_loses_a_column_before_it_is_read(
    victim: OracleTableSource, owner: oracledb.Connection, tmp_path: Path
) -> None:
    victim.schema()
    with owner.cursor() as cursor:
        cursor.execute(f"alter table {OWNER}.victim drop column v")
    with pytest.raises(SourceFailed, match="has lost a column since the comparison began"):
        compare(victim, victim, ComparisonPlan(key=("ID",)), lambda *_: None, tmp_path, 64)


def test_a_connection_cut_while_fetching_is_worth_a_retry(
    victim: OracleTableSource, owner: oracledb.Connection, database: Instance, tmp_path: Path
) -> None:
    sessions: list[tuple[int, int]] = []

    def connect() -> oracledb.Connection:
        connection = database.connect()
        sessions.append((connection.session_id, connection.serial_num))
        return connection

    source = OracleTableSource(connect, OWNER, "VICTIM")
    batches = source.batches(["ID", "V"])
    next(batches)
    with owner.cursor() as cursor:
        cursor.execute(f"alter system kill session '{sessions[-1][0]},{sessions[-1][1]}' immediate")
    with pytest.raises(SourceInterrupted) as caught:
        list(batches)
    assert caught.value.retryable
    assert caught.value.sentence.startswith("QUERY_TEST.VICTIM could not be read.")
    assert "Traceback" not in caught.value.sentence


def test_an_error_of_the_database_in_the_middle_leaves_no_result(
    owner: oracledb.Connection, database: Instance, tmp_path: Path
) -> None:
    source = OracleQuerySource(
        database.connect, f"select id, 10 / (500 - id) as v from {OWNER}.t order by id", name="query A"
    )
    with pytest.raises(EngineError, match="query A is refused by the database: ORA-01476"):
        compare(source, source, ComparisonPlan(key=("ID",)), lambda *_: None, tmp_path, 64)
    assert list(tmp_path.iterdir()) == []
