"""How the database of a run is chosen; and the way into a container, with an engine that is none.

No Docker engine runs where this was written. A server that answers what testcontainers asks of one stands in for it,
and the local database for what would run in the container: it listens where the container's port would be mapped to.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests import databases
from tests.databases import Instance, LocalProcess, NoDatabase, choice

PROGRAM = """
from tests.databases import choice, container
assert choice().kind == "container", choice()
with container() as instance:
    with instance.connect() as connection, connection.cursor() as cursor:
        print(*cursor.execute("select user, banner from v$version").fetchone(), instance.dsn, sep="|")
"""


class Engine(ThreadingHTTPServer):
    """What testcontainers needs of Docker's API (1.44), for one container. `asked` keeps the requests."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.inside = LocalProcess(folder)
        self.asked: list[tuple[str, str]] = []
        self.wanted: dict[str, Any] = {}
        self.running = False

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.server_port}"


class _Answers(BaseHTTPRequestHandler):
    server: Engine

    def _answer(self) -> None:
        path = self.path.partition("?")[0].removeprefix("/v1.44")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        engine = self.server
        engine.asked.append((self.command, path))
        match self.command, path:
            case "GET", "/version":
                self._send({"ApiVersion": "1.44", "MinAPIVersion": "1.24", "Version": "25"})
            case (("GET" | "HEAD"), "/_ping"):
                self._send("OK")
            case "POST", "/containers/create":
                engine.wanted = json.loads(body)
                self._send({"Id": "c" * 64, "Warnings": []}, 201)
            case "POST", start if start.endswith("/start"):
                environment = dict(one.split("=", 1) for one in engine.wanted["Env"])
                engine.inside._password = environment["ORACLE_PASSWORD"]
                engine.inside.start()
                engine.running = True
                self._send(None, 204)
            case "GET", logs if logs.endswith("/logs"):
                line = b"DATABASE IS READY TO USE!\n"
                self._send(b"\1\0\0\0" + len(line).to_bytes(4, "big") + line)
            case "GET", "/containers/json":
                self._send([{"Id": "c" * 64}])
            case "GET", inspect if inspect.endswith("/json"):
                self._send(self._inspected())
            case "DELETE", _:
                engine.inside.stop()
                engine.running = False
                self._send(None, 204)
            case _:
                self._send({"message": f"{self.command} {path} is not known here"}, 404)

    do_GET = do_POST = do_DELETE = do_HEAD = _answer

    def _inspected(self) -> dict[str, Any]:
        port = (
            self.server.inside.instance.dsn.partition("/")[0].rpartition(":")[2]
            if self.server.running
            else ""
        )
        return {
            "Id": "c" * 64,
            "Name": "/oracle",
            "Image": "sha256:0",
            "State": {
                "Status": "running" if self.server.running else "created",
                "Running": self.server.running,
            },
            "Config": {"Tty": False, "Image": databases.ORACLE_IMAGE, "Labels": {}},
            "NetworkSettings": {
                "Ports": {"1521/tcp": [{"HostIp": "0.0.0.0", "HostPort": port}]},
                "Networks": {},
            },
        }

    def _send(self, answer: object, status: int = 200) -> None:
        data = answer if isinstance(answer, bytes) else answer.encode() if isinstance(answer, str) else b"" if answer is None else json.dumps(answer).encode()  # fmt: skip
        self.send_response(status)
        self.send_header(
            "Content-Type", "text/plain" if isinstance(answer, bytes | str) else "application/json"
        )
        self.send_header("Api-Version", "1.44")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    server = Engine(tmp_path)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    if server.inside.process is not None:
        server.inside.stop()


def test_a_container_is_started_used_and_removed(engine: Engine) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CONCORD_TEST_")}
    environment |= {
        "DOCKER_HOST": engine.address,
        "TESTCONTAINERS_RYUK_DISABLED": "true",
        "TESTCONTAINERS_CONNECTION_MODE": "docker_host",  # also where the tests themselves run in a container
    }
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=60, check=False)  # fmt: skip
    assert done.returncode == 0, (done.stderr, engine.asked)
    user, banner, dsn = done.stdout.strip().split("|")
    assert (user, dsn.rpartition("/")[2]) == ("SYSTEM", "FREEPDB1")
    assert "Oracle" in banner
    assert engine.wanted["Image"] == databases.ORACLE_IMAGE
    assert list(engine.wanted["ExposedPorts"]) == ["1521/tcp"]
    assert ("DELETE", f"/containers/{'c' * 64}") in engine.asked
    assert not engine.running


@pytest.fixture
def no_choice(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """No variable set, no engine; the choice is made anew."""
    for name in ("CONCORD_TEST_DSN", "CONCORD_TEST_DATABASE", "CONCORD_TEST_PLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(databases, "engine_trouble", lambda: "nothing listens")
    choice.cache_clear()
    yield monkeypatch
    choice.cache_clear()


def test_without_an_engine_the_local_database_is_used_and_said(no_choice: pytest.MonkeyPatch) -> None:
    assert str(choice()) == "the local database playing 19c (no Docker engine answers here)"


def test_an_engine_is_used_unless_the_local_database_is_wanted(no_choice: pytest.MonkeyPatch) -> None:
    no_choice.setattr(databases, "engine_trouble", lambda: None)
    assert choice().kind == "container"
    choice.cache_clear()
    no_choice.setenv("CONCORD_TEST_DATABASE", "local")
    no_choice.setenv("CONCORD_TEST_PLAY", "23ai")
    assert str(choice()) == "the local database playing 23ai (CONCORD_TEST_DATABASE=local)"


def test_a_container_that_was_asked_for_is_never_replaced_by_the_local_database(
    no_choice: pytest.MonkeyPatch,
) -> None:
    no_choice.setenv("CONCORD_TEST_DATABASE", "container")
    with pytest.raises(NoDatabase, match="no Docker engine answers: nothing listens"):
        choice()


def test_a_database_of_ones_own_goes_first(no_choice: pytest.MonkeyPatch) -> None:
    no_choice.setenv("CONCORD_TEST_DSN", "dbhost/pdb")
    assert str(choice()) == "Oracle Database at dbhost/pdb (CONCORD_TEST_DSN)"


def test_a_wish_that_is_none_is_refused(no_choice: pytest.MonkeyPatch) -> None:
    no_choice.setenv("CONCORD_TEST_DATABASE", "postgres")
    with pytest.raises(NoDatabase, match="may be local or container"):
        choice()


def test_a_given_database_is_left_as_it_was_and_one_with_concord_is_refused(
    localdb: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text(localdb.password + "\n")
    monkeypatch.setenv("CONCORD_TEST_DSN", localdb.dsn)
    monkeypatch.setenv("CONCORD_TEST_PASSWORD_FILE", str(tmp_path / "secret"))
    monkeypatch.setattr(databases, "_TAKEN", ("TAKEN_BY_OTHERS",))
    with databases.given() as instance, instance.connect() as connection:
        connection.cursor().execute("create user taken_by_others no authentication")
        with pytest.raises(NoDatabase, match="already has the users TAKEN_BY_OTHERS"), databases.given():
            pass
    with localdb.connect() as connection:
        cursor = connection.cursor()
        cursor.execute("select count(*) from dba_users where username = 'TAKEN_BY_OTHERS'")
        assert cursor.fetchone() == (0,)
