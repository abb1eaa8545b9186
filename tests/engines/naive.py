"""The contract of a comparison in plain Python, as simple as it can be said, slow and independent.

Rows are dicts from column to Python value; nothing of the engines is imported here. The engines' property
tests hold every engine to this.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Decimal, localcontext
from typing import Any

Row = dict[str, Any]
Cell = tuple[str, str | None, str | None]


@dataclass(frozen=True, order=True)
class Months:
    """An INTERVAL YEAR TO MONTH."""

    count: int


@dataclass
class Naive:
    """What must come out. Lists are multisets: their order means nothing."""

    summary: dict[str, Any]
    different: dict[str, int]
    null_against_value: dict[str, int]
    changed: Counter[tuple[Any, tuple[Cell, ...]]] = field(default_factory=Counter)
    only_a: Counter[Any] = field(default_factory=Counter)
    only_b: Counter[Any] = field(default_factory=Counter)
    duplicates_a: Counter[Any] = field(default_factory=Counter)
    duplicates_b: Counter[Any] = field(default_factory=Counter)


def normal(value: Any, *, padded: bool, as_double: bool) -> Any:
    """A value such that Python's == is the contract's equality (NaN and NULL beside)."""
    if value == "" or value == b"" or value is None:
        return None
    if padded:
        value = value.rstrip(" ")
    if as_double and not isinstance(value, float):
        value = float(value)
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else (0.0 if value == 0 else value)
    if isinstance(value, bool):
        return value
    if isinstance(value, int | Decimal):
        return Decimal(value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    return value


def text(value: Any) -> str | None:
    """A normal value as the result document shows it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, Decimal):
        plain = format(value, "f")
        if "." in plain:
            plain = plain.rstrip("0").rstrip(".")
        return "0" if plain == "-0" else plain
    if isinstance(value, float):
        return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, repr(value))
    if isinstance(value, bytes):
        return value.hex().upper()
    if isinstance(value, Months):
        return f"{'-' if value.count < 0 else ''}{abs(value.count) // 12}-{abs(value.count) % 12:02}"
    if isinstance(value, timedelta):
        length = abs(value)
        midnight = datetime(1, 1, 1, tzinfo=UTC)
        clock = f"{midnight + (length - timedelta(length.days)):%H:%M:%S.%f}".rstrip("0").rstrip(".")
        return f"{'-' if value < timedelta(0) else ''}{f'{length.days} ' if length.days else ''}{clock}"
    assert isinstance(value, datetime)
    whole = f"{value.year:04}-" + value.strftime("%m-%d %H:%M:%S")
    return f"{whole}.{value.microsecond:06}".rstrip("0").rstrip(".")


def rank(value: Any, numeric: bool) -> tuple[int, Any]:
    """Ascending order of values: NaN after all numbers, NULL last; text by code point."""
    if value is None:
        return (2, 0)
    if numeric and value == "NaN":
        return (1, 0)
    return (0, value)


def excused(a: Any, b: Any, tolerance: Decimal | None) -> bool:
    """Whether two different values count as equal by an absolute, inclusive, decimal tolerance."""
    if tolerance is None or a is None or b is None or "NaN" in (a, b):
        return False
    if isinstance(a, float) and (math.isinf(a) or math.isinf(b)):
        return False
    with localcontext() as context:
        context.prec = 1000
        one, other = (Decimal(repr(x)) if isinstance(x, float) else x for x in (a, b))
        return abs(one - other) <= tolerance


def compare(
    rows_a: list[Row],
    rows_b: list[Row],
    key: list[str],
    columns: list[str],
    *,
    padded_a: set[str],
    padded_b: set[str],
    doubles: set[str],
    numeric: set[str],
    tolerances: dict[str, Decimal],
) -> Naive:
    """Compare by the contract. `columns` are the compared columns in A's order, without the key."""

    def side(rows: list[Row], padded: set[str]) -> dict[Any, list[tuple[Any, ...]]]:
        groups: dict[Any, list[tuple[Any, ...]]] = defaultdict(list)
        for row in rows:
            whole = {n: normal(row[n], padded=n in padded, as_double=n in doubles) for n in [*key, *columns]}
            groups[tuple(whole[n] for n in key)].append(tuple(whole[n] for n in columns))
        return groups

    a, b = side(rows_a, padded_a), side(rows_b, padded_b)
    out = Naive({}, dict.fromkeys(columns, 0), dict.fromkeys(columns, 0))
    matched = changed = 0
    for k in {**a, **b}:
        left, right = list(a.get(k, [])), list(b.get(k, []))
        key_text = tuple(text(v) for v in k)
        if len(left) > 1:
            out.duplicates_a[key_text, len(left)] += 1
        if len(right) > 1:
            out.duplicates_b[key_text, len(right)] += 1
        for row in list(left):
            if row in right:
                left.remove(row)
                right.remove(row)
                matched += 1
        for rest in (left, right):
            rest.sort(key=lambda row: [rank(v, n in numeric) for n, v in zip(columns, row, strict=True)])
        for one, other in zip(left, right, strict=False):
            matched += 1
            cells = []
            for name, x, y in zip(columns, one, other, strict=True):
                if x == y or excused(x, y, tolerances.get(name)):
                    continue
                out.different[name] += 1
                out.null_against_value[name] += (x is None) != (y is None)
                cells.append((name, text(x), text(y)))
            if cells:
                changed += 1
                out.changed[key_text, tuple(cells)] += 1
        shorter = min(len(left), len(right))
        for row in left[shorter:]:
            out.only_a[key_text, tuple(text(v) for v in row)] += 1
        for row in right[shorter:]:
            out.only_b[key_text, tuple(text(v) for v in row)] += 1
    only_a, only_b = sum(out.only_a.values()), sum(out.only_b.values())
    everything = matched + only_a + only_b
    share = Decimal(100 * (matched - changed)) / everything if everything else Decimal(100)
    out.summary = {
        "rows_a": len(rows_a),
        "rows_b": len(rows_b),
        "matched": matched,
        "equal": matched - changed,
        "changed": changed,
        "only_a": only_a,
        "only_b": only_b,
        "duplicate_keys_a": sum(out.duplicates_a.values()),
        "duplicate_keys_b": sum(out.duplicates_b.values()),
        "null_keys_a": sum(len(rows) for k, rows in a.items() if None in k),
        "null_keys_b": sum(len(rows) for k, rows in b.items() if None in k),
        "match_percentage": float(share.quantize(Decimal("0.01"), ROUND_DOWN)),
    }
    return out
