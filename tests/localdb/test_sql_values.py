"""Values through the driver: extremes of NUMBER, empty LOBs, what RETURNING gives, what is refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import oracledb
import pytest

from tests.conftest import Instance
from tests.localdb.conftest import code


@pytest.fixture(scope="module")
def owner(localdb: Instance) -> Iterator[oracledb.Connection]:
    with localdb.connect() as connection:
        cursor = connection.cursor()
        cursor.execute(
            "create table valued (id number primary key, n number, s varchar2(40), c clob not null, b blob,"
            " whole integer, star number(*, 2), lr long raw)"
        )
        yield connection
        cursor.execute("drop table valued")


@pytest.fixture
def cursor(owner: oracledb.Connection) -> Iterator[oracledb.Cursor]:
    yield owner.cursor()
    owner.rollback()


@pytest.fixture
def exact() -> Iterator[None]:
    before, oracledb.defaults.fetch_decimals = oracledb.defaults.fetch_decimals, True
    yield
    oracledb.defaults.fetch_decimals = before


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize(
    "text",
    [
        "1E125", "-1E-130", "12345678901234567890123456789012345678", "0.1234567890123456789012345678901234567",
        "9.99999999999999999999999999999999999999E125", "-99999999999999999999999999999999999999", "1E-129",
    ],
)  # fmt: skip
def test_numbers_come_back_as_they_went(cursor: oracledb.Cursor, text: str) -> None:
    cursor.execute("insert into valued (id, n, c) values (1, :1, 'x')", [Decimal(text)])
    assert cursor.execute("select n from valued where n = :1", [Decimal(text)]).fetchall() == [
        (Decimal(text),)
    ]


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1/3 + 1", "1.33333333333333333333333333333333333333"),
        ("1/3 + 123456789012345678901234567890", "123456789012345678901234567890.3333333333"),
        ("2/3 * 3", "2"),
        ("1/3", "0.3333333333333333333333333333333333333333"),
        ("exp(1)", "2.71828182845904523536028747135266249776"),
        ("power(2, 0.5)", "1.41421356237309504880168872420969807857"),
        ("123456789 * 123456789", "15241578750190521"),
    ],
)
def test_arithmetic_has_twenty_base_100_digits(
    cursor: oracledb.Cursor, expression: str, expected: str
) -> None:
    [(found,)] = cursor.execute(f"select {expression} from dual")
    assert found == Decimal(expected)


def test_functions_of_null_are_null(cursor: oracledb.Cursor) -> None:
    assert cursor.execute(
        "select power(null, 2), power(2, null), exp(null), ascii('') from dual"
    ).fetchone() == ((None,) * 4)


def test_characters_and_their_codes(cursor: oracledb.Cursor) -> None:
    row = cursor.execute(
        "select ascii('é'), chr(50089), nchr(233), ascii('a'), nchr(8364) from dual"
    ).fetchone()
    assert row == (50089, "é", "é", 97, "€")


@pytest.mark.parametrize(
    ("value", "text"), [(Decimal("1.50"), "1.5"), (7, "7"), (0.25, ".25"), (Decimal("-0.5"), "-.5")]
)
def test_a_number_in_a_text_column(cursor: oracledb.Cursor, value: Any, text: str) -> None:
    cursor.execute("insert into valued (id, s, c) values (1, :1, 'x')", [value])
    assert cursor.execute("select s from valued").fetchall() == [(text,)]


def test_an_empty_lob_is_not_null(owner: oracledb.Connection, cursor: oracledb.Cursor) -> None:
    cursor.execute("insert into valued (id, c, b) values (1, empty_clob(), empty_blob())")
    cursor.execute("insert into valued (id, c) values (2, :1)", [owner.createlob(oracledb.DB_TYPE_CLOB)])
    cursor.execute(
        "insert into valued (id, c, b) values (3, 'x', :1)", [owner.createlob(oracledb.DB_TYPE_BLOB)]
    )
    rows = cursor.execute(
        "select id, dbms_lob.getlength(c), dbms_lob.getlength(b), nvl2(b, 'lob', 'null') from valued order by id"
    ).fetchall()
    assert rows == [(1, 0, 0, "lob"), (2, 0, None, "null"), (3, 1, 0, "lob")]
    compared = "select id, dbms_lob.compare(c, to_clob('x')), dbms_lob.compare(b, b) from valued order by id"
    assert cursor.execute(compared).fetchall() == [(1, -1, 0), (2, -1, None), (3, 0, 0)]
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute("insert into valued (id, c) values (4, '')")
    assert code(caught) == 1400


def test_returning_expressions_into_other_types(cursor: oracledb.Cursor) -> None:
    outs: list[Any] = [cursor.var(str), cursor.var(int), cursor.var(str), cursor.var(float)]
    cursor.execute(
        "insert into valued (id, n, s, c) values (5, 2.5, '17', 'x') returning n, s, upper(s || 'a'), n * 2"
        " into :1, :2, :3, :4",
        outs,
    )
    assert [out.getvalue() for out in outs] == [["2.5"], [17], ["17A"], [5.0]]
    wrong = cursor.var(int)
    cursor.execute("update valued set s = 'abc'")
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute("update valued set n = 1 returning s into :1", [wrong])
    assert code(caught) == 1722


def test_a_long_raw_has_no_length(cursor: oracledb.Cursor) -> None:
    cursor.execute("insert into valued (id, c, lr) values (1, 'x', :1)", [b"\x00\xff" * 20000])
    assert cursor.execute("select lr from valued").fetchone() == (b"\x00\xff" * 20000,)


def test_integer_has_no_precision_in_the_dictionary(cursor: oracledb.Cursor) -> None:
    rows = cursor.execute(
        "select column_name, data_type, data_precision, data_scale from user_tab_columns where table_name = 'VALUED'"
        " and column_name in ('N', 'WHOLE', 'STAR') order by 1"
    ).fetchall()
    assert rows == [("N", "NUMBER", None, None), ("STAR", "NUMBER", None, 2), ("WHOLE", "NUMBER", None, 0)]


@pytest.mark.parametrize(
    ("expression", "named"),
    [
        ("timestamp '2024-01-01 00:00:00.1234567'", "six decimals"),
        ("to_timestamp('2024-01-01 00:00:00.1234567', 'YYYY-MM-DD HH24:MI:SS.FF')", "six decimals"),
        ("interval '1.1234567' second", "six decimals"),
        ("date '-0044-03-15'", "before Christ"),
        ("to_date('0044 BC', 'YYYY BC')", "before Christ"),
        ("chr(233)", "no character"),
    ],
)
def test_what_cannot_be_kept_is_refused(cursor: oracledb.Cursor, expression: str, named: str) -> None:
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute(f"select {expression} from dual")
    assert code(caught) == 3001
    assert named in str(caught.value)


def test_ora_hash_is_even_and_stable_although_not_oracles(cursor: oracledb.Cursor) -> None:
    rows = cursor.execute(
        "select ora_hash(level, 3), count(*) from dual connect by level <= 4000 group by ora_hash(level, 3)"
    ).fetchall()
    assert sorted(row[0] for row in rows) == [0, 1, 2, 3]
    assert all(850 < row[1] < 1150 for row in rows)
    same = "select case when ora_hash('a', 99, 1) = ora_hash('a', 99, 1) then 1 end, ora_hash(null) from dual"
    assert cursor.execute(same).fetchone() == (1, 0)


ZONES = [
    ("to_char(timestamp '2024-06-01 12:00:00 +00:00', 'HH24:MI TZH:TZM')", "12:00 +00:00"),
    ("to_char(sys_extract_utc(timestamp '2024-06-01 12:00:00 +05:30'), 'HH24:MI')", "06:30"),
    ("to_char(sys_extract_utc(from_tz(timestamp '2024-06-01 12:00:00', 'Europe/Berlin')), 'HH24:MI')", "10:00"),
    ("case when timestamp '2024-06-01 12:00:00 +02:00' = timestamp '2024-06-01 10:00:00 +00:00' then 'same' end",
     "same"),
    ("to_char(cast(timestamp '2024-06-01 12:00:00 +00:00' as date), 'HH24:MI')", "12:00"),
]  # fmt: skip


@pytest.mark.parametrize("session_zone", ["+00:00", "+02:00"])
@pytest.mark.parametrize(("expression", "expected"), ZONES)
def test_instants_whatever_the_zone(
    connection: oracledb.Connection, expression: str, expected: str, session_zone: str
) -> None:
    cursor = connection.cursor()
    cursor.execute(f"alter session set time_zone = '{session_zone}'")
    assert cursor.execute(f"select {expression} from dual").fetchone() == (expected,)


def test_a_local_time_zone_is_the_sessions(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("create table t (a timestamp with local time zone)")
    cursor.execute("insert into t values (timestamp '2024-06-01 12:00:00 +00:00')")
    cursor.execute("alter session set time_zone = '+02:00'")
    row = cursor.execute("select to_char(a, 'HH24'), to_char(cast(a as date), 'HH24') from t").fetchone()
    assert row == ("14", "14")
