"""Sessions, users, keys, limits and the audit trail, with two API processes on one database."""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from app.accounts import signing
from app.accounts.audit_command import verify
from app.accounts.permissions import MATRIX, NEVER_BY_KEY, Permission, Role
from app.main import create_app
from app.settings import Settings
from tests.api.conftest import PASSWORD, Caller, Client

if TYPE_CHECKING:
    from tests.conftest import Instance

Headers = dict[str, str]


@pytest.fixture(scope="module")
def other(settings: Settings, anonymous: Client) -> Iterator[Client]:
    """A second API process on the same database."""
    with TestClient(create_app(settings)) as client:
        yield client


@pytest.fixture(scope="module")
def admin(anonymous: Client, headers_of: Callable[[Role], Headers]) -> Caller:
    return Caller(anonymous, headers_of(Role.ADMIN))


@pytest.fixture
def ann(admin: Caller, request: pytest.FixtureRequest) -> str:
    """A new analyst."""
    name = re.sub(r"\W", "-", request.node.name)[:100]
    admin.data("POST", "/users", json={"username": name, "password": PASSWORD, "role": "ANALYST"})
    return name


def bearer(token: str) -> Headers:
    return {"Authorization": f"Bearer {token}"}


def login(client: Client, name: str) -> dict[str, Any]:
    answer = client.post("/api/v1/auth/login", json={"username": name, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def refresh(client: Client, token: str) -> Any:
    return client.post("/api/v1/auth/refresh", json={"refresh_token": token})


def status_of_me(client: Client, token: str) -> int:
    return int(client.get("/api/v1/auth/me", headers=bearer(token)).status_code)


# Sessions


def test_a_logged_out_token_is_dead_on_every_process(anonymous: Client, other: Client, ann: str) -> None:
    tokens = login(anonymous, ann)
    assert status_of_me(other, tokens["access_token"]) == 200
    answer = anonymous.post("/api/v1/auth/logout", headers=bearer(tokens["access_token"]))
    assert (answer.status_code, answer.json()["message"]) == (200, "Good-bye.")
    assert status_of_me(other, tokens["access_token"]) == 401
    assert refresh(other, tokens["refresh_token"]).status_code == 401


def test_logging_out_ends_this_session_only_unless_everywhere_is_said(anonymous: Client, ann: str) -> None:
    first, second, third = (login(anonymous, ann)["access_token"] for _ in range(3))
    anonymous.post("/api/v1/auth/logout", headers=bearer(first))
    assert (status_of_me(anonymous, first), status_of_me(anonymous, second)) == (401, 200)
    anonymous.post("/api/v1/auth/logout?everywhere=true", headers=bearer(second))
    assert (status_of_me(anonymous, second), status_of_me(anonymous, third)) == (401, 401)


def test_a_refresh_token_gives_new_tokens_once_and_its_reuse_ends_the_session(
    anonymous: Client, other: Client, ann: str, admin: Caller
) -> None:
    first = login(anonymous, ann)
    second = refresh(other, first["refresh_token"]).json()["data"]
    assert second["session_expires_at"] == first["session_expires_at"]
    assert status_of_me(anonymous, second["access_token"]) == 200
    again = refresh(anonymous, first["refresh_token"])
    assert again.status_code == 401
    assert "somebody has a copy" in again.json()["message"]
    assert status_of_me(anonymous, second["access_token"]) == 401
    assert refresh(anonymous, second["refresh_token"]).status_code == 401
    entries = admin.data("GET", f"/audit?target={ann}&action=refresh.reused")["items"]
    assert [entry["outcome"] for entry in entries] == ["REFUSED"]


def test_a_refresh_token_that_was_never_given_out_is_refused(anonymous: Client) -> None:
    assert refresh(anonymous, "x" * 43).status_code == 401


def test_changing_the_own_password_ends_the_other_sessions(anonymous: Client, ann: str) -> None:
    here, elsewhere = login(anonymous, ann)["access_token"], login(anonymous, ann)["access_token"]

    def change(current: str, new: str) -> Any:
        body = {"current_password": current, "new_password": new}
        return anonymous.put("/api/v1/auth/password", headers=bearer(here), json=body)

    wrong = change("not it at all", "another password")
    assert (wrong.status_code, wrong.json()["data"]["errors"][0]["field"]) == (422, "current_password")
    short = change(PASSWORD, "short")
    assert (short.status_code, short.json()["data"]["errors"][0]["field"]) == (422, "new_password")
    assert change(PASSWORD, "another password").status_code == 200
    assert (status_of_me(anonymous, here), status_of_me(anonymous, elsewhere)) == (200, 401)
    answer = anonymous.post("/api/v1/auth/login", json={"username": ann, "password": "another password"})
    assert answer.status_code == 200


def test_guessing_the_own_password_is_braked_too(anonymous: Client, ann: str) -> None:
    token = login(anonymous, ann)["access_token"]
    body = {"current_password": "wrong password", "new_password": "another password"}
    statuses = [
        anonymous.put("/api/v1/auth/password", headers=bearer(token), json=body).status_code for _ in range(6)
    ]
    assert statuses == [422] * 5 + [429]


# Limits


def test_failed_logins_are_counted_over_all_processes(anonymous: Client, other: Client, ann: str) -> None:
    body = {"username": ann, "password": "wrong password"}
    statuses = [
        client.post("/api/v1/auth/login", json=body).status_code
        for client in (anonymous, other, anonymous, other, anonymous, other)
    ]
    assert statuses == [401] * 5 + [429]
    closed = other.post("/api/v1/auth/login", json={"username": ann, "password": PASSWORD})
    assert closed.status_code == 429
    assert 0 < int(closed.headers["Retry-After"]) <= 300


def test_requests_are_counted_over_all_processes(settings: Settings, anonymous: Client, ann: str) -> None:
    limited = dataclasses.replace(settings, requests_per_minute=20)
    with TestClient(create_app(limited)) as one, TestClient(create_app(limited)) as two:
        token = login(anonymous, ann)["access_token"]
        first = one.get("/api/v1/auth/me", headers=bearer(token))
        if int(first.headers["RateLimit-Reset"]) < 15:  # too close to the next minute: count in that one
            time.sleep(int(first.headers["RateLimit-Reset"]) + 0.5)
            first = one.get("/api/v1/auth/me", headers=bearer(token))
        assert (first.headers["RateLimit-Limit"], first.headers["RateLimit-Remaining"]) == ("20", "19")
        answers = [
            client.get("/api/v1/auth/me", headers=bearer(token)) for _ in range(12) for client in (one, two)
        ]
        assert [answer.status_code for answer in answers] == [200] * 19 + [429] * 5
        assert answers[18].headers["RateLimit-Remaining"] == "0"
        refused = answers[-1]
        assert int(refused.headers["Retry-After"]) == int(refused.headers["RateLimit-Reset"]) <= 60
        assert "More than 20 requests in this minute" in refused.json()["message"]


# Users


def test_an_administrator_makes_changes_and_deactivates_users(admin: Caller, anonymous: Client) -> None:
    made = admin("POST", "/users", json={"username": "Eve", "password": PASSWORD, "role": "VIEWER"})
    assert made.status_code == 201
    assert made.json()["data"]["username"] == "eve"
    assert made.json()["data"]["created_by"] == "test-admin"
    assert (
        admin("POST", "/users", json={"username": "EVE", "password": PASSWORD, "role": "VIEWER"}).status_code
        == 409
    )
    assert "eve" in [user["username"] for user in admin.data("GET", "/users")]
    token = login(anonymous, "eve")["access_token"]
    assert admin.data("PUT", "/users/eve", json={"role": "OPERATOR"})["role"] == "OPERATOR"
    assert anonymous.get("/api/v1/auth/me", headers=bearer(token)).json()["data"]["role"] == "OPERATOR"
    assert admin.data("DELETE", "/users/Eve")["active"] is False
    assert status_of_me(anonymous, token) == 401
    assert admin.data("PUT", "/users/eve", json={"active": True, "password": "a new password"})["active"]
    body = {"username": "eve", "password": "a new password"}
    assert anonymous.post("/api/v1/auth/login", json=body).status_code == 200
    assert admin("GET", "/users/nobody-at-all").status_code == 404


def test_the_last_administrator_stays_one(admin: Caller) -> None:
    others = [
        user["username"]
        for user in admin.data("GET", "/users")
        if user["role"] == "ADMIN" and user["active"] and user["username"] != "test-admin"
    ]
    try:
        for name in others:
            admin.data("DELETE", f"/users/{name}")
        for method, body in (("DELETE", None), ("PUT", {"role": "VIEWER"}), ("PUT", {"active": False})):
            answer = admin(method, "/users/test-admin", json=body)
            assert (answer.status_code, answer.json()["message"]) == (
                409,
                "The last active administrator must stay one.",
            )
    finally:
        for name in others:
            admin.data("PUT", f"/users/{name}", json={"active": True})


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"password": "short"}, "password"),
        ({"username": " blank"}, "username"),
        ({"username": ""}, "username"),
        ({"role": "EMPEROR"}, "role"),
        ({"active": True}, "active"),
        ({"password_hash": "x"}, "password_hash"),
    ],
)
def test_a_user_that_cannot_be_is_refused_by_field(admin: Caller, change: dict[str, Any], field: str) -> None:
    body = {"username": "zoe", "password": PASSWORD, "role": "VIEWER", **change}
    answer = admin("POST", "/users", json=body)
    assert (answer.status_code, answer.json()["data"]["errors"][0]["field"]) == (422, field)
    assert PASSWORD not in answer.text


