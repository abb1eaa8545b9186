"""How good a key a column set would be, and why, in words.

The cost of a column counts what speaks against it; a set costs the sum, so that fewer columns are better.
Costs order the work and the answer; they never exclude a set.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from worker.engines.keyfinding.tables import ColumnProfile
from worker.engines.layout import ComparedColumn
from worker.engines.values import Kind

LONG_TEXT = 30
"""Mean length, in characters, from which text counts as free text."""
NO_OVERLAP_COST = 10.0
"""Cost of a set no value of which is on both sides; in proportion for an overlap in between."""

_COLUMN = 1.0
_PLACE = 0.1  # of the last column; keys tend to stand first
_NO_NAME_OF_A_KEY = 0.1
_NULLS, _MEASURE, _FREE_TEXT, _BOOLEAN = 5.0, 2.0, 2.0, 0.5
_NAME = re.compile(r"(^|_)(ID|UUID|GUID|KEY|CODE|NO|NR|NUM|NUMBER|PK)\d*$|ID$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Judged:
    """A column as a member of a key: its cost, and what speaks against it."""

    name: str
    cost: float
    nulls: int
    objections: tuple[str, ...]


def judge(columns: Sequence[ComparedColumn], profiles: Sequence[Sequence[ColumnProfile]]) -> list[Judged]:
    """Judge every candidate column; `profiles` are those of A and of B."""
    judged = []
    for position, (column, *sides) in enumerate(zip(columns, *profiles, strict=True)):
        nulls = sum(side.nulls for side in sides)
        objections = []
        cost = _COLUMN + _PLACE * position / len(columns)
        if nulls:
            cost += _NULLS
            objections.append(f"{column.name} has {nulls:,} NULLs")
        if any(side.negative or side.fractional for side in sides):
            cost += _MEASURE
            odd = "negative" if any(side.negative for side in sides) else "fractional"
            objections.append(f"{column.name} has {odd} numbers, as a measure has")
        if any(side.mean_length >= LONG_TEXT for side in sides):
            cost += _FREE_TEXT
            objections.append(f"{column.name} is free text")
        if column.type.kind is Kind.BOOLEAN:
            cost += _BOOLEAN
        if not _NAME.search(column.name):
            cost += _NO_NAME_OF_A_KEY
        judged.append(Judged(column.name, cost, nulls, tuple(objections)))
    return judged


def reasons(members: Sequence[Judged], overlap: float | None, rows: Sequence[int]) -> list[str]:
    """Why the set is a good key or not, most important first. `overlap` is 0 to 1; `rows` of each side."""
    said = [
        "unique in A and in B",
        *(text for member in members for text in member.objections),
    ]
    if not any(member.nulls for member in members):
        said.insert(1, "no NULLs")
    said += [
        f"{side} has {'no rows' if not count else 'one row'}, so that says little"
        for side, count in zip("AB", rows, strict=True)
        if count < 2
    ]
    if overlap is not None:
        said.append(f"{_percent(overlap)} of the smaller side's values are on the other side")
    said.append("one column" if len(members) == 1 else f"{len(members)} columns")
    return said


def total_cost(members: Sequence[Judged], overlap: float | None) -> float:
    """Cost of the set; what is unknown costs nothing."""
    return sum(member.cost for member in members) + NO_OVERLAP_COST * (
        1 - (1 if overlap is None else overlap)
    )


def _percent(share: float) -> str:
    return "100 %" if share == 1 else f"{min(share * 100, 99.9):.1f} %"
