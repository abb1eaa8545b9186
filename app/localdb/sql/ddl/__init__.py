"""DDL: from Oracle's text to PostgreSQL's statements and entries of the catalogue, in one pass.

`compile_ddl` reads a statement that begins with CREATE, ALTER, DROP, TRUNCATE, COMMENT, GRANT, REVOKE,
RENAME or PURGE. One class per part, each building on the one before: base, columns, tables, objects,
accounts.
"""

from __future__ import annotations

from app.localdb.sql.compiled import Compiled
from app.localdb.sql.ddl.accounts import AccountsDdl
from app.localdb.sql.translate.base import Circumstances


def compile_ddl(text: str, circumstances: Circumstances) -> Compiled:
    """The effect of one DDL statement. Raises OracleError with Oracle's code and offset."""
    return AccountsDdl(text, circumstances).compile()


__all__ = ["compile_ddl"]