# Permissions


def guarded(app: Litestar) -> list[tuple[str, str, Permission]]:
    found = []
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            permission = handler.opt.get("permission")
            methods = getattr(handler, "http_methods", set()) - {"HEAD", "OPTIONS"}
            found += [(method, route.path, permission) for method in methods if permission is not None]
    return sorted(found)


def test_every_route_lets_in_whom_the_matrix_lets_in(
    app: Litestar, anonymous: Client, headers_of: Callable[[Role], Headers]
) -> None:
    cells = guarded(app)
    assert len(cells) >= 20
    for method, path, permission in cells:
        for role in Role:
            may = permission in MATRIX[role]
            if may and path.endswith(("/auth/logout", "/dashboard/stream")):
                continue  # one ends the session of the other tests, the other never ends; both have tests of their own
            address = re.sub(r"\{[^}]*\}", "no-such-thing", path)
            answer = anonymous.request(method, address, headers=headers_of(role))
            assert (answer.status_code != 403) is may, (method, path, role, answer.text)
            assert answer.status_code not in (401, 500), (method, path, role, answer.text)
        assert anonymous.request(method, address).status_code == 401


def test_the_matrix_is_shown(admin: Caller) -> None:
    shown = admin.data("GET", "/auth/permissions")
    assert {Role(role): set(may) for role, may in shown["roles"].items()} == {
        role: {str(one) for one in MATRIX[role]} for role in Role
    }


