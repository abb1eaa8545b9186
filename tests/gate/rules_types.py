"""Rules about types: large objects, times, conversions, lengths. Types of columns are those of plsql/, by name."""

from __future__ import annotations

from collections.abc import Iterator

from tests.gate.blocks import Read, calls, without_queries
from tests.gate.catalogue import by_name, is_only, width
from tests.gate.rules import rule
from tests.gate.words import Word, closing, split_at, texts

Faults = Iterator[tuple[int, str]]
_NO_LOB_AFTER = frozenset({"JSON_VALUE", "JSON_EXISTS", "LENGTH", "DBMS_LOB", "GETLENGTH", "COUNT", "NVL2", "SUBSTR", "INSTR", "TO_CHAR"})  # fmt: skip
_COMPARISONS = ("=", "<>", "!=", "<", ">", "<=", ">=")
_MOST_BYTES = 4000


def _lobs(some: list[Word]) -> Iterator[Word]:
    """Columns that are CLOBs and stay so: not those in calls that make a text or a number of them."""
    hidden: set[int] = set()
    for start, end in calls(some, _NO_LOB_AFTER):
        hidden.update(range(start, end + 1))
    for position, word in enumerate(some):
        after = some[position + 1].text if position + 1 < len(some) else ""
        if (
            position not in hidden
            and word.kind == "word"
            and is_only(word.text, "CLOB")
            and after not in (".", "(")
        ):
            yield word


@rule(
    "ORA-00932",
    "a CLOB in DISTINCT, GROUP BY, ORDER BY, UNION, or compared",
    bad=(
        "select distinct request_config from comparison_jobs",
        "select request_config, count(*) from comparison_jobs group by request_config",
        "select job_id from comparison_jobs order by error_details",
        "select error_details from comparison_jobs union select error_details from job_attempts",
        "select job_id from comparison_jobs j where j.error_details = :wanted",
        "select job_id from comparison_jobs where 'x' <> error_details",
        "select max(error_details) from comparison_jobs",
        "select job_id from comparison_jobs where error_details in ('a', 'b')",
    ),
    good=(
        "select request_config from comparison_jobs where error_details is not null order by job_id",
        "select error_details from comparison_jobs union all select error_details from job_attempts",
        "select job_id from comparison_jobs where json_value(error_details, '$.code') = 'x'",
        "update comparison_jobs set error_details = :details where job_id = :id",
        "select job_id from comparison_jobs where error_details like '%x%'",
    ),
)
def large_objects(read: Read) -> Faults:
    for block in read.blocks:
        lists = [block.clause("GROUP"), block.clause("ORDER")]
        before = next(
            (b for b in read.blocks if b.outer is block.outer and b.set_operator and b is not block), None
        )
        if block.distinct or any(b is not None and b.set_operator and not b.set_operator.endswith("ALL") for b in (block, before)):  # fmt: skip
            lists.append(block.clause("SELECT"))
        for some in lists:
            for word in _lobs(list(without_queries(some))):
                yield word.line, word.text
        for start, end in calls(block.clause("SELECT"), frozenset({"MAX", "MIN", "LISTAGG"})):
            for word in _lobs(block.clause("SELECT")[start:end]):
                yield word.line, word.text
    for some in _conditions(read):
        for position, word in enumerate(some):
            lob = word in list(_lobs([word]))
            start = position - 2 if position > 1 and some[position - 1].text == "." else position
            around = {
                some[start - 1].text if start else "",
                some[position + 1].text if position + 1 < len(some) else "",
            }
            if lob and around & {*_COMPARISONS, "IN", "BETWEEN"}:
                yield word.line, word.text


def _conditions(read: Read) -> Iterator[list[Word]]:
    """WHERE, HAVING and join conditions, and the WHERE of UPDATE and DELETE."""
    for block in read.blocks:
        yield block.clause("WHERE")
        yield block.clause("HAVING")
        yield [word for word in block.clause("FROM") if "ON" in texts(block.clause("FROM"))]
    for piece in read.pieces:
        names = texts(piece)
        if names[:1] and names[0] in ("UPDATE", "DELETE") and "WHERE" in names:
            yield piece[names.index("WHERE") + 1 :]


