"""docs/connections.md, every block of it, against an API and a worker."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from app.connections.keyring import new_key
from app.settings import Settings
from tests.connections.conftest import forget_connections
from tests.databases import Instance
from tests.queue.conftest import WorkerProcess, environment_of, wait_for

GUIDE = Path(__file__).parents[2] / "docs" / "connections.md"
ADMIN_PASSWORD = "correct horse battery"


@pytest.fixture
def environment(database: Instance, concord_db: Settings, tmp_path: Path) -> Iterator[dict[str, str]]:
    """What the guide says is there."""
    password = secrets.token_hex(10)
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f'create user conn_guide identified by "{password}" quota unlimited on users')
        cursor.execute("grant create session to conn_guide")
        cursor.execute("create table conn_guide.orders (id number(9) primary key, price number(9,2))")
        cursor.executemany("insert into conn_guide.orders values (:1, :2)", [(1, 1.5), (2, 2.5)])
        connection.commit()
    (tmp_path / "files" / "exports").mkdir(parents=True)
    (tmp_path / "files" / "exports" / "orders.csv").write_text("ID,PRICE\n1,1.50\n2,9.99\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = replace(
        concord_db,
        port=port,
        admin_password=ADMIN_PASSWORD,
        connection_keys=new_key(),
        files_dir=str(tmp_path / "files"),
    )
    running = [
        WorkerProcess(settings, tmp_path, name, module="app.cli", arguments=[name])
        for name in ("serve", "worker")
    ]
    try:
        yield {
            **environment_of(settings),
            "API": f"http://127.0.0.1:{port}/api/v1",
            "DSN": database.dsn,
            "DB_PASSWORD": password,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
    finally:
        for process in running:
            process.process.kill()
            process.wait()
        forget_connections(database)


@pytest.mark.skipif(
    shutil.which("curl") is None or shutil.which("jq") is None, reason="needs the programs curl and jq"
)
@pytest.mark.timeout(240)
def test_the_guides_commands_do_what_they_say(environment: dict[str, str], tmp_path: Path) -> None:
    def token() -> str | None:
        try:
            login = {"username": "admin", "password": ADMIN_PASSWORD}
            answer = httpx.post(f"{environment['API']}/auth/login", json=login)
            return str(answer.json()["data"]["access_token"]) if answer.status_code == 200 else None
        except httpx.TransportError:
            return None

    environment["TOKEN"] = wait_for(token, 60, "a log-in")
    blocks = re.findall(r"^```bash\n(.*?)^```", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    script = "\n".join(["set -euo pipefail", *blocks])
    done = subprocess.run(
        ["bash", "-c", script], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stderr
    key, *said = done.stdout.splitlines()
    assert len(key) == 44
    assert said == [
        "The connection is registered.",
        "The connection is registered.",
        "CONN_GUIDE",
        "ORDERS",
        '[{"origin":"primary key","columns":["ID"]}]',
        '[["1","1.5"]]',
        "orders.csv",
        '{"matched":2,"changed":1}',
        "prod: encrypted with the first key",
    ]
