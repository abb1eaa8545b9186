"""Queries mean what they mean on Oracle: joins, ROWNUM, GROUP BY, analytic functions, WITH, sets, row limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import oracledb
import pytest

from tests.conftest import Instance

ROWS = [
    (1, "Ada", "IT", 1000.5, None),
    (2, "Bob", "IT", 900, 1),
    (3, "Cid", "HR", None, 1),
    (4, "Dan", "HR", 700.25, 2),
]


@pytest.fixture(scope="module")
def cursor(localdb: Instance) -> Iterator[oracledb.Cursor]:
    """A cursor in a schema with table EMP."""
    connection = localdb.connect()
    cursor = connection.cursor()
    cursor.execute("create user query_test identified by tiger")
    cursor.execute("alter session set current_schema = query_test")
    cursor.execute(
        "create table emp (id number(4) primary key, name varchar2(20 char), dept varchar2(10 char),"
        " sal number(8,2), mgr number(4))"
    )
    cursor.executemany("insert into emp values (:1, :2, :3, :4, :5)", ROWS)
    cursor.execute("create table fixed (c char(5), v varchar2(5))")
    cursor.execute("insert into fixed values ('ab', 'ab')")
    connection.commit()
    yield cursor
    cursor.execute("alter session set current_schema = system")
    cursor.execute("drop user query_test cascade")
    connection.close()


QUERIES: list[tuple[str, list[tuple[Any, ...]]]] = [
    # ROWNUM counts rows as they pass the other conditions, before they are sorted
    ("select name from emp where rownum <= 0", []),
    ("select count(*) from emp where rownum < 3", [(2,)]),
    ("select count(*) from emp where rownum > 1", [(0,)]),
    ("select count(*) from emp where rownum >= 1", [(4,)]),
    ("select count(*) from emp where rownum = 2", [(0,)]),
    ("select count(*) from emp where 3 > rownum", [(2,)]),
    ("select count(*) from emp where rownum between 1 and 3", [(3,)]),
    ("select name from (select name from emp order by name desc) where rownum = 1", [("Dan",)]),
    ("select r, name from (select rownum r, name from emp) where r = 3", [(3, "Cid")]),
    ("select rownum, name from (select name from emp order by name desc) where rownum <= 2", [(1, "Dan"), (2, "Cid")]),
    ("select max(rownum) from emp where dept = 'IT'", [(2,)]),
    ("select name from emp where lnnvl(mgr = 1) order by id", [("Ada",), ("Dan",)]),
    ("select case when not lnnvl(mgr = 1 or id = 1) then 1 else 0 end from emp order by id", [(1,), (1,), (1,), (0,)]),
    # joins
    (
        "select e.name, m.name from emp e, emp m where e.mgr = m.id(+) order by e.id",
        [("Ada", None), ("Bob", "Ada"), ("Cid", "Ada"), ("Dan", "Bob")],
    ),
    (
        "select e.name, m.name from emp e, emp m where e.mgr = m.id(+) and m.sal(+) > 900 order by e.id",
        [("Ada", None), ("Bob", "Ada"), ("Cid", "Ada"), ("Dan", None)],
    ),
    (
        "select e.name from emp e, emp m where e.mgr = m.id(+) and m.id is null",
        [("Ada",)],
    ),
    (
        "select e.name, m.name, g.name from emp e, emp m, emp g"
        " where e.mgr = m.id(+) and m.mgr = g.id(+) order by e.id",
        [("Ada", None, None), ("Bob", "Ada", None), ("Cid", "Ada", None), ("Dan", "Bob", "Ada")],
    ),
    (
        "select e.name, m.name from emp e left outer join emp m on m.id = e.mgr where e.id > 2 order by 1",
        [("Cid", "Ada"), ("Dan", "Bob")],
    ),
    ("select count(*) from emp e full join emp m on e.id = m.mgr", [(6,)]),
    ("select count(*) from emp a cross join emp b", [(16,)]),
    ("select count(*) from emp sample block (1e-6) e where 1 = 0", [(0,)]),
    ("select count(*) from emp a, emp b", [(16,)]),
    ("select id, a.name, b.dept from emp a join emp b using (id) where id = 1", [(1, "Ada", "IT")]),
    ("select id from emp natural join (select id from emp where id < 3) order by id desc", [(2,), (1,)]),
    (
        "select e.name, x.n from emp e cross apply (select count(*) n from emp m where m.mgr = e.id) x order by 1",
        [("Ada", 2), ("Bob", 1), ("Cid", 0), ("Dan", 0)],
    ),
    (
        "select decode(m.id, null, 'top', m.name) from emp e left join emp m on m.id = e.mgr order by e.id",
        [("top",), ("Ada",), ("Ada",), ("Bob",)],
    ),
    # subqueries
    ("select name from emp where sal = (select max(sal) from emp)", [("Ada",)]),
    ("select name from emp e where exists (select null from emp m where m.mgr = e.id) order by 1", [("Ada",), ("Bob",)]),
    ("select name from emp where id not in (select mgr from emp where mgr is not null) order by 1", [("Cid",), ("Dan",)]),
    ("select name from emp where id not in (select mgr from emp)", []),
    ("select name from emp where (dept, id) in (('IT', 1), ('HR', 3)) order by 1", [("Ada",), ("Cid",)]),
    ("select name from emp where (dept, sal) in (select dept, max(sal) from emp group by dept) order by 1", [("Ada",), ("Dan",)]),
    ("select name from emp where sal > any (select sal from emp where dept = 'IT')", [("Ada",)]),
    ("select name from emp where sal >= all (900, 1000)", [("Ada",)]),
    ("select (select name from emp m where m.id = e.mgr) from emp e where id = 4", [("Bob",)]),
    # conversions in comparisons
    ("select name from emp where id = '2'", [("Bob",)]),
    ("select name from emp where id in ('1', '4') order by 1", [("Ada",), ("Dan",)]),
    ("select count(*) from fixed where c = 'ab'", [(1,)]),
    ("select count(*) from fixed where c = v", [(0,)]),
    ("select c || '|', length(c) from fixed", [("ab   |", 5)]),
    ("select count(*) from emp where name = ''", [(0,)]),
    ("select count(*) from emp where name != ''", [(0,)]),
    ("select name from emp where name like '_o%'", [("Bob",)]),
    ("select name from emp where name like 'x\\%' escape '\\'", []),
    ("select name from emp where name not like '%a%' order by 1", [("Bob",), ("Cid",)]),
    ("select name from emp where regexp_like(name, '^[ab]', 'i') order by 1", [("Ada",), ("Bob",)]),
    # GROUP BY
    (
        "select dept, count(*), count(sal), sum(sal), avg(sal) from emp group by dept order by dept",
        [("HR", 2, 1, 700.25, 700.25), ("IT", 2, 2, 1900.5, 950.25)],
    ),
    ("select dept from emp group by dept having count(sal) = 2", [("IT",)]),
    ("select count(*) from emp where id > 9", [(0,)]),
    ("select max(sal) from emp where id > 9", [(None,)]),
    ("select dept, id, count(*) from emp group by rollup (dept, id) having grouping(id) = 1 order by dept", [("HR", None, 2), ("IT", None, 2), (None, None, 4)]),
    ("select substr(dept, 1, 1), max(id) from emp group by substr(dept, 1, 1) order by 1", [("H", 4), ("I", 2)]),
    ("select max(sum(sal)), min(count(*)) from emp group by dept", [(1900.5, 2)]),
    ("select listagg(name, ',') within group (order by name desc) from emp", [("Dan,Cid,Bob,Ada",)]),
    ("select count(distinct dept) from emp", [(2,)]),
    ("select max(name) keep (dense_rank last order by sal nulls first) from emp", [("Ada",)]),
    ("select median(sal) from emp", [(900,)]),
    # analytic functions
    (
        "select name, row_number() over (partition by dept order by id desc) from emp order by id",
        [("Ada", 2), ("Bob", 1), ("Cid", 2), ("Dan", 1)],
    ),
    ("select name, lag(name) over (order by id) from emp order by id", [("Ada", None), ("Bob", "Ada"), ("Cid", "Bob"), ("Dan", "Cid")]),
    ("select id, sum(id) over (order by id) from emp order by id", [(1, 1), (2, 3), (3, 6), (4, 10)]),
    ("select id, sum(id) over (order by id rows 1 preceding) from emp order by id", [(1, 1), (2, 3), (3, 5), (4, 7)]),
    ("select dept, sum(count(*)) over () from emp group by dept order by 1", [("HR", 4), ("IT", 4)]),
    # sets
    ("select dept from emp union select 'XX' from dual order by 1", [("HR",), ("IT",), ("XX",)]),
    ("select dept from emp minus select 'IT' from dual", [("HR",)]),
    ("select dept from emp intersect select 'IT' from dual", [("IT",)]),
    ("select 1 a, 'x' b from dual union all select 2, null from dual order by a desc", [(2, None), (1, "x")]),
    ("select null from dual union all select 5 from dual", [(None,), (5,)]),
    # WITH
    (
        "with q as (select dept, sum(sal) s from emp group by dept), r (a, b) as (select dept, s from q)"
        " select a, b from r order by b",
        [("HR", 700.25), ("IT", 1900.5)],
    ),
    ("with n (i) as (select 1 from dual union all select i + 1 from n where i < 5) select sum(i) from n", [(15,)]),
    # order and row limits
    ("select name from emp order by sal", [("Dan",), ("Bob",), ("Ada",), ("Cid",)]),
    ("select name from emp order by sal desc", [("Cid",), ("Ada",), ("Bob",), ("Dan",)]),
    ("select name from emp order by sal desc nulls last", [("Ada",), ("Bob",), ("Dan",), ("Cid",)]),
    ("select name n from emp order by upper(n) desc fetch first 1 row only", [("Dan",)]),
    ("select name, sal * 2 d from emp order by d + 1 nulls first fetch first row only", [("Cid", None)]),
    ("select name from emp order by id offset 1 row fetch next 2 rows only", [("Bob",), ("Cid",)]),
    ("select dept from emp order by dept fetch first 1 rows with ties", [("HR",), ("HR",)]),
    ("select distinct dept from emp order by dept desc", [("IT",), ("HR",)]),
    # generators
    ("select level from dual connect by level <= 3", [(1,), (2,), (3,)]),
    ("select rownum from dual connect by rownum <= 2", [(1,), (2,)]),
    ("select count(*) from dual connect by level < 1", [(1,)]),
    ("select date '2026-01-01' + level - 1 - date '2026-01-01' from dual connect by level <= 2", [(0,), (1,)]),
    ("select column_value from table(sys.odcinumberlist(3, 4)) order by 1", [(3,), (4,)]),
    (
        "select j.x, j.y from json_table('[{\"x\":\"a\",\"y\":1},{\"x\":\"b\"}]', '$[*]'"
        " columns (x varchar2(10) path '$.x', y number path '$.y')) j",
        [("a", 1), ("b", None)],
    ),
    ("select dummy from dual", [("X",)]),
    ("select * from dual", [("X",)]),
    ("select e.* from (select 1 a, 2 b from dual) e", [(1, 2)]),
]  # fmt: skip


@pytest.mark.parametrize(("query", "expected"), QUERIES)
def test_query(cursor: oracledb.Cursor, query: str, expected: list[tuple[Any, ...]]) -> None:
    cursor.execute(query)
    assert cursor.fetchall() == expected


HIERARCHY: list[tuple[str, list[tuple[Any, ...]]]] = [
    (
        "select level, name from emp start with mgr is null connect by prior id = mgr order siblings by name",
        [(1, "Ada"), (2, "Bob"), (3, "Dan"), (2, "Cid")],
    ),
    (
        "select name, sys_connect_by_path(name, '/') from emp start with id = 1 connect by mgr = prior id"
        " order siblings by id",
        [("Ada", "/Ada"), ("Bob", "/Ada/Bob"), ("Dan", "/Ada/Bob/Dan"), ("Cid", "/Ada/Cid")],
    ),
    ("select connect_by_root name, name from emp where level = 3 start with id = 1 connect by mgr = prior id", [("Ada", "Dan")]),
    ("select name from emp where connect_by_isleaf = 1 start with id = 1 connect by mgr = prior id order by name", [("Cid",), ("Dan",)]),
    ("select prior name, name from emp start with id = 2 connect by mgr = prior id", [(None, "Bob"), ("Bob", "Dan")]),
    ("select name from emp start with id = 4 connect by id = prior mgr", [("Dan",), ("Bob",), ("Ada",)]),
    ("select count(*) from emp where name <> 'Bob' start with id = 1 connect by mgr = prior id", [(3,)]),
]  # fmt: skip


@pytest.mark.parametrize(("query", "expected"), HIERARCHY)
def test_hierarchical_query(cursor: oracledb.Cursor, query: str, expected: list[tuple[Any, ...]]) -> None:
    cursor.execute(query)
    assert cursor.fetchall() == expected


def test_description_names_and_types(cursor: oracledb.Cursor) -> None:
    cursor.execute("select id, e.name as who, sal * 2, 'x' \"Mixed\", sysdate, count(*) over () c from emp e")
    described = [(column.name, column.type_code) for column in cursor.description]
    assert described == [
        ("ID", oracledb.DB_TYPE_NUMBER),
        ("WHO", oracledb.DB_TYPE_VARCHAR),
        ("SAL*2", oracledb.DB_TYPE_NUMBER),
        ("Mixed", oracledb.DB_TYPE_CHAR),
        ("SYSDATE", oracledb.DB_TYPE_DATE),
        ("C", oracledb.DB_TYPE_NUMBER),
    ]


def test_description_of_columns_tells_precision_and_length(cursor: oracledb.Cursor) -> None:
    cursor.execute("select id, name, sal from emp")
    described = [(c.precision, c.scale, c.display_size, c.internal_size) for c in cursor.description]
    assert described[0][:2] == (4, 0)
    assert described[1][2:] == (20, 80)
    assert described[2][:2] == (8, 2)


def test_rowid_finds_its_row(cursor: oracledb.Cursor) -> None:
    cursor.execute("select rowid from emp where id = 3")
    row = cursor.fetchone()
    assert row is not None
    assert len(row[0]) == 18
    cursor.execute("select name from emp where rowid = :1", row)
    assert cursor.fetchone() == ("Cid",)


def test_each_occurrence_of_a_bind_has_its_own_value(cursor: oracledb.Cursor) -> None:
    cursor.execute("select :1, :1 from dual", ["a", "b"])
    assert cursor.fetchone() == ("a", "b")
    cursor.execute("select name from emp where id = :id or id = :id + 1 order by 1", id=1)
    assert cursor.fetchall() == [("Ada",), ("Bob",)]


def test_a_name_of_the_select_list_orders_groups_and_ungrouped_columns_do_not(
    cursor: oracledb.Cursor,
) -> None:
    cursor.execute(
        "select mod(id, 2) as odd, count(*) as number_of from emp group by mod(id, 2) order by number_of"
    )
    assert cursor.fetchall()
    with pytest.raises(oracledb.DatabaseError, match="ORA-00979"):
        cursor.execute("select mod(id, 2) as odd, count(*) from emp group by mod(id, 2) order by name")


def test_json_value_of_a_row_without_a_document_hides_no_other(cursor: oracledb.Cursor) -> None:
    cursor.execute(
        """select json_value(d.doc, '$.a')
             from (select 1 as id from dual union all select 2 from dual) n
             left join (select 2 as id, '{"a": "x"}' as doc from dual) d on d.id = n.id
            order by n.id"""
    )
    assert cursor.fetchall() == [(None,), ("x",)]
