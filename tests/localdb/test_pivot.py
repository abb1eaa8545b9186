"""PIVOT and UNPIVOT."""

from __future__ import annotations

import oracledb
import pytest

from tests.localdb.conftest import code


@pytest.fixture
def cursor(connection: oracledb.Connection) -> oracledb.Cursor:
    cursor = connection.cursor()
    cursor.execute("create table e (dept number, job varchar2(10), sal number, bonus number)")
    rows = [(10, "CLERK", 100, 1), (10, "CLERK", 50, None), (10, "BOSS", 500, 9), (20, "CLERK", 70, 2), (30, "OTHER", 1, 1)]  # fmt: skip
    cursor.executemany("insert into e values (:1, :2, :3, :4)", rows)
    cursor.execute("create table q (id number, q1 number, q2 number, q3 number)")
    cursor.executemany("insert into q values (:1, :2, :3, :4)", [(1, 10, None, 30), (2, None, 5, 6)])
    return cursor


E = "(select dept, job, sal from e)"
QUERIES = [
    (f"select * from {E} pivot (sum(sal) for job in ('CLERK', 'BOSS' as boss)) order by dept",
     ["DEPT", "'CLERK'", "BOSS"], [(10, 150, 500), (20, 70, None), (30, None, None)]),
    (f"select dept, clerk_s, clerk_n, boss_n from {E} pivot (sum(sal) as s, count(*) n for job in ('CLERK' clerk, 'BOSS' as boss)) p"
     " where p.dept < 30 order by 1", ["DEPT", "CLERK_S", "CLERK_N", "BOSS_N"], [(10, 150, 2, 1), (20, 70, 1, 0)]),
    ("select * from (select job, sal from e) pivot (max(sal * 2) for job in ('CLERK' c, 'NONE' n))", ["C", "N"], [(200, None)]),
    (f"select * from {E} pivot (sum(sal) for (dept, job) in ((10, 'CLERK') as a, (20, 'CLERK') as b))", ["A", "B"], [(150, 70)]),
    ("select * from e pivot (sum(sal) for dept in (10, 20)) where bonus = 1 order by job",
     ["JOB", "BONUS", "10", "20"], [("CLERK", 1, 100, None), ("OTHER", 1, None, None)]),
    (f"with w as {E} select dept, c from w pivot (count(distinct sal) for job in ('CLERK' c)) order by dept",
     ["DEPT", "C"], [(10, 2), (20, 1), (30, 0)]),
    ("select * from q unpivot (amount for quarter in (q1, q2, q3)) order by id, quarter",
     ["ID", "QUARTER", "AMOUNT"], [(1, "Q1", 10), (1, "Q3", 30), (2, "Q2", 5), (2, "Q3", 6)]),
    ("select u.id, quarter, amount from q unpivot include nulls (amount for quarter in (q1 as 1, q2 as 2)) u order by 1, 2",
     ["ID", "QUARTER", "AMOUNT"], [(1, 1, 10), (1, 2, None), (2, 1, None), (2, 2, 5)]),
]  # fmt: skip


@pytest.mark.parametrize(("query", "names", "rows"), QUERIES)
def test_rows_become_columns_and_columns_rows(
    cursor: oracledb.Cursor, query: str, names: list[str], rows: list[tuple[object, ...]]
) -> None:
    cursor.execute(query)
    assert cursor.description is not None
    assert [column.name for column in cursor.description] == names
    assert cursor.fetchall() == rows


def test_in_views_plsql_and_with_binds(cursor: oracledb.Cursor) -> None:
    cursor.execute(f"create view v as select * from {E} pivot (sum(sal) for job in ('CLERK' as clerk))")
    assert cursor.execute("select sum(clerk) from v").fetchone() == (220,)
    found = cursor.var(int)
    cursor.execute(
        "begin for r in (select * from q unpivot (amount for quarter in (q1, q2, q3))) loop"
        " :n := nvl(:n, 0) + r.amount; end loop; end;",
        n=found,
    )
    assert found.getvalue() == 51
    cursor.execute(
        "select sum(amount) from (select * from q where id = :1) unpivot (amount for quarter in (q1, q3))"
        " where amount > :2",
        [1, 10],
    )
    assert cursor.fetchone() == (30,)


@pytest.mark.parametrize(
    ("clause", "number"),
    [
        ("pivot (sum(sal) for job in (:1))", 56900),
        ("pivot (sum(sal) for job in (dept))", 56901),
        ("pivot (sal for job in ('A'))", 56902),
        ("pivot (sum(sal) for nope in ('A'))", 904),
        ("pivot (sum(sal) job in ('A'))", 56906),
        ("pivot (sum(sal), count(*) for job in ('A'))", 918),
        ("pivot xml (sum(sal) for job in (any))", 3001),
        ("pivot (sum(sal) for job in (select job from e))", 3001),
        ("unpivot (a for b in (sal, nope))", 904),
        ("unpivot (a for b in (sal, job))", 1790),
        ("unpivot ((a, b) for c in ((sal, bonus)))", 3001),
    ],
)
def test_what_is_refused(cursor: oracledb.Cursor, clause: str, number: int) -> None:
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute(f"select * from e {clause}", ["x"] if ":1" in clause else [])
    assert code(caught) == number
