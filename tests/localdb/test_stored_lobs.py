"""Writing the large objects of tables through their locators: by the driver, and by DBMS_LOB."""

from __future__ import annotations

import queue
from collections.abc import Iterator

import oracledb
import pytest

from tests.conftest import Instance
from tests.localdb.conftest import Connect


@pytest.fixture
def one(schema: str, connect: Connect) -> Iterator[oracledb.Connection]:
    with connect(schema) as connection:
        cursor = connection.cursor()
        cursor.execute("create table t (id number primary key, c clob, b blob, n nclob)")
        cursor.execute("insert into t values (1, 'abcdef', hextoraw('010203'), 'abc')")
        connection.commit()
        yield connection
        connection.rollback()


@pytest.fixture
def other(schema: str, connect: Connect, one: oracledb.Connection) -> Iterator[oracledb.Connection]:
    with connect(schema) as connection:
        connection.call_timeout = 5000  # a lock that is held by mistake shows as an error
        yield connection


def _lob(connection: oracledb.Connection, column: str = "c", tail: str = "for update") -> oracledb.LOB:
    row = connection.cursor().execute(f"select {column}, id from t where id = 1 {tail}").fetchone()
    assert row is not None
    found: oracledb.LOB = row[0]
    return found


def _value(connection: oracledb.Connection, column: str = "c") -> object:
    row = connection.cursor().execute(f"select {column} from t where id = 1", fetch_lobs=False).fetchone()
    assert row is not None
    return row[0]


def _refused(code: str, call: object, *arguments: object) -> None:
    with pytest.raises(oracledb.DatabaseError, match=code):
        call(*arguments)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("column", "piece", "written", "trimmed"),
    [
        ("c", "é🙂", "abé🙂f", "abé"),
        ("n", "é🙂", "abé🙂", "abé"),
        ("b", b"\xff\xfe", b"\x01\x02\xff\xfe", b"\x01\x02\xff"),
    ],
)
def test_a_locked_row_is_written(
    one: oracledb.Connection,
    other: oracledb.Connection,
    column: str,
    piece: str | bytes,
    written: str | bytes,
    trimmed: str | bytes,
) -> None:
    before = _value(one, column)
    lob = _lob(one, column)
    lob.write(piece, 3)
    assert lob.read() == _value(one, column) == written
    assert _value(other, column) == before
    lob.trim(3)
    one.commit()
    assert _value(other, column) == trimmed


def test_beyond_the_end_the_gap_is_filled(one: oracledb.Connection) -> None:
    text, raw = _lob(one), _lob(one, "b")
    text.write("x", 9)
    raw.write(b"x", 5)
    assert (_value(one), _value(one, "b")) == ("abcdef  x", b"\x01\x02\x03\0x")


def test_a_row_that_is_not_locked_is_refused(one: oracledb.Connection, other: oracledb.Connection) -> None:
    lob = _lob(one, tail="")
    _refused("ORA-22920", lob.write, "x")
    one.cursor().execute("insert into t (id) values (2)")  # a transaction, but not this row
    _refused("ORA-22920", lob.write, "x")
    _lob(other)  # locks it
    _refused("ORA-22920", lob.write, "x")
    other.rollback()
    other.cursor().execute("update t set n = 'x' where id = 1")  # the refused attempts hold no lock
    other.rollback()
    assert _value(one) == "abcdef"


@pytest.mark.parametrize(
    "lock",
    ["update t set n = 'x' where id = 1", "select id from t for update", "merge into t using dual on (id = 1)"
     " when matched then update set n = 'y'"],
)  # fmt: skip
def test_any_lock_of_the_transaction_will_do(one: oracledb.Connection, lock: str) -> None:
    lob = _lob(one, tail="")
    cursor = one.cursor()
    cursor.execute("savepoint s")
    cursor.execute(lock)
    cursor.execute("savepoint s2")
    lob.write("X")
    assert _value(one) == "Xbcdef"


