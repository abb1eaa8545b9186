"""CREATE TRIGGER: who runs it, and what PostgreSQL keeps of it.

A BEFORE row trigger that only computes becomes plpgsql and runs in PostgreSQL. All others run in the interpreter
(`firing`), around each row that a statement changes; PostgreSQL then holds a guard of the trigger's name, which
refuses whatever would change the table without firing it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from app.localdb.errors import OracleError, oracle_error
from app.localdb.plsql import nodes as n
from app.localdb.plsql.failures import CompileError, Lines
from app.localdb.plsql.firing import compile_trigger as compile_fired
from app.localdb.plsql.firing import with_colons
from app.localdb.plsql.host import Host
from app.localdb.plsql.library import Library
from app.localdb.plsql.parser import UnitParser
from app.localdb.plsql.plpgsql import Translator, laid_out, literal, quoted
from app.localdb.plsql.types import Type
from app.localdb.plsql.typing import type_of_table_column
from app.localdb.plsql.units import Compiler
from app.localdb.sql.catalog import ObjectInfo, ObjectKind
from app.localdb.sql.lexer import T, Token
from app.localdb.sql.parser import Parser

_AT_ONCE = ("ORA-04077", "ORA-04082", "ORA-04084", "ORA-04085")
"""Errors with which CREATE TRIGGER fails; with others it makes an invalid trigger."""


@dataclass
class Trigger:
    """A compiled trigger: the PostgreSQL statements that make it."""

    owner: str
    name: str
    statements: list[str] = field(default_factory=list)
    errors: list[CompileError] = field(default_factory=list)


def compile_trigger(host: Host, library: Library, owner: str, name: str, source: str) -> Trigger:
    """Check and translate; what does not compile is in `errors`. Raises OracleError when nothing can be made."""
    tree = _heading(source)
    with host.as_user(owner):
        table = _table(host, owner, tree)
        found = Trigger(owner, name)
        own = ""
        try:
            fired = compile_fired(host, library, owner, name, source, table)
            found.errors = fired.errors
            for error in found.errors:
                if error.text.startswith(_AT_ONCE):
                    raise OracleError(int(error.text[4:9]), error.text[11:], error.offset)
            assert fired.tree is not None
            tree = fired.tree
            _check_followed(host, library, owner, tree, table)
            if not found.errors and (owner, name) not in table.triggers:
                own = _translated(host, library, owner, name, tree, table, source)
        except CompileError as error:
            found.errors = [error]
        found.statements = _statements(owner, name, tree, table, own, source)
    return found


def _heading(source: str) -> n.TriggerUnit:
    parser = UnitParser(source)
    parser.advance()
    try:
        return parser.trigger_heading(0)
    except CompileError as error:
        if error.text.startswith("ORA-"):
            raise OracleError(int(error.text[4:9]), error.text[11:], error.offset) from error
        raise OracleError(4079, "invalid trigger specification", error.offset) from error


def _table(host: Host, owner: str, tree: n.TriggerUnit) -> ObjectInfo:
    schema = tree.table[0] if len(tree.table) == 2 else None
    table = host.catalog.resolve(schema, tree.table[-1], owner)
    if table is None or table.kind not in (ObjectKind.TABLE, ObjectKind.VIEW):
        raise oracle_error(942)
    if table.schema == "SYS":
        raise OracleError(4089, "cannot create triggers on objects owned by SYS")
    if table.kind is ObjectKind.VIEW and tree.timing in ("BEFORE", "AFTER"):
        raise OracleError(25001, "cannot create this trigger type on this type of view")
    if table.kind is ObjectKind.TABLE and tree.timing == "INSTEAD OF":
        raise OracleError(25002, "cannot create INSTEAD OF triggers on tables")
    if table.temporary is not None:
        raise oracle_error(3001, "a trigger on a temporary table is not supported by the local database")
    if table.kind is ObjectKind.VIEW and tree.columns:
        raise OracleError(4073, "column list not valid for this trigger type")
    for column in tree.columns:
        if column not in table.by_name:
            raise oracle_error(904, f'"{column}"')
    return table


def _check_followed(host: Host, library: Library, owner: str, tree: n.TriggerUnit, table: ObjectInfo) -> None:
    """FOLLOWS names triggers of the same table; the interpreter has to run them, too."""
    for parts in tree.follows:
        schema = parts[0] if len(parts) == 2 else owner
        source = host.fetch_unit(schema, parts[-1], "TRIGGER")
        if source is None:
            raise OracleError(4080, f"trigger '{parts[-1]}' does not exist")
        other = _heading(source)
        if other.table[-1] != tree.table[-1] or (other.timing, tree.timing) in _UNRELATED:
            raise OracleError(25021, "cannot reference a trigger defined on another table")
        if (schema, parts[-1]) not in table.triggers:
            for statement in _statements(schema, parts[-1], other, table, "", source):
                host.pg_execute(statement)


_UNRELATED = {("BEFORE", "AFTER"), ("AFTER", "BEFORE")}


def _translated(
    host: Host, library: Library, owner: str, name: str, tree: n.TriggerUnit, table: ObjectInfo, source: str
) -> str:
    """The body and the WHEN clause in plpgsql, empty when the interpreter has to run it."""
    if tree.timing != "BEFORE" or not tree.each_row or tree.follows or tree.body is None:
        return ""
    lines = Lines(source)
    compiler = Compiler(host, library, owner, f"{owner}.{name}", lines)
    translator = Translator(host, compiler, lines, _row_names(table))
    translator.returning = (
        "return old" if tree.events == ["DELETE"] else
        "if tg_op = 'DELETE' then return old; else return new; end if" if "DELETE" in tree.events else
        "return new"
    )  # fmt: skip
    try:
        body = translator.block(tree.body)
        when = (
            f"if not coalesce({_when(translator, tree.when, source)}, false) then {translator.returning}; end if; "
            if tree.when
            else ""
        )
    except CompileError:
        return ""
    if translator.uses_sql or translator.tables or '"fn$' in body + when:
        return ""
    return f"{when}{body} {translator.returning};"


def _row_names(table: ObjectInfo) -> dict[str, tuple[str, Type]]:
    return {
        f":{side}.{column.name}": (f"{side.lower()}.{quoted(column.name)}", type_of_table_column(column))
        for column in table.columns
        for side in ("NEW", "OLD")
    }


def _when(translator: Translator, when: n.Query, source: str) -> str:
    last = when.tokens[-1].end
    parser = Parser([*when.tokens, Token(T.EOF, "", "", last, last)], text=source, plsql=True)
    return translator.condition(with_colons(parser.expression()))


def _statements(
    owner: str, name: str, tree: n.TriggerUnit, table: ObjectInfo, own: str, source: str
) -> list[str]:
    """What PostgreSQL keeps: a function, the trigger, and what the dictionary tells of it."""
    function = f"{quoted(owner)}.{quoted('trg$' + name)}"
    relation = f"{quoted(table.schema)}.{quoted(table.name)}"
    label = f"{owner}.{name}"
    code = (
        laid_out(f"#variable_conflict use_column begin {own} end;")
        if own
        else _GUARD.format(
            relation=literal(f"{table.schema}.{table.name}"),
            message=literal(
                f"ORA-03001: unimplemented feature: trigger {label} in a statement of this kind is not supported by the local database"
            ),
        )
    )
    tag = "$trigger$"
    while tag in code:
        tag = tag[:-1] + "_$"
    events = " or ".join(
        "update of " + ", ".join(map(quoted, tree.columns)) if e == "UPDATE" and tree.columns else e.lower()
        for e in tree.events
    )
    timing, level = tree.timing, "row" if tree.each_row else "statement"
    if timing == "COMPOUND":
        timing, level = ("INSTEAD OF", "row") if table.kind is ObjectKind.VIEW else ("BEFORE", "statement")
    disabled = not tree.enabled and table.kind is ObjectKind.VIEW
    if disabled:  # see concord_catalog.enable_trigger
        timing, level = "AFTER", "statement"
    facts = {
        "type": "INSTEAD OF"
        if tree.timing == "INSTEAD OF"
        else "COMPOUND"
        if tree.timing == "COMPOUND"
        else tree.point,
        "event": " OR ".join(tree.events),
        "names": f"REFERENCING NEW AS {tree.names['NEW']} OLD AS {tree.names['OLD']}",
        "when": source[tree.when.tokens[0].offset : tree.when.tokens[-1].end] if tree.when else None,
        "description": source[len("trigger") : tree.stop].lstrip(),
        "body": source[tree.when.tokens[-1].end + 1 if tree.when else tree.stop :].lstrip(") \n"),
        "points": sorted(tree.sections),
        "disabled": disabled,
    }
    statements = [
        f"drop function if exists {function}() cascade",
        f"create function {function}() returns trigger language plpgsql as {tag}{code}{tag}",
        f"create trigger {quoted(name)} {timing.lower()} {events} on {relation} for each {level}"
        f" execute function {function}({'' if own else literal('fired')})",
        f"comment on trigger {quoted(name)} on {relation} is {literal(json.dumps(facts))}",
    ]
    if not tree.enabled and table.kind is ObjectKind.TABLE:
        statements.append(f"alter table {relation} disable trigger {quoted(name)}")
    return statements


# Whoever fires the triggers of a table says so in oracle.fired; cascades are nested deeper than it.
_GUARD = """begin
if current_setting('oracle.fired', true) = {relation} and pg_trigger_depth() = 1 then
   if tg_op = 'DELETE' then return old; end if;
   return new;
end if;
raise exception using errcode = 'ORA00', message = {message};
end;"""


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
