"""Analytic functions that PostgreSQL does not have: IGNORE NULLS and ordered lists of a partition."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import oracledb
import pytest

from tests.conftest import Instance

_RANDOM = random.Random(7)
ROWS: list[tuple[int, int, int | None]] = [
    (n, _RANDOM.randrange(3), None if _RANDOM.random() < 0.4 else _RANDOM.randrange(50)) for n in range(60)
]


@pytest.fixture(scope="module")
def cursor(localdb: Instance) -> Iterator[oracledb.Cursor]:
    connection = localdb.connect()
    cursor = connection.cursor()
    cursor.execute("create table windows (id number(4) primary key, g number(2), v number(4))")
    cursor.executemany("insert into windows values (:1, :2, :3)", ROWS)
    connection.commit()
    yield cursor
    cursor.execute("drop table windows")
    connection.close()


def _column(cursor: oracledb.Cursor, expression: str) -> dict[int, Any]:
    return dict(cursor.execute(f"select id, {expression} from windows").fetchall())


def _naive(pick: Any) -> dict[int, Any]:
    """`pick(before, row, after)` over the rows of the same group, in the order of id."""
    found = {}
    for group in {row[1] for row in ROWS}:
        rows = [row for row in ROWS if row[1] == group]
        for index, row in enumerate(rows):
            found[row[0]] = pick([r[2] for r in rows[:index]], row[2], [r[2] for r in rows[index + 1 :]])
    return found


def _filled(values: list[Any]) -> list[Any]:
    return [value for value in values if value is not None]


@pytest.mark.parametrize(
    ("expression", "pick"),
    [
        ("last_value(v) ignore nulls over (partition by g order by id)",
         lambda b, r, a: (_filled([*b, r]) or [None])[-1]),
        ("last_value(v ignore nulls) over (partition by g order by id)",
         lambda b, r, a: (_filled([*b, r]) or [None])[-1]),
        ("first_value(v) ignore nulls over (partition by g order by id rows between current row and unbounded"
         " following)", lambda b, r, a: (_filled([r, *a]) or [None])[0]),
        ("lag(v) ignore nulls over (partition by g order by id)", lambda b, r, a: (_filled(b) or [None])[-1]),
        ("lag(v, 2, -1) ignore nulls over (partition by g order by id)",
         lambda b, r, a: ([-1, -1, *_filled(b)])[-2]),
        ("lead(v, 1, -1) ignore nulls over (partition by g order by id)",
         lambda b, r, a: [*_filled(a), -1][0]),
        ("lag(v) respect nulls over (partition by g order by id)", lambda b, r, a: (b or [None])[-1]),
        ("nth_value(v, 2) ignore nulls over (partition by g order by id rows between unbounded preceding and"
         " unbounded following)", lambda b, r, a: ([*_filled([*b, r, *a]), None, None])[1]),
        ("nth_value(id, 2) from last over (partition by g order by id rows between unbounded preceding and"
         " current row)", None),
        ("listagg(v, ',') within group (order by id desc) over (partition by g)",
         lambda b, r, a: ",".join(str(v) for v in reversed(_filled([*b, r, *a])))),
        ("count(distinct v) over (partition by g)", lambda b, r, a: len(set(_filled([*b, r, *a])))),
        ("median(v) over (partition by g)", lambda b, r, a: _median(_filled([*b, r, *a]))),
        ("percentile_disc(0.5) within group (order by v) over (partition by g)",
         lambda b, r, a: sorted(_filled([*b, r, *a]))[(len(_filled([*b, r, *a])) + 1) // 2 - 1]),
    ],
)  # fmt: skip
def test_against_a_naive_count(cursor: oracledb.Cursor, expression: str, pick: Any) -> None:
    found = _column(cursor, expression)
    if pick is None:
        groups: dict[int, list[int]] = {}
        expected: dict[int, Any] = {}
        for id_, group, _ in ROWS:
            groups.setdefault(group, []).append(id_)
            expected[id_] = groups[group][-2] if len(groups[group]) > 1 else None
    else:
        expected = _naive(pick)
    assert found == expected


def _median(values: list[int]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
