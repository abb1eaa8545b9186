"""compile(): from the text of a statement to what a session runs."""

from __future__ import annotations

from collections.abc import Sequence

from app.localdb.contract import Bind, Column, Kind, OraType, StoredColumn
from app.localdb.sql import nodes as n
from app.localdb.sql import statements as s
from app.localdb.sql.catalog import Catalog, ObjectInfo, ObjectKind
from app.localdb.sql.compiled import Compiled, Effect
from app.localdb.sql.ddl import compile_ddl
from app.localdb.sql.lexer import T, Token
from app.localdb.sql.parser import Parser
from app.localdb.sql.parser.control import CONTROL_WORDS, Control
from app.localdb.sql.refusals import refuse, unsupported
from app.localdb.sql.translate import conversions as c
from app.localdb.sql.translate.base import Circumstances, Resolve
from app.localdb.sql.translate.conversions import shown
from app.localdb.sql.translate.dml import Dml
from app.localdb.sql.translate.relation import Output, Relation
from app.localdb.sql.translate.row_changes import row_plan
from app.localdb.sql.types import ROWID, Ex, describe

Source = str | list[Token] | n.Query | s.Insert | s.InsertAll | s.Update | s.Delete | s.Merge
_QUERY = ("SELECT", "WITH", "(")
_BLOCKS = ("BEGIN", "DECLARE", "CALL", "<<")
_DML = ("INSERT", "UPDATE", "DELETE", "MERGE")


def compile(
    source: Source,
    catalog: Catalog,
    *,
    user: str,
    current_schema: str,
    binds: Sequence[Bind] | None = None,
    resolve: Resolve | None = None,
    play: str = "19c",
    embedded: bool = False,
    add_rowid: bool = False,
    stored: bool = False,
    locators: bool = False,
    text: str = "",
    native: bool = False,
) -> Compiled:
    """Compile one statement, given as text, as tokens (a slice of a PL/SQL unit) or as a syntax tree.

    `binds` None: not known yet, all count as VARCHAR2 (for DESCRIBE). `resolve` is asked for every name that
    is no column. `embedded`: inside PL/SQL, where RETURNING has no INTO. `add_rowid` appends the ROWID of the
    (first) locked table to the columns. `stored`: for a view or a table made of it, where values keep their
    PostgreSQL types and columns their names. `locators`: the rows tell where their LOBs are stored
    (Column.stored). `native`: for variables of PostgreSQL. Raises OracleError with the offset in the text.
    """
    asked = Circumstances(
        catalog,
        user,
        current_schema,
        binds,
        resolve,
        play,
        embedded,
        add_rowid,
        stored,
        text,
        locators,
        native,
    )
    if isinstance(source, n.Query):
        return _query(source, asked, [])
    if isinstance(source, s.Insert | s.InsertAll | s.Update | s.Delete | s.Merge):
        return _dml(source, asked, [])
    parser = Parser(source, text=text, play=play)
    parser.embedded = embedded
    asked.text = parser.text
    word = parser.token.word
    if word in _QUERY:
        query = parser.query()
        _finish(parser)
        return _query(query, asked, parser.binds)
    if word in _DML:
        tree = parser.dml()
        _finish(parser)
        return _dml(tree, asked, parser.binds)
    if word in CONTROL_WORDS:
        statement = parser.control()
        _finish(parser)
        return _control(statement, asked)
    if word in _BLOCKS:
        return Compiled(Kind.PLSQL, effect=Effect.RUN_BLOCK)
    if word == "EXPLAIN":
        raise unsupported("EXPLAIN PLAN", parser.offset)
    if parser.token.kind != T.IDENT or not isinstance(source, str):
        raise refuse(900, parser.offset)
    return compile_ddl(source, asked)


