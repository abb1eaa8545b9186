"""What A and B mean on the command line: a file, or a table or query of an Oracle database.

    prices.csv
    oracle://scott@dbhost:1521/ORCLPDB1?table=SALES.PRICES
    oracle://scott@dbhost:1521/ORCLPDB1?query_file=prices.sql

A query is one SELECT, run with the rights of that user in a read-only transaction.

The password never stands in the address, where every user of the machine could read it: it comes from
CONCORD_PASSWORD_A or CONCORD_PASSWORD_B, or CONCORD_PASSWORD for both, from a file named by one of these
with _FILE, or is asked for on a terminal.
"""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from app.jobs.sides import check_query
from app.oracle.dictionary import RequestError, table_name
from worker.engines.errors import BadPlan
from worker.engines.sources.base import InDatabase, Source
from worker.engines.sources.files import FileOptions, open_file

if TYPE_CHECKING:
    from app.oracle.login import Login

_SCHEME = "oracle://"
_FORM = "oracle://user@host:port/service?table=OWNER.TABLE"
_KINDS = ("table", "query", "query_file")


def open_sides(a: str, b: str, options: tuple[FileOptions, FileOptions]) -> tuple[Source, Source]:
    """The sources that the texts name; tables of one login are read as of one moment. Raises EngineError."""
    one, other = _open(a, "a", options[0]), _open(b, "b", options[1])
    if isinstance(one, InDatabase) or isinstance(other, InDatabase):
        from worker.engines.sources.oracle import pin

        pin(one, other)
    return one, other


def _open(text: str, side: str, options: FileOptions) -> Source:
    if not text.lower().startswith(_SCHEME):
        return open_file(Path(text), text, options)
    if options != FileOptions():
        raise BadPlan(f"--{side}: options of files do not apply to {text.partition('?')[0]}.")
    return _oracle(text, side)


def _oracle(text: str, side: str) -> Source:
    # Two files need no driver, which takes as long to import as comparing 100,000 rows.
    from worker.engines.sources.oracle import OracleTableSource
    from worker.engines.sources.oracle_query import OracleQuerySource

    url = urlsplit(text)
    if url.password is not None:
        raise BadPlan(
            f"The password of side {side.upper()} stands in its address; set CONCORD_PASSWORD_{side.upper()}."
        )
    try:
        asked = parse_qs(url.query, strict_parsing=True) if url.query else {}
    except ValueError:
        asked = {}
    user, service = unquote(url.username or ""), unquote(url.path.strip("/"))
    kind = next(iter(asked), "")
    if (
        not user
        or not url.hostname
        or not service
        or kind not in _KINDS
        or sum(map(len, asked.values())) != 1
    ):
        raise BadPlan(f"Side {side.upper()}: write {_FORM}.")
    try:
        dsn = f"{url.hostname}:{url.port or 1521}/{service}"
    except ValueError:
        raise BadPlan(f"Side {side.upper()}: write {_FORM}.") from None
    value = asked[kind][0]
    if kind == "table":
        try:
            owner, name = table_name(value, "table")
        except RequestError as error:
            raise BadPlan(f"Side {side.upper()}: {error}") from None
        return OracleTableSource(_login(side, user, dsn), owner or user.upper(), name)
    try:
        query = Path(value).read_text(encoding="utf-8") if kind == "query_file" else value
        check_query(query)
    except OSError as error:
        raise BadPlan(f"Side {side.upper()}: {value} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise BadPlan(f"Side {side.upper()}: {error}.") from error
    return OracleQuerySource(_login(side, user, dsn), query, name=f"query {side.upper()}")


def _login(side: str, user: str, dsn: str) -> Login:
    from app.oracle.login import Login

    return Login(user, dsn, _password(side, f"{user}@{dsn}"), module="concord compare")


def _password(side: str, of: str) -> str:
    for name in (f"CONCORD_PASSWORD_{side.upper()}", "CONCORD_PASSWORD"):
        if password := os.environ.get(name):
            return password
        if path := os.environ.get(f"{name}_FILE"):
            try:
                return Path(path).read_text().rstrip("\n")
            except OSError as error:
                raise BadPlan(f"{name}_FILE: {path} cannot be read: {error.strerror}.") from error
    if not sys.stdin.isatty():
        raise BadPlan(f"There is no password for {of}: set CONCORD_PASSWORD_{side.upper()}.")
    return getpass.getpass(f"Password of {of}: ")
