"""TIMESTAMP WITH TIME ZONE keeps its zone, through the driver.

Expected values are of Oracle's SQL Language Reference (Datetime Expressions, EXTRACT, TO_TIMESTAMP_TZ, FROM_TZ) and of the
rules of the regions; none was compared with a running Oracle.
"""
# ruff: noqa: DTZ001 - the driver's datetimes are naive

from __future__ import annotations

import datetime as dt
import itertools

import oracledb
import pytest

from tests.localdb.conftest import code

FORMAT = "YYYY-MM-DD HH24:MI:SS TZR"
BERLIN = "timestamp '2026-07-01 12:00:00 Europe/Berlin'"
INDIA = "timestamp '2026-07-01 12:00:00 +05:30'"
WEST = "timestamp '2026-07-01 12:00:00 -3:30'"

SHOWN = [
    (INDIA, "2026-07-01 12:00:00 +05:30"),
    (WEST, "2026-07-01 12:00:00 -03:30"),
    (BERLIN, "2026-07-01 12:00:00 EUROPE/BERLIN"),
    ("timestamp '2026-07-01 12:00:00 UTC'", "2026-07-01 12:00:00 UTC"),
    ("timestamp '1999-10-31 01:30:00 US/Pacific PDT' at time zone '+00:00'", "1999-10-31 08:30:00 +00:00"),
    ("timestamp '1999-10-31 01:30:00 US/Pacific PST' at time zone '+00:00'", "1999-10-31 09:30:00 +00:00"),
    ("timestamp '1999-10-31 01:30:00 US/Pacific' at time zone '+00:00'", "1999-10-31 09:30:00 +00:00"),
    ("to_timestamp_tz('1999-12-01 11:00:00 -8:00', 'YYYY-MM-DD HH:MI:SS TZH:TZM')", "1999-12-01 11:00:00 -08:00"),
    ("to_timestamp_tz('2026-07-01 12:00 Asia/Kolkata', 'YYYY-MM-DD HH24:MI TZR')", "2026-07-01 12:00:00 ASIA/KOLKATA"),
    ("to_timestamp_tz('1999-10-31 01:30 US/Pacific PDT', 'YYYY-MM-DD HH24:MI TZR TZD') at time zone 'UTC'",
     "1999-10-31 08:30:00 UTC"),
    ("to_timestamp_tz('2026-07-01 12:00', 'YYYY-MM-DD HH24:MI')", "2026-07-01 12:00:00 +02:00"),
    ("from_tz(timestamp '2000-03-28 08:00:00', '3:00')", "2000-03-28 08:00:00 +03:00"),
    ("from_tz(cast(to_date('1999-12-01 11:00:00', 'YYYY-MM-DD HH:MI:SS') as timestamp), 'America/New_York')"
     " at time zone 'America/Los_Angeles'", "1999-12-01 08:00:00 AMERICA/LOS_ANGELES"),
    (f"{INDIA} at time zone '+00:00'", "2026-07-01 06:30:00 +00:00"),
    (f"{INDIA} at time zone dbtimezone", "2026-07-01 06:30:00 +00:00"),
    (f"{INDIA} at time zone sessiontimezone", "2026-07-01 08:30:00 +02:00"),
    (f"{INDIA} at local", "2026-07-01 08:30:00 +02:00"),
    ("timestamp '2026-07-01 12:00:00' at time zone '+00:00'", "2026-07-01 10:00:00 +00:00"),
    ("cast(timestamp '2026-07-01 12:00:00' as timestamp with time zone)", "2026-07-01 12:00:00 +02:00"),
    ("cast(date '2026-07-01' as timestamp with time zone)", "2026-07-01 00:00:00 +02:00"),
    (f"cast(cast({INDIA} as timestamp with local time zone) as timestamp with time zone)", "2026-07-01 08:30:00 +02:00"),
    (f"cast(to_char({INDIA}) as timestamp with time zone)", "2026-07-01 12:00:00 +05:30"),
    # arithmetic keeps the zone; of a region the clock follows its rules, months count on it
    (f"{INDIA} + interval '1' day", "2026-07-02 12:00:00 +05:30"),
    (f"{INDIA} - interval '18:30' hour to minute", "2026-06-30 17:30:00 +05:30"),
    ("timestamp '2026-03-28 12:00:00 Europe/Berlin' + interval '1' day", "2026-03-29 13:00:00 EUROPE/BERLIN"),
    ("timestamp '2026-03-15 12:00:00 Europe/Berlin' + interval '1' month", "2026-04-15 12:00:00 EUROPE/BERLIN"),
    (f"interval '1' hour + {BERLIN}", "2026-07-01 13:00:00 EUROPE/BERLIN"),
    # what several values share
    (f"nvl(cast(null as timestamp with time zone), {INDIA})", "2026-07-01 12:00:00 +05:30"),
    (f"greatest({INDIA}, {BERLIN})", "2026-07-01 12:00:00 EUROPE/BERLIN"),
    (f"least({INDIA}, {BERLIN})", "2026-07-01 12:00:00 +05:30"),
    (f"case when 1 = 1 then {WEST} else timestamp '2026-01-01 00:00:00' end", "2026-07-01 12:00:00 -03:30"),
    (f"case when 1 = 0 then {WEST} else timestamp '2026-01-01 00:00:00' end", "2026-01-01 00:00:00 +02:00"),
    (f"coalesce({BERLIN}, systimestamp)", "2026-07-01 12:00:00 EUROPE/BERLIN"),
    (f"decode(1, 1, {INDIA}, 2, {WEST})", "2026-07-01 12:00:00 +05:30"),
]  # fmt: skip

