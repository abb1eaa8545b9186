"""The WebSocket on a real database: log in, subscribe, hear changes whoever makes them, come back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import jwt
import msgspec
import pytest
from litestar import Litestar
from litestar.exceptions import WebSocketDisconnect
from litestar.testing import WebSocketTestSession

from app.accounts import presence
from app.accounts.permissions import MATRIX, Permission, Role
from app.jobs.models import JobProgress
from app.jobs.socket import MAX_SUBSCRIPTIONS
from tests.api.conftest import Caller, Client, connected, log_in, pushed, subscribe, token_of

if TYPE_CHECKING:
    from tests.conftest import Instance

UNKNOWN = "00000000-0000-4000-8000-000000000000"
FIELDS = {field.name for field in msgspec.structs.fields(JobProgress)} | {"type"}


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
        subscribe(socket, "everything")
        job_id = submit(api, parts)
        assert pushed(socket)["job_id"] == job_id


def test_mine_and_a_tables_topic_tell_of_these_jobs_only(
    anonymous: Client,
    headers_of: Callable[[Role], dict[str, str]],
    api: Caller,
    parts: dict[str, Any],
    tables: str,
) -> None:
    analyst = Caller(anonymous, headers_of(Role.ANALYST))
    other = {side: {"table": f"{tables}.LOOSE_{side[-1]}"} for side in ("side_a", "side_b")}
    loose = {"source": other["side_a"], "target": other["side_b"], "key": ["ID"]}
    mine_token = analyst.headers["Authorization"].removeprefix("Bearer ")
    with connected(anonymous, mine_token) as mine, connected(anonymous, mine_token) as of_table:
        subscribe(mine, "mine")
        subscribe(of_table, f"table:{tables.lower()}.loose_a")
        submit(api, parts)
        of_another = submit(api, loose)
        of_mine = submit(analyst, parts)
        assert pushed(mine)["job_id"] == of_mine
        assert pushed(of_table)["job_id"] == of_another


def test_an_error_is_told_at_once(
    anonymous: Client, token: str, api: Caller, parts: dict[str, Any], database: Instance
) -> None:
    job_id = submit(api, parts)
    with connected(anonymous, token) as socket:
        subscribe(socket, job_id)
        pushed(socket)
        with database.connect() as connection, connection.cursor() as cursor:
            cursor.execute(
                "update concord.comparison_jobs set error_details = :1 where job_id = :2",
                ['{"code": "x", "sentence": "The table went away."}', job_id],
            )
            connection.commit()
        assert pushed(socket)["error"] == "The table went away."


def test_the_system_topic_tells_of_the_database_and_the_workers(
    anonymous: Client, token: str, database: Instance
) -> None:
    worker = {"id": "host-1-abc", "host": "host", "status": "ACTIVE"}
    with connected(anonymous, token) as socket:
        subscribe(socket, "system")
        first = socket.receive_json(timeout=10)
        assert (first["type"], first["database"]) == ("system", "available")
        with database.connect() as connection, connection.cursor() as cursor:
            cursor.execute(
                "insert into concord.workers (worker_id, hostname, pid, status, wakeup_mode, slots, started_at, "
                "heartbeat_at, lease_seconds, version) values (:id, :host, 1, :status, 'poll', 1, "
                "sys_extract_utc(systimestamp), sys_extract_utc(systimestamp), 30, '1')",
                worker,
            )
            connection.commit()
            told = [socket.receive_json(timeout=10) for _ in range(2)]
            cursor.execute("delete from concord.workers where worker_id = :1", [worker["id"]])
            connection.commit()
        assert next(one for one in told if one["type"] == "worker")["worker_id"] == worker["id"]
        assert next(one for one in told if one["type"] == "system")["workers"] == first["workers"] + 1
        last = [socket.receive_json(timeout=10) for _ in range(2)]
        assert next(one for one in last if one["type"] == "worker")["status"] == "GONE"


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
        subscribe(socket, "everything", since=(datetime.now(UTC) - timedelta(minutes=1)).isoformat())
        while pushed(socket)["job_id"] != job_id:
            pass


def test_who_says_which_versions_he_knows_hears_nothing_twice(
    anonymous: Client, token: str, api: Caller, parts: dict[str, Any]
) -> None:
    known: dict[str, int] = {}
    with connected(anonymous, token) as socket:
        subscribe(socket, "everything")
        first = submit(api, parts)
        while first not in known:
            last = pushed(socket)
            known[last["job_id"]] = last["version"]
    second = submit(api, parts)
    with connected(anonymous, token) as socket:
        began = (datetime.now(UTC) - timedelta(minutes=14)).isoformat()
        subscribe(socket, "everything", since=began)
        while second not in known:
            message = pushed(socket)
            known[message["job_id"]] = message["version"]
    with connected(anonymous, token) as socket:
        subscribe(socket, "everything", since=last["updated_at"], known=known)
        third = submit(api, parts)
        assert pushed(socket)["job_id"] == third


def test_the_authorization_header_serves_as_well(anonymous: Client, token: str) -> None:
    with anonymous.websocket_connect("/ws", headers={"Authorization": f"Bearer {token}"}) as socket:
        assert socket.receive_json(timeout=10)["username"] == "test-viewer"


@pytest.mark.parametrize("job_id", [UNKNOWN, "x", "", "a\x00b"])
def test_an_unknown_job_is_told_and_the_session_goes_on(
    anonymous: Client, token: str, api: Caller, parts: dict[str, Any], job_id: str
) -> None:
    with connected(anonymous, token) as socket:
        socket.send_json({"type": "subscribe", "topic": f"job:{job_id}"})
        assert socket.receive_json(timeout=10) == {"type": "error", "message": f"There is no job {job_id}."}
        subscribe(socket, submit(api, parts))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"type": "dance"}',
        '{"type": "subscribe"}',
        '{"type": "subscribe", "topic": 7}',
        '{"type": "subscribe", "topic": "*"}',
    ],
)
def test_a_message_that_is_not_understood_is_told_and_the_session_goes_on(
    anonymous: Client, token: str, text: str
) -> None:
    with connected(anonymous, token) as socket:
        socket.send_text(text)
        assert socket.receive_json(timeout=10)["type"] == "error"
        subscribe(socket, "everything")


def closed_with(socket: WebSocketTestSession) -> tuple[int, str]:
    """The close code, and the error before it."""
    sentence = socket.receive_json(timeout=10)["message"]
    with pytest.raises(WebSocketDisconnect) as closed:
        socket.receive_json(timeout=10)
    return closed.value.code, sentence


@pytest.mark.parametrize(
    "message", [{"type": "auth", "token": "x.y.z"}, {"type": "subscribe", "topic": "everything"}, {}]
)
def test_who_does_not_log_in_first_is_put_out(anonymous: Client, message: dict[str, str]) -> None:
    with anonymous.websocket_connect("/ws") as socket:
        socket.send_json(message)
        assert closed_with(socket)[0] == 4401


def test_a_session_ends_when_its_token_does(anonymous: Client, users: dict[Role, str]) -> None:
    claims = jwt.decode(log_in(anonymous, users[Role.VIEWER]), options={"verify_signature": False})
    short = token_of(anonymous, users[Role.VIEWER], claims["sid"], timedelta(seconds=2))
    with connected(anonymous, short) as socket:
        code, sentence = closed_with(socket)
    assert (code, sentence) == (4401, "Your token has expired: log in again.")


def test_a_flood_of_messages_ends_the_session(anonymous: Client, token: str) -> None:
    with connected(anonymous, token) as socket:
        for _ in range(400):
            socket.send_json({"type": "unsubscribe", "topic": "everything"})
        with pytest.raises(WebSocketDisconnect) as closed:
            list(iter(lambda: socket.receive_json(timeout=10), None))
        assert closed.value.code == 4429


def test_a_log_out_ends_the_socket(anonymous: Client, users: dict[Role, str]) -> None:
    token = log_in(anonymous, users[Role.VIEWER])
    with connected(anonymous, token) as socket:
        assert anonymous.post("/api/v1/auth/logout", headers={"Authorization": f"Bearer {token}"}).is_success
        assert closed_with(socket) == (4401, "You have been logged out: log in again.")


def test_a_key_hears_what_its_scopes_cover(anonymous: Client, users: dict[Role, str]) -> None:
    session = {"Authorization": f"Bearer {log_in(anonymous, users[Role.VIEWER])}"}

    def key(*scopes: str) -> dict[str, Any]:
        body = {"label": "live", "scopes": scopes}
        made: dict[str, Any] = anonymous.post("/api/v1/api-keys", headers=session, json=body).json()["data"]
        return made

    dashboard, nothing = key("dashboard:read"), key("account:read-own")
    with anonymous.websocket_connect("/ws", headers={"X-API-Key": nothing["key"]}) as socket:
        assert closed_with(socket) == (4403, "You may neither read jobs nor the dashboard.")
    with connected(anonymous, dashboard["key"]) as socket:
        for topic in ("everything", "mine", f"job:{UNKNOWN}", "table:A.B"):
            socket.send_json({"type": "subscribe", "topic": topic})
            assert socket.receive_json(timeout=10)["message"] == "You lack the permission jobs:read."
        subscribe(socket, "system")
        anonymous.delete(f"/api/v1/api-keys/{dashboard['key_id']}", headers=session)
        while (message := socket.receive_json(timeout=10))["type"] in ("system", "worker"):
            pass
        assert message["message"] == "This key has been revoked."


def test_a_right_that_is_lost_ends_the_subscriptions_that_need_it(
    anonymous: Client, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connected(anonymous, token) as socket:
        subscribe(socket, "mine")
        monkeypatch.setitem(MATRIX, Role.VIEWER, MATRIX[Role.VIEWER] - {Permission.JOBS_READ})
        told = socket.receive_json(timeout=10)
        assert (told["type"], told["topic"]) == ("unsubscribed", "mine")
        assert told["message"] == "You lack the permission jobs:read by now."


def test_a_user_holds_a_limited_number_of_live_connections(
    anonymous: Client, app: Litestar, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.state.presence, "_limit", 1)
    with connected(anonymous, token):
        with anonymous.websocket_connect("/ws") as second:
            second.send_json({"type": "auth", "token": token})
            assert closed_with(second) == (4429, "You have 1 live connections already; close one first.")
        headers = {"Authorization": f"Bearer {token}"}
        refused = anonymous.get("/api/v1/dashboard/stream", headers=headers)
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "30")
    with connected(anonymous, token) as again:
        subscribe(again, "everything")


def test_connections_without_a_token_are_limited(
    anonymous: Client, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "MAX_AT_THE_DOOR", 1)
    with anonymous.websocket_connect("/ws"), anonymous.websocket_connect("/ws") as second:
        assert closed_with(second)[0] == 1013
    with connected(anonymous, token):
        pass


def test_a_client_that_comes_back_with_all_its_subscriptions_is_no_flood(
    anonymous: Client, token: str, api: Caller, parts: dict[str, Any]
) -> None:
    job_id = submit(api, parts)
    with connected(anonymous, token) as socket:
        for number in range(MAX_SUBSCRIPTIONS - 1):
            socket.send_json({"type": "subscribe", "topic": f"table:NO.TABLE_{number}"})
        socket.send_json({"type": "subscribe", "topic": f"job:{job_id}"})
        socket.send_json({"type": "subscribe", "topic": "mine"})
        told = [socket.receive_json(timeout=10)["type"] for _ in range(MAX_SUBSCRIPTIONS + 2)]
        assert sorted(set(told)) == ["error", "job", "subscribed"]
