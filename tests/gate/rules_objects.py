"""Rules about what DDL and PL/SQL units may hold."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from tests.gate.blocks import Read, calls
from tests.gate.catalogue import by_name
from tests.gate.rules import rule
from tests.gate.words import Word, closing, split_at, texts

Faults = Iterator[tuple[int, str]]
_NOT_FIXED = frozenset({"SYSDATE", "SYSTIMESTAMP", "CURRENT_DATE", "CURRENT_TIMESTAMP", "LOCALTIMESTAMP", "SYS_GUID", "USER", "UID", "USERENV", "SYS_CONTEXT", "ROWNUM", "DBMS_RANDOM", "NEXTVAL", "CURRVAL", "SESSIONTIMEZONE"})  # fmt: skip
_SQL_ONLY = frozenset({"NVL2", "DECODE", "STANDARD_HASH", "ORA_HASH", "JSON_TABLE", "LISTAGG", "COUNT", "MAX", "MIN", "SUM", "JSON_ARRAYAGG", "JSON_OBJECTAGG"})  # fmt: skip
_PLSQL_ONLY = frozenset({"SQLERRM", "SQLCODE"})


def _expressions(read: Read) -> Iterator[list[Word]]:
    """What stands in the columns of an index, in CHECK, and in virtual columns."""
    some, names = read.words, texts(read.words)
    if names[:1] == ["CREATE"] and "INDEX" in names[:3] and "(" in names:
        opening = names.index("(")
        yield some[opening + 1 : closing(some, opening)]
    if read.is_ddl and not read.unit:
        for start, end in calls(some, frozenset({"CHECK", "AS"})):
            virtual = (
                names[start] == "AS" and "TABLE" in names[:2] and "SELECT" not in names[start : start + 3]
            )
            if names[start] == "CHECK" or virtual:
                yield some[start + 2 : end]


@rule(
    "ORA-01743",
    "an index, a CHECK or a virtual column with something that is not always the same",
    bad=(
        "create index i on t (case when a < systimestamp then b end)",
        "create table t (a date, constraint c check (a < sysdate))",
        "create table t (a number, b number generated always as (a + dbms_random.value) virtual)",
        "create index i on t (to_char(a))",
        "create table t (a number, constraint c check (a in (select b from u)))",
    ),
    good=(
        "create index i on t (case when a = 'X' then b end)",
        "create table t (a timestamp(6) default sys_extract_utc(systimestamp) not null, constraint c check (a is not null))",
        "create index i on t (to_char(a, 'YYYY'))",
    ),
)
def fixed_expressions(read: Read) -> Faults:
    for some in _expressions(read):
        for position, word in enumerate(some):
            if word.kind == "word" and (word.text in _NOT_FIXED or word.text == "SELECT"):
                yield word.line, word.text
            one = texts(some[position + 1 : position + 5])
            if word.text in ("TO_CHAR", "TO_DATE", "TO_TIMESTAMP") and one[:1] == ["("] and one[2:3] == [")"]:
                yield word.line, f"{word.text} without a format"


@rule(
    "ORA-30553",
    "an index on a function of ours that is not DETERMINISTIC",
    bad=("create index i on t (our_package.f(a))",),
    good=("create index i on t (upper(a), b)",),
)
def index_functions(read: Read) -> Faults:
    names = texts(read.words)
    if names[:1] == ["CREATE"] and "INDEX" in names[:3] and "(" in names:
        opening = names.index("(")
        for word, after in zip(read.words[opening:], read.words[opening + 1 :], strict=False):
            if word.text == "." and after.kind == "word":
                yield word.line, after.text


@rule(
    "ORA-00922",
    "parts of PostgreSQL's DDL: partial and USING indexes, ON UPDATE, DEFERRABLE columns of type SERIAL",
    bad=(
        "create index i on t (a) where b = 1",
        "create index i on t using btree (a)",
        "create table t (a number references u (a) on update cascade)",
        "alter table t alter column a set default 1",
        "create index concurrently i on t (a)",
    ),
    good=(
        "create index i on t (a) initrans 16",
        "create table t (a number references u (a) on delete cascade)",
    ),
)
def foreign_ddl(read: Read) -> Faults:
    names = texts(read.words)
    if not read.is_ddl or read.unit:
        return
    index = "INDEX" in names[:3]
    for number, (name, after) in enumerate(zip(names, [*names[1:], ""], strict=True)):
        if (index and name in ("WHERE", "USING", "CONCURRENTLY")) or f"{name} {after}" in (
            "ON UPDATE",
            "ALTER COLUMN",
        ):
            yield read.words[number].line, f"{name} {after}"


@rule(
    "house",
    "a constraint without a name of its own: nobody can say which rule was broken",
    bad=("create table t (a number primary key)", "create table t (a number check (a > 0))", "alter table t add unique (a)"),
    good=("create table t (a number not null, constraint t_pk primary key (a))",),
)  # fmt: skip
def named_constraints(read: Read) -> Faults:
    some = read.words
    names = texts(some)
    if names[:2] not in (["CREATE", "TABLE"], ["ALTER", "TABLE"]):
        return
    for position, word in enumerate(some):
        kind = word.text if word.kind == "word" else ""
        start = kind in ("PRIMARY", "UNIQUE", "REFERENCES", "FOREIGN") or kind == "CHECK"
        named = "CONSTRAINT" in names[max(0, position - 2) : position]
        foreign = kind == "REFERENCES" and "FOREIGN" in names[max(0, position - 8) : position]
        if start and not named and not foreign and names[position - 1] != "DROP":
            yield word.line, kind


@rule(
    "PLS-00204",
    "a function that only SQL has, in PL/SQL",
    bad=("begin x := nvl2(a, 1, 0); end;", "begin if decode(a, 1, 2) = 2 then null; end if; end;"),
    good=("begin select nvl2(a, 1, 0) into x from dual; end;", "begin x := nvl(a, t.count); end;"),
)
def sql_only(read: Read) -> Faults:
    some = read.outside
    for before, word, after in zip(some, some[1:], some[2:], strict=False):
        if (
            word.kind == "word"
            and word.text in _SQL_ONLY
            and after.text == "("
            and before.text not in (".", "FUNCTION")
        ):
            yield word.line, word.text


@rule(
    "ORA-00904",
    "SQLERRM or SQLCODE inside SQL",
    bad=("begin insert into t (a) values (sqlerrm); end;",),
    good=("begin l_text := sqlerrm; insert into t (a) values (l_text); end;",),
)
def plsql_only(read: Read) -> Faults:
    for piece in read.pieces if read.is_plsql else ():
        for word in piece:
            if word.kind == "word" and word.text in _PLSQL_ONLY:
                yield word.line, word.text


@rule(
    "PLS-00231",
    "a function of the package body, which SQL cannot call",
    bad=(
        "create package body p is function f return number is begin return 1; end f; begin select f into x from dual; end p;",
    ),
    good=(
        "create package body p is function f return number is begin return 1; end f; begin x := f; end p;",
    ),
)
def private_functions(read: Read) -> Faults:
    if read.unit != "PACKAGE" or "BODY" not in texts(read.words[:6]):
        return
    functions = {
        after.text for word, after in zip(read.words, read.words[1:], strict=False) if word.text == "FUNCTION"
    }
    for piece in read.pieces:
        for before, word in itertools.pairwise(piece):
            if word.kind == "word" and word.text in functions - by_name().keys() and before.text != ".":
                yield word.line, word.text


@rule(
    "ORA-04068",
    "a package with state: every session that used it fails once when it is replaced",
    bad=(
        "create package p is g_count number; end p;",
        "create package body p is co_x constant varchar2(9 char) := rpad('0', 9); procedure a is begin null; end a; end p;",
        "create package body p is cursor c is select a from t; procedure a is begin null; end a; end p;",
    ),
    good=(
        "create package p is co_x constant pls_integer := -20001; type t is table of number index by pls_integer; end p;",
        "create package body p is e_x exception; pragma exception_init(e_x, -1); procedure a is l_x number := f(1); begin null; end a; end p;",
    ),
)
def package_state(read: Read) -> Faults:
    if read.unit != "PACKAGE":
        return
    names = texts(read.words)
    start = next(n for n, name in enumerate(names) if name in ("IS", "AS")) + 1
    for part in split_at(read.words[start:], ";"):
        declared = texts(part)
        if not declared or declared[0] in ("PROCEDURE", "FUNCTION", "END"):
            return  # declarations come first
        if declared[0] in ("TYPE", "SUBTYPE", "PRAGMA") or "EXCEPTION" in declared[1:2]:
            continue
        value = part[declared.index(":=") + 1 :] if ":=" in declared else []
        plain = [word for word in value if word.text not in ("-", "+", "*", "/", "||")]
        if declared[1:2] != ["CONSTANT"] or any(word.kind not in ("number", "string") for word in plain):
            yield part[0].line, declared[0] if declared[0] != "CURSOR" else f"cursor {declared[1]}"


@rule(
    "house",
    "SQL made at run time, and handlers that swallow",
    bad=(
        "begin execute immediate 'drop table t'; end;",
        "begin p; exception when others then null; end;",
    ),
    good=(
        "begin p; exception when others then rollback; raise; end;",
        "begin p; exception when no_data_found then null; end;",
    ),
)
def dynamic_or_swallowed(read: Read) -> Faults:
    names = texts(read.words)
    for number, name in enumerate(names):
        if (name == "EXECUTE" and names[number + 1 : number + 2] == ["IMMEDIATE"]) or name == "DBMS_SQL":
            yield read.words[number].line, name
        if name == "OTHERS" and names[number - 1] == "WHEN":
            end = next((n for n in range(number, len(names)) if names[n] in ("END", "WHEN")), len(names))
            if not {"RAISE", "RAISE_APPLICATION_ERROR"} & set(names[number:end]):
                yield read.words[number].line, "WHEN OTHERS"


@rule(
    "house",
    "JOB_QUEUE commits: its caller does that",
    bad=("create package body job_queue is procedure a is begin commit; end a; end job_queue;",),
    good=(
        "create package body job_queue is procedure a is begin rollback to savepoint s; end a; end job_queue;",
    ),
)
def queue_commits(read: Read) -> Faults:
    names = texts(read.words)
    if read.unit == "PACKAGE" and "JOB_QUEUE" in names[:6]:
        for number, name in enumerate(names):
            if (
                name == "COMMIT"
                or (name == "ROLLBACK" and names[number + 1] != "TO")
                or name == "AUTONOMOUS_TRANSACTION"
            ):
                yield read.words[number].line, name
