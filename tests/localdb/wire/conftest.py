"""The protocol server with a database in memory behind it, and the real driver in front."""

from __future__ import annotations

from collections.abc import Iterator

import oracledb
import pytest

from app.localdb.server import Server
from tests.localdb.fake_backend import FakeBackend


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend()


@pytest.fixture
def server(backend: FakeBackend) -> Iterator[Server]:
    server = Server(backend)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def connection(server: Server) -> Iterator[oracledb.Connection]:
    with oracledb.connect(user="scott", password="tiger", dsn=server.dsn) as connection:
        yield connection
