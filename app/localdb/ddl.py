"""Running Oracle's DDL: the commit before and after, rights, PostgreSQL's statements, the catalogue, the caches."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from app.localdb import plsql
from app.localdb.catalog.administration import Administration, literal, note_object
from app.localdb.catalog.changes import statements_for
from app.localdb.ddl_errors import ddl_error
from app.localdb.errors import OracleError, from_postgres, oracle_error
from app.localdb.pg_messages import PgError
from app.localdb.sql.catalog import InvalidView, ObjectKind
from app.localdb.sql.compiled import Compiled, Effect, TableChange

if TYPE_CHECKING:
    from app.localdb.session import Session

_SUPERUSER = "none"  # the value of `role` that means the session's own PostgreSQL user

# What IF [NOT] EXISTS of 23ai forgives: a synonym, user or role that is there already, or is not there.
_MOOT = dict.fromkeys((955, 1920, 1921), "if_not_exists") | dict.fromkeys(
    (1432, 1434, 1918, 1919), "if_exists"
)


class Definition:
    """One DDL statement of a session."""

    def __init__(self, session: Session, *, trusted: bool = False) -> None:
        """`trusted`: the database does it on its own; no rights are needed."""
        self._trusted = trusted
        self._session = session
        self._link = session.link
        self._store = session.database.store
        self._running = ""  # the PostgreSQL statement that is being executed

    def run(self, compiled: Compiled, text: str) -> bool:
        """Execute; True when a unit was created with compilation errors. Raises OracleError."""
        self._session.commit()
        if compiled.effect is Effect.CREATE_UNIT:
            return bool(plsql.create_unit(self._session, text))
        if compiled.effect in (Effect.DROP_UNIT, Effect.ALTER_UNIT):
            return bool(self._units(compiled, text))
        before = self._link.setting("role")
        try:
            if compiled.effect is Effect.DDL:
                self._change_objects(compiled)
            else:
                self._administer(compiled)
            self._link.commit()
        except PgError as error:
            self._link.rollback()
            change = compiled.changes[0] if compiled.changes else None
            raise ddl_error(error, self._running, change) from error
        except OracleError as error:
            self._link.rollback()
            if error.code in _MOOT and compiled.options.get(_MOOT[error.code]):
                return False
            raise
        finally:
            self._link.set("role", before)
        self._store.forget()
        plsql.invalidate(self._session.database)
        self._session.database.note_ddl(compiled.changes)
        return False

    def may_create(self, owner: str, kind: str) -> None:
        """Raises ORA-01031 unless the session's user may make a unit of that kind in that schema."""
        verb = "TRIGGER" if kind == "TRIGGER" else "TYPE" if kind.startswith("TYPE") else "PROCEDURE"
        self._need(owner, f"CREATE {verb}", f"CREATE ANY {verb}")

    def store_unit(
        self, owner: str, name: str, kind: str, source: str, status: str, errors: list[tuple[int, int, str]]
    ) -> None:
        """Keep a unit's source and its compilation errors; commits. Raises ORA-01031."""
        self._session.commit()
        self.may_create(owner, kind)
        key = f"{literal(owner)}, {literal(name)}, {literal(kind)}"
        where = f"(owner, name, kind) = ({key})"
        statements = [
            f"insert into concord_catalog.units (owner, name, kind, text, status) values ({key}, {literal(source)},"
            f" {literal(status)}) on conflict (owner, name, kind) do update set text = excluded.text,"
            " status = excluded.status",
            f"delete from concord_catalog.unit_errors where {where}",
            note_object(owner, name, kind),
        ]
        statements += [
            "insert into concord_catalog.unit_errors (owner, name, kind, sequence, line, position, text)"
            f" values ({key}, {number}, {line}, {position}, {literal(message)})"
            for number, (line, position, message) in enumerate(errors, 1)
        ]
        self._as_superuser(lambda: self._link.run(*statements))
        self._session.commit()
        self._store.forget()

    def _units(self, compiled: Compiled, text: str) -> bool:
        schema, name = compiled.names
        kind = str(compiled.options.get("kind", "PACKAGE"))
        found = self._store.object(schema, name)
        if kind == "VIEW":
            return self._compile_view(schema, name)
        kinds = [kind, "PACKAGE BODY"] if kind == "PACKAGE" else [kind]
        if compiled.effect is Effect.ALTER_UNIT:
            for each in kinds:
                source = self._session.fetch_unit(schema, name, each)
                if source is not None and plsql.create_unit(self._session, source, schema):
                    return True
            return False
        stored = [each for each in kinds if self._session.fetch_unit(schema, name, each) is not None]
        if not stored or (found is None and kind != "PACKAGE BODY"):
            if compiled.options.get("if_exists"):
                return False
            raise oracle_error(4043, name)
        self._need(schema, None, "DROP ANY TRIGGER" if kind == "TRIGGER" else "DROP ANY PROCEDURE")
        plsql.drop_unit(self._session, schema, name, kind)
        where = f"owner = {literal(schema)} and name = {literal(name)}"
        among = f"kind in ({', '.join(map(literal, stored))})"
        statements = [
            f"delete from concord_catalog.units where {where} and {among}",
            f"delete from concord_catalog.unit_errors where {where} and {among}",
            f"delete from concord_catalog.objects where {where} and {among}",
        ]
        if kind != "PACKAGE BODY":
            statements.append(f"delete from concord_catalog.object_grants where {where}")
        self._as_superuser(lambda: self._link.run(*statements))
        self._session.commit()
        self._store.forget()
        plsql.invalidate(self._session.database)
        return False

    def _compile_view(self, schema: str, name: str) -> bool:
        """ALTER VIEW .. COMPILE. True when it has errors."""
        from app.localdb.views import compile_again

        self._need(schema, None, "ALTER ANY TABLE")
        found = self._store.object(schema, name)
        if found is None or found.kind is not ObjectKind.VIEW:
            raise oracle_error(942)
        try:
            compile_again(self._session, InvalidView(schema, name))
        except OracleError as error:
            if error.code != 4063:
                raise
            return True
        return False

    def _change_objects(self, compiled: Compiled) -> None:
        """PostgreSQL's DDL runs as the owner of the schema, so that what it makes belongs to him."""
        schemas = {change.schema for change in compiled.changes}
        for change in compiled.changes:
            self._check_right(change)
        owner = next(iter(schemas)) if len(schemas) == 1 else self._session.current_user
        self._link.set("role", owner)
        for change in compiled.changes:
            if change.action != "CREATE":
                self._session.database.let_go_of(change.schema, change.name, self._session)
        wait_ms = max(self._session.ddl_lock_timeout_s * 1000, 100)
        for statement in compiled.statements:
            self._running = statement
            self._link.execute(statement, (), [()], lock_wait_ms=wait_ms)
        notes = [statement for change in compiled.changes for statement in statements_for(change)]
        if notes:
            self._as_superuser(lambda: self._link.run(*notes))

    def _administer(self, compiled: Compiled) -> None:
        session, options, names = self._session, compiled.options, compiled.names
        office = Administration(
            self._store,
            lambda *statements: self._as_superuser(lambda: self._link.run(*statements)),
            session.current_user,
        )
        effect = compiled.effect
        if effect is Effect.CREATE_USER:
            office.create_user(names[0], options.get("password"), locked=bool(options.get("locked")))
            office.set_quotas(names[0], options.get("quotas", {}))
        elif effect is Effect.ALTER_USER:
            office.alter_user(names[0], options)
            office.set_quotas(names[0], options.get("quotas", {}))
        elif effect is Effect.DROP_USER:
            connected = session.database.is_connected(names[0])
            session.database.let_go_of(names[0], "", session)
            office.drop_user(names[0], cascade=bool(options.get("cascade")), connected=connected)
        elif effect is Effect.CREATE_ROLE:
            office.create_role(names[0])
        elif effect is Effect.DROP_ROLE:
            office.drop_role(names[0])
        elif effect in (Effect.GRANT, Effect.REVOKE) and compiled.grant is not None:
            grant = compiled.grant
            found = None
            if grant.object is not None:
                found = session.catalog.resolve(grant.schema, grant.object, session.current_schema)
            (office.grant if effect is Effect.GRANT else office.revoke)(grant, found)
        elif effect is Effect.CREATE_SYNONYM:
            office.create_synonym(names[0], names[1], options["target"], replace=bool(options.get("replace")))
        elif effect is Effect.DROP_SYNONYM:
            office.drop_synonym(names[0], names[1])
        elif effect is Effect.COMMENT:
            found = session.catalog.resolve(options["schema"], options["object"], session.current_schema)
            if found is None:
                raise oracle_error(942)
            office.comment(found, options.get("column"), options.get("text") or "")
        else:
            raise OracleError(
                3001, f"unimplemented feature: {effect.value} is not supported by the local database"
            )

    def _check_right(self, change: TableChange) -> None:
        """Raises ORA-01031 (or 00942 for somebody else's object that the user cannot see)."""
        kind = "TABLE" if change.kind == "CONSTRAINT" else change.kind
        own = f"CREATE {kind}" if change.action == "CREATE" and kind != "INDEX" else None
        verb = (
            "DROP" if change.action == "TRUNCATE" else "ALTER" if change.action == "RENAME" else change.action
        )
        self._need(change.schema, own, f"{verb} ANY {kind}")

    def _need(self, schema: str, own: str | None, everywhere: str) -> None:
        """In the own schema `own` is needed (None: nothing), in others `everywhere`."""
        if self._trusted:
            return
        user = self._session.current_user
        held = self._store.privileges(user)
        if self._store.is_dba(user) or everywhere in held:
            return
        if schema != user or (own is not None and own not in held):
            raise oracle_error(1031)

    def _as_superuser(self, action: Callable[[], None]) -> None:
        before = self._link.setting("role")
        self._link.set("role", _SUPERUSER)
        try:
            action()
        except PgError as error:
            raise from_postgres(error) from error
        finally:
            self._link.set("role", before)
