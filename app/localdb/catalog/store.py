"""The catalogue: objects by name, cached for all sessions, read over a PostgreSQL connection of its own.

DDL commits at once and calls `forget`, so every session sees the same state; `version` counts up with each
change and is part of the key of every compiled statement.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from app.localdb.contract import OraType
from app.localdb.datarows import Row
from app.localdb.pg import Connection
from app.localdb.pg_messages import PgGone
from app.localdb.sql.catalog import ColumnInfo, FunctionInfo, ObjectInfo, ObjectKind

_K = TypeVar("_K")
_V = TypeVar("_V")

_OBJECT = """
select c.oid, c.relkind, t.text, concord_catalog.temporary_name(c.oid), m.text,
       exists (select from pg_catalog.pg_attribute a
                where a.attrelid = c.oid and a.attname = 'ROWID' and not a.attisdropped),
       exists (select from concord_catalog.texts i where i.relid = c.oid and i.part = '$invalid')
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join concord_catalog.texts t on t.relid = c.oid and t.part = ''
  left join concord_catalog.texts m on m.relid = c.oid and m.part in ('$temporary', '$mode')
 where n.nspname = $1 and c.relname = $2 and c.relkind in ('r', 'v', 'm', 'S', 'i', 'p')
"""

_COLUMNS = """
select a.attname, y.typname, a.atttypmod, a.attnotnull, k.ora_type, k.length, k.char_used, k.number_precision,
       k.number_scale, k.default_text, k.default_on_null, k.identity, k.virtual, k.hidden, k.is_json, k.type_text
  from pg_catalog.pg_attribute a
  join pg_catalog.pg_type y on y.oid = a.atttypid
  left join concord_catalog.columns k on k.relid = a.attrelid and k.attnum = a.attnum
 where a.attrelid = $1::pg_catalog.oid and a.attnum > 0 and not a.attisdropped
   and (a.attname <> 'ROWID' or k.relid is not null)
 order by a.attnum
"""

_UNIT = """
select u.kind from concord_catalog.units u
 where u.owner = $1 and u.name = $2 and u.kind in ('PACKAGE', 'PROCEDURE', 'FUNCTION', 'TRIGGER', 'TYPE')
"""

_CONSTRAINTS = """
select k.conname, k.contype
  from pg_catalog.pg_constraint k
  join pg_catalog.pg_class c on c.oid = k.conrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname = $1 and c.relname = $2 and k.contype in ('p', 'u', 'f', 'c', 'n')
"""

# Triggers that PostgreSQL runs by itself have no argument.
_FIRED = """
select n.nspname, t.tgname, t.tgtype
  from pg_catalog.pg_trigger t
  join pg_catalog.pg_proc p on p.oid = t.tgfoid
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace
 where t.tgrelid = $1::pg_catalog.oid and t.tgnargs = 1 and t.tgenabled <> 'D' and not t.tgisinternal
   and coalesce(pg_catalog.obj_description(t.oid, 'pg_trigger')::jsonb ->> 'disabled', 'false') = 'false'
 order by t.oid
"""

_VERBS = {"INSERT": 4, "DELETE": 8, "UPDATE": 16}  # in pg_trigger.tgtype

_VIEW_BASE = """
select distinct n.nspname, c.relname
  from pg_catalog.pg_rewrite r
  join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.objid = r.oid
   and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid <> r.ev_class
  join pg_catalog.pg_class c on c.oid = d.refobjid and c.relkind in ('r', 'p', 'v')
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where r.ev_class = $1::pg_catalog.oid
"""

_MAY = """
select pg_catalog.has_table_privilege($1, c.oid, 'SELECT,INSERT,UPDATE,DELETE,REFERENCES,TRIGGER')
       or pg_catalog.has_any_column_privilege($1, c.oid, 'SELECT,INSERT,UPDATE,REFERENCES')
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname = $2 and c.relname = $3 and c.relkind in ('r', 'v', 'm', 'p')
"""

_MAY_SEQUENCE = """
select pg_catalog.has_sequence_privilege($1, c.oid, 'USAGE,SELECT')
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname = $2 and c.relname = $3 and c.relkind = 'S'
"""

_FUNCTIONS = """
select p.pronargs - p.pronargdefaults, r.typname,
       coalesce((select string_agg(t.typname, ',' order by a.n)
                   from unnest(p.proargtypes) with ordinality a (type, n)
                   join pg_catalog.pg_type t on t.oid = a.type), ''),
       coalesce((select string_agg(substr(a.name, 3), '"' order by a.n)
                   from unnest(p.proargnames) with ordinality a (name, n)), '')
  from pg_catalog.pg_proc p
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  join pg_catalog.pg_type r on r.oid = p.prorettype
 where n.nspname = $1 and p.proname = $2