# Keys


def test_a_key_acts_for_its_user_within_its_scopes_until_it_is_revoked(
    anonymous: Client, other: Client, ann: str
) -> None:
    session = bearer(login(anonymous, ann)["access_token"])
    body = {"label": "nightly load", "scopes": ["jobs:read", "account:read-own"]}
    made = anonymous.post("/api/v1/api-keys", headers=session, json=body).json()["data"]
    for headers in ({"X-API-Key": made["key"]}, bearer(made["key"])):
        me = other.get("/api/v1/auth/me", headers=headers).json()["data"]
        assert (me["username"], me["permissions"]) == (ann, ["account:read-own", "jobs:read"])
        assert other.get("/api/v1/jobs", headers=headers).status_code == 200
        refused = other.get("/api/v1/dashboard/metrics", headers=headers)
        assert (refused.status_code, refused.json()["message"]) == (
            403,
            "This key lacks the permission dashboard:read.",
        )
    listed = anonymous.get("/api/v1/api-keys", headers=session).json()["data"]
    assert [(key["key_id"], key["label"]) for key in listed] == [(made["key_id"], "nightly load")]
    assert listed[0]["last_used_at"] is not None
    assert made["key"].rpartition("_")[2] not in str(listed)
    assert anonymous.delete(f"/api/v1/api-keys/{made['key_id']}", headers=session).status_code == 200
    dead = other.get("/api/v1/auth/me", headers={"X-API-Key": made["key"]})
    assert (dead.status_code, dead.json()["message"]) == (401, "This key has been revoked.")


def test_a_key_with_a_wrong_secret_is_no_key(anonymous: Client, ann: str) -> None:
    session = bearer(login(anonymous, ann)["access_token"])
    key = anonymous.post("/api/v1/api-keys", headers=session, json={"label": "x"}).json()["data"]["key"]
    forged = key[:-43] + "A" * 43
    assert anonymous.get("/api/v1/auth/me", headers={"X-API-Key": forged}).status_code == 401


def test_a_key_can_neither_change_the_account_nor_make_keys(anonymous: Client, admin: Caller) -> None:
    key = admin.data("POST", "/api-keys", json={"label": "of an administrator"})["key"]
    permissions = anonymous.get("/api/v1/auth/me", headers=bearer(key)).json()["data"]["permissions"]
    assert set(permissions) == {str(one) for one in set(Permission) - NEVER_BY_KEY}
    for method, path in (("POST", "/api-keys"), ("POST", "/auth/logout"), ("GET", "/users")):
        assert anonymous.request(method, f"/api/v1{path}", headers=bearer(key)).status_code == 403