VALUES: list[tuple[str, object]] = [
    (INDIA, dt.datetime(2026, 7, 1, 12)),
    (WEST, dt.datetime(2026, 7, 1, 12)),
    ("timestamp '0001-01-02 00:00:00.000001 +15:59'", dt.datetime(1, 1, 2, 0, 0, 0, 1)),
    ("timestamp '9999-12-30 23:59:59.999999 -15:59'", dt.datetime(9999, 12, 30, 23, 59, 59, 999999)),
    ("cast(timestamp '2026-07-01 12:00:00.123456 +05:30' as timestamp(3) with time zone)",
     dt.datetime(2026, 7, 1, 12, 0, 0, 123000)),
    (f"cast({INDIA} as timestamp)", dt.datetime(2026, 7, 1, 12)),
    (f"cast({BERLIN} as date)", dt.datetime(2026, 7, 1, 12)),
    (f"cast({INDIA} as timestamp with local time zone)", dt.datetime(2026, 7, 1, 8, 30)),
    (f"trunc({INDIA})", dt.datetime(2026, 7, 1)),
    (f"round({BERLIN})", dt.datetime(2026, 7, 2)),
    (f"{INDIA} + 1", dt.datetime(2026, 7, 2, 12)),
    (f"last_day({INDIA})", dt.datetime(2026, 7, 31, 12)),
    (f"sys_extract_utc({BERLIN})", dt.datetime(2026, 7, 1, 10)),
    (f"{WEST} - {INDIA}", dt.timedelta(hours=9)),
    (f"{INDIA} - timestamp '2026-07-01 08:30:00'", dt.timedelta()),
    # the fields of UTC's clock, whatever the zone
    (f"extract(hour from {INDIA})", 6),
    (f"extract(minute from {INDIA})", 30),
    ("extract(day from timestamp '2026-07-01 01:00:00 +05:30')", 30),
    (f"extract(timezone_hour from {INDIA})", 5),
    (f"extract(timezone_minute from {WEST})", -30),
    (f"extract(timezone_hour from {WEST})", -3),
    (f"extract(timezone_hour from {BERLIN})", 2),
    (f"extract(timezone_region from {BERLIN})", "Europe/Berlin"),
    (f"extract(timezone_abbr from {BERLIN})", "CEST"),
    (f"extract(timezone_region from {INDIA})", "UNKNOWN"),
    (f"extract(timezone_abbr from {INDIA})", "UNK"),
    (f"to_char({BERLIN}, 'TZH:TZM TZR TZD')", "+02:00 EUROPE/BERLIN CEST"),
    ("to_char(timestamp '2026-01-01 12:00:00 Europe/Berlin', 'TZH:TZM TZD')", "+01:00 CET"),
    (f"to_char({WEST}, 'HH24:MI TZH TZM')", "12:00 -03 30"),
    (f"to_char({INDIA})", "01-JUL-26 12.00.00.000000 PM +05:30"),
    (f"{INDIA} || ''", "01-JUL-26 12.00.00.000000 PM +05:30"),
    ("to_char(systimestamp, 'TZR')", "+00:00"),
    ("to_char(current_timestamp, 'TZR')", "+02:00"),
    (f"case when {INDIA} = timestamp '2026-07-01 06:30:00 +00:00' then 1 end", 1),
    (f"case when {INDIA} = timestamp '2026-07-01 08:30:00' then 1 end", 1),
    (f"case when {INDIA} < {BERLIN} and {BERLIN} < {WEST} then 1 end", 1),
    (f"case when {INDIA} between {INDIA} and {BERLIN} then 1 end", 1),
    (f"case when {BERLIN} in ({INDIA}, timestamp '2026-07-01 10:00:00 +00:00') then 1 end", 1),
    (f"case when {BERLIN} = cast({BERLIN} as timestamp with local time zone) then 1 end", 1),
    (f"json_object('a' value {INDIA})", '{"a":"2026-07-01T06:30:00.000000Z"}'),
    ("tz_offset('Asia/Kolkata')", "+05:30"),
]  # fmt: skip

