"""One side of a comparison as a request names it: a table, a query, or a file; with filter and options."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from app.oracle.dictionary import RequestError, located

IDENTIFIER_LENGTH = 128  # bytes, Oracle 12.2 and later
TABLE_LENGTH = 2 * (IDENTIFIER_LENGTH + 2) + 1  # "OWNER"."TABLE" with quotes and a dot
MAX_QUERY = 32_000
MAX_BINDS = 50
MAX_CONDITIONS = 20
MAX_LISTED = 1000  # Oracle's limit of expressions in an IN list
MAX_FILE = 1024

ConnectionName = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z",
        description="Name of a connection: letters, digits, dot, dash, underscore.",
        examples=["prod"],
    ),
]
ColumnName = Annotated[
    str, Meta(min_length=1, max_length=IDENTIFIER_LENGTH + 2, description="A column of the table.")
]
TableName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=TABLE_LENGTH,
        description="A table or view: OWNER.TABLE or TABLE. Upper case unless in double quotes.",
        examples=["DEMO.AIRPORTS_PROD"],
    ),
]
Scalar = Annotated[str, Meta(max_length=4000)] | int | None
BindName = Annotated[str, Meta(pattern="^[A-Za-z][A-Za-z0-9_]{0,29}$")]
Comparator = Literal["=", "!=", "<", "<=", ">", ">=", "like", "in", "is null", "is not null"]
_WITHOUT_VALUE = ("is null", "is not null")
_COMMENTS = re.compile(r"\s+|--[^\n]*(?:\n|$)|/\*.*?\*/", re.DOTALL)


class Condition(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """One condition on a column; several are joined by AND."""

    column: ColumnName
    is_: Annotated[Comparator, Meta(description="How the column is compared with `value`.")] = msgspec.field(
        name="is", default="="
    )
    value: Annotated[
        Scalar | Annotated[list[Scalar], Meta(max_length=MAX_LISTED)],
        Meta(
            description="A text, a number, or a list of them for `in`. Dates and times as ISO text: 2026-01-31 or "
            "2026-01-31 12:00:00; numbers with decimals as text to be exact."
        ),
    ] = None

    def __post_init__(self) -> None:
        if self.is_ in _WITHOUT_VALUE:
            if self.value is not None:
                raise ValueError(f"`{self.is_}` takes no value")
        elif (self.is_ == "in") != isinstance(self.value, list) or self.value in ([], None):
            raise ValueError(f"`{self.is_}` needs {'a list of values' if self.is_ == 'in' else 'a value'}")
        elif isinstance(self.value, list) and None in self.value:
            raise ValueError("a list of values holds no null")


class CsvFormat(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """How a CSV file is written. What is absent is detected; types are found in the values of the whole file."""

    delimiter: Annotated[str, Meta(min_length=1, max_length=1)] | None = None
    quote: Annotated[str, Meta(min_length=1, max_length=1)] = '"'
    encoding: Annotated[
        Annotated[str, Meta(max_length=40)] | None,
        Meta(description="For example windows-1252. Absent: UTF-8, or UTF-16 with a byte order mark."),
    ] = None
    header: Annotated[bool, Meta(description="The first line holds the names of the columns.")] = True
    nulls: Annotated[
        list[Annotated[str, Meta(max_length=100)]],
        Meta(max_length=20, description="Unquoted texts that mean NULL; the empty one always does."),
    ] = []
    decimal: Literal[".", ","] = "."
    types: Annotated[
        dict[ColumnName, Annotated[str, Meta(max_length=40)]],
        Meta(max_length=1000, description="Types of some columns: NUMBER(9,2), DATE, TIMESTAMP, TEXT."),
    ] = {}
    bad_lines: Annotated[
        int,
        Meta(ge=0, le=1_000_000, description="Lines with too many or too few fields that may be left out."),
    ] = 0


class Side(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True, omit_defaults=True):
    """A table or view (`table`, perhaps with `where`), a query (`query`, with `binds`), or a file (`file`).

    With `connection` it lies there, else in Concord's own database or folder of files.
    """

    connection: Annotated[
        ConnectionName | None, Meta(description="Where it lies; absent: Concord's own database and files.")
    ] = None
    table: TableName | None = None
    owner: Annotated[
        Annotated[str, Meta(min_length=1, max_length=IDENTIFIER_LENGTH + 2, examples=["SALES"])] | None,
        Meta(description="Of the table, if `table` does not say it."),
    ] = None
    where: Annotated[
        list[Condition],
        Meta(max_length=MAX_CONDITIONS, description="Only the rows of the table that fulfil all."),
    ] = []
    query: Annotated[
        Annotated[str, Meta(min_length=1, max_length=MAX_QUERY)] | None,
        Meta(description="One SELECT, without a semicolon, run with the rights of CONCORD_QUERY_USER."),
    ] = None
    binds: Annotated[
        dict[BindName, Scalar],
        Meta(max_length=MAX_BINDS, description="Values of the query's bind variables."),
    ] = {}
    file: Annotated[
        Annotated[str, Meta(min_length=1, max_length=MAX_FILE, examples=["exports/prices.csv"])] | None,
        Meta(description="A file below the server's CONCORD_FILES_DIR, by its path from there."),
    ] = None
    format: Annotated[
        Literal["csv", "parquet", "arrow", "excel"] | None,
        Meta(description="Absent: by the file's contents."),
    ] = None
    sheet: Annotated[
        Annotated[str, Meta(min_length=1, max_length=100)] | None, Meta(description="Of an Excel workbook.")
    ] = None
    csv: CsvFormat | None = None

    def __post_init__(self) -> None:
        given = [name for name in ("table", "query", "file") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("a side is one of `table`, `query` and `file`")
        for name, owner in (
            ("owner", "table"),
            ("where", "table"),
            ("binds", "query"),
            ("format", "file"),
            ("sheet", "file"),
            ("csv", "file"),
        ):
            if getattr(self, name) and owner != given[0]:
                raise ValueError(f"`{name}` belongs to `{owner}`")
        if self.query is not None:
            check_query(self.query)

    @property
    def table_text(self) -> str | None:
        """The table with its owner, as the dictionary is asked for it."""
        return self.table if self.owner is None else f"{self.owner}.{self.table}"

    def __str__(self) -> str:
        return located(self.table_text or self.file or "a query", self.connection)


def check_query(text: str) -> None:
    """Raises ValueError unless the text can only be one SELECT.

    This is a help for people, not the safeguard: that is the database user of queries, who may read some
    tables and nothing else, and the transaction, which is read-only.
    """
    start = text
    while match := _COMMENTS.match(start):
        start = start[match.end() :]
    words = re.findall(r"\w+", start[:200].lower())[:2]
    if words[:1] not in (["select"], ["with"]):
        raise ValueError("a query must be one SELECT (or WITH ... SELECT)")
    if words in (["with", "function"], ["with", "procedure"]):
        raise ValueError("a query must not declare functions")
    if start.rstrip().endswith(";"):
        raise ValueError("a query must not end with a semicolon")


def file_below(folder: Path | None, text: str) -> Path:
    """The file that a request names. Raises RequestError with an empty field.

    The path may not leave the folder, neither by `..` nor by a symbolic link, and must be a regular file.
    """
    path = _below(folder, text)
    if path is None or not path.is_file():
        raise RequestError("", f"there is no file {text[:200]} in the folder of files.")
    return path


def folder_below(folder: Path | None, text: str) -> Path:
    """The folder of a connection, by the same rules. Raises RequestError with an empty field."""
    path = _below(folder, text)
    if path is None or not path.is_dir():
        raise RequestError("", f"there is no folder {text[:200]} in the folder of files.")
    return path


def _below(folder: Path | None, text: str) -> Path | None:
    """Where the path leads; None if nothing is there or if it leads out."""
    if folder is None:
        raise RequestError(
            "", "files cannot be compared here: the administrator has not set CONCORD_FILES_DIR."
        )
    relative = PurePosixPath(text)
    if "\x00" in text or "\\" in text or relative.is_absolute() or ".." in relative.parts:
        raise RequestError("", f"{text[:200]!r} is not a path below the folder of files.")
    try:
        root = folder.resolve(strict=True)
    except OSError:
        raise RequestError("", "the folder of files (CONCORD_FILES_DIR) cannot be read.") from None
    try:
        path = (root / relative).resolve(strict=True)
    except (OSError, RuntimeError):  # a loop of links is a RuntimeError in older Pythons
        return None
    return path if path.is_relative_to(root) else None
