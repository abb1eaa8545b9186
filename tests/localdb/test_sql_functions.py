"""SQL functions and expressions: Oracle's results, through the driver."""
# ruff: noqa: DTZ001 - DATE and TIMESTAMP of Oracle have no zone

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import oracledb
import pytest

from tests.conftest import Instance
from tests.localdb.conftest import code


@pytest.fixture(scope="module")
def cursor(localdb: Instance) -> Iterator[oracledb.Cursor]:
    connection = localdb.connect()
    yield connection.cursor()
    connection.close()


def value(cursor: oracledb.Cursor, expression: str, *binds: Any) -> Any:
    cursor.execute(f"select {expression} from dual", binds)
    row = cursor.fetchone()
    assert row is not None
    return row[0]


TEXT = [
    ("'a' || null || 'b'", "ab"),
    ("null || null", None),
    ("length('')", None),
    ("nvl('', 'empty')", "empty"),
    ("'x' || 1.5 || 'y'", "x1.5y"),
    ("'x' || 0.5", "x.5"),
    ("substr('abcdef', 2, 3)", "bcd"),
    ("substr('abcdef', -3, 2)", "de"),
    ("substr('abcdef', 0, 2)", "ab"),
    ("substr('abcdef', 9)", None),
    ("substr('abcdef', 2, 0)", None),
    ("substr('abcdef', -9, 2)", None),
    ("instr('hello world', 'o')", 5),
    ("instr('hello world', 'o', -1)", 8),
    ("instr('hello world', 'o', 1, 2)", 8),
    ("instr('hello world', 'o', -5)", 5),
    ("instr('abc', 'x')", 0),
    ("lpad('7', 3, '0')", "007"),
    ("lpad('12345', 3)", "123"),
    ("rpad('a', 3, 'xy')", "axy"),
    ("lpad('a', 0)", None),
    ("replace('aXbX', 'X')", "ab"),
    ("replace('abc', null, 'z')", "abc"),
    ("replace('X', 'X')", None),
    ("translate('abc', 'ab', '12')", "12c"),
    ("translate('abc', 'abc', '1')", "1"),
    ("initcap('hello wORLD')", "Hello World"),
    ("upper('stra\u00dfe \u00e9')", "STRA\u00dfE \u00c9"),
    ("trim('  x ')", "x"),
    ("trim(both 'x' from 'xxaxx')", "a"),
    ("trim(leading '0' from '007')", "7"),
    ("ltrim('xyxa', 'xy')", "a"),
    ("rtrim('   ')", None),
    ("ascii('A')", 65),
    ("chr(65)", "A"),
    ("concat('a', null)", "a"),
    ("regexp_substr('abc123def', '[0-9]+')", "123"),
    ("regexp_substr('a,b,,d', '[^,]+', 1, 2)", "b"),
    ("regexp_substr('key=val', '(\\w+)=(\\w+)', 1, 1, null, 2)", "val"),
    ("regexp_replace('a1b22', '[0-9]+', '#')", "a#b#"),
    ("regexp_replace('John Smith', '(\\w+) (\\w+)', '\\2, \\1')", "Smith, John"),
    ("regexp_instr('xxabc', 'abc')", 3),
    ("regexp_count('aXbXc', 'X')", 2),
    ("q'[it's]' || n'n'", "it'sn"),
]


@pytest.mark.parametrize(("expression", "expected"), TEXT)
def test_text(cursor: oracledb.Cursor, expression: str, expected: Any) -> None:
    assert value(cursor, expression) == expected


