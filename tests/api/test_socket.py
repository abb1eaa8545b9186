"""The WebSocket on a real database: log in, subscribe, hear changes whoever makes them, come back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from litestar import Litestar
from litestar.exceptions import WebSocketDisconnect
from litestar.testing import WebSocketTestSession

from app.accounts.permissions import Role
from app.accounts.tokens import Tokens
from tests.api.conftest import Caller, Client, connected, log_in, pushed, subscribe

if TYPE_CHECKING:
    from tests.conftest import Instance

UNKNOWN = "00000000-0000-4000-8000-000000000000"
FIELDS = {
    "job_id",
    "status",
    "progress",
    "current_step",
    "estimated_completion",
    "version",
    "updated_at",
    "type",
}


@pytest.fixture
def token(headers_of: Callable[[Role], dict[str, str]]) -> str:
    return headers_of(Role.VIEWER)["Authorization"].removeprefix("Bearer ")


def submit(api: Caller, parts: dict[str, Any]) -> str:
    return str(api.data("POST", "/compare", json=parts)["job_id"])


def test_a_subscriber_hears_where_the_job_stands_and_then_its_changes(
    anonymous: Client, token: str, api: Caller, parts: dict[str, Any]
) -> None:
    job_id = submit(api, parts)
    with connected(anonymous, token) as socket:
        subscribe(socket, job_id)
        first = pushed(socket)
        assert set(first) == FIELDS
        assert (first["job_id"], first["status"], first["progress"]) == (job_id, "PENDING", 0.0)
        api.data("DELETE", f"/jobs/{job_id}")
        second = pushed(socket)
        assert second["status"] == "CANCELLED"
        assert second["version"] > first["version"]


def test_a_dbas_plain_update_reaches_the_browser(
    anonymous: Client, token: str, api: Caller, parts: dict[str, Any], database: Instance
) -> None:
    job_id = submit(api, parts)
    with connected(anonymous, token) as socket:
        subscribe(socket, job_id)
        pushed(socket)
        with database.connect() as connection, connection.cursor() as cursor:
            cursor.execute(
                "update concord.comparison_jobs set current_step = 'by hand' where job_id = :1", [job_id]
            )
            connection.commit()
        assert pushed(socket)["current_step"] == "by hand"


def test_a_subscriber_to_everything_hears_of_new_jobs(
    anonymous: Client, token: str, api: Caller, parts: dict[str, Any]
) -> None:
    with connected(anonymous, token) as socket:
        subscribe(socket, "*")
        job_id = submit(api, parts)
        assert pushed(socket)["job_id"] == job_id


def test_who_comes_back_with_the_last_version_hears_only_what_is_newer(
    anonymous: Client, token: str, api: Caller, parts: dict[str, Any]
) -> None:
    job_id = submit(api, parts)
    with connected(anonymous, token) as socket:
        subscribe(socket, job_id)
        version = pushed(socket)["version"]
    api.data("DELETE", f"/jobs/{job_id}")
    with connected(anonymous, token) as socket:
        subscribe(socket, job_id, last_version=version)
        message = pushed(socket)
        assert (message["status"], message["version"]) == ("CANCELLED", version + 1)


def test_who_comes_back_to_everything_hears_what_changed_meanwhile(
    anonymous: Client, token: str, api: Caller, parts: dict[str, Any]
) -> None:
    job_id = submit(api, parts)
    with connected(anonymous, token) as socket:
        subscribe(socket, "*", since=(datetime.now(UTC) - timedelta(minutes=1)).isoformat())
        while pushed(socket)["job_id"] != job_id:
            pass


def test_the_authorization_header_serves_as_well(anonymous: Client, token: str) -> None:
    with anonymous.websocket_connect("/ws", headers={"Authorization": f"Bearer {token}"}) as socket:
        assert socket.receive_json(timeout=10)["username"] == "test-viewer"


@pytest.mark.parametrize("job_id", [UNKNOWN, "x", "", "a\x00b"])
def test_an_unknown_job_is_told_and_the_session_goes_on(
    anonymous: Client, token: str, api: Caller, parts: dict[str, Any], job_id: str
) -> None:
    with connected(anonymous, token) as socket:
        socket.send_json({"type": "subscribe", "job_id": job_id})
        assert socket.receive_json(timeout=10) == {"type": "error", "message": f"There is no job {job_id}."}
        subscribe(socket, submit(api, parts))


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"type": "dance"}', '{"type": "subscribe"}', '{"type": "subscribe", "job_id": 7}'],
)
def test_a_message_that_is_not_understood_is_told_and_the_session_goes_on(
    anonymous: Client, token: str, text: str
) -> None:
    with connected(anonymous, token) as socket:
        socket.send_text(text)
        assert socket.receive_json(timeout=10)["type"] == "error"
        subscribe(socket, "*")


def closed_with(socket: WebSocketTestSession) -> tuple[int, str]:
    """The close code, and the error before it."""
    sentence = socket.receive_json(timeout=10)["message"]
    with pytest.raises(WebSocketDisconnect) as closed:
        socket.receive_json(timeout=10)
    return closed.value.code, sentence


@pytest.mark.parametrize(
    "message", [{"type": "auth", "token": "x.y.z"}, {"type": "subscribe", "job_id": "*"}, {}]
)
def test_who_does_not_log_in_first_is_put_out(anonymous: Client, message: dict[str, str]) -> None:
    with anonymous.websocket_connect("/ws") as socket:
        socket.send_json(message)
        assert closed_with(socket)[0] == 4401


def test_a_session_ends_when_its_token_does(anonymous: Client, app: Litestar, users: dict[Role, str]) -> None:
    session = app.state.tokens.read(log_in(anonymous, users[Role.VIEWER])).session_id
    short, _ = Tokens(app.state.jwt_secret, timedelta(seconds=2)).issue(users[Role.VIEWER], session)
    with connected(anonymous, short) as socket:
        code, sentence = closed_with(socket)
    assert (code, sentence) == (4401, "Your token has expired: log in again.")


def test_a_flood_of_messages_ends_the_session(anonymous: Client, token: str) -> None:
    with connected(anonymous, token) as socket:
        for _ in range(300):
            socket.send_json({"type": "unsubscribe", "job_id": "*"})
        with pytest.raises(WebSocketDisconnect) as closed:
            list(iter(lambda: socket.receive_json(timeout=10), None))
        assert closed.value.code == 4429