def test_a_row_that_was_locked_behind_a_savepoint_is_not_locked_after_it(one: oracledb.Connection) -> None:
    cursor = one.cursor()
    cursor.execute("insert into t (id) values (2)")
    cursor.execute("savepoint s")
    lob = _lob(one)
    lob.write("X")
    cursor.execute("rollback to s")
    assert lob.read() == "abcdef"
    _refused("ORA-22920", lob.write, "Y")


def test_a_new_row_is_written_through_returning(one: oracledb.Connection, other: oracledb.Connection) -> None:
    cursor = one.cursor()
    out = cursor.var(oracledb.DB_TYPE_CLOB)
    cursor.execute("insert into t (id, c) values (2, empty_clob()) returning c into :1", [out])
    (lob,) = out.getvalue()
    for piece in ("one ", "two ", "three"):
        lob.write(piece, lob.size() + 1)
    one.commit()
    found = other.cursor().execute("select c from t where id = 2", fetch_lobs=False).fetchone()
    assert found == ("one two three",)


def test_locators_do_not_span_transactions(one: oracledb.Connection) -> None:
    lob = _lob(one)
    lob.write("X")
    one.commit()
    assert lob.read() == "Xbcdef"
    _refused("ORA-22990", lob.write, "Y")
    _lob(one)
    _refused("ORA-22990", lob.write, "Y")


def test_each_locator_shows_what_it_showed(one: oracledb.Connection) -> None:
    early, writer, second = _lob(one), _lob(one), _lob(one)
    writer.write("XY")
    assert (early.read(), writer.read(), _lob(one).read()) == ("abcdef", "XYcdef", "XYcdef")
    second.write("Z", 6)  # on what is there now
    assert second.read() == "XYcdeZ"
    assert (writer.read(), early.read()) == ("XYcdef", "abcdef")


def test_rollback_is_seen_through_the_locator(one: oracledb.Connection) -> None:
    lob = _lob(one)
    lob.write("X")
    cursor = one.cursor()
    out = cursor.var(oracledb.DB_TYPE_CLOB)
    cursor.execute("insert into t (id, c) values (2, 'new') returning c into :1", [out])
    (gone,) = out.getvalue()
    gone.write("N")
    one.rollback()
    assert lob.read() == "abcdef"
    _refused("ORA-22922", gone.read)


def test_triggers_and_constraints(one: oracledb.Connection) -> None:
    cursor = one.cursor()
    cursor.execute("create table l (id number)")
    cursor.execute("create trigger trg before update on t for each row begin insert into l values (1); end;")
    cursor.execute("alter table t add constraint short check (length(c) < 9)")
    lob = _lob(one)
    lob.write("X")
    _refused("ORA-02290", lob.write, "too long", 5)
    assert lob.read() == "Xbcdef"
    assert cursor.execute("select count(*) from l").fetchone() == (0,)


def test_only_who_may_update_writes(
    schema: str, one: oracledb.Connection, connect: Connect, dba: object
) -> None:
    one.cursor().execute("update t set n = 'x'")
    reader = f"{schema}R"
    admin = dba.cursor()  # type: ignore[attr-defined]
    admin.execute(f"create user {reader} identified by tiger")
    admin.execute(f"grant create session to {reader}")
    admin.execute(f"grant select on {schema}.t to {reader}")
    with connect(reader) as connection:
        row = connection.cursor().execute(f"select c from {schema}.t").fetchone()
        assert row is not None
        _refused("ORA-22920|ORA-01031", row[0].write, "X")
    admin.execute(f"drop user {reader}")


def test_open_and_closed(one: oracledb.Connection) -> None:
    lob = _lob(one, tail="")
    _refused("ORA-22292", lob.open)
    lob, twin = _lob(one), _lob(one)
    lob.open()
    assert twin.isopen()
    _refused("ORA-22293", twin.open)
    lob.write("X")
    _refused("ORA-22297", one.commit)  # which has committed all the same
    assert not lob.isopen()
    one.rollback()
    assert _value(one) == "Xbcdef"


