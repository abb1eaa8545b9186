"""Literals of dates and intervals, checked; and how many digits the result of arithmetic can have."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

from app.localdb.sql import nodes as n
from app.localdb.sql.refusals import refuse, unsupported
from app.localdb.sql.types import Ex


def checked_date(year: int, month: int, day: int, offset: int) -> date:
    """The day, or ORA-01843, 01847, 01841, 01839."""
    if not 1 <= month <= 12:
        raise refuse(1843, offset)
    if not 1 <= day <= 31:
        raise refuse(1847, offset)
    if not 1 <= year <= 9999:
        raise refuse(1841, offset)
    try:
        return date(year, month, day)
    except ValueError as error:
        raise refuse(1839, offset) from error


def months_of(node: n.Interval) -> int:
    """A year-to-month interval literal in months. Raises ORA-01867."""
    text = node.text.strip()
    both = re.fullmatch(r"([+-]?)(\d+)-(\d+)", text)
    if both is not None and node.trailing == "MONTH":
        months = int(both.group(2)) * 12 + int(both.group(3))
        return -months if both.group(1) == "-" else months
    if not re.fullmatch(r"[+-]?\d+", text):
        raise refuse(1867, node.offset)
    return int(text) * (12 if node.leading == "YEAR" else 1)


_UNITS = {"DAY": 86_400, "HOUR": 3_600, "MINUTE": 60, "SECOND": 1}


def microseconds_of(node: n.Interval) -> int:
    """A day-to-second interval literal in microseconds. Raises ORA-01867."""
    fields = list(_UNITS)
    first = fields.index(node.leading)
    last = first if node.trailing is None else fields.index(node.trailing)
    if last < first:
        raise refuse(30089, node.offset)
    pattern = {"DAY": r"(\d+)", "HOUR": r"(\d+)", "MINUTE": r"(\d+)", "SECOND": r"(\d+(?:\.\d+)?)"}
    parts = [pattern[name] for name in fields[first : last + 1]]
    joined = parts[0]
    for name, part in zip(fields[first + 1 : last + 1], parts[1:], strict=True):
        joined += (r"\s+" if name == "HOUR" else r"\s*:\s*") + part
    found = re.fullmatch(r"\s*([+-]?)\s*" + joined + r"\s*", node.text)
    if found is None:
        raise refuse(1867, node.offset)
    seconds = sum(
        (
            Decimal(text) * _UNITS[name]
            for name, text in zip(fields[first : last + 1], found.groups()[1:], strict=True)
        ),
        Decimal(0),
    )
    if seconds * 1_000_000 % 1:
        raise unsupported("more than six decimals of a second", node.offset)
    micros = int(seconds * 1_000_000)
    return -micros if found.group(1) == "-" else micros


def _digits(ex: Ex) -> tuple[int, int] | None:
    """How many digits a number has at most before and behind the point; None when that is not known."""
    ty = ex.ty
    if ty.digits is not None:
        return ty.digits
    if ty.precision and ty.scale != -127:
        return max(ty.precision - ty.scale, 0), max(ty.scale, 0)
    literal = re.fullmatch(r"(\d+)(?:\.(\d*))?::numeric", ex.sql)
    return (len(literal[1]), len(literal[2] or "")) if literal else None


def bounds_of(op: str, left: Ex, right: Ex) -> tuple[int, int] | None:
    """The digits of left op right when NUMBER holds them all, so that nothing has to be rounded."""
    a, b = _digits(left), _digits(right)
    if a is None or b is None:
        return None
    both = (a[0] + b[0], a[1] + b[1]) if op == "*" else (max(a[0], b[0]) + 1, max(a[1], b[1]))
    return both if sum(both) <= 38 else None
