"""DATE, TIMESTAMP and INTERVAL values, to and from their wire form.

A date is century + 100, year of century + 100, month, day, hour + 1, minute + 1, second + 1; a timestamp
adds nanoseconds (4 bytes), one with time zone is in UTC and adds hour + 20 and minute + 60 of its offset, or the
number of its region in 14 bits under the highest. Those numbers are this database's own.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

from app.localdb import zones
from app.localdb.contract import IntervalYM
from app.localdb.errors import OracleError

MIDDLE = 0x80000000  # zero of the days, years and nanoseconds of an interval
OFFSET = 60  # zero of its hours, minutes, seconds and months
_REGION = 0x80


class _Days(dict[bytes, bytes]):
    """`YYYY-MM-DD` -> 4 bytes."""

    def __missing__(self, text: bytes) -> bytes:
        year = int(text[:4])
        encoded = bytes((year // 100 + 100, year % 100 + 100, int(text[5:7]), int(text[8:10])))
        if len(self) >= 50_000:
            self.clear()
        self[text] = encoded
        return encoded


class _Clock(dict[bytes, bytes]):
    """`HH:MM:SS` -> 3 bytes; at most 86,400 of them."""

    def __missing__(self, text: bytes) -> bytes:
        encoded = bytes((int(text[:2]) + 1, int(text[3:5]) + 1, int(text[6:8]) + 1))
        self[text] = encoded
        return encoded


_DAYS = _Days()
_CLOCKS = _Clock()


def encode_date_text(text: bytes) -> bytes:
    """7 bytes of PostgreSQL's `YYYY-MM-DD HH:MM:SS[.ffffff]`; the fraction is cut off."""
    if text[4:5] != b"-" or text.endswith(b"BC"):
        return _encode_far_date(text)
    return _DAYS[text[:10]] + (_CLOCKS[text[11:19]] if len(text) > 10 else b"\1\1\1")


def encode_timestamp_text(text: bytes) -> bytes:
    """7 bytes, or 11 when there is a fraction, of the same text; a zone (`+00`) is ignored."""
    encoded = encode_date_text(text)
    fraction = text[20:].partition(b"+")[0] if text[19:20] == b"." else b""
    nanoseconds = int(fraction.ljust(9, b"0")) if fraction.isdigit() else 0
    return encoded + nanoseconds.to_bytes(4, "big") if nanoseconds else encoded


def encode_zoned_text(text: bytes) -> bytes:
    """13 bytes of a text in UTC with the number of its zone behind a blank."""
    moment, _, zone = text.rpartition(b" ")
    encoded = encode_timestamp_text(moment)
    return (encoded if len(encoded) == 11 else encoded + bytes(4)) + encode_zone(int(zone))


def encode_zone(number: int) -> bytes:
    """2 bytes of a zone's number (zones.Zone)."""
    if abs(number) > zones.LARGEST_OFFSET:
        return bytes((_REGION | number >> 6, (number & 0x3F) << 2))
    hours = int(number / 60)
    return bytes((20 + hours, 60 + number - hours * 60))


def decode_zone(raw: bytes) -> zones.Zone:
    """The zone of its 2 bytes; none at all counts as UTC. Raises ORA-01882 for a region not of this database's."""
    if raw[0] & _REGION:
        number = (raw[0] & 0x7F) << 6 | raw[1] >> 2
        if number <= zones.LARGEST_OFFSET:
            raise OracleError(1882, "timezone region not found")
        return zones.Zone(number)
    return zones.Zone((raw[0] - 20) * 60 + raw[1] - 60 if any(raw) else 0)


def encode_local_text(text: bytes, zone: tzinfo) -> bytes:
    """A text in UTC shown in the session's time zone by the rules of that moment, 7 or 11 bytes."""
    if zone is UTC:
        return encode_timestamp_text(text)
    moment = datetime.fromisoformat(text.decode()).replace(tzinfo=UTC)
    return encode_timestamp(moment.astimezone(zone).replace(tzinfo=None))


def _encode_far_date(text: bytes) -> bytes:
    """Years beyond four digits or before Christ. Raises OracleError ORA-01841 outside Oracle's range."""
    match = re.fullmatch(rb"(\d{4,})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:\+00)?( BC)?", text)
    if match is None:
        raise OracleError(1843, f"not a valid month: {text.decode('ascii', 'replace')}")
    year = int(match[1])
    if match[7]:
        year = -year
    if not -4712 <= year <= 9999:
        raise OracleError(1841, "(full) year must be between -4713 and +9999, and not be 0")
    century, rest = divmod(abs(year), 100)
    sign = -1 if year < 0 else 1
    clock = (int(match[n]) + 1 for n in (4, 5, 6))
    return bytes((100 + sign * century, 100 + sign * rest, int(match[2]), int(match[3]), *clock))


