"""The server's limits on clients that drip, talk without end, do not read, or are too many; and on passwords."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from litestar import Litestar, get

from app.accounts import passwords
from app.accounts.permissions import PUBLIC
from app.envelope import BusyError
from app.main import create_app
from app.ops import server
from app.settings import Settings
from tests.api.conftest import serving

MAX_AT_ONCE = 3


@pytest.fixture(scope="module")
def gates() -> dict[str, threading.Event]:
    return {"entered": threading.Event(), "open": threading.Event()}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, gates: dict[str, threading.Event]) -> Litestar:
    """An API without a database, and a route that takes as long as the test wants."""

    @get("/slow", opt=PUBLIC)
    async def slow() -> str:
        gates["entered"].set()
        await asyncio.to_thread(gates["open"].wait, 20)
        return "done"

    @get("/large", opt=PUBLIC)
    async def large() -> str:
        return "x" * 50_000_000

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nowhere = f"127.0.0.1:{free.getsockname()[1]}/NOWHERE"
    settings = Settings(
        home=tmp_path_factory.mktemp("home"),
        db_dsn=nowhere,
        db_password="pw",
        max_requests_at_once=MAX_AT_ONCE,
    )
    app = create_app(settings)
    app.register(slow)
    app.register(large)
    return app


@pytest.fixture(scope="module")
def url(app: Litestar) -> Iterator[str]:
    with serving(app) as url:
        yield url


def connect(url: str) -> socket.socket:
    where = urlsplit(url)
    assert where.hostname is not None
    assert where.port is not None
    return socket.create_connection((where.hostname, where.port), timeout=10)


def rest_of(connection: socket.socket) -> bytes:
    """All that still comes until the server closes."""
    found = b""
    while block := connection.recv(65536):
        found += block
    return found


HEAD = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n"


@pytest.mark.parametrize("sent", [b"", b"GET /api/v1/health HTTP/1.1\r\nX-A: 1", HEAD + b"\r\n{"])
def test_a_client_that_drips_is_cut_off(url: str, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.4)
    monkeypatch.setattr(server, "MESSAGE_SECONDS", 0.4)
    with connect(url) as connection:
        connection.sendall(sent)
        began = time.monotonic()
        with pytest.raises(OSError):  # noqa: PT011, PT012 - the drop that finds it closed
            while time.monotonic() < began + 10:
                connection.sendall(b"x")
                time.sleep(0.1)
        assert time.monotonic() - began < 5


def test_a_client_that_goes_on_after_an_answer_is_given_the_same_time(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.4)
    with connect(url) as connection:
        connection.sendall(b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\n\r\nGET /api")
        answers = rest_of(connection)
    assert answers.startswith(b"HTTP/1.1 200")
    assert b"HTTP/1.1 408" in answers


def test_headers_without_end_are_refused(url: str) -> None:
    with connect(url) as connection:
        connection.sendall(b"GET /api/v1/health HTTP/1.1\r\n")
        with pytest.raises(OSError):  # noqa: PT011, PT012
            for number in range(10_000):
                connection.sendall(f"X-{number}: {'y' * 1000}\r\n".encode())


def test_a_request_in_time_is_answered_however_slowly_the_work_goes(
    url: str, gates: dict[str, threading.Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(server, "MESSAGE_SECONDS", 0.3)
    gates["open"].clear()
    threading.Timer(1.0, gates["open"].set).start()
    assert httpx.get(f"{url}/slow", timeout=10).text == "done"


def test_an_answer_that_nobody_reads_is_given_up(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "READ_SECONDS", 0.5)
    with connect(url) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        began = time.monotonic()
        with pytest.raises(OSError):  # noqa: PT011, PT012
            while time.monotonic() < began + 10:
                connection.sendall(b"x")
                time.sleep(0.1)


def test_too_many_requests_at_once_are_answered_503_at_once_and_the_service_heals(
    url: str, gates: dict[str, threading.Event]
) -> None:
    gates["open"].clear()
    gates["entered"].clear()
    answers: list[httpx.Response] = []
    threads = [
        threading.Thread(target=lambda: answers.append(httpx.get(f"{url}/slow", timeout=20)))
        for _ in range(MAX_AT_ONCE)
    ]
    for thread in threads:
        thread.start()
    assert gates["entered"].wait(10)
    refused: httpx.Response | None = None
    end = time.monotonic() + 10
    while refused is None or refused.status_code != 503:  # until all of them have come in
        assert time.monotonic() < end
        refused = httpx.get(f"{url}/openapi-is-not-here", timeout=5)
    assert refused.headers["Retry-After"] == "2"
    assert refused.json()["success"] is False
    assert "X-Request-ID" in refused.headers
    assert httpx.get(f"{url}/api/v1/health", timeout=5).status_code == 200
    gates["open"].set()
    for thread in threads:
        thread.join(20)
    assert [answer.status_code for answer in answers] == [200] * MAX_AT_ONCE
    assert httpx.get(f"{url}/openapi-is-not-here", timeout=5).status_code == 404


def test_a_flood_of_passwords_is_answered_busy_and_not_queued_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hold = threading.Event()

    def slow_check(*_: Any) -> bool:
        return not hold.wait(20)

    monkeypatch.setattr(passwords.bcrypt, "checkpw", slow_check)

    async def flood() -> list[bool | BaseException]:
        asyncio.get_running_loop().call_later(0.3, hold.set)
        checks = (passwords.verify_password("x" * 8, "$2b$04$" + "x" * 53) for _ in range(60))
        return await asyncio.gather(*checks, return_exceptions=True)

    found = asyncio.run(flood())
    taken = passwords._WORKERS + passwords._MAX_WAITING
    assert sum(isinstance(one, BusyError) for one in found) == 60 - taken
    assert found.count(False) == taken


def test_every_failed_login_costs_one_bcrypt_of_the_same_cost(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(passwords, "_COST", 4)
    passwords._dummy.cache_clear()
    asyncio.run(passwords.prepare())
    costs: list[str] = []
    real = passwords.bcrypt.checkpw

    def counted(password: bytes, hashed: bytes) -> bool:
        costs.append(hashed.decode()[:7])
        return bool(real(password, hashed))

    def no_hash(*_: Any) -> bytes:
        raise AssertionError("a login makes no hash")

    known = asyncio.run(passwords.hash_password("correct horse"))
    monkeypatch.setattr(passwords.bcrypt, "checkpw", counted)
    monkeypatch.setattr(passwords.bcrypt, "hashpw", no_hash)
    for password, hashed in (
        ("wrong password", known),
        ("wrong password", None),
        ("x" * 73, known),
        ("nul \x00 inside", known),
        ("x" * 1024, None),
    ):
        assert not asyncio.run(passwords.verify_password(password, hashed))
    assert costs == ["$2b$04$"] * 5
    passwords._dummy.cache_clear()
