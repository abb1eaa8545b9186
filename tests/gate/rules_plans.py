"""Rules about what the plans of hot statements need: hints that are none, and expressions that no index has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from tests.gate.blocks import Read
from tests.gate.rules import rule
from tests.gate.words import Word, closing, names, split_at, texts, words

Faults = Iterator[tuple[int, str]]
_HINT = re.compile(r"(?:/\*|--)\+(.*?)(?:\*/|$)", re.DOTALL | re.MULTILINE)
_HINTS = names(
    """ALL_ROWS FIRST_ROWS INDEX INDEX_ASC INDEX_DESC INDEX_FFS NO_INDEX FULL LEADING ORDERED USE_NL USE_HASH USE_MERGE
    NO_USE_NL NO_USE_HASH MERGE NO_MERGE UNNEST NO_UNNEST PUSH_PRED NO_PUSH_PRED PUSH_SUBQ NO_PUSH_SUBQ QB_NAME CARDINALITY
    OPT_PARAM NO_EXPAND USE_CONCAT MATERIALIZE INLINE PARALLEL NO_PARALLEL APPEND RESULT_CACHE GATHER_PLAN_STATISTICS
    DYNAMIC_SAMPLING SWAP_JOIN_INPUTS NO_QUERY_TRANSFORMATION"""
)


@cache
def indexes() -> dict[str, tuple[str, ...]]:
    """Index -> its columns and expressions as they are after all migrations; names of tables are left out."""
    from tests.gate.collect import stored

    found: dict[str, tuple[str, ...]] = {}
    for text in stored():
        some = words(text.texts()[0])
        written = texts(some)
        if written[:2] == ["DROP", "INDEX"]:
            found.pop(written[2], None)
        if written[:1] == ["CREATE"] and "INDEX" in written[:3]:
            name, opening = written[written.index("INDEX") + 1], written.index("(")
            parts = split_at(some[opening + 1 : closing(some, opening)], ",")
            found[name] = tuple(_expression(part) for part in parts)
        for position, word in enumerate(written[:-4]):
            if word == "CONSTRAINT" and written[position + 2] in ("PRIMARY", "UNIQUE"):
                opening = written.index("(", position)
                found[written[position + 1]] = tuple(written[opening + 1 : closing(some, opening)][::2])
    return found


def _expression(some: list[Word]) -> str:
    """An expression without the names of tables and the white space of its writer."""
    plain = [
        word.text
        for position, word in enumerate(some)
        if word.text != "." and not (position + 1 < len(some) and some[position + 1].text == ".")
    ]
    return " ".join(plain)


@rule(
    "house",
    "a hint that Oracle does not know, or of an index or a table that is not there: it would be a comment",
    bad=(
        "select /*+ indx(j comparison_jobs_claim_idx) */ j.job_id from comparison_jobs j",
        "select /*+ index(j comparison_jobs_klaim_idx) */ j.job_id from comparison_jobs j",
        "select /*+ index(c comparison_jobs_claim_idx) */ j.job_id from comparison_jobs j",
    ),
    good=("select /*+ index(j comparison_jobs_claim_idx) no_unnest */ j.job_id from comparison_jobs j",),
)
def hints(read: Read) -> Faults:
    sources = {name for block in read.blocks for name in block.sources}
    for match in _HINT.finditer(read.text):
        line = read.text.count("\n", 0, match.start()) + 1
        for name, arguments in re.findall(r"(\w+)\s*(?:\(([^)]*)\))?", match[1].upper()):
            if name not in _HINTS:
                yield line, name
            elif name == "INDEX":
                table, *listed = arguments.split()
                if table not in sources:
                    yield line, f"{table} is no table of the statement"
                yield from ((line, f"{index} is no index") for index in listed if index not in indexes())


@rule(
    "house",
    "a CASE in WHERE that is compared, and is the expression of no index letter by letter: every row would be read",
    bad=(
        "select job_id from comparison_jobs j where case when j.status = 'RUNING' then j.worker_id end = 'x'",
    ),
    good=(
        "select job_id from comparison_jobs j where case when j.status = 'RUNNING' then j.worker_id end is not null",
        "select job_id from comparison_jobs j where j.priority = case when :wanted = 1 then 2 else 3 end",
    ),
)
def indexed_expressions(read: Read) -> Faults:
    known = {expression for expressions in indexes().values() for expression in expressions}
    for block in read.blocks:
        where = block.clause("WHERE")
        for position, word in enumerate(where):
            before = where[position - 1].text if position else "AND"
            if word.text != "CASE" or before not in ("AND", "OR", "("):
                continue
            end = next((n for n in range(position, len(where)) if where[n].text == "END" and where[n].depth == word.depth), None)  # fmt: skip
            if end is not None and _expression(where[position : end + 1]) not in known:
                yield word.line, _expression(where[position : end + 1])
