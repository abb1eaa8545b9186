"""Random pairs of tables for property tests: every kind of value, hard cases first, many collisions."""

# ruff: noqa: DTZ001 - DATE and TIMESTAMP have no zone

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal, localcontext
from typing import Any

import polars as pl
import pyarrow as pa
from hypothesis import strategies as st

from tests.engines import naive
from worker.engines.sources.memory import MemorySource
from worker.engines.values import Kind, ValueType

INT64 = 2**63
NANS = [float("nan"), *struct.unpack("<2d", struct.pack("<2Q", 0x7FF8_0000_0000_0001, 0xFFF8_0000_0000_0000))]


@dataclass(frozen=True, repr=False)
class Type:
    """One column type: its Arrow type, the engine's type where Arrow does not tell it, and its values."""

    name: str
    arrow: pa.DataType
    values: st.SearchStrategy[Any]
    value_type: ValueType | None = None
    padded: bool = False
    encode: Callable[[Any], Any] = lambda value: value

    def __repr__(self) -> str:
        return self.name


def oracle_text(value: Decimal) -> str:
    """A NUMBER as TO_CHAR(..., 'TM9') writes it: no zero before the point, scientific beyond 64 characters."""
    plain = naive.text(value)
    assert plain is not None
    if len(plain) > 64:
        return f"{value:E}"
    return plain.replace("0.", ".", 1) if plain.startswith(("0.", "-0.")) else plain


def decimals(digits: int, scale: int) -> st.SearchStrategy[Decimal]:
    top = 10**digits - 1
    whole = st.sampled_from([0, 1, -1, 5, 10, 100, -100, top, -top]) | st.integers(-top, top)
    return whole.map(lambda n: Decimal(n).scaleb(-scale) if digits <= 28 else Decimal(f"{n}E-{scale}"))


NUMBERS = st.one_of(
    st.sampled_from(
        [Decimal(t) for t in ("0", "1", "-1", "0.5", "-0.5", "100", "1e125", "-9.9e125", "1e-130", "1e-12")]
        + [Decimal("9" * 38), Decimal("-" + "9" * 40), Decimal("0." + "0" * 89 + "9" * 40), Decimal("1.50")]
    ),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=7),
)
STRINGS = st.sampled_from(
    ["", " ", "a", "A", "a ", "b", "ä", "a\u0308", "Straße", "日本", "😀", "x\x00y", "11", "1"]
)
INSTANTS = (
    st.sampled_from([datetime(2026, 9, 5), datetime(2026, 9, 5, 12, 30), datetime(1, 1, 1)]) | st.datetimes()
)
ZONED = INSTANTS.flatmap(
    lambda t: st.sampled_from([-5, 0, 2]).map(
        lambda h: (t if t.year not in (1, 9999) else datetime(2000, 1, 1)).replace(
            tzinfo=timezone(timedelta(hours=h))
        )
    )
)

INTEGER = Type(
    "integer",
    pa.int64(),
    st.sampled_from([0, 1, -1, 2, 11, INT64 - 1, -INT64]) | st.integers(-INT64, INT64 - 1),
)
SHORT_DECIMAL = Type("decimal(5,2)", pa.decimal128(5, 2), decimals(5, 2))
DECIMAL = Type("decimal(9,6)", pa.decimal128(9, 6), decimals(9, 6))
WIDE_DECIMAL = Type("decimal(38,10)", pa.decimal128(38, 10), decimals(38, 10))
NUMBER = Type(
    "number",
    pa.string(),
    NUMBERS,
    ValueType(Kind.NUMBER),
    encode=lambda v: None if v is None else oracle_text(v),
)
DOUBLE = Type(
    "double",
    pa.float64(),
    st.sampled_from([0.0, -0.0, 1.0, 0.1, *NANS, float("inf"), float("-inf"), 5e-324]) | st.floats(),
)
BOOLEAN = Type("boolean", pa.bool_(), st.booleans())
TEXT = Type("text", pa.string(), STRINGS | st.text(max_size=8))
CHAR = Type("char", pa.string(), STRINGS.map(lambda s: s.ljust(4)), padded=True)
BINARY = Type(
    "binary", pa.binary(), st.sampled_from([b"", b"\x00", b"\x00\x00", b"a", b"\xff"]) | st.binary(max_size=6)
)
DATE = Type("date", pa.timestamp("s"), INSTANTS.map(lambda t: t.replace(microsecond=0)))
TIMESTAMP = Type("timestamp", pa.timestamp("us"), INSTANTS)
ZONED_TIMESTAMP = Type("zoned", pa.timestamp("us", "UTC"), ZONED)
NANOSECONDS = Type(
    "nanoseconds", pa.timestamp("ns"), st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1))
)
NANOSECOND_TEXT = Type(
    "nanosecond text",
    pa.string(),
    INSTANTS,
    ValueType(Kind.TIMESTAMP_NS),
    encode=lambda v: None if v is None else v.isoformat(" ", "microseconds") + "000",
)
LENGTHS = (
    st.sampled_from([timedelta(0), timedelta(days=-1), timedelta(hours=24), timedelta(microseconds=-1)])
    | st.sampled_from([timedelta(999_999_999), -timedelta(999_999_999)])
    | st.timedeltas()
)
MONTHS = Type(
    "months",
    pa.month_day_nano_interval(),
    (st.sampled_from([0, -1, 12, -12]) | st.integers(-(10**9), 10**9)).map(naive.Months),
    ValueType(Kind.INTERVAL_MONTHS),
    encode=lambda v: v and (v.count, 0, 0),
)
INTERVAL = Type(
    "interval",
    pa.month_day_nano_interval(),
    LENGTHS,
    ValueType(Kind.INTERVAL_NANOSECONDS),
    encode=lambda v: v if v is None else (0, v.days, (v.seconds * 10**6 + v.microseconds) * 1000),
)
DURATION = Type("duration", pa.duration("us"), st.timedeltas(timedelta(days=-(10**8)), timedelta(days=10**8)))
TIME = Type(
    "time",
    pa.time64("us"),
    st.timedeltas(timedelta(0), timedelta(days=1, microseconds=-1)),
    encode=lambda v: v if v is None else (datetime(1, 1, 1) + v).time(),
)

