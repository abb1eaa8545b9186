"""A schema of its own for each test, in the local database, through the driver."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import oracledb
import pytest

from tests.conftest import Instance, LocalProcess

_numbers = itertools.count(1)
PRIVILEGES = (
    "create session, create table, create view, create sequence, create procedure, create trigger,"
    " create synonym, unlimited tablespace, change notification"
)

Connect = Callable[..., oracledb.Connection]


@pytest.fixture(scope="session")
def dba(localdb: Instance) -> Iterator[oracledb.Connection]:
    connection = localdb.connect()
    yield connection
    connection.close()


@pytest.fixture(scope="session")
def instance_23ai(localdb: Instance, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    yield from _playing("23", "23ai", localdb, tmp_path_factory)


@pytest.fixture(scope="session")
def instance_19c(localdb: Instance, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    yield from _playing("19", "19c", localdb, tmp_path_factory)


def _playing(
    number: str, version: str, localdb: Instance, factory: pytest.TempPathFactory
) -> Iterator[Instance]:
    """The local database of this run when it plays that version, else one more."""
    with localdb.connect() as connection:
        found = connection.version
    if found.startswith(f"{number}."):
        yield localdb
        return
    with LocalProcess(factory.mktemp(version), version=version) as process:
        yield process.instance


@pytest.fixture
def schema(dba: oracledb.Connection) -> Iterator[str]:
    """A new user with the rights of a developer; his password is `tiger`."""
    name = f"T{next(_numbers)}"
    cursor = dba.cursor()
    cursor.execute(f"create user {name} identified by tiger")
    cursor.execute(f"grant {PRIVILEGES} to {name}")
    yield name
    cursor.execute(f"drop user {name} cascade")


@pytest.fixture
def connect(localdb: Instance, schema: str) -> Iterator[Connect]:
    """Opens connections as the test's user (or another) and closes them all at the end."""
    opened: list[oracledb.Connection] = []

    def open_connection(user: str = schema, password: str = "tiger") -> oracledb.Connection:
        connection = oracledb.connect(user=user, password=password, dsn=localdb.dsn)
        opened.append(connection)
        return connection

    yield open_connection
    for connection in opened:
        try:
            connection.close()
        except oracledb.Error as error:
            if error.args[0].full_code not in ("DPY-1001", "DPY-4011"):  # closed or killed by the test
                raise


@pytest.fixture
def connection(connect: Connect) -> oracledb.Connection:
    return connect()


def code(caught: pytest.ExceptionInfo[oracledb.Error]) -> int:
    """The ORA- number of a caught error."""
    number: int = caught.value.args[0].code
    return number
