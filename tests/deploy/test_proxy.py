"""Behind a proxy: the address of the audit trail is the client's, if and only if the proxy is trusted."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.settings import Settings
from tests.api.test_serve import environment
from tests.queue.conftest import wait_for


@contextmanager
def serving(settings: Settings, home: Path, **variables: str) -> Iterator[str]:
    known = {
        "DB_DSN": settings.db_dsn,
        "DB_USER": settings.db_user,
        "DB_PASSWORD": settings.db_password,
        "ADMIN_PASSWORD": "correct-horse-1",
        "LOG_FORMAT": "json",
    }
    with subprocess.Popen(
        [sys.executable, "-m", "app.cli", "serve"],
        env=environment(home, **known, **variables),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            yield process.stderr.readline().split('"url": "')[1].split('"')[0]
        finally:
            process.terminate()


def ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/v1/health/ready").status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize(("trusted", "address"), [("127.0.0.0/8", "203.0.113.9"), ("192.0.2.1", "127.0.0.1")])
def test_the_address_is_the_clients_when_the_proxy_is_trusted(
    concord_db: Settings, database: Any, tmp_path: Path, trusted: str, address: str
) -> None:
    name = f"nobody-{len(trusted)}"
    with serving(concord_db, tmp_path, TRUSTED_PROXIES=trusted) as url:
        wait_for(lambda: ready(url), what="readiness")
        answer = httpx.post(
            f"{url}/api/v1/auth/login",
            json={"username": name, "password": "wrong-password-1"},
            headers={"X-Forwarded-For": "198.51.100.7, 203.0.113.9"},
        )
    assert answer.status_code == 401
    with closing(database.connect()) as dba, dba.cursor() as cursor:
        cursor.execute(
            f"select address from {concord_db.db_owner}.login_failures where username = :name", name=name
        )
        assert cursor.fetchall() == [(address,)]