"""

# What the user has through himself, PUBLIC and his roles, roles of roles included.
GRANTEES = """
with recursive holders (name) as (
    values ($1::text), ('PUBLIC')
     union select g.role from concord_catalog.role_grants g join holders h on h.name = g.grantee
)
"""

_HOLDS = (
    GRANTEES + "select 't' from concord_catalog.object_grants g join holders h on h.name = g.grantee"
    " where g.owner = $2 and g.name = $3 and g.privilege = $4"
)

_RELATION_KINDS = {
    b"r": ObjectKind.TABLE,
    b"p": ObjectKind.TABLE,
    b"v": ObjectKind.VIEW,
    b"m": ObjectKind.VIEW,
    b"S": ObjectKind.SEQUENCE,
    b"i": ObjectKind.INDEX,
}

_MAX_VARCHAR2 = 4000

_USED = """
  from pg_catalog.pg_class v join pg_catalog.pg_namespace s on s.oid = v.relnamespace
 cross join concord_catalog.read_by(v.oid) b
  join pg_catalog.pg_class c on c.oid = b join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where s.nspname = $1 and v.relname = $2
"""
_SHOWS_SESSIONS = (
    "select"
    + _USED
    + " and n.nspname = 'SYS' and (c.relname like 'V\\_$%' or c.relname = 'USER_CHANGE_NOTIFICATION_REGS') limit 1"
)
_TABLES_IN = "select n.nspname, c.relname" + _USED + " and c.relkind in ('r', 'p')"


class Store:
    """The shared part: one per database, safe for all threads."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self.version = 1
        self._connect = connect
        self._connection = connect()
        self._lock = threading.RLock()
        self._objects: dict[tuple[str, str], ObjectInfo | None] = {}
        self._functions: dict[tuple[str, str], list[FunctionInfo]] = {}
        self._synonyms: dict[tuple[str, str], tuple[str, str] | None] = {}
        self._rights: dict[tuple[str, str, str], bool] = {}
        self._privileges: dict[str, frozenset[str]] = {}
        self._schemas: dict[str, bool] = {}
        self._watching: dict[tuple[str, str], bool] = {}
        self._read: dict[tuple[str, str], list[tuple[str, str]]] = {}

    def query(self, sql: str, *values: str) -> list[Row]:
        """One statement on the catalogue's own connection, outside every session's transaction."""
        texts = [value.encode() for value in values]
        with self._lock:
            try:
                return self._connection.query(sql, texts)
            except PgGone:
                self._connection.close()
                self._connection = self._connect()
                return self._connection.query(sql, texts)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def forget(self) -> None:
        """After any DDL: everything cached may be wrong."""
        with self._lock:
            self.version += 1
            self._objects.clear()
            self._functions.clear()
            self._synonyms.clear()
            self._rights.clear()
            self._privileges.clear()
            self._schemas.clear()
            self._watching.clear()
            self._read.clear()

    def object(self, schema: str, name: str) -> ObjectInfo | None:
        key = (schema, name)
        return self._cached(self._objects, key, lambda: self._load(schema, name))

    def functions(self, schema: str, name: str) -> list[FunctionInfo]:
        """The functions of PostgreSQL that stand for a PL/SQL function (plsql/sql_functions names them)."""

        def load() -> list[FunctionInfo]:
            found = []
            for required, returns, types, names in self.query(_FUNCTIONS, schema, name):
                parameters = zip(_str(names).split('"'), _str(types).split(","), strict=True) if types else ()
                found.append(
                    FunctionInfo(
                        schema,
                        name,
                        [(parameter, PG_TYPES[type_]) for parameter, type_ in parameters],
                        _int(required) or 0,
                        PG_TYPES[_str(returns)],
                    )
                )
            return found

        return self._cached(self._functions, (schema, name), load)

    def synonym(self, owner: str, name: str) -> tuple[str, str] | None:
        def load() -> tuple[str, str] | None:
            rows = self.query(
                "select target_owner, target_name from concord_catalog.synonyms where owner = $1 and name = $2",
                *(owner, name),
            )
            return (_str(rows[0][0]), _str(rows[0][1])) if rows else None

        return self._cached(self._synonyms, (owner, name), load)

    def shows_sessions(self, schema: str, name: str) -> bool:
        """Whether it is one of the views of sessions and their doings, or a view over one of them."""
        return self._cached(
            self._watching, (schema, name), lambda: bool(self.query(_SHOWS_SESSIONS, schema, name))
        )

    def tables_in(self, schema: str, name: str) -> list[tuple[str, str]]:
        """The tables that a view reads, through other views too; of a table itself."""
        return self._cached(
            self._read,
            (schema, name),
            lambda: [(_str(row[0]), _str(row[1])) for row in self.query(_TABLES_IN, schema, name)],
        )

    def schema_exists(self, name: str) -> bool:
        return self._cached(
            self._schemas,
            name,
            lambda: bool(self.query("select 1 from concord_catalog.users where name = $1", name)),
        )

    def privileges(self, user: str) -> frozenset[str]:
        """System privileges of a user, his own and through roles; DBA stands for the role of that name."""

        def load() -> frozenset[str]:
            rows = self.query(
                GRANTEES
                + "select g.privilege from concord_catalog.system_grants g join holders h on h.name = g.grantee"
                " union select name from holders where name = 'DBA'",
                user,
            )
            return frozenset(_str(row[0]) for row in rows)

        return self._cached(self._privileges, user, load)

    def is_dba(self, user: str) -> bool:
        return user in ("SYS", "SYSTEM") or "DBA" in self.privileges(user)

    def may_see(self, user: str, found: ObjectInfo) -> bool:
        """Whether the user has any right on the object; without one it does not exist for him."""
        if found.schema == user or self.is_dba(user):
            return True
        key = (user, found.schema, found.name)
        return self._cached(self._rights, key, lambda: self._load_right(user, found))

    def may_change(self, user: str, found: ObjectInfo, verb: str) -> bool:
        """Whether the user may INSERT, UPDATE or DELETE rows of a table or view (true for other verbs)."""
        if verb not in ("INSERT", "UPDATE", "DELETE") or self.is_dba(user):
            return True
        if f"{verb} ANY TABLE" in self.privileges(user):
            return True
        columns = "" if verb == "DELETE" else " or pg_catalog.has_any_column_privilege($1, c.oid, $4)"
        rows = self.query(
            f"select pg_catalog.has_table_privilege($1, c.oid, $4){columns}"
            " from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace"
            " where n.nspname = $2 and c.relname = $3",
            *(user, found.schema, found.name, verb),
        )
        return bool(rows) and rows[0][0] == b"t"

    def may_flash_back(self, user: str, schema: str, name: str) -> bool:
        """Whether the user may read that object as of an SCN: his own, or with the privilege FLASHBACK."""
        if schema == user or self.is_dba(user) or "FLASHBACK ANY TABLE" in self.privileges(user):
            return True
        return bool(self.query(_HOLDS, user, schema, name, "FLASHBACK"))

    def constraint_names(self, schema: str, table: str) -> dict[str, str]:
        letters = {b"p": "P", b"u": "U", b"f": "R", b"c": "C", b"n": "N"}
        return {_str(row[0]): letters[row[1] or b""] for row in self.query(_CONSTRAINTS, schema, table)}

    def index_table(self, schema: str, index: str) -> tuple[str, str] | None:
        rows = self.query(
            "select tn.nspname, t.relname from pg_catalog.pg_index x"
            " join pg_catalog.pg_class c on c.oid = x.indexrelid"
            " join pg_catalog.pg_namespace n on n.oid = c.relnamespace"
            " join pg_catalog.pg_class t on t.oid = x.indrelid"
            " join pg_catalog.pg_namespace tn on tn.oid = t.relnamespace"
            " where n.nspname = $1 and c.relname = $2",
            *(schema, index),
        )
        return (_str(rows[0][0]), _str(rows[0][1])) if rows else None

    def _cached(self, cache: dict[_K, _V], key: _K, load: Callable[[], _V]) -> _V:
        try:
            return cache[key]
        except KeyError:
            with self._lock:
                value = cache[key] = load()
                return value

    def _load_right(self, user: str, found: ObjectInfo) -> bool:
        if found.kind in (ObjectKind.TABLE, ObjectKind.VIEW):
            rows = self.query(_MAY, user, found.schema, found.name)
        elif found.kind is ObjectKind.SEQUENCE:
            rows = self.query(_MAY_SEQUENCE, user, found.schema, found.name)
        else:
            rows = self.query(_HOLDS, user, found.schema, found.name, "EXECUTE")
        if rows and rows[0][0] == b"t":
            return True
        any_privilege = {
            ObjectKind.TABLE: ("SELECT ANY TABLE", "READ ANY TABLE", "UPDATE ANY TABLE", "DELETE ANY TABLE"),
            ObjectKind.VIEW: ("SELECT ANY TABLE", "READ ANY TABLE"),
            ObjectKind.SEQUENCE: ("SELECT ANY SEQUENCE",),
        }.get(found.kind, ("EXECUTE ANY PROCEDURE",))
        return not self.privileges(user).isdisjoint(any_privilege)

    def _load(self, schema: str, name: str) -> ObjectInfo | None:
        rows = self.query(_OBJECT, schema, name)
        if not rows:
            units = self.query(_UNIT, schema, name)
            return ObjectInfo(ObjectKind(_str(units[0][0])), schema, name) if units else None
        oid, kind, text, temporary, mode, has_rowid, invalid = rows[0]
        found = ObjectInfo(_RELATION_KINDS[kind or b""], schema, name)
        if found.kind in (ObjectKind.TABLE, ObjectKind.VIEW):
            columns = [_column(row) for row in self.query(_COLUMNS, _str(oid))]
            found = replace(found, columns=columns, by_name={column.name: column for column in columns})
            found.has_rowid, found.invalid = has_rowid == b"t", invalid == b"t"
            found.temporary = _str(temporary) or None
            found.preserve_rows, found.read_only = mode == b"PRESERVE", mode == b"READ ONLY"
            found.text = _str(text) if text is not None else None
            for owner, trigger, bits in self.query(_FIRED, _str(oid)):
                found.triggers.append((_str(owner), _str(trigger)))
                if found.kind is ObjectKind.VIEW:
                    found.instead_of |= {verb for verb, bit in _VERBS.items() if int(bits or 0) & bit}
        if found.kind is ObjectKind.VIEW:
            bases = self.query(_VIEW_BASE, _str(oid))
            if len(bases) == 1:
                found.base = (_str(bases[0][0]), _str(bases[0][1]))
        return found


