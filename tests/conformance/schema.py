"""The tables, rows and packages that the driver's suite expects to find, in this project's own words.

Names, types and values follow from what the tests assert; the rows are made here by the same arithmetic. What
belongs to features out of scope (object types, queues, VECTOR, XMLTYPE ...) is not made at all.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import oracledb

TABLES = (
    "TestNumbers (IntCol number(9) not null, LongIntCol number(16) not null, NumberCol number(9, 2) not null,"
    " FloatCol float not null, UnconstrainedCol number not null, NullableCol number(38))",
    "TestStrings (IntCol number(9) not null, StringCol varchar2(20) not null, RawCol raw(30) not null,"
    " FixedCharCol char(40) not null, NullableCol varchar2(50))",
    "TestUnicodes (IntCol number(9) not null, UnicodeCol nvarchar2(20) not null,"
    " FixedUnicodeCol nchar(40) not null, NullableCol nvarchar2(50))",
    "TestDates (IntCol number(9) not null, DateCol date not null, NullableCol date)",
    "TestTimestamps (IntCol number(9) not null, TimestampCol timestamp not null, NullableCol timestamp,"
    " TimestampPrecisionCol timestamp(4))",
    "TestTimestampLTZs (IntCol number(9) not null, TimestampLTZCol timestamp with local time zone not null,"
    " NullableCol timestamp with local time zone, TimestampLTZPrecisionCol timestamp(5) with local time zone)",
    "TestTimestampTZs (IntCol number(9) not null, TimestampTZCol timestamp with time zone not null,"
    " NullableCol timestamp with time zone, TimestampTZPrecisionCol timestamp(7) with time zone)",
    "TestIntervals (IntCol number(9) not null, IntervalCol interval day to second not null,"
    " NullableCol interval day to second, IntervalPrecisionCol interval day(7) to second,"
    " IntervalPrecisionScaleCol interval day(8) to second(9))",
    "TestIntervalYMs (IntCol number(9) not null, IntervalCol interval year to month not null,"
    " NullableCol interval year to month, IntervalPrecisionCol interval year(3) to month)",
    "TestClobs (IntCol number(9) not null, ClobCol clob not null, ExtraNumCol1 number(9), ExtraClobCol1 clob,"
    " ExtraNumCol2 number(9), ExtraClobCol2 clob)",
    "TestNClobs (IntCol number(9) not null, NClobCol nclob not null, ExtraNumCol1 number(9),"
    " ExtraNClobCol1 nclob, ExtraNumCol2 number(9), ExtraNClobCol2 nclob)",
    "TestBlobs (IntCol number(9) not null, BlobCol blob not null, ExtraNumCol1 number(9),"
    " ExtraBlobCol1 blob, ExtraNumCol2 number(9), ExtraBlobCol2 blob)",
    "TestLongs (IntCol number(9) not null, LongCol long)",
    "TestLongRaws (IntCol number(9) not null, LongRawCol long raw)",
    "TestTempTable (IntCol number(9) not null, StringCol1 varchar2(400), StringCol2 varchar2(400),"
    " NumberCol number(25, 2), constraint TestTempTable_pk primary key (IntCol))",
    "TestArrayDML (IntCol number(9) not null, StringCol varchar2(100), IntCol2 number(3),"
    " constraint TestArrayDML_pk primary key (IntCol))",
    "TestUniversalRowids (IntCol number(9) not null, StringCol varchar2(250) not null, DateCol date not null,"
    " constraint TestUniversalRowids_pk primary key (IntCol, StringCol, DateCol)) organization index",
    "TestRowids (IntCol number(9) not null, RowidCol rowid, UrowidCol urowid)",
    "TestJsonCols (IntCol number(9) not null, JsonVarchar varchar2(4000) check (JsonVarchar is json),"
    " JsonClob clob check (JsonClob is json), JsonBlob blob check (JsonBlob is json))",
    "TestDataframe (Id number(9), FirstName varchar2(100), LastName varchar2(100), City varchar2(100),"
    " Country varchar2(100), DateOfBirth date, Salary number(9, 2), CreditScore number(3),"
    " LastUpdated timestamp, IntegerData number(9), LongIntegerData number(20), DecimalData number(15, 4),"
    " UnconstrainedNumberData number, FloatData binary_float, DoubleData binary_double, RawData raw(100),"
    " LongData clob, LongRawData blob)",
    "TestAllTypes (NumberValue number, StringValue varchar2(60), FixedCharValue char(10),"
    " NStringValue nvarchar2(60), NFixedCharValue nchar(10), RawValue raw(16), IntValue integer,"
    " SmallIntValue smallint, RealValue real, DecimalValue decimal(20, 6),"
    " DoublePrecisionValue double precision, FloatValue float, BinaryFloatValue binary_float,"
    " BinaryDoubleValue binary_double, DateValue date, TimestampValue timestamp,"
    " TimestampTZValue timestamp with time zone, TimestampLTZValue timestamp with local time zone,"
    " IntervalDSValue interval day to second, IntervalYMValue interval year to month, ClobValue clob,"
    " NClobValue nclob, BlobValue blob)",
)
TABLES_23AI = (
    "TestBooleans (IntCol number(9) not null, BooleanCol1 boolean not null, BooleanCol2 boolean,"
    " BooleanCol3 boolean)",
    "TestJson (IntCol number(9) not null, JsonCol json not null)",
    "TestCompressedJson (IntCol number(9) not null, JsonCol json not null)",
    "TestOsonCols (IntCol number(9) not null, OsonCol blob check (OsonCol is json format oson))",
)


def _array_package(name: str, element: str, start: str, total: str, change: str, fresh: str) -> Iterator[str]:
    """A package that sums, changes and fills an index-by table of `element`; `total`, `change` and `fresh`
    are expressions over a_array(i) and i. `start` has the parameters ahead of the array."""
    yield f"""
        create or replace package {name} as
           type t_list is table of {element} index by binary_integer;
           function TestInArrays({start}, a_array in t_list) return number;
           procedure TestInOutArrays(a_count in number, a_array in out nocopy t_list);
           procedure TestOutArrays(a_count in number, a_array out nocopy t_list);
        end;"""
    yield f"""
        create or replace package body {name} as
           function TestInArrays({start}, a_array in t_list) return number is
              l_total number := a_start;
           begin
              for i in 1 .. a_array.count loop
                 l_total := l_total + {total};
              end loop;
              return l_total;
           end;

           procedure TestInOutArrays(a_count in number, a_array in out nocopy t_list) is
           begin
              for i in 1 .. a_count loop
                 a_array(i) := {change};
              end loop;
           end;

           procedure TestOutArrays(a_count in number, a_array out nocopy t_list) is
           begin
              for i in 1 .. a_count loop
                 a_array(i) := {fresh};
              end loop;
           end;
        end;"""


def _units() -> Iterator[str]:
    yield """
        create or replace procedure proc_Test(
           a_InValue in varchar2, a_InOutValue in out number, a_OutValue out number
        ) is
        begin
           a_OutValue := length(a_InValue);
           a_InOutValue := a_InOutValue * a_OutValue;
        end;"""
    yield """
        create or replace procedure proc_Test2(
           a_InValue in varchar2, a_InOutValue in out number, a_OutValue out boolean
        ) is
        begin
           a_InOutValue := a_InOutValue * length(a_InValue);
           a_OutValue := true;
        end;"""
    yield "create or replace procedure proc_TestNoArgs is begin null; end;"
    yield """
        create or replace function func_Test(a_String in varchar2, a_ExtraAmount in number) return number is
        begin
           return a_ExtraAmount + length(a_String);
        end;"""
    yield """
        create or replace function func_Test2(
           a_String in varchar2, a_ExtraAmount in number, a_Boolean in boolean
        ) return number is
        begin
           return length(a_String) + case when a_Boolean then a_ExtraAmount else -a_ExtraAmount end;
        end;"""
    yield "create or replace function func_TestNoArgs return number is begin return 712; end;"
    yield """
        create or replace procedure myrefcursorproc(a_cursor out sys_refcursor) is
        begin
           open a_cursor for select * from TestTempTable order by IntCol;
        end;"""
    yield from _array_package(
        "pkg_TestNumberArrays",
        "number",
        "a_start in number",
        "a_array(i)",
        "a_array(i) * 10",
        "i * 100",
    )
    yield from _array_package(
        "pkg_TestStringArrays",
        "varchar2(100)",
        "a_start in number",
        "length(a_array(i))",
        "'Converted element # ' || i || ' originally had length ' || length(a_array(i))",
        "'Test out element # ' || i",
    )
    yield from _array_package(
        "pkg_TestUnicodeArrays",
        "nvarchar2(100)",
        "a_start in number",
        "length(a_array(i))",
        r"unistr('Converted element \3042 # ') || i || ' originally had length ' || length(a_array(i))",
        r"unistr('Test out element \3042 # ') || i",
    )
    yield from _array_package(
        "pkg_TestDateArrays",
        "date",
        "a_start in number, a_base in date",
        "(a_array(i) - a_base)",
        "a_array(i) + 7",
        "to_date('2002-12-12', 'YYYY-MM-DD') + i * 1.2",
    )
    yield """
        create or replace package pkg_TestBooleans as
           function GetStringRep(a_value in boolean) return varchar2;
           function IsLessThan10(a_value in number) return boolean;
           function TestOutValueNull return boolean;
           function EchoValue(a_value in boolean) return boolean;
           procedure EchoValueOut(a_in in boolean, a_out out boolean);
        end;"""
    yield """
        create or replace package body pkg_TestBooleans as
           function GetStringRep(a_value in boolean) return varchar2 is
           begin
              if a_value is null then
                 return 'NULL';
              end if;
              return case when a_value then 'TRUE' else 'FALSE' end;
           end;

           function IsLessThan10(a_value in number) return boolean is
           begin
              return a_value < 10;
           end;

           function TestOutValueNull return boolean is
           begin
              return null;
           end;

           function EchoValue(a_value in boolean) return boolean is
           begin
              return a_value;
           end;

           procedure EchoValueOut(a_in in boolean, a_out out boolean) is
           begin
              a_out := a_in;
           end;
        end;"""
    yield """
        create or replace package pkg_TestRefCursors as
           procedure TestOutCursor(a_most in number, a_cursor out sys_refcursor);
           function TestReturnCursor(a_most in number) return sys_refcursor;
           procedure TestLobCursor(a_value in varchar2, a_cursor out sys_refcursor);
           procedure TestCloseCursor(a_cursor in sys_refcursor);
           function TestInCursor(a_cursor in sys_refcursor) return varchar2;
        end;"""
    yield """
        create or replace package body pkg_TestRefCursors as
           procedure TestOutCursor(a_most in number, a_cursor out sys_refcursor) is
           begin
              open a_cursor for
                 select IntCol, StringCol from TestStrings where IntCol <= a_most order by IntCol;
           end;

           function TestReturnCursor(a_most in number) return sys_refcursor is
              l_cursor sys_refcursor;
           begin
              TestOutCursor(a_most, l_cursor);
              return l_cursor;
           end;

           procedure TestLobCursor(a_value in varchar2, a_cursor out sys_refcursor) is
           begin
              open a_cursor for select to_clob(a_value) as ClobValue from dual;
           end;

           procedure TestCloseCursor(a_cursor in sys_refcursor) is
           begin
              if a_cursor%isopen then
                 close a_cursor;
              end if;
           end;

           function TestInCursor(a_cursor in sys_refcursor) return varchar2 is
              l_value varchar2(400);
           begin
              fetch a_cursor into l_value;
              return l_value || ' (Modified)';
           end;
        end;"""
    yield """
        create or replace package pkg_TestLobs as
           function GetLOB(a_number in number, a_format in varchar2) return clob;
           procedure TestInOut(a_clob in out clob, a_search in varchar2, a_replace in varchar2);
           procedure GetSize(a_lob in clob, a_size out number);
           procedure GetSize(a_lob in blob, a_size out number);
        end;"""
    yield """
        create or replace package body pkg_TestLobs as
           function GetLOB(a_number in number, a_format in varchar2) return clob is
           begin
              return to_clob(replace(a_format, '{}', to_char(a_number)));
           end;

           procedure TestInOut(a_clob in out clob, a_search in varchar2, a_replace in varchar2) is
           begin
              if a_search is not null then
                 a_clob := replace(a_clob, a_search, a_replace);
              end if;
           end;

           procedure GetSize(a_lob in clob, a_size out number) is
           begin
              a_size := dbms_lob.getlength(a_lob);
           end;

           procedure GetSize(a_lob in blob, a_size out number) is
           begin
              a_size := dbms_lob.getlength(a_lob);
           end;
        end;"""


def statements(play: str) -> Iterator[str]:
    """The DDL, in order."""
    for table in TABLES:
        yield f"create table {table}"
    if play != "19c":
        for table in TABLES_23AI:
            yield f"create table {table}"
    yield from _units()


def _fraction(digits: int) -> int:
    """Microseconds of a fraction of a second that begins with these digits: 50 -> .50."""
    return int(str(digits).ljust(6, "0"))


def rows() -> Iterator[tuple[str, list[Any], list[tuple[Any, ...]]]]:
    """Each table's rows, with the bind types where the driver would guess another one."""
    n = range(1, 11)
    odd = [i % 2 == 1 for i in n]
    quarter = Decimal("0.25")
    yield (
        "TestNumbers",
        [],
        [
            (
                i,
                38**i,
                i + i * quarter,
                i + i * 3 * quarter,
                i**3 + i * 2 * quarter,
                143**i if is_odd else None,
            )
            for i, is_odd in zip(n, odd, strict=True)
        ],
    )
    yield (
        "TestStrings",
        [],
        [
            (i, f"String {i}", f"Raw {i}".encode(), f"Fixed Char {i}", f"Nullable {i}" if is_odd else None)
            for i, is_odd in zip(n, odd, strict=True)
        ],
    )
    national = oracledb.DB_TYPE_NVARCHAR
    yield (
        "TestUnicodes",
        [None, national, national, national],
        [
            (i, f"Unicode \u3042 {i}", f"Fixed Unicode {i}", f"Nullable {i}" if is_odd else None)
            for i, is_odd in zip(n, odd, strict=True)
        ],
    )
    yield from _moments(list(zip(n, odd, strict=True)))
    day = dt.timedelta(days=1)
    yield (
        "TestIntervals",
        [],
        [
            (
                i,
                dt.timedelta(days=i, hours=i, minutes=i * 2, seconds=i * 3),
                dt.timedelta(days=i + 5, hours=i + 2, minutes=i * 2 + 5, seconds=i * 3 + 5)
                if is_odd
                else None,
                8 * day + dt.timedelta(hours=5, minutes=15),
                10 * day + dt.timedelta(hours=12, minutes=15, seconds=15),
            )
            for i, is_odd in zip(n, odd, strict=True)
        ],
    )
    yield (
        "TestIntervalYMs",
        [],
        [
            (
                i,
                oracledb.IntervalYM(i - 5, i if i >= 5 else -i),
                oracledb.IntervalYM(i + 5, i + 2) if is_odd else None,
                oracledb.IntervalYM(3, 8),
            )
            for i, is_odd in zip(n, odd, strict=True)
        ],
    )
    yield (
        "TestJsonCols",
        [],
        [(1, "[1, 2, 3]", "[4, 5, 6]", b"[7, 8, 9]"), (2, None, None, None)],
    )


