"""ALTER SESSION SET: Oracle's parameters and the settings of the PostgreSQL session they become."""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from collections.abc import Mapping

from app.localdb.errors import OracleError

# What each session starts with (NLS_LANG AMERICAN_AMERICA), as NLS_SESSION_PARAMETERS shows it.
NLS_DEFAULTS = {
    "NLS_LANGUAGE": "AMERICAN",
    "NLS_TERRITORY": "AMERICA",
    "NLS_CURRENCY": "$",
    "NLS_ISO_CURRENCY": "AMERICA",
    "NLS_NUMERIC_CHARACTERS": ".,",
    "NLS_CALENDAR": "GREGORIAN",
    "NLS_DATE_FORMAT": "DD-MON-RR",
    "NLS_DATE_LANGUAGE": "AMERICAN",
    "NLS_SORT": "BINARY",
    "NLS_TIME_FORMAT": "HH.MI.SSXFF AM",
    "NLS_TIMESTAMP_FORMAT": "DD-MON-RR HH.MI.SSXFF AM",
    "NLS_TIME_TZ_FORMAT": "HH.MI.SSXFF AM TZR",
    "NLS_TIMESTAMP_TZ_FORMAT": "DD-MON-RR HH.MI.SSXFF AM TZR",
    "NLS_DUAL_CURRENCY": "$",
    "NLS_COMP": "BINARY",
    "NLS_LENGTH_SEMANTICS": "BYTE",
    "NLS_NCHAR_CONV_EXCP": "FALSE",
}

# Changing what these mean is not implemented: only the value they have anyway is accepted.
_FIXED = {
    "NLS_LANGUAGE": "AMERICAN",
    "NLS_DATE_LANGUAGE": "AMERICAN",
    "NLS_CALENDAR": "GREGORIAN",
    "NLS_SORT": "BINARY",
    "NLS_COMP": "BINARY",
    "NLS_TERRITORY": "AMERICA",
}

# Accepted because they cannot change a result here: how Oracle plans, traces and stores.
_HARMLESS = frozenset(
    {
        "CURSOR_SHARING",
        "DDL_LOCK_TIMEOUT",
        "EVENTS",
        "OPTIMIZER_MODE",
        "PARALLEL_DEGREE_POLICY",
        "PLSCOPE_SETTINGS",
        "PLSQL_CODE_TYPE",
        "PLSQL_OPTIMIZE_LEVEL",
        "PLSQL_WARNINGS",
        "RECYCLEBIN",
        "SESSION_CACHED_CURSORS",
        "SQL_TRACE",
        "STATISTICS_LEVEL",
        "TIMED_STATISTICS",
        "TRACEFILE_IDENTIFIER",
    }
)

_OFFSET = re.compile(r"([+-]?)(\d{1,2}):(\d{1,2})")


def zone_of(zone: str) -> dt.tzinfo:
    """The time zone `+02:00` or a region by its name. Raises ORA-01882."""
    offset = _OFFSET.fullmatch(zone.strip())
    if offset:
        minutes = int(offset[2]) * 60 + int(offset[3])
        minutes = -minutes if offset[1] == "-" else minutes
        if not -12 * 60 - 59 <= minutes <= 15 * 60:
            raise OracleError(1874, "time zone hour must be between -15 and 15")
        return dt.timezone(dt.timedelta(minutes=minutes))
    if zone.upper() in ("UTC", "GMT", "DBTIMEZONE", "LOCAL"):
        return dt.UTC
    try:
        return zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError) as error:
        raise OracleError(1882, "timezone region not found") from error


def zone_text(zone: str) -> str:
    """A time zone as the session keeps it: an offset in the form +02:00, a region as it is."""
    if not _OFFSET.fullmatch(zone.strip()):
        return zone
    minutes = int((zone_of(zone).utcoffset(None) or dt.timedelta()).total_seconds()) // 60
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def check(options: Mapping[str, object]) -> dict[str, str]:
    """The parameters of one ALTER SESSION as text. Raises OracleError for what is unknown or unsupported."""
    checked = {}
    for name, given in options.items():
        value = str(given)
        if name in _FIXED and value.upper() != _FIXED[name]:
            raise OracleError(
                3001, f"unimplemented feature: {name} = {value} is not supported by the local database"
            )
        if name == "NLS_NUMERIC_CHARACTERS" and (len(value) != 2 or value[0] == value[1]):
            raise OracleError(2248, "invalid option for ALTER SESSION")
        if name == "NLS_LENGTH_SEMANTICS" and value.upper() not in ("BYTE", "CHAR"):
            raise OracleError(2248, "invalid option for ALTER SESSION")
        if name not in NLS_DEFAULTS and name not in _HARMLESS | {
            "TIME_ZONE",
            "CURRENT_SCHEMA",
            "ISOLATION_LEVEL",
        }:
            raise OracleError(2248, "invalid option for ALTER SESSION")
        checked[name] = value
    return checked