ALIKE = [
    INTEGER, SHORT_DECIMAL, DECIMAL, WIDE_DECIMAL, NUMBER, DOUBLE, BOOLEAN, TEXT, CHAR, BINARY, DATE,
    TIMESTAMP, ZONED_TIMESTAMP, NANOSECONDS, NANOSECOND_TEXT, MONTHS, INTERVAL, DURATION, TIME,
]  # fmt: skip
TYPE_PAIRS = [(t, t) for t in ALIKE] + [
    (INTEGER, DECIMAL), (SHORT_DECIMAL, DECIMAL), (DECIMAL, NUMBER), (NUMBER, INTEGER), (WIDE_DECIMAL, INTEGER),
    (DOUBLE, NUMBER), (SHORT_DECIMAL, DOUBLE), (TEXT, CHAR), (CHAR, TEXT), (DATE, TIMESTAMP),
    (ZONED_TIMESTAMP, TIMESTAMP), (WIDE_DECIMAL, NUMBER), (INTEGER, DOUBLE),
    (NANOSECONDS, NANOSECOND_TEXT), (NANOSECOND_TEXT, TIMESTAMP), (TIMESTAMP, NANOSECONDS),
    (DURATION, INTERVAL), (INTERVAL, DURATION), (TIME, INTERVAL), (TIME, DURATION),
]  # fmt: skip
NUMERIC = {"integer", "decimal(5,2)", "decimal(9,6)", "decimal(38,10)", "number", "double"}


_VIEWED = (pa.string(), pa.large_string(), pa.binary(), pa.large_binary())


