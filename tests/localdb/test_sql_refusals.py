"""What Oracle 19c refuses is refused with its number, and where the driver shows it, its place."""

from __future__ import annotations

from collections.abc import Iterator

import oracledb
import pytest

from tests.conftest import Instance
from tests.localdb.conftest import code


@pytest.fixture(scope="module")
def cursor(localdb: Instance) -> Iterator[oracledb.Cursor]:
    connection = localdb.connect()
    cursor = connection.cursor()
    cursor.execute("create user refusal_test identified by tiger")
    cursor.execute("alter session set current_schema = refusal_test")
    cursor.execute(
        "create table emp (id number(4) primary key, name varchar2(5 char), dept varchar2(10), doc clob,"
        " twice number as (id * 2))"
    )
    cursor.execute("create table always_id (id number generated always as identity, v number)")
    cursor.execute("create sequence sq")
    cursor.execute("create view emp_v as select id, name from emp")
    yield cursor
    cursor.execute("alter session set current_schema = system")
    cursor.execute("drop user refusal_test cascade")
    connection.close()


REFUSED: list[tuple[str, int, int | None]] = [
    # PostgreSQL's words
    ("select * from emp limit 5", 933, 24),
    ("select * from emp where name ilike 'a'", 933, 29),
    ("select now() from dual", 904, 7),
    ("insert into emp (id) values (1) on conflict do nothing", 933, 32),
    ("insert into emp (id) values (1) returning *", 936, 42),
    ("select true from dual", 904, 7),
    ("select id from emp where name ~ 'a'", 911, None),
    ("select array[1] from dual", 923, None),
    ("select * from emp except select * from emp", 933, 18),
    ("create table t (a text)", 902, 18),
    ("create table t (a serial)", 902, 18),
    ("create table t (a boolean)", 902, 18),
    ("create table if not exists t (a number)", 922, 16),
    ("drop table if exists t", 933, 14),
    ("create index i on emp (dept) where dept is not null", 922, None),
    ("update emp set id = 1 from dual", 933, None),
    ("insert into emp (id) values (1), (2)", 933, 31),
    ("select ora_rowscn from emp_v", 904, 7),
    ("delete from emp using dual", 933, None),
    # the grammar
    ("select 1", 923, 8),
    ("select from emp", 936, 7),
    ("select 1 + from dual", 936, 11),
    ("select (1 from dual", 907, 10),
    ("select id name dept from emp", 923, 15),
    ('select "" from dual', 1741, 7),
    ("select 1 from dual where", 936, 24),
    ("select 1 from dual where 1 = 1 2", 933, 31),
    ("select 1 from dual where id", 904, 25),
    ("select 1 from dual where 1", 920, None),
    ("select * from", 903, 13),
    ("select 1 from dual;", 911, 18),
    ("select * emp", 923, 9),
    ("select case when 1 = 1 then 2 from dual", 905, 30),
    ("select 1 from dual group 1", 924, 25),
    ("select 1 from dual order 1", 924, 25),
    ("insert into emp (id) (1)", 928, None),
    ("insert into emp (id) 1", 926, 21),
    ("insert emp values (1)", 925, 7),
    ("update emp name = 'x'", 971, None),
    ("update emp set name 'x'", 927, 20),
    ("delete emp where", 936, 16),
    ("merge into emp using dual when matched then update set name = 'x'", 969, None),
    ("selec 1 from dual", 900, 0),
    ("select /* no end", 1742, None),
    # names
    ("select nope from emp", 904, 7),
    ("select e.nope from emp e", 904, 7),
    ("select emp.id from emp e", 904, 7),
    ("select id from nosuch", 942, 15),
    ("select id from nobody.emp", 942, 15),
    ("select id from emp a, emp b", 918, 7),
    ("select id i, name i from emp order by i", 960, 38),
    ("select foo(1) from dual", 904, 7),
    ("select nosuch.nextval from dual", 2289, 7),
    ("select * from sq", 2201, 14),
    ("insert into emp (nope) values (1)", 904, 17),
    ("update emp set nope = 1", 904, 15),
    ("select date from dual", 936, 7),
    ("select emp.select from emp", 1747, 11),
    ("select level from dual", 1788, 7),
    ("select * from emp sample (100)", 30562, 26),
    ("select 1 from dual order by 2", 1785, 28),
    ("select distinct dept from emp order by id", 1791, 39),
    # groups
    ("select dept, name from emp group by dept", 979, 13),
    ("select dept, count(*) from emp", 937, 7),
    ("select * from emp where count(*) > 1", 934, 24),
    ("select max(count(*)) from emp", 978, 11),
    ("select id from emp group by count(*)", 934, 28),
    ("select row_number() from emp", 30484, 7),
    ("select row_number() over () from emp", 30485, 7),
    ("select id from emp where row_number() over (order by id) = 1", 30483, 25),
    # types
    ("select id from emp where doc = 'x'", 932, None),
    ("select distinct doc from emp order by doc", 932, None),
    ("select sysdate + sysdate from dual", 975, None),
    ("select case when 1 = 1 then 1 else 'x' end from dual", 932, 35),
    ("select 1 from dual union select 'x' from dual", 1790, 0),
    ("select 1 from dual union select 1, 2 from dual", 1789, 0),
    ("select substr('a') from dual", 938, 7),
    ("select upper('a', 'b') from dual", 909, 7),
    ("select length() from dual", 909, 7),
    ("select id from emp where id in (select id, name from emp)", 913, None),
    ("select (select id, name from emp) from dual", 913, 7),
    ("select id from emp where (id, name) = (1, 'a', 2)", 920, None),
    # locks
    ("select name from emp fetch first 1 rows only for update", 2014, 21),
    ("select id from (select distinct id from emp) for update", 2014, None),
    ("select distinct name from emp for update", 1786, None),
    ("select count(*) from emp for update", 1786, None),
    ("select id from emp union select 1 from dual for update", 1786, None),
    # DML
    ("insert into emp (id) values (1, 2)", 913, 32),
    ("insert into emp (id, name) values (1)", 947, None),
    ("insert into emp (id, id) values (1, 2)", 957, None),
    ("insert into emp (id, twice) values (1, 2)", 54013, None),
    ("update emp set twice = 1", 54017, None),
    ("insert into always_id (id) values (1)", 32795, None),
    ("update always_id set id = 1", 32796, None),
    (
        "merge into emp t using (select 1 id from dual) s on (t.id = s.id) when matched then update set t.id = 2",
        38104,
        None,
    ),
    ("delete from emp where id = 1 returning id", 925, None),
    # DDL
    ("create table emp (a number)", 955, None),
    ("create table t (a number, a number)", 957, None),
    ("create table t (a varchar2(4001))", 910, None),
    ("create table t (a varchar2)", 906, None),
    ("create table t (a number(39))", 1727, None),
    ("create table t (a number", 907, None),
    ("create table t ()", 904, None),
    ("create view v as select id + 1 from emp", 998, None),
    ("alter table emp add (name number)", 1430, None),
    ("alter table emp drop column nope", 904, None),
    ("alter table nosuch add (a number)", 942, None),
    ("drop table nosuch", 942, 11),
    ("drop view nosuch", 942, None),
    ("drop sequence nosuch", 2289, None),
    ("drop index nosuch", 1418, None),
    ("create index i on nosuch (a)", 942, None),
    ("create index i on emp (nope)", 904, None),
    ("comment on column emp.nope is 'x'", 904, None),
    ("truncate table nosuch", 942, None),
    ("alter session set nonsense = 1", 2248, None),
    ("lock table emp in funny mode", 1737, None),
    ("rollback to nosuch", 1086, None),
]


