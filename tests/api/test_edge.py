"""What surrounds every request: readiness by parts, and who may call from pages elsewhere."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from litestar.testing import TestClient

from app.main import create_app
from app.ops import health
from app.settings import Settings
from tests.api.conftest import Client

ORIGIN = "https://dash.example.com"


def test_readiness_tells_each_part_and_its_time(anonymous: Client) -> None:
    parts = anonymous.get("/api/v1/health/ready").json()["data"]["parts"]
    assert [part["name"] for part in parts] == ["database", "schema", "queue", "workers"]
    assert all(part["milliseconds"] > 0 for part in parts)
    assert parts[1]["finding"] == "It is the one of this version."


def test_a_schema_older_than_the_program_is_not_ready(
    anonymous: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_NEWEST", "schema/9999_of_tomorrow.sql")
    answer = anonymous.get("/api/v1/health/ready")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    assert "run `concord db upgrade`" in answer.json()["message"]


def preflight(client: Client, origin: str) -> Any:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "Authorization",
    }
    return client.options("/api/v1/compare", headers=headers)


def test_pages_of_other_origins_may_call_only_when_named(settings: Settings, anonymous: Client) -> None:
    assert "access-control-allow-origin" not in preflight(anonymous, ORIGIN).headers
    named = dataclasses.replace(settings, cors_origins=ORIGIN)
    with TestClient(create_app(named)) as client:
        good, bad = preflight(client, ORIGIN), preflight(client, "https://evil.example.com")
        assert good.headers["access-control-allow-origin"] == ORIGIN
        assert "access-control-allow-credentials" not in good.headers
        assert bad.headers.get("access-control-allow-origin") != "https://evil.example.com"
        answer = client.get("/api/v1/health", headers={"Origin": ORIGIN})
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert "RateLimit-Remaining" in answer.headers["access-control-expose-headers"]
