"""What A and B mean on the command line: a file, or a table or query of an Oracle database.

    prices.csv
    oracle://scott@dbhost:1521/ORCLPDB1?table=SALES.PRICES
    oracle://scott@dbhost:1521/ORCLPDB1?query_file=prices.sql

The password never stands in the address, where every user of the machine could read it: it comes from
CONCORD_PASSWORD_A or CONCORD_PASSWORD_B, or CONCORD_PASSWORD for both, from a file named by one of these
with _FILE, or is asked for on a terminal.
"""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import oracledb

from app.oracle.dictionary import RequestError, table_name
from worker.engines.errors import BadPlan
from worker.engines.sources.base import Source
from worker.engines.sources.files import FileOptions, open_file
from worker.engines.sources.oracle import OracleTableSource

_SCHEME = "oracle://"
_FORM = "oracle://user@host:port/service?table=OWNER.TABLE"
_CONNECT_SECONDS = 10


def open_side(text: str, side: str, options: FileOptions) -> Source:
    """The source that `text` names; `side` is "a" or "b". Raises EngineError."""
    if not text.lower().startswith(_SCHEME):
        return open_file(Path(text), text, options)
    if options != FileOptions():
        raise BadPlan(f"--{side}: options of files do not apply to {text.partition('?')[0]}.")
    return _oracle(text, side)


def _oracle(text: str, side: str) -> Source:
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
    if not user or not url.hostname or not service or set(asked) != {"table"} or len(asked["table"]) != 1:
        raise BadPlan(f"Side {side.upper()}: write {_FORM}.")
    try:
        port = url.port or 1521
        owner, name = table_name(asked["table"][0], "table")
    except ValueError as error:  # a RequestError is one
        why = error if isinstance(error, RequestError) else f"write {_FORM}"
        raise BadPlan(f"Side {side.upper()}: {why}.".replace("..", ".")) from None
    connect = _connector(user, f"{url.hostname}:{port}/{service}", side)
    return OracleTableSource(connect, owner or user.upper(), name)


def _connector(user: str, dsn: str, side: str) -> Callable[[], oracledb.Connection]:
    password = _password(side, f"{user}@{dsn}")

    def connect() -> oracledb.Connection:
        connection = oracledb.connect(
            user=user, password=password, dsn=dsn, tcp_connect_timeout=_CONNECT_SECONDS, expire_time=1
        )
        connection.module = "concord compare"
        return connection

    return connect


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
