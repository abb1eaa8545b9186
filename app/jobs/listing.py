"""A page of jobs: filters, whitelisted orders and keyset cursors, turned into SQL fragments with binds.

A cursor holds the place of the last row of a page (its sort value and id), never an offset: rows that come
or go meanwhile neither repeat nor hide others.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from app.jobs.models import ComparisonJob, JobStatus
from app.oracle.pool import to_database

DEFAULT_SORT = "-created_at"
MAX_PAGE = 500
_LARGEST = Decimal(10) ** 15
_TEXT_MATCHES = """(
   instr(upper(job_id), upper(:text)) > 0
   or instr(upper(table_name), upper(:text)) > 0
   or instr(upper(submitted_by), upper(:text)) > 0
   or instr(upper(json_value(error_details, '$.sentence')), upper(:text)) > 0
)"""


class CursorError(ValueError):
    """The cursor is not one that a listing with these parameters gave out."""


@dataclass(frozen=True, slots=True)
class _Order:
    """A sort key: an SQL expression that is never NULL, and the same value of a job in Python."""

    expression: str
    attribute: str
    kind: type
    if_null: Decimal | None = None

    def value_of(self, job: ComparisonJob) -> Any:
        value = getattr(job, self.attribute)
        return self.if_null if value is None else value


_ORDERS = {
    "created_at": _Order("created_at", "created_at", datetime),
    "table_name": _Order("table_name", "table_name", str),
    "priority": _Order("priority", "priority", Decimal),
    "match_percentage": _Order("nvl(match_percentage, -1)", "match_percentage", Decimal, Decimal(-1)),
    "execution_time_seconds": _Order(
        "nvl(execution_time_seconds, -1)", "execution_time_seconds", Decimal, Decimal(-1)
    ),
}
SORTS = tuple(prefix + name for name in _ORDERS for prefix in ("", "-"))


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs, in which order (`-` before a name: descending), and from which place on."""

    statuses: tuple[JobStatus, ...] = ()
    kind: str | None = None
    table_name: str | None = None
    submitted_by: str | None = None
    text: str | None = None
    tags: tuple[str, ...] = ()
    created_from: datetime | None = None
    created_to: datetime | None = None
    sort: str = DEFAULT_SORT
    limit: int = 50
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class JobPage:
    """Jobs in order, and the cursor of the next page; None on the last."""

    items: list[ComparisonJob]
    next_cursor: str | None


class _Place(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """What a cursor holds."""

    sort: str
    value: str
    job_id: str


class Listing:
    """The fragments of one listing's query. Names are ours, values are binds; nothing of a user is in it."""

    def __init__(self, filters: JobFilter) -> None:
        if filters.sort not in SORTS:
            raise CursorError(f"`sort` is {filters.sort!r}; it must be one of {', '.join(SORTS)}.")
        self._filters = filters
        self._descending = filters.sort.startswith("-")
        self._order = _ORDERS[filters.sort.removeprefix("-")]
        self._matched: dict[str, Any] = {}
        self.matching = " and ".join(self._conditions())  # what the filters say, with `count_binds`
        self.count_binds = dict(self._matched)
        self.binds: dict[str, Any] = {**self._matched, "row_limit": filters.limit + 1}
        self.where = self.matching
        if filters.cursor is not None:
            self.where += f" and {self._after(filters.cursor)}"
        direction = "desc" if self._descending else "asc"
        self.order_by = f"{self._order.expression} {direction}, job_id {direction}"

    def page(self, jobs: list[ComparisonJob]) -> JobPage:
        """Cut the row too many that was asked for, and make the cursor of the next page from it."""
        items = jobs[: self._filters.limit]
        if len(jobs) <= len(items) or not items:
            return JobPage(items, None)
        last = items[-1]
        value = self._order.value_of(last)
        text = value.isoformat() if isinstance(value, datetime) else str(value)
        packed = msgspec.json.encode(_Place(self._filters.sort, text, last.job_id))
        return JobPage(items, base64.urlsafe_b64encode(packed).decode().rstrip("="))

    def _conditions(self) -> list[str]:
        filters = self._filters
        conditions = ["job_id is not null"]
        if filters.statuses:
            names = [f"status_{number}" for number in range(len(filters.statuses))]
            conditions.append(f"status in ({', '.join(':' + name for name in names)})")
            self._matched.update(zip(names, (str(status) for status in filters.statuses), strict=True))
        for condition, name, value in (
            ("kind = :kind", "kind", filters.kind),
            ("upper(table_name) = upper(:table_name)", "table_name", filters.table_name),
            ("submitted_by = :submitted_by", "submitted_by", filters.submitted_by),
            ("created_at >= :created_from", "created_from", filters.created_from),
            ("created_at < :created_to", "created_to", filters.created_to),
        ):
            if value is not None:
                conditions.append(condition)
                self._matched[name] = to_database(value) if isinstance(value, datetime) else value
        for number, tag in enumerate(filters.tags):
            conditions.append(f"job_id in (select t.job_id from job_tags t where t.tag = :tag_{number})")
            self._matched[f"tag_{number}"] = tag
        if filters.text is not None:
            conditions.append(_TEXT_MATCHES)
            self._matched["text"] = filters.text
        return conditions

    def _after(self, cursor: str) -> str:
        place = _unpack(cursor)
        if place.sort != self._filters.sort:
            raise CursorError("`cursor` belongs to a listing with another `sort`.")
        try:
            value: Any = _parse(place.value, self._order.kind)
        except (ValueError, ArithmeticError) as error:
            raise CursorError("`cursor` is damaged; start again without it.") from error
        self.binds.update(after_value=value, after_id=place.job_id)
        sign = "<" if self._descending else ">"
        column = self._order.expression
        return f"{column} {sign}= :after_value and ({column} {sign} :after_value or job_id {sign} :after_id)"


def _unpack(cursor: str) -> _Place:
    try:
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(packed, type=_Place)
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise CursorError("`cursor` is not one that this listing gave out.") from error


def _parse(text: str, kind: type) -> Any:
    if kind is datetime:
        return to_database(datetime.fromisoformat(text))
    if kind is Decimal:
        number = Decimal(text)
        if not number.is_finite() or abs(number) > _LARGEST:
            raise ValueError(text)
        return number
    return text
