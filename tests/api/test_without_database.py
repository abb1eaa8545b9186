"""What the API answers while its database is away: 503 where it needs it, the right error everywhere else."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from litestar import Litestar, get
from litestar.testing import TestClient

from app.accounts.permissions import PUBLIC
from app.main import create_app
from app.settings import Settings

Client = TestClient[Litestar]


@pytest.fixture(scope="module")
def nowhere() -> str:
    """A database address at which nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    return f"127.0.0.1:{port}/NOWHERE"


@pytest.fixture(scope="module")
def client(nowhere: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    @get("/api/v1/broken", opt=PUBLIC)
    async def broken() -> None:
        raise ZeroDivisionError("select password_hash from app_users")

    settings = Settings(
        home=tmp_path_factory.mktemp("home"), db_dsn=nowhere, db_password="pw", max_body_bytes=2048
    )
    app = create_app(settings)
    app.register(broken)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="module")
def token(client: Client) -> str:
    """A token that is good as far as this process can tell: the keys are in the database."""
    return jwt.encode({"sub": "ann"}, "s" * 32, algorithm="HS256", headers={"kid": "5f0c1d2e3a4b5c6d"})


def sentence(answer: Any, status: int) -> str:
    """The message of an error that has the right status and the right shape."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"success", "data", "message", "timestamp"}
    assert body["success"] is False
    return str(body["message"])


def test_the_process_says_that_it_lives(client: Client) -> None:
    assert client.get("/api/v1/health").json()["data"]["status"] == "ok"


def test_it_is_not_ready_and_says_why(client: Client) -> None:
    assert "database" in sentence(client.get("/api/v1/health/ready"), 503)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/v1/auth/login", {"username": "ann", "password": "pw"}),
        ("GET", "/api/v1/jobs", None),
        ("GET", "/api/v1/dashboard/metrics", None),
        ("GET", "/api/v1/auth/me", None),
    ],
)
def test_what_needs_the_database_is_refused_quickly_and_asked_to_come_again(
    client: Client, token: str, method: str, path: str, body: Any
) -> None:
    began = time.monotonic()
    answer = client.request(method, path, json=body, headers={"Authorization": f"Bearer {token}"})
    assert sentence(answer, 503) == "The database is not available: nothing answers there."
    assert int(answer.headers["Retry-After"]) > 0
    assert time.monotonic() - began < 2.5


def test_an_address_that_does_not_exist_is_404(client: Client) -> None:
    assert sentence(client.get("/api/v1/nothing"), 404) == "There is nothing at /api/v1/nothing."


def test_a_wrong_method_is_405_and_says_which_are_right(client: Client) -> None:
    answer = client.patch("/api/v1/jobs")
    assert sentence(answer, 405) == "/api/v1/jobs does not take PATCH."
    assert "GET" in answer.headers["Allow"]


def test_no_token_is_401_with_a_challenge(client: Client) -> None:
    answer = client.get("/api/v1/jobs")
    assert sentence(answer, 401).startswith("Log in first")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("header", ["Bearer", "Bearer  ", "Basic YTpi", "Bearer x.y.z", "bearer nonsense"])
def test_a_useless_authorization_header_is_401(client: Client, header: str) -> None:
    sentence(client.get("/api/v1/jobs", headers={"Authorization": header}), 401)


def test_a_login_without_a_field_names_the_field(client: Client) -> None:
    answer = client.post("/api/v1/auth/login", json={"username": "ann"})
    assert sentence(answer, 422) == "password: this field is required"
    assert answer.json()["data"]["errors"] == [{"field": "password", "message": "this field is required"}]


def test_malformed_json_is_400(client: Client) -> None:
    assert "cannot be read" in sentence(client.post("/api/v1/auth/login", content=b'{"username": '), 400)


def test_json_nested_without_end_is_400(client: Client) -> None:
    sentence(client.post("/api/v1/auth/login", content=b"[" * 2000), 400)


def test_an_empty_body_is_422(client: Client) -> None:
    assert sentence(client.post("/api/v1/auth/login"), 422) == "body: a JSON object is expected"


def test_a_body_over_the_limit_is_413(client: Client) -> None:
    body = {"username": "ann", "password": "x" * 4000}
    assert sentence(client.post("/api/v1/auth/login", json=body), 413) == "The request body is too large."


def test_an_error_of_our_own_is_500_without_its_inner_life(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = client.get("/api/v1/broken")
    message = sentence(answer, 500)
    assert "ZeroDivisionError" not in answer.text
    assert "password_hash" not in answer.text
    assert "id" in message


def test_every_answer_carries_an_id_and_the_security_headers(client: Client) -> None:
    for path in ("/api/v1/health", "/nowhere", "/docs", "/static/docs.js"):
        headers = client.get(path).headers
        assert headers["X-Request-ID"]
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_harmless_request_id_of_the_caller_is_kept(client: Client) -> None:
    answer = client.get("/api/v1/health", headers={"X-Request-ID": "batch-7.42"})
    assert answer.headers["X-Request-ID"] == "batch-7.42"


def test_a_request_id_that_could_forge_log_lines_is_replaced(client: Client) -> None:
    answer = client.get("/api/v1/health", headers={"X-Request-ID": "x y\tz"})
    assert answer.headers["X-Request-ID"] != "x y\tz"


def test_answers_of_the_api_are_not_cached(client: Client) -> None:
    assert client.get("/api/v1/health").headers["Cache-Control"] == "no-store"


def test_files_outside_the_static_folder_are_not_served(client: Client) -> None:
    for path in (
        "/static/../docs.py",
        "/static/%2e%2e/docs.py",
        "/static//etc/passwd",
        "/static/..%2fdocs.py",
    ):
        assert client.get(path).status_code == 404


def test_requests_are_counted_by_route_and_not_by_id(client: Client) -> None:
    client.get("/api/v1/jobs/0b0e7e0e-6a3f-4f5b-9a53-0d7d5c1b8b6e")
    text = client.get("/metrics").text
    assert "/api/v1/jobs/{job_id" in text
    assert "0b0e7e0e" not in text
