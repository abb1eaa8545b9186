"""The database dies under a running API and comes back: told in time, healed without a restart."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator

import pytest
from litestar.testing import TestClient

from app.main import create_app
from app.oracle.install import install
from app.settings import Settings
from tests.api.conftest import PASSWORD, Client, connected, log_in, pushed, subscribe
from tests.conftest import LocalProcess

HEALED_SECONDS = 30


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalProcess]:
    """A database of this module's own, to be killed."""
    with LocalProcess(tmp_path_factory.mktemp("mortal")) as process:
        yield process


@pytest.fixture(scope="module")
def client(database: LocalProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    instance, app_password = database.instance, secrets.token_hex(8)
    done = install(
        dsn=instance.dsn, user=instance.user, password=instance.password,
        owner="CONCORD", app_user="CONCORD_APP", app_password=app_password,
    )  # fmt: skip
    assert list(done)
    settings = Settings(
        home=tmp_path_factory.mktemp("home"), db_dsn=instance.dsn, db_password=app_password,
        admin_password=PASSWORD, poll_interval=0.05,
    )  # fmt: skip
    with TestClient(create_app(settings)) as client:
        wait_until_ready(client)
        yield client


def wait_until_ready(client: Client) -> None:
    end = time.monotonic() + HEALED_SECONDS
    while client.get("/api/v1/health/ready").status_code != 200:
        assert time.monotonic() < end, client.get("/api/v1/health/ready").text
        time.sleep(0.05)


def enqueue(database: LocalProcess) -> str:
    with database.instance.connect() as connection, connection.cursor() as cursor:
        job_id = str(cursor.callfunc("concord.job_queue.enqueue", str, ["COMPARE", "S.A", "{}", "dba"]))
        connection.commit()
    return job_id


def test_an_outage_is_503_within_two_seconds_and_heals_by_itself(
    client: Client, database: LocalProcess
) -> None:
    headers = {"Authorization": f"Bearer {log_in(client, 'admin')}"}
    assert client.get("/api/v1/jobs", headers=headers).status_code == 200
    database.kill()
    for path in ("/api/v1/jobs", "/api/v1/health/ready"):
        began = time.monotonic()
        answer = client.get(path, headers=headers)
        assert (answer.status_code, answer.json()["success"]) == (503, False)
        assert time.monotonic() - began < 2
    assert client.get("/api/v1/health").status_code == 200
    database.start()
    wait_until_ready(client)
    assert client.get("/api/v1/jobs", headers=headers).status_code == 200


def test_a_subscriber_hears_after_an_outage_what_changed_before_he_could_be_told(
    client: Client, database: LocalProcess
) -> None:
    with connected(client, log_in(client, "admin")) as socket:
        subscribe(socket, "everything")
        database.kill()
        notice = socket.receive_json(timeout=HEALED_SECONDS)
        assert notice == {"type": "notice", "message": "Live updates wait for the database; nothing is lost."}
        database.start()
        job_id = enqueue(database)
        back = socket.receive_json(timeout=HEALED_SECONDS)
        assert back == {"type": "notice", "message": "The database is back; live updates go on."}
        assert pushed(socket, seconds=HEALED_SECONDS)["job_id"] == job_id
