"""Row and statement triggers: translated to plpgsql, run by PostgreSQL.

Refused by name: compound and INSTEAD OF triggers, REFERENCING, triggers on DDL, and what `plpgsql` refuses.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from app.localdb.plsql import nodes as n
from app.localdb.plsql.failures import CompileError, Lines, unsupported
from app.localdb.plsql.host import Host
from app.localdb.plsql.library import Library
from app.localdb.plsql.parser import UnitParser
from app.localdb.plsql.plpgsql import Translator, quoted
from app.localdb.plsql.types import Type
from app.localdb.plsql.typing import type_of_table_column
from app.localdb.plsql.units import Compiler
from app.localdb.sql import nodes as x
from app.localdb.sql.catalog import ObjectInfo, ObjectKind
from app.localdb.sql.lexer import T, Token
from app.localdb.sql.parser import Parser


@dataclass
class Trigger:
    """A compiled trigger: the PostgreSQL statements that make it."""

    owner: str
    name: str
    statements: list[str] = field(default_factory=list)
    errors: list[CompileError] = field(default_factory=list)


def compile_trigger(host: Host, library: Library, owner: str, name: str, source: str) -> Trigger:
    """Check and translate. Raises CompileError when it cannot be parsed; other errors are in `errors`."""
    parser = UnitParser(source)
    tree = parser.unit()
    assert isinstance(tree, n.TriggerUnit)
    found = Trigger(owner, name)
    with host.as_user(owner):
        try:
            found.statements = _translate(host, library, owner, name, tree, Lines(source), source)
        except CompileError as error:
            found.errors.append(error)
    return found


def _translate(
    host: Host, library: Library, owner: str, name: str, tree: n.TriggerUnit, lines: Lines, source: str
) -> list[str]:
    schema = tree.table[0] if len(tree.table) == 2 else None
    table = host.catalog.resolve(schema, tree.table[-1], owner)
    if table is None or table.kind is not ObjectKind.TABLE:
        raise CompileError("PL/SQL: ORA-00942: table or view does not exist", tree.start)
    if table.temporary is not None:
        raise unsupported("a trigger on a temporary table", tree.start)
    for column in tree.columns:
        if column not in table.by_name:
            raise CompileError(f'PL/SQL: ORA-00904: "{column}": invalid identifier', tree.start)
    label = f"{owner}.{name}"
    compiler = Compiler(host, library, owner, label, lines)
    translator = Translator(host, compiler, lines, label, _row_names(table, tree))
    row = tree.each_row
    translator.returning = (
        "return null" if not row or tree.timing == "AFTER" else
        "return old" if tree.events == ["DELETE"] else
        "if tg_op = 'DELETE' then return old; else return new; end if" if "DELETE" in tree.events else
        "return new"
    )  # fmt: skip
    body = translator.block(tree.body)
    if row and (table.schema, table.name) in translator.tables:
        raise unsupported(
            "a row trigger that reads or changes its own table (ORA-04091 on Oracle)", tree.start
        )
    function = f"{quoted(owner)}.{quoted('trg$' + name)}"
    when = ""
    if tree.when is not None:
        when = f" when ({_when(translator, tree.when, source)})"
    events = " or ".join(_event(e, tree.columns) for e in tree.events)
    security = " security definer" if translator.uses_sql else ""
    code = f"#variable_conflict use_column\nbegin\n{body}\n{translator.returning};\nend;"
    tag = "$trigger$"
    while tag in code:
        tag = tag[:-1] + "_$"
    statements = [
        f"create or replace function {function}() returns trigger language plpgsql{security} as {tag}{code}{tag}",
        f"create or replace trigger {quoted(name)} {tree.timing.lower()} {events} on "
        f"{quoted(table.schema)}.{quoted(table.name)} for each {'row' if row else 'statement'}{when} "
        f"execute function {function}()",
    ]
    if not tree.enabled:
        statements.append(
            f"alter table {quoted(table.schema)}.{quoted(table.name)} disable trigger {quoted(name)}"
        )
    return statements


def _row_names(table: ObjectInfo, tree: n.TriggerUnit) -> dict[str, tuple[str, Type]]:
    if not tree.each_row:
        return {}
    found: dict[str, tuple[str, Type]] = {}
    for column in table.columns:
        for side in ("NEW", "OLD"):
            found[f":{side}.{column.name}"] = (
                f"{side.lower()}.{quoted(column.name)}",
                type_of_table_column(column),
            )
    return found


def _event(event: str, columns: list[str]) -> str:
    if event == "UPDATE" and columns:
        return "update of " + ", ".join(quoted(c) for c in columns)
    return event.lower()


def _when(translator: Translator, when: n.Query, source: str) -> str:
    """WHEN (new.a > 1): without colons there; a subquery is not allowed, in PostgreSQL neither."""
    last = when.tokens[-1].end
    parser = Parser([*when.tokens, Token(T.EOF, "", "", last, last)], text=source, plsql=True)
    node = _with_colons(parser.expression())
    text = translator.condition(node)
    if "select " in text.lower():
        raise unsupported("this WHEN condition of a trigger", when.start)
    return text


def _with_colons(node: x.Expr) -> x.Expr:
    """NEW.x and OLD.x of a WHEN clause as :NEW.x and :OLD.x."""
    if isinstance(node, x.Name) and node.parts[0] in ("NEW", "OLD"):
        return x.Name(node.offset, (":" + node.parts[0], *node.parts[1:]), node.quoted)
    for name in getattr(type(node), "__slots__", ()):
        child = getattr(node, name, None)
        if isinstance(child, x.Expr):
            setattr(node, name, _with_colons(child))
        elif isinstance(child, list):
            setattr(node, name, [_with_colons(c) if isinstance(c, x.Expr) else c for c in child])
    return node


def install(host: Host, trigger: Trigger) -> None:
    """Make it in PostgreSQL, as its owner, and commit."""
    with host.as_user(trigger.owner):
        for statement in trigger.statements:
            host.pg_execute(statement)
    host.commit()


def remove(host: Host, owner: str, name: str) -> None:
    """Take it out of PostgreSQL and commit."""
    with host.as_user(owner):
        host.pg_execute(f"drop function if exists {quoted(owner)}.{quoted('trg$' + name)}() cascade")
    host.commit()
