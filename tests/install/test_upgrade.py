"""Upgrades: two at once, one that dies in the middle, and what `concord db` says at a terminal and without one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import fields
from typing import Any

import oracledb

from app.settings import variable
from tests.install.conftest import Place


def concord(place: Place, *arguments: str, **changes: str) -> subprocess.Popen[str]:
    """`concord db ...` as its own process, without a terminal."""
    settings = place.settings()
    names = ("db_dsn", "db_user", "db_password", "db_owner", "install_user", "install_password")
    environment = {
        variable(item.name): str(getattr(settings, item.name))
        for item in fields(settings)
        if item.name in names
    }
    outer = {name: value for name, value in os.environ.items() if not name.startswith("CONCORD_")}
    return subprocess.Popen(
        [sys.executable, "-m", "app.cli", "db", *arguments],
        env={**outer, **environment, **changes},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    return process.returncode, out, err


def test_of_two_installations_at_once_one_waits(place: Place) -> None:
    lines: list[list[str]] = [[], []]

    def work(mine: list[str]) -> None:
        mine.extend(place.install())
        mine.append("ended")

    threads = [threading.Thread(target=work, args=(mine,)) for mine in lines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    told = [line for mine in lines for line in mine]
    assert told.count("ended") == 2
    assert told.count("created packages/job_queue.pkb") == 1
    assert len([line for line in told if line.startswith("ran schema/0001_queue.sql")]) == 1
    assert place.inspect() == []


def test_a_killed_installation_is_continued_by_the_next_one(place: Place) -> None:
    """SIGKILL at whatever step it has reached, again and again; the steps that are done stay done."""
    kills = 0
    for seconds in (1.5, 2.5, 3.5):
        process = concord(place, "install")
        time.sleep(seconds)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.communicate()
    status, _, err = ended(concord(place, "install"))
    assert (status, err) == (0, "")
    assert kills
    assert place.inspect() == []
    assert ended(concord(place, "upgrade"))[:2] == (0, "Nothing to do: this version is installed.\n")


def test_an_upgrade_needs_an_installation(place: Place) -> None:
    status, _, err = ended(concord(place, "upgrade"))
    assert status == 1
    assert err == (f"concord: There is no owner {place.owner} in this database: run `concord db install`.\n")


def test_passwords_come_from_a_file_and_are_never_shown(place: Place, tmp_path: Any) -> None:
    secret = tmp_path / "secret"
    secret.write_text(place.database.password + "\n")
    changes = {"CONCORD_INSTALL_PASSWORD": "", "CONCORD_INSTALL_PASSWORD_FILE": str(secret)}
    status, out, err = ended(concord(place, "install", **changes))
    assert (status, err) == (0, "")
    status, _, err = ended(concord(place, "check", "--dba", CONCORD_INSTALL_PASSWORD="wrong"))
    assert status == 1
    assert "refuses the user name or the password" in err
    for password in (place.database.password, place.app_password):
        assert password not in out + err
    status, _, err = ended(concord(place, "check", "--dba", CONCORD_INSTALL_PASSWORD=""))
    assert (status, err) == (
        1,
        "concord: CONCORD_INSTALL_PASSWORD is not set, and there is no terminal to ask at.\n",
    )
    assert ended(concord(place, "check"))[:2] == (0, "Concord's schema is complete and valid.\n")


def test_uninstall_names_what_is_lost_and_asks_and_refuses_while_workers_live(place: Place) -> None:
    place.install()
    job = "'J', 'T', '{}', 'tester'"
    place.run(
        f"insert into comparison_jobs (job_id, table_name, request_config, submitted_by) values ({job})"
    )
    status, out, err = ended(concord(place, "uninstall"))
    assert status == 1
    assert f"schema {place.owner} with " in out
    assert "its jobs (1)" in out
    assert "--yes is not set" in err
    status, _, err = ended(concord(place, "uninstall", "--yes", "SYSTEM"))
    assert "'SYSTEM' is not " in err
    row = "'w', 'h', 1, 'ACTIVE', 'poll', 1, sys_extract_utc(systimestamp), sys_extract_utc(systimestamp), 600, '1'"
    place.run(
        "insert into workers (worker_id, hostname, pid, status, wakeup_mode, slots, started_at, heartbeat_at,"
        f" lease_seconds, version) values ({row})"
    )
    status, _, err = ended(concord(place, "uninstall", "--yes", place.owner))
    assert (status, "Workers that live: 1, jobs that run: 0." in err) == (1, True)
    session = oracledb.connect(user=place.app_user, password=place.app_password, dsn=place.database.dsn)
    status, _, err = ended(concord(place, "uninstall", "--yes", place.owner, "--force"))
    assert (status, "is still connected" in err) == (1, True)
    assert place.check() == []
    session.close()
    status, out, _ = ended(concord(place, "uninstall", "--yes", place.owner, "--force"))
    assert status == 0
    assert out.count("dropped user") == 2
    status, _, err = ended(concord(place, "uninstall", "--yes", place.owner))
    assert err == f"concord: There is neither {place.owner} nor {place.app_user} in this database.\n"


def test_a_schema_that_is_not_concords_is_not_dropped(place: Place) -> None:
    with closing(place.database.connect()) as dba, dba.cursor() as cursor:
        cursor.execute(f"create user {place.owner} no authentication")
    status, _, err = ended(concord(place, "uninstall", "--yes", place.owner))
    assert (status, "so it is not Concord's: nothing was dropped" in err) == (1, True)
