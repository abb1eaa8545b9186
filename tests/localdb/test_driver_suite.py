"""What the driver's own suite has found missing, once and for all: each a small test through the driver."""

from __future__ import annotations

import datetime as dt

import oracledb
import pytest

from tests.conftest import Instance
from tests.localdb.conftest import Connect, code


def test_statistics_count_round_trips_and_parses(
    dba: oracledb.Connection, connection: oracledb.Connection
) -> None:
    def counts() -> dict[str, int]:
        with dba.cursor() as cursor:
            cursor.execute(
                "select n.name, s.value from v$sesstat s join v$statname n on n.statistic# = s.statistic#"
                " where s.sid = :1",
                [connection.session_id],
            )
            return dict(cursor.fetchall())

    before = counts()
    connection.ping()
    with connection.cursor() as cursor:
        cursor.execute("select 1 from dual").fetchall()
        cursor.execute("select 1 from dual").fetchall()
    connection.commit()
    after = counts()
    grown = {name: after[name] - before[name] for name in after}
    assert grown["SQL*Net roundtrips to/from client"] == 4
    assert grown["parse count (total)"] == 1
    assert grown["user commits"] == 1


def test_dictionary_privilege_opens_the_v_views(
    dba: oracledb.Connection, connect: Connect, schema: str
) -> None:
    cursor = connect().cursor()
    with pytest.raises(oracledb.DatabaseError) as refused:
        cursor.execute("select count(*) from v$session")
    assert code(refused) == 942
    with dba.cursor() as office:
        office.execute(f"grant select any dictionary to {schema}")
        cursor.execute(
            "select client_driver from v$session_connect_info where sid = sys_context('userenv', 'sid')"
        )
        assert "python-oracledb" in cursor.fetchone()[0]
        office.execute(f"revoke select any dictionary from {schema}")
    with pytest.raises(oracledb.DatabaseError) as refused:
        cursor.execute("select count(*) from v$session")
    assert code(refused) == 942


def test_tags_and_contexts_reach_sys_context(connection: oracledb.Connection) -> None:
    connection.module, connection.action = "billing", "close month"
    connection.client_identifier = "anna"
    connection.set_app_context("CLIENTCONTEXT", tenant="42", Region="north")
    query = (
        "select sys_context('userenv', 'module'), sys_context('userenv', 'action'),"
        " sys_context('userenv', 'client_identifier'), sys_context('clientcontext', 'tenant'),"
        " sys_context('clientcontext', 'region') from dual"
    )
    cursor = connection.cursor()
    assert cursor.execute(query).fetchone() == ("billing", "close month", "anna", "42", "north")
    connection.action = None
    connection.clear_app_context("CLIENTCONTEXT")
    assert cursor.execute(query).fetchone() == ("billing", None, "anna", None, None)
    connection.set_app_context("NOBODYS", attr="value")
    with pytest.raises(oracledb.DatabaseError) as refused:
        connection.ping()
    assert code(refused) == 28267


def test_contexts_at_logon(localdb: Instance, schema: str) -> None:
    contexts = [("CLIENTCONTEXT", "TENANT", "7"), ("CLIENTCONTEXT", "COLOUR", "red")]
    with oracledb.connect(user=schema, password="tiger", dsn=localdb.dsn, appcontext=contexts) as connection:
        cursor = connection.cursor()
        cursor.execute(
            "select sys_context('clientcontext', 'tenant'), sys_context('clientcontext', 'colour') from dual"
        )
        assert cursor.fetchone() == ("7", "red")


