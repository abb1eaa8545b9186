"""`concord check`: what is right passes, and each thing that is wrong is found and says how to mend it."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from collections import namedtuple
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import worker.check
from app.oracle.pool import OraclePool
from app.settings import Settings, variable
from tests.queue.conftest import Queue
from worker.check import Finding, check, clock, connection, folders, libraries, run


def findings(settings: Settings) -> dict[str, Finding]:
    """By what was looked at; the last of each."""

    async def main() -> dict[str, Finding]:
        return {finding.what: finding async for finding in check(settings)}

    return asyncio.run(main())


def problems(settings: Settings) -> dict[str, str]:
    return {what: finding.text for what, finding in findings(settings).items() if not finding.good}


def test_an_installation_as_it_should_be_has_no_finding(queue: Queue) -> None:
    lines: list[str] = []
    assert run(queue.settings, lines.append) == 0, lines
    assert [line.split()[1] for line in lines] == [
        "libraries",
        "home",
        "results",
        "connection",
        "schema",
        "clock",
        "grants",
        "notification",
    ]
    assert queue.rows("select count(*) from notification_pings") == [(0,)]


def test_the_command_says_it_with_its_exit_status(queue: Queue, tmp_path: Path) -> None:
    environment = {
        variable(item.name): str(getattr(queue.settings, item.name))
        for item in fields(queue.settings)
        if getattr(queue.settings, item.name) != ""
    }
    outer = {name: value for name, value in os.environ.items() if not name.startswith("CONCORD_")}

    def command(**changes: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "app.cli", "check"],
            env={**outer, **environment, **changes},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert queue.settings.db_password not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout

    status, text = command()
    assert (status, "PROBLEM" in text) == (0, False), text
    status, text = command(CONCORD_WORKER_SLOTS="many")
    assert (status, text.count("\n")) == (1, 1)
    assert "PROBLEM settings      CONCORD_WORKER_SLOTS is 'many'" in text
    status, text = command(CONCORD_DB_PASSWORD="wrong")
    assert status == 1
    assert "refuses the user name or the password" in text


def test_a_database_that_is_away_ends_the_check(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        settings = Settings(home=tmp_path, db_dsn=f"127.0.0.1:{taken.getsockname()[1]}/X", db_password="p")
        found = findings(settings)
    assert [what for what, finding in found.items() if not finding.good] == ["connection"]
    assert "CONCORD_DB_DSN" in found["connection"].text
    assert "schema" not in found


def test_a_schema_that_is_not_installed_is_found(queue: Queue) -> None:
    found = problems(replace(queue.settings, db_owner="SYSTEM"))
    assert "concord db install" in found["schema"]


def test_a_view_that_is_not_this_versions_is_found(queue: Queue) -> None:
    row = "file_name = 'views/workers_v.sql'"
    [(checksum,)] = queue.rows(f"select checksum from schema_migrations where {row}")
    queue.as_owner(f"update schema_migrations set checksum = '-' where {row}")
    try:
        assert "views/workers_v.sql" in problems(queue.settings)["schema"]
    finally:
        queue.as_owner(f"update schema_migrations set checksum = :checksum where {row}", checksum=checksum)


def test_a_missing_grant_is_found_with_the_statement_that_gives_it(queue: Queue) -> None:
    user = queue.settings.db_user
    for grant in ("read on CONCORD.JOB_ATTEMPTS_V", "change notification"):
        queue.as_owner(f"revoke {grant} from {user}")
        try:
            found = problems(queue.settings)
        finally:
            queue.as_owner(f"grant {grant} to {user}")
        assert f"grant {grant} to {user};" in found["grants"]


def test_rights_that_nobody_needs_are_found(queue: Queue) -> None:
    user = queue.settings.db_user
    queue.as_owner(f"grant select any table to {user}")
    try:
        assert "SELECT ANY TABLE" in problems(queue.settings)["grants"]
    finally:
        queue.as_owner(f"revoke select any table from {user}")


def test_a_subscription_that_does_not_come_about_is_found(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker.check, "_NOTIFICATION_SECONDS", 3.0)
    user = queue.settings.db_user
    queue.as_owner(f"revoke change notification from {user}")
    try:
        assert "CONCORD_WAKEUP=poll" in problems(queue.settings)["notification"]
    finally:
        queue.as_owner(f"grant change notification to {user}")


def test_a_notification_that_is_not_heard_is_found(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker.check, "_NOTIFICATION_SECONDS", 3.0)

    async def deaf(*_: Any) -> None:
        return

    monkeypatch.setattr(worker.check.OracleJobStorage, "ping", deaf)
    assert "was not announced" in problems(queue.settings)["notification"]


def test_polling_needs_no_notification(queue: Queue) -> None:
    found = findings(replace(queue.settings, wakeup="poll"))["notification"]
    assert found.good
    assert "CONCORD_WAKEUP=poll" in found.text


def test_a_clock_that_is_off_is_found(queue: Queue) -> None:
    def late() -> datetime:
        return datetime.now(UTC).replace(tzinfo=None) - timedelta(seconds=60)

    async def main() -> Finding:
        pool = OraclePool(queue.settings, module="test", size=1)
        pool.open()
        try:
            return await clock(pool, late)
        finally:
            await pool.close()

    found = asyncio.run(main())
    assert not found.good
    assert "+60.0 s" in found.text
    assert "NTP" in found.text


def test_a_server_that_is_too_old_is_found(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker.check, "_LEAST_SERVER", (99,))

    async def main() -> Finding:
        pool = OraclePool(queue.settings, module="test", size=1)
        pool.open()
        try:
            return await connection(pool, queue.settings)
        finally:
            await pool.close()

    found = asyncio.run(main())
    assert not found.good
    assert "too old" in found.text


def test_folders_that_cannot_be_used_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    settings = Settings(home=tmp_path, results_dir=str(tmp_path / "file" / "results"))
    home, results = folders(settings)
    assert home.good
    assert not results.good
    assert "CONCORD_RESULTS_DIR" in results.text
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(5 << 20))
    assert "5 MiB left" in next(folders(settings)).text


def test_a_library_of_another_version_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    [found] = libraries()
    assert found.good
    monkeypatch.setattr(worker.check, "requires", lambda _: ["oracledb==1.0", "msgspec==0.0 ; extra == 'x'"])
    [found] = libraries()
    assert not found.good
    assert "tested was 1.0" in found.text
    assert "msgspec" not in found.text