def encode_date(value: datetime) -> bytes:
    """7 bytes."""
    century, rest = divmod(value.year, 100)
    clock = (value.hour + 1, value.minute + 1, value.second + 1)
    return bytes((century + 100, rest + 100, value.month, value.day, *clock))


def encode_timestamp(value: datetime) -> bytes:
    """7 bytes, or 11 with a fraction."""
    encoded = encode_date(value)
    return encoded + (value.microsecond * 1000).to_bytes(4, "big") if value.microsecond else encoded


def encode_zoned(value: datetime) -> bytes:
    """13 bytes: UTC, and the value's zone. A naive value counts as UTC."""
    moment = value if isinstance(value.tzinfo, zones.Zone) or value.tzinfo is None else value.astimezone(UTC)
    zone = encode_zone(zones.of(value).number)
    return encode_date(moment) + (moment.microsecond * 1000).to_bytes(4, "big") + zone


def decode_date(raw: bytes) -> datetime:
    """A naive datetime of 7 or 11 bytes, one with its zone (zones.py) of 13. Raises OracleError ORA-01858."""
    try:
        value = datetime(  # noqa: DTZ001
            (raw[0] - 100) * 100 + raw[1] - 100, raw[2], raw[3], raw[4] - 1, raw[5] - 1, raw[6] - 1,
            int.from_bytes(raw[7:11], "big") // 1000 if len(raw) >= 11 else 0,
        )  # fmt: skip
    except (ValueError, IndexError) as error:
        raise OracleError(1858, "a non-numeric character was found where a numeric was expected") from error
    return value.replace(tzinfo=decode_zone(raw[11:13])) if len(raw) > 12 else value


def decode_zoned(raw: bytes) -> datetime:
    """A value with its zone; what comes without one (7 or 11 bytes) counts as UTC."""
    value = decode_date(raw)
    return value if value.tzinfo is not None else value.replace(tzinfo=zones.UTC)


def encode_interval_ds(value: timedelta) -> bytes:
    """11 bytes: days, hours, minutes, seconds, nanoseconds, all of the same sign."""
    sign = -1 if value < timedelta() else 1
    magnitude = abs(value)
    minutes, seconds = divmod(magnitude.seconds, 60)
    return _interval_ds(
        sign, magnitude.days, minutes // 60, minutes % 60, seconds, magnitude.microseconds * 1000
    )


def _interval_ds(sign: int, days: int, hours: int, minutes: int, seconds: int, nanoseconds: int) -> bytes:
    return (
        (MIDDLE + sign * days).to_bytes(4, "big")
        + bytes((OFFSET + sign * hours, OFFSET + sign * minutes, OFFSET + sign * seconds))
        + (MIDDLE + sign * nanoseconds).to_bytes(4, "big")
    )


def encode_interval_ds_text(text: bytes) -> bytes:
    """11 bytes of `[-]D HH:MM:SS[.FFFFFF]`. Raises OracleError ORA-01867."""
    match = re.fullmatch(rb"(-?)(\d+) (\d+):(\d\d):(\d\d)(?:\.(\d{1,9}))?", text)
    if match is None:
        raise OracleError(1867, "the interval is invalid")
    nanoseconds = int((match[6] or b"").ljust(9, b"0"))
    parts = [int(match[n]) for n in (2, 3, 4, 5)]
    return _interval_ds(-1 if match[1] else 1, parts[0], parts[1], parts[2], parts[3], nanoseconds)


def decode_interval_ds(raw: bytes) -> timedelta:
    return timedelta(
        days=int.from_bytes(raw[:4], "big") - MIDDLE,
        hours=raw[4] - OFFSET,
        minutes=raw[5] - OFFSET,
        seconds=raw[6] - OFFSET,
        microseconds=(int.from_bytes(raw[7:11], "big") - MIDDLE) // 1000,
    )


def encode_interval_ym(value: IntervalYM) -> bytes:
    """5 bytes: years and months of the same sign."""
    years, months = divmod(abs(value.months), 12)
    sign = -1 if value.months < 0 else 1
    return (MIDDLE + sign * years).to_bytes(4, "big") + bytes((OFFSET + sign * months,))


def decode_interval_ym(raw: bytes) -> IntervalYM:
    return IntervalYM((int.from_bytes(raw[:4], "big") - MIDDLE) * 12 + raw[4] - OFFSET)
