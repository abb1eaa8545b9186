"""SQL scripts as SQL*Plus reads them: statements end with `;`, PL/SQL units with a line that is only `/`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

# What starts a text whose semicolons are its own. Comments before it are already gone.
_UNIT = re.compile(
    r"(create\s+(or\s+replace\s+)?((non)?editionable\s+)?(package|procedure|function|trigger|type)\b"
    r"|declare\b|begin\b)",
    re.IGNORECASE,
)
_SLASH_LINE = re.compile(r"^[ \t]*/[ \t]*$", re.MULTILINE)
_BLANK_OR_COMMENT = re.compile(r"(\s+|--[^\n]*(\n|$)|/\*.*?\*/)", re.DOTALL)
# The pieces of a statement within which a semicolon does not end it.
_PIECE = re.compile(r"--[^\n]*|/\*.*?\*/|'[^']*'|\"[^\"]*\"|;", re.DOTALL)
_VARIABLE = re.compile(r"&(\w+)\.?")


class ScriptError(ValueError):
    """A script that cannot be read; the text is a sentence with the line."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement without its terminator, ready for the driver; a PL/SQL unit keeps its last semicolon."""

    text: str
    line: int  # of the script, from 1, where the statement starts


def split(script: str) -> list[Statement]:
    """The statements of a script in order. Raises ScriptError where the last one is not ended."""
    statements: list[Statement] = []
    position = 0
    while True:
        position = _skip_blank(script, position)
        if position == len(script):
            return statements
        start = position
        line = script.count("\n", 0, start) + 1
        if _UNIT.match(script, start):
            end = _SLASH_LINE.search(script, start)
            if end is None:
                raise ScriptError(
                    f"The PL/SQL unit that starts in line {line} is not ended by a line with /."
                )
            text, position = script[start : end.start()].rstrip(), end.end()
        else:
            semicolon = next(
                (piece for piece in _PIECE.finditer(script, start) if piece.group() == ";"), None
            )
            if semicolon is None:
                raise ScriptError(f"The statement that starts in line {line} is not ended by a semicolon.")
            text, position = script[start : semicolon.start()].rstrip(), semicolon.end()
        statements.append(Statement(text, line))


def is_unit(statement: str) -> bool:
    """Whether a statement is a PL/SQL unit, which in a script ends with a line that is only /."""
    return _UNIT.match(statement) is not None


def substitute(script: str, variables: Mapping[str, str]) -> str:
    """Replace `&name` and `&name.` as SQL*Plus does. Raises ScriptError for a name that is not given."""

    def value(match: re.Match[str]) -> str:
        name = match.group(1).lower()
        if name not in variables:
            raise ScriptError(f"The script uses &{name}, which is not defined.")
        return variables[name]

    return _VARIABLE.sub(value, script)


def _skip_blank(script: str, position: int) -> int:
    while match := _BLANK_OR_COMMENT.match(script, position):
        position = match.end()
    return position
