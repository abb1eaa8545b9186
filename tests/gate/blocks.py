"""The structure of a statement as the rules need it: SQL inside PL/SQL, query blocks, their clauses."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from tests.gate.words import Word, closing, split_at, words

_CLAUSES = (
    "INTO",
    "BULK",
    "FROM",
    "WHERE",
    "CONNECT",
    "START",
    "GROUP",
    "HAVING",
    "ORDER",
    "OFFSET",
    "FETCH",
    "FOR",
)
_SET = ("UNION", "INTERSECT", "MINUS", "EXCEPT")
_STARTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "WITH")
_BEFORE_A_STATEMENT = (";", "BEGIN", "THEN", "ELSE", "LOOP", "IS", "AS", "(", ">>")
_DDL = ("CREATE", "ALTER", "DROP", "COMMENT", "GRANT", "REVOKE", "TRUNCATE", "RENAME", "PURGE")
_UNITS = ("PACKAGE", "PROCEDURE", "FUNCTION", "TRIGGER", "TYPE")


@dataclass(slots=True)
class Block:
    """One SELECT: its clauses by first word, each without its keyword; SELECT is the list. before: the word in front
    of SELECT, or of the bracket around it."""

    start: int
    end: int
    line: int
    before: str
    clauses: dict[str, list[Word]]
    set_operator: str = ""  # that follows this block, with ALL
    outer: Block | None = None
    inner: list[Block] = field(default_factory=list)

    @property
    def distinct(self) -> bool:
        return [word.text for word in self.clauses["SELECT"][:1]] in (["DISTINCT"], ["UNIQUE"])

    @property
    def items(self) -> list[list[Word]]:
        """Of the select list."""
        listed = self.clauses["SELECT"]
        return split_at(
            listed[1:] if self.distinct or (listed[:1] and listed[0].text == "ALL") else listed, ","
        )

    def clause(self, name: str) -> list[Word]:
        return self.clauses.get(name, [])

    @property
    def sources(self) -> dict[str, str]:
        """Alias (or name) -> table, `(` for an inline view."""
        found: dict[str, str] = {}
        depth = min((word.depth for word in self.clause("FROM")), default=0)
        flat = [word for word in self.clause("FROM") if word.depth == depth]
        parts: list[list[Word]] = [[]]
        condition = False
        for word in flat:
            if word.text in (",", "JOIN") and word.kind in ("op", "word"):
                parts.append([])
                condition = False
            elif (
                word.text in ("ON", "USING", "LEFT", "RIGHT", "FULL", "INNER", "CROSS", "OUTER")
                and word.kind == "word"
            ):
                condition = True
            elif not condition:
                parts[-1].append(word)
        for part in parts:
            names = [word.text for word in part if word.kind in ("word", "quoted") and word.text not in ("AS", "OF", "SCN", "LATERAL")]  # fmt: skip
            if part and names:
                found[names[-1]] = "(" if part[0].text == "(" else ".".join(names[: -1 if len(names) > 1 and "." not in [w.text for w in part[-2:]] else None]) or names[0]  # fmt: skip
        return found


class Read:
    """A statement in pieces."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.words = words(text)

    @cached_property
    def first(self) -> str:
        return self.words[0].text if self.words else ""

    @cached_property
    def is_ddl(self) -> bool:
        return self.first in _DDL

    @cached_property
    def unit(self) -> str:
        """PACKAGE, TRIGGER and the like where the statement creates one."""
        head = [word.text for word in self.words[:6]]
        return (
            next((word for word in head if word in _UNITS), "")
            if self.first == "CREATE" and "ON" not in head[:3]
            else ""
        )

    @cached_property
    def is_plsql(self) -> bool:
        return self.first in ("BEGIN", "DECLARE", "<<") or bool(self.unit)

    @cached_property
    def pieces(self) -> list[list[Word]]:
        """The SQL statements: the text itself, or those inside PL/SQL."""
        if not self.is_plsql:
            return [self.words]
        found, position = [], 0
        while position < len(self.words):
            word = self.words[position]
            if word.kind == "word" and word.text in _STARTS and self._begins(position):
                end = self._end(position)
                found.append(self.words[position:end])
                position = end
            else:
                position += 1
        return found

    @cached_property
    def outside(self) -> list[Word]:
        """What is PL/SQL and no SQL."""
        inside = {id(word) for piece in self.pieces for word in piece}
        return [word for word in self.words if id(word) not in inside] if self.is_plsql else []

    def _begins(self, position: int) -> bool:
        """Whether a statement of SQL can begin here: behind another, in brackets, or behind FORALL i IN a .. b."""
        before = self.words[position - 1].text if position else ";"
        if before not in _BEFORE_A_STATEMENT:
            behind = range(position - 1, -1, -1)
            since = itertools.takewhile(lambda n: self.words[n].text != ";", behind)
            return any(self.words[n].text == "FORALL" for n in since)
        return self.unit != "TRIGGER" or "BEGIN" in [word.text for word in self.words[:position]]

    def _end(self, start: int) -> int:
        depth = self.words[start].depth
        for position in range(start, len(self.words)):
            word = self.words[position]
            if word.depth < depth or (word.text == ";" and word.kind == "op"):
                return position
        return len(self.words)

    @cached_property
    def blocks(self) -> list[Block]:
        """All query blocks, outer ones first."""
        found: list[Block] = []
        for piece in self.pieces if self.first not in ("GRANT", "REVOKE", "COMMENT") else ():
            found += _blocks(piece)
        return found