REFUSED = [
    ("timestamp '2026-07-01 12:00:00 +16:00'", 1874),
    ("timestamp '2026-07-01 12:00:00 +05:60'", 1875),
    ("timestamp '2026-07-01 12:00:00 Europe/Atlantis'", 1882),
    ("from_tz(timestamp '2026-07-01 12:00:00', 'nowhere')", 1882),
    ("timestamp '2026-03-29 02:30:00 Europe/Berlin'", 1878),
    ("timestamp '2026-01-31 12:00:00 +01:00' + interval '1' month", 1839),
    ("timestamp '2026-07-01 12:00:00 US/Pacific PST' at time zone 'UTC'", 1857),
    ("cast(systimestamp as timestamp(10) with time zone)", 30088),
    ("date '2026-07-01' at time zone 'UTC'", 30084),
    ("extract(timezone_hour from timestamp '2026-07-01 12:00:00')", 30076),
    ("json_value('{\"a\": \"x\"}', '$.a' returning timestamp with time zone)", 3001),
]


@pytest.fixture
def cursor(connection: oracledb.Connection) -> oracledb.Cursor:
    cursor = connection.cursor()
    cursor.execute("alter session set time_zone = '+02:00'")
    return cursor


@pytest.mark.parametrize(("expression", "expected"), SHOWN)
def test_its_own_clock_and_zone_are_shown(cursor: oracledb.Cursor, expression: str, expected: str) -> None:
    assert cursor.execute(f"select to_char({expression}, '{FORMAT}') from dual").fetchone() == (expected,)


@pytest.mark.parametrize(("expression", "expected"), VALUES)
def test_values(cursor: oracledb.Cursor, expression: str, expected: object) -> None:
    assert cursor.execute(f"select {expression} from dual").fetchone() == (expected,)


@pytest.mark.parametrize(("expression", "number"), REFUSED)
def test_refusals(cursor: oracledb.Cursor, expression: str, number: int) -> None:
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute(f"select {expression} from dual").fetchall()
    assert code(caught) == number


def test_a_local_time_has_the_regions_rules_of_its_day(cursor: oracledb.Cursor) -> None:
    cursor.execute("alter session set time_zone = 'Europe/Berlin'")
    winter, summer = (
        f"cast(timestamp '2026-{month}-15 12:00:00 +00:00' as timestamp with local time zone)"
        for month in ("01", "07")
    )
    cursor.execute(f"select {winter}, {summer} from dual")
    assert cursor.fetchone() == (dt.datetime(2026, 1, 15, 13), dt.datetime(2026, 7, 15, 14))


