"""19c and 23ai: what only 23ai takes, and how 19c refuses the same words."""

from __future__ import annotations

import oracledb
import pytest

from tests.conftest import Instance
from tests.localdb.conftest import code

# statement, what 19c says, what it gives in 23ai (None: no rows)
PAIRS: list[tuple[str, int, object]] = [
    ("select 1", 923, 1),
    ("select true from dual", 904, True),
    ("select 1 = 1 from dual", 923, True),
    ("create table if not exists p (a number, b number)", 922, None),
    ("create table if not exists p (a number)", 922, None),
    ("insert into p values (1, 1), (2, 0)", 933, None),
    ("select count(*) from (values (1, 'a'), (2, 'b')) t (x, y)", 928, 2),
    ("select lower(dummy) as k from dual group by k", 904, "x"),
    ("select count(*) as k from dual having k > 0", 904, 1),
    ("select 2 from dual except select 1 from dual", 933, 2),
    ("create index if not exists p_idx on p (a)", 969, None),
    ("create index if not exists p_idx on p (a)", 969, None),
    ("drop index if exists p_idx", 933, None),
    ("drop index if exists p_idx", 933, None),
    ("create view if not exists p_v as select a from p", 905, None),
    ("create view if not exists p_v as select a from p", 905, None),
    ("drop view if exists p_v", 933, None),
    ("drop view if exists p_v", 933, None),
    ("create sequence if not exists p_seq", 922, None),
    ("create sequence if not exists p_seq", 922, None),
    ("drop sequence if exists p_seq", 933, None),
    ("drop sequence if exists p_seq", 933, None),
    ("create synonym if not exists p_syn for p", 905, None),
    ("create synonym if not exists p_syn for p", 905, None),
    ("drop synonym if exists p_syn", 933, None),
    ("drop synonym if exists p_syn", 933, None),
    ("create user if not exists p_user identified by tiger", 922, None),
    ("create user if not exists p_user identified by tiger", 922, None),
    ("drop user if exists p_user", 933, None),
    ("drop user if exists p_user", 933, None),
    ("create role if not exists p_role", 922, None),
    ("drop role if exists p_role", 933, None),
    ("drop role if exists p_role", 933, None),
    ("drop table if exists p", 933, None),
    ("drop table if exists p", 933, None),
]


def test_23ai_takes_them(instance_23ai: Instance) -> None:
    with instance_23ai.connect() as connection:
        cursor = connection.cursor()
        cursor.execute("alter table if exists nosuch add (x number)")
        for statement, _, expected in PAIRS:
            cursor.execute(statement)
            if expected is not None:
                assert cursor.fetchone() == (expected,), statement


@pytest.mark.parametrize(("statement", "number"), [pair[:2] for pair in PAIRS])
def test_19c_refuses_them(instance_19c: Instance, statement: str, number: int) -> None:
    with instance_19c.connect() as connection, pytest.raises(oracledb.DatabaseError) as caught:
        connection.cursor().execute(statement)
    assert code(caught) == number


def test_units_with_if_exists(instance_23ai: Instance) -> None:
    with instance_23ai.connect() as connection:
        cursor = connection.cursor()
        for _ in range(2):
            cursor.execute("create procedure if not exists play_proc is begin null; end;")
            assert cursor.warning is None
        cursor.callproc("play_proc")
        for _ in range(2):
            cursor.execute("drop procedure if exists play_proc")
        with pytest.raises(oracledb.DatabaseError) as caught:
            cursor.execute("create or replace procedure if not exists play_proc is begin null; end;")
        assert code(caught) == 11541
        with pytest.raises(oracledb.DatabaseError) as caught:
            cursor.execute("create or replace view if not exists play_v as select 1 a from dual")
        assert code(caught) == 11541


def test_boolean_columns(instance_23ai: Instance) -> None:
    with instance_23ai.connect() as connection:
        cursor = connection.cursor()
        cursor.execute("create table flags (id number, flag boolean)")
        cursor.execute("insert into flags values (1, :1)", [True])
        cursor.execute("insert into flags values (2, 'no'), (3, null)")
        assert cursor.execute("select id from flags where flag").fetchall() == [(1,)]
        assert cursor.execute("select id from flags where not flag").fetchall() == [(2,)]
        assert cursor.execute("select flag, to_char(flag) from flags order by id").fetchall() == [
            (True, "TRUE"),
            (False, "FALSE"),
            (None, None),
        ]
        [(kind,)] = cursor.execute("select data_type from user_tab_columns where column_name = 'FLAG'")
        assert kind == "BOOLEAN"
        cursor.execute("drop table flags")


@pytest.mark.parametrize(
    ("name", "version"), [("instance_19c", "19.28.0.0.0"), ("instance_23ai", "23.26.0.0.0")]
)
def test_it_says_which_version_it_plays(request: pytest.FixtureRequest, name: str, version: str) -> None:
    instance: Instance = request.getfixturevalue(name)
    with instance.connect() as connection:
        assert connection.version == version
        cursor = connection.cursor()
        [(product, full)] = cursor.execute("select product, version_full from product_component_version")
        assert (full, "not Oracle" in product) == (version, True)
        [(banner,)] = cursor.execute("select banner_full from v$version")
        assert version in banner
        [(instance_version,)] = cursor.execute("select version_full from v$instance")
        assert instance_version == version
