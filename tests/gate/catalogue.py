"""Columns of the product's tables and views with their types, read from plsql/ without a database."""

from __future__ import annotations

from functools import cache

from tests.gate.words import Word, closing, split_at, words

_NO_COLUMN = ("CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN", "SUPPLEMENTAL")


@cache
def columns() -> dict[str, dict[str, str]]:
    """Table -> column -> type as written, e.g. VARCHAR2(36 CHAR)."""
    from tests.gate.collect import stored  # it reads with the rules' own words, so the import waits

    found: dict[str, dict[str, str]] = {}
    for text in stored():
        some = words(text.texts()[0])
        head = [word.text for word in some[:4]]
        if head[:2] == ["CREATE", "TABLE"]:
            found[head[2]] = defined(some[4 : closing(some, 3)])
        elif head[:2] == ["ALTER", "TABLE"] and head[3] == "ADD" and some[4].text == "(":
            found[head[2]] |= defined(some[5 : closing(some, 4)])
    return found


def defined(some: list[Word]) -> dict[str, str]:
    """Column -> type of a list of column definitions."""
    types: dict[str, str] = {}
    for part in split_at(some, ","):
        if len(part) > 1 and part[0].text not in _NO_COLUMN:
            written = part[1].text
            if len(part) > 2 and part[2].text == "(":
                written += (
                    "(" + " ".join(word.text for word in part[3 : closing(part, 2)]).replace(" , ", ",") + ")"
                )
            types[part[0].text] = written
    return types


@cache
def by_name() -> dict[str, frozenset[str]]:
    """Column -> the base types that it has in any table."""
    found: dict[str, set[str]] = {}
    for table in columns().values():
        for name, written in table.items():
            found.setdefault(name, set()).add(written.partition("(")[0])
    return {name: frozenset(types) for name, types in found.items()}


def is_only(name: str, kind: str) -> bool:
    """Whether every column of this name has this base type."""
    return by_name().get(name, frozenset()) == {kind}


def width(name: str) -> int:
    """Most characters of a text column of this name; 0 for others."""
    sizes = [
        int(written.partition("(")[2].split()[0])
        for table in columns().values()
        for column, written in table.items()
        if column == name and written.startswith("VARCHAR2(")
    ]
    return max(sizes, default=0)
