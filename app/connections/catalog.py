"""What the sides of comparisons name, looked up where they lie: here, or over a connection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from app.connections.asks import Describe
from app.connections.look import Looks
from app.connections.models import ConnectionKind
from app.connections.store import ConnectionStorage, StoredConnection
from app.jobs.sides import Side, file_below, folder_below
from app.oracle.dictionary import Dictionary, RequestError, Table
from app.oracle.errors import NotFoundError
from app.oracle.pool import OraclePool
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Places:
    """What this installation allows beside tables: the folder of files if there is one, and queries."""

    files: Path | None = None
    queries: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """The table of each side, None for a query or a file; and the connections that the sides name."""

    tables: list[Table | None]
    connections: dict[str, StoredConnection]


class Catalog:
    """Looks sides up. `places` None leaves files and queries unchecked: a job's own process looks again anyway."""

    def __init__(
        self,
        dictionary: Dictionary,
        connections: ConnectionStorage,
        looks: Looks,
        places: Places | None = None,
    ) -> None:
        self.dictionary = dictionary
        self.connections = connections
        self.looks = looks
        self.places = places

    @classmethod
    def of(cls, settings: Settings, pool: OraclePool, places: Places | None = None) -> Self:
        """The catalog of a service."""
        return cls(
            Dictionary(pool, user=settings.db_user, hidden_owner=settings.db_owner),
            ConnectionStorage(pool, settings.keyring),
            Looks(hidden_owner=settings.db_owner),
            places,
        )

    async def look_up(self, sides: Sequence[tuple[str, Side]]) -> Found:
        """All sides, each with the field of the request in which it stands; each connection is opened once.

        Raises RequestError that names the field, ForeignSourceError, SealError and OracleError.
        """
        connections: dict[str, StoredConnection] = {}
        for field, side in sides:
            name = side.connection
            if name is not None and name not in connections:
                connections[name] = await self._connection(name, field)
            self._check_place(side, field, None if name is None else connections[name])
        tables: list[Table | None] = [None] * len(sides)
        foreign: dict[str, list[int]] = {}
        for number, (field, side) in enumerate(sides):
            if side.table_text is not None and side.connection is None:
                tables[number] = await self.dictionary.table(side.table_text, f"{field}.table")
            elif side.table_text is not None and side.connection is not None:
                foreign.setdefault(side.connection, []).append(number)
        for name, numbers in foreign.items():
            asked = [(f"{sides[n][0]}.table", sides[n][1].table_text or "") for n in numbers]
            login = connections[name].login(self.connections.keyring)
            found = await self.looks.ask(name, Describe(asked), list[Table], login=login)
            for number, table in zip(numbers, found, strict=True):
                tables[number] = replace(table, connection=name)
        return Found(tables, connections)

    async def estimated_rows(self, table: Table) -> int | None:
        """Rows when statistics were last gathered; None for a view, or without statistics."""
        return await self.dictionary.estimated_rows(table) if table.connection is None else table.rows

    def folder(self, connection: StoredConnection) -> Path:
        """Where the files of a folder connection are on this machine. Raises RequestError with an empty field."""
        return folder_below(None if self.places is None else self.places.files, connection.shown.folder or "")

    async def _connection(self, name: str, field: str) -> StoredConnection:
        try:
            return await self.connections.get(name)
        except NotFoundError as error:
            raise RequestError(f"{field}.connection", f"there is no connection {name}.") from error

    def _check_place(self, side: Side, field: str, connection: StoredConnection | None) -> None:
        places = self.places
        if connection is not None:
            self._check_kind(side, field, connection)
        elif side.query is not None and places is not None and not places.queries:
            raise RequestError(
                f"{field}.query",
                "queries cannot be compared here: the administrator has not set CONCORD_QUERY_USER.",
            )
        if side.file is not None and places is not None:
            try:
                file_below(places.files if connection is None else self.folder(connection), side.file)
            except RequestError as error:
                raise RequestError(f"{field}.file", str(error)) from None

    def _check_kind(self, side: Side, field: str, connection: StoredConnection) -> None:
        name, kind = connection.shown.name, connection.shown.kind
        if (side.file is None) == (kind is ConnectionKind.FOLDER):
            what = "a folder: name a `file`" if side.file is None else "a database: name a `table`"
            raise RequestError(f"{field}.connection", f"{name} is {what}.")
        if side.query is not None and not connection.shown.allows_queries:
            raise RequestError(
                f"{field}.query", f"the connection {name} does not allow queries; name a `table`."
            )
