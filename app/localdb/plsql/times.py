"""EXTRACT of the parts of times and intervals."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from typing import Any

from app.localdb.contract import IntervalYM
from app.localdb.plsql import convert


def _seconds(moment: datetime | timedelta) -> Any:
    if isinstance(moment, datetime):
        return convert.number(Decimal(moment.second) + Decimal(moment.microsecond).scaleb(-6))
    sign, span = (-1, -moment) if moment < timedelta(0) else (1, moment)
    return convert.number(sign * (Decimal(span.seconds % 60) + Decimal(span.microseconds).scaleb(-6)))


def _interval_part(divisor: int, modulus: int) -> Callable[[timedelta], int]:
    def take(value: timedelta) -> int:
        sign, span = (-1, -value) if value < timedelta(0) else (1, value)
        whole = span.days * 86400 + span.seconds
        return sign * (whole // divisor % modulus if modulus else whole // divisor)

    return take


def _months_part(years: bool) -> Callable[[IntervalYM], int]:
    def take(value: IntervalYM) -> int:
        whole, rest = divmod(abs(value.months), 12)
        found = whole if years else rest
        return -found if value.months < 0 else found

    return take


PARTS: dict[tuple[str, str], Callable[[Any], Any]] = {
    ("I", "DAY"): _interval_part(86400, 0),
    ("I", "HOUR"): _interval_part(3600, 24),
    ("I", "MINUTE"): _interval_part(60, 60),
    ("I", "SECOND"): _seconds,
    ("Y", "YEAR"): _months_part(True),
    ("Y", "MONTH"): _months_part(False),
}
PARTS |= {
    (kind, part): attrgetter(part.lower())
    for kinds, parts in (("DT", ("YEAR", "MONTH", "DAY")), ("T", ("HOUR", "MINUTE")))
    for kind in kinds
    for part in parts
}
PARTS["T", "SECOND"] = _seconds
