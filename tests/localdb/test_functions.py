"""SQL functions through the driver: expected values are those of Oracle's SQL Language Reference, and its errors."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from decimal import Decimal
from typing import Any

import oracledb
import pytest

TEXTS = [
    ("substr('ABCDEFG', 3, 4)", "CDEF"),
    ("substr('ABCDEFG', -5, 4)", "CDEF"),
    ("substr('ABCDEFG', 0, 2)", "AB"),
    ("substr('ABCDEFG', 8)", None),
    ("substr('ABCDEFG', 3, 0)", None),
    ("substrb('aéb', 2, 2)", "é"),
    ("substrb('aéb', 3, 2)", " b"),
    ("instr('CORPORATE FLOOR', 'OR', 3, 2)", 14),
    ("instr('CORPORATE FLOOR', 'OR', -3, 2)", 2),
    ("instr('CORPORATE FLOOR', 'X')", 0),
    ("replace('JACK and JUE', 'J', 'BL')", "BLACK and BLUE"),
    ("replace('aaa', 'a')", None),
    ("translate('SQL*Plus User''s Guide', ' */''', '___')", "SQL_Plus_Users_Guide"),
    ("lpad('Page 1', 15, '*.')", "*.*.*.*.*Page 1"),
    ("rpad('Page 1', 3)", "Pag"),
    ("ltrim('<=====>BROWNING<=====>', '<>=')", "BROWNING<=====>"),
    ("rtrim('<=====>BROWNING<=====>', '<>=')", "<=====>BROWNING"),
    ("trim(leading 0 from '0012300')", "12300"),
    ("initcap('the soap')", "The Soap"),
    ("upper('straße é')", "STRAßE É"),
    ("length('CANDIDE')", 7),
    ("lengthb('aé')", 3),
    ("ascii('A')", 65),
    ("chr(67) || chr(65) || chr(84)", "CAT"),
    ("chr(50089)", "é"),
    (r"unistr('abc\00e5\00f1\00f6')", "abcåñö"),
    ("asciistr('ABÄCDE')", r"AB\00C4CDE"),
    ("soundex('SMYTHE')", "S530"),
    ("soundex('Ashcraft')", "A261"),
    ("'a' || null || 'b'", "ab"),
    ("null || ''", None),
    ("nvl('', 'empty')", "empty"),
    ("nvl2(null, 1, 2)", 2),
    ("decode(null, null, 'same', 'other')", "same"),
    ("greatest('HARRY', 'HARRIOT', 'HAROLD')", "HARRY"),
    ("least(3, null, 1)", None),
]

NUMBERS = [
    ("1/3", Decimal("0.3333333333333333333333333333333333333333")),
    ("10/3", Decimal("3.33333333333333333333333333333333333333")),
    ("2/3", Decimal("0.6666666666666666666666666666666666666667")),
    ("10/4", Decimal("2.5")),
    ("round(15.193, 1)", Decimal("15.2")),
    ("round(15.193, -1)", 20),
    ("round(-2.5)", -3),
    ("trunc(15.79, 1)", Decimal("15.7")),
    ("trunc(15.79, -1)", 10),
    ("ceil(268651.8)", 268652),
    ("floor(-15.7)", -16),
    ("mod(11, 4)", 3),
    ("mod(-11, 4)", -3),
    ("mod(11, 0)", 11),
    ("remainder(11, 4)", -1),
    ("power(3, 2)", 9),
    ("power(2, -1)", Decimal("0.5")),
    ("sqrt(26)", Decimal("5.09901951359278483002822410902278198956")),
    ("ln(95)", Decimal("4.55387689160054083460978676511404117676")),
    ("log(10, 100)", 2),
    ("bitand(6, 3)", 2),
    ("sign(-15)", -1),
    ("width_bucket(35, 10, 60, 5)", 3),
    ("to_number('1,234.5', '9,999.9')", Decimal("1234.5")),
    ("to_number(' -12.50 ')", Decimal("-12.5")),
    ("to_number('ff', 'xx')", 255),
    ("to_number('<12>', '99PR')", -12),
    ("dbms_random.value(5, 6) - 5", lambda value: 0 <= value < 1),
]

NUMBER_TEXTS = [
    ("to_char(0.5)", ".5"),
    ("to_char(-0.5)", "-.5"),
    ("to_char(10.50)", "10.5"),
    ("to_char(1/3)", "." + "3" * 40),
    ("to_char(1.5d)", "1.5E+000"),
    ("to_char(0.1d)", "1.0000000000000001E-001"),
    ("to_char(0.1f)", "1.00000001E-001"),
    ("to_char(1234.5, '9,999.99')", " 1,234.50"),
    ("to_char(0, '99.99')", "   .00"),
    ("to_char(-0.2, '90.99')", " -0.20"),
    ("to_char(1, 'B9999')", "    1"),
    ("to_char(123.456, 'FM999.009')", "123.456"),
    ("to_char(123.0, 'FM999.009')", "123.00"),
    ("to_char(1234567890, '9999999999S')", "1234567890+"),
    ("to_char(-1234567890, '9999999999MI')", "1234567890-"),
    ("to_char(-12, '99PR')", "<12>"),
    ("to_char(1234, '$9,999')", " $1,234"),
    ("to_char(12345, '999')", "####"),
    ("to_char(5, 'FM9.9')", "5."),
    ("to_char(5, 'FM00000')", "00005"),
    ("to_char(12, 'FM999,999')", "12"),
    ("to_char(255, 'FMXX')", "FF"),
    ("to_char(14, 'FMRN')", "XIV"),
    ("to_char(1234, '9.99EEEE')", "  1.23E+03"),
]


def at(
    year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0, micro: int = 0
) -> dt.datetime:
    return dt.datetime(year, month, day, hour, minute, second, micro)  # noqa: DTZ001


DATES = [
    ("add_months(date '2020-01-31', 1)", at(2020, 2, 29)),
    ("add_months(date '2020-02-29', 1)", at(2020, 3, 31)),
    ("last_day(date '2020-02-10')", at(2020, 2, 29)),
    ("next_day(date '2009-10-15', 'TUESDAY')", at(2009, 10, 20)),
    (
        "months_between(date '1995-02-02', date '1995-01-01')",
        Decimal("1.03225806451612903225806451612903225806"),
    ),
    ("months_between(date '1995-01-31', date '1995-02-28')", -1),
    ("date '2020-01-01' + 1/3", at(2020, 1, 1, 8)),
    ("date '2020-01-02' - date '2019-12-31'", 2),
    ("trunc(to_date('2020-05-20 13:14:15', 'YYYY-MM-DD HH24:MI:SS'))", at(2020, 5, 20)),
    ("trunc(date '2020-05-20', 'Q')", at(2020, 4, 1)),
    ("trunc(date '2020-05-20', 'IW')", at(2020, 5, 18)),
    ("round(date '2000-10-27', 'YEAR')", at(2001, 1, 1)),
    ("round(date '2020-02-16', 'MM')", at(2020, 3, 1)),
    ("numtodsinterval(150, 'MINUTE')", dt.timedelta(minutes=150)),
    ("numtodsinterval(-1.5, 'hour')", dt.timedelta(hours=-1.5)),
    ("to_dsinterval('100 10:00:00')", dt.timedelta(days=100, hours=10)),
    ("to_dsinterval('999999999 23:59:59.999999')", dt.timedelta(999999999, 86399, 999999)),
    ("to_char(-to_dsinterval('999999999 23:59:59.999999'))", "-999999999 23:59:59.999999000"),
    ("to_dsinterval('P100DT05H')", dt.timedelta(days=100, hours=5)),
    ("numtoyminterval(1.5, 'year')", oracledb.IntervalYM(1, 6)),
    ("to_yminterval('01-02')", oracledb.IntervalYM(1, 2)),
    ("extract(month from date '2020-05-20')", 5),
    ("to_date('2020-05-06', 'YYYY-MM-DD')", at(2020, 5, 6)),
    ("to_date('20200506', 'YYYY-MM-DD')", at(2020, 5, 6)),
    ("to_date('2020/5/6 11', 'YYYY-MM-DD HH24:MI')", at(2020, 5, 6, 11)),
    ("to_date('January 15, 1989, 11:00 A.M.', 'Month dd, YYYY, HH:MI A.M.')", at(1989, 1, 15, 11)),
    ("to_date('15-jan-99')", at(1999, 1, 15)),
    ("to_date('2458976', 'J')", at(2020, 5, 6)),
    (
        "to_timestamp('10-Sep-02 14:10:10.123000', 'DD-Mon-RR HH24:MI:SS.FF')",
        at(2002, 9, 10, 14, 10, 10, 123000),
    ),
    (
        "sys_extract_utc(to_timestamp_tz('1999-12-01 11:00:00 -8:00', 'YYYY-MM-DD HH:MI:SS TZH:TZM'))",
        at(1999, 12, 1, 19),
    ),
    ("sys_extract_utc(from_tz(timestamp '2020-07-01 10:00:00', 'Europe/Berlin'))", at(2020, 7, 1, 8)),
    ("to_char(date '2020-05-06')", "06-MAY-20"),
    (
        """to_char(timestamp '2020-05-06 07:08:09.123456', 'YYYY-MM-DD"T"HH24:MI:SS.FF3"Z"')""",
        "2020-05-06T07:08:09.123Z",
    ),
    ("to_char(date '2020-05-06', 'fmDay, DD Month YYYY')", "Wednesday, 6 May 2020"),
    (
        "to_char(date '2008-04-03', 'fmDDTH') || ' of ' || to_char(date '2008-04-03', 'fmMonth')",
        "3RD of April",
    ),
    ("to_char(date '2020-05-06', 'J Q WW IW W DDD D')", "2458976 2 19 19 1 127 4"),
    ("to_char(date '2020-05-06' + 1/86400, 'SSSSS fmSSSSS')", "00001 1"),
    ("to_char(timestamp '2020-05-06 17:08:09', 'HH:MI a.m.')", "05:08 p.m."),
]

PATTERNS = [
    ("regexp_substr('500 Oracle Parkway, Redwood Shores, CA', ',[^,]+,')", ", Redwood Shores,"),
    ("regexp_substr('1234567890', '(123)(4(56)(78))', 1, 1, 'i', 4)", "78"),
    ("regexp_instr('500 Oracle Parkway, Redwood Shores, CA', '[^ ]+', 1, 6)", 37),
    ("regexp_count('123123123123', '123', 3, 'i')", 3),
    (
        "regexp_replace('500   Oracle     Parkway,    Redwood  Shores, CA', '( ){2,}', ' ')",
        "500 Oracle Parkway, Redwood Shores, CA",
    ),
    (
        r"regexp_replace('515.123.4444', '([[:digit:]]{3})\.([[:digit:]]{3})\.([[:digit:]]{4})', '(\1) \2-\3')",
        "(515) 123-4444",
    ),
    ("regexp_replace('abc', 'b', '[&]')", "a[&]c"),
    (r"regexp_replace('a\c', '[\]', '/')", "a/c"),
    ("regexp_replace('abc', 'b')", "ac"),
    ("case when regexp_like('Steven', '^Ste(v|ph)en$') then 1 else 0 end", 1),
    ("case when regexp_like('a' || chr(10) || 'b', 'a.b') then 1 else 0 end", 0),
    ("case when regexp_like('a' || chr(10) || 'b', 'a.b', 'n') then 1 else 0 end", 1),
]

JSON = [
    ("""json_value('{"a":{"b":"x"}}', '$.a.b')""", "x"),
    ("""json_value('{"a":1}', '$.z')""", None),
    ("""json_value('no json', '$.a')""", None),
    ("""json_value('{"a":1.5}', '$.a' returning number)""", Decimal("1.5")),
    ("""json_query('{"a":[1, 2]}', '$.a')""", "[1,2]"),
    ("""json_query('{"a":1}', '$.a')""", None),
    ("""json_query('{"a":1}', '$.a' with wrapper)""", "[1]"),
    ("""json_object('a' value 1, 'b' value 'x"y', 'c' value null)""", r'{"a":1,"b":"x\"y","c":null}'),
    ("""json_object('a' value 0.5, 'b' value null absent on null)""", '{"a":0.5}'),
    ("""json_array(1, 'x', null)""", '[1,"x"]'),
    ("""json_mergepatch('{"a":1,"b":2}', '{"a":null}')""", '{"b":2}'),
    ("""case when '{"a":1}' is json then 1 else 0 end""", 1),
    ("""case when '{a' is json then 1 else 0 end""", 0),
]

BYTES = [
    ("rawtohex(hextoraw('ab01'))", "AB01"),
    ("hextoraw('ABC')", b"\x0a\xbc"),
    ("vsize(to_binary_double(-1.5))", 8),
    (
        "rawtohex(standard_hash(to_binary_double(1.5), 'MD5'))",
        hashlib.md5(b"\xbf\xf8" + bytes(6)).hexdigest().upper(),
    ),
    (
        "rawtohex(standard_hash(to_binary_float(-1.5), 'MD5'))",
        hashlib.md5(b"\x40\x3f\xff\xff").hexdigest().upper(),
    ),
    ("rawtohex(standard_hash('abc'))", "A9993E364706816ABA3E25717850C26C9CD0D89D"),
    ("rawtohex(standard_hash('abc', 'MD5'))", "900150983CD24FB0D6963F7D28E17F72"),
    (
        "rawtohex(standard_hash('abc', 'SHA256'))",
        "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD",
    ),
    ("length(sys_guid())", 32),
    ("vsize(1234.5)", 4),
    ("ora_hash(null)", 0),
    ("ora_hash('abc', 9)", lambda value: 0 <= value <= 9),
    ("sys_context('USERENV', 'SESSION_USER')", "SYSTEM"),
    ("userenv('LANG')", "US"),
]

ERRORS = [
    ("1/0", 1476),
    ("to_number('abc')", 1722),
    ("to_number('12', '9')", 1722),
    ("to_char(1, 'zz')", 1481),
    ("power(-2, 0.5)", 1428),
    ("power(10, 130)", 1426),
    ("ln(0)", 1428),
    ("to_date('2020-13-01', 'YYYY-MM-DD')", 1843),
    ("to_date('2020-02-30', 'YYYY-MM-DD')", 1839),
    ("to_date('2020-02-32', 'YYYY-MM-DD')", 1847),
    ("to_date('2012-08-15')", 1861),
    ("to_date('2020-01-01 10:00', 'YYYY-MM-DD')", 1830),
    ("to_date('2020-01', 'YYYY-MM-DD')", 1840),
    ("to_date('xx-01-2020', 'DD-MM-YYYY')", 1858),
    ("to_date('2020-01-01 24:00', 'YYYY-MM-DD HH24:MI')", 1850),
    ("to_date('2020-01-01 12:60', 'YYYY-MM-DD HH24:MI')", 1851),
    ("to_date('2020-01-01', 'YYYY-MM-DD YYYY')", 1810),
    ("to_char(sysdate, 'YYYY-ZZ')", 1821),
    ("to_char(sysdate, 'FF')", 1821),
    ("trunc(sysdate, 'XX')", 1898),
    ("next_day(sysdate, 'XX')", 1846),
    ("numtodsinterval(1, 'x')", 1760),
    ("to_dsinterval('x')", 1867),
    ("to_dsinterval('1 00:00:00.0000001')", 3001),
    ("numtodsinterval(1000000000, 'DAY')", 1873),
    ("date '2020-01-31' + interval '1' month", 1839),
    ("trim('ab' from 'abc')", 30001),
    ("hextoraw('XY')", 1465),
    ("chartorowid('x')", 1410),
    ("regexp_substr('abc', 'b', 1, 1, 'q')", 1760),
    ("json_value('{x', '$.a' error on error)", 40441),
    ("sys_context('USERENV', 'BOGUS')", 2003),
]


def value_of(connection: oracledb.Connection, expression: str) -> Any:
    cursor = connection.cursor()
    cursor.execute(f"select {expression} from dual")
    row = cursor.fetchone()
    assert row is not None
    return row[0]


@pytest.fixture(autouse=True)
def exact_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oracledb.defaults, "fetch_decimals", True)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [*TEXTS, *NUMBERS, *NUMBER_TEXTS, *DATES, *PATTERNS, *JSON, *BYTES],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_value(dba: oracledb.Connection, expression: str, expected: Any) -> None:
    found = value_of(dba, expression)
    if callable(expected):
        assert expected(found), found
    else:
        assert found == expected


@pytest.mark.parametrize(("expression", "code"), ERRORS)
def test_error(dba: oracledb.Connection, expression: str, code: int) -> None:
    with pytest.raises(oracledb.DatabaseError) as caught:
        value_of(dba, expression)
    assert caught.value.args[0].code == code


def test_an_error_in_a_branch_that_is_not_taken_does_not_happen(dba: oracledb.Connection) -> None:
    cursor = dba.cursor()
    cursor.execute(
        "select case when n = 1 then to_number('x') when n = 2 then 1/(n - 2) else n end"
        " from (select 3 n from dual)"
    )
    assert cursor.fetchone() == (3,)


def test_the_session_decides_how_dates_and_numbers_look(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("alter session set nls_date_format = 'YYYY-MM-DD HH24:MI:SS'")
    cursor.execute("alter session set nls_timestamp_format = 'YYYY-MM-DD\"T\"HH24:MI:SS.FF3'")
    cursor.execute("alter session set nls_numeric_characters = ',.'")
    assert value_of(connection, "to_char(date '2020-05-06')") == "2020-05-06 00:00:00"
    assert value_of(connection, "to_date('2020-05-06 07:08:09')") == at(2020, 5, 6, 7, 8, 9)
    assert value_of(connection, "to_char(timestamp '2020-05-06 07:08:09.1234')") == "2020-05-06T07:08:09.123"
    assert value_of(connection, "to_char(1.5)") == "1,5"
    assert value_of(connection, "to_number('1,5')") == Decimal("1.5")
    assert value_of(connection, "to_char(1234.5, 'FM9G999D0')") == "1.234,5"


def test_the_session_decides_the_time_zone(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("alter session set time_zone = '+02:00'")
    assert value_of(connection, "sessiontimezone") == "+02:00"
    cursor.execute("select localtimestamp - sys_extract_utc(systimestamp) from dual")
    row = cursor.fetchone()
    assert row is not None
    assert row[0] == dt.timedelta(hours=2)
    assert value_of(
        connection, "sys_extract_utc(cast(timestamp '2020-01-01 10:00:00' as timestamp with time zone))"
    ) == at(2020, 1, 1, 8)


def test_a_rowid_finds_its_row(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("create table items (n number)")
    cursor.executemany("insert into items values (:1)", [(n,) for n in range(10)])
    cursor.execute("select rowid, n from items order by n")
    rows = cursor.fetchall()
    assert all(re.fullmatch(r"[A-Za-z0-9+/]{18}", rowid) for rowid, _ in rows)
    for rowid, n in rows:
        cursor.execute("select n from items where rowid = :1", [rowid])
        assert cursor.fetchall() == [(n,)]
