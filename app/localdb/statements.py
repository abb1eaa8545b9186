"""What kind of statement a text is, by its first words; everything else waits for the compiler."""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.localdb.contract import Kind

_BLANK = r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*"
_FIRST_WORD = re.compile(_BLANK + r"(\(|<<|[A-Za-z]+)?", re.DOTALL)
_CREATES_UNIT = re.compile(
    _BLANK + rf"create\s+{_BLANK}(?:or\s+{_BLANK}replace\s+)?{_BLANK}(?:(?:non)?editionable\s+)?{_BLANK}"
    r"(?:package|procedure|function|trigger|type)\b",
    re.DOTALL | re.IGNORECASE,
)
_KINDS = {
    "SELECT": Kind.QUERY,
    "WITH": Kind.QUERY,
    "(": Kind.QUERY,
    "INSERT": Kind.DML,
    "UPDATE": Kind.DML,
    "DELETE": Kind.DML,
    "MERGE": Kind.DML,
    "BEGIN": Kind.PLSQL,
    "DECLARE": Kind.PLSQL,
    "CALL": Kind.PLSQL,
    "<<": Kind.PLSQL,
}


@dataclass(frozen=True, slots=True)
class Statement:
    """contract.StatementInfo."""

    kind: Kind
    text: str
    creates_unit: bool = False

    @classmethod
    def of(cls, text: str) -> Statement:
        found = _FIRST_WORD.match(text)
        word = (found[1] or "").upper() if found else ""
        if word == "CREATE" and _CREATES_UNIT.match(text):
            return cls(Kind.DDL, text, creates_unit=True)
        return cls(_KINDS.get(word, Kind.DDL), text)
