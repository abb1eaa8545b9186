"""Pair the rows of keys that occur more than once: by value, never by position.

Identical rows first, the rest in ascending order of their values, column by column, NULLs last; what is
left over has no partner. DuckDB ranks the keys and the rows; both sides' rows are whole and in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from worker.engines.values import Kind, ValueType

if TYPE_CHECKING:
    import duckdb

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RepeatedKeys:
    """Keys that occur more than once on one side: a row that has the key, and how many rows have it."""

    rows: Positions
    counts: Positions


@dataclass(frozen=True, slots=True)
class Pairing:
    """Positions in the two tables. `a[i]` is matched with `b[i]`; `only_a` and `only_b` have no partner.

    `rank_a` and `rank_b` order the rows of a side by key and values: the same whatever order they came in.
    """

    a: Positions
    b: Positions
    only_a: Positions
    only_b: Positions
    keys_a: RepeatedKeys
    keys_b: RepeatedKeys
    rank_a: Positions
    rank_b: Positions


def pair_repeated(
    a: pa.Table,
    b: pa.Table,
    key_types: Sequence[ValueType],
    value_types: Sequence[ValueType],
    connection: duckdb.DuckDBPyConnection,
) -> Pairing:
    """Match whole rows in storage form, key columns first. A key that is on one side once is fine too."""
    names = [f"k{n}" for n in range(len(key_types))] + [f"v{n}" for n in range(len(value_types))]
    sides = []
    for side, table in enumerate((a, b)):
        marks = [pa.array(np.full(table.num_rows, side, np.int8)), pa.array(np.arange(table.num_rows))]
        sides.append(pa.table([*marks, *table.columns], ["side", "row", *names]))
    both = pa.concat_tables(sides).combine_chunks()
    for position, value_type in enumerate([*key_types, *value_types], start=2):
        if value_type.kind is Kind.NUMBER:
            both = both.set_column(position, both.column_names[position], _ranks(both.column(position)))
    by_key = ", ".join(f"k{n} asc nulls last" for n in range(len(key_types)))
    by_all = ", ".join([by_key, *(f"v{n} asc nulls last" for n in range(len(value_types)))])
    connection.register("suspects", both)
    try:
        ranked = connection.sql(
            f"select side, row, dense_rank() over (order by {by_key}) as key_rank,"
            f" dense_rank() over (order by {by_all}) as row_rank from suspects order by row_rank, row"
        ).fetchnumpy()
    finally:
        connection.unregister("suspects")
    of_side, row = np.asarray(ranked["side"]), np.asarray(ranked["row"], np.int64)
    key_rank, row_rank = np.asarray(ranked["key_rank"], np.int64), np.asarray(ranked["row_rank"], np.int64)
    in_a, in_b = of_side == 0, of_side == 1
    rows_a, rows_b = row[in_a], row[in_b]
    key_a, key_b = key_rank[in_a], key_rank[in_b]
    same_a, same_b = _zip_within(row_rank[in_a], row_rank[in_b])
    rest_a, rest_b = _others(rows_a.size, same_a), _others(rows_b.size, same_b)
    next_a, next_b = _zip_within(key_a[rest_a], key_b[rest_b])
    return Pairing(
        a=np.concatenate([rows_a[same_a], rows_a[rest_a][next_a]]),
        b=np.concatenate([rows_b[same_b], rows_b[rest_b][next_b]]),
        only_a=rows_a[rest_a][_others(rest_a.size, next_a)],
        only_b=rows_b[rest_b][_others(rest_b.size, next_b)],
        keys_a=_repeated_keys(key_a, rows_a),
        keys_b=_repeated_keys(key_b, rows_b),
        rank_a=_inverse(rows_a),
        rank_b=_inverse(rows_b),
    )


def _zip_within(group_a: Positions, group_b: Positions) -> tuple[Positions, Positions]:
    """Positions that pair the n-th member of a group in A with its n-th in B; groups are ascending."""
    nth_a, nth_b = _nth(group_a), _nth(group_b)
    span = np.int64(max(nth_a.max(initial=0), nth_b.max(initial=0)) + 1)
    _, at_a, at_b = np.intersect1d(
        group_a * span + nth_a, group_b * span + nth_b, assume_unique=True, return_indices=True
    )
    return at_a.astype(np.int64), at_b.astype(np.int64)


def _nth(groups: Positions) -> Positions:
    starts = np.searchsorted(groups, groups, side="left")
    return np.arange(groups.size, dtype=np.int64) - starts


def _others(size: int, taken: Positions) -> Positions:
    free = np.ones(size, np.bool_)
    free[taken] = False
    return np.flatnonzero(free)


def _inverse(order: Positions) -> Positions:
    ranks = np.empty(order.size, np.int64)
    ranks[order] = np.arange(order.size)
    return ranks


def _repeated_keys(groups: Positions, rows: Positions) -> RepeatedKeys:
    if groups.size == 0:
        return RepeatedKeys(rows, rows)
    _, first, counts = np.unique(groups, return_index=True, return_counts=True)
    more = counts > 1
    return RepeatedKeys(rows[first[more]], counts[more].astype(np.int64))


def _ranks(numbers: pa.ChunkedArray) -> pa.ChunkedArray:
    """The rank of each number kept as text: its order in DuckDB is the order of the numbers."""
    ordered = sorted(pc.unique(numbers.drop_null()).to_pylist(), key=Decimal)
    return pc.index_in(numbers, value_set=pa.array(ordered, numbers.type))
