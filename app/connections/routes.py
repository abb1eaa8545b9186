"""REST: connections, and what lies behind them."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import msgspec
from litestar import Request, Router, delete, get, post, put
from litestar.datastructures import State
from litestar.openapi.spec import Example
from litestar.params import Body, Parameter, QueryParameter
from msgspec import Meta

from app.accounts.guard import Principal
from app.accounts.permissions import Permission, needs
from app.connections.asks import (
    MAX_PAGE,
    MAX_PREVIEW_ROWS,
    Ask,
    ListTables,
    Probe,
    Probed,
    Show,
    Shown,
    ShownColumn,
    ShownKey,
    TableItem,
)
from app.connections.catalog import Catalog
from app.connections.models import Connection, ConnectionKind, ConnectionRequest, NewConnection
from app.connections.store import ConnectionStorage
from app.envelope import Envelope, documented, ok
from app.jobs.listing import CursorError
from app.oracle.dictionary import RequestError
from app.oracle.errors import ForeignSourceError

Wanted = TypeVar("Wanted")
NamePath = Annotated[
    str, Parameter(description="Name of the connection.", max_length=64, pattern=r"^[^\x00]*$")
]
TablePath = Annotated[
    str,
    Parameter(
        description="A table or view, OWNER.TABLE or TABLE, upper case unless in double quotes; or the name of a file.",
        max_length=1024,
        pattern=r"^[^\x00]*$",
    ),
]

Owner = Annotated[
    str | None,
    QueryParameter(
        description="Of the table, or the folder in which the file lies, e.g. `2026/january`.",
        max_length=1024,
        pattern=r"^[^\x00]*$",
    ),
]


class ConnectionList(msgspec.Struct, frozen=True):
    """All connections."""

    items: list[Connection]


class TableList(msgspec.Struct, frozen=True):
    """A page of tables or files."""

    items: list[TableItem]
    next_cursor: Annotated[str | None, Meta(description="Of the page after this; null on the last.")]


class Layout(msgspec.Struct, frozen=True):
    """The columns of a table or file."""

    table: str
    columns: list[ShownColumn]
    keys: Annotated[
        list[ShownKey], Meta(description="Declared, of columns that cannot be NULL; the best first.")
    ]


_DAY = datetime(2026, 2, 2, 4, 30, tzinfo=UTC)
_CONNECTION = Connection(
    name="prod",
    kind=ConnectionKind.ORACLE,
    description="Production, read-only standby.",
    dsn="dbhost.example.com:1521/SALESPDB",
    user="CONCORD_READER",
    has_password=True,
    folder=None,
    allows_queries=False,
    max_jobs=2,
    created_by="admin",
    created_at=_DAY,
    updated_at=_DAY,
    version=1,
)
_REQUEST: dict[str, Any] = {
    "kind": "oracle",
    "description": _CONNECTION.description,
    "dsn": _CONNECTION.dsn,
    "user": _CONNECTION.user,
    "password": "...",
    "max_jobs": 2,
}
_FOLDER: dict[str, Any] = {"kind": "folder", "folder": "exports"}
_NEW = [
    Example(summary="Another Oracle database", value={"name": "prod", **_REQUEST}),
    Example(summary="A folder of files", value={"name": "drop", **_FOLDER}),
]
_CHANGED = [Example(value=_REQUEST), Example(value=_FOLDER)]
_PROBED = Probed(
    version="19.24.0.0.0",
    user="CONCORD_READER",
    schema_name="CONCORD_READER",
    connect_milliseconds=61.3,
    round_trip_milliseconds=0.8,
)
_TABLES = TableList([TableItem("SALES", "ORDERS", "TABLE", 1_204_332)], "WyJTQUxFUyIsIk9SREVSUyJd")
_LAYOUT = Layout(
    "SALES.ORDERS",
    [
        ShownColumn("ORDER_ID", "NUMBER(9)", "integer", False),
        ShownColumn("AMOUNT", "NUMBER(12,2)", "decimal", True),
    ],
    [ShownKey("primary key", ["ORDER_ID"])],
)
_SHOWN = Shown(_LAYOUT.table, _LAYOUT.columns, _LAYOUT.keys, [["1", "19.9"], ["2", None]], [])


@get(
    "/",
    opt=needs(Permission.CONNECTIONS_USE),
    summary="List connections",
    operation_id="listConnections",
    responses=documented(
        200, Envelope[ConnectionList], "All of them.", ConnectionList([_CONNECTION]), 401, 403
    ),
)
async def list_connections(state: State) -> Envelope[ConnectionList]:
    """By name."""
    return ok(ConnectionList([stored.shown for stored in await _storage(state).all()]))


@post(
    "/",
    opt=needs(Permission.CONNECTIONS_MANAGE),
    summary="Register a connection",
    description="Nothing is opened; ask for a test. The password is stored encrypted with a key that the database "
    "never sees, and never shown. The host may be any that the services reach.",
    operation_id="createConnection",
    responses=documented(201, Envelope[Connection], "Registered.", _CONNECTION, 401, 403, 409, 413, 422),
)
async def create_connection(
    data: Annotated[NewConnection, Body(examples=_NEW)], request: Request[Principal, Any, Any], state: State
) -> Envelope[Connection]:
    """The connection as it stands now."""
    await _storage(state).create(data.name, data, request.user.username)
    return ok((await _storage(state).get(data.name)).shown, "The connection is registered.")


@get(
    "/{name:str}",
    opt=needs(Permission.CONNECTIONS_USE),
    summary="One connection",
    operation_id="getConnection",
    responses=documented(200, Envelope[Connection], "The connection.", _CONNECTION, 401, 403, 404, 422),
)
async def get_connection(name: NamePath, state: State) -> Envelope[Connection]:
    """Without its password."""
    return ok((await _storage(state).get(name)).shown)


@put(
    "/{name:str}",
    opt=needs(Permission.CONNECTIONS_MANAGE),
    summary="Change a connection",
    description="Replaces all but name and kind. Without `password` the stored one stays; it must be given again when "
    "address or user change. Jobs that start from now on use it.",
    operation_id="changeConnection",
    responses=documented(200, Envelope[Connection], "Changed.", _CONNECTION, 401, 403, 404, 409, 413, 422),
)
async def change_connection(
    name: NamePath, data: Annotated[ConnectionRequest, Body(examples=_CHANGED)], state: State
) -> Envelope[Connection]:
    """The connection as it stands now."""
    await _storage(state).change(await _storage(state).get(name), data)
    return ok((await _storage(state).get(name)).shown, "The connection is changed.")


@delete(
    "/{name:str}",
    status_code=200,
    opt=needs(Permission.CONNECTIONS_MANAGE),
    summary="Delete a connection",
    description="Its password and its limit go with it. A waiting job or a schedule that names it fails from then on.",
    operation_id="deleteConnection",
    responses=documented(
        200, Envelope[None], "Deleted.", None, 401, 403, 404, 422, message="The connection is deleted."
    ),
)
async def delete_connection(name: NamePath, state: State) -> Envelope[None]:
    """Gone."""
    await _storage(state).delete(name)
    return ok(None, "The connection is deleted.")


@post(
    "/{name:str}/test",
    status_code=200,
    opt=needs(Permission.CONNECTIONS_USE),
    summary="Test a connection",
    description="Opens it, from this API process. What is wrong is said in a sentence: 503 if it may heal by itself, "
    "else 422.",
    operation_id="testConnection",
    responses=documented(
        200, Envelope[Probed], "It works.", _PROBED, 401, 403, 404, 422, message="The connection works."
    ),
)
async def test_connection(name: NamePath, state: State) -> Envelope[Probed]:
    """Who one is there, and how far away it is."""
    return ok(await _ask(state, name, Probe(), Probed), "The connection works.")


@get(
    "/{name:str}/tables",
    opt=needs(Permission.CONNECTIONS_USE),
    summary="List tables",
    description="Tables and views that the connection's user may read, without those of Oracle itself; or the files in "
    "the folder.",
    operation_id="listTables",
    responses=documented(200, Envelope[TableList], "A page.", _TABLES, 401, 403, 404, 422),
)
async def list_tables(
    name: NamePath,
    state: State,
    text: Annotated[
        str | None,
        QueryParameter(description="Part of OWNER.NAME, any case.", max_length=260, pattern=r"^[^\x00]*$"),
    ] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_PAGE)] = 100,
    cursor: Annotated[str | None, QueryParameter(max_length=4000)] = None,
) -> Envelope[TableList]:
    """By owner and name."""
    after = None if cursor is None else _place(cursor)
    items = await _ask(state, name, ListTables(text or None, after, limit + 1), list[TableItem])
    more = len(items) > limit
    return ok(TableList(items[:limit], _cursor(items[limit - 1]) if more else None))


@get(
    "/{name:str}/tables/{table:str}/columns",
    opt=needs(Permission.CONNECTIONS_USE),
    summary="Columns of a table",
    description="With the types as which they are compared, and the declared keys. The types of a CSV file of more "
    "than 64 MiB only a comparison learns.",
    operation_id="listColumns",
    responses=documented(200, Envelope[Layout], "In the table's order.", _LAYOUT, 401, 403, 404, 422),
)
async def list_columns(
    name: NamePath, table: TablePath, state: State, owner: Owner = None
) -> Envelope[Layout]:
    """No row is read of a table."""
    shown = await _ask(state, name, Show(table, 0, owner or None), Shown)
    return ok(Layout(shown.table, shown.columns, shown.keys))


@get(
    "/{name:str}/tables/{table:str}/preview",
    opt=needs(Permission.CONNECTIONS_USE),
    summary="First rows of a table",
    description="Rows that come first, in no order, read as a comparison reads them.",
    operation_id="previewTable",
    responses=documented(200, Envelope[Shown], "The rows.", _SHOWN, 401, 403, 404, 422),
)
async def preview_table(
    name: NamePath,
    table: TablePath,
    state: State,
    owner: Owner = None,
    rows: Annotated[int, QueryParameter(ge=1, le=MAX_PREVIEW_ROWS)] = 20,
) -> Envelope[Shown]:
    """Every value as text."""
    return ok(await _ask(state, name, Show(table, rows, owner or None), Shown))


async def _ask(state: State, name: str, ask: Ask, wanted: type[Wanted]) -> Wanted:
    """What the connection answers. Raises NotFoundError, RequestError, SealError and ForeignSourceError."""
    catalog: Catalog = state.catalog
    stored = await catalog.connections.get(name)
    if stored.shown.kind is ConnectionKind.ORACLE:
        login = stored.login(catalog.connections.keyring)
        return await catalog.looks.ask(name, ask, wanted, login=login)
    try:
        folder = catalog.folder(stored)
    except RequestError as error:
        raise ForeignSourceError(f"Connection {name}: {error}") from error
    return await catalog.looks.ask(name, ask, wanted, folder=str(folder))


def _cursor(item: TableItem) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode([item.owner or "", item.name])).decode().rstrip("=")


def _place(cursor: str) -> list[str]:
    """Owner and name of the last item of the page before. Raises CursorError."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        place = msgspec.json.decode(text, type=list[str])
    except (ValueError, binascii.Error, msgspec.DecodeError):
        place = []
    if len(place) != 2:
        raise CursorError("`cursor` is not one that this listing gave out.")
    return place


def _storage(state: State) -> ConnectionStorage:
    catalog: Catalog = state.catalog
    return catalog.connections


router = Router(
    "/connections",
    route_handlers=[
        list_connections,
        create_connection,
        get_connection,
        change_connection,
        delete_connection,
        test_connection,
        list_tables,
        list_columns,
        preview_table,
    ],
    tags=["Connections"],
)
