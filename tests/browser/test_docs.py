"""The API's documentation in a real browser that can reach nothing but this service."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running API; the documentation needs no database."""
    variables = {
        "CONCORD_HOME": str(tmp_path_factory.mktemp("home")),
        "CONCORD_DB_PASSWORD": "pw",
        "CONCORD_DB_DSN": "127.0.0.1:1/NOWHERE",
        "CONCORD_PORT": "0",
        "CONCORD_LOG_FORMAT": "json",
    }
    command = [sys.executable, "-m", "app.cli", "serve"]
    with subprocess.Popen(
        command, env={**os.environ, **variables}, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        found = re.search(r'"url": "([^"]+)"', process.stderr.readline())
        assert found
        yield found[1]
        process.terminate()
        process.communicate(timeout=30)


@pytest.fixture(scope="module")
def browsed(url: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The page's DOM after its scripts have run, and what the browser's console said."""
    assert CHROMIUM is not None
    profile: Path = tmp_path_factory.mktemp("profile")
    done = subprocess.run(
        [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            f"--user-data-dir={profile}", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            "--enable-logging=stderr", "--virtual-time-budget=20000", "--dump-dom", f"{url}/docs",
        ],
        capture_output=True, text=True, timeout=100, check=True,
    )  # fmt: skip
    return done.stdout, "\n".join(line for line in done.stderr.splitlines() if ":CONSOLE" in line)


def test_every_route_is_shown(browsed: tuple[str, str]) -> None:
    dom, _ = browsed
    for path in (
        "/api/v1/compare",
        "/api/v1/jobs/{job_id}/results",
        "/api/v1/auth/login",
        "/api/v1/health/ready",
    ):
        assert f'data-path="{path}"' in dom


def test_the_browser_has_nothing_to_complain_about(browsed: tuple[str, str]) -> None:
    _, console = browsed
    assert console == ""
