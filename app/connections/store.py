"""All SQL of connections. Writes go through package CONNECTIONS; reads are plain SQL.

Every method raises OracleError or one of its subclasses: NotFoundError (no such connection), ConflictError (there is
one already, or it was changed meanwhile), ArgumentError, and DatabaseUnavailableError, after which the same call may
succeed.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from app.connections.keyring import Keyring, KeyringError, Sealed
from app.connections.models import Connection, ConnectionKind, ConnectionRequest
from app.jobs.rows import integer, required_time
from app.oracle.audit import Deed, audited
from app.oracle.errors import ArgumentError, NotFoundError
from app.oracle.login import Login
from app.oracle.pool import OraclePool

_SELECT = """
    select c.connection_name, c.kind, c.description, c.dsn, c.username, c.folder, c.allows_queries, l.max_running
         , c.created_by, c.created_at, c.updated_at, c.row_version, c.connection_id, c.sealed_password
         , c.sealing_key_id
      from data_connections c
      left join job_limits l on l.limit_key = c.connection_name"""


class SealError(ArgumentError):
    """A connection's password cannot be stored or read; the sentence says why."""


@dataclass(frozen=True, slots=True)
class StoredConnection:
    """A connection with its sealed password."""

    shown: Connection
    connection_id: str
    sealed: Sealed | None = field(repr=False)

    def password(self, keyring: Keyring) -> str:
        """Raises SealError."""
        name, dsn, user = self.shown.name, self.shown.dsn, self.shown.user
        if self.sealed is None or dsn is None or user is None:
            raise SealError(f"The connection {name} has no password; an administrator must give it one.")
        try:
            return keyring.open(self.sealed, _bound_to(self.connection_id, dsn, user))
        except KeyringError as error:
            raise SealError(f"The connection {name} cannot be used. {error}") from error

    def login(self, keyring: Keyring) -> Login:
        """For an Oracle database. Raises SealError."""
        return Login(self.shown.user or "", self.shown.dsn or "", self.password(keyring))


