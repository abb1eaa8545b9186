"""The objects and rights that plsql/ leaves in the owner's schema, read from its statements.

Columns are read from the comments: every column has one (a test holds the files to that).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from app.oracle.plan import grant_files
from app.oracle.scripts import Statement, split
from app.oracle.sources import REPEATABLE, SourceFile, source_files, stand_in

_CREATE = re.compile(
    r"create\s+(?:or\s+replace\s+)?(?:unique\s+)?(table|index|trigger|view|package\s+body|package)\s+(\w+)",
    re.IGNORECASE,
)
_DROP = re.compile(r"drop\s+(table|index|trigger|view|package)\s+(\w+)", re.IGNORECASE)
_COLUMN = re.compile(r"comment\s+on\s+column\s+(\w+)\.(\w+)", re.IGNORECASE)
_DROP_COLUMN = re.compile(r"alter\s+table\s+(\w+)\s+drop\s+column\s+(\w+)", re.IGNORECASE)
_CONSTRAINT = re.compile(r"(?<!drop )\bconstraint\s+(\w+)", re.IGNORECASE)
_DROP_CONSTRAINT = re.compile(r"drop\s+constraint\s+(\w+)", re.IGNORECASE)
_GRANT = re.compile(r"grant\s+([a-z ]+?)\s+(?:on\s+(\w+)\s+)?to\s+\w+\s*", re.IGNORECASE)


@dataclass(slots=True)
class Expected:
    """Names are in upper case, as in the dictionary."""

    # (type, name) -> the file, the number and the statement that made it last
    objects: dict[tuple[str, str], tuple[SourceFile, int, Statement]] = field(default_factory=dict)
    columns: set[tuple[str, str]] = field(default_factory=set)
    constraints: dict[str, str] = field(default_factory=dict)  # name -> file


def expected() -> Expected:
    """What a complete installation of this version has."""
    found = Expected()
    for folder, suffix in (("schema", ".sql"), *REPEATABLE):
        for file in source_files(folder, suffix):
            for number, statement in enumerate(split(file.text), 1):
                _note(found, file, number, statement)
    views = {name for kind, name in found.objects if kind == "VIEW"}
    found.columns = {(table, column) for table, column in found.columns if table not in views}
    return found


def _note(found: Expected, file: SourceFile, number: int, statement: Statement) -> None:
    text = statement.text
    if made := _CREATE.match(text):
        kind = " ".join(made.group(1).upper().split())
        found.objects[kind, made.group(2).upper()] = (file, number, statement)
    elif gone := _DROP.match(text):
        found.objects.pop((gone.group(1).upper(), gone.group(2).upper()), None)
    elif column := _COLUMN.match(text):
        found.columns.add((column.group(1).upper(), column.group(2).upper()))
    elif column := _DROP_COLUMN.match(text):
        found.columns.discard((column.group(1).upper(), column.group(2).upper()))
    if re.match(r"(create|alter)\s+table", text, re.IGNORECASE):
        for name in _DROP_CONSTRAINT.findall(text):
            found.constraints.pop(name.upper(), None)
        for name in _CONSTRAINT.findall(text):
            found.constraints[name.upper()] = file.name


def rights(owner: str, app_user: str) -> tuple[set[tuple[str, str]], set[str]]:
    """What the runtime user is granted: (privilege, object) in the owner's schema, and system privileges."""
    on_objects, system = set(), set()
    for file in grant_files(owner, app_user):
        for statement in split(file.text):
            grant = _GRANT.fullmatch(statement.text)
            if grant is None:
                raise ValueError(f"{file.name}, line {statement.line}: not one plain grant")
            privilege, name = grant.group(1).upper(), grant.group(2)
            if name is None:
                system.add(privilege)
            else:
                on_objects.add((privilege, name.upper()))
    return on_objects, system


def texts(statement: Statement, file: SourceFile) -> set[str]:
    """How the dictionary may hold the text of a package, trigger or view, blanks evened out."""
    found = {without_head(statement.text)}
    if stand_in(file) != file:
        found.add(without_head(split(stand_in(file).text)[0].text))
    return found


def without_head(text: str) -> str:
    """A text without `create or replace TYPE NAME` and, for a view, AS; blanks evened out.

    Oracle keeps packages and triggers without CREATE OR REPLACE, a view as its query alone.
    """
    head = re.compile(
        r"\s*(create\s+(or\s+replace\s+)?)?((non)?editionable\s+)?"
        r"((package\s+body|package|trigger)\s+(\"?\w+\"?\.)?\"?\w+\"?|view\s+\w+\s+as)\s",
        re.IGNORECASE,
    )
    return " ".join(head.sub("", text, count=1).split())
