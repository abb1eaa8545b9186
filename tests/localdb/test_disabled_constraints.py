"""Foreign keys and checks that are switched off and on."""

from __future__ import annotations

import oracledb
import pytest

from tests.localdb.conftest import code


@pytest.fixture
def cursor(connection: oracledb.Connection) -> oracledb.Cursor:
    cursor = connection.cursor()
    cursor.execute("create table d (id number primary key)")
    cursor.execute(
        "create table e (id number primary key, d number constraint e_d references d on delete cascade,"
        " s number constraint e_s check (s > 0), n varchar2(5) constraint e_n not null)"
    )
    return cursor


def refused(cursor: oracledb.Cursor, statement: str) -> int:
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute(statement)
    return code(caught)


def status(cursor: oracledb.Cursor) -> dict[str, str]:
    cursor.execute(
        "select constraint_name, status from user_constraints where constraint_name in ('E_D', 'E_S')"
    )
    return dict(cursor.fetchall())


def test_disabled_they_let_everything_pass(cursor: oracledb.Cursor, connection: oracledb.Connection) -> None:
    cursor.execute("alter table e disable constraint e_d")
    cursor.execute("alter table e modify constraint e_s disable")
    assert status(cursor) == {"E_D": "DISABLED", "E_S": "DISABLED"}
    cursor.execute("insert into e values (1, 99, -1, 'x')")
    connection.commit()
    connection.direct_path_load(connection.username, "E", ["ID", "D", "S", "N"], [(2, 98, 0, "y")])
    assert refused(cursor, "alter table e enable constraint e_d") == 2298
    assert refused(cursor, "alter table e enable constraint e_s") == 2293
    cursor.execute("update e set d = null, s = 1")
    cursor.execute("alter table e enable constraint e_d")
    cursor.execute("alter table e modify constraint e_s enable")
    assert status(cursor) == {"E_D": "ENABLED", "E_S": "ENABLED"}
    cursor.execute("select search_condition_vc from user_constraints where constraint_name = 'E_S'")
    assert cursor.fetchone() == ("s > 0",)
    assert refused(cursor, "insert into e values (3, 99, 1, 'x')") == 2291
    assert refused(cursor, "insert into e values (3, null, 0, 'x')") == 2290
    cursor.execute("insert into d values (1)")
    cursor.execute("insert into e values (4, 1, 1, 'x')")
    cursor.execute("delete from d")  # and what refers to it
    assert cursor.execute("select count(*) from e").fetchone() == (2,)


@pytest.mark.parametrize(
    ("change", "number"),
    [
        ("disable constraint nope", 2431),
        ("enable constraint nope", 2430),
        ("disable primary key", 3001),
        ("disable constraint e_n", 3001),
        ("enable novalidate constraint e_s", 3001),
    ],
)
def test_what_is_refused(cursor: oracledb.Cursor, change: str, number: int) -> None:
    assert refused(cursor, f"alter table e {change}") == number


def test_not_null_is_dropped_by_its_name(cursor: oracledb.Cursor) -> None:
    cursor.execute("alter table e drop constraint e_n")
    cursor.execute("insert into e (id) values (1)")
