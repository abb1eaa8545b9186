"""A large table read by several sessions, by ranges of ROWIDs: each row once, as of one SCN, and less if need be."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator

import oracledb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Instance
from worker.engines.errors import SourceFailed
from worker.engines.sources import oracle_pieces
from worker.engines.sources.oracle import OracleTableSource, current_scn
from worker.engines.sources.oracle_pieces import Piece

SCHEMA = "PIECES_TEST"
ROWS = 2000


@pytest.fixture(scope="module")
def owner(database: Instance) -> Iterator[oracledb.Connection]:
    """A connection of the DBA with the schema PIECES_TEST and its table T of 2,000 rows, a gap in the middle."""
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f'create user {SCHEMA} identified by "{secrets.token_hex(10)}"')
        cursor.execute(f"grant unlimited tablespace to {SCHEMA}")
        cursor.execute(f"create table {SCHEMA}.t (id number(9) primary key, name varchar2(40))")
        cursor.execute(
            f"insert into {SCHEMA}.t select level, 'name ' || level from dual connect by level <= {2 * ROWS}"
        )
        cursor.execute(f"delete from {SCHEMA}.t where id between 500 and {499 + ROWS}")
        connection.commit()
        yield connection
        cursor.execute(f"drop user {SCHEMA} cascade")


@pytest.fixture
def table(
    owner: oracledb.Connection, database: Instance, monkeypatch: pytest.MonkeyPatch
) -> OracleTableSource:
    """The table as of an SCN, large enough to be read in pieces."""
    monkeypatch.setattr(oracle_pieces, "LEAST_ROWS", 1000)
    source = OracleTableSource(database.connect, SCHEMA, "T")
    source.pin(*current_scn(database.connect))
    assert source.scn is not None, source.account()
    return source


def ids(source: OracleTableSource) -> list[int]:
    return [int(one) for batch in source.batches(["ID"]) for one in batch.column(0).to_pylist()]


EXPECTED = [*range(1, 500), *range(500 + ROWS, 2 * ROWS + 1)]


def test_each_row_comes_once_from_two_sessions_as_of_one_scn(
    table: OracleTableSource, owner: oracledb.Connection
) -> None:
    with owner.cursor() as cursor:
        cursor.execute(f"update {SCHEMA}.t set id = id + 100000 where id < 100")
        cursor.execute(f"delete from {SCHEMA}.t where id > {2 * ROWS - 100} and id < 100000")
        owner.commit()
    try:
        assert sorted(ids(table)) == EXPECTED
        assert table.account()["sessions"] == 2
    finally:
        with owner.cursor() as cursor:
            cursor.execute(f"update {SCHEMA}.t set id = id - 100000 where id > 100000")
            cursor.execute(
                f"insert into {SCHEMA}.t select level + {2 * ROWS - 100}, 'again' from dual connect by level <= 100"
            )
            owner.commit()


def test_without_an_scn_one_session_reads_all(
    owner: oracledb.Connection, database: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oracle_pieces, "LEAST_ROWS", 1000)
    source = OracleTableSource(database.connect, SCHEMA, "T")
    assert sorted(ids(source)) == EXPECTED
    assert source.account()["sessions"] == 1


def test_where_no_second_session_is_to_be_had_one_reads_all(
    table: OracleTableSource, database: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []

    def connect() -> oracledb.Connection:
        opened.append(1)
        if len(opened) > 1:
            return oracledb.connect(user="nobody", password=secrets.token_hex(4), dsn=database.dsn)
        return database.connect()

    table.schema()
    monkeypatch.setattr(table, "connect", connect)
    assert sorted(ids(table)) == EXPECTED
    assert table.account()["sessions"] == 1


def test_what_breaks_in_one_session_ends_the_reading_with_a_sentence(
    table: OracleTableSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.schema()
    real = oracle_pieces.pieces

    def one_is_broken(*arguments: object) -> list[Piece]:
        found = real(*arguments)  # type: ignore[arg-type]
        return [*found[:-1], Piece("no rowid", None)]

    monkeypatch.setattr(oracle_pieces, "pieces", one_is_broken)
    with pytest.raises(SourceFailed, match=r"PIECES_TEST\.T .*"):
        ids(table)
    assert [thread.name for thread in threading.enumerate() if thread.name == "pieces"] == []


def test_who_stops_in_the_middle_leaves_no_thread(
    table: OracleTableSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.engines.sources.oracle.BATCH_ROWS", 10)
    rows = table.batches(["ID"])
    assert isinstance(rows, Iterator)
    next(rows)
    del rows
    assert [thread.name for thread in threading.enumerate() if thread.name == "pieces"] == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=8)
@given(cuts=st.lists(st.integers(0, ROWS - 1), max_size=6))
def test_wherever_the_borders_lie_every_row_is_in_one_piece(
    table: OracleTableSource, owner: oracledb.Connection, cuts: list[int]
) -> None:
    with owner.cursor() as cursor:
        every = [
            one
            for (one,) in cursor.execute(
                f"select rowidtochar(rowid) from {SCHEMA}.t order by rowid"
            ).fetchall()
        ]
    borders = [every[cut] for cut in sorted(cuts)]
    todo = [Piece(low, high) for low, high in zip([None, *borders], [*borders, None], strict=True)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(oracle_pieces, "pieces", lambda *_: todo)
        assert sorted(ids(table)) == EXPECTED
