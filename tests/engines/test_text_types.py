"""Types found in text, and text read as a type, against plain Python over every value."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.engines.sources.text_types import Guess, Misfit, read_as
from worker.engines.values import Kind, ValueType

PIECES = st.lists(
    st.sampled_from(
        ["0", "1", "-", "+", ".", "9", "00", "E", "e", "-7", "123456789", " ", "x", "٣", ",", "_"]
    ),
    max_size=6,
).map("".join)
WORDS = st.sampled_from(
    ["0", "-0", "007", "1.50", ".5", "5.", "-.5", "1E5", "1.5E-7", "1e+10", "0x1F", "NaN", "inf", "1_000", "１", "+1",
     "9" * 18, "9" * 19, "9" * 38, "9" * 39, "0." + "1" * 38, "-" + "9" * 20 + "." + "1" * 20, "1 ", "\t1", ""]
)  # fmt: skip
TIMES = st.sampled_from(
    ["2026-09-05", "2026-09-05 12:30", "2026-09-05T12:30:15", "2026-09-05 12:30:15.5", "2026-09-05 12:30:15.123456",
     "2026-02-30", "2026-09-05 24:00", "2026-09-05 12:30:60", "2026-9-5", "0000-01-01", "0001-01-01", "9999-12-31",
     "2026-09-05 12", "20260905", "2026-09-05 12:30:15Z", "2026-09-05T12:30:15.5+02:00", "2026-09-05 12:30+0200",
     "2026-09-05 ", "2026-09-05Z", "2024-02-29", "0001-01-01 00:00+01:00", "9999-12-31 23:30-01:00", "2023-02-29"]
)  # fmt: skip
TEXTS = st.lists(st.none() | PIECES | WORDS | TIMES, max_size=8) | st.lists(TIMES, max_size=4)
NUMBERS = st.lists(
    WORDS | st.integers(-(10**20), 10**20).map(str) | st.decimals(allow_nan=False).map(str), max_size=5
)


def plain_number(text: str) -> Decimal | None:
    """Strictly: ASCII digits, no superfluous zero, no plus sign."""
    if re.fullmatch(r"-?((0|[1-9][0-9]*)(\.[0-9]+)?|\.[0-9]+)", text, re.ASCII):
        return Decimal(text)
    return None


def scientific(text: str) -> bool:
    return re.fullmatch(r"-?[0-9](\.[0-9]+)?[eE][+-][0-9]{1,3}", text, re.ASCII) is not None


def instant(text: str) -> datetime | None:
    """An instant without zone as Python reads it, of the forms that count."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?)?", text, re.ASCII):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def naive_type(texts: list[str | None]) -> ValueType:
    values = [text for text in texts if text is not None]
    numbers = [plain_number(text) for text in values]
    if values and all(n is not None or scientific(t) for n, t in zip(numbers, values, strict=True)):
        plain = [text.lstrip("-") for text in values if not scientific(text)]
        whole = max((len(text.split(".")[0]) for text in plain), default=0)
        scale = max((len(text.partition(".")[2]) for text in plain), default=0)
        if len(plain) < len(values) or whole + scale > 38:
            return ValueType(Kind.NUMBER)
        return (
            ValueType(Kind.INTEGER)
            if not scale and whole <= 18
            else ValueType(Kind.DECIMAL, whole + scale, scale)
        )
    if values and all(instant(text) is not None for text in values):
        return ValueType(Kind.TIMESTAMP)
    return ValueType(Kind.TEXT)


@settings(max_examples=400, deadline=None)
@given(texts=TEXTS | NUMBERS, cut=st.integers(0, 8))
def test_the_type_found_is_the_narrowest_whatever_the_batches(texts: list[str | None], cut: int) -> None:
    guess = Guess()
    for part in (texts[:cut], texts[cut:]):
        guess.add(pa.array(part, pa.string()))
    found, expected = guess.value_type(), naive_type(texts)
    zoned = any(text is not None and re.search(r"(Z|[+-]\d\d:?\d\d)$", text) for text in texts)
    if expected.kind is Kind.TEXT and zoned:
        return  # instants in UTC are told apart below
    assert found == expected


@settings(max_examples=300, deadline=None)
@given(texts=TEXTS | NUMBERS)
def test_text_read_as_numbers_is_exact_or_a_misfit(texts: list[str | None]) -> None:
    loose = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
    fits = [text is None or loose.fullmatch(text.strip()) is not None for text in texts]
    read = read_as(pa.array(texts, pa.string()), ValueType(Kind.NUMBER))
    if isinstance(read, Misfit):
        assert read.position == fits.index(False)
        assert read.text == texts[read.position]
    else:
        assert all(fits)
        values = [None if value is None else Decimal(value) for value in read.to_pylist()]
        assert values == [None if text is None else Decimal(text.strip()) for text in texts]


@settings(max_examples=300, deadline=None)
@given(texts=TEXTS)
def test_text_read_as_instants_is_in_utc_or_a_misfit(texts: list[str | None]) -> None:
    def value(text: str | None) -> datetime | None:
        stripped = (text or "").strip()
        if found := instant(stripped):
            return found
        if re.fullmatch(
            r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)", stripped, re.ASCII
        ):
            try:
                return datetime.fromisoformat(stripped).astimezone(UTC).replace(tzinfo=None)
            except (ValueError, OverflowError):
                return None
        return None

    expected = [value(text) for text in texts]
    read = read_as(pa.array(texts, pa.string()), ValueType(Kind.TIMESTAMP))
    if isinstance(read, Misfit):
        assert texts[read.position] is not None
        assert expected[read.position] is None
    else:
        assert read.to_pylist() == expected