def _is_time(word: Word) -> bool:
    return word.kind == "word" and (is_only(word.text, "TIMESTAMP") or word.text == "SYSTIMESTAMP")


@rule(
    "house",
    "TIMESTAMP with numbers: a difference is an INTERVAL (ORA-00932 where a number is wanted), a sum with a number a DATE",
    bad=(
        "select (updated_at - created_at) * 86400 from comparison_jobs",
        "select created_at + 1 from comparison_jobs",
        "select due_at - 1 / 24 from comparison_jobs",
        "select sum(updated_at - created_at) from comparison_jobs",
        "begin l_now := sys_extract_utc(systimestamp) + 5 / 86400; end;",
    ),
    good=(
        "select (cast(updated_at as date) - cast(created_at as date)) * 86400 from comparison_jobs",
        "select created_at + numtodsinterval(5, 'SECOND') from comparison_jobs",
        "select due_at - interval '1' day from comparison_jobs",
        "select extract(second from updated_at - created_at) from comparison_jobs",
    ),
)
def times(read: Read) -> Faults:
    some = read.words
    for position, word in enumerate(some):
        if word.kind != "op" or word.text not in ("+", "-") or position == 0 or position + 1 == len(some):
            continue
        left, right = some[position - 1], some[position + 1]
        clock = left.text == ")" and texts(some[position - 4 : position]) == [
            "SYS_EXTRACT_UTC",
            "(",
            "SYSTIMESTAMP",
            ")",
        ]
        if (_is_time(left) or clock) and right.kind == "number":
            yield word.line, f"{left.text} {word.text} {right.text}"
        if word.text == "-" and _is_time(left):
            end = next((n for n in range(position, len(some)) if some[n].depth < word.depth), len(some))
            difference = any(
                _is_time(w) for w in some[position + 1 : min(end, position + 4)] if w.depth == word.depth
            )
            opening = next((n for n in range(position, -1, -1) if some[n].depth < word.depth), -1)
            around = some[opening - 1].text if opening > 0 else ""
            following = some[end + 1].text if end + 1 < len(some) else ""
            if difference and (
                following in ("*", "/") or around in ("SUM", "AVG", "ROUND", "FLOOR", "TRUNC")
            ):
                yield word.line, f"{left.text} - {right.text}"


@rule(
    "house",
    "a column compared with a literal of another type: Oracle converts one of them",
    bad=(
        "select job_id from comparison_jobs where job_id = 5",
        "select job_id from comparison_jobs j where j.priority = '5'",
        "select job_id from comparison_jobs where created_at > '2026-01-01'",
    ),
    good=(
        "select job_id from comparison_jobs where job_id = '5' and priority = 5",
        "select job_id from comparison_jobs where created_at > timestamp '2026-01-01 00:00:00'",
    ),
)
def conversions(read: Read) -> Faults:
    for piece in read.pieces:
        for left, operator, right in zip(piece, piece[1:], piece[2:], strict=False):
            if operator.kind != "op" or operator.text not in _COMPARISONS or left.kind != "word":
                continue
            types = by_name().get(left.text, frozenset())
            text = right.kind == "string"
            if (right.kind == "number" and types == {"VARCHAR2"}) or (
                text and types and not types & {"VARCHAR2", "CLOB"}
            ):
                yield left.line, f"{left.text} {operator.text} {right.text}"


@rule(
    "ORA-01489",
    "texts joined to more than 4000 bytes in SQL",
    bad=("select before_value || after_value || before_value || after_value || target from audit_log",),
    good=("select actor || ' ' || action from audit_log",),
)
def long_texts(read: Read) -> Faults:
    for piece in read.pieces:
        for depth in {word.depth for word in piece if word.text == "||"}:
            length = 0
            for word in piece:
                if word.depth != depth:
                    continue
                if word.text in (",", "FROM", "WHERE", "AND", "OR", ";") or (
                    word.kind == "op" and word.text in _COMPARISONS
                ):
                    length = 0
                length += (
                    len(word.text) - 2
                    if word.kind == "string"
                    else width(word.text)
                    if word.kind == "word"
                    else 0
                )
                if length > _MOST_BYTES:
                    yield word.line, f"{length} characters"
                    length = 0


