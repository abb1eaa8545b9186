"""The rules of columns in plain Python, one cell at a time; nothing of the engines is imported."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any
from zoneinfo import ZoneInfo

from app.jobs.rules import ColumnRule
from tests.engines.naive import text


def excused(a: Any, b: Any, rule: ColumnRule) -> bool:
    """Whether two different normal values (see `naive.normal`) count as equal."""
    if rule.values_a is not None or rule.values_b is not None:
        a, b = mapped(text(a), rule.values_a), mapped(text(b), rule.values_b)
    if (isinstance(a, str) and a != "NaN") or (isinstance(b, str) and b != "NaN"):
        a, b = written(a, rule), written(b, rule)
    if a == b:
        return True
    if a is None or b is None or isinstance(a, str | bytes | bool) or isinstance(b, str):
        return False
    if isinstance(a, datetime):
        return same_time(a, b, rule)
    return same_number(a, b, rule)


def mapped(value: str | None, values: dict[str, str | None] | None) -> str | None:
    if value is None or values is None:
        return value
    return values.get(value, value)


def written(value: str | None, rule: ColumnRule) -> str | None:
    if value is None:
        return None
    if rule.normal_form is not None:
        value = unicodedata.normalize(rule.normal_form.value, value)
    if rule.ignore_case:
        value = "".join(letter.lower() if len(letter.lower()) == 1 else letter for letter in value)
    if rule.collapse_white_space:
        value = collapsed(value)
    if rule.trim:
        value = value.strip()
    if rule.null_equals_blank and not value.strip():
        return None
    return value


def collapsed(value: str) -> str:
    letters: list[str] = []
    for letter in value:
        if not letter.isspace():
            letters.append(letter)
        elif not letters or letters[-1] != " ":
            letters.append(" ")
    return "".join(letters)


def same_number(a: Any, b: Any, rule: ColumnRule) -> bool:
    with localcontext() as context:
        context.prec = 2000
        one, other = (Decimal(repr(x)) if isinstance(x, float) else Decimal(x) for x in (a, b))
        if not one.is_finite() or not other.is_finite():
            return False
        gap = abs(one - other)
        if rule.tolerance is not None and gap <= rule.tolerance:
            return True
        if rule.relative_tolerance is not None and gap <= rule.relative_tolerance * max(abs(one), abs(other)):
            return True
        if rule.decimals is not None:
            unit = Decimal(1).scaleb(-rule.decimals)
            return one.quantize(unit, ROUND_HALF_UP) == other.quantize(unit, ROUND_HALF_UP)
    return False


def same_time(a: datetime, b: datetime, rule: ColumnRule) -> bool:
    if rule.time_tolerance is None and rule.zone_a is None and rule.zone_b is None:
        return False
    one, other = instant(a, rule.zone_a), instant(b, rule.zone_b)
    gap = abs(one - other)
    micros = (gap.days * 86_400 + gap.seconds) * 1_000_000 + gap.microseconds
    return Decimal(micros) / 1_000_000 <= (rule.time_tolerance or 0)


def instant(value: datetime, zone: str | None) -> datetime:
    if zone is None:
        return value
    place = ZoneInfo(zone)
    utc = value.replace(tzinfo=place, fold=0).astimezone(UTC)
    if utc.astimezone(place).replace(tzinfo=None) == value:
        return utc.replace(tzinfo=None)
    # A change of the clock skips this time: the last second before the change stands for it.
    second = timedelta(seconds=1)
    before = value.replace(tzinfo=place, fold=1).astimezone(UTC).replace(microsecond=0)
    while (before + second).astimezone(place).utcoffset() == before.astimezone(place).utcoffset():
        before += second
    return before.replace(tzinfo=None, microsecond=value.microsecond)
