"""Entering what a DDL statement did (sql.compiled.TableChange) into the catalogue's own tables."""

from __future__ import annotations

from collections.abc import Iterator

from app.localdb.catalog.administration import PURGE_COLUMNS, PURGE_TEXTS, literal, note_object, quoted
from app.localdb.sql.compiled import ColumnChange, TableChange


def statements_for(change: TableChange) -> Iterator[str]:
    """The PostgreSQL statements, to run as superuser after the DDL itself, in the same transaction."""
    owner, name, kind = change.schema, change.name, change.kind
    if kind == "CONSTRAINT":
        return
    where = f"owner = {literal(owner)} and name = {literal(name)} and kind = {literal(kind)}"
    if kind == "VIEW":
        yield f"delete from concord_catalog.unit_errors where {where}"
    if change.action == "DROP":
        yield f"delete from concord_catalog.objects where {where}"
        if kind != "INDEX":
            yield (
                f"delete from concord_catalog.object_grants where owner = {literal(owner)} and name = {literal(name)}"
            )
        if kind in ("TABLE", "VIEW"):  # its indexes and what identity columns made went with it
            yield (
                "delete from concord_catalog.objects o where o.relid is not null and not exists"
                " (select from pg_catalog.pg_class c where c.oid = o.relid)"
            )
            yield from _purge_triggers()
        yield PURGE_COLUMNS
        yield PURGE_TEXTS
        return
    if change.action == "RENAME" and change.new_name is not None:
        yield f"update concord_catalog.objects set name = {literal(change.new_name)}, changed = localtimestamp(0) where {where}"
        yield (
            f"update concord_catalog.object_grants set name = {literal(change.new_name)}"
            f" where owner = {literal(owner)} and name = {literal(name)}"
        )
        return
    if change.action == "TRUNCATE":
        return
    if kind == "TRIGGER":
        yield note_object(owner, name, kind)
        return
    yield note_object(owner, name, kind, relation=True)
    if kind == "VIEW" and change.action == "CREATE":  # its triggers went with the view that it replaces
        yield from _purge_triggers()
    relation = f"{literal(f'{quoted(owner)}.{quoted(name)}')}::pg_catalog.regclass"
    texts: dict[str, str] = dict(change.options.get("texts", {}))
    if change.text is not None:
        texts[""] = change.text
    for part, text in texts.items():
        yield (
            "insert into concord_catalog.texts (relid, part, text) values"
            f" ({relation}, {literal(part)}, {literal(text)})"
            " on conflict (relid, part) do update set text = excluded.text"
        )
    if change.dropped_columns:
        yield PURGE_COLUMNS
    for column in change.columns:
        yield _column(relation, column)


def _purge_triggers() -> Iterator[str]:
    """A table's triggers go with it: what is valid but no longer in PostgreSQL."""
    gone = (
        "(select u.owner, u.name, u.kind from concord_catalog.units u where u.kind = 'TRIGGER' and u.status = 'VALID'"
        " and not exists (select from pg_catalog.pg_trigger t join pg_catalog.pg_proc p on p.oid = t.tgfoid"
        " join pg_catalog.pg_namespace n on n.oid = p.pronamespace where t.tgname = u.name and n.nspname = u.owner))"
    )
    yield f"delete from concord_catalog.objects where (owner, name, kind) in {gone}"
    yield f"delete from concord_catalog.units where (owner, name, kind) in {gone}"


def _column(relation: str, column: ColumnChange) -> str:
    """Insert or update one column's declaration. Unchanged parts (type None, default untouched) stay."""
    attribute = (
        f"(select a.attnum from pg_catalog.pg_attribute a where a.attrelid = {relation}"
        f" and a.attname = {literal(column.name)} and not a.attisdropped)"
    )
    facts: dict[str, object] = {}
    if column.type is not None:
        facts |= {
            "ora_type": int(column.type),
            "type_text": column.type_text,
            "length": column.length,
            "char_used": column.char_used[:1],
            "number_precision": column.precision,
            "number_scale": column.scale,
        }
    if column.default_changed:
        facts |= {
            "default_text": column.default,
            "default_on_null": column.default_on_null,
            "identity": column.identity,
            "virtual": column.virtual,
        }
    facts |= {"hidden": column.hidden}
    if column.is_json:
        facts |= {"is_json": True}
    assignments = ", ".join(f"{name} = {literal(value)}" for name, value in facts.items())
    if column.type is None:
        return f"update concord_catalog.columns set {assignments} where relid = {relation} and attnum = {attribute}"
    return (
        f"insert into concord_catalog.columns (relid, attnum, {', '.join(facts)})"
        f" values ({relation}, {attribute}, {', '.join(map(literal, facts.values()))})"
        f" on conflict (relid, attnum) do update set {assignments}"
    )
