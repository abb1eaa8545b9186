"""Match the rows of two sides by key: who belongs to whom, who is alone, which keys occur twice.

Keys are reduced to 64-bit codes and sorted. A code that occurs once on each side is a candidate pair,
proved afterwards on the key columns themselves (a single integer key is its own code and needs no
proof). Rows whose code occurs more than once on either side are paired exactly by DuckDB, which ranks
their keys and values: identical rows first, the rest in ascending order of values, NULLs last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from worker.engines.cells import differing, take
from worker.engines.values import Kind, ValueType

Rows = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint64]
Column = Callable[[int, int], pa.Array]
"""Reads one stored column: side (0 is A, 1 is B) and position among the value columns."""


@dataclass(frozen=True, slots=True)
class RepeatedKeys:
    """Keys that occur more than once on one side: a row that has the key, and how many rows have it."""

    rows: Rows
    counts: Rows


@dataclass(frozen=True, slots=True)
class Pairing:
    """Row numbers. `a[i]` is matched with `b[i]`; `only_a` and `only_b` have no partner."""

    a: Rows
    b: Rows
    only_a: Rows
    only_b: Rows
    repeated_a: RepeatedKeys
    repeated_b: RepeatedKeys


def key_codes(keys: pa.Table, connection: duckdb.DuckDBPyConnection, *, own_code: bool) -> Codes:
    """A 64-bit code of each row's key; equal keys have equal codes.

    With `own_code` the key is one integer column without NULLs, and the code is the integer itself.
    """
    if keys.num_rows == 0:
        return np.empty(0, np.uint64)
    if own_code:
        values: Codes = keys.column(0).combine_chunks().to_numpy(zero_copy_only=False).view(np.uint64)
        return values
    connection.register("keys", keys)
    try:
        columns = ", ".join(keys.column_names)
        fetched = connection.sql(f"select hash({columns}) as code from keys").fetchnumpy()
    finally:
        connection.unregister("keys")
    return np.asarray(fetched["code"], dtype=np.uint64)


def scatter(codes: Codes) -> Codes:
    """Codes mixed so that neighbours land far apart; the finalizer of splitmix64, a bijection."""
    mixed = codes.copy()
    mixed ^= mixed >> np.uint64(30)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed


def pair(
    keys: tuple[pa.Table, pa.Table],
    codes: tuple[Codes, Codes],
    key_types: Sequence[ValueType],
    value_types: Sequence[ValueType],
    value_column: Column,
    connection: duckdb.DuckDBPyConnection,
    *,
    own_code: bool,
) -> Pairing:
    """Match the rows of A and B by key. Row numbers count from 0 in the order of `keys`."""
    order_a, order_b = _order(codes[0]), _order(codes[1])
    sorted_a, sorted_b = codes[0][order_a], codes[1][order_b]
    repeated = np.union1d(_repeated(sorted_a), _repeated(sorted_b))
    if repeated.size:
        clean_a, clean_b = ~np.isin(sorted_a, repeated), ~np.isin(sorted_b, repeated)
        suspects = (np.sort(order_a[~clean_a]), np.sort(order_b[~clean_b]))
        order_a, sorted_a = order_a[clean_a], sorted_a[clean_a]
        order_b, sorted_b = order_b[clean_b], sorted_b[clean_b]
    else:
        suspects = (np.empty(0, np.int64), np.empty(0, np.int64))
    partner = _partners(codes[0].size, order_a, sorted_a, order_b, sorted_b)
    rows_a = np.flatnonzero(partner >= 0)
    rows_b = partner[rows_a]
    if not own_code:
        proved = _same_keys(keys, rows_a, rows_b)
        rows_a, rows_b = rows_a[proved], rows_b[proved]
    twice = _pair_suspects(keys, suspects, key_types, value_types, value_column, connection)
    rows_a = np.concatenate([rows_a, twice.a])
    rows_b = np.concatenate([rows_b, twice.b])
    return Pairing(
        a=rows_a,
        b=rows_b,
        only_a=_unmatched(codes[0].size, rows_a, twice.only_a),
        only_b=_unmatched(codes[1].size, rows_b, twice.only_b),
        repeated_a=twice.repeated_a,
        repeated_b=twice.repeated_b,
    )


def _order(codes: Codes) -> Rows:
    if codes.size < 2 or bool(np.all(codes[1:] > codes[:-1])):
        return np.arange(codes.size, dtype=np.int64)
    return np.argsort(codes).astype(np.int64, copy=False)


def _repeated(sorted_codes: Codes) -> Codes:
    return np.unique(sorted_codes[1:][sorted_codes[1:] == sorted_codes[:-1]])


def _partners(size_a: int, order_a: Rows, sorted_a: Codes, order_b: Rows, sorted_b: Codes) -> Rows:
    partner = np.full(size_a, -1, np.int64)
    if sorted_a.size == 0 or sorted_b.size == 0:
        return partner
    if np.array_equal(sorted_a, sorted_b):
        partner[order_a] = order_b
        return partner
    position = np.searchsorted(sorted_b, sorted_a)
    position[position == sorted_b.size] = 0
    found = sorted_b[position] == sorted_a
    partner[order_a[found]] = order_b[position[found]]
    return partner


def _same_keys(keys: tuple[pa.Table, pa.Table], rows_a: Rows, rows_b: Rows) -> npt.NDArray[np.bool_]:
    same = np.ones(rows_a.size, np.bool_)
    for column_a, column_b in zip(keys[0].columns, keys[1].columns, strict=True):
        a, b = take(column_a.combine_chunks(), rows_a), take(column_b.combine_chunks(), rows_b)
        same[differing(a, b)] = False
    return same


def _unmatched(size: int, matched: Rows, in_value_order: Rows) -> Rows:
    """Rows without a partner; those of repeated keys come last, in the order of their values."""
    alone = np.ones(size, np.bool_)
    alone[matched] = False
    alone[in_value_order] = False
    return np.concatenate([np.flatnonzero(alone), in_value_order])


def _pair_suspects(
    keys: tuple[pa.Table, pa.Table],
    suspects: tuple[Rows, Rows],
    key_types: Sequence[ValueType],
    value_types: Sequence[ValueType],
    value_column: Column,
    connection: duckdb.DuckDBPyConnection,
) -> Pairing:
    none = np.empty(0, np.int64)
    if suspects[0].size + suspects[1].size == 0:
        nothing = RepeatedKeys(none, none)
        return Pairing(none, none, none, none, nothing, nothing)
    sides = []
    for side in (0, 1):
        rows = suspects[side]
        columns = [take(c.combine_chunks(), rows) for c in keys[side].columns]
        columns += [take(value_column(side, n), rows) for n in range(len(value_types))]
        names = [f"k{n}" for n in range(len(key_types))] + [f"v{n}" for n in range(len(value_types))]
        marks = [pa.array(np.full(rows.size, side, np.int8)), pa.array(rows)]
        sides.append(pa.table([*marks, *columns], ["side", "row", *names]))
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
    a, b = row[in_a], row[in_b]
    key_a, key_b = key_rank[in_a], key_rank[in_b]
    identical_a, identical_b = _zip_within(row_rank[in_a], row_rank[in_b])
    rest_a, rest_b = _others(a.size, identical_a), _others(b.size, identical_b)
    next_a, next_b = _zip_within(key_a[rest_a], key_b[rest_b])
    return Pairing(
        a=np.concatenate([a[identical_a], a[rest_a][next_a]]),
        b=np.concatenate([b[identical_b], b[rest_b][next_b]]),
        only_a=a[rest_a][_others(rest_a.size, next_a)],
        only_b=b[rest_b][_others(rest_b.size, next_b)],
        repeated_a=_repeated_keys(key_a, a),
        repeated_b=_repeated_keys(key_b, b),
    )


def _zip_within(group_a: Rows, group_b: Rows) -> tuple[Rows, Rows]:
    """Positions that pair the n-th member of a group in A with its n-th in B; groups are ascending."""
    nth_a, nth_b = _nth(group_a), _nth(group_b)
    span = np.int64(max(nth_a.max(initial=0), nth_b.max(initial=0)) + 1)
    _, at_a, at_b = np.intersect1d(
        group_a * span + nth_a, group_b * span + nth_b, assume_unique=True, return_indices=True
    )
    return at_a.astype(np.int64), at_b.astype(np.int64)


def _nth(groups: Rows) -> Rows:
    starts = np.searchsorted(groups, groups, side="left")
    return np.arange(groups.size, dtype=np.int64) - starts


def _others(size: int, taken: Rows) -> Rows:
    free = np.ones(size, np.bool_)
    free[taken] = False
    return np.flatnonzero(free)


def _repeated_keys(groups: Rows, rows: Rows) -> RepeatedKeys:
    if groups.size == 0:
        return RepeatedKeys(rows, rows)
    _, first, counts = np.unique(groups, return_index=True, return_counts=True)
    more = counts > 1
    return RepeatedKeys(rows[first[more]], counts[more].astype(np.int64))


def _ranks(numbers: pa.ChunkedArray) -> pa.ChunkedArray:
    """The rank of each number kept as text: its order in DuckDB is the order of the numbers."""
    ordered = sorted(pc.unique(numbers.drop_null()).to_pylist(), key=Decimal)
    return pc.index_in(numbers, value_set=pa.array(ordered, numbers.type))
