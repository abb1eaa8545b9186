"""Array inserts: many rows at once are the same rows, and the same errors, as one by one."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import oracledb
import pytest

from app.localdb import bulk
from app.localdb.contract import Kind, OraType
from app.localdb.sql.compiled import Compiled, Param
from tests.localdb.conftest import code

AWKWARD = [
    "plain",
    'with "quotes"',
    "back\\slash",
    "comma, {brace}",
    "NULL",
    "null",
    None,
    "",
    " ",
    "ä€𝄞",
    "a\nb",
    "'",
]


@pytest.mark.parametrize("count", [len(AWKWARD), bulk.LEAST_ROWS * 100])
def test_awkward_values_arrive_as_they_are(connection: oracledb.Connection, count: int) -> None:
    cursor = connection.cursor()
    cursor.execute(
        "create table t (n number(10), name varchar2(40), amount number, ratio binary_double, seen timestamp,"
        " born date, body clob, raw_id raw(20), fixed varchar2(20))"
    )
    moment = dt.datetime(2026, 1, 31, 23, 59, 58, 123456)  # noqa: DTZ001 - as the driver has it
    rows = [
        (
            *(n, AWKWARD[n % len(AWKWARD)], Decimal("12345678901234567890.123456789") + n, n / 7),
            *(moment + dt.timedelta(seconds=n), moment.replace(microsecond=0), AWKWARD[n % len(AWKWARD)]),
            n.to_bytes(4, "big") if n % 3 else None,
        )
        for n in range(count)
    ]
    cursor.setinputsizes(None, None, None, oracledb.DB_TYPE_BINARY_DOUBLE, oracledb.DB_TYPE_TIMESTAMP)
    cursor.executemany("insert into t values (:1, :2, :3, :4, :5, :6, :7, :8, '$1::text')", rows)
    assert cursor.rowcount == count
    fetch = connection.cursor()
    with_decimals = (
        "select n, name, to_char(amount), ratio, seen, born, body, raw_id, fixed from t order by n"
    )
    found = fetch.execute(with_decimals, fetch_lobs=False).fetchall()
    expected = [
        (n, name or None, str(amount), ratio, seen, born, body or None, raw, "$1::text")
        for n, name, amount, ratio, seen, born, body, raw in rows
    ]
    assert found == expected


def test_a_bad_row_among_many_is_named_and_those_before_it_stay(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("create table t (n number(4) primary key)")
    rows = [(n,) for n in range(100)]
    rows[60] = (59,)
    with pytest.raises(oracledb.IntegrityError) as caught:
        cursor.executemany("insert into t values (:1)", rows)
    assert code(caught) == 1
    assert cursor.rowcount == 60
    assert cursor.execute("select count(*), max(n) from t").fetchone() == (60, 59)


def test_many_rows_with_batch_errors(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("create table t (n number(4) primary key)")
    rows = [(n if n % 10 else 5,) for n in range(100)]
    cursor.executemany("insert into t values (:1)", rows, batcherrors=True)
    assert [error.offset for error in cursor.getbatcherrors()] == [5, *range(10, 100, 10)]
    assert cursor.execute("select count(*) from t").fetchone() == (90,)


def compiled(pg_text: str, *types: str) -> Compiled:
    return Compiled(
        Kind.DML, pg_text, [Param(kind, OraType.VARCHAR2, bind=n) for n, kind in enumerate(types)]
    )


@pytest.mark.parametrize(
    "pg_text",
    [
        """INSERT INTO "S"."T" ("A") VALUES (coalesce($1::text, '$1::text'))""",
        """INSERT INTO "S"."T" ("A") VALUES ($1)""",
        """INSERT INTO "S"."T" ("A") VALUES ('x')""",
        """INSERT INTO "S"." VALUES (" ("A") VALUES ($1::text)""",
        """INSERT INTO "S"."T" ("A") VALUES ($1::text) RETURNING "A\"""",
        """UPDATE "S"."T" SET "A" = $1::text""",
    ],
)
def test_what_is_not_plainly_an_insert_of_values_is_left_alone(pg_text: str) -> None:
    assert bulk.statement(compiled(pg_text, "text")) is None


def test_parameters_become_columns_of_arrays() -> None:
    text = bulk.statement(
        compiled(
            """INSERT INTO "S"."T" ("A", "B") VALUES ($1::numeric, oracle.fit($2::text, 5, 'x'))""",
            "numeric",
            "text",
        )
    )
    assert text == (
        'INSERT INTO "S"."T" ("A", "B") SELECT u.p1, oracle.fit(u.p2, 5, \'x\')'
        " FROM unnest($1::numeric[], $2::text[]) AS u (p1, p2)"
    )
