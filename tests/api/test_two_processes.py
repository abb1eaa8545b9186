"""Any two API processes on one database agree about tokens, limits and live updates, whatever is done on which."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from litestar.testing import TestClient

from app.accounts.permissions import Role
from app.main import create_app
from app.settings import Settings
from tests.api.conftest import PASSWORD, Client, connected, subscribe

Headers = dict[str, str]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["login", "refresh", "reuse", "logout", "submit", "cancel"]),
        st.integers(0, 1),  # which process
        st.integers(0, 9),  # which session or job
    ),
    min_size=3,
    max_size=9,
)


@dataclass
class Session:
    """What the model knows of a login."""

    access: str
    refresh: str
    spent: str = ""
    alive: bool = True


@pytest.fixture(scope="module")
def processes(settings: Settings, anonymous: Client) -> Iterator[list[Client]]:
    with TestClient(create_app(settings)) as other:
        yield [anonymous, other]


def bearer(token: str) -> Headers:
    return {"Authorization": f"Bearer {token}"}


def everybody_agrees(processes: list[Client], sessions: list[Session]) -> None:
    """About each session, and about how many requests its user has left."""
    left: tuple[int, int] | None = None
    for session in sessions:
        for client in processes:
            answer = client.get("/api/v1/auth/me", headers=bearer(session.access))
            assert answer.status_code == (200 if session.alive else 401), answer.text
            if not session.alive:
                continue
            remaining, reset = (int(answer.headers[f"RateLimit-{name}"]) for name in ("Remaining", "Reset"))
            if left is not None and reset <= left[1]:  # else a new minute has begun
                assert remaining == left[0] - 1
            left = (remaining, reset)


def heard(socket: Any, final: dict[str, int]) -> dict[str, int]:
    """Versions by job, until the last of each has come. Nothing comes twice or backwards."""
    told: dict[str, int] = {}
    while any(told.get(job_id, 0) < version for job_id, version in final.items()):
        message = socket.receive_json(timeout=20)
        if message["type"] == "job":
            assert message["version"] > told.get(message["job_id"], 0)
            told[message["job_id"]] = message["version"]
    return {job_id: told[job_id] for job_id in final}


@given(steps=STEPS)
@hypothesis_settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
def test_two_processes_agree(
    processes: list[Client],
    users: dict[Role, str],
    headers_of: Callable[[Role], Headers],
    tables: str,
    steps: list[tuple[str, int, int]],
) -> None:
    operator = headers_of(Role.OPERATOR)
    request = {"source": {"table": f"{tables}.PARTS_A"}, "target": {"table": f"{tables}.PARTS_B"}}
    sessions: list[Session] = []
    jobs: list[str] = []
    token = operator["Authorization"].removeprefix("Bearer ")
    with connected(processes[0], token) as here, connected(processes[1], token) as there:
        subscribe(here, "mine")
        subscribe(there, "mine")
        for step, which, number in [("login", 0, 0), *steps]:
            client, session = processes[which], sessions[number % len(sessions)] if sessions else None
            if step == "login":
                body = {"username": users[Role.ANALYST], "password": PASSWORD}
                tokens = client.post("/api/v1/auth/login", json=body).json()["data"]
                sessions.append(Session(tokens["access_token"], tokens["refresh_token"]))
            elif step == "submit":
                answer = client.post("/api/v1/compare", headers=operator, json=request)
                jobs.append(answer.json()["data"]["job_id"])
            elif step == "cancel" and jobs:
                client.delete(f"/api/v1/jobs/{jobs[number % len(jobs)]}", headers=operator)
            elif step == "logout" and session is not None:
                client.post("/api/v1/auth/logout", headers=bearer(session.access))
                session.alive = False
            elif step == "refresh" and session is not None:
                answer = client.post("/api/v1/auth/refresh", json={"refresh_token": session.refresh})
                assert (answer.status_code == 200) is session.alive
                if session.alive:
                    tokens = answer.json()["data"]
                    session.access, session.spent = tokens["access_token"], session.refresh
                    session.refresh = tokens["refresh_token"]
            elif step == "reuse" and session is not None and session.spent:
                body = {"refresh_token": session.spent}
                assert client.post("/api/v1/auth/refresh", json=body).status_code == 401
                session.alive = False
            everybody_agrees(processes, sessions)
        final = {
            job_id: processes[0].get(f"/api/v1/jobs/{job_id}", headers=operator).json()["data"]["version"]
            for job_id in jobs
        }
        assert heard(here, final) == heard(there, final) == final
