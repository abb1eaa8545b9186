"""The document at /docs/openapi.json describes every route, with an example of its good and its bad answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from app.main import create_app
from app.settings import Settings


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient[Litestar]]:
    home = tmp_path_factory.mktemp("home")
    with TestClient(
        create_app(Settings(home=home, db_dsn="127.0.0.1:1/NOWHERE", db_password="pw"))
    ) as client:
        yield client


@pytest.fixture(scope="module")
def document(client: TestClient[Litestar]) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/docs/openapi.json").json()
    return found


@pytest.fixture(scope="module")
def page(client: TestClient[Litestar]) -> str:
    return client.get("/docs").text


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]


def test_the_routes_of_the_contract_are_documented(document: dict[str, Any]) -> None:
    routes = {f"{method.upper()} {path}" for path, method, _ in operations(document)}
    assert routes >= {
        "POST /api/v1/compare",
        "GET /api/v1/jobs",
        "GET /api/v1/jobs/{job_id}",
        "GET /api/v1/jobs/{job_id}/results",
        "DELETE /api/v1/jobs/{job_id}",
        "PUT /api/v1/jobs/{job_id}/retry",
        "GET /api/v1/jobs/{job_id}/attempts",
        "PUT /api/v1/jobs/{job_id}/hold",
        "PUT /api/v1/jobs/{job_id}/unhold",
        "PUT /api/v1/jobs/{job_id}/priority",
        "GET /api/v1/queues",
        "PUT /api/v1/queues/{name}/pause",
        "PUT /api/v1/queues/{name}/resume",
        "PUT /api/v1/queues/{name}/limit",
        "GET /api/v1/limits",
        "PUT /api/v1/limits/{key}",
        "GET /api/v1/schedules",
        "POST /api/v1/schedules",
        "GET /api/v1/schedules/{name}",
        "PUT /api/v1/schedules/{name}",
        "DELETE /api/v1/schedules/{name}",
        "POST /api/v1/schedules/{name}/run",
        "GET /api/v1/dashboard/metrics",
        "POST /api/v1/auth/login",
        "GET /api/v1/auth/me",
        "GET /api/v1/health",
        "GET /api/v1/health/ready",
    }


def test_every_answer_of_every_route_has_an_example(document: dict[str, Any]) -> None:
    bare = [
        f"{method} {path} {status}"
        for path, method, operation in operations(document)
        for status, answer in operation["responses"].items()
        if not all(content.get("examples") for content in answer["content"].values())
    ]
    assert bare == []


def test_every_guarded_route_documents_401_and_403(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        guarded = operation.get("security") != [{}]
        assert ({"401", "403"} <= set(operation["responses"])) is guarded, f"{method} {path}"


def test_every_route_has_a_summary_a_tag_and_a_readable_operation_id(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        assert operation["summary"], f"{method} {path}"
        assert operation["tags"], f"{method} {path}"
        assert re.fullmatch(r"[a-z][A-Za-z]+", operation["operationId"]), f"{method} {path}"


def test_the_page_asks_for_files_of_this_service_only(page: str) -> None:
    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(sources) >= 4
    assert [source for source in sources if not source.startswith(("/static/", "/docs/", "data:"))] == []


def test_examples_show_the_whole_envelope_also_where_data_is_null(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        for status, answer in operation["responses"].items():
            for example in answer["content"].get("application/json", {"examples": {}})["examples"].values():
                assert set(example["value"]) == {"success", "data", "message", "timestamp"}, (
                    f"{method} {path} {status}"
                )
