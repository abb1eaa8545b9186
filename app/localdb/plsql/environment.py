"""SYS_CONTEXT('USERENV', ...): what a session can ask about itself."""

from __future__ import annotations

from app.localdb.errors import OracleError
from app.localdb.plsql.host import Host


def user_environment(host: Host, namespace: str | None, parameter: str | None) -> str | None:
    """The value of one attribute. ORA-02003 for one that is not known, as Oracle says it."""
    if namespace is None or parameter is None:
        return None
    if namespace.upper() != "USERENV":
        return None
    name = parameter.upper()
    if name in ("SESSION_USER", "AUTHENTICATED_IDENTITY"):
        return host.user
    if name == "CURRENT_USER":
        return host.current_user
    if name in ("CURRENT_SCHEMA",):
        return host.current_schema
    if name in ("SID", "SESSIONID"):
        return str(host.sid)
    if name in ("MODULE", "ACTION", "CLIENT_INFO", "CLIENT_IDENTIFIER"):
        return host.tags.get(name.lower()) or None
    if name == "ISDBA":
        return "FALSE"
    if name in ("LANG", "NLS_CALENDAR"):
        return {"LANG": "US", "NLS_CALENDAR": "GREGORIAN"}[name]
    if name in ("INSTANCE", "SID_INSTANCE"):
        return "1"
    raise OracleError(2003, "invalid USERENV parameter")
