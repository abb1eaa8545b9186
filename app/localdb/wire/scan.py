"""Which placeholders a statement has, by the rules of the client's own scanner.

The client decides by its scanner which binds it sends and in which order: for SQL one per occurrence, for
PL/SQL one per name; those after RETURNING ... INTO of a top-level DML statement send no value. It skips
strings, quoted names and comments, and takes a colon after a string for JSON syntax.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_TOKENS = re.compile(
    r"""(?P<skip>--[^\n\r]*|/\*.*?\*/|"[^"]*")
    |(?P<string>[nN]?[qQ]'(?:\[.*?\]'|\{.*?\}'|<.*?>'|\(.*?\)'|(?P<delimiter>[^\s]).*?(?P=delimiter)')|'[^']*')
    |(?P<bind>:\s*(?:"(?P<quoted>[^"]*)"|(?P<digits>\d+)|(?P<name>[^\W\d_][\w$\#]*)))
    |(?P<word>[^\W\d_]+)
    |(?P<space>\s+)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_PLSQL = frozenset({"DECLARE", "BEGIN", "CALL"})
_QUERY = frozenset({"SELECT", "WITH"})
_DML = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE"})
_DDL = frozenset({"CREATE", "ALTER", "DROP", "GRANT", "REVOKE", "ANALYZE", "AUDIT", "COMMENT", "TRUNCATE"})


@dataclass(frozen=True, slots=True)
class Scanned:
    """The client's view of a statement."""

    names: tuple[str, ...]
    returning: tuple[bool, ...]
    is_query: bool
    is_plsql: bool
    is_dml: bool
    is_ddl: bool


@lru_cache(maxsize=2000)
def scan(text: str) -> Scanned:
    """The placeholders and the kind of `text`."""
    names: list[str] = []
    returning: list[bool] = []
    keyword = ""
    saw_returning = in_returning = after_string = False
    for match in _TOKENS.finditer(text):
        kind = match.lastgroup
        if kind == "word":
            word = match["word"].upper()
            if not keyword:
                keyword = word
                if keyword in _DDL:
                    break
            elif keyword in _DML and word == "RETURNING":
                saw_returning = True
            elif saw_returning and word == "INTO":
                in_returning = True
        elif kind == "bind" and not after_string:
            name = match["quoted"] or match["digits"] or match["name"].upper()
            if keyword not in _PLSQL or name not in names:
                names.append(name)
                returning.append(in_returning)
        if kind != "space":
            after_string = kind == "string"
    return Scanned(
        tuple(names),
        tuple(returning),
        keyword in _QUERY,
        keyword in _PLSQL,
        keyword in _DML,
        keyword in _DDL,
    )
