"""Whose sessions in which database: all that a new session of the synchronous driver needs."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import oracledb

_CONNECT_SECONDS = 10
_KEEPALIVE_MINUTES = 1

_made: weakref.WeakSet[oracledb.Connection] = weakref.WeakSet()  # by any thread; each adds its own


@dataclass(frozen=True, slots=True)
class Login:
    """Makes sessions when called; two that are equal mean the same rights in the same database.

    module, action, client_identifier: what V$SESSION shows. secured: see app.oracle.address. Raises oracledb.Error. Nothing bounds the time that a
    server which answers nothing takes: call it where the process may be killed.
    """

    user: str
    dsn: str
    password: str = field(repr=False)
    module: str = ""
    action: str = ""
    client_identifier: str = ""
    secured: Mapping[str, Any] = field(default_factory=dict, hash=False, repr=False)

    def __call__(self) -> oracledb.Connection:
        connection = oracledb.connect(
            user=self.user,
            password=self.password,
            dsn=self.dsn,
            tcp_connect_timeout=_CONNECT_SECONDS,
            expire_time=_KEEPALIVE_MINUTES,
            **self.secured,
        )
        _made.add(connection)
        # An empty text is not set: the driver sends one as a byte that its own header denies.
        for mark in ("module", "action", "client_identifier"):
            if value := getattr(self, mark):
                setattr(connection, mark, value)
        return connection


def break_calls() -> None:
    """Ask the databases to stop what sessions of this process wait for. To be called when the process is about to end.

    A database that works on a statement does not notice that its client is gone until it has rows to send; an
    aggregate over a large table would go on for nobody.
    """
    for connection in list(_made):
        with contextlib.suppress(oracledb.Error):  # closed, or its server has gone
            connection.cancel()
