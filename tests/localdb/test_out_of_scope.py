"""What the local database does not have is refused by name, and the session goes on: no hang, no lost connection."""

from __future__ import annotations

import array
from collections.abc import Callable

import oracledb
import pytest

from tests.conftest import Instance
from tests.localdb.conftest import Connect

REFUSED = r"ORA-03001.*not supported by the local database"

Attempt = Callable[[oracledb.Connection], object]


def sql(text: str, *binds: object) -> Attempt:
    return lambda connection: connection.cursor().execute(text, list(binds))


def queue(action: Callable[[oracledb.Queue, oracledb.Connection], object]) -> Attempt:
    return lambda connection: action(connection.queue("Q"), connection)


def native_json(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.setinputsizes(oracledb.DB_TYPE_JSON)
    cursor.execute("select :1 from dual", [{"a": 1}])


def two_phases(connection: oracledb.Connection) -> None:
    connection.tpc_begin(connection.xid(1, "transaction", "branch"))


ATTEMPTS: dict[str, Attempt] = {
    "an object type": sql("create type my_type as object (a number)"),
    "a column of XMLTYPE": sql("create table t (x xmltype)"),
    "an XMLTYPE value": sql("select xmltype('<a/>') from dual"),
    "a column of BFILE": sql("create table t (x bfile)"),
    "a BFILE value": sql("select bfilename('D', 'f') from dual"),
    "a VECTOR bind": sql("select :1 from dual", array.array("f", [1.0, 2.0])),
    "a JSON bind": native_json,
    "an enqueue": queue(lambda q, c: q.enqone(c.msgproperties(payload=b"x"))),
    "many enqueues": queue(lambda q, c: q.enqmany([c.msgproperties(payload=b"x")] * 2)),
    "a dequeue": queue(lambda q, c: q.deqone()),
    "a subscription to a queue": lambda connection: connection.subscribe(
        namespace=oracledb.SUBSCR_NAMESPACE_AQ, name="Q", callback=print, client_initiated=True
    ),
    "a two-phase transaction": two_phases,
    "a sessionless transaction": lambda connection: connection.begin_sessionless_transaction(b"an id"),
}


@pytest.mark.parametrize("name", ATTEMPTS)
def test_a_feature_out_of_scope_is_refused_by_name(name: str, connection: oracledb.Connection) -> None:
    with pytest.raises(oracledb.DatabaseError, match=REFUSED):
        ATTEMPTS[name](connection)
    connection.ping()
    assert connection.cursor().execute("select 'well' from dual").fetchone() == ("well",)


def test_a_type_of_objects_cannot_be_described(connection: oracledb.Connection) -> None:
    with pytest.raises(oracledb.DatabaseError, match=r"DBMS_PICKLER.* must be declared"):
        connection.gettype("MY_TYPE")
    connection.ping()


def test_proxy_users_are_refused_at_logon(localdb: Instance, connect: Connect, schema: str) -> None:
    with pytest.raises(oracledb.DatabaseError, match=REFUSED):
        connect(f"{schema}[somebody]")
