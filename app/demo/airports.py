"""The demo's two tables: two real releases of a table of the world's airports, key ICAO.

From the PyPI package airportsdata (MIT, notice in data/AIRPORTS-LICENSE.txt): DEMO.AIRPORTS_PROD holds
the release of 2025-08-11, DEMO.AIRPORTS_UAT the one of 2026-09-05.
"""

from __future__ import annotations

import csv
import gzip
import secrets
from collections.abc import Iterator
from decimal import Decimal
from importlib.resources import files

import oracledb

SCHEMA = "DEMO"
TABLES = {"AIRPORTS_PROD": "airports-20250811.csv.gz", "AIRPORTS_UAT": "airports-20260905.csv.gz"}

_COLUMNS = {
    "ICAO": ("varchar2(4 char) not null", "code of the International Civil Aviation Organization"),
    "IATA": ("varchar2(3 char)", "code of the International Air Transport Association"),
    "NAME": ("varchar2(100 char)", "name of the airport"),
    "CITY": ("varchar2(100 char)", "city it serves"),
    "SUBD": ("varchar2(100 char)", "state, province or other subdivision of the country"),
    "COUNTRY": ("varchar2(2 char)", "ISO 3166-1 alpha-2 code"),
    "ELEVATION": ("number", "above mean sea level, in feet"),
    "LAT": ("number", "latitude in degrees, every decimal kept"),
    "LON": ("number", "longitude in degrees, every decimal kept"),
    "TZ": ("varchar2(40 char)", "name in the IANA time zone database"),
    "LID": ("varchar2(10 char)", "local identifier"),
}
_NUMBERS = {"ELEVATION", "LAT", "LON"}
_NAME_EXISTS = 955
_USER_EXISTS = 1920


def load(connection: oracledb.Connection, reader: str) -> dict[str, int]:
    """Create and fill both tables as a DBA, let `reader` select from them; returns rows by table.

    A table that already holds its release is left alone, so a second start costs one count each.
    """
    with connection.cursor() as cursor:
        _tolerate(
            cursor, f'create user {SCHEMA.lower()} identified by "{secrets.token_hex(12)}"', _USER_EXISTS
        )
        _tolerate(cursor, f"grant unlimited tablespace to {SCHEMA.lower()}")
        counts = {}
        for table, file in TABLES.items():
            rows = list(_rows(file))
            name = f"{SCHEMA}.{table}".lower()
            created = _tolerate(cursor, _create(table), _NAME_EXISTS)
            if created:
                cursor.execute(f"comment on table {name} is 'airports of the world, from {file[:17]}'")
                for column, (_, comment) in _COLUMNS.items():
                    cursor.execute(f"comment on column {name}.{column.lower()} is '{comment}'")
            cursor.execute(f"select count(*) from {name}")
            (present,) = cursor.fetchone() or (0,)
            if present != len(rows):
                cursor.execute(f"delete from {name}")
                _insert(cursor, name, rows)
                connection.commit()
            cursor.execute(f'grant select on {name} to "{reader}"')
            counts[table] = len(rows)
    return counts


def _create(table: str) -> str:
    columns = ", ".join(f"{name.lower()} {type_}" for name, (type_, _) in _COLUMNS.items())
    name = table.lower()
    return f"create table {SCHEMA.lower()}.{name} ({columns}, constraint {name}_pk primary key (icao))"


def _insert(cursor: oracledb.Cursor, name: str, rows: list[tuple[str | Decimal | None, ...]]) -> None:
    columns = ", ".join(column.lower() for column in _COLUMNS)
    places = ", ".join(f":{position}" for position in range(1, len(_COLUMNS) + 1))
    cursor.setinputsizes(*(oracledb.DB_TYPE_NUMBER if column in _NUMBERS else 100 for column in _COLUMNS))
    cursor.executemany(f"insert into {name} ({columns}) values ({places})", rows)


def _rows(file: str) -> Iterator[tuple[str | Decimal | None, ...]]:
    raw = files("app.demo").joinpath("data", file).read_bytes()
    text = gzip.decompress(raw).decode("utf-8")
    for row in csv.DictReader(text.splitlines()):
        yield tuple(
            None
            if row[name.lower()] == ""
            else Decimal(row[name.lower()])
            if name in _NUMBERS
            else row[name.lower()]
            for name in _COLUMNS
        )


def _tolerate(cursor: oracledb.Cursor, statement: str, *codes: int) -> bool:
    """Run DDL; False when it failed with one of `codes` (the thing is there already)."""
    try:
        cursor.execute(statement)
    except oracledb.DatabaseError as error:
        if error.args[0].code not in codes:
            raise
        return False
    return True
