"""Pairs of large tables of which every difference is known beforehand.

The value of each cell is a pure function of row number, column and seed, so both sides can be made
independently, in any order, and the truth follows from arithmetic. 13 columns; side B lacks one row in a
thousand, has one new one in a thousand, and one row in ten has one or two changed cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

U64 = np.uint64
Rows = npt.NDArray[np.int64]
_NAMES = ["Ada", "Grace", "Edsger", "Barbara", "Donald", "Frances", "Niklaus", "Radia", "Tony", "Leslie"]
_CITIES = ["Zürich", "Lisboa", "Łódź", "Kyōto", "Reykjavík", "Boston", "Dakar", "Wien"]

KEY = "ID"
CHANGED = ("LAT", "NAME", "AMOUNT", "CITY")
"""Columns with planted changes: rounded to 5 decimals, upper case, one cent more, NULL."""


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


def only_in_a(rows: Rows) -> npt.NDArray[np.bool_]:
    return np.asarray(mix(rows, 101) % U64(1000) == 0)


def edited(rows: Rows) -> dict[str, npt.NDArray[np.bool_]]:
    """Which rows have a changed cell in which column of B."""
    choice = mix(rows, 102) % U64(100)
    latitude = _whole(rows, 3, 180_000_000)
    city = mix(rows, 5) % U64(20) != 0
    return {
        "LAT": (choice < 6) & (latitude % 10 != 0),
        "NAME": (choice >= 6) & (choice < 8),
        "AMOUNT": (choice >= 7) & (choice < 9),
        "CITY": (choice == 9) & city,
    }


def truth(rows: int) -> Truth:
    """The counts for tables of about `rows` rows."""
    numbers = np.arange(rows, dtype=np.int64)
    gone = only_in_a(numbers)
    changes = {name: mask & ~gone for name, mask in edited(numbers).items()}
    extra = rows // 1000
    return Truth(
        rows_a=rows,
        rows_b=rows - int(gone.sum()) + extra,
        matched=rows - int(gone.sum()),
        changed=int(np.logical_or.reduce(list(changes.values())).sum()),
        only_a=int(gone.sum()),
        only_b=extra,
        different={name: int(mask.sum()) for name, mask in changes.items()},
    )


def table(side: int, rows: int) -> pa.Table:
    """Side 0 (A) or 1 (B), each shuffled in its own way."""
    numbers = np.arange(rows, dtype=np.int64)
    if side == 1:
        numbers = np.concatenate([numbers[~only_in_a(numbers)], np.arange(rows, rows + rows // 1000)])
    numbers = numbers[np.argsort(mix(numbers, 103 + side))]
    changes = edited(numbers) if side == 1 else {name: np.zeros(numbers.size, np.bool_) for name in CHANGED}
    for mask in changes.values():
        mask &= numbers < rows
    latitude = _whole(numbers, 3, 180_000_000)
    rounded = np.where(changes["LAT"], (latitude + 5) // 10 * 10, latitude)
    names = _pick(numbers, 1, _NAMES)
    full = pc.binary_join_element_wise(
        names, _pick(numbers, 2, _NAMES), pa.array(numbers % 1000).cast(pa.string()), " "
    )
    city_null = (mix(numbers, 5) % U64(20) == 0) | changes["CITY"]
    amount = _whole(numbers, 6, 10_000_000) + changes["AMOUNT"].astype(np.int64)
    doubles = mix(numbers, 7).astype(np.float64) / 2.0**64
    created = _whole(numbers, 8, 5 * 365 * 86_400) + 1_600_000_000
    return pa.table(
        {
            KEY: pa.array(numbers * 7 + 3),
            "NAME": pc.if_else(pa.array(changes["NAME"]), pc.utf8_upper(full), full),
            "CODE": pc.binary_join_element_wise(
                "C", pa.array(mix(numbers, 4) % U64(10**8)).cast(pa.string()), "-"
            ),
            "LAT": _decimal(rounded, 9, 6),
            "LON": _decimal(_whole(numbers, 9, 360_000_000), 9, 6),
            "CITY": pc.if_else(
                pa.array(city_null), pa.scalar(None, pa.string()), _pick(numbers, 10, _CITIES)
            ),
            "AMOUNT": _decimal(amount, 12, 2),
            "RATIO": pa.array(doubles),
            "QUANTITY": pa.array(_whole(numbers, 11, 1000)),
            "ACTIVE": pa.array(mix(numbers, 12) % U64(2) == 0),
            "CREATED": pa.array(created, pa.timestamp("s")).cast(pa.timestamp("us")),
            "UPDATED": pa.array(created * 1_000_000 + 123_456, pa.timestamp("us")),
            "NOTE": pc.binary_join_element_wise(
                "note", names, pa.array(mix(numbers, 13)).cast(pa.string()), " "
            ),
        }
    )


def write(folder: Path, rows: int) -> tuple[Path, Path]:
    """Both sides as Parquet files; files that are there already are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = (folder / f"a-{rows}.parquet", folder / f"b-{rows}.parquet")
    for side, path in enumerate(paths):
        if not path.exists():
            pq.write_table(table(side, rows), path, row_group_size=131_072)
    return paths


def _whole(rows: Rows, salt: int, below: int) -> Rows:
    return (mix(rows, salt) % U64(below)).astype(np.int64)


def _pick(rows: Rows, salt: int, words: list[str]) -> pa.Array:
    return pa.array(words).take(pa.array(_whole(rows, salt, len(words))))


def _decimal(unscaled: Rows, precision: int, scale: int) -> pa.Array:
    words = np.empty((unscaled.size, 2), np.int64)
    words[:, 0], words[:, 1] = unscaled, unscaled >> 63
    return pa.Array.from_buffers(pa.decimal128(precision, scale), unscaled.size, [None, pa.py_buffer(words)])