def _blocks(piece: list[Word]) -> list[Block]:
    found: list[Block] = []
    for start, word in enumerate(piece):
        if word.kind != "word" or word.text != "SELECT":
            continue
        end, operator = len(piece), ""
        for position in range(start + 1, len(piece)):
            other = piece[position]
            if other.depth < word.depth:
                end = position
                break
            if other.depth == word.depth and other.kind == "word" and other.text in _SET:
                end = position
                following = piece[position + 1].text if position + 1 < len(piece) else ""
                operator = f"{other.text} ALL" if following == "ALL" else other.text
                break
        opening = start - 1 if start and piece[start - 1].text == "(" else start
        before = piece[opening - 1].text if opening else ""
        block = Block(start, end, word.line, before, _clauses(piece[start + 1 : end], word.depth), operator)
        block.outer = next(
            (other for other in reversed(found) if other.start < start and end <= other.end), None
        )
        if block.outer is not None:
            block.outer.inner.append(block)
        found.append(block)
    return found


def _clauses(some: list[Word], depth: int) -> dict[str, list[Word]]:
    clauses: dict[str, list[Word]] = {"SELECT": []}
    current = "SELECT"
    for position, word in enumerate(some):
        before = some[position - 1].text if position else ""
        if (
            word.depth == depth
            and word.kind == "word"
            and word.text in _CLAUSES
            and before not in ("WITHIN", ".", "AS")
        ):
            if word.text in clauses or (word.text == "INTO" and current == "BULK"):
                continue
            current = word.text
            clauses[current] = []
        elif not (word.text == "BY" and not clauses[current] and current in ("GROUP", "ORDER", "CONNECT")):
            clauses[current].append(word)
    return clauses


def without_queries(some: list[Word]) -> Iterator[Word]:
    """The words that stand in no subquery."""
    position = 0
    while position < len(some):
        word = some[position]
        if word.text == "(" and position + 1 < len(some) and some[position + 1].text in ("SELECT", "WITH"):
            position = closing(some, position) + 1
            continue
        yield word
        position += 1


def calls(some: list[Word], names: frozenset[str]) -> Iterator[tuple[int, int]]:
    """Positions of the name and of the closing bracket of each call of one of these functions."""
    for position, word in enumerate(some[:-1]):
        if word.kind == "word" and word.text in names and some[position + 1].text == "(":
            yield position, closing(some, position + 1)