class Viewed(MemorySource):
    """Gives text and binary as views, as Parquet files do."""

    def views(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        for batch in self.batches(columns):
            arrays = [self._viewed(array) if array.type in _VIEWED else array for array in batch.columns]
            yield pa.record_batch(arrays, batch.schema.names)

    @staticmethod
    def _viewed(array: pa.Array) -> pa.Array:
        views = pl.Series(array).to_arrow(compat_level=pl.CompatLevel.newest())
        assert views.type in (pa.string_view(), pa.binary_view())
        return views


@dataclass
class Pair:
    """Two tables, how they are typed, and the comparison that is asked for."""

    key: list[str]
    columns: list[str]
    types: dict[str, tuple[Type, Type]]
    rows_a: list[naive.Row]
    rows_b: list[naive.Row]
    tolerances: dict[str, Decimal]

    def source(
        self,
        side: int,
        rows: list[naive.Row],
        batch_rows: int = 7,
        *,
        by_column: bool = True,
        kind: type[MemorySource] = MemorySource,
    ) -> MemorySource:
        own = {name: types[side] for name, types in self.types.items()}
        source = kind(
            "AB"[side],
            self.table(side, rows),
            types={name: t.value_type for name, t in own.items() if t.value_type},
            padded=[name for name, t in own.items() if t.padded],
            batch_rows=batch_rows,
        )
        source.by_column = by_column
        return source

    def table(self, side: int, rows: list[naive.Row]) -> pa.Table:
        """The rows of a side."""
        own = {name: types[side] for name, types in self.types.items()}
        return pa.table(
            {
                name: pa.array([t.encode(row[name]) for row in rows], t.arrow, from_pandas=False)
                for name, t in own.items()
            }
        )

    def expected(self) -> naive.Naive:
        return naive.compare(
            self.rows_a,
            self.rows_b,
            self.key,
            self.columns,
            padded_a={n for n, (a, _) in self.types.items() if a.padded},
            padded_b={n for n, (_, b) in self.types.items() if b.padded},
            doubles={n for n, pair in self.types.items() if DOUBLE in pair},
            numeric={n for n, (a, _) in self.types.items() if a.name in NUMERIC},
            tolerances=self.tolerances,
        )


@st.composite
def pairs(draw: st.DrawFn, max_rows: int = 14, type_pairs: Sequence[tuple[Type, Type]] = TYPE_PAIRS) -> Pair:
    """B is A with cells edited, rows dropped, doubled and added, in another order."""
    key = [f"K{n}" for n in range(draw(st.integers(1, 3)))]
    columns = [f"C{n}" for n in range(draw(st.integers(0, 4)))]
    types = {name: draw(st.sampled_from(type_pairs)) for name in [*key, *columns]}
    pools = {
        name: (pool(draw, t[0], name in key), pool(draw, t[1], name in key)) for name, t in types.items()
    }

    def row(side: int) -> naive.Row:
        return {name: draw(st.sampled_from(pools[name][side])) for name in types}

    def moved(old: naive.Row) -> naive.Row:
        """A row of A as a row of B: the same where B's type can hold it."""
        return {n: v if types[n][0] == types[n][1] else draw(st.sampled_from([*fitting(v, types[n][1]), *pools[n][1]]))
                for n, v in old.items()}  # fmt: skip

    tolerances = {
        name: draw(st.sampled_from([Decimal(t) for t in ("0", "0.00001", "0.5", "1", "1e30", "1e-20")]))
        for name in columns
        if types[name][0].name in NUMERIC and draw(st.booleans())
    }
    rows_a = [row(0) for _ in range(draw(st.integers(0, max_rows)))]
    rows_b = []
    for old in rows_a:
        for _ in range(draw(st.sampled_from([1, 1, 1, 0, 2]))):
            new = moved(old)
            for name, tolerance in tolerances.items():
                new[name] = draw(st.sampled_from([new[name], *nearby(new[name], tolerance, types[name][1])]))
            if columns and draw(st.booleans()):
                name = draw(st.sampled_from(columns))
                new[name] = draw(st.sampled_from(pools[name][1]))
            rows_b.append(new)
    rows_b += [row(1) for _ in range(draw(st.integers(0, 3)))]
    return Pair(key, columns, types, rows_a, draw(st.permutations(rows_b)), tolerances)


def pool(draw: st.DrawFn, kind: Type, is_key: bool) -> list[Any]:
    """A few values, so that equal ones meet often."""
    values = draw(st.lists(kind.values, min_size=1, max_size=6 if is_key else 4))
    return [*values, None] if draw(st.booleans()) else values


def fitting(value: Any, kind: Type) -> list[Any]:
    """`value` as B's type holds it, if it can."""
    if value is None:
        return [None]
    if isinstance(value, float):
        return []
    if kind.name == "char":
        return [value.ljust(4)] if len(value) <= 4 else []
    if kind.name == "text" and isinstance(value, str):
        return [value.rstrip(" ")]
    if kind.name == "number":
        return [Decimal(value)]
    if isinstance(value, timedelta):
        held = {"time": timedelta(days=1), "duration": timedelta(10**8)}.get(kind.name)
        low = timedelta(0) if kind is TIME else -timedelta(10**8)
        return [value] if held is None or low <= value < held else []
    if kind.name in ("timestamp", "nanosecond text") and isinstance(value, datetime) and value.tzinfo is None:
        return [value]
    return []


def nearby(value: Any, tolerance: Decimal, kind: Type) -> list[Any]:
    """Values exactly as far from `value` as the tolerance allows, and a little further, if B's type holds them."""
    if not isinstance(value, Decimal) or not isinstance(kind.arrow, pa.Decimal128Type):
        return []
    unit = Decimal(1).scaleb(-kind.arrow.scale)
    top = Decimal(10) ** (kind.arrow.precision - kind.arrow.scale)
    with localcontext() as context:
        context.prec = 100
        found = [value + tolerance, value - tolerance, value + tolerance + unit, value - tolerance - unit]
        return [n for n in found if abs(n) < top and n % unit == 0]
