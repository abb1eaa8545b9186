"""Rules about query blocks: groups, order, locks, names, and how deep a name is seen."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from tests.gate.blocks import Block, Read, calls, without_queries
from tests.gate.catalogue import by_name
from tests.gate.reserved import SQL_RESERVED
from tests.gate.rules import rule
from tests.gate.words import Word, names, split_at, texts

Faults = Iterator[tuple[int, str]]
_AGGREGATES = names("""COUNT SUM MIN MAX AVG LISTAGG MEDIAN STDDEV VARIANCE PERCENTILE_DISC PERCENTILE_CONT JSON_ARRAYAGG JSON_OBJECTAGG
    COLLECT XMLAGG APPROX_COUNT_DISTINCT CORR STATS_MODE BIT_XOR_AGG""")
_NO_COLUMNS = SQL_RESERVED | names("""CASE WHEN END SYSTIMESTAMP SYSDATE INTERVAL DAY HOUR MINUTE SECOND MONTH YEAR TIMESTAMP TIME ZONE LOCAL WITHIN OVER
    PARTITION ESCAPE RETURNING ERROR EMPTY FORMAT JSON VALUE FIRST LAST NULLS KEEP DENSE_RANK CAST BINARY_DOUBLE CLOB
    UNIQUE NVARCHAR2 OVERFLOW TRUNCATE COUNT WITHOUT CURRENT_TIMESTAMP ABSENT KEY CONCORD""") - {
    "ROWNUM",
    "LEVEL",
    "ROWID",
}
_OURS = ("L_", "IN_", "OUT_", "IO_", "CO_", "R_", "T_", "G_", "P_")
_COMPARISONS = ("=", "<>", "!=", "<", ">", "<=", ">=")


def _columns(some: list[Word]) -> Iterator[Word]:
    """Words that must be columns: no function, keyword, alias of a table, or variable of PL/SQL."""
    for position, word in enumerate(some):
        after = some[position + 1].text if position + 1 < len(some) else ""
        before = some[position - 1].text if position else ""
        if (word.kind == "quoted" and after != ".") or (word.kind == "word" and (
            word.text not in _NO_COLUMNS and after not in ("(", ".", "=>", "%") and not word.text.startswith(_OURS) and before not in ("AS", "%", "SQL")
            and not (before == "." and position > 1 and some[position - 2].text.startswith(_OURS))
        )):  # fmt: skip
            yield word


def _outside_aggregates(some: list[Word]) -> tuple[list[Word], bool]:
    """The words outside aggregates, and whether there is one. Analytic functions (OVER) are no aggregates."""
    taken: set[int] = set()
    for start, end in calls(some, _AGGREGATES):
        following = texts(some[end + 1 : end + 2])
        if following == ["WITHIN"]:
            end = next((stop for begin, stop in calls(some, frozenset({"GROUP"})) if begin > end), end)
            following = texts(some[end + 1 : end + 2])
        if following == ["KEEP"]:
            end = next((stop for begin, stop in calls(some, frozenset({"KEEP"})) if begin > end), end)
            following = texts(some[end + 1 : end + 2])
        if following != ["OVER"]:
            taken.update(range(start, end + 1))
    return [word for n, word in enumerate(some) if n not in taken], bool(taken)


def _grouped_by(block: Block) -> list[list[str]]:
    return [texts(part) for part in split_at(block.clause("GROUP"), ",")]


def _without(some: list[Word], expressions: list[list[str]]) -> list[Word]:
    """The words without what is grouped by, also where it is written without the name of its table."""
    left, position = [], 0
    while position < len(some):
        for wanted in sorted(expressions, key=len, reverse=True):
            if texts(some[position : position + len(wanted)]) == wanted:
                position += len(wanted)
                break
            if len(wanted) == 3 and wanted[1] == "." and some[position].text == wanted[2]:
                position += 1
                break
        else:
            left.append(some[position])
            position += 1
    return left


@rule(
    "ORA-00937",
    "an aggregate beside a column, or beside a subquery, without GROUP BY",
    bad=(
        "select count(*), a from t",
        "select count(a), (select count(*) from u) from t",
        "select max(a) + b from t",
        "begin select count(*), t.a into l_n, l_a from t; end;",
    ),
    good=(
        "select count(*), sys_extract_utc(systimestamp), 1 from t",
        "select count(*) over (), a from t",
        "select q.n, r.m from (select count(*) as n from t) q cross join (select count(*) as m from u) r",
        "select percentile_disc(0.5) within group (order by a) from t",
        "begin select case when count(*) = in_n then min(a) end into l_a from t; end;",
        "select t.a, (select count(*) from u where u.a = t.a) as n from t",
    ),
)
def single_group(read: Read) -> Faults:
    for block in read.blocks:
        if "GROUP" in block.clauses or "FROM" not in block.clauses:
            continue
        own = [(item, *_outside_aggregates(list(without_queries(item)))) for item in block.items]
        if not any(aggregate for _, _, aggregate in own):
            continue
        for item, outside, _ in own:
            kept = _outside_aggregates(item)[0]
            if (subquery := next((word for word in kept if word.text == "SELECT"), None)) is not None:
                yield subquery.line, "a subquery"
            elif column := next(_columns(outside), None):
                yield column.line, column.text


@rule(
    "ORA-00979",
    "something that is not grouped by",
    bad=(
        "select a, b, count(*) from t group by a",
        "select a from t group by a having b > 1",
        "select a, count(*) from t group by a order by b",
        "select trunc(a, 'MI'), count(*) from t group by trunc(a)",
    ),
    good=(
        "select t.a, count(*) from t group by t.a order by count(*), t.a",
        "select trunc(a), max(b) + 1 from t group by trunc(a) having count(*) > 1",
        "select a as x, count(*) as n from t group by a order by n desc, x",
    ),
)
def grouped(read: Read) -> Faults:
    for block in read.blocks:
        if "GROUP" not in block.clauses:
            continue
        expressions = _grouped_by(block)
        aliases = {item[-1].text for item in block.items if len(item) > 1}
        parts = [*block.items, block.clause("HAVING"), *split_at(block.clause("ORDER"), ",")]
        for number, part in enumerate(parts):
            outside, _ = _outside_aggregates(list(without_queries(part)))
            if number < len(block.items) and "AS" in texts(outside):
                outside = outside[: texts(outside).index("AS")]
            for column in _columns(_without(outside, expressions)):
                if number <= len(block.items) or column.text not in aliases:
                    yield column.line, column.text


@rule(
    "ORA-00904",
    "the alias of an expression, used where Oracle does not see it: WHERE, GROUP BY, HAVING",
    bad=("select a + 1 as x from t where x > 1", "select trunc(a) as day_of from t group by day_of"),
    good=(
        "select a + 1 as x from t order by x",
        "select q.x from (select a + 1 as x from t) q where q.x > 1",
    ),
)
def aliases(read: Read) -> Faults:
    for block in read.blocks:
        made = {item[-1].text for item in block.items if len(item) > 2 and item[-2].text == "AS"}
        inner = {i[-1].text for b in block.inner for i in b.items if i}
        for name in ("WHERE", "GROUP", "HAVING"):
            for column in _columns(list(without_queries(block.clause(name)))):
                part = block.clause(name)
                qualified = any(a.text == "." and b is column for a, b in itertools.pairwise(part))
                if (
                    column.text in made
                    and not qualified
                    and column.text not in by_name()
                    and column.text not in inner
                ):
                    yield column.line, column.text


@rule(
    "ORA-01791",
    "SELECT DISTINCT ordered by something that is not selected",
    bad=("select distinct a from t order by b", "select distinct t.a from t order by t.a, upper(t.a)"),
    good=("select distinct a, b from t order by b, 1", "select distinct t.a as x from t order by x"),
)
def distinct_order(read: Read) -> Faults:
    for block in read.blocks:
        if not block.distinct:
            continue
        items = block.items
        known = [texts(item[: texts(item).index("AS")] if "AS" in texts(item) else item) for item in items]
        known += [[item[-1].text] for item in items]
        for part in split_at(block.clause("ORDER"), ","):
            wanted = [w.text for w in part if w.text not in ("ASC", "DESC", "NULLS", "FIRST", "LAST")]
            if part and part[0].kind != "number" and wanted not in known:
                yield part[0].line, " ".join(wanted)


@rule(
    "ORA-02014",
    "FOR UPDATE of what is no plain row: FETCH FIRST, DISTINCT, groups, set operators, window functions, such views",
    bad=(
        "select a from t order by a fetch first 5 rows only for update",
        "select distinct a from t for update",
        "select a, count(*) from t group by a for update",
        "select a, row_number() over (order by a) as n from t for update",
        "select a from (select a from t order by a fetch first 1 rows only) for update",
        "select a from t union all select a from u for update",
        "begin select count(*) into l_n from t for update; end;",
    ),
    good=(
        "select a from t where not exists (select count(*) from u) order by a for update of a skip locked",
        "begin select t.a into l_a from t where t.b = in_b for update wait 5; end;",
    ),
)
def locked_rows(read: Read) -> Faults:
    for block in read.blocks:
        if texts(block.clause("FOR"))[:1] != ["UPDATE"]:
            continue
        line = block.clause("FOR")[0].line
        views = [inner for inner in block.inner if inner.before in ("FROM", ",", "JOIN")]
        for each in (block, *views):
            aggregate = any(_outside_aggregates(item)[1] for item in each.items)
            window = "OVER" in texts(each.clause("SELECT"))
            set_operator = each.set_operator or (each is block and _follows_set(read, block))
            reasons = {"FETCH FIRST": "FETCH" in each.clauses or "OFFSET" in each.clauses, "DISTINCT": each.distinct, "GROUP BY": "GROUP" in each.clauses, "an aggregate": aggregate, "a window function": window, "a set operator": set_operator}  # fmt: skip
            for reason in (name for name, there in reasons.items() if there):
                yield line, reason


def _follows_set(read: Read, block: Block) -> bool:
    return any(other.set_operator and other.outer is block.outer and other is not block for other in read.blocks if other.outer is block.outer and not read.is_plsql)  # fmt: skip


@rule(
    "ORA-00923",
    "a SELECT without FROM: 23ai",
    bad=("select 1", "begin select 1 into x; end;", "select a from t where b = (select 1)"),
    good=("select 1 from dual", "select extract(day from a) from t", "begin x := 1; end;"),
)
def from_clause(read: Read) -> Faults:
    for block in read.blocks:
        if "FROM" not in block.clauses:
            yield block.line, "no FROM"


@rule(
    "house",
    "ROWNUM counts before ORDER BY sorts, and before FOR UPDATE SKIP LOCKED skips",
    bad=(
        "select a from t where rownum <= 5 order by a",
        "select a from t where rownum <= 5 for update skip locked",
    ),
    good=("select a from (select a from t order by a) where rownum <= 5", "select a from t where rownum = 1"),
)
def rownum(read: Read) -> Faults:
    for block in read.blocks:
        words = list(without_queries(block.clause("WHERE")))
        if any(word.text == "ROWNUM" for word in words) and (
            "ORDER" in block.clauses or "FOR" in block.clauses
        ):
            yield block.line, "ROWNUM"


@rule(
    "ORA-00907",
    "ORDER BY in a subquery that is compared",
    bad=("select a from t where b in (select c from u order by c)", "select a from t where b = (select c from u order by c)"),
    good=("select a from t where b in (select c from u)", "select a from (select c as a from u order by c)"),
)  # fmt: skip
def ordered_subqueries(read: Read) -> Faults:
    for block in read.blocks:
        compared = block.before in (*_COMPARISONS, "IN", "EXISTS", "ANY", "ALL")
        if compared and "ORDER" in block.clauses and "FETCH" not in block.clauses:
            yield block.line, block.before


@rule(
    "house",
    "a table of a query more than one level further out: older releases answer with ORA-00904",
    bad=(
        "select a from t where exists (select 1 from u where u.b = (select max(c) from v where v.d = t.d))",
    ),
    good=(
        "select a from t where exists (select 1 from u where u.b = t.b and u.c = (select max(v.c) from v where v.d = u.d))",
    ),
)
def correlated(read: Read) -> Faults:
    for block in read.blocks:
        own = [word for clause in block.clauses.values() for word in clause]
        inner = {id(w) for b in block.inner for c in b.clauses.values() for w in c}
        for word, after in itertools.pairwise(own):
            if word.kind != "word" or after.text != "." or id(word) in inner or word.text in block.sources:
                continue
            level, outer = 1, block.outer
            while outer is not None and word.text not in outer.sources:
                level, outer = level + 1, outer.outer
            if outer is not None and level > 1:
                yield word.line, f"{word.text} is {level} levels out"


@rule(
    "ORA-00923",
    "a comparison as a value: SQL before 23ai knows no such expressions",
    bad=("select a = 1 from t", "select nvl(a > b, 0) from t", "update t set a = (b = 1)", "select a from t order by b is null"),
    good=(
        "select case when a = 1 then 1 else 0 end as x from t",
        "select (select max(b) from u where u.c = t.c) from t",
        "update t set a = 1 where b = 2",
        "select a from t order by case when b is null then 1 end",
        "select f(in_a => 1) from t",
    ),
)  # fmt: skip
def comparisons_as_values(read: Read) -> Faults:
    for block in read.blocks:
        for part in (
            *block.items,
            *split_at(block.clause("ORDER"), ","),
            *split_at(block.clause("GROUP"), ","),
        ):
            yield from _compared(part)
    for piece in read.pieces:
        names = texts(piece)
        if names[:1] == ["UPDATE"] and "SET" in names:
            depth = piece[0].depth
            stop = next((n for n, w in enumerate(piece) if w.depth == depth and w.text in ("WHERE", "RETURNING", "LOG")), len(piece))  # fmt: skip
            for assignment in split_at(piece[names.index("SET") + 1 : stop], ","):
                at = texts(assignment).index("=") if "=" in texts(assignment) else 0
                yield from _compared(assignment[at + 1 :])


def _compared(some: list[Word]) -> Faults:
    """Comparisons outside CASE, subqueries and windows."""
    cases = 0
    for word in without_queries(some):
        if word.kind == "word" and word.text in ("CASE", "END"):
            cases += 1 if word.text == "CASE" else -1
        null = word.kind == "word" and word.text in ("IS", "LIKE", "BETWEEN", "EXISTS")
        if cases == 0 and (null or (word.kind == "op" and word.text in _COMPARISONS)):
            yield word.line, word.text


@rule(
    "ORA-01489",
    "LISTAGG without ON OVERFLOW ends in an error beyond 4000 bytes",
    bad=("select listagg(a, ',') within group (order by a) from t",),
    good=("select listagg(a, ',' on overflow truncate with count) within group (order by a) from t",),
)
def listagg(read: Read) -> Faults:
    for piece in read.pieces:
        for start, end in calls(piece, frozenset({"LISTAGG"})):
            if "OVERFLOW" not in texts(piece[start:end]):
                yield piece[start].line, "LISTAGG"


@rule(
    "ORA-38104",
    "MERGE updates a column of its ON clause, or returns: RETURNING of MERGE is 23ai",
    bad=(
        "merge into t using u on (t.a = u.a) when matched then update set t.a = u.b",
        "merge into t using u on (t.a = u.a) when matched then update set t.b = u.b returning t.a into :x",
    ),
    good=("merge into t using u on (t.a = u.a) when matched then update set t.b = u.b where t.c = 1",),
)
def merge(read: Read) -> Faults:
    for piece in read.pieces:
        names = texts(piece)
        if names[:1] != ["MERGE"]:
            continue
        if "RETURNING" in names:
            yield piece[names.index("RETURNING")].line, "RETURNING"
        if "ON" in names and "SET" in names:
            condition = piece[names.index("ON") + 1 : names.index("WHEN")]
            joined = {word.text for word in _columns(condition)}
            for assignment in split_at(piece[names.index("SET") + 1 :], ","):
                left = texts(assignment[: texts(assignment).index("=")]) if "=" in texts(assignment) else []
                if left and left[-1] in joined:
                    yield assignment[0].line, left[-1]


@rule(
    "ORA-00933",
    "RETURNING of INSERT ... SELECT; aggregates in RETURNING of INSERT",
    bad=(
        "insert into t (a) select b from u returning a into :x",
        "insert into t (a) values (1) returning max(a) into :x",
    ),
    good=(
        "insert into t (a) values (1) returning a into :x",
        "delete from t where a = 1 returning a into :x",
    ),
)
def returning(read: Read) -> Faults:
    for piece in read.pieces:
        names = texts(piece)
        if names[:1] == ["INSERT"] and "RETURNING" in names:
            tail = names[names.index("RETURNING") :]
            if "VALUES" not in names or _AGGREGATES & set(tail):
                yield piece[names.index("RETURNING")].line, "RETURNING"
