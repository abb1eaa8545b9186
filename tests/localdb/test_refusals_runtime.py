"""What Oracle refuses when a statement runs, or when DDL meets data: the number, and the figures in the text."""

from __future__ import annotations

from collections.abc import Iterator

import oracledb
import pytest

from tests.conftest import Instance
from tests.localdb.conftest import code

OWNER = "REFUSAL_RUN"


@pytest.fixture(scope="module")
def cursor(localdb: Instance) -> Iterator[oracledb.Cursor]:
    connection = localdb.connect()
    cursor = connection.cursor()
    cursor.execute(f"create user {OWNER} identified by tiger")
    cursor.execute(f"alter session set current_schema = {OWNER}")
    cursor.execute(
        "create table parents (id number(4) constraint parents_pk primary key, s varchar2(3 char) not null,"
        " b varchar2(3), n number(3,1), c number constraint parents_ck check (c > 0),"
        " u number constraint parents_uk unique, r raw(2), j varchar2(99))"
    )
    cursor.execute("create table children (id number, p number constraint children_fk references parents)")
    cursor.execute("create sequence seq")
    cursor.execute("insert into parents values (1, 'a', 'b', 1, 1, 1, '0a', '{}')")
    cursor.execute("insert into parents (id, s, n) values (2, 'abc', 12.3)")
    cursor.execute("insert into children values (1, 1)")
    cursor.execute("insert into children values (1, null)")
    connection.commit()
    yield cursor
    connection.rollback()
    cursor.execute("alter session set current_schema = system")
    cursor.execute(f"drop user {OWNER} cascade")
    connection.close()