def _moments(numbers: list[tuple[int, bool]]) -> Iterator[tuple[str, list[Any], list[tuple[Any, ...]]]]:
    """Dates and timestamps. Those with a local time zone are in the session's, which the driver takes from its own."""
    start = dt.datetime.fromisoformat("2002-12-09")
    precise = dt.datetime.fromisoformat("2009-12-14")
    yield (
        "TestDates",
        [],
        [
            (
                i,
                start + dt.timedelta(days=i, hours=i * 2, minutes=i * 24),
                start + dt.timedelta(days=i * 2, hours=i * 3, minutes=i * 36) if is_odd else None,
            )
            for i, is_odd in numbers
        ],
    )
    for table, kind, first_day, hours in (
        ("TestTimestamps", oracledb.DB_TYPE_TIMESTAMP, start, lambda i: 0),
        (
            "TestTimestampTZs",
            oracledb.DB_TYPE_TIMESTAMP_TZ,
            dt.datetime.fromisoformat("2022-06-03"),
            lambda i: 0,
        ),
        (
            "TestTimestampLTZs",
            oracledb.DB_TYPE_TIMESTAMP_LTZ,
            dt.datetime.fromisoformat("2022-06-02"),
            _shift,
        ),
    ):
        rows = []
        for i, is_odd in numbers:
            first = dt.timedelta(days=i, hours=hours(i), seconds=i * 2, microseconds=_fraction(i * 50))
            second = dt.timedelta(days=i + 1, seconds=i * 3, microseconds=_fraction(i * 125))
            rows.append((i, first_day + first, first_day + second if is_odd else None, precise))
        yield table, [None, kind, kind, kind], rows


def _shift(i: int) -> float:
    if i % 4 == 0:
        return i
    return i + 0.5 if i % 2 == 0 else -(i + 0.5)


def fill(connection: oracledb.Connection) -> None:
    """Insert all rows and commit."""
    with connection.cursor() as cursor:
        for table, types, found in rows():
            if types:
                cursor.setinputsizes(*types)
            binds = ", ".join(f":{number}" for number in range(1, len(found[0]) + 1))
            cursor.executemany(f"insert into {table} values ({binds})", found)
        # test_data_types_2300 looks for these moments 5:30 earlier by UTC than their clock shows
        columns = ("TimestampTZCol", "NullableCol", "TimestampTZPrecisionCol")
        moved = ", ".join(f"{name} = from_tz(cast({name} as timestamp), '+05:30')" for name in columns)
        cursor.execute(f"update TestTimestampTZs set {moved}")
    connection.commit()
