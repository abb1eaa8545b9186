"""Functions that SQL may call: those simple enough become plpgsql functions of PostgreSQL.

Function F of schema S is "S"."fn$F", function F of package P is "S"."fn$P.F", with the parameters in order,
their names and defaults: PostgreSQL's own catalogue is all that the SQL room needs to know. A function that
changes data, keeps state, or uses what `plpgsql` does not know has no such twin; SQL refuses it by name.
"""

from __future__ import annotations

from app.localdb.contract import OraType
from app.localdb.plsql import nodes as n
from app.localdb.plsql.failures import CompileError, Lines
from app.localdb.plsql.host import Host
from app.localdb.plsql.library import Library
from app.localdb.plsql.parser import UnitParser
from app.localdb.plsql.plpgsql import PG_TYPES, Translator, laid_out, literal, quoted
from app.localdb.plsql.scope import Layout, Scope
from app.localdb.plsql.types import Scalar, Type
from app.localdb.plsql.units import Compiler

_MAX_NAME = 63  # bytes of a name in PostgreSQL
PREFIX = "fn$"


def publish(host: Host, library: Library, owner: str, name: str, kind: str, source: str) -> None:
    """Make the twins of a unit that compiled without errors, take away those it no longer has; commits."""
    with host.as_user(owner):
        made = _statements(host, library, owner, name, kind, source)
        for identity, statement in made.items():
            host.pg_execute(_create(identity, statement))
        host.pg_execute(_drop(owner, name, kind, list(made)))
    host.commit()


def withdraw(host: Host, owner: str, name: str, kind: str) -> None:
    """Take away the twins of a unit that is dropped or has errors now; commits."""
    with host.as_user(owner):
        host.pg_execute(_drop(owner, name, kind, []))
    host.commit()


def _statements(
    host: Host, library: Library, owner: str, name: str, kind: str, source: str
) -> dict[str, str]:
    """Each twin, as PostgreSQL identifies it, and the statement that makes it."""
    tree = UnitParser(source).unit()
    assert isinstance(tree, n.Unit)
    lines = Lines(source)
    compiler = Compiler(host, library, owner, f"{owner}.{name}", lines, tree.invoker_rights)
    found: dict[str, str] = {}
    if kind == "FUNCTION":
        assert tree.subprogram is not None
        found |= _translated(host, compiler, lines, owner, PREFIX + name, tree.subprogram, {})
        return found
    specification = host.fetch_unit(owner, name, "PACKAGE")
    if specification is None:
        return found
    public = UnitParser(specification).unit()
    assert isinstance(public, n.Unit)
    announced = {
        d.name: d for d in public.declarations if isinstance(d, n.Subprogram) and d.returns is not None
    }
    constants = _constants(host, compiler, [*public.declarations, *tree.declarations])
    for declaration in tree.declarations:
        if isinstance(declaration, n.Subprogram) and declaration.name in announced:
            for mine, theirs in zip(
                declaration.parameters, announced[declaration.name].parameters, strict=False
            ):
                mine.default = theirs.default
            twin = f"{PREFIX}{name}.{declaration.name}"
            found |= _translated(host, compiler, lines, owner, twin, declaration, constants)
    return found


def _constants(
    host: Host, compiler: Compiler, declarations: list[n.Declaration]
) -> dict[str, tuple[str, Type]]:
    """The package's constants, written out."""
    found: dict[str, tuple[str, Type]] = {}
    scope = Scope(None, Layout(0))
    for declaration in declarations:
        if (
            not isinstance(declaration, n.VariableDecl)
            or not declaration.constant
            or declaration.default is None
        ):
            continue
        try:
            type_ = compiler.type_of(declaration.type, scope)
            translator = Translator(host, compiler, compiler.lines, found)
            base = PG_TYPES[type_.ora] if type_.ora is not None else ""
            if base and type_.ora is not OraType.BOOLEAN:
                found[declaration.name] = (f"({translator.value(declaration.default)})::{base}", type_)
        except (CompileError, KeyError):
            continue  # functions that use this constant have no twin
    return found