@pytest.mark.parametrize(("statement", "number", "offset"), REFUSED)
def test_refused(cursor: oracledb.Cursor, statement: str, number: int, offset: int | None) -> None:
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute(statement)
    assert code(caught) == number
    if offset is not None:
        assert caught.value.args[0].offset == offset


def test_what_the_driver_would_take_for_a_bind(cursor: oracledb.Cursor) -> None:
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.parse("select id::int from emp")
    assert code(caught) == 923


NOT_SUPPORTED = [
    ("select id from emp fetch first 10 percent rows only", "PERCENT"),
    ("select * from emp versions between scn 1 and 2", "flashback"),
    ("select * from emp@remote", "database link"),
    ("select * from emp sample (10) seed (1)", "SAMPLE .. SEED"),
    ("select * from emp pivot xml (max(id) for dept in (any))", "PIVOT XML"),
    ("select to_number('x' default 0 on conversion error) from dual", "ON CONVERSION ERROR"),
    ("select validate_conversion('x' as number) from dual", "VALIDATE_CONVERSION"),
    ('select xmlserialize(content xmlelement("x", 1) as clob) from dual', "XMLSERIALIZE"),
    ("select xmlagg(xmlelement(e, id)).getclobval() from emp", "XMLAGG"),
    ("analyze table emp compute statistics", "ANALYZE"),
    ("flashback table emp to before drop", "FLASHBACK"),
    ("alter table emp modify primary key disable", "MODIFY PRIMARY"),
    ("explain plan for select 1 from dual", "EXPLAIN PLAN"),
    ("select xmltype('<a/>') from dual", "XMLTYPE"),
    ("create table t (a xmltype)", "XMLTYPE"),
    ("create materialized view m as select 1 a from dual", "MATERIALIZED"),
]


@pytest.mark.parametrize(("statement", "named"), NOT_SUPPORTED)
def test_what_is_not_known_is_named(cursor: oracledb.Cursor, statement: str, named: str) -> None:
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute(statement)
    assert code(caught) == 3001
    assert named in str(caught.value)


def test_the_connection_goes_on_after_a_refusal(cursor: oracledb.Cursor) -> None:
    with pytest.raises(oracledb.DatabaseError):
        cursor.execute("select nope from emp")
    cursor.execute("select count(*) from emp")
    assert cursor.fetchone() == (0,)