class UserCatalog:
    """The catalogue as one user sees it (sql.catalog.Catalog)."""

    def __init__(self, store: Store, user: str) -> None:
        self._store = store
        self.user = user

    def resolve(self, schema: str | None, name: str, current_schema: str) -> ObjectInfo | None:
        store = self._store
        found: ObjectInfo | None
        if schema is not None:
            found = store.object(schema, name) or self._behind(store.synonym(schema, name))
        else:
            found = (
                store.object(current_schema, name)
                or self._behind(store.synonym(current_schema, name))
                or self._behind(store.synonym("PUBLIC", name))
                or store.object("SYS", name)
            )
        return found if found is not None and store.may_see(self.user, found) else None

    def _behind(self, target: tuple[str, str] | None, depth: int = 0) -> ObjectInfo | None:
        if target is None or depth > 10:
            return None
        return self._store.object(*target) or self._behind(self._store.synonym(*target), depth + 1)

    def functions(self, unit: ObjectInfo, member: str | None) -> list[FunctionInfo]:
        twin = f"fn${unit.name}" if member is None else f"fn${unit.name}.{member}"
        return self._store.functions(unit.schema, twin)

    def schema_exists(self, name: str) -> bool:
        return self._store.schema_exists(name)

    def may_change(self, found: ObjectInfo, verb: str) -> bool:
        return self._store.may_change(self.user, found, verb)

    def index_table(self, schema: str, index: str) -> tuple[str, str] | None:
        return self._store.index_table(schema, index)

    def constraint_names(self, schema: str, table: str) -> dict[str, str]:
        return self._store.constraint_names(schema, table)