class ConnectionStorage:
    """The connections in DATA_CONNECTIONS."""

    def __init__(self, pool: OraclePool, keyring: Keyring) -> None:
        self._pool = pool
        self.keyring = keyring

    async def create(self, name: str, wanted: ConnectionRequest, by: str) -> None:
        """Raises ConflictError if there is a connection of this name, SealError without a key for its password."""
        connection_id = str(uuid.uuid4())
        sql = """
            begin
               connections.create_connection(in_connection_name => :connection_name
                                            ,in_connection_id => :connection_id
                                            ,in_kind => :kind
                                            ,in_description => :description
                                            ,in_dsn => :dsn
                                            ,in_username => :username
                                            ,in_sealed_password => :sealed_password
                                            ,in_sealing_key_id => :sealing_key_id
                                            ,in_folder => :folder
                                            ,in_allows_queries => :allows_queries
                                            ,in_max_jobs => :max_jobs
                                            ,in_by => :created_by);
            end;"""
        binds = {
            **self._binds(name, connection_id, wanted),
            "connection_id": connection_id,
            "kind": str(wanted.kind),
            "created_by": by,
        }
        deed = Deed("connection.create", name, after=_noted(wanted))
        await self._pool.block("create connection", *audited(sql, binds, deed))

    async def change(self, before: StoredConnection, wanted: ConnectionRequest) -> None:
        """Replace all but name, kind and maker. No password keeps the stored one.

        Raises NotFoundError, ConflictError if it was changed since `before` was read, ArgumentError, SealError.
        """
        name = before.shown.name
        if wanted.kind is not before.shown.kind:
            raise ArgumentError(f"The connection {name} is of kind {before.shown.kind} and stays so.")
        sql = """
            begin
               connections.change_connection(in_connection_name => :connection_name
                                            ,in_row_version => :row_version
                                            ,in_description => :description
                                            ,in_dsn => :dsn
                                            ,in_username => :username
                                            ,in_sealed_password => :sealed_password
                                            ,in_sealing_key_id => :sealing_key_id
                                            ,in_folder => :folder
                                            ,in_allows_queries => :allows_queries
                                            ,in_max_jobs => :max_jobs);
            end;"""
        binds = {**self._binds(name, before.connection_id, wanted), "row_version": before.shown.version}
        deed = Deed("connection.update", name, before=_noted(before.shown), after=_noted(wanted))
        await self._pool.block("change connection", *audited(sql, binds, deed))

    async def reseal(self, stored: StoredConnection) -> None:
        """Encrypt its password with the current key. Raises ConflictError if it was changed meanwhile, SealError."""
        shown = stored.shown
        plain = stored.password(self.keyring)
        sealed = self._sealed(stored.connection_id, shown.dsn, shown.user, plain)
        sql = """
            begin
               connections.reseal(in_connection_name => :connection_name
                                 ,in_row_version => :row_version
                                 ,in_sealed_password => :sealed_password
                                 ,in_sealing_key_id => :sealing_key_id);
            end;"""
        binds = {"connection_name": shown.name, "row_version": shown.version, **sealed}
        deed = Deed("connection.reencrypt", shown.name, after={"key": sealed["sealing_key_id"]})
        await self._pool.block("reseal connection", *audited(sql, binds, deed))

    async def delete(self, name: str) -> None:
        """Raises NotFoundError."""
        sql = "begin connections.delete_connection(in_connection_name => :connection_name); end;"
        deed = Deed("connection.delete", name)
        await self._pool.block("delete connection", *audited(sql, {"connection_name": name}, deed))

    async def get(self, name: str) -> StoredConnection:
        """Raises NotFoundError."""
        sql = f"{_SELECT} where c.connection_name = :connection_name"
        rows = await self._pool.rows("get connection", sql, {"connection_name": name})
        if not rows:
            raise NotFoundError(f"There is no connection {name}.", code="no-connection")
        return _stored(rows[0])

    async def all(self) -> list[StoredConnection]:
        """Every connection by name."""
        rows = await self._pool.rows("list connections", f"{_SELECT} order by c.connection_name")
        return [_stored(row) for row in rows]

    def _binds(self, name: str, connection_id: str, wanted: ConnectionRequest) -> dict[str, Any]:
        return {
            "connection_name": name,
            "description": wanted.description,
            "dsn": wanted.dsn,
            "username": wanted.user,
            "folder": wanted.folder,
            "allows_queries": int(wanted.allows_queries),
            "max_jobs": wanted.max_jobs,
            **self._sealed(connection_id, wanted.dsn, wanted.user, wanted.password),
        }

    def _sealed(
        self, connection_id: str, dsn: str | None, user: str | None, password: str | None
    ) -> dict[str, str | None]:
        if password is None:
            return {"sealed_password": None, "sealing_key_id": None}
        try:
            sealed = self.keyring.seal(password, _bound_to(connection_id, dsn or "", user or ""))
        except KeyringError as error:
            raise SealError(str(error)) from error
        return {"sealed_password": sealed.text, "sealing_key_id": sealed.key_id}


def _bound_to(connection_id: str, dsn: str, user: str) -> str:
    return "\n".join((connection_id, dsn, user))


def _noted(connection: Connection | ConnectionRequest) -> dict[str, Any]:
    """What the audit trail keeps of a connection."""
    given = isinstance(connection, ConnectionRequest) and connection.password is not None
    return {
        "dsn": connection.dsn,
        "user": connection.user,
        "folder": connection.folder,
        "allows_queries": connection.allows_queries,
        "max_jobs": connection.max_jobs,
        **({"password": "given"} if given else {}),
    }


def _stored(row: tuple[Any, ...]) -> StoredConnection:
    sealed_text, key_id = row[13], row[14]
    shown = Connection(
        name=row[0],
        kind=ConnectionKind(row[1]),
        description=row[2],
        dsn=row[3],
        user=row[4],
        has_password=sealed_text is not None,
        folder=row[5],
        allows_queries=bool(row[6]),
        max_jobs=integer(row[7]),
        created_by=row[8] or "",
        created_at=required_time(row[9]),
        updated_at=required_time(row[10]),
        version=int(row[11]),
    )
    return StoredConnection(shown, row[12], None if sealed_text is None else Sealed(key_id, sealed_text))
