"""The ORA- error of a DDL statement that PostgreSQL refused: Oracle has words of its own for each kind."""

from __future__ import annotations

import re

from app.localdb.errors import LENGTH_CHECK, OracleError, from_postgres, oracle_error
from app.localdb.pg_messages import PgError
from app.localdb.sql.compiled import TableChange

# SQLSTATE and a part of the failing PostgreSQL statement or of PostgreSQL's message -> the error. {} is the
# schema's and the constraint's name; the first row that fits counts.
_ERRORS: list[tuple[str, str, int, str]] = [
    ("23505", '"pg_', 955, "name is already used by an existing object"),  # another session was quicker
    ("23505", "primary key", 2437, "cannot validate ({}) - primary key violated"),
    ("23505", " add ", 2299, "cannot validate ({}) - duplicate keys found"),
    ("23505", "", 1452, "cannot CREATE UNIQUE INDEX; duplicate keys found"),
    ("23502", "primary key", 1449, "column contains NULL values; cannot alter to NOT NULL"),
    ("23502", "add column", 1758, "table must be empty to add mandatory (NOT NULL) column"),
    ("23502", "", 2296, "cannot enable ({schema}.) - null values found"),
    ("23514", LENGTH_CHECK, 1441, "cannot decrease column length because some value is too big"),
    ("23514", "", 2293, "cannot validate ({}) - check constraint violated"),
    ("23503", "", 2298, "cannot validate ({}) - parent keys not found"),
    ("22001", "", 1441, "cannot decrease column length because some value is too big"),
    ("42830", "", 2270, "no matching unique or primary key for this column-list"),
    ("42701", "constraint", 957, "duplicate column name"),
    ("42P16", "multiple primary keys", 2260, "table can have only one primary key"),
    ("42710", "", 2264, "name already used by an existing constraint"),
    ("0A000", "truncate", 2266, "unique/primary keys in table referenced by enabled foreign keys"),
    ("42P17", "oracle.random_", 30553, "The function is not deterministic"),
    ("42P17", '"fn$', 30553, "The function is not deterministic"),
    (
        "42P17",
        "generated always",
        54002,
        "only pure functions can be specified in a virtual column expression",
    ),
    ("42P17", " index ", 1743, "only pure functions can be indexed"),
    ("2BP01", "drop constraint", 2273, "this unique/primary key is referenced by some foreign keys"),
    ("2BP01", "drop column", 12992, "cannot drop parent key column"),
    ("2BP01", "", 2449, "unique/primary keys in table referenced by foreign keys"),
    ("22023", "INCREMENT must not be zero", 4002, "INCREMENT must be a non-zero integer"),
    ("22023", "cannot be greater than MAXVALUE", 4008, "START WITH cannot be more than MAXVALUE"),
    ("22023", "cannot be less than MINVALUE", 4006, "START WITH cannot be less than MINVALUE"),
    ("22023", "must be less than MAXVALUE", 4004, "MINVALUE must be less than MAXVALUE"),
]


def ddl_error(error: PgError, statement: str, change: TableChange | None) -> OracleError:
    """`statement` is the PostgreSQL statement that failed, `change` the first thing the DDL changes."""
    state, message = error.sqlstate, error.message
    if state == "55P03":
        return oracle_error(54)
    schema = change.schema if change is not None else ""
    if state == "42P07" and change is not None and f'"{change.name}"' not in message:
        return oracle_error(2264)  # a key's index has the name of its constraint
    if state == "42P01" and change is not None:
        return oracle_error({"INDEX": 1418, "SEQUENCE": 2289}.get(change.kind, 942))
    name = error.fields.get("n") or _first_name(message)
    for sqlstate, part, code, text in _ERRORS:
        if state == sqlstate and (part in statement or part in message):
            return OracleError(code, text.replace("{schema}", schema).format(f"{schema}.{name}"))
    return from_postgres(error)


def _first_name(message: str) -> str:
    found = re.search(r'"([^"]+)"', message)
    return found[1] if found else ""
