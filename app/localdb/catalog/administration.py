"""Users, roles, grants, synonyms and comments: the bookkeeping behind Oracle's administration statements.

Each method queues PostgreSQL statements on the session's transaction through `run`, which executes them as
PostgreSQL's superuser; the session commits and forgets caches afterwards. A user is a PostgreSQL role without
login plus a schema of the same name; object privileges are PostgreSQL's own, so that PostgreSQL enforces them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from app.localdb.catalog.privileges import SYSTEM_PRIVILEGES
from app.localdb.catalog.store import Store
from app.localdb.errors import OracleError, oracle_error
from app.localdb.sql.catalog import ObjectInfo, ObjectKind
from app.localdb.sql.compiled import Grant
from app.localdb.wire.auth import make_verifier

DICTIONARY = "SELECT ANY DICTIONARY"
VERIFIER_ROUNDS = 64  # Oracle's 4096 would cost each connecting client 2.5 ms

# Object privileges, and what PostgreSQL must allow for each. READ and SELECT differ in locking: only SELECT
# may lock rows, which PostgreSQL allows to whoever may update some column; the hidden one serves. A change
# tells the ROWID of what it changed, so whoever may change rows may read that column.
_ON_TABLE = {
    "SELECT": ("SELECT", 'UPDATE ("ROWID")'),
    "READ": ("SELECT",),
    "INSERT": ("INSERT", 'SELECT ("ROWID")'),
    "UPDATE": ("UPDATE", 'SELECT ("ROWID")'),
    "DELETE": ("DELETE", 'SELECT ("ROWID")'),
    "REFERENCES": ("REFERENCES",),
    "ALTER": (),
    "INDEX": (),
    "DEBUG": (),
    "FLASHBACK": (),
    "ON COMMIT REFRESH": (),
    "QUERY REWRITE": (),
}
_ALL = {
    ObjectKind.TABLE: ("ALTER", "DELETE", "INDEX", "INSERT", "SELECT", "UPDATE", "REFERENCES", "READ"),
    ObjectKind.VIEW: ("DELETE", "INSERT", "SELECT", "UPDATE", "REFERENCES", "READ"),
    ObjectKind.SEQUENCE: ("ALTER", "SELECT"),
}

Run = Callable[..., None]


def quoted(name: str) -> str:
    """An identifier for PostgreSQL, exactly as it is."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: object) -> str:
    """A constant for PostgreSQL: text, number, boolean or NULL."""
    if value is None:
        return "null"
    if isinstance(value, bool | int):
        return str(value).lower()
    if isinstance(value, bytes):
        return f"'\\x{value.hex()}'::pg_catalog.bytea"
    return "'" + str(value).replace("'", "''") + "'"


def _grantee(name: str) -> str:
    return "public" if name == "PUBLIC" else quoted(name)


