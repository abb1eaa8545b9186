"""Logging in on a real database, and what a token is good for."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import bcrypt
import pytest

from app.accounts.permissions import MATRIX, Role
from app.settings import Settings
from tests.api.conftest import PASSWORD, Client, log_in, token_of

if TYPE_CHECKING:
    from tests.conftest import Instance


def attempt(client: Client, username: str, password: str) -> Any:
    return client.post("/api/v1/auth/login", json={"username": username, "password": password})


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def new_user(database: Instance, name: str) -> None:
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    call(database, "create_user", name, hashed, "VIEWER")


def call(database: Instance, procedure: str, *arguments: str) -> None:
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.callproc(f"concord.accounts.{procedure}", list(arguments))
        connection.commit()


def test_the_first_administrator_of_the_settings_can_log_in(anonymous: Client) -> None:
    answer = attempt(anonymous, "admin", PASSWORD)
    assert answer.status_code == 200
    assert answer.json()["data"]["role"] == "ADMIN"
    assert 0 < answer.json()["data"]["expires_in"] <= 3600


def test_the_name_may_be_written_in_any_case(anonymous: Client) -> None:
    assert attempt(anonymous, "Admin", PASSWORD).json()["data"]["username"] == "admin"


def test_a_user_sees_who_he_is_and_what_he_may_do(anonymous: Client, users: dict[Role, str]) -> None:
    answer = anonymous.get("/api/v1/auth/me", headers=bearer(log_in(anonymous, users[Role.ANALYST])))
    assert answer.json()["data"]["username"] == "test-analyst"
    assert set(answer.json()["data"]["permissions"]) == set(MATRIX[Role.ANALYST])


def test_a_wrong_password_and_an_unknown_user_get_the_same_answer(
    anonymous: Client, users: dict[Role, str]
) -> None:
    wrong = attempt(anonymous, users[Role.VIEWER], "not the password")
    unknown = attempt(anonymous, "nobody-at-all", PASSWORD)
    assert (wrong.status_code, wrong.json()["message"]) == (401, "User name or password is wrong.")
    assert (unknown.status_code, unknown.json()["message"]) == (401, wrong.json()["message"])


@pytest.mark.parametrize("name", ["admin' or '1'='1", "\U0001f600", "x" * 128])
def test_a_user_name_is_never_sql_and_breaks_nothing(anonymous: Client, name: str) -> None:
    assert attempt(anonymous, name, PASSWORD).status_code == 401


def test_after_too_many_failures_even_the_right_password_waits(anonymous: Client, database: Instance) -> None:
    new_user(database, "guessed-at")
    for _ in range(5):
        assert attempt(anonymous, "guessed-at", "wrong password").status_code == 401
    answer = attempt(anonymous, "guessed-at", PASSWORD)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 300


def test_a_deactivated_user_can_neither_log_in_nor_use_a_token(anonymous: Client, database: Instance) -> None:
    new_user(database, "leaver")
    token = log_in(anonymous, "leaver")
    call(database, "deactivate", "leaver")
    assert attempt(anonymous, "leaver", PASSWORD).status_code == 401
    answer = anonymous.get("/api/v1/jobs", headers=bearer(token))
    assert (answer.status_code, answer.json()["message"]) == (401, "You have been logged out: log in again.")
    call(database, "activate", "leaver")
    assert attempt(anonymous, "leaver", PASSWORD).status_code == 200


def test_a_changed_password_ends_older_tokens(anonymous: Client, database: Instance) -> None:
    new_user(database, "changer")
    token = log_in(anonymous, "changer")
    call(database, "set_password", "changer", bcrypt.hashpw(b"another password", bcrypt.gensalt(4)).decode())
    answer = anonymous.get("/api/v1/jobs", headers=bearer(token))
    assert answer.status_code == 401
    assert answer.json()["message"] == "You have been logged out: log in again."


def test_a_changed_role_counts_for_tokens_that_are_out_already(anonymous: Client, database: Instance) -> None:
    new_user(database, "promoted")
    token = log_in(anonymous, "promoted")
    call(database, "set_role", "promoted", "OPERATOR")
    assert anonymous.get("/api/v1/auth/me", headers=bearer(token)).json()["data"]["role"] == "OPERATOR"


def test_an_expired_token_is_told_as_such(anonymous: Client, users: dict[Role, str]) -> None:
    expired = token_of(anonymous, users[Role.ADMIN], "session", timedelta(seconds=-1))
    answer = anonymous.get("/api/v1/jobs", headers=bearer(expired))
    assert (answer.status_code, answer.json()["message"]) == (401, "Your token has expired: log in again.")


@pytest.mark.parametrize("path", ["/jobs", "/auth/me", "/dashboard/metrics"])
def test_without_a_token_nothing_is_shown(anonymous: Client, path: str) -> None:
    assert anonymous.get(f"/api/v1{path}").status_code == 401


def test_a_second_start_makes_no_second_administrator(
    settings: Settings, database: Instance, anonymous: Client
) -> None:
    from litestar.testing import TestClient

    from app.main import create_app

    other = dataclasses.replace(settings, admin_user="usurper")
    with TestClient(create_app(other)) as client:
        for _ in range(200):
            if client.get("/api/v1/health/ready").status_code == 200:
                break
        assert attempt(client, "usurper", PASSWORD).status_code == 401
