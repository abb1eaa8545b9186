"""Pairs of large tables of which every difference is known beforehand.

The value of each cell is a pure function of row number, column and seed, so both sides are made
independently, in pieces, in any order, and the truth follows from arithmetic. 13 columns, both sides
shuffled, each in its own way. Side B lacks one row in a thousand and has one new one in a thousand; one
cell in a hundred is changed, which touches about eleven rows in a hundred.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from worker.engines.plan import ColumnRule

U64 = np.uint64
Rows = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
_NAMES = ["Ada", "Grace", "Edsger", "Barbara", "Donald", "Frances", "Niklaus", "Radia", "Tony", "Leslie"]
_CITIES = ["Zürich", "Lisboa", "Łódź", "Kyōto", "Reykjavík", "Boston", "Dakar", "Wien"]
_GROUP_ROWS = 131_072
_DAY_S = 86_400

KEY = "ID"
CLASSES = {
    "LAT": "rounded",
    "NAME": "case",
    "AMOUNT": "changed",
    "CITY": "value_to_null",
    "CODE": "white_space",
    "UPDATED": "time_shift",
    "CREATED": "time_lost",
    "QUANTITY": "factor",
    "RATIO": "changed",
    "NOTE": "truncated",
}
"""Columns with planted changes, and the class of all of them."""
TOLERATED = ("LAT", "AMOUNT", "NAME", "CODE")
"""Columns whose planted changes `tolerant_rules` let pass."""
_FROM = dict(zip(CLASSES, (0, 12, 14, 26, 38, 50, 62, 74, 86, 98), strict=True))
"""Each column is changed in rows whose choice (0 to 999) is one of the twelve from here on; two overlap."""


@dataclass(frozen=True)
class Truth:
    """What a comparison must count."""

    rows_a: int
    rows_b: int
    matched: int
    changed: int
    only_a: int
    only_b: int
    different: dict[str, int]


def mix(rows: Rows, salt: int) -> npt.NDArray[np.uint64]:
    """64 pseudo-random bits of each row number (splitmix64)."""
    x = rows.astype(U64) + U64(salt * 0x9E3779B97F4A7C15 % 2**64)
    x = (x ^ (x >> U64(30))) * U64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> U64(27))) * U64(0x94D049BB133111EB)
    return x ^ (x >> U64(31))


def shuffled(positions: Rows, size: int, salt: int) -> Rows:
    """A permutation of 0 .. size-1 at `positions`: a Feistel network, walked until it is back in range."""
    half = U64(max(1, ((size - 1).bit_length() + 1) // 2))
    low = (U64(1) << half) - U64(1)

    def network(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
        left, right = x >> half, x & low
        for turn in range(4):
            left, right = right, left ^ (mix(right.astype(np.int64), salt + turn) & low)
        return (left << half) | right

    out = network(positions.astype(U64))
    while (outside := np.flatnonzero(out >= U64(size))).size:
        out[outside] = network(out[outside])
    return out.astype(np.int64)


def only_in_a(rows: Rows) -> Mask:
    """Which rows B lacks."""
    return np.asarray(mix(rows, 101) % U64(1000) == 0)


def edited(rows: Rows) -> dict[str, Mask]:
    """Which rows have a changed cell in which column of B."""
    choice = mix(rows, 102) % U64(1000)
    masks = {name: (choice >= start) & (choice < start + 12) for name, start in _FROM.items()}
    masks["LAT"] &= _whole(rows, 3, 180_000_000) % 10 != 0
    masks["CITY"] &= mix(rows, 5) % U64(20) != 0
    masks["CREATED"] &= _created(rows) % _DAY_S != 0
    masks["QUANTITY"] &= _whole(rows, 11, 1000) != 0
    return masks


def tolerant_rules() -> dict[str, ColumnRule]:
    """Rules that let the changes of the TOLERATED columns pass, and some more that let nothing pass."""
    return {
        "LAT": ColumnRule(tolerance=Decimal("0.000005")),
        "AMOUNT": ColumnRule(tolerance=Decimal("1.03")),
        "LON": ColumnRule(tolerance=Decimal("0.000005")),
        "NAME": ColumnRule(ignore_case=True),
        "CODE": ColumnRule(trim=True),
        "NOTE": ColumnRule(ignore_case=True, trim=True),
    }


def truth(rows: int, tolerated: Collection[str] = ()) -> Truth:
    """The counts for tables of about `rows` rows, where changes of some columns may count as none."""
    gone = changed = 0
    different = dict.fromkeys(CLASSES, 0)
    for start in range(0, rows, 1_000_000):
        numbers = np.arange(start, min(rows, start + 1_000_000), dtype=np.int64)
        absent = only_in_a(numbers)
        masks = {name: mask & ~absent & (name not in tolerated) for name, mask in edited(numbers).items()}
        gone += int(absent.sum())
        changed += int(np.logical_or.reduce(list(masks.values())).sum())
        for name, mask in masks.items():
            different[name] += int(mask.sum())
    extra = rows // 1000
    return Truth(rows, rows - gone + extra, rows - gone, changed, gone, extra, different)


def batches(side: int, rows: int, width: int = 0) -> Iterator[pa.Table]:
    """Side 0 (A) or 1 (B) in pieces. NOTE is filled up to `width` characters."""
    size = rows + (rows // 1000 if side else 0)
    for start in range(0, size, 4 * _GROUP_ROWS):
        positions = np.arange(start, min(size, start + 4 * _GROUP_ROWS), dtype=np.int64)
        numbers = shuffled(positions, size, 103 + 10 * side)
        if side:
            numbers = numbers[(numbers >= rows) | ~only_in_a(numbers)]
            changes = {name: mask & (numbers < rows) for name, mask in edited(numbers).items()}
        else:
            changes = dict.fromkeys(CLASSES, np.zeros(numbers.size, np.bool_))
        yield _cells(numbers, changes, width)


def write(folder: Path, rows: int, width: int = 0) -> tuple[Path, Path]:
    """Both sides as Parquet files; files that are there already are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = (folder / f"a-{rows}-{width}.parquet", folder / f"b-{rows}-{width}.parquet")
    for side, path in enumerate(paths):
        if path.exists():
            continue
        half = path.with_suffix(".half")
        with pq.ParquetWriter(half, next(batches(side, 2)).schema) as writer:
            for piece in batches(side, rows, width):
                writer.write_table(piece, row_group_size=_GROUP_ROWS)
        os.replace(half, path)
    return paths