class Administration:
    """One statement's worth of changes for the user `actor`."""

    def __init__(self, store: Store, run: Run, actor: str) -> None:
        self._store = store
        self._run = run
        self._actor = actor

    # -- users and roles -------------------------------------------------------------------------

    def create_user(
        self, name: str, password: str | None, *, locked: bool = False, maintained: bool = False
    ) -> None:
        self._need("CREATE USER")
        if self._is_taken(name):
            raise oracle_error(1920, name)
        self._run(
            f"create role {quoted(name)} nologin",
            f"create schema {quoted(name)} authorization {quoted(name)}",
            f"grant usage on schema {quoted(name)} to public",
            "insert into concord_catalog.users (name, oracle_maintained, locked)"
            f" values ({literal(name)}, {literal(maintained)}, {'localtimestamp' if locked else 'null'})",
        )
        if password is not None:
            self.set_password(name, password)

    def set_password(self, name: str, password: str) -> None:
        verifier = make_verifier(name, password, VERIFIER_ROUNDS)
        self._run(
            f"update concord_catalog.users set salt = {literal(verifier.salt)}, hash = {literal(verifier.hash)},"
            f" rounds = {verifier.rounds} where name = {literal(name)}"
        )

    def alter_user(self, name: str, options: dict[str, Any]) -> None:
        if name != self._actor or set(options) - {"password", "if_not_exists"}:
            self._need("ALTER USER")
        if not self._store.schema_exists(name):
            raise oracle_error(1918, name)
        if options.get("password") is not None:
            self.set_password(name, options["password"])
        if options.get("no_authentication"):
            self._run(
                f"update concord_catalog.users set salt = null, hash = null, rounds = null where name = {literal(name)}"
            )
        if options.get("locked") is not None:
            moment = "localtimestamp" if options["locked"] else "null"
            self._run(f"update concord_catalog.users set locked = {moment} where name = {literal(name)}")

    def set_quotas(self, name: str, quotas: Mapping[str, int]) -> None:
        """Tablespace -> bytes, -1 for unlimited. Kept and shown, but nothing is ever refused for space."""
        for tablespace, size in quotas.items():
            self._run(
                "insert into concord_catalog.quotas (username, tablespace, max_bytes) values"
                f" ({literal(name)}, {literal(tablespace)}, {size}) on conflict (username, tablespace) do update"
                " set max_bytes = excluded.max_bytes"
            )

    def drop_user(self, name: str, *, cascade: bool, connected: bool) -> None:
        self._need("DROP USER")
        if not self._store.schema_exists(name):
            raise oracle_error(1918, name)
        if connected:
            raise oracle_error(1940)
        if not cascade and self._owns_something(name):
            raise oracle_error(1922, name)
        self._run(
            *(
                f"select concord_catalog.invalidate_views('pg_catalog.{catalog}', c.oid, 0) from pg_catalog.{catalog} c"
                f" join pg_catalog.pg_namespace n on n.oid = c.{part}namespace where n.nspname = {literal(name)}"
                for catalog, part in (("pg_class", "rel"), ("pg_proc", "pro"))
            ),
            f"drop schema {quoted(name)} cascade",
            f"drop owned by {quoted(name)} cascade",
            f"drop role {quoted(name)}",
            *(
                f"delete from concord_catalog.{table} where {column} = {literal(name)}"
                for table, column in (
                    ("users", "name"),
                    ("quotas", "username"),
                    ("role_grants", "grantee"),
                    ("system_grants", "grantee"),
                    ("object_grants", "grantee"),
                    ("object_grants", "owner"),
                    ("objects", "owner"),
                    ("synonyms", "owner"),
                    ("units", "owner"),
                    ("unit_errors", "owner"),
                )
            ),
            PURGE_COLUMNS,
            PURGE_TEXTS,
        )

    def create_role(self, name: str) -> None:
        self._need("CREATE ROLE")
        if self._is_taken(name):
            raise oracle_error(1921, name)
        self._run(
            f"create role {quoted(name)} nologin",
            f"insert into concord_catalog.roles (name) values ({literal(name)})",
        )
        self._grant_role(name, [self._actor], admin=True)

    def drop_role(self, name: str) -> None:
        if not self._is_role(name):
            raise oracle_error(1919, name)
        self._need("DROP ANY ROLE")
        self._run(
            f"drop owned by {quoted(name)}",
            f"drop role {quoted(name)}",
            f"delete from concord_catalog.roles where name = {literal(name)}",
            f"delete from concord_catalog.role_grants where {literal(name)} in (role, grantee)",
            f"delete from concord_catalog.system_grants where grantee = {literal(name)}",
            f"delete from concord_catalog.object_grants where grantee = {literal(name)}",
        )

    # -- grants ----------------------------------------------------------------------------------

    def grant(self, grant: Grant, found: ObjectInfo | None) -> None:
        """`found` is the object, None for system privileges and roles."""
        for grantee in grant.grantees:
            if grantee != "PUBLIC" and not self._is_taken(grantee):
                raise oracle_error(1917, grantee)
        if grant.object is not None:
            if found is None:
                raise oracle_error(942)
            self._change_object_grants(grant, found, giving=True)
            return
        for privilege in grant.privileges:
            if self._is_role(privilege):
                self._need("GRANT ANY ROLE", role=privilege)
                self._grant_role(privilege, grant.grantees, admin=grant.grantable)
                continue
            for name in self._system_privileges(privilege):
                self._need("GRANT ANY PRIVILEGE")
                for grantee in grant.grantees:
                    self._run(
                        "insert into concord_catalog.system_grants (privilege, grantee, admin) values"
                        f" ({literal(name)}, {literal(grantee)}, {literal(grant.grantable)})"
                        " on conflict (grantee, privilege) do update"
                        " set admin = concord_catalog.system_grants.admin or excluded.admin"
                    )
                    self._dictionary(name, grantee, "grant", "to")

    def revoke(self, grant: Grant, found: ObjectInfo | None) -> None:
        for grantee in grant.grantees:
            if grantee != "PUBLIC" and not self._is_taken(grantee):
                raise oracle_error(1917, grantee)
        if grant.object is not None:
            if found is None:
                raise oracle_error(942)
            self._change_object_grants(grant, found, giving=False)
            return
        for privilege in grant.privileges:
            for grantee in grant.grantees:
                if self._is_role(privilege):
                    self._need("GRANT ANY ROLE", role=privilege)
                    if not self._has_row("role_grants", role=privilege, grantee=grantee):
                        raise OracleError(1951, f"ROLE '{privilege}' not granted to '{grantee}'")
                    self._run(
                        f"revoke {quoted(privilege)} from {quoted(grantee)}",
                        f"delete from concord_catalog.role_grants where role = {literal(privilege)}"
                        f" and grantee = {literal(grantee)}",
                    )
                    continue
                for name in self._system_privileges(privilege):
                    self._need("GRANT ANY PRIVILEGE")
                    if privilege != "ALL PRIVILEGES" and not self._has_row(
                        "system_grants", privilege=name, grantee=grantee
                    ):
                        raise oracle_error(1952, grantee)
                    self._run(
                        f"delete from concord_catalog.system_grants where privilege = {literal(name)}"
                        f" and grantee = {literal(grantee)}"
                    )
                    self._dictionary(name, grantee, "revoke", "from")

    def _dictionary(self, privilege: str, grantee: str, verb: str, preposition: str) -> None:
        """SELECT ANY DICTIONARY opens views that only a role of PostgreSQL's may read."""
        if privilege == DICTIONARY:
            if grantee == "PUBLIC":
                raise OracleError(3001, f"unimplemented feature: {DICTIONARY} for PUBLIC")
            self._run(f"{verb} {quoted(DICTIONARY)} {preposition} {quoted(grantee)}")

    def _change_object_grants(self, grant: Grant, found: ObjectInfo, *, giving: bool) -> None:
        owner, name = found.schema, found.name
        if owner != self._actor and not self._store.is_dba(self._actor):
            allowed = self._store.query(
                "select privilege from concord_catalog.object_grants"
                " where owner = $1 and name = $2 and grantee = $3 and grantable",
                *(owner, name, self._actor),
            )
            held = {(row[0] or b"").decode() for row in allowed}
            if not held.issuperset(grant.privileges):
                raise oracle_error(1031)
        for privilege in self._object_privileges(grant, found):
            columns = grant.columns.get(privilege, [])
            for grantee in grant.grantees:
                if grantee == owner:
                    raise oracle_error(1749)
                for sql in _pg_grants(privilege, columns, found, _grantee(grantee), giving=giving):
                    self._run(sql)
                for column in columns or [""]:
                    self._note_object_grant(grant, found, grantee, privilege, column, giving=giving)
        if not giving and found.kind in (ObjectKind.TABLE, ObjectKind.VIEW):
            for grantee in grant.grantees:
                self._clear_column_grants(found, grantee)

    def _clear_column_grants(self, found: ObjectInfo, grantee: str) -> None:
        """With the last privilege, the rights on the hidden column go as well."""
        target = f"{quoted(found.schema)}.{quoted(found.name)}"
        self._run(
            "do $do$ begin if not exists (select from concord_catalog.object_grants"
            f" where owner = {literal(found.schema)} and name = {literal(found.name)}"
            f" and grantee = {literal(grantee)}) then revoke all on table {target} from {_grantee(grantee)};"
            " end if; end $do$"
        )

    def _note_object_grant(
        self, grant: Grant, found: ObjectInfo, grantee: str, privilege: str, column: str, *, giving: bool
    ) -> None:
        key = {
            "owner": found.schema,
            "name": found.name,
            "grantee": grantee,
            "privilege": privilege,
            "column_name": column,
        }
        if giving:
            values = ", ".join(map(literal, (*key.values(), self._actor, found.kind.value, grant.grantable)))
            self._run(
                f"insert into concord_catalog.object_grants ({', '.join(key)}, grantor, kind, grantable)"
                f" values ({values}) on conflict (owner, name, grantee, privilege, column_name) do update"
                " set grantable = concord_catalog.object_grants.grantable or excluded.grantable"
            )
            return
        if not self._has_row("object_grants", **key) and grant.privileges != ["ALL"]:
            raise oracle_error(1927)
        where = " and ".join(f"{part} = {literal(value)}" for part, value in key.items())
        self._run(f"delete from concord_catalog.object_grants where {where}")

    def _object_privileges(self, grant: Grant, found: ObjectInfo) -> tuple[str, ...]:
        if "ALL" in grant.privileges:
            return _ALL.get(found.kind, ("EXECUTE",))
        allowed = {
            ObjectKind.TABLE: tuple(_ON_TABLE),
            ObjectKind.VIEW: tuple(_ON_TABLE),
            ObjectKind.SEQUENCE: ("ALTER", "SELECT"),
        }.get(found.kind, ("EXECUTE", "DEBUG"))
        for privilege in grant.privileges:
            if privilege not in allowed:
                raise OracleError(2224, f"{privilege} privilege not allowed for {found.kind.value.lower()}s")
        return tuple(grant.privileges)

    # -- synonyms, comments ----------------------------------------------------------------------

    def create_synonym(self, owner: str, name: str, target: tuple[str, str], *, replace: bool) -> None:
        if owner == "PUBLIC":
            self._need("CREATE PUBLIC SYNONYM")
        elif owner != self._actor:
            self._need("CREATE ANY SYNONYM")
        else:
            self._need("CREATE SYNONYM")
        if self._store.synonym(owner, name) is not None and not replace:
            raise oracle_error(955)
        if owner != "PUBLIC" and self._store.object(owner, name) is not None:
            raise oracle_error(955)
        self._run(
            *self._invalidate_behind(owner, name),
            "insert into concord_catalog.synonyms (owner, name, target_owner, target_name) values"
            f" ({', '.join(map(literal, (owner, name, *target)))}) on conflict (owner, name) do update"
            " set target_owner = excluded.target_owner, target_name = excluded.target_name",
            note_object(owner, name, "SYNONYM"),
        )

    def drop_synonym(self, owner: str, name: str) -> None:
        if owner == "PUBLIC":
            self._need("DROP PUBLIC SYNONYM")
        elif owner != self._actor:
            self._need("DROP ANY SYNONYM")
        if self._store.synonym(owner, name) is None:
            raise (
                OracleError(1432, "public synonym to be dropped does not exist")
                if owner == "PUBLIC"
                else OracleError(1434, "private synonym to be dropped does not exist")
            )
        where = f"owner = {literal(owner)} and name = {literal(name)}"
        self._run(
            *self._invalidate_behind(owner, name),
            f"delete from concord_catalog.synonyms where {where}",
            f"delete from concord_catalog.objects where {where} and kind = 'SYNONYM'",
        )

    def _invalidate_behind(self, owner: str, name: str) -> list[str]:
        """The views over what a synonym stands for until now: they may be over it by that name."""
        target = self._store.synonym(owner, name)
        if target is None:
            return []
        relation = literal(".".join(map(quoted, target)))
        return [
            "select concord_catalog.invalidate_views('pg_catalog.pg_class', c, 0)"
            f" from pg_catalog.to_regclass({relation}) c where c is not null",
            *self._invalidate_behind(*target),
        ]

    def comment(self, found: ObjectInfo, column: str | None, text: str) -> None:
        if found.schema != self._actor:
            self._need("COMMENT ANY TABLE")
        kind = "view" if found.kind is ObjectKind.VIEW else "table"
        target = f"{quoted(found.schema)}.{quoted(found.name)}"
        if column is not None:
            kind, target = "column", f"{target}.{quoted(column)}"
        self._run(f"comment on {kind} {target} is {literal(text or None)}")

    # -- within ----------------------------------------------------------------------------------

    def _need(self, privilege: str, role: str | None = None) -> None:
        """Raises ORA-01031 unless the actor may; a role may be granted on by who has it WITH ADMIN OPTION."""
        if self._store.is_dba(self._actor) or privilege in self._store.privileges(self._actor):
            return
        if role is not None and self._has_row("role_grants", role=role, grantee=self._actor, admin="true"):
            return
        raise oracle_error(1031)

    def _has_row(self, table: str, **key: str) -> bool:
        where = " and ".join(f"{name} = {literal(value)}" for name, value in key.items())
        return bool(self._store.query(f"select 1 from concord_catalog.{table} where {where}"))

    def _is_role(self, name: str) -> bool:
        return self._has_row("roles", name=name)

    def _is_taken(self, name: str) -> bool:
        return self._store.schema_exists(name) or self._is_role(name)

    def _owns_something(self, name: str) -> bool:
        rows = self._store.query(
            "select 1 from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace"
            " where n.nspname = $1 union all select 1 from concord_catalog.units where owner = $1 limit 1",
            name,
        )
        return bool(rows)

    def _grant_role(self, role: str, grantees: list[str], *, admin: bool) -> None:
        for grantee in grantees:
            if grantee == "PUBLIC":
                raise OracleError(3001, "unimplemented feature: granting a role to PUBLIC")
            self._run(
                f"grant {quoted(role)} to {quoted(grantee)}",
                "insert into concord_catalog.role_grants (role, grantee, admin) values"
                f" ({literal(role)}, {literal(grantee)}, {literal(admin)}) on conflict (grantee, role) do update"
                " set admin = concord_catalog.role_grants.admin or excluded.admin",
            )

    def _system_privileges(self, name: str) -> list[str]:
        if name in ("ALL", "ALL PRIVILEGES"):
            return sorted(SYSTEM_PRIVILEGES)
        if name not in SYSTEM_PRIVILEGES:
            if " " not in name:
                raise oracle_error(1919, name)
            raise OracleError(990, "missing or invalid privilege")
        return [name]


