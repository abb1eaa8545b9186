"""Statements that the product builds of many pieces: it is made to build them, for columns of every kind."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

from app.jobs.administration import AdministrationStorage
from app.oracle.scripts import split, substitute
from app.oracle.sources import source_files
from app.oracle.sqlplus import installation
from worker.engines.layout import Layout, lay_out
from worker.engines.plan import ComparisonPlan
from worker.engines.pushdown.statement import Side
from worker.engines.repair.large import Large
from worker.engines.repair.plan import Change, Repair, Task, Values
from worker.engines.repair.scripts import _script
from worker.engines.sources.oracle import OracleTableSource

FOLDERS = (("schema", ".sql"), ("packages", ".pks"), ("packages", ".pkb"), ("views", ".sql"), ("dictionary", ".sql"), ("grants", ".sql"))  # fmt: skip
"""Of plsql/, in the order in which they are installed, and how their files end."""
_SQLPLUS = re.compile(
    r"(rem|prompt|whenever|accept|undefine|set (echo|feedback|verify|define|sqlblanklines|serveroutput))\b"
)
_VALUE = r"'[^']*'|\"[^\"]*\"|\b\d+\b|users|CONCORD(_APP)?"
_TYPES = ("NUMBER", "VARCHAR2", "CHAR", "NVARCHAR2", "DATE", "TIMESTAMP(6)", "TIMESTAMP(9)", "TIMESTAMP(6) WITH TIME ZONE", "BINARY_DOUBLE", "RAW", "INTERVAL DAY(2) TO SECOND(6)", "ROWID")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Built:
    """One statement. sign: a regular expression by which it is known again with other columns and values, white
    space apart; "" for one that is always the same."""

    file: str
    name: str
    text: str
    sign: str = ""


def built() -> Iterator[Built]:
    """All of them."""
    for name, text in asyncio.run(_administration()):
        yield Built("app/jobs/administration.py", name, text)
    for name, text, sign in _pushdown():
        yield Built("worker/engines/pushdown/statement.py", name, text, sign)
    lines = list(installation("CONCORD", "CONCORD_APP", sees_sessions=True))
    for number, statement in enumerate(_own_statements(lines), 1):
        sign = re.sub(_VALUE, lambda _: "(?:'[^']*'|[^ ]*?)", re.escape(" ".join(statement.split())))
        yield Built("app/oracle/sqlplus.py", f"installation#{number}", statement, f"^{sign}$")
    for number, one in enumerate(split(_repair()), 1):
        sign = r"raise_application_error\(-20099, 'Statement \d+"
        yield Built("worker/engines/repair/scripts.py", f"_script#{number}", one.text, sign)


def _own_statements(lines: list[str]) -> Iterator[str]:
    """The statements of the printed installation, one of each shape, that are in no file of plsql/."""
    files = {statement.text for folder, suffix in FOLDERS for file in source_files(folder, suffix) for statement in split(file.text)}  # fmt: skip
    script = "\n".join(line for line in lines if not _SQLPLUS.match(line))
    script = substitute(script, {"owner_tablespace": "users", "app_password": "secret"})
    texts = (statement.text for statement in split(script) if statement.text not in files)
    shapes = {
        re.sub(r"'[^']*'|\d+", "?", text): text
        for text in texts
        if not text.startswith(("grant ", "comment "))
    }
    yield from shapes.values()


class _Listener:
    """Stands for a pool and keeps the blocks that it is given."""

    def __init__(self) -> None:
        self.blocks: list[str] = []

    async def block(self, action: str, sql: str, binds: dict[str, Any], **options: Any) -> dict[str, Any]:
        self.blocks.append(sql)
        return {}


async def _administration() -> list[tuple[str, str]]:
    listener = _Listener()
    storage = AdministrationStorage()
    storage._pool = cast(Any, listener)
    asked = {
        "hold": ("job", "me"),
        "unhold": ("job", "me"),
        "set_priority": ("job", 5),
        "pause_queue": ("queue", "me"),
        "resume_queue": ("queue",),
        "set_limit": ("queue", 1),
        "set_key_limit": ("key", 1),
    }
    for name, arguments in asked.items():
        await getattr(storage, name)(*arguments)
    return list(zip(asked, listener.blocks, strict=True))


def _pushdown() -> Iterator[tuple[str, str, str]]:
    for key in ("ID", "C0"):
        layout = _layout(key)
        for by_value in {key == "ID", False}:
            side = Side(_source(), layout, 0, by_value)
            name = f"Side({key}{', by value' if by_value else ''})"
            yield (
                f"{name}.whole",
                side.whole(),
                r"^select count\(\*\), sum\(weight\), ",
            )
            yield f"{name}.split", side.split(2), r"^select bucket, count\(\*\), sum\(weight\), "
            yield (
                f"{name}.condition",
                f"select count(*) from {side.source.from_clause} where {side.condition(2)}",
                r' where (rowid in \(select row_id from \(|\("\w+" between :first0 )',
            )


def _layout(key: str) -> Layout:
    return lay_out(_source(), _source(), ComparisonPlan(key=(key,)))


def _source() -> OracleTableSource:
    """A table with a whole-number key and a column of every type, described by a dictionary that is not there."""
    columns: list[tuple[object, ...]] = [("ID", "NUMBER", 9, 0, 22, 0, None, "N")]
    columns += [(f"C{n}", kind, None, None, 10, 10, "C", "Y") for n, kind in enumerate(_TYPES)]
    source = OracleTableSource(cast(Any, None), "OWNER", "TABLE", 42)
    answers: Iterator[list[tuple[object, ...]]] = iter([columns, [("T_PK", "P", "ID")], [(10, None)]])

    def execute(statement: str, binds: object) -> SimpleNamespace:
        rows = next(answers)
        return SimpleNamespace(fetchall=lambda: rows, fetchone=lambda: rows[0])

    source._described = source._describe(cast(Any, SimpleNamespace(execute=execute)))
    return source


def _repair() -> str:
    """A repair script as it is written, without its lines for SQL*Plus."""
    key: Values = {"ID": "1"}
    old: Values = {"NAME": "'it''s'", "D": "null", "DOC": Large("CLOB", "old")}
    new: Values = {"NAME": "unistr('\\00FC')", "D": "date '2026-01-01'", "DOC": Large("CLOB", "new")}
    repair = Repair([Change(key, old, new)], [Change(key, {}, key | new)], [Change(key, key | old, {})])
    task = Task((_source(), _source()), ("OWNER", "TABLE"), _layout("ID"), {}, {}, {}, (), {})
    lines = "".join(_script(task, repair, "A test.")).splitlines()
    return "\n".join(line for line in lines if not line.startswith(("set ", "whenever ", "prompt ")))