@pytest.mark.parametrize("scope", ["jobs:manage-any", "account:change-own", "users:manage"])
def test_nobody_makes_a_key_that_may_more_than_he(anonymous: Client, ann: str, scope: str) -> None:
    session = bearer(login(anonymous, ann)["access_token"])
    answer = anonymous.post("/api/v1/api-keys", headers=session, json={"label": "x", "scopes": [scope]})
    assert (answer.status_code, answer.json()["data"]["errors"][0]["field"]) == (422, "scopes")


def test_another_users_key_cannot_be_revoked_except_by_who_manages_keys(
    anonymous: Client, ann: str, admin: Caller, headers_of: Callable[[Role], Headers]
) -> None:
    session = bearer(login(anonymous, ann)["access_token"])
    made = anonymous.post("/api/v1/api-keys", headers=session, json={"label": "x"}).json()["data"]
    path = f"/api/v1/api-keys/{made['key_id']}"
    assert anonymous.delete(path, headers=headers_of(Role.OPERATOR)).status_code == 404
    assert made["key_id"] in [key["key_id"] for key in admin.data("GET", "/api-keys?everybody=true")]
    assert admin("DELETE", f"/api-keys/{made['key_id']}").status_code == 200
    assert anonymous.get("/api/v1/auth/me", headers=bearer(made["key"])).status_code == 401


def test_a_key_dies_with_its_user(anonymous: Client, ann: str, admin: Caller) -> None:
    session = bearer(login(anonymous, ann)["access_token"])
    key = anonymous.post("/api/v1/api-keys", headers=session, json={"label": "x"}).json()["data"]["key"]
    admin.data("DELETE", f"/users/{ann}")
    assert anonymous.get("/api/v1/auth/me", headers=bearer(key)).status_code == 401


# Signing keys


