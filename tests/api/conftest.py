"""The API in this process on a real database, a user of each role, and a few small tables to compare."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import bcrypt
import pytest
from litestar import Litestar
from litestar.testing import TestClient, WebSocketTestSession

from app.accounts import presence
from app.accounts.permissions import Role
from app.accounts.tokens import Tokens
from app.main import create_app
from app.ops.server import listen, server_of
from app.settings import Settings

if TYPE_CHECKING:
    from tests.conftest import Instance

PASSWORD = "correct horse battery"
Client = TestClient[Litestar]


@contextmanager
def serving(app: Litestar) -> Iterator[str]:
    """The application on a real port, with the server that `concord serve` uses; its address."""
    with listen("127.0.0.1", 0) as listening:
        server = server_of(app)
        server.config.timeout_graceful_shutdown = 2
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        end = time.monotonic() + 30
        while not server.started:
            assert time.monotonic() < end
            time.sleep(0.05)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture(scope="session")
def settings(concord_db: Settings) -> Settings:
    return dataclasses.replace(
        concord_db, admin_password=PASSWORD, poll_interval=0.05, max_body_bytes=64 * 1024
    )


@pytest.fixture(scope="session")
def app(settings: Settings) -> Iterator[Litestar]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(presence, "CHECK_SECONDS", 0.3)
        yield create_app(settings)


@pytest.fixture(scope="session")
def anonymous(app: Litestar) -> Iterator[Client]:
    """A client without a token."""
    with TestClient(app) as client:
        end = time.monotonic() + 30
        while client.get("/api/v1/health/ready").status_code != 200:
            assert time.monotonic() < end, client.get("/api/v1/health/ready").text
            time.sleep(0.05)
        yield client


@pytest.fixture(scope="session")
def address(settings: Settings, anonymous: Client) -> Iterator[str]:
    """The API on a real port: the client of the other tests shows no events as they come."""
    with serving(create_app(settings)) as url:
        yield f"{url}/api/v1"


@pytest.fixture(scope="session")
def users(anonymous: Client, database: Instance) -> dict[Role, str]:
    """User names by role, all with PASSWORD."""
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    names = {role: f"test-{role.lower()}" for role in Role}
    with database.connect() as connection:
        for role, name in names.items():
            connection.cursor().callproc("concord.accounts.create_user", [name, hashed, str(role)])
        connection.commit()
    return names


@pytest.fixture(scope="session")
def headers_of(anonymous: Client, users: dict[Role, str]) -> Callable[[Role], dict[str, str]]:
    """The Authorization header of a user of a role; each logs in once."""
    tokens: dict[Role, str] = {}

    def headers(role: Role) -> dict[str, str]:
        if role not in tokens:
            tokens[role] = log_in(anonymous, users[role])
        return {"Authorization": f"Bearer {tokens[role]}"}

    return headers


@pytest.fixture(scope="session")
def api(anonymous: Client, headers_of: Callable[[Role], dict[str, str]]) -> Caller:
    """Calls as an operator."""
    return Caller(anonymous, headers_of(Role.OPERATOR))


class Caller:
    """A client with a token; checks that every answer is an envelope."""

    def __init__(self, client: Client, headers: dict[str, str]) -> None:
        self.client = client
        self.headers = headers

    def __call__(self, method: str, path: str, **options: Any) -> Any:
        headers = {**self.headers, **options.pop("headers", {})}
        answer = self.client.request(method, f"/api/v1{path}", headers=headers, **options)
        body = answer.json()
        assert set(body) == {"success", "data", "message", "timestamp"}
        assert body["success"] is (answer.status_code < 400)
        return answer

    def data(self, method: str, path: str, **options: Any) -> Any:
        answer = self(method, path, **options)
        assert answer.status_code < 300, answer.text
        return answer.json()["data"]


def log_in(client: Client, username: str, password: str = PASSWORD) -> str:
    answer = client.post("/api/v1/auth/login", json={"username": username, "password": password})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["data"]["access_token"])


def token_of(client: Client, username: str, session_id: str, life: timedelta) -> str:
    """An access token such as the API gives out, of another life."""
    tokens = Tokens(client.app.state.signing_keys, life)
    with client.portal() as portal:
        return portal.call(tokens.issue, username, session_id)[0]


@contextmanager
def connected(client: Client, token: str) -> Iterator[WebSocketTestSession]:
    """A WebSocket, logged in."""
    with client.websocket_connect("/ws") as socket:
        socket.send_json({"type": "auth", "token": token})
        assert socket.receive_json(timeout=10)["type"] == "authenticated"
        yield socket


def subscribe(socket: WebSocketTestSession, topic: str, **more: Any) -> None:
    """Subscribe to a topic, or to the job of an id."""
    topic = f"job:{topic}" if "-" in topic and ":" not in topic else topic
    socket.send_json({"type": "subscribe", "topic": topic, **more})
    assert socket.receive_json(timeout=10) == {"type": "subscribed", "topic": topic}


def pushed(socket: WebSocketTestSession, seconds: float = 10) -> dict[str, Any]:
    """The next change of a job."""
    message: dict[str, Any] = socket.receive_json(timeout=seconds)
    assert message["type"] == "job", message
    return message


@pytest.fixture(scope="session")
def tables(database: Instance, settings: Settings) -> str:
    """A schema with small tables that the runtime user may read; its name."""
    statements = [
        'create user api_test identified by "Api-Test-1" quota unlimited on users',
        "create table api_test.parts_a (id number(9) primary key, name varchar2(40 char), price number(10,2))",
        "create table api_test.parts_b (id number(9) primary key, name varchar2(40 char), price number(10,2))",
        "create table api_test.loose_a (id number(9), name varchar2(40 char))",
        "create table api_test.loose_b (id number(9), name varchar2(40 char))",
        "create table api_test.coded_a (code varchar2(9 char) not null, name varchar2(40 char), "
        "constraint coded_a_uk unique (code))",
        "create table api_test.coded_b (code varchar2(9 char) not null, name varchar2(40 char), "
        "constraint coded_b_uk unique (code))",
        "create table api_test.stranger (other number(9) primary key)",
        "create table api_test.secret (id number(9) primary key)",
        "insert into api_test.parts_a (id, name, price) values (1, 'bolt', 1.5)",
        "insert into api_test.parts_b (id, name, price) values (1, 'bolt', 1.6)",
    ]
    names = ("parts_a", "parts_b", "loose_a", "loose_b", "coded_a", "coded_b", "stranger")
    statements += [f"grant select on api_test.{name} to {settings.db_user}" for name in names]
    with database.connect() as connection:
        for statement in statements:
            connection.cursor().execute(statement)
        connection.commit()
    return "API_TEST"


@pytest.fixture
def parts(tables: str) -> dict[str, Any]:
    """A request that is good as it is."""
    return {"source": {"table": f"{tables}.PARTS_A"}, "target": {"table": f"{tables}.PARTS_B"}}
