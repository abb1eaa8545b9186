"""Direct path load and change notification through the real driver."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import oracledb
import pytest

from app.localdb.contract import Column, OraType, Outcome
from app.localdb.errors import OracleError
from app.localdb.server import Server
from app.localdb.wire.backend import RowChange, TableChange
from tests.localdb.fake_backend import Call, FakeBackend, FakeSession
from tests.localdb.wire.outcomes import BLOB, CLOB, NUMBER, at, dml, numbers


def test_direct_path_load_inserts_in_batches(connection: oracledb.Connection, backend: FakeBackend) -> None:
    columns = [
        Column("ID", OraType.NUMBER, nullable=False),
        Column("NAME", OraType.VARCHAR2, size=4000, chars=4000),
        Column("AT", OraType.TIMESTAMP, scale=6),
        CLOB,
        BLOB,
    ]
    names = [column.name for column in columns]
    listed = ", ".join(f'"{name}"' for name in names)
    backend.tables["SCOTT.T"] = columns
    insert = f'insert into "SCOTT"."T" ({listed}) values (:1, :2, :3, :4, :5)'
    loaded: list[list[Any]] = []

    def take(call: Call) -> Outcome:
        loaded.extend(call.rows)
        return dml(row_count=len(call.rows))

    backend.on(insert, take)
    rows = [
        (
            n,
            f"name {n}" * (n % 300),
            at(2026, 1, 1) + timedelta(microseconds=n),
            "clöb" * (n if n % 500 == 0 else n % 20 + 1),
            b"\xff" * (n % 300 + 1),
        )
        for n in range(1, 6000)
    ] + [(0, None, None, "x" * 200_000, b"y" * 70_000)]
    connection.direct_path_load("scott", "t", names, rows)
    assert [tuple(row) for row in loaded] == [(a, b or None, c, d, e) for a, b, c, d, e in rows]
    assert backend.sessions[0].log[-1] == "commit"
    with pytest.raises(oracledb.DatabaseError, match="DPY-8001"):
        connection.direct_path_load("scott", "t", names, [(None, None, None, None, None)])
    assert backend.sessions[0].log[-1] == "rollback"


def test_changes_are_pushed_to_the_callback(server: Server, backend: FakeBackend) -> None:
    backend.query("select n from watched", [NUMBER], numbers(1))
    arrived: list[Any] = []
    event = threading.Event()

    def callback(message: Any) -> None:
        arrived.append(message)
        event.set()

    connection = oracledb.connect(user="scott", password="tiger", dsn=server.dsn, events=True)
    subscription = connection.subscribe(
        callback=callback,
        qos=oracledb.SUBSCR_QOS_ROWIDS,
        operations=oracledb.OPCODE_INSERT,
        timeout=60,
        client_initiated=True,
    )
    subscription.registerquery("select n from watched")
    notifications = backend.notifications
    assert notifications.arguments == [
        {"tables": ["SCOTT.WATCHED"], "operations": oracledb.OPCODE_INSERT, "rowids": True, "owner": "SCOTT"}
    ]
    (push,) = notifications.subscribed.values()
    for rows in ([RowChange(2, "AAABBBAACAAAAAEAAF")], None):
        event.clear()
        push([TableChange("SCOTT.WATCHED", 2, 77, rows)])
        assert event.wait(10)
    assert [m.type for m in arrived] == [oracledb.EVENT_OBJCHANGE] * 2
    (table,) = arrived[0].tables
    assert (table.name, table.operation, [r.rowid for r in table.rows]) == (
        "SCOTT.WATCHED",
        oracledb.OPCODE_INSERT,
        ["AAABBBAACAAAAAEAAF"],
    )
    assert arrived[1].tables[0].operation & oracledb.OPCODE_ALLROWS
    connection.unsubscribe(subscription)
    assert notifications.subscribed == {}
    connection.close()


def test_a_query_subscription_names_its_query(server: Server, backend: FakeBackend) -> None:
    backend.query("select n from watched", [NUMBER], numbers(1))
    arrived: list[Any] = []
    event = threading.Event()

    def callback(message: Any) -> None:
        arrived.append(message)
        event.set()

    connection = oracledb.connect(user="scott", password="tiger", dsn=server.dsn, events=True)
    subscription = connection.subscribe(
        callback=callback, qos=oracledb.SUBSCR_QOS_QUERY, client_initiated=True
    )
    subscription.registerquery("select n from watched")
    (push,) = backend.notifications.subscribed.values()
    push([TableChange("SCOTT.WATCHED", 6, 77, None)])
    assert event.wait(10)
    assert arrived[0].type == oracledb.EVENT_QUERYCHANGE
    assert arrived[0].queries[0].tables[0].name == "SCOTT.WATCHED"
    connection.close()


def test_an_unused_fake_says_so() -> None:
    """The fake refuses what no test has written down: a typo in a test cannot pass silently."""
    session = FakeSession(FakeBackend(), "SCOTT", client=None, sid=1)  # type: ignore[arg-type]
    with pytest.raises(OracleError, match="ORA-00900"):
        session.prepare("select unknown")
