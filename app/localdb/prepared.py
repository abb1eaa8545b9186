"""The statements that one PostgreSQL connection has prepared: the most recently used ones."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from app.localdb.pg import Connection
from app.localdb.pg_messages import Field, PgError

_KEPT = 200


@dataclass(slots=True)
class Prepared:
    name: str
    fields: list[Field] = field(default_factory=list)
    described: bool = False


class PreparedStatements:
    """By text and parameter types. Parse and Close ride with what the connection sends next."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: OrderedDict[tuple[str, tuple[int, ...]], Prepared] = OrderedDict()
        self._names = 0

    def get(self, sql: str, types: tuple[int, ...]) -> Prepared:
        key = (sql, types)
        prepared = self._known.get(key)
        if prepared is not None:
            self._known.move_to_end(key)
            return prepared
        if len(self._known) >= _KEPT:
            _, old = self._known.popitem(last=False)
            self._connection.close_statement(old.name)
        self._names += 1
        prepared = self._known[key] = Prepared(f"p{self._names}")
        self._connection.parse(prepared.name, sql, types)
        return prepared

    def failed(self, error: PgError, sql: str, types: tuple[int, ...]) -> bool:
        """Forget a statement that failed; True when running it again will help.

        A statement whose Parse failed does not exist; one whose result type a DDL changed must be parsed anew.
        """
        prepared = self._known.pop((sql, types), None)
        if prepared is None:
            return False
        self._connection.close_statement(prepared.name)
        return error.sqlstate == "0A000" and "cached plan" in error.message
