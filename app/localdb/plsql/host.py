"""What PL/SQL needs from the session that it runs in; session.py implements it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from app.localdb.contract import Column, Kind, Lob
from app.localdb.errors import OracleError
from app.localdb.sql.catalog import Catalog
from app.localdb.sql.compiled import Compiled, Variable
from app.localdb.sql.nodes import Expr

Resolve = Callable[[Expr], Variable | None]
DmlResult = tuple[int, list[tuple[Any, ...]]]  # rows changed, RETURNING values


class HostCursor(Protocol):
    """An open query of the session."""

    columns: list[Column]

    def fetch_values(self, count: int) -> list[tuple[Any, ...]]:
        """Up to `count` further rows as Python values; fewer means the end."""
        ...

    def fetch(self, count: int) -> Sequence[tuple[bytes | None, ...]]: ...

    def close(self) -> None: ...


class HostDatabase(Protocol):
    """The database all sessions share; `plsql` belongs to this room."""

    plsql: Any


class Statement(Protocol):
    @property
    def kind(self) -> Kind: ...


class HostLobs(Protocol):
    """Large objects of tables (stored_lobs.py)."""

    def change(self, lob: Lob, change: Callable[[str | bytes], str | bytes]) -> None: ...
    def open(self, lob: Lob, *, writing: bool = True) -> None: ...
    def close(self, lob: Lob) -> None: ...
    def is_open(self, lob: Lob) -> bool: ...


class Host(Protocol):
    """One session as PL/SQL sees it."""

    user: str
    current_user: str
    current_schema: str
    play: str
    sid: int
    tags: dict[str, str]
    implicit_results: list[Any]  # what DBMS_SQL.RETURN_RESULT gave the client
    plsql: Any
    firing: int  # triggers of its own transaction that are running

    @property
    def in_transaction(self) -> bool: ...

    @property
    def database(self) -> HostDatabase: ...

    @property
    def catalog(self) -> Catalog: ...

    @property
    def lobs(self) -> HostLobs: ...

    def compile_sql(self, source: Any, resolve: Resolve | None = None, **flags: Any) -> Compiled: ...

    def prepare(self, text: str) -> Statement: ...

    def open_cursor(self, compiled: Compiled, values: Sequence[Any]) -> HostCursor: ...

    def query_values(
        self, compiled: Compiled, values: Sequence[Any], limit: int
    ) -> list[tuple[Any, ...]]: ...

    def run_dml(self, compiled: Compiled, values: Sequence[Any]) -> DmlResult: ...

    def run_dml_many(
        self, compiled: Compiled, rows: Sequence[Sequence[Any]], save_exceptions: bool
    ) -> list[DmlResult | OracleError]: ...

    def run_ddl(self, text: str) -> None: ...

    def commit(self) -> None: ...
    def rollback(self) -> None: ...
    def savepoint(self, name: str) -> None: ...
    def rollback_to(self, name: str) -> None: ...
    def mark(self) -> Any: ...
    def release(self, mark: Any) -> None: ...
    def check_cancelled(self) -> None: ...
    def undo_to(self, mark: Any) -> None: ...
    def as_user(self, name: str) -> AbstractContextManager[Any]: ...
    def autonomous(self) -> AbstractContextManager[Host]: ...

    def may_create(self, owner: str, kind: str) -> None: ...
    def store_unit(
        self, owner: str, name: str, kind: str, source: str, status: str, errors: list[tuple[int, int, str]]
    ) -> None: ...

    def fetch_unit(self, owner: str, name: str, kind: str) -> str | None: ...
    def pg_execute(self, sql_text: str) -> None: ...
    def may_execute(self, owner: str, name: str) -> bool: ...