NUMBERS = [
    ("to_char(0.5)", ".5"),
    ("to_char(-0.25)", "-.25"),
    ("to_char(10)", "10"),
    ("to_char(1/3)", ".3333333333333333333333333333333333333333"),
    ("to_char(100)", "100"),
    ("to_char(1234.5, 'FM9,999.00')", "1,234.50"),
    ("to_char(1234.5, '9,999.00')", " 1,234.50"),
    ("to_char(-5, '999')", "  -5"),
    ("to_char(12345, '999')", "####"),
    ("to_char(0, 'FM990.00')", "0.00"),
    ("to_char(255, 'FMXX')", "FF"),
    ("to_char(7, 'FM000')", "007"),
    ("10 / 4", 2.5),
    ("7 - 2 * 3", 1),
    ("-2 + 3", 1),
    ("mod(-7, 3)", -1),
    ("mod(5, 0)", 5),
    ("remainder(7, 4)", -1),
    ("trunc(-3.7)", -3),
    ("trunc(1234.567, 2)", 1234.56),
    ("trunc(1234, -2)", 1200),
    ("round(2.5)", 3),
    ("round(-2.5)", -3),
    ("round(1250, -2)", 1300),
    ("ceil(1.1)", 2),
    ("floor(-1.1)", -2),
    ("abs(-3)", 3),
    ("sign(-3)", -1),
    ("power(2, 10)", 1024),
    ("sqrt(16)", 4),
    ("'12' + 1", 13),
    ("to_number('1e3')", 1000),
    ("to_number('1,234.5', '9,999.9')", 1234.5),
    ("to_number('FF', 'XX')", 255),
    ("greatest(1, 2, null)", None),
    ("greatest(3, 10)", 10),
    ("greatest('3', '10')", "3"),
    ("least('b', 'a')", "a"),
    ("nullif(1, 1)", None),
    ("coalesce(null, null, 3)", 3),
    ("nvl2(null, 1, 2)", 2),
    ("decode(2, 1, 'a', 2, 'b', 'c')", "b"),
    ("decode(null, null, 'n', 'z')", "n"),
    ("decode(5, 1, 'a')", None),
    ("bitand(6, 3)", 2),
    ("width_bucket(5, 0, 10, 5)", 3),
]


@pytest.mark.parametrize(("expression", "expected"), NUMBERS)
def test_numbers(cursor: oracledb.Cursor, expression: str, expected: Any) -> None:
    found = value(cursor, expression)
    assert found == (pytest.approx(expected) if isinstance(expected, float) else expected)


def test_numbers_are_exact_to_38_digits(localdb: Instance) -> None:
    with localdb.connect() as connection, connection.cursor() as cursor:
        cursor.execute("select 12345678901234567890123456789012345678 + 0.5, 0.1 + 0.2 from dual")
        cursor.outputtypehandler = None
        oracledb.defaults.fetch_decimals = True
        try:
            cursor.execute("select 1234567890123456789012345678901234567.5 + 1, 0.1 + 0.2, 2 / 3 from dual")
            row = cursor.fetchone()
        finally:
            oracledb.defaults.fetch_decimals = False
    assert row == (
        Decimal("1234567890123456789012345678901234568.5"),
        Decimal("0.3"),
        Decimal("0.6666666666666666666666666666666666666667"),
    )


