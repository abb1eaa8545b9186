"""What the measurements of the API share: `concord serve` as a process, what it uses, and a user's token."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from app.settings import Settings

PASSWORD = "correct horse battery"
_TICKS = os.sysconf("SC_CLK_TCK")


class ApiProcess:
    """A running API process."""

    def __init__(self, process: subprocess.Popen[bytes], url: str) -> None:
        self.process = process
        self.url = url

    def cpu_seconds(self) -> float:
        """User and system time so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def memory_mb(self) -> float:
        """Resident now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) / 1024

    def round_trips(self) -> float:
        """Calls to the database so far; asking costs some by itself, so ask with care."""
        text = httpx.get(f"{self.url}/metrics", timeout=30).text
        return sum(float(count) for count in re.findall(r"database_call_seconds_count\{[^}]*\} (\S+)", text))


@contextmanager
def serving(settings: Settings, log: Path) -> Iterator[ApiProcess]:
    """`concord serve` on a free port, ready. Its log goes to a file."""
    names = ("home", "db_dsn", "db_password")
    environment = {f"CONCORD_{name.upper()}": str(getattr(settings, name)) for name in names} | {
        "CONCORD_PORT": "0",
        "CONCORD_ADMIN_PASSWORD": PASSWORD,
        "CONCORD_REQUESTS_PER_MINUTE": "0",
        "CONCORD_LIVE_CONNECTIONS_PER_USER": "0",
        "CONCORD_LOG_FORMAT": "json",
    }
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "serve"], env={**os.environ, **environment}, stderr=out
        )
    try:
        url = _address(process, log)
        while not _is_ready(url):
            time.sleep(0.1)
        yield ApiProcess(process, url)
    finally:
        process.terminate()
        process.wait(30)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        found = re.search(r'"url": ?"([^"]+)"', log.read_text())
        if found:
            return found[1]
        time.sleep(0.1)
    raise RuntimeError(f"the API did not start: {log.read_text()}")


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/v1/health/ready", timeout=30).status_code == 200
    except httpx.ConnectError:  # it has its port, and does not listen yet
        return False


def logged_in(url: str) -> str:
    """An administrator's access token."""
    body = {"username": "admin", "password": PASSWORD}
    answer = httpx.post(f"{url}/api/v1/auth/login", json=body, timeout=30)
    return str(answer.json()["data"]["access_token"])
