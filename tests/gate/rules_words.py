"""Rules that need no more than the words of a statement."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from tests.gate.blocks import Read
from tests.gate.reserved import PLSQL_RESERVED, SQL_RESERVED
from tests.gate.rules import rule
from tests.gate.words import Word, closing, enclosing

Faults = Iterator[tuple[int, str]]
_NOT_19C = {"ILIKE", "STRING_AGG", "ARRAY_AGG", "DATE_TRUNC", "DATE_PART", "GENERATE_SERIES", "NOW", "CLOCK_TIMESTAMP", "TO_JSONB", "JSONB_BUILD_OBJECT", "REGEXP_MATCHES", "SPLIT_PART", "BOOL_AND", "BOOL_OR", "GEN_RANDOM_UUID"}  # fmt: skip
_TOO_NEW_CALLS = {"JSON_TRANSFORM", "JSON_SCALAR", "JSON", "ANY_VALUE", "BIT_AND_AGG", "BIT_OR_AGG", "BIT_XOR_AGG", "CHECKSUM", "KURTOSIS_POP", "SKEWNESS_POP", "TO_BOOLEAN", "UUID"}  # fmt: skip
_TOO_NEW_TYPES = {"BOOLEAN", "JSON", "VECTOR", "TEXT", "BYTEA", "SERIAL", "BIGSERIAL", "BIGINT", "JSONB", "UUID", "TIMESTAMPTZ", "BOOL"}  # fmt: skip
_SESSION_TIME = {"CURRENT_TIMESTAMP", "LOCALTIMESTAMP", "CURRENT_DATE", "SYSDATE"}
_INTERVAL = re.compile(r"'[-+]?[\d :.-]+'")


def _pairs(some: list[Word]) -> Iterator[tuple[Word, Word]]:
    return itertools.pairwise(some)


def _sql(read: Read) -> Iterator[Word]:
    for piece in read.pieces:
        yield from piece


@rule(
    "ORA-00911",
    "`::`, `~` and other operators that Oracle has not",
    bad=("select a::text from t", "select a from t where b ~ 'x'", "select a % 2 from t where a = 1"),
    good=("select a from t where b != 1", "begin x := sql%rowcount; end;"),
)
def foreign_operators(read: Read) -> Faults:
    for word, after in _pairs([*read.words, Word("end", "", 0, 0)]):
        attribute = word.text == "%" and read.is_plsql
        if word.kind == "op" and (word.text == "::" or (word.text in "~?#&$`\\{}[]%" and not attribute)):
            yield word.line, f"{word.text} before {after.text}"


@rule(
    "ORA-00904",
    "functions of PostgreSQL's",
    bad=("select string_agg(a, ',') from t", "select now() from dual", "select extract(epoch from a) from t"),
    good=(
        "select listagg(a, ',' on overflow truncate) within group (order by a) from t",
        "select now from t",
    ),
)
def foreign_functions(read: Read) -> Faults:
    for word, after in _pairs(read.words):
        if word.kind == "word" and word.text in _NOT_19C and (after.text == "(" or word.text == "ILIKE"):
            yield word.line, word.text
        if word.text == "(" and after.text == "EPOCH":
            yield word.line, "extract(epoch ...)"


@rule(
    "ORA-00933",
    "LIMIT, ON CONFLICT, RETURNING *, DISTINCT ON, UPDATE ... FROM, DELETE ... USING, FILTER",
    bad=(
        "select a from t limit 5",
        "insert into t (a) values (1) on conflict do nothing",
        "delete from t where a = 1 returning * into :x",
        "select distinct on (a) a from t",
        "update t set a = 1 from u where u.b = t.b",
        "delete from t using u where u.b = t.b",
        "select count(*) filter (where a = 1) from t",
        "begin delete from t where a = 1 limit 3; end;",
    ),
    good=(
        "begin fetch c bulk collect into x limit 5; end;",
        "merge into t using u on (t.a = u.a) when matched then update set t.b = u.b",
        "update t set a = extract(day from b) where c = 1",
        "select a from t order by a fetch first 5 rows only",
        "create profile p limit password_life_time unlimited",
    ),
)
def foreign_clauses(read: Read) -> Faults:
    for piece in read.pieces:
        first, depth = piece[0].text if piece else "", min((w.depth for w in piece), default=0)
        for word, after in _pairs(piece):
            if word.kind != "word":
                continue
            pair = f"{word.text} {after.text}"
            counted = (
                ("number", "bind") if read.is_ddl else ("number", "bind", "word")
            )  # CREATE PROFILE has a LIMIT
            limit = word.text == "LIMIT" and after.kind in counted and after.text not in ("FROM", "AS")
            if limit or pair in ("ON CONFLICT", "RETURNING *", "DISTINCT ON", "FILTER ("):
                yield word.line, pair
            if word.depth == depth and (first, word.text) in (("UPDATE", "FROM"), ("DELETE", "USING")):
                yield word.line, f"{first} ... {word.text}"


@rule(
    "ORA-00922",
    "IF [NOT] EXISTS in DDL: 23ai",
    bad=("create table if not exists t (a number)", "drop table if exists t"),
    good=("create table t (a number)", "drop table t"),
)
def if_exists(read: Read) -> Faults:
    if read.is_ddl and not read.unit:
        for word, after in _pairs(read.words):
            if word.text == "IF" and after.text in ("NOT", "EXISTS"):
                yield word.line, "IF EXISTS"


@rule(
    "ORA-00933",
    "several rows in VALUES: 23ai",
    bad=("insert into t (a) values (1), (2)",),
    good=("insert into t (a, b) values (1, f(2))",),
)
def rows_of_values(read: Read) -> Faults:
    for piece in read.pieces:
        for position, word in enumerate(piece[:-1]):
            if word.text == "VALUES" and word.kind == "word" and piece[position + 1].text == "(":
                end = closing(piece, position + 1)
                if end + 2 < len(piece) and piece[end + 1].text == "," and piece[end + 2].text == "(":
                    yield word.line, "a second row"


@rule(
    "ORA-00904",
    "TRUE and FALSE in SQL: 23ai",
    bad=("select a from t where b = true", "begin update t set a = false; end;"),
    good=("begin x := true; end;", "select 'true' from dual", "select a.true_value from a"),
)
def boolean_literals(read: Read) -> Faults:
    for word in _sql(read):
        if word.kind == "word" and word.text in ("TRUE", "FALSE"):
            yield word.line, word.text


@rule(
    "ORA-00902",
    "types that 19c has not: BOOLEAN, JSON, VECTOR, and PostgreSQL's",
    bad=("create table t (a boolean)", "create table t (a json)", "alter table t add (b text)", "select cast(a as boolean) from t"),
    good=("create table t (a number(1), b clob check (b is json))", "begin declare x boolean; begin null; end; end;"),
)  # fmt: skip
def types(read: Read) -> Faults:
    if read.is_ddl and not read.unit:
        some = read.words
        for before, word in _pairs(some):
            follows = before.kind in ("word", "quoted") and before.text not in (
                "IS",
                "NOT",
                "FORMAT",
                "COLUMN",
                ".",
            )
            if word.kind == "word" and word.text in _TOO_NEW_TYPES and follows and word.depth > 0:
                yield word.line, word.text
    for before, word in _pairs(list(_sql(read))):
        if before.text == "AS" and word.kind == "word" and word.text in ("BOOLEAN", "BOOL", "TEXT", "BIGINT", "JSONB", "BYTEA"):  # fmt: skip
            yield word.line, word.text


@rule(
    "ORA-00904",
    "functions and clauses that came after 19c",
    bad=(
        "select json_transform(a, remove '$.b') from t",
        "select any_value(a) from t",
        "select json_value(a, '$.b' returning boolean) from t",
        "select a from t where b is json (validate '{}')",
        "select a from t except select a from u",
        "select a from t intersect all select a from u",
        "select json_object(*) from t",
        "select sum(a) over w from t window w as (order by b)",
    ),
    good=(
        "select json_value(a, '$.b' returning number) from t",
        "select a from t minus select a from u",
        "select sum(a) over (order by b) from t",
        "select json_object('a' value b format json) from t",
    ),
)
def too_new(read: Read) -> Faults:
    some = list(_sql(read))
    for position, word in enumerate(some[:-1]):
        after = some[position + 1].text
        if word.kind != "word":
            continue
        pair = f"{word.text} {after}"
        if (word.text in _TOO_NEW_CALLS and after == "(" and some[position - 1].text != "IS") or pair in (
            "RETURNING BOOLEAN", "RETURNING JSON", "INTERSECT ALL", "MINUS ALL", "RETURNING OLD", "RETURNING NEW", "JSON (",
        ):  # fmt: skip
            yield word.line, pair
        if (word.text == "EXCEPT" and after in ("SELECT", "ALL", "(")) or (
            pair == "WINDOW W" and some[position - 1].text != "."
        ):
            yield word.line, word.text
        if word.text == "JSON_OBJECT" and [w.text for w in some[position + 1 : position + 3]] == ["(", "*"]:
            yield word.line, "json_object(*)"


@rule(
    "ORA-01867",
    "an interval with its unit in the text",
    bad=("select a - interval '1 day' from t",),
    good=("select a - interval '1' day from t", "select interval '1 02:03:04' day to second from dual"),
)
def intervals(read: Read) -> Faults:
    for word, after in _pairs(read.words):
        if word.text == "INTERVAL" and after.kind == "string" and not _INTERVAL.fullmatch(after.text):
            yield word.line, after.text


@rule(
    "house",
    "'' is NULL: a comparison with it is never true",
    bad=("select a from t where b = ''", "select a from t where b in ('x', '')", "begin if x <> '' then null; end if; end;"),
    good=("select a from t where b is null", "select replace(a, 'x', '') from t"),
)  # fmt: skip
def empty_text(read: Read) -> Faults:
    for position, word in enumerate(read.words):
        if word.kind == "string" and word.text.lower() in ("''", "n''"):
            before = read.words[position - 1].text if position else ""
            compared = before in ("=", "<>", "!=", "<", ">", "<=", ">=", "LIKE")
            if compared or enclosing(read.words, position) in ("IN", "NVL", "NULLIF"):
                yield word.line, f"{before} ''"


@rule(
    "house",
    "VARCHAR2 without CHAR counts bytes, unless the session says otherwise; CHAR pads",
    bad=(
        "create table t (a varchar2(10))",
        "select cast(a as varchar2(10)) from t",
        "create table t (a char(3 char))",
    ),
    good=("create table t (a varchar2(10 char), b varchar2(64 byte), c raw(16))",),
)
def bytes_or_characters(read: Read) -> Faults:
    some = read.words
    for position, word in enumerate(some[:-3]):
        if (
            word.kind == "word"
            and word.text in ("VARCHAR2", "CHAR", "VARCHAR")
            and some[position + 1].text == "("
        ):
            unit = some[position + 3].text
            if unit not in ("CHAR", "BYTE") or word.text != "VARCHAR2":
                repair = word.text == "CHAR" and some[position - 1].text == "AS"  # a value of a CHAR column
                if not repair:
                    yield word.line, f"{word.text}({some[position + 2].text})"


@rule(
    "ORA-00972",
    "a name of more than 128 bytes",
    bad=(f"create table {'t' * 129} (a number)", f'select a as "{"ä" * 65}" from t'),
    good=(f"create table {'t' * 128} (a number)",),
)
def long_names(read: Read) -> Faults:
    for word in read.words:
        if word.kind in ("word", "quoted") and len(word.text.strip('"').encode()) > 128:
            yield word.line, word.text[:40]


@rule(
    "ORA-01745",
    "a bind with a reserved word as its name",
    bad=("select a from t where b = :date", "begin p(:level); end;"),
    good=("select a from t where b = :due_date",),
)
def reserved_binds(read: Read) -> Faults:
    for word in read.words:
        if word.kind == "bind" and word.text in SQL_RESERVED:
            yield word.line, f":{word.text}"


@rule(
    "ORA-00923",
    "a reserved word as the name of a column, an alias or something of PL/SQL's",
    bad=(
        "select a as size from t",
        "create table t (a number, level number)",
        "create table comment (a number)",
        "create package p is procedure loop; end;",
    ),
    good=("select a as position, b as kind from t", "select cast(a as date) from t", "create view v as select 1 as a from dual"),
)  # fmt: skip
def reserved_names(read: Read) -> Faults:
    some = read.words
    for position, word in enumerate(some[1:], 1):
        before = some[position - 1]
        if word.kind != "word":
            continue
        inside_cast = enclosing(some, position) in ("CAST", "TREAT", "XMLCAST")
        if before.text == "AS" and word.text in SQL_RESERVED and not read.is_plsql and not inside_cast and word.text not in ("SELECT", "OF", "WITH"):  # fmt: skip
            yield word.line, f"alias {word.text}"
        if before.text in ("PROCEDURE", "FUNCTION") and read.is_plsql and word.text in PLSQL_RESERVED:
            yield word.line, f"subprogram {word.text}"
    head = [word.text for word in some[:4]]
    if head[:2] == ["CREATE", "TABLE"]:
        if head[2] in SQL_RESERVED:
            yield 1, f"table {head[2]}"
        for before, word in _pairs(some):
            first = before.text in ("(", ",") and word.kind == "word" and word.depth == 1
            if first and word.text in SQL_RESERVED - {"CHECK", "UNIQUE"}:
                yield word.line, f"column {word.text}"


@rule(
    "ORA-01027",
    "a bind in DDL",
    bad=("create table t (a number default :x)", "create view v as select :x as a from dual"),
    good=("create trigger t before insert on u for each row begin :new.a := :old.a; end;",),
)
def binds_in_ddl(read: Read) -> Faults:
    if read.is_ddl:
        for word in read.words:
            if word.kind == "bind" and not (read.unit == "TRIGGER" and word.text in ("NEW", "OLD", "PARENT")):
                yield word.line, f":{word.text}"


@rule(
    "house",
    "times of the session's zone or of the host: UTC comes from sys_extract_utc(systimestamp)",
    bad=("select sysdate from dual", "insert into t (a) values (current_timestamp)", "insert into t (a) values (systimestamp)"),
    good=("insert into t (a) values (sys_extract_utc(systimestamp))",),
)  # fmt: skip
def session_times(read: Read) -> Faults:
    for position, word in enumerate(read.words):
        if word.kind == "word" and word.text in _SESSION_TIME:
            yield word.line, word.text
        if word.text == "SYSTIMESTAMP" and [w.text for w in read.words[position - 2 : position]] != [
            "SYS_EXTRACT_UTC",
            "(",
        ]:
            yield word.line, "SYSTIMESTAMP without SYS_EXTRACT_UTC"


@rule(
    "house",
    "a conversion without a format depends on the session's NLS settings",
    bad=(
        "select to_date(a) from t",
        "select to_timestamp(:a) from dual",
        "select to_char(updated_at) from comparison_jobs",
    ),
    good=(
        "select to_date(a, 'YYYY-MM-DD') from t",
        "select to_char(a) from t",
        "select to_char(n, 'TM9') from t",
    ),
)
def formats(read: Read) -> Faults:
    from tests.gate.catalogue import is_only

    some = read.words
    for position, word in enumerate(some[:-1]):
        if word.kind == "word" and some[position + 1].text == "(":
            inside = some[position + 2 : closing(some, position + 1)]
            arguments = 1 + sum(w.text == "," and w.depth == word.depth + 1 for w in inside)
            time = word.text == "TO_CHAR" and bool(inside) and is_only(inside[-1].text, "TIMESTAMP")
            if arguments == 1 and (word.text in ("TO_DATE", "TO_TIMESTAMP", "TO_TIMESTAMP_TZ") or time):
                yield word.line, word.text


@rule(
    "ORA-30554",
    "SKIP LOCKED together with NOWAIT or WAIT",
    bad=("select a from t for update skip locked nowait", "select a from t for update wait 5 skip locked"),
    good=("select a from t for update of a skip locked", "select a from t for update wait 5"),
)
def one_way_to_wait(read: Read) -> Faults:
    for piece in read.pieces:
        names = [word.text for word in piece]
        if "SKIP" in names and ("NOWAIT" in names or "WAIT" in names):
            yield piece[names.index("SKIP")].line, "SKIP LOCKED"