DATES = [
    ("to_char(date '2026-01-31', 'DD-MON-YYYY Day')", "31-JAN-2026 Saturday "),
    ("to_char(date '2026-01-31', 'fmDay, DD Month YYYY')", "Saturday, 31 January 2026"),
    ("to_char(date '2026-01-31')", "31-JAN-26"),
    (
        'to_char(timestamp \'2026-01-31 23:59:58.123456\', \'YYYY-MM-DD"T"HH24:MI:SS.FF3"Z"\')',
        "2026-01-31T23:59:58.123Z",
    ),
    ("to_char(date '2026-01-01', 'Q IW DDD D J')", "1 01 001 5 2461042"),
    ("to_date('2026-02-03 04:05:06', 'YYYY-MM-DD HH24:MI:SS')", datetime(2026, 2, 3, 4, 5, 6)),
    ("to_date('03-FEB-26', 'DD-MON-RR')", datetime(2026, 2, 3)),
    ("to_date('20260203', 'YYYYMMDD')", datetime(2026, 2, 3)),
    ("to_date('03.02.99', 'DD.MM.RR')", datetime(1999, 2, 3)),
    ("to_date('1:30 PM 03/02/2026', 'HH:MI AM DD/MM/YYYY')", datetime(2026, 2, 3, 13, 30)),
    ("to_timestamp('2026-02-03 04:05:06.5', 'YYYY-MM-DD HH24:MI:SS.FF')", datetime(2026, 2, 3, 4, 5, 6, 500000)),
    ("add_months(date '2026-01-31', 1)", datetime(2026, 2, 28)),
    ("add_months(date '2026-02-28', 1)", datetime(2026, 3, 31)),
    ("months_between(date '2026-03-31', date '2026-02-28')", 1),
    ("months_between(date '2026-03-15', date '2026-03-01')", pytest.approx(14 / 31)),
    ("last_day(date '2024-02-01')", datetime(2024, 2, 29)),
    ("next_day(date '2026-01-31', 'MONDAY')", datetime(2026, 2, 2)),
    ("trunc(date '2026-05-17', 'MM')", datetime(2026, 5, 1)),
    ("trunc(date '2026-05-17', 'Q')", datetime(2026, 4, 1)),
    ("trunc(to_date('2026-05-17 13:45', 'YYYY-MM-DD HH24:MI'))", datetime(2026, 5, 17)),
    ("round(to_date('2026-05-17 13:45', 'YYYY-MM-DD HH24:MI'))", datetime(2026, 5, 18)),
    ("round(date '2026-07-01', 'YYYY')", datetime(2027, 1, 1)),
    ("date '2026-01-02' - date '2026-01-01'", 1),
    ("date '2026-01-01' + 1/24", datetime(2026, 1, 1, 1)),
    ("date '2026-01-01' + 1/86400", datetime(2026, 1, 1, 0, 0, 1)),
    ("timestamp '2026-01-01 00:00:00' + interval '90' minute", datetime(2026, 1, 1, 1, 30)),
    ("timestamp '2026-01-02 03:00:00' - timestamp '2026-01-01 00:00:00.5'", timedelta(days=1, hours=2, minutes=59, seconds=59.5)),
    ("numtodsinterval(36, 'HOUR')", timedelta(days=1, hours=12)),
    ("numtodsinterval(-1.5, 'SECOND')", timedelta(seconds=-1.5)),
    ("to_dsinterval('1 02:03:04')", timedelta(days=1, hours=2, minutes=3, seconds=4)),
    ("extract(year from date '2026-05-17')", 2026),
    ("extract(second from timestamp '2026-01-01 00:00:01.25')", 1.25),
    ("extract(day from numtodsinterval(36, 'HOUR'))", 1),
    ("extract(hour from numtodsinterval(36, 'HOUR'))", 12),
    ("interval '2' day * 1.5", timedelta(days=3)),
    ("date '2026-01-31' + interval '1' year", datetime(2027, 1, 31)),
    ("cast(timestamp '2026-01-01 10:00:00.9' as date)", datetime(2026, 1, 1, 10)),
    ("sys_extract_utc(timestamp '2026-01-01 10:00:00 +02:00')", datetime(2026, 1, 1, 8)),
    ("case when date '2026-01-01' < timestamp '2026-01-01 00:00:01' then 'y' end", "y"),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "expected"), DATES)
def test_dates(cursor: oracledb.Cursor, expression: str, expected: Any) -> None:
    assert value(cursor, expression) == expected


JSON = [
    ("""json_value('{"a":{"b":5}}', '$.a.b')""", "5"),
    ("""json_value('{"a":{"b":5}}', '$.a.b' returning number)""", 5),
    ("""json_value('{"a":true}', '$.a')""", "true"),
    ("""json_value('{"a":[1]}', '$.a')""", None),
    ("""json_value('no json', '$.a')""", None),
    ("""json_value('{}', '$.a' default 'd' on empty)""", "d"),
    ("""json_query('{"a": {"b": 5}}', '$.a')""", '{"b":5}'),
    ("""json_query('{"a": [1, 2]}', '$.a[*]' with wrapper)""", "[1,2]"),
    ("""json_query('{"a": 1}', '$.a')""", None),
    ("""json_object('k' value 'v', 'n' value 1.50)""", '{"k":"v","n":1.5}'),
    ("""json_object('k' value null)""", '{"k":null}'),
    ("""json_object('k' value null absent on null)""", "{}"),
    ("""json_object('k' value '{"x":1}' format json)""", '{"k":{"x":1}}'),
    ("json_array(1, 'b', null)", '[1,"b"]'),
    ("""case when '{"a":1}' is json then 'y' else 'n' end""", "y"),
    ("case when 'nope' is not json then 'y' else 'n' end", "y"),
    ("""case when json_exists('{"a":1}', '$.a') then 'y' else 'n' end""", "y"),
]