@rule(
    "ORA-00910",
    "lengths and precisions beyond what SQL has: 4000 bytes of text, 2000 of RAW, 38 digits, 9 of a second",
    bad=(
        "create table t (a varchar2(4001 char))",
        "create table t (a raw(2001))",
        "create table t (a number(39))",
        "create table t (a timestamp(10))",
    ),
    good=("create table t (a varchar2(4000 char), b raw(2000), c number(38), d timestamp(9))",),
)
def lengths(read: Read) -> Faults:
    most = {"VARCHAR2": 4000, "RAW": 2000, "NUMBER": 38, "TIMESTAMP": 9, "NVARCHAR2": 2000}
    for piece in read.pieces:
        for start, _end in calls(piece, frozenset(most)):
            size = piece[start + 2]
            if size.kind == "number" and int(size.text) > most[piece[start].text]:
                yield size.line, f"{piece[start].text}({size.text})"


@rule(
    "ORA-01704",
    "a text literal of more than 4000 bytes in SQL",
    bad=(f"comment on table t is '{'x' * 4001}'",),
    good=(f"comment on table t is '{'x' * 4000}'",),
)
def long_literals(read: Read) -> Faults:
    for piece in read.pieces:
        for word in piece:
            if word.kind == "string" and len(word.text.encode()) > _MOST_BYTES + 2:
                yield word.line, word.text[:30]


@rule(
    "ORA-00932",
    "the branches of CASE, or the arguments of NVL, of different types",
    bad=(
        "select case when priority = 1 then 'x' else 0 end as y from comparison_jobs",
        "select nvl(priority, 'none') from comparison_jobs",
        "select nvl(due_at, 0) from comparison_jobs",
    ),
    good=("select case when priority = 1 then 'x' else 'y' end as y, nvl(priority, 0) from comparison_jobs",),
)
def branches(read: Read) -> Faults:
    for piece in read.pieces:
        for position, word in enumerate(piece[:-1]):
            if word.text in ("NVL", "COALESCE") and piece[position + 1].text == "(":
                arguments = split_at(piece[position + 2 : closing(piece, position + 1)], ",")
                kinds = {kind for argument in arguments if (kind := _kind(argument))}
                if len(kinds) > 1:
                    yield word.line, f"{word.text}: {' and '.join(sorted(kinds))}"
            if word.kind == "word" and word.text == "CASE":
                kinds = set()
                for at in range(position + 1, len(piece)):
                    if piece[at].text == "END" and piece[at].depth == word.depth:
                        break
                    if piece[at].text in ("THEN", "ELSE") and piece[at].depth == word.depth:
                        end = next((n for n in range(at + 1, len(piece)) if piece[n].depth == word.depth and piece[n].text in ("WHEN", "ELSE", "END")), at)  # fmt: skip
                        if kind := _kind(piece[at + 1 : end]):
                            kinds.add(kind)
                if len(kinds) > 1:
                    yield word.line, f"CASE: {' and '.join(sorted(kinds))}"


def _kind(some: list[Word]) -> str | None:
    """Text, number or time where one word, or table and column, says so; else None."""
    if not some or len(some) not in (1, 3) or (len(some) == 3 and some[1].text != "."):
        return None
    last = some[-1]
    if last.kind in ("string", "number"):
        return {"string": "text", "number": "number"}[last.kind]
    types = by_name().get(last.text, frozenset()) if last.kind == "word" else frozenset()
    kinds = {"VARCHAR2": "text", "CLOB": "text", "NUMBER": "number", "TIMESTAMP": "time"}
    found = {kinds.get(one, one) for one in types}
    return found.pop() if len(found) == 1 else None