def _control(statement: Control, asked: Circumstances) -> Compiled:
    found = Compiled(Kind.DDL)
    if isinstance(statement, s.Commit):
        found.effect = Effect.COMMIT
    elif isinstance(statement, s.Rollback):
        found.effect = Effect.ROLLBACK if statement.savepoint is None else Effect.ROLLBACK_TO
        found.names = [] if statement.savepoint is None else [statement.savepoint]
    elif isinstance(statement, s.Savepoint):
        found.effect, found.names = Effect.SAVEPOINT, [statement.name]
    elif isinstance(statement, s.SetTransaction):
        found.effect = Effect.SET_TRANSACTION
        found.options = {
            "read_only": statement.read_only,
            "serializable": statement.serializable,
            "name": statement.name,
        }
    else:
        translator = Dml(asked)
        objects = [translator.object(parts, statement.offset) for parts in statement.tables]
        found.effect, found.tables, found.wait = Effect.LOCK_TABLE, translator.tables, statement.wait
        found.temporary = translator.temporary
        names = ", ".join(item.relation for item in objects)
        wait = " NOWAIT" if statement.nowait else ""
        found.nowait = statement.nowait
        found.statements = [f"LOCK TABLE {names} IN {statement.mode} MODE{wait}"]
    return found


def _finish(parser: Parser) -> None:
    """Nothing may follow but a semicolon is not allowed either: ORA-00933 (ORA-00911 for `;`)."""
    if parser.token.kind != T.EOF:
        raise refuse(911 if parser.at(";") else 933, parser.offset)


def _query(query: n.Query, asked: Circumstances, binds: list[str]) -> Compiled:
    translator = Dml(asked)
    if isinstance(query.body, n.Select) and query.body.into is not None:
        raise refuse(905, query.body.into.offset)
    translator.top = query
    relation = translator.relation(query)
    found = Compiled(Kind.QUERY, binds=binds)
    if asked.add_rowid:
        _add_rowid(relation, found)
    found.columns = [describe(c.name, c.ty, c.ex.nullable) for c in relation.columns]
    for position, column in enumerate(relation.columns):
        if column.ty.type is OraType.CURSOR:
            nested = translator.nested.get(column.ex.sql)
            if nested is None:
                raise unsupported("a CURSOR expression outside the select list of the statement")
            found.nested[position] = nested
    if not all(column.named for column in relation.columns):
        found.options["unnamed"] = True
    found.options["stars"] = translator.stars
    hidden: list[str] = []
    if asked.locators and not any(translator.moments):
        hidden = _mark_stored(found.columns, relation.columns, relation.lobs)
    found.pg_text = (
        relation.sql if asked.stored else top_text(relation, translator.fresh("top"), hidden, asked.native)
    )
    found.params, found.tables, found.temporary = translator.params, translator.tables, translator.temporary
    found.as_of = _moment(translator.moments, asked)
    found.asks_scn = "current_scn" in found.pg_text.lower()
    lock = query.for_update
    if lock is not None and found.as_of is not None:
        raise refuse(8187, lock.offset)
    if lock is not None:
        found.for_update = True
        found.skip_locked, found.nowait, found.wait = lock.skip_locked, lock.nowait, lock.wait
    return found


def _moment(moments: list[n.AsOf | None], asked: Circumstances) -> Compiled | None:
    """The query of the SCN that all tables are read as of; None when they are read as they are now."""
    first = next((moment for moment in moments if moment is not None), None)
    if first is None:
        return None
    if asked.stored:
        raise unsupported("a view or table made of a flashback query", first.offset)
    for moment in moments:
        if moment is None or (moment.kind, moment.text) != (first.kind, first.text):
            raise unsupported("a query that reads tables as of different moments", first.offset)
    translator = Dml(asked)
    value = translator.value(first.value)
    if translator.params and asked.resolve is not None:
        raise unsupported("AS OF a PL/SQL variable", first.offset)
    if first.kind == "SCN":
        sql = c.to_number(value, first.value.offset).sql
    else:
        sql = f"oracle.timestamp_to_scn({c.to_timestamp(value, first.value.offset).sql})"
    return Compiled(Kind.QUERY, pg_text=f"SELECT {sql}", params=translator.params)