def test_a_region_is_more_than_the_driver_can_show(cursor: oracledb.Cursor) -> None:
    with pytest.raises(oracledb.NotSupportedError, match="DPY-3022"):
        cursor.execute(f"select {BERLIN} from dual").fetchall()


@pytest.fixture
def table(cursor: oracledb.Cursor) -> oracledb.Cursor:
    """Four moments, two of them equal in other zones, and a NULL."""
    cursor.execute("create table moments (id number, at timestamp with time zone)")
    for number, value in enumerate([INDIA, "timestamp '2026-07-01 06:30:00 +00:00'", WEST, BERLIN, "null"]):
        cursor.execute(f"insert into moments values ({number}, {value})")
    return cursor


QUERIES: list[tuple[str, list[object]]] = [
    (f"select to_char(at, '{FORMAT}') from moments order by id", [
        "2026-07-01 12:00:00 +05:30", "2026-07-01 06:30:00 +00:00", "2026-07-01 12:00:00 -03:30",
        "2026-07-01 12:00:00 EUROPE/BERLIN", None]),
    ("select id from moments order by at, id", [0, 1, 3, 2, 4]),
    ("select id from moments order by at desc nulls last, id desc", [2, 3, 1, 0, 4]),
    ("select count(*) from moments group by at order by at", [2, 1, 1, 1]),
    ("select count(distinct at) from moments", [3]),
    ("select count(*) from moments a join moments b on a.at = b.at", [6]),
    (f"select to_char(max(at), '{FORMAT}') from moments", ["2026-07-01 12:00:00 -03:30"]),
    ("select sys_extract_utc(min(at)) from moments", [dt.datetime(2026, 7, 1, 6, 30)]),
    ("select count(*) from (select at from moments union select at from moments)", [4]),
    ("select count(*) from (select at from moments minus select at from moments where id = 0)", [3]),
    ("select rank() over (order by at) from moments order by id", [1, 1, 4, 3, 5]),
    ("select listagg(to_char(at, 'TZR'), ',') within group (order by id) from moments where id < 3", [
        "+05:30,+00:00,-03:30"]),
    ("select to_char(at, 'TZR') from (select at from moments where id = 0 union all select timestamp '2026-07-01 00:00:00'"
     " from dual) order by 1", ["+02:00", "+05:30"]),
    ("select id from moments where at = timestamp '2026-07-01 08:30:00' order by id", [0, 1]),
    ("select id from moments where at > date '2026-07-01' + 1/2 order by id", [2]),
]  # fmt: skip


@pytest.mark.parametrize(("query", "expected"), QUERIES)
def test_moments_are_compared_whatever_the_zone(
    table: oracledb.Cursor, query: str, expected: list[object]
) -> None:
    assert [row[0] for row in table.execute(query)] == expected


def test_zones_in_writes(table: oracledb.Cursor) -> None:
    one = "select to_char(at, 'HH24:MI TZR') from moments where id = :1"
    table.execute("update moments set at = at + interval '1' hour where id in (0, 3)")
    assert [table.execute(one, [n]).fetchone() for n in (0, 3)] == [
        ("13:00 +05:30",),
        ("13:00 EUROPE/BERLIN",),
    ]
    table.execute(
        "merge into moments m using (select 1 id, timestamp '2026-01-01 00:00:00 +09:00' at from dual) s on (m.id = s.id)"
        " when matched then update set m.at = s.at"
    )
    assert table.execute(one, [1]).fetchone() == ("00:00 +09:00",)
    given = table.var(oracledb.DB_TYPE_TIMESTAMP_TZ)
    table.execute(
        "update moments set at = at at time zone '-05:00' where id = 1 returning at into :1", [given]
    )
    assert given.getvalue() == [dt.datetime(2025, 12, 31, 10)]
    table.execute("insert into moments select id + 10, at from moments where id = 2")
    assert table.execute(one, [12]).fetchone() == ("12:00 -03:30",)
    table.execute("create table other as select id, at from moments")
    assert table.execute("select to_char(at, 'TZR') from other where id = 12").fetchone() == ("-03:30",)
    table.execute(
        "select data_type, data_length, data_scale from user_tab_columns where table_name = 'OTHER' and column_name = 'AT'"
    )
    assert table.fetchone() == ("TIMESTAMP(6) WITH TIME ZONE", 13, 6)


