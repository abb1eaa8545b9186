"""Whose sessions in which database: all that a new session of the synchronous driver needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import oracledb

_CONNECT_SECONDS = 10
_KEEPALIVE_MINUTES = 1


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
        # An empty text is not set: the driver sends one as a byte that its own header denies.
        for mark in ("module", "action", "client_identifier"):
            if value := getattr(self, mark):
                setattr(connection, mark, value)
        return connection