def _str(value: bytes | None) -> str:
    return value.decode() if value is not None else ""


def _int(value: bytes | None) -> int | None:
    return int(value) if value is not None else None


def _column(row: Sequence[bytes | None]) -> ColumnInfo:
    """One column out of _COLUMNS: as declared, or (views, dictionary) as PostgreSQL's type tells."""
    name, nullable = _str(row[0]), row[3] != b"t"
    if row[4] is None:
        column = column_of_pg_type(name, _str(row[1]), int(row[2] or -1))
        column.nullable = nullable
        return column
    kind, length, char_used = OraType(int(row[4])), _int(row[5]) or 0, _str(row[6])
    precision, scale = _int(row[7]), _int(row[8])
    column = ColumnInfo(
        name,
        kind,
        char_used=char_used,
        nullable=nullable,
        default=_str(row[9]) if row[9] is not None else None,
        default_on_null=row[10] == b"t",
        identity=_str(row[11]) or None,
        virtual=row[12] == b"t",
        hidden=row[13] == b"t",
        is_json=row[14] == b"t",
        national=_str(row[15]).startswith("N") and kind in (OraType.VARCHAR2, OraType.CHAR, OraType.CLOB),
    )
    if kind is OraType.NUMBER:
        if scale is not None and precision is None:
            precision = 38
        column.precision, column.scale = precision or 0, -127 if scale is None else scale
    elif kind in (OraType.VARCHAR2, OraType.CHAR):
        column.size = min(length * 4, 32767) if char_used == "C" else length
        column.chars = length
    elif kind is OraType.RAW:
        column.size = length
    elif scale is not None:
        column.precision, column.scale = precision or 0, scale
    return column