def test_columns_of_other_types_take_the_clock_that_is_shown(table: oracledb.Cursor) -> None:
    table.execute(
        "create table plain (d date, t timestamp, l timestamp with local time zone, s varchar2(60), z timestamp(0) with time zone)"
    )
    table.execute(f"insert into plain values ({INDIA}, {INDIA}, {INDIA}, {INDIA}, date '2026-07-01')")
    assert table.execute("select d, t, l, s, to_char(z, 'HH24:MI TZR') from plain").fetchone() == (
        dt.datetime(2026, 7, 1, 12), dt.datetime(2026, 7, 1, 12), dt.datetime(2026, 7, 1, 8, 30),
        "01-JUL-26 12.00.00.000000 PM +05:30", "00:00 +02:00",
    )  # fmt: skip


def test_keys_and_indexes(table: oracledb.Cursor) -> None:
    for text in (
        "create table k (at timestamp with time zone primary key)",
        "create table k (at timestamp with time zone unique)",
        "alter table moments add constraint moments_uk unique (at)",
    ):
        with pytest.raises(oracledb.DatabaseError) as caught:
            table.execute(text)
        assert code(caught) == 2329
    table.execute(
        "create table k (at timestamp with time zone, c timestamp with time zone default systimestamp)"
    )
    table.execute("create unique index k_idx on k (at)")
    table.execute(f"insert into k (at) values ({INDIA})")
    with pytest.raises(oracledb.IntegrityError) as caught_too:
        table.execute("insert into k (at) values (timestamp '2026-07-01 06:30:00 +00:00')")
    assert code(caught_too) == 1
    assert table.execute("select to_char(c, 'TZR') from k").fetchone() == ("+00:00",)


def test_binds_loads_and_frames(table: oracledb.Cursor, schema: str) -> None:
    moment = dt.datetime(2026, 7, 1, 12, 0, 0, 250000)
    table.setinputsizes(None, oracledb.DB_TYPE_TIMESTAMP_TZ)
    table.executemany("insert into moments values (:1, :2)", [(20 + n, moment) for n in range(3)])
    table.execute("select at, to_char(at, 'TZR') from moments where id = 21")
    assert table.fetchone() == (moment, "+00:00")
    table.connection.commit()
    table.connection.direct_path_load(schema.upper(), "MOMENTS", ["ID", "AT"], [(30, moment), (31, None)])
    table.execute("select at, to_char(at, 'TZR') from moments where id = 30")
    assert table.fetchone() == (moment, "+00:00")
    table.execute(
        "insert into moments select 1000 + level, timestamp '2026-07-01 12:00:00 +05:30' from dual connect by level <= 600"
    )
    table.execute("select at from moments where id > 1000")
    table.arraysize = 1000
    assert set(table.fetchall()) == {(dt.datetime(2026, 7, 1, 12),)}
    frame = table.connection.fetch_df_all("select at from moments where id in (0, 2) order by id")
    assert frame.num_rows() == 2


def test_mixed_zones_in_a_large_result(table: oracledb.Cursor) -> None:
    table.arraysize = table.prefetchrows = 1000
    table.execute(
        "select from_tz(timestamp '2026-07-01 12:00:00', case mod(level, 3) when 0 then '+05:30' when 1 then '-03:30' else '+00:00'"
        " end) from dual connect by level <= 900"
    )
    assert set(table.fetchall()) == {(dt.datetime(2026, 7, 1, 12),)}


