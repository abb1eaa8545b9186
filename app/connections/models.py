"""What a connection is on the wire and in DATA_CONNECTIONS."""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Annotated

import msgspec
import oracledb
from msgspec import Meta

from app.jobs.sides import ConnectionName

MAX_PASSWORD_BYTES = 1024
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])"
# Easy Connect without parameters: what else a session needs (TLS with options) a connect descriptor can say.
_EASY_CONNECT = re.compile(
    rf"(?:tcps?://)?{_HOST}(?::\d{{1,5}})?/[\w.$#-]{{1,128}}(?::(?:dedicated|pooled))?"
)
_PROTOCOLS = frozenset({"tcp", "tcps"})
_FORM = "write host:port/service, tcps://host:port/service, or a connect descriptor of TCP or TCPS addresses"
# What a descriptor may not say: files of this machine, ways around its network, secrets.
_REFUSED_PARAMETERS = re.compile(r"\w*(?:wallet|proxy|config_dir|token|key)\w*(?=\s*=)", re.IGNORECASE)


class ConnectionKind(StrEnum):
    """What a connection leads to."""

    ORACLE = "oracle"
    FOLDER = "folder"


class ConnectionRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What a connection says."""

    kind: ConnectionKind
    description: Annotated[str | None, Meta(description="What it is.")] = None
    dsn: Annotated[
        Annotated[str, Meta(min_length=1, max_length=1000)] | None,
        Meta(
            description=f"`oracle`: {_FORM}.",
            examples=["dbhost.example.com:1521/SALESPDB"],
        ),
    ] = None
    user: Annotated[
        Annotated[str, Meta(min_length=1, max_length=257, pattern=r"^[^\x00-\x1f\"@/]*\Z")] | None,
        Meta(description="`oracle`: a database user who may read what is compared, and nothing else."),
    ] = None
    password: Annotated[
        str | None,
        Meta(
            description="`oracle`: stored encrypted, never shown. When a connection is changed, absent keeps the stored "
            "one; it must be given again when address or user change."
        ),
    ] = None
    folder: Annotated[
        Annotated[str, Meta(min_length=1, max_length=1000)] | None,
        Meta(description="`folder`: a path below CONCORD_FILES_DIR; `.` is all of it.", examples=["exports"]),
    ] = None
    allows_queries: Annotated[
        bool,
        Meta(
            description="`oracle`: requests may also run a SELECT of their own with this user's rights, in a read-only "
            "transaction."
        ),
    ] = False
    max_jobs: Annotated[
        Annotated[int, Meta(ge=1, le=1000)] | None,
        Meta(description="Jobs that use it at once, in the whole fleet; null is no limit."),
    ] = None

    def __post_init__(self) -> None:
        if self.description is not None and len(self.description) > 1000:
            raise ValueError("`description` has at most 1000 characters")
        for name, kind in (
            ("dsn", ConnectionKind.ORACLE),
            ("user", ConnectionKind.ORACLE),
            ("password", ConnectionKind.ORACLE),
            ("allows_queries", ConnectionKind.ORACLE),
            ("folder", ConnectionKind.FOLDER),
        ):
            given = getattr(self, name)
            if given and kind is not self.kind:
                raise ValueError(f"`{name}` belongs to `{kind}`")
            if given is None and kind is self.kind and name != "password":
                raise ValueError(f"`{name}` is needed for `{kind}`")
        if self.dsn is not None and (fault := dsn_fault(self.dsn)):
            raise ValueError(f"`dsn` {fault}")
        if self.password is not None and not 0 < len(self.password.encode()) <= MAX_PASSWORD_BYTES:
            raise ValueError(f"`password` has 1 to {MAX_PASSWORD_BYTES} bytes")
        if self.folder is not None and not _is_below(self.folder):
            raise ValueError("`folder` is no path below the folder of files")

    def __repr__(self) -> str:
        return f"{type(self).__name__}(kind={self.kind!r}, dsn={self.dsn!r}, user={self.user!r}, folder={self.folder!r})"


class NewConnection(ConnectionRequest, frozen=True, kw_only=True):
    """A connection that is to be registered."""

    name: ConnectionName


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """A connection as it stands. Its password is never shown."""

    name: str
    kind: ConnectionKind
    description: str | None
    dsn: str | None
    user: str | None
    has_password: bool
    folder: str | None
    allows_queries: bool
    max_jobs: int | None
    created_by: str
    created_at: datetime
    updated_at: datetime
    version: Annotated[int, Meta(description="Raised by every change.")]


def dsn_fault(dsn: str) -> str | None:
    """What is wrong with an address of a database; None if nothing is.

    Names of tnsnames.ora and of configuration providers (`config-file://` and the like) are none: they would read
    files of this machine, or ask services with its rights.
    """
    descriptor = dsn.lstrip().startswith("(")
    if not descriptor and not _EASY_CONNECT.fullmatch(dsn):
        return f"cannot be read: {_FORM}"
    parameters = oracledb.ConnectParams()
    try:
        parameters.parse_connect_string(dsn)
    except oracledb.Error:
        return f"cannot be read: {_FORM}"
    protocols = parameters.protocol
    if not set(protocols if isinstance(protocols, list) else [protocols]) <= _PROTOCOLS:
        return "has an address that is neither TCP nor TCPS"
    refused = _REFUSED_PARAMETERS.search(dsn)
    return None if refused is None else f"must not say {refused[0]}"


def _is_below(folder: str) -> bool:
    path = PurePosixPath(folder)
    return not (path.is_absolute() or ".." in path.parts or "\x00" in folder or "\\" in folder)