def _pg_grants(
    privilege: str, columns: list[str], found: ObjectInfo, grantee: str, *, giving: bool
) -> list[str]:
    """PostgreSQL's statements for one object privilege; PL/SQL units are not its business."""
    target = f"{quoted(found.schema)}.{quoted(found.name)}"
    verb, word = ("grant", "to") if giving else ("revoke", "from")
    if found.kind is ObjectKind.SEQUENCE:
        return (
            [f"{verb} usage, select on sequence {target} {word} {grantee}"] if privilege == "SELECT" else []
        )
    if found.kind not in (ObjectKind.TABLE, ObjectKind.VIEW):
        return []
    listed = f" ({', '.join(map(quoted, columns))})" if columns else ""
    wanted = [f"{pg}{listed}" for pg in _ON_TABLE[privilege][:1]] if columns else list(_ON_TABLE[privilege])
    if not giving:
        wanted = wanted[:1]  # the hidden column's may serve another privilege still
    return [
        f"{verb} {pg} on table {target} {word} {grantee}"
        for pg in wanted
        if "ROWID" not in pg or found.has_rowid
    ]


def note_object(owner: str, name: str, kind: str, *, relation: bool = False) -> str:
    """The statement that enters an object, or marks it as changed now."""
    relid = (
        f"pg_catalog.to_regclass({literal(f'{quoted(owner)}.{quoted(name)}')})::pg_catalog.oid"
        if relation
        else "null"
    )
    return (
        "insert into concord_catalog.objects (owner, name, kind, relid) values"
        f" ({literal(owner)}, {literal(name)}, {literal(kind)}, {relid})"
        " on conflict (owner, name, kind) do update set changed = localtimestamp(0), relid = excluded.relid"
    )


PURGE_COLUMNS = (
    "delete from concord_catalog.columns k where not exists"
    " (select from pg_catalog.pg_attribute a where a.attrelid = k.relid and a.attnum = k.attnum and not a.attisdropped)"
)
PURGE_TEXTS = "delete from concord_catalog.texts t where not exists (select from pg_catalog.pg_class c where c.oid = t.relid)"