def _cells(numbers: Rows, changes: dict[str, Mask], width: int) -> pa.Table:
    latitude = _whole(numbers, 3, 180_000_000)
    name = _pick(numbers, 1, _NAMES)
    full = pc.binary_join_element_wise(
        name, _pick(numbers, 2, _NAMES), pa.array(numbers % 1000).cast(pa.string()), " "
    )
    code = pc.binary_join_element_wise("C", pa.array(mix(numbers, 4) % U64(10**8)).cast(pa.string()), "-")
    city_null = (mix(numbers, 5) % U64(20) == 0) | changes["CITY"]
    quantity = _whole(numbers, 11, 1000)
    created = _created(numbers)
    midnight = np.where(changes["CREATED"], created // _DAY_S * _DAY_S, created)
    updated = created * 1_000_000 + 123_456 + changes["UPDATED"] * 7_200_000_000
    note = pc.binary_join_element_wise("note", name, pa.array(mix(numbers, 13)).cast(pa.string()), " ")
    if width:
        note = pc.utf8_rpad(note, width=width, padding=".")
    return pa.table(
        {
            KEY: pa.array(numbers * 7 + 3),
            "NAME": _either(changes["NAME"], pc.utf8_upper(full), full),
            "CODE": _either(changes["CODE"], pc.binary_join_element_wise(code, "", "  "), code),
            "LAT": _decimal(np.where(changes["LAT"], (latitude + 5) // 10 * 10, latitude), 9, 6),
            "LON": _decimal(_whole(numbers, 9, 360_000_000), 9, 6),
            "CITY": _either(city_null, pa.scalar(None, pa.string()), _pick(numbers, 10, _CITIES)),
            "AMOUNT": _decimal(_whole(numbers, 6, 10_000_000) + changes["AMOUNT"] * 103, 12, 2),
            "RATIO": pa.array(mix(numbers, 7).astype(np.float64) / 2.0**64 + changes["RATIO"] * 0.5),
            "QUANTITY": pa.array(np.where(changes["QUANTITY"], quantity * 100, quantity)),
            "ACTIVE": pa.array(mix(numbers, 12) % U64(2) == 0),
            "CREATED": pa.array(midnight, pa.timestamp("s")).cast(pa.timestamp("us")),
            "UPDATED": pa.array(updated, pa.timestamp("us")),
            "NOTE": _either(changes["NOTE"], pc.utf8_slice_codeunits(note, 0, 12), note),
        }
    )


def _either(mask: Mask, yes: pa.Array | pa.Scalar, no: pa.Array) -> pa.Array:
    return pc.if_else(pa.array(mask), yes, no)


def _created(rows: Rows) -> Rows:
    return _whole(rows, 8, 5 * 365 * _DAY_S) + 1_600_000_000


def _whole(rows: Rows, salt: int, below: int) -> Rows:
    return (mix(rows, salt) % U64(below)).astype(np.int64)


def _pick(rows: Rows, salt: int, words: list[str]) -> pa.Array:
    return pa.array(words).take(pa.array(_whole(rows, salt, len(words))))


def _decimal(unscaled: Rows, precision: int, scale: int) -> pa.Array:
    words = np.empty((unscaled.size, 2), np.int64)
    words[:, 0], words[:, 1] = unscaled, unscaled >> 63
    return pa.Array.from_buffers(pa.decimal128(precision, scale), unscaled.size, [None, pa.py_buffer(words)])
