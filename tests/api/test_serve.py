"""`concord serve` as a process: what it says when it cannot start, and how it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx


def environment(home: Path, **variables: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CONCORD_")}
    settings = {
        "HOME": str(home),
        "DB_PASSWORD": "pw",
        "DB_DSN": "127.0.0.1:1/NOWHERE",
        "PORT": "0",
        **variables,
    }
    return {**clean, **{f"CONCORD_{name}": value for name, value in settings.items()}}


def refusal(home: Path, **variables: str) -> str:
    """What is said by a start that must fail at once."""
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "serve"],
        env=environment(home, **variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_taken_port_is_said_in_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = refusal(tmp_path, PORT=str(port))
    assert said == (
        f"concord: The API cannot listen on 127.0.0.1:{port}: Address already in use. "
        "Choose another port with CONCORD_PORT.\n"
    )


def test_a_database_address_that_can_never_work_is_said_in_one_line(tmp_path: Path) -> None:
    said = refusal(tmp_path, DB_DSN="(DESCRIPTION=(")
    assert said.startswith("concord: The database address '(DESCRIPTION=(' cannot be used.")
    assert len(said.splitlines()) == 1


def test_an_administrators_password_against_the_rules_is_said_in_one_line(tmp_path: Path) -> None:
    assert refusal(tmp_path, ADMIN_PASSWORD="short") == (
        "concord: CONCORD_ADMIN_PASSWORD cannot be used. A password has at least 8 characters.\n"
    )


def test_an_absent_database_is_said_in_one_line_and_the_service_stays_until_it_is_told_to_go(
    tmp_path: Path,
) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "app.cli", "serve"],
        env=environment(tmp_path, LOG_FORMAT="json"),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        listening = process.stderr.readline()
        url = listening.split('"url": "')[1].split('"')[0]
        waiting = process.stderr.readline()
        assert "waiting for the database" in waiting
        assert "nothing answers there" in waiting
        assert httpx.get(f"{url}/api/v1/health/ready").status_code == 503
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        rest = process.stderr.read()
        assert process.wait(20) == 0
        assert time.monotonic() - began < 10
    assert "Traceback" not in rest
