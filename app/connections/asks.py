"""What can be asked of a connection, and what it answers: JSON between a service and the process that looks (worker.look)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta

from app.oracle.login import Login

MAX_PREVIEW_ROWS = 100
MAX_PREVIEW_TEXT = 1000  # characters of one value
MAX_PREVIEW_BYTES = 4 * 1024 * 1024  # of all values
MAX_PAGE = 500


class Probe(msgspec.Struct, frozen=True, tag="probe"):
    """Open it. Answer: Probed."""


class ListTables(msgspec.Struct, frozen=True, tag="tables"):
    """A page of its tables and views, or files. `after`: the last one of the page before. Answer: list[TableItem]."""

    text: str | None
    after: list[str] | None
    limit: int


class Describe(msgspec.Struct, frozen=True, tag="describe"):
    """Tables by the names that a request gives them: (field, name). Answer: list[Table] of app.oracle.dictionary, in that order."""

    tables: list[tuple[str, str]]


class Show(msgspec.Struct, frozen=True, tag="show"):
    """Columns of a table or file, and some rows. `owner`: or the folder of the file. Answer: Shown."""

    name: str
    rows: int
    owner: str | None = None


Ask = Probe | ListTables | Describe | Show


@dataclass(frozen=True, slots=True)
class Spec:
    """What the process that looks gets: where to look (a login, or a folder), and what for."""

    ask: Ask
    parent_pid: int
    seconds: int
    login: Login | None = None
    hidden_owner: str = ""
    folder: str | None = None


class Probed(msgspec.Struct, frozen=True):
    """A connection that works."""

    version: Annotated[
        str | None, Meta(description="Of the database, as it says itself; null for a folder.")
    ] = None
    user: Annotated[str | None, Meta(description="As whom the session works.")] = None
    schema_name: Annotated[str | None, Meta(description="Where names without an owner are looked for.")] = (
        None
    )
    files: Annotated[int | None, Meta(description="In the folder; null for a database.")] = None
    connect_milliseconds: Annotated[float | None, Meta(description="To log in.")] = None
    round_trip_milliseconds: Annotated[
        float | None, Meta(description="Of one statement; the least of three.")
    ] = None


class TableItem(msgspec.Struct, frozen=True):
    """A table, a view or a file."""

    owner: Annotated[str | None, Meta(description="Of a file the folder in which it lies; null at the top.")]
    name: Annotated[str, Meta(description="As the dictionary spells it.")]
    kind: Annotated[str, Meta(description="TABLE, VIEW, MATERIALIZED VIEW or FILE.")]
    rows: Annotated[int | None, Meta(description="By the statistics of the database; null without.")] = None
    bytes: Annotated[int | None, Meta(description="Of a file.")] = None


class ShownColumn(msgspec.Struct, frozen=True):
    """A column."""

    name: str
    type: Annotated[
        str, Meta(description="As a DBA writes it; of a file the type that would hold its values.")
    ]
    compared_as: Annotated[
        str | None,
        Meta(
            description="How its values are compared: integer, decimal, number, double, text, timestamp, ...; null if "
            "they cannot be, or if only reading the whole file tells."
        ),
    ]
    nullable: bool


class ShownKey(msgspec.Struct, frozen=True):
    """A declared key whose columns cannot be NULL."""

    origin: Annotated[str, Meta(description="primary key, or unique key NAME.")]
    columns: list[str]


class Shown(msgspec.Struct, frozen=True):
    """What a table or file looks like."""

    table: str
    columns: list[ShownColumn]
    keys: Annotated[list[ShownKey], Meta(description="The best first.")]
    rows: Annotated[
        list[list[str | None]],
        Meta(
            description="Values as text with every digit, in the order of the columns; null is NULL. Times with a zone "
            f"are in UTC, RAW is hexadecimal, a BLOB is told by its size, a text has at most {MAX_PREVIEW_TEXT} characters."
        ),
    ]
    cut: Annotated[list[str], Meta(description="Columns of which a value was cut or left out.")]


class Answered(msgspec.Struct, frozen=True, tag="answered"):
    """What was asked for."""

    answer: msgspec.Raw


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """The name of something that is not there: RequestError."""

    field: str
    sentence: str


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """It could not be looked at."""

    sentence: str
    code: str
    retryable: bool


Answer = Answered | Refused | Failed