@pytest.mark.parametrize(("expression", "expected"), JSON)
def test_json(cursor: oracledb.Cursor, expression: str, expected: Any) -> None:
    assert value(cursor, expression) == expected


HASHES = [
    ("standard_hash('abc', 'MD5')", "900150983CD24FB0D6963F7D28E17F72"),
    ("standard_hash('abc')", "A9993E364706816ABA3E25717850C26C9CD0D89D"),
    (
        "standard_hash('abc', 'SHA256')",
        "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD",
    ),
]


@pytest.mark.parametrize(("expression", "expected"), HASHES)
def test_hashes(cursor: oracledb.Cursor, expression: str, expected: str) -> None:
    assert value(cursor, expression) == bytes.fromhex(expected)


def test_binds_take_part_in_arithmetic(cursor: oracledb.Cursor) -> None:
    assert value(cursor, ":1 + :2 * 2", 1, 3) == 7
    assert value(cursor, ":1 - :2", datetime(2026, 1, 2), datetime(2026, 1, 1)) == 1
    assert value(cursor, "nvl(:1, 'none')", "") == "none"


RUNTIME_ERRORS = [
    ("to_number('abc')", 1722),
    ("'abc' + 1", 1722),
    ("1 / 0", 1476),
    ("to_date('2026-13-01', 'YYYY-MM-DD')", 1843),
    ("to_date('2026-02-30', 'YYYY-MM-DD')", 1839),
    ("to_date('2026-02-03 x', 'YYYY-MM-DD')", 1830),
    ("to_date('2026-02', 'YYYY-MM-DD')", 1840),
    ("to_date('x', 'YYYY')", 1841),
    ("to_date('2026', 'ZZ')", 1821),
    ("to_date('2026', 'Q')", 1820),
    ("to_char(date '2026-01-01', 'nonsense')", 1821),
    ("date '2026-02-30'", 1839),
    ("date '2026-1'", 1861),
    ("chartorowid('x')", 1410),
    ("(select level from dual connect by level <= 2)", 1427),
    ("hextoraw('xy')", 1465),
]


@pytest.mark.parametrize(("expression", "number"), RUNTIME_ERRORS)
def test_errors_when_it_runs(cursor: oracledb.Cursor, expression: str, number: int) -> None:
    with pytest.raises(oracledb.DatabaseError) as caught:
        value(cursor, expression)
    assert code(caught) == number


def test_national_text_stays_national_in_views_and_copies(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("create table n (a nvarchar2(5), b nchar(3), c nclob, d varchar2(5))")
    cursor.execute("create view v as select n.*, to_nclob('x') e, to_nchar(1) f from n")
    cursor.execute("create table copied as select * from v")
    for name in ("v", "copied"):
        cursor.execute(f"select * from {name}")
        assert cursor.description is not None
        assert [column.type_code.name[8:] for column in cursor.description] == [
            "NVARCHAR", "NCHAR", "NCLOB", "VARCHAR", "NCLOB", "NVARCHAR",
        ]  # fmt: skip
        cursor.execute(
            f"select data_type from user_tab_columns where table_name = '{name.upper()}' order by column_id"
        )
        assert [kind for (kind,) in cursor] == [
            "NVARCHAR2",
            "NCHAR",
            "NCLOB",
            "VARCHAR2",
            "NCLOB",
            "NVARCHAR2",
        ]