PLSQL = """
declare
   type t_moments is table of timestamp with time zone;
   type t_row is record (at moments.at%type);
   l_row t_row;
   l_all t_moments;
   l_value timestamp with time zone := timestamp '2026-07-01 12:00:00 +05:30';
   l_plain timestamp;
   l_day date;
   l_local timestamp with local time zone;
   l_text varchar2(200);
begin
   select at into l_row.at from moments where id = 3;
   select at bulk collect into l_all from moments where id in (0, 2) order by id;
   l_plain := l_value;
   l_day := l_row.at;
   l_local := l_value;
   l_text := to_char(l_value + interval '1' hour, 'HH24:MI TZR') || ' ' || to_char(l_row.at, 'HH24:MI TZR') || ' '
      || to_char(l_all(2), 'HH24:MI TZR') || ' ' || to_char(l_plain, 'HH24:MI') || ' ' || to_char(l_day, 'HH24:MI') || ' '
      || to_char(l_local, 'HH24:MI') || ' ' || extract(hour from l_value) || ' ' || extract(timezone_hour from l_row.at);
   if l_all(1) = timestamp '2026-07-01 06:30:00 +00:00' and l_value = timestamp '2026-07-01 08:30:00' then
      l_text := l_text || ' equal';
   end if;
   l_plain := timestamp '2026-07-01 12:00:00';
   l_value := l_plain;
   l_text := l_text || ' ' || to_char(l_value, 'HH24:MI TZR') || ' ' || to_char(l_value + 1, 'DD HH24:MI');
   insert into moments values (40, l_all(2));
   :text := l_text;
   :value := l_all(1);
end;"""


def test_in_plsql(table: oracledb.Cursor) -> None:
    text, value = table.var(str, 200), table.var(oracledb.DB_TYPE_TIMESTAMP_TZ)
    table.execute(PLSQL, text=text, value=value)
    assert text.getvalue() == (
        "13:00 +05:30 12:00 EUROPE/BERLIN 12:00 -03:30 12:00 12:00 08:30 6 2 equal 12:00 +02:00 02 12:00"
    )
    assert value.getvalue() == dt.datetime(2026, 7, 1, 12)
    assert table.execute("select to_char(at, 'TZR') from moments where id = 40").fetchone() == ("-03:30",)


def test_in_functions_of_sql_and_triggers(table: oracledb.Cursor) -> None:
    table.execute(
        "create function later (in_at in timestamp with time zone) return timestamp with time zone is"
        " begin return in_at + interval '1' hour; end;"
    )
    assert table.execute(
        "select to_char(later(at), 'HH24:MI TZR') from moments where id in (0, 3) order by id"
    ).fetchall() == [
        ("13:00 +05:30",),
        ("13:00 EUROPE/BERLIN",),
    ]
    table.execute(
        "create trigger moments_trg before insert on moments for each row begin"
        " :new.at := :new.at at time zone '-05:00'; end;"
    )
    table.execute(f"insert into moments values (50, {INDIA})")
    assert table.execute("select to_char(at, 'HH24:MI TZR') from moments where id = 50").fetchone() == (
        "01:30 -05:00",
    )


def test_every_offset_comes_back(cursor: oracledb.Cursor) -> None:
    """The value of each offset: its own clock through the driver, and its text."""
    minutes = [*range(-959, 960, 37), -959, 959, -1, 1]
    moments = ["1900-01-01 00:00:00", "2026-03-29 02:30:00.5", "2399-12-31 23:59:59.999999"]
    for offset, moment in itertools.product(minutes, moments):
        zone = f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02}:{abs(offset) % 60:02}"
        cursor.execute(
            "select from_tz(to_timestamp(:1, 'YYYY-MM-DD HH24:MI:SS.FF'), :2) from dual", [moment, zone]
        )
        assert cursor.fetchone() == (dt.datetime.fromisoformat(moment),), zone