def column_of_pg_type(name: str, pg_type: str, modifier: int) -> ColumnInfo:
    """The Oracle type that a PostgreSQL type (its typname) stands for; atttypmod gives the size."""
    kind = PG_TYPES.get(pg_type, OraType.VARCHAR2)
    column = ColumnInfo(name, kind)
    if kind is OraType.NUMBER and pg_type != "numeric":
        column.precision, column.scale = {"int2": 5, "int4": 10, "int8": 19}[pg_type], 0
    elif kind is OraType.NUMBER and modifier >= 4:
        scale = (modifier - 4) & 0x7FF
        column.precision = (modifier - 4) >> 16 & 0xFFFF
        column.scale = scale - 0x800 if scale & 0x400 else scale
    elif kind in (OraType.VARCHAR2, OraType.CHAR):
        column.chars = modifier - 4 if modifier >= 4 else _MAX_VARCHAR2
        column.size = min(column.chars * 4, _MAX_VARCHAR2) if modifier >= 4 else _MAX_VARCHAR2
        column.char_used = "C" if modifier >= 4 else "B"
    elif kind is OraType.RAW:
        column.size = 2000
    elif kind in (OraType.TIMESTAMP, OraType.TIMESTAMP_TZ, OraType.TIMESTAMP_LTZ):
        column.scale = modifier & 0xFFFF if modifier >= 0 else 6  # oracle.zoned: an interval's modifier
    elif kind is OraType.INTERVAL_DS:
        column.precision, column.scale = 2, 6
    return column


PG_TYPES = {
    "numeric": OraType.NUMBER,
    "int2": OraType.NUMBER,
    "int4": OraType.NUMBER,
    "int8": OraType.NUMBER,
    "float4": OraType.BINARY_FLOAT,
    "float8": OraType.BINARY_DOUBLE,
    "varchar": OraType.VARCHAR2,
    "text": OraType.VARCHAR2,
    "name": OraType.VARCHAR2,
    "bpchar": OraType.CHAR,
    "clob": OraType.CLOB,
    "blob": OraType.BLOB,
    "bytea": OraType.RAW,
    "date": OraType.DATE,
    "timestamp": OraType.TIMESTAMP,
    "timestamptz": OraType.TIMESTAMP_LTZ,
    "zoned": OraType.TIMESTAMP_TZ,
    "interval": OraType.INTERVAL_DS,
    "bool": OraType.BOOLEAN,
    "json": OraType.JSON,
    "jsonb": OraType.JSON,
}
