"""SYS_CONTEXT('USERENV', ...) as far as the session itself knows the answer; the rest is SQL's."""

from __future__ import annotations

from collections.abc import Callable

from app.localdb.plsql.host import Host


def _tag(name: str) -> Callable[[Host], str | None]:
    return lambda host: host.tags.get(name) or None


ATTRIBUTES: dict[str, Callable[[Host], str | None]] = {
    "SESSION_USER": lambda host: host.user,
    "CURRENT_USER": lambda host: host.current_user,
    "CURRENT_SCHEMA": lambda host: host.current_schema,
    "SID": lambda host: str(host.sid),
    "MODULE": _tag("module"),
    "ACTION": _tag("action"),
    "CLIENT_INFO": _tag("client_info"),
    "CLIENT_IDENTIFIER": _tag("client_identifier"),
}