def test_change_notification_tells_of_it(localdb: Instance, schema: str, one: oracledb.Connection) -> None:
    told: queue.Queue[int] = queue.Queue()
    with oracledb.connect(user=schema, password="tiger", dsn=localdb.dsn, events=True) as watcher:
        subscription = watcher.subscribe(
            callback=lambda message: told.put(message.tables[0].operation), client_initiated=True
        )
        subscription.registerquery("select id from t")
        lob = _lob(one)
        lob.write("X")
        one.commit()
        assert told.get(timeout=20) & oracledb.OPCODE_UPDATE
        watcher.unsubscribe(subscription)


def test_what_is_no_column_of_a_table_is_refused(one: oracledb.Connection) -> None:
    one.cursor().execute("create view v as select * from t")
    one.cursor().execute("update t set n = 'x'")
    for text in ("select c || 'x' from t", "select c from v"):
        row = one.cursor().execute(text).fetchone()
        assert row is not None
        _refused("ORA-03001", row[0].write, "x")


BLOCK = """
declare
    l clob;
    twin clob;
    amount integer;
    b blob;
begin
    select c, b into l, b from t where id = 1 for update;
    twin := l;
    dbms_lob.open(l, dbms_lob.lob_readwrite);
    dbms_lob.write(l, 2, 1, 'XY');
    dbms_lob.writeappend(l, 3, 'end');
    dbms_lob.append(l, to_clob('!'));
    amount := 2;
    dbms_lob.erase(l, amount, 3);
    dbms_lob.copy(l, twin, 2, 12, 1);
    dbms_lob.trim(l, 12);
    dbms_lob.close(l);
    :shown := dbms_lob.substr(l, 100, 1);
    :twin := dbms_lob.substr(twin, 100, 1);
    dbms_lob.write(b, 1, 2, hextoraw('ff'));
    :raw := dbms_lob.substr(b, 3, 1);
end;"""


def test_dbms_lob_changes_the_row(one: oracledb.Connection, other: oracledb.Connection) -> None:
    cursor = one.cursor()
    shown, twin, raw = cursor.var(str), cursor.var(str), cursor.var(bytes)
    cursor.execute(BLOCK, shown=shown, twin=twin, raw=raw)
    assert (shown.getvalue(), twin.getvalue(), raw.getvalue()) == ("XY  efend! a", "abcdef", b"\x01\xff\x03")
    one.commit()
    assert (_value(other), _value(other, "b")) == ("XY  efend! a", b"\x01\xff\x03")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("select c into l from t where id = 1; dbms_lob.writeappend(l, 1, 'x');", "ORA-22920"),
        ("select c into l from t for update; commit; dbms_lob.writeappend(l, 1, 'x');", "ORA-22990"),
        ("l := empty_clob(); dbms_lob.writeappend(l, 1, 'x');", "ORA-22275"),
        ("dbms_lob.writeappend(l, 1, 'x');", "ORA-22275"),
        ("select c into l from t for update; dbms_lob.trim(l, 7);", "ORA-22926"),
        ("select c into l from t for update; dbms_lob.close(l);", "ORA-22289"),
    ],
)
def test_dbms_lob_refuses(one: oracledb.Connection, body: str, error: str) -> None:
    _refused(error, one.cursor().execute, f"declare l clob; begin {body} end;")
    one.rollback()
    assert _value(one) == "abcdef"


def test_a_block_that_fails_undoes_what_it_wrote(one: oracledb.Connection) -> None:
    lob = _lob(one)
    failing = """begin
        for r in (select c from t where id = 1) loop
            dbms_lob.writeappend(r.c, 1, 'x');
        end loop;
        raise_application_error(-20001, 'no');
    end;"""
    _refused("ORA-20001|ORA-06550", one.cursor().execute, failing)
    assert _value(one) == "abcdef"
    lob.write("Z")
    assert _value(one) == "Zbcdef"


def test_a_client_s_locator_in_a_block(one: oracledb.Connection, other: oracledb.Connection) -> None:
    lob = _lob(one)
    one.cursor().execute(
        "declare l clob := :1; begin dbms_lob.writeappend(l, 3, 'end'); end;",
        [lob],
    )
    one.commit()
    assert _value(other) == "abcdefend"
