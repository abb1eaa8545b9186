"""`concord connections`: a new key, and every password encrypted anew."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from app.connections.keyring import new_key
from app.connections.models import NewConnection
from app.connections.store import ConnectionStorage, SealError, StoredConnection
from app.oracle.pool import OraclePool
from app.settings import Settings
from tests.connections.conftest import forget_connections
from tests.databases import Instance
from tests.queue.conftest import environment_of

OLD, NEW = new_key(), new_key()
PASSWORD = "not for anybody"


def concord(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app.cli", "connections", *arguments],
        env=environment_of(settings),
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture(autouse=True)
def _no_connection_stays(database: Instance) -> Iterator[None]:
    yield
    forget_connections(database)


async def stored(settings: Settings, *made: str) -> list[StoredConnection]:
    """Make connections, then read all."""
    pool = OraclePool(settings, module="test")
    pool.open()
    storage = ConnectionStorage(pool, settings.keyring)
    for name in made:
        body: dict[str, Any] = {
            "name": name,
            "kind": "oracle",
            "dsn": "h/x",
            "user": "u",
            "password": PASSWORD,
        }
        wanted = msgspec.convert(body, NewConnection)
        await storage.create(name, wanted, "tester")
    found = await storage.all()
    await pool.close()
    return found


def test_passwords_are_encrypted_with_the_first_key_and_a_lost_key_is_told(concord_db: Settings) -> None:
    old, new = replace(concord_db, connection_keys=OLD), replace(concord_db, connection_keys=NEW)
    both = replace(concord_db, connection_keys=f"{NEW} {OLD}")
    asyncio.run(stored(old, "one", "two"))
    lost = concord(new, "reencrypt")
    assert (lost.returncode, lost.stdout.count("is not in CONCORD_CONNECTION_KEYS")) == (1, 2)
    for _ in range(2):  # safe to repeat
        done = concord(both, "reencrypt")
        assert (done.returncode, done.stdout) == (
            0,
            "one: encrypted with the first key\ntwo: encrypted with the first key\n",
        ), done.stderr
    connections = asyncio.run(stored(new))
    assert [each.password(new.keyring) for each in connections] == [PASSWORD, PASSWORD]
    assert [each.shown.version for each in connections] == [2, 2]
    with pytest.raises(SealError):
        connections[0].password(old.keyring)
    without = concord(concord_db, "reencrypt")
    assert (without.returncode, "there is no key to encrypt with" in without.stderr) == (1, True)
    for process in (lost, done, without):
        assert not {PASSWORD, OLD, NEW} & set((process.stdout + process.stderr).split())


def test_a_new_key_is_one_that_the_setting_takes(concord_db: Settings) -> None:
    made = concord(concord_db, "new-key")
    assert replace(concord_db, connection_keys=made.stdout.strip()).keyring.current