@pytest.fixture
def stored(table: oracledb.Cursor) -> oracledb.Cursor:
    """Three rows of one moment in three zones, one later, one without; what is computed of them is stored."""
    table.execute(
        "create table z (id number, at timestamp with time zone, utc timestamp as (sys_extract_utc(at)),"
        " hour number as (extract(hour from at)), later timestamp with time zone as (at + interval '1' day),"
        " month varchar2(30) as (to_char(at, 'YYYY-MM TZR')),"
        " check (at > timestamp '2020-01-01 00:00:00 +00:00'), check (extract(timezone_hour from at) < 10))"
    )
    for number, index in enumerate(
        ("at", "sys_extract_utc(at)", "cast(at as date)", "to_char(at, 'YYYYMM')", "trunc(at)")
    ):
        table.execute(f"create index z_{number} on z ({index})")
    table.execute("create unique index z_u on z (at, id)")
    for row, value in enumerate((INDIA, "timestamp '2026-07-01 06:30:00 +00:00'", "timestamp '2026-07-01 08:30:00 Europe/Berlin'",
                                 "timestamp '2026-12-01 08:30:00 -08:00'", "null"), 1):  # fmt: skip
        table.execute(f"insert into z (id, at) values ({row}, {value})")
    return table


COMPUTED = [
    ("select utc, hour, to_char(later, 'DD HH24 TZR'), month from z where id = 1",
     [(dt.datetime(2026, 7, 1, 6, 30), 6, "02 12 +05:30", "2026-07 +05:30")]),
    ("select hour, month from z where id > 3 order by id", [(16, "2026-12 -08:00"), (None, None)]),
    ("select id from z where to_char(at, 'YYYYMM') = '202612' or trunc(at) = date '2026-07-01' order by id", [(1,), (2,), (3,), (4,)]),
    ("select count(distinct at), count(distinct utc) from z", [(2, 2)]),
    ("select count(*) from (select distinct at from z)", [(3,)]),
    ("select n from (select at, count(*) n from z group by at order by at)", [(3,), (1,), (1,)]),
    ("select id from (select id, at from z order by at desc nulls last, id) where rownum <= 2", [(4,), (1,)]),
    ("select id from z order by at, id desc fetch first 2 rows only", [(3,), (2,)]),
    ("select id, row_number() over (partition by trunc(at) order by at, id) from z where id < 5 order by id",
     [(1, 1), (2, 2), (3, 3), (4, 1)]),
    ("select id from z where at in (select at from z where id = 1) order by id", [(1,), (2,), (3,)]),
    ("select count(*) from (select at from z where id = 1 union select at from z where id = 3)", [(1,)]),
    ("select count(*) from (select at from z where id = 1 minus select at from z where id = 2)", [(0,)]),
    ("select a.id, b.id from z a join z b on a.at = b.at and a.id < b.id order by 1, 2", [(1, 2), (1, 3), (2, 3)]),
    ("with q as (select at, id from z) select id from q where at = (select max(at) from q)", [(4,)]),
    ("select listagg(to_char(at, 'HH24'), ',') within group (order by at, id) from z", [("12,06,08,08",)]),
]  # fmt: skip


@pytest.mark.parametrize(("query", "rows"), COMPUTED)
def test_zones_in_what_is_stored_and_in_subqueries(
    stored: oracledb.Cursor, query: str, rows: list[tuple[object, ...]]
) -> None:
    assert stored.execute(query).fetchall() == rows


def test_stored_conditions_on_zones_hold(stored: oracledb.Cursor) -> None:
    for value in ("timestamp '2019-07-01 08:30:00 Europe/Berlin'", "timestamp '2026-07-01 12:00:00 +11:00'"):
        with pytest.raises(oracledb.IntegrityError) as caught:
            stored.execute(f"insert into z (id, at) values (9, {value})")
        assert code(caught) == 2290
    for expression, number in (("cast(l as date)", 1743), ("to_char(l, 'YYYY')", 1743), ("to_char(d)", 1743)):
        stored.execute("create table session_s (l timestamp with local time zone, d date)")
        with pytest.raises(oracledb.DatabaseError) as refused:
            stored.execute(f"create index x on session_s ({expression})")
        assert code(refused) == number
        with pytest.raises(oracledb.DatabaseError) as refused:
            stored.execute(f"alter table session_s add v as ({expression})")
        assert code(refused) == 54002
        stored.execute("drop table session_s")
