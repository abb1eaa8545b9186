"""The zone of a TIMESTAMP WITH TIME ZONE inside the server.

Such a value is a datetime on UTC's clock whose tzinfo is a Zone: it only says which zone's clock shows the moment.
So moments compare, subtract and shift as they are, whatever their zones, and the zone stays.
"""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

LARGEST_OFFSET = 959  # minutes; what is beyond is a region, with its number in oracle.time_zones
_START = datetime(2000, 1, 1)  # noqa: DTZ001
_MICROSECOND = timedelta(microseconds=1)
_DAY = 86_400_000_000


class Zone(tzinfo):
    """A zone by its number: the offset in minutes, or that of a region."""

    def __init__(self, number: int = 0) -> None:
        self.number = number

    def __reduce__(self) -> tuple[type[Zone], tuple[int]]:
        return Zone, (self.number,)

    @property
    def is_region(self) -> bool:
        return abs(self.number) > LARGEST_OFFSET

    def utcoffset(self, when: datetime | None) -> timedelta:
        return timedelta()

    def dst(self, when: datetime | None) -> None:
        return None

    def tzname(self, when: datetime | None) -> str:
        return str(self.number)


UTC = Zone(0)


def of(value: datetime) -> Zone:
    """The zone of a value; offset zero for one that only has a moment."""
    return value.tzinfo if isinstance(value.tzinfo, Zone) else UTC


def to_text(value: datetime, zone: Zone) -> bytes:
    """What PostgreSQL reads as oracle.zoned (sql/bootstrap/015_zoned.sql)."""
    moment = (value.replace(tzinfo=None) - _START) // _MICROSECOND
    return b"%d days %d microseconds" % (zone.number, moment - zone.number * _DAY)


def from_text(text: bytes) -> datetime:
    """The value of `2026-01-31 23:59:58.123456 330`: UTC's clock and the zone's number. Raises ValueError."""
    moment, _, number = text.rpartition(b" ")
    return datetime.fromisoformat(moment.decode()).replace(tzinfo=Zone(int(number)))