def test_last_rowid_of_arrays(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("create table t (id number primary key, name varchar2(10))")
    for count in (3, 200):  # row by row, and all at once
        cursor.executemany("insert into t (id) values (:1)", [(count * 1000 + n,) for n in range(count)])
        last = cursor.lastrowid
        cursor.execute("select rowid from t where id = :1", [count * 1000 + count - 1])
        assert cursor.fetchone() == (last,)
    cursor.execute("delete from t where 1 = 0")
    assert cursor.lastrowid is None


def test_array_row_counts_survive_an_error(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("create table t (id number primary key)")
    with pytest.raises(oracledb.IntegrityError) as failed:
        cursor.executemany("insert into t values (:1)", [(1,), (2,), (2,), (4,)], arraydmlrowcounts=True)
    assert code(failed) == 1
    assert cursor.getarraydmlrowcounts() == [1, 1]


def test_returning_converts_to_the_variable(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("create table t (id number, name varchar2(10))")
    text, number = cursor.var(str), cursor.var(int)
    cursor.execute("insert into t values (7, '12') returning id, name into :1, :2", [text, number])
    assert (text.values, number.values) == ([["7"]], [[12]])
    with pytest.raises(oracledb.DatabaseError) as failed:
        cursor.execute("insert into t values (1, 'xyz') returning name into :1", [cursor.var(bytes)])
    assert code(failed) == 1465


def test_an_empty_lob_is_not_null(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("create table t (id number, c clob not null, b blob not null)")
    lobs = [connection.createlob(kind) for kind in (oracledb.DB_TYPE_CLOB, oracledb.DB_TYPE_BLOB)]
    cursor.execute("insert into t values (1, :1, :2)", lobs)
    cursor.execute("select c, b, case when c is null then 'null' else 'empty' end from t")
    text, data, what = cursor.fetchone()
    assert (text.size(), data.size(), what) == (0, 0, "empty")
    with pytest.raises(oracledb.IntegrityError) as refused:
        cursor.execute("insert into t values (2, '', hextoraw('00'))")
    assert code(refused) == 1400


def test_a_replaced_view_keeps_its_grants(dba: oracledb.Connection, connect: Connect, schema: str) -> None:
    cursor = connect().cursor()
    cursor.execute("create view v as select 1 as n from dual")
    with dba.cursor() as office:
        office.execute("create user view_reader identified by tiger")
        try:
            office.execute("grant create session to view_reader")
            cursor.execute("grant select on v to view_reader")
            cursor.execute("create or replace view v as select 'text' as n, sysdate as d from dual")
            reader = connect("view_reader").cursor()
            assert reader.execute(f"select n from {schema}.v").fetchone() == ("text",)
            reader.connection.close()
        finally:
            office.execute("drop user view_reader cascade")


def test_implicit_results(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("""
        declare
           c sys_refcursor;
        begin
           for i in 1 .. 2 loop
              open c for select level * i from dual connect by level <= 3;
              dbms_sql.return_result(c);
           end loop;
        end;""")
    assert [result.fetchall() for result in cursor.getimplicitresults()] == [
        [(1,), (2,), (3,)],
        [(2,), (4,), (6,)],
    ]


def test_a_password_has_a_longest(connection: oracledb.Connection) -> None:
    for length, number in ((1025, 28218), (1500, 988)):
        with pytest.raises(oracledb.DatabaseError) as refused:
            connection.changepassword("tiger", "a" * length)
        assert code(refused) == number


def test_subscriptions_are_in_the_dictionary(localdb: Instance, schema: str) -> None:
    with oracledb.connect(user=schema, password="tiger", dsn=localdb.dsn, events=True) as connection:
        cursor = connection.cursor()
        cursor.execute("create table watched (id number)")
        subscription = connection.subscribe(callback=lambda message: None, client_initiated=True)
        cursor.execute("select regid, table_name from user_change_notification_regs")
        assert cursor.fetchall() == [(subscription.id, None)]
        subscription.registerquery("select * from watched")
        cursor.execute("select regid, table_name from user_change_notification_regs")
        assert cursor.fetchall() == [(subscription.id, f"{schema}.WATCHED")]
        connection.unsubscribe(subscription)
        cursor.execute("select count(*) from user_change_notification_regs")
        assert cursor.fetchone() == (0,)


def test_a_described_statement_takes_a_define(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.parse("select to_clob('x') from dual")
    assert cursor.description[0].type_code is oracledb.DB_TYPE_CLOB


def test_a_time_zone_is_shown_with_two_digits(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    for given, shown in (("-8:0", "-08:00"), ("+5:30", "+05:30"), ("UTC", "UTC")):
        cursor.execute(f"alter session set time_zone = '{given}'")
        assert cursor.execute("select sessiontimezone from dual").fetchone() == (shown,)


def test_a_cached_query_survives_another_number_of_columns(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("create table t (a number, b clob)")
    cursor.execute("insert into t values (1, 'one')")
    for ddl, wanted in (
        (None, [(1, "one")]),
        ("alter table t add (c number default 7)", [(1, "one", 7)]),
        ("alter table t drop column b", [(1, 7)]),
    ):
        if ddl:
            cursor.execute(ddl)
        assert cursor.execute("select * from t", fetch_lobs=False).fetchall() == wanted


def test_sessionless_transactions_are_refused_and_the_session_goes_on(
    connection: oracledb.Connection,
) -> None:
    cursor = connection.cursor()
    connection.begin_sessionless_transaction(b"an id", defer_round_trip=True)
    with pytest.raises(oracledb.DatabaseError, match=r"ORA-03001.*sessionless"):
        cursor.execute("select 1 from dual")
    assert cursor.execute("select 1 from dual").fetchone() == (1,)


def test_direct_path_load_copies_or_says_why_not(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute(
        "create table t (id number(6,2) primary key, name varchar2(9 byte), c char(3), at timestamp, d date,"
        " r raw(4), big clob, n nvarchar2(5))"
    )
    names = ["ID", "NAME", "C", "AT", "D", "R", "BIG", "N"]
    moment = dt.datetime.fromisoformat("2026-02-03T04:05:06.789")
    day = moment.replace(microsecond=0)
    rows = [
        (1.005, "a\tb\\N\n", "x", moment, day, b"\0\x09", "long \\. " * 5000, "é€"),
        (-2, None, None, None, None, None, None, None),
        (3, "äöü", "abc", day, day, b"1234", "", "x"),
    ]
    connection.direct_path_load(connection.username, "T", names, rows)
    found = cursor.execute("select * from t order by id", fetch_lobs=False).fetchall()
    assert found == [
        (-2, *[None] * 7),
        (1.01, "a\tb\\N\n", "x  ", moment, day, b"\0\x09", "long \\. " * 5000, "é€"),
        (3, "äöü", "abc", day, day, b"1234", None, "x"),
    ]
    for row, number in (((3, "twice"), 1), ((99999, "x"), 1438)):
        with pytest.raises(oracledb.DatabaseError) as refused:
            connection.direct_path_load(connection.username, "T", names[:2], [(5, "fits"), row])
        assert code(refused) == number
    connection.rollback()
    assert cursor.execute("select count(*) from t").fetchone() == (3,)


def test_direct_path_load_says_what_it_does_not_load(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()

    def refused(table: str, names: list[str], row: tuple[object, ...] = (1,)) -> str:
        with pytest.raises(oracledb.DatabaseError) as caught:
            connection.direct_path_load(connection.username, table, names, [row])
        return str(caught.value.args[0].message)

    cursor.execute("create table p (id number primary key check (id < 9), twice number as (id * 2), c clob)")
    cursor.execute("create trigger tr after update on p begin null; end;")
    assert refused("P", ["ID"]).startswith("ORA-26086")
    cursor.execute("alter trigger tr disable")
    assert refused("P", ["ID", "TWICE"], (1, 2)).startswith("ORA-26016: Virtual column TWICE")
    cursor.execute("insert into p (id) values (2)")
    assert refused("P", ["ID"]).startswith("ORA-26085")
    connection.commit()
    assert refused("P", ["NONE"]).startswith('ORA-00904: "NONE"')
    assert refused("P", ["ID"], (10,)).startswith("ORA-02290")
    connection.direct_path_load(connection.username, "P", ["ID"], [(3,)])
    cursor.execute("alter trigger tr enable")
    cursor.execute("create table f (id number references p)")
    assert "with an enabled foreign key is not supported" in refused("F", ["ID"])
    cursor.execute("create table j (doc clob check (doc is json))")
    assert refused("J", ["DOC"], ("{}",)).startswith(
        "ORA-26065: check constraint cannot reference column, DOC"
    )
    cursor.execute("create view v as select id from p")
    assert "of a view" in refused("V", ["ID"])
    cursor.execute("create table d (id number, at date default sysdate)")
    assert refused("D", ["ID"]).startswith("DPY-4009: 2 positional bind values are required but 1")
    assert "leaves out a column with a default" in refused("D", ["ID"], (1, None))
    assert cursor.execute("select id from p order by id").fetchall() == [(2,), (3,)]