def kid_of(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


def test_a_new_signing_key_logs_nobody_out_and_is_good_on_every_process_at_once(
    anonymous: Client, other: Client, ann: str, admin: Caller
) -> None:
    before = login(anonymous, ann)
    assert status_of_me(other, before["access_token"]) == 200
    keys = admin.data("POST", "/signing-keys/rotate", json={})
    assert (keys[0]["signs"], keys[0]["created_by"], keys[0]["retires_at"]) == (True, "test-admin", None)
    assert all(key["retires_at"] is not None for key in keys[1:])
    after = login(anonymous, ann)
    assert kid_of(after["access_token"]) == keys[0]["key_id"] != kid_of(before["access_token"])
    for client in (anonymous, other):
        assert status_of_me(client, after["access_token"]) == 200
        assert status_of_me(client, before["access_token"]) == 200
    refreshed = refresh(other, before["refresh_token"]).json()["data"]
    assert status_of_me(anonymous, refreshed["access_token"]) == 200
    entries = admin.data("GET", f"/audit?target={keys[0]['key_id']}")["items"]
    assert [entry["action"] for entry in entries] == ["signing-key.add"]


def test_a_retired_signing_key_is_refused_everywhere_and_its_sessions_go_on_with_the_refresh_token(
    anonymous: Client,
    other: Client,
    ann: str,
    admin: Caller,
    database: Instance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(signing, "KEEP_SECONDS", 0.0)
    before = login(other, ann)
    try:
        assert admin("POST", "/signing-keys/rotate", json={"grace_seconds": 0}).status_code == 200
        assert [status_of_me(client, before["access_token"]) for client in (anonymous, other)] == [401, 401]
        after = refresh(other, before["refresh_token"]).json()["data"]
        assert status_of_me(anonymous, after["access_token"]) == 200
    finally:  # the tokens of the other tests
        with database.connect() as connection:
            connection.cursor().execute("update concord.signing_keys set retires_at = null")
            connection.commit()
        assert [
            client.get("/api/v1/auth/me", headers=admin.headers).status_code for client in (anonymous, other)
        ] == [
            200,
            200,
        ]


def test_a_new_secret_in_front_of_the_old_one_ends_no_session(
    settings: Settings, anonymous: Client, ann: str
) -> None:
    def process(*masters: str) -> TestClient[Litestar]:
        return TestClient(create_app(dataclasses.replace(settings, jwt_secret=" ".join(masters))))

    old, new = "o" * 32, "n" * 32
    with process(old) as first, process(old, new) as second, process(new, old) as third, process(new) as last:
        tokens = [login(client, ann)["access_token"] for client in (first, second, third)]
        assert [status_of_me(second, token) for token in tokens] == [200, 200, 200]
        assert [status_of_me(third, token) for token in tokens] == [200, 200, 200]
        assert [status_of_me(last, token) for token in tokens] == [401, 401, 200]


# Audit


def test_the_audit_tells_who_changed_what_from_where(admin: Caller, ann: str) -> None:
    headers = {"User-Agent": "test-agent/1", "X-Request-ID": "request-4711"}
    admin("PUT", f"/users/{ann}", json={"role": "VIEWER"}, headers=headers)
    entry = admin.data("GET", f"/audit?target={ann}&action=user.update")["items"][0]
    assert entry["actor"] == "test-admin"
    assert (entry["agent"], entry["request_id"]) == ("test-agent/1", "request-4711")
    assert entry["address"]
    assert (entry["before"], entry["after"]) == (
        '{"role":"ANALYST","active":true}',
        '{"role":"VIEWER","active":true}',
    )


def test_logins_and_refusals_are_in_the_audit(admin: Caller, anonymous: Client, ann: str) -> None:
    login(anonymous, ann)
    anonymous.post("/api/v1/auth/login", json={"username": ann, "password": "wrong password"})
    entries = admin.data("GET", f"/audit?target={ann}&action=login")["items"]
    assert [(entry["actor"], entry["outcome"]) for entry in entries] == [(None, "REFUSED"), (ann, "DONE")]


def test_jobs_submitted_and_cancelled_are_in_the_audit(admin: Caller, parts: dict[str, Any]) -> None:
    job_id = admin.data("POST", "/compare", json=parts)["job_id"]
    admin.data("DELETE", f"/jobs/{job_id}")
    entries = admin.data("GET", f"/audit?target={job_id}")["items"]
    assert [entry["action"] for entry in entries] == ["job.cancel", "job.submit"]


def test_the_audit_comes_in_pages_and_as_csv(admin: Caller) -> None:
    everything = admin.data("GET", "/audit?limit=1000")["items"]
    pages, before = [], ""
    while True:
        page = admin.data("GET", f"/audit?limit=7{before}")
        pages += page["items"]
        if page["next_before"] is None:
            break
        before = f"&before={page['next_before']}"
    numbers = [entry["audit_id"] for entry in pages]
    assert numbers == sorted(numbers, reverse=True)
    assert numbers == [entry["audit_id"] for entry in everything]
    text = admin.client.get("/api/v1/audit/export?action=login", headers=admin.headers).text
    assert text.startswith("audit_id,at,actor,action")
    assert len(text.splitlines()) == 1 + len(admin.data("GET", "/audit?limit=1000&action=login")["items"])


def test_a_changed_or_missing_row_of_the_audit_is_found(
    admin: Caller, database: Instance, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    def findings() -> tuple[str | None, str | None, int]:
        """What the route, the package and the command say; the command's exit status."""
        status = verify(settings, None)
        printed = capsys.readouterr().out
        with database.connect() as connection, connection.cursor() as cursor:
            of_package = cursor.callfunc("concord.audit_trail.first_fault", str)
        of_route = admin.data("GET", "/audit/check")["fault"]
        assert (of_route or "The chain is whole") in printed
        return of_route, of_package, status

    assert findings() == (None, None, 0)
    check = admin.data("GET", "/audit/check")
    number = check["entries"]
    assert verify(settings, check["head"]) == 0
    assert verify(settings, "0" * 64) == 1
    assert "the chain was made anew" in capsys.readouterr().out
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("drop trigger concord.audit_log_append_only_trg")
        update = "update concord.audit_log set actor = :actor where audit_id = :audit_id"
        cursor.execute(f"select actor from concord.audit_log where audit_id = {number}")
        (actor,) = cursor.fetchone()
        cursor.execute(update, ["somebody", number])
        connection.commit()
        sentence = f"Entry {number} was changed."
        assert findings() == (sentence, sentence, 1)
        cursor.execute(update, [actor, number])
        connection.commit()
        assert admin.data("GET", "/audit/check")["intact"]
        cursor.execute("delete from concord.audit_log where audit_id = 3")
        connection.commit()
    assert findings() == ("Entry 3 is missing.", "Entry 3 is missing.", 1)


def test_an_audit_trail_that_cannot_be_read_is_not_called_whole(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(dataclasses.replace(settings, db_password="wrong"), None) == 2
    assert capsys.readouterr().err.startswith("concord: ")