def _translated(
    host: Host,
    compiler: Compiler,
    lines: Lines,
    owner: str,
    twin: str,
    declaration: n.Subprogram,
    constants: dict[str, tuple[str, Type]],
) -> dict[str, str]:
    """The CREATE FUNCTION of one function; nothing when it cannot be said in plpgsql."""
    scope = compiler.trigger_scope
    if declaration.body is None or declaration.returns is None or declaration.autonomous:
        return {}
    if len(twin.encode()) > _MAX_NAME:
        return {}
    try:
        translator = Translator(host, compiler, lines, constants)
        translator.constants = dict.fromkeys(constants, True)
        parameters, types = [], []
        for parameter in declaration.parameters:
            base = _pg_type(compiler.type_of(parameter.type, scope))
            if base is None or parameter.mode != "IN":
                return {}
            types.append(base)
            text = quoted("p$" + parameter.name)
            default = (
                f" default {translator.value(parameter.default)}" if parameter.default is not None else ""
            )
            parameters.append(f"{text} {base}{default}")
            translator.names[parameter.name] = (text, compiler.type_of(parameter.type, scope))
            translator.constants[parameter.name] = True
        result = _pg_type(compiler.type_of(declaration.returns, scope))
        if result is None:
            return {}
        translator.result = result
        body = translator.block(declaration.body)
    except CompileError:
        return {}
    if translator.changes_data:
        return {}
    security = " security definer" if translator.uses_sql and not compiler.invoker_rights else ""
    # a NO_DATA_FOUND that leaves a function which SQL called is NULL there
    handler = "exception when no_data_found then return null; " if translator.uses_sql else ""
    missing = translator.raise_text("ORA-06503: PL/SQL: Function returned without value")
    code = laid_out(f"#variable_conflict use_column begin {body} {missing} {handler}end;")
    tag = "$function$"
    while tag in code:
        tag = tag[:-1] + "_$"
    volatility = "immutable" if declaration.deterministic and not translator.uses_sql else "volatile"
    name = f"{quoted(owner)}.{quoted(twin)}"
    return {
        f"{name}({', '.join(types)})": f"create or replace function {name}({', '.join(parameters)}) returns {result}"
        f" language plpgsql {volatility}{security} as {tag}{code}{tag}"
    }


def _pg_type(type_: Type) -> str | None:
    # PostgreSQL has one interval type for both of Oracle's: only one can come back from its catalogue
    if not isinstance(type_, Scalar) or type_.ora in (OraType.BOOLEAN, OraType.INTERVAL_YM):
        return None
    return PG_TYPES.get(type_.ora)


_INVALIDATE = (
    "perform concord_catalog.invalidate_views('pg_catalog.pg_proc', f, 0); execute 'drop function ' || f"
)


def _create(identity: str, statement: str) -> str:
    """Makes a twin, anew where PostgreSQL cannot replace it because it returns another type."""
    return (
        f"do $make$declare f regprocedure; begin execute {literal(statement)};"
        f" exception when invalid_function_definition then f := {literal(identity)}; {_INVALIDATE};"
        f" execute {literal(statement)}; end$make$"
    )


def _drop(owner: str, name: str, kind: str, keep: list[str]) -> str:
    """Drops the unit's twins except those in `keep`."""
    mine = (
        f"p.proname = {literal(PREFIX + name)}"
        if kind == "FUNCTION"
        else f"pg_catalog.starts_with(p.proname, {literal(f'{PREFIX}{name}.')})"
    )
    kept = "".join(f" and p.oid <> {literal(twin)}::regprocedure" for twin in keep)
    return (
        "do $drop$declare f regprocedure; begin for f in select p.oid::regprocedure from pg_catalog.pg_proc p"
        " join pg_catalog.pg_namespace s on s.oid = p.pronamespace"
        f" where s.nspname = {literal(owner)} and {mine}{kept}"
        f" loop {_INVALIDATE}; end loop; end$drop$"
    )