REFUSED: list[tuple[str, int, str]] = [
    # constraints, by name
    ("insert into parents (id, s) values (1, 'x')", 1, f"({OWNER}.PARENTS_PK)"),
    ("insert into parents (id, s, u) values (3, 'x', 1)", 1, f"({OWNER}.PARENTS_UK)"),
    ("update parents set u = 1 where id = 2", 1, f"({OWNER}.PARENTS_UK)"),
    ("insert into parents (id) values (3)", 1400, f'("{OWNER}"."PARENTS"."S")'),
    ("update parents set s = ''", 1407, f'("{OWNER}"."PARENTS"."S")'),
    ("insert into parents (id, s, c) values (3, 'x', 0)", 2290, f"({OWNER}.PARENTS_CK)"),
    ("insert into children values (2, 99)", 2291, f"({OWNER}.CHILDREN_FK)"),
    ("delete from parents where id = 1", 2292, f"({OWNER}.CHILDREN_FK)"),
    ("update parents set id = 9 where id = 1", 2292, f"({OWNER}.CHILDREN_FK)"),
    # values that do not fit
    ("insert into parents (id, s) values (12345, 'x')", 1438, "precision"),
    ("insert into parents (id, s, n) values (3, 'x', 99.99)", 1438, "precision"),
    ("insert into parents (id, s) values (3, 'abcd')", 12899, '"S" (actual: 4, maximum: 3)'),
    ("insert into parents (id, s, b) values (3, 'x', 'éé')", 12899, '"B" (actual: 4, maximum: 3)'),
    ("insert into parents (id, s, r) values (3, 'x', '010203')", 12899, '"R" (actual: 3, maximum: 2)'),
    ("insert into parents (id, s, r) values (3, 'x', 'xyz')", 1465, "hex"),
    ("insert into parents (id, s) select 3, 'abcd' from dual", 12899, "actual: 4, maximum: 3"),
    ("merge into parents t using (select 1 id from dual) s on (t.id = s.id) when matched then update set s ="
     " 'long!'", 12899, "actual: 5, maximum: 3"),
    # numbers
    ("select to_number('abc') from dual", 1722, ""),
    ("select 'abc' + 1 from dual", 1722, ""),
    ("select * from parents where s = 1", 1722, ""),
    ("select 1 / 0 from dual", 1476, ""),
    ("select power(10, 200) from dual", 1426, ""),
    ("select sqrt(-1) from dual", 1428, "'-1'"),
    ("select ln(0) from dual", 1428, "'0'"),
    # dates
    ("select to_date('2024-01-01 10', 'YYYY-MM-DD') from dual", 1830, ""),
    ("select to_date('2024-13-01', 'YYYY-MM-DD') from dual", 1843, ""),
    ("select to_date('01-FOO-24', 'DD-MON-RR') from dual", 1843, ""),
    ("select to_date('2024-02-30', 'YYYY-MM-DD') from dual", 1839, ""),
    ("select to_date('2024-01-32', 'YYYY-MM-DD') from dual", 1847, ""),
    ("select to_date('2024/01-01', 'YYYY\"x\"MM-DD') from dual", 1861, ""),
    ("select to_date('2024', 'YYYY-MM') from dual", 1840, ""),
    ("select to_date('x', 'YYYY') from dual", 1841, ""),
    ("select to_date('2024-01-01 25', 'YYYY-MM-DD HH24') from dual", 1850, ""),
    ("select to_date('10:61', 'HH24:MI') from dual", 1851, ""),
    ("select to_date('1', 'Q') from dual", 1820, ""),
    ("select to_char(sysdate, 'foo') from dual", 1821, ""),
    ("select trunc(sysdate, 'XYZ') from dual", 1898, ""),
    ("select next_day(sysdate, 'FOO') from dual", 1846, ""),
    ("select date '2024-02-30' from dual", 1839, ""),
    # rows and texts
    ("select (select id from parents) from dual", 1427, ""),
    ("update parents set n = (select id from parents)", 1427, ""),
    ("merge into parents t using (select 1 id from dual union all select 1 from dual) s on (t.id = s.id)"
     " when matched then update set n = 3", 30926, ""),
    ("select rpad('x', 4000) || rpad('x', 4000) from dual", 1489, ""),
    ("select listagg(rpad('x', 1000)) within group (order by 1) from dual connect by level < 10", 1489, ""),
    ("select regexp_substr('a', '(') from dual", 12726, ""),
    ("select chartorowid('abc') from dual", 1410, ""),
    ("select json_value('{', '$.a' error on error) from dual", 40441, ""),
    ("select json_value('{}', '$.a' error on error) from dual", 40462, ""),
    ("select json_value('{\"a\":{}}', '$.a' error on error) from dual", 40456, ""),
    ("select seq.currval from dual", 8002, "SEQ.CURRVAL"),
    # DDL and the data it meets
    ("alter table parents modify (id number(2))", 1440, ""),
    ("alter table parents modify (n number)", 0, ""),
    ("alter table parents modify (s number)", 1439, ""),
    ("alter table parents modify (s varchar2(2 char))", 1441, ""),
    ("alter table parents modify (b varchar2(2))", 0, ""),
    ("alter table parents modify (j clob)", 22858, ""),
    ("alter table parents modify (u not null)", 2296, f"({OWNER}.)"),
    ("alter table parents add (z number not null)", 1758, ""),
    ("alter table parents add constraint z unique (u, u)", 957, ""),
    ("alter table parents add constraint parents_ck check (1 = 1)", 2264, ""),
    ("alter table parents add constraint z check (n < 10)", 2293, f"({OWNER}.Z)"),
    ("alter table parents add primary key (u)", 2260, ""),
    ("alter table children add constraint z unique (id)", 2299, f"({OWNER}.Z)"),
    ("alter table children add constraint z primary key (id)", 2437, f"({OWNER}.Z)"),
    ("alter table children add constraint z primary key (p)", 1449, ""),
    ("alter table children add constraint z foreign key (id) references parents (n)", 2270, ""),
    ("create unique index z on children (id)", 1452, ""),
    ("create index z on parents (u)", 1408, ""),
    ("alter table parents drop primary key", 2273, ""),
    ("alter table parents drop constraint nosuch", 2443, ""),
    ("drop table parents", 2449, ""),
    ("truncate table parents", 2266, ""),
    ("create sequence z increment by 0", 4002, ""),
    ("create sequence z start with 5 maxvalue 2", 4008, ""),
    ("create sequence z start with 1 minvalue 2", 4006, ""),
    ("create table z as select 1 from dual", 998, ""),
    ("create view z (a, b) as select 1 from dual", 1730, ""),
    # users and rights
    ("create user system identified by x", 1920, "'SYSTEM'"),
    ("alter user nobody identified by x", 1918, "'NOBODY'"),
    ("drop role nobody", 1919, "'NOBODY'"),
    ("grant select on parents to nobody", 1917, "'NOBODY'"),
    ("create synonym parents for children", 955, ""),
    ("alter trigger nosuch disable", 4080, "'NOSUCH'"),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "number", "part"), REFUSED)
def test_refused(cursor: oracledb.Cursor, statement: str, number: int, part: str) -> None:
    if not number:
        cursor.execute(statement)  # the same kind of statement where Oracle allows it
        return
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute(statement).fetchall()
    assert code(caught) == number
    assert part in str(caught.value)
