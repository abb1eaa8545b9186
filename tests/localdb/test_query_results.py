"""Change notification by query: told when the result of a registered query is another one, and only then."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any

import oracledb
import pytest

from tests.conftest import Instance
from tests.localdb.conftest import Connect, code

Told = queue.Queue[Any]


@pytest.fixture
def writer(schema: str, connect: Connect) -> oracledb.Connection:
    connection = connect(schema)
    cursor = connection.cursor()
    cursor.execute("create table t (id number, name varchar2(10), c clob, d date)")
    cursor.execute("create table u (id number)")
    cursor.execute("create view v as select id from t")
    cursor.execute("create synonym s for t")
    cursor.execute("insert into t (id, name) select level, 'n' || level from dual connect by level <= 10")
    connection.commit()
    return connection


@pytest.fixture
def watcher(localdb: Instance, schema: str, writer: oracledb.Connection) -> Iterator[oracledb.Connection]:
    with oracledb.connect(user=schema, password="tiger", dsn=localdb.dsn, events=True) as connection:
        yield connection


def _watch(
    connection: oracledb.Connection, *texts: str, **options: Any
) -> tuple[oracledb.Subscription, Told]:
    told: Told = queue.Queue()
    subscription = connection.subscribe(
        callback=told.put,
        qos=oracledb.SUBSCR_QOS_QUERY | options.pop("qos", 0),
        client_initiated=True,
        **options,
    )
    for text in texts:
        subscription.registerquery(text)
    return subscription, told


def _change(connection: oracledb.Connection, *texts: str) -> None:
    for text in texts:
        connection.cursor().execute(text)
    connection.commit()


def test_only_another_result_is_told(watcher: oracledb.Connection, writer: oracledb.Connection) -> None:
    subscription, told = _watch(
        watcher, "select id, name from t where id <= 5", qos=oracledb.SUBSCR_QOS_ROWIDS
    )
    _change(writer, "update t set name = 'x' where id = 7")  # not in the result
    _change(writer, "update t set name = name where id = 3")  # touched, not changed
    _change(writer, "insert into t (id, name) values (3, 'a')", "delete from t where name = 'a'")
    _change(writer, "insert into u values (1)")
    _change(writer, "update t set name = 'y' where id = 3")
    message = told.get(timeout=20)
    assert message.type == oracledb.EVENT_QUERYCHANGE
    (changed,) = message.queries
    assert changed.operation == oracledb.EVENT_QUERYCHANGE
    (table,) = changed.tables
    assert table.name.endswith(".T")
    rowid = writer.cursor().execute("select rowid from t where id = 3").fetchone()
    assert rowid is not None
    assert rowid[0] in [row.rowid for row in table.rows]
    writer.cursor().execute("update t set name = 'z' where id = 4")
    writer.rollback()
    _change(writer, "delete from t where id = 5")
    assert told.get(timeout=20).queries[0].tables[0].operation & oracledb.OPCODE_DELETE
    assert told.empty()
    watcher.unsubscribe(subscription)


def test_each_query_of_a_subscription_by_itself(
    watcher: oracledb.Connection, writer: oracledb.Connection
) -> None:
    subscription, told = _watch(watcher, "select name from t where id = 1", "select name from t where id = 2")
    numbers = set()
    for row in (1, 2):
        _change(writer, f"update t set name = 'new' where id = {row}")
        (changed,) = told.get(timeout=20).queries
        numbers.add(changed.id)
    assert len(numbers) == 2
    assert told.empty()
    watcher.unsubscribe(subscription)


def test_the_operations_filter_is_not_for_queries(
    watcher: oracledb.Connection, writer: oracledb.Connection
) -> None:
    subscription, told = _watch(watcher, "select id from t", operations=oracledb.OPCODE_INSERT)
    _change(writer, "delete from t where id = 1")
    assert told.get(timeout=20).queries[0].tables[0].operation & oracledb.OPCODE_DELETE
    watcher.unsubscribe(subscription)


def test_ddl_is_told(watcher: oracledb.Connection, writer: oracledb.Connection) -> None:
    subscription, told = _watch(watcher, "select id from t where id = 100")
    writer.cursor().execute("drop view v")
    for statement in ("truncate table t", "alter table t add (e number)", "drop table t purge"):
        writer.cursor().execute(statement)
        assert told.get(timeout=20).queries[0].tables[0].name.endswith(".T")
    watcher.unsubscribe(subscription)


def test_commits_do_not_wait_and_the_last_one_counts(
    watcher: oracledb.Connection, writer: oracledb.Connection
) -> None:
    """A slow callback holds up the driver, not the database; whatever is joined, no last change is lost."""
    subscription, told = _watch(watcher, "select name from t where id = 1")
    for number in range(300):
        _change(writer, f"update t set name = '{number}' where id = 1")
    _change(writer, "update t set name = 'end' where id = 1")
    told.get(timeout=20)
    settled = threading.Event()
    while not settled.wait(0.5):
        if told.empty():
            settled.set()
        while not told.empty():
            told.get()
    _change(writer, "update t set name = 'end' where id = 1")  # the result that is known already
    _change(writer, "update t set name = 'more' where id = 1")
    told.get(timeout=20)
    assert told.empty()
    watcher.unsubscribe(subscription)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("select id from v", 29983),
        ("select id from s", 29983),
        ("select dummy from dual", 29983),
        ("select * from user_tables", 29983),
        ("select count(*) from t", 29976),
        ("select id from t order by id", 29976),
        ("select distinct id from t", 29976),
        ("select id from t group by id", 29976),
        ("select id from t union all select id from u", 29976),
        ("select upper(name) from t", 29976),
        ("select id from t where name like 'n%'", 29976),
        ("select t.id from t left join u on u.id = t.id", 29976),
        ("select id from t where exists (select 1 from u)", 29976),
        ("select id from t where rownum < 3", 29976),
        ("select c from t", 29977),
        ("select id, d from t", 29977),
    ],
)
def test_what_cannot_be_registered_by_result(watcher: oracledb.Connection, text: str, number: int) -> None:
    subscription, _ = _watch(watcher)
    with pytest.raises(oracledb.DatabaseError) as refused:
        subscription.registerquery(text)
    assert code(refused) == number
    watcher.unsubscribe(subscription)


def test_by_object_more_can_be_registered(watcher: oracledb.Connection) -> None:
    subscription = watcher.subscribe(callback=print, client_initiated=True)
    subscription.registerquery("select count(*), max(d) from t left join u using (id) where name like 'n%'")
    with pytest.raises(oracledb.DatabaseError) as refused:
        subscription.registerquery("select id from v")
    assert code(refused) == 29983
    watcher.unsubscribe(subscription)


def test_binds_are_remembered(watcher: oracledb.Connection, writer: oracledb.Connection) -> None:
    subscription, told = _watch(watcher)
    subscription.registerquery("select name from t where id = :1", [2])
    _change(writer, "update t set name = 'x' where id = 1")
    _change(writer, "update t set name = 'y' where id = 2")
    told.get(timeout=20)
    assert told.empty()
    watcher.unsubscribe(subscription)