def _add_rowid(relation: Relation, found: Compiled) -> None:
    if relation.rowid is None or relation.fixed is not None:
        return
    relation.columns.append(Output("ROWID", "rowid#", Ex(relation.rowid, ROWID, False)))
    found.has_rowid = True


def _mark_stored(
    columns: list[Column], outputs: Sequence[Output], lobs: dict[str, tuple[str, str, str]]
) -> list[str]:
    """Tell of each LOB column where it is stored; returns what has to stand behind the columns for it."""
    hidden: list[str] = []
    for column, output in zip(columns, outputs, strict=True):
        stored = lobs.get(output.ex.sql)
        if stored is not None:
            relation, name, rowid = stored
            if rowid not in hidden:
                hidden.append(rowid)
            column.stored = StoredColumn(relation, name, len(columns) + hidden.index(rowid))
    return hidden


def top_text(relation: Relation, alias: str, hidden: Sequence[str], native: bool) -> str:
    """The query as the client gets it: intervals and ROWIDs as text, columns without names, then `hidden`."""
    items = [shown(column.ex, native) for column in relation.columns]
    changed = any(a.sql != b.ex.sql for a, b in zip(items, relation.columns, strict=True))
    if changed and (relation.fixed is not None or relation.distinct):
        outer = relation.wrapped(alias)
        texts = [shown(column.ex, native).sql for column in outer.columns]
        return f"SELECT {', '.join(texts)}{outer.suffix}"
    if relation.fixed is not None:
        return relation.sql
    listed = ", ".join([*(item.sql for item in items), *hidden])
    return f"{relation.withs}{relation.prefix}{listed}{relation.suffix}"


def _dml(
    tree: s.Insert | s.InsertAll | s.Update | s.Delete | s.Merge, asked: Circumstances, binds: list[str]
) -> Compiled:
    translator = Dml(asked)
    found = Compiled(Kind.DML, binds=binds)
    found.pg_text = translator.dml(tree)
    if any(translator.moments):
        raise unsupported("a flashback query in DML", next(m.offset for m in translator.moments if m))
    found.counted = isinstance(tree, s.InsertAll)
    found.single = isinstance(tree, s.Insert) and tree.query is None
    found.columns = [describe(c.name, c.ty, c.ex.nullable) for c in translator.returned]
    if asked.locators:
        hidden = _mark_stored(found.columns, translator.returned, translator.returned_lobs)
        found.pg_text += "".join(f", {rowid}" for rowid in hidden)
    found.params, found.tables, found.temporary = translator.params, translator.tables, translator.temporary
    if translator.rowid is not None and not translator.returned and not found.plan:
        found.rowid_text = f"{found.pg_text} RETURNING oracle.rowid_text({translator.rowid})"
    if translator.target is not None:
        found.target = (translator.target.schema, translator.target.name)
    if (
        translator.target is not None
        and not isinstance(tree, s.InsertAll)  # left to PostgreSQL's guards
        and _fires(tree, translator.target)
    ):
        found.plan = row_plan(tree, translator.target, asked)
        found.params = found.plan.params
    returning = None if isinstance(tree, s.InsertAll | s.Merge) else tree.returning
    if returning is not None and returning.into.targets:
        _return_targets(returning, found)
    return found


def _fires(tree: object, target: ObjectInfo) -> bool:
    """Whether the interpreter's triggers take part."""
    if target.kind is ObjectKind.VIEW and not isinstance(tree, s.Merge):
        return type(tree).__name__.upper() in target.instead_of
    return bool(target.triggers)


def _return_targets(returning: s.Returning, found: Compiled) -> None:
    targets = returning.into.targets
    if len(targets) != len(returning.values):
        raise refuse(913 if len(targets) < len(returning.values) else 947, returning.into.offset)
    for target in targets:
        if isinstance(target, n.BindRef):
            found.returning.append(target.index)
        else:
            found.returning_refs.append(target)
