"""The database under the tests: a real Oracle Free where a Docker engine answers, else the local one.

The header line of a run says which. `database` is an empty instance with its DBA; `concord` has the
product's schema installed and gives the Settings that its services use.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import oracledb
import pytest

if TYPE_CHECKING:
    from app.settings import Settings

ORACLE_IMAGE = "gvenzl/oracle-free:23.26.0-slim-faststart"


@dataclass(frozen=True)
class Instance:
    """A running database: where it listens and the DBA who may do everything in it."""

    dsn: str
    password: str
    local: bool
    user: str = "SYSTEM"

    def connect(self) -> oracledb.Connection:
        return oracledb.connect(user=self.user, password=self.password, dsn=self.dsn)


def docker_answers() -> bool:
    """Whether a Docker engine (not only its client) is there; CONCORD_TEST_DATABASE=local says no."""
    if os.environ.get("CONCORD_TEST_DATABASE") == "local":
        return False
    try:
        done = subprocess.run(["docker", "info"], capture_output=True, timeout=20, check=False)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def play() -> str:
    """The version that the local database plays in this run: 19c unless CONCORD_TEST_PLAY says 23ai."""
    return os.environ.get("CONCORD_TEST_PLAY", "19c")


def pytest_report_header() -> str:
    if docker_answers():
        return f"database: {ORACLE_IMAGE} in a container"
    return f"database: the local database playing {play()} (no Docker engine answers here)"


@pytest.fixture(scope="session")
def localdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """The local database, whatever else is there."""
    folder = tmp_path_factory.mktemp("localdb")
    with LocalProcess(folder) as process:
        yield process.instance


class LocalProcess:
    """`concord local` as a process of its own; `kill` and `start` again for tests of recovery."""

    def __init__(self, folder: Path, port: int = 0, version: str | None = None) -> None:
        self._version = version or play()
        self.folder = folder
        self._port = port
        self._password = secrets.token_hex(8)
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> LocalProcess:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        password_file = self.folder / "password"
        password_file.write_text(self._password)
        log = (self.folder / "localdb.log").open("a")
        options = {
            "port": self._port,
            "play": self._version,
            "data": self.folder / "data",
            "password-file": password_file,
        }
        arguments = [f"--{name}={value}" for name, value in options.items()]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "local", *arguments],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        log.close()
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("ready "):
                dsn = line.split()[1]
                self._port = int(dsn.split("/")[0].rpartition(":")[2])  # the same port after a restart
                self.instance = Instance(dsn, self._password, local=True)
                return
        raise RuntimeError(f"the local database did not start: {(self.folder / 'localdb.log').read_text()}")

    def kill(self) -> None:
        """SIGKILL: no last words."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()


@pytest.fixture(scope="session")
def database(request: pytest.FixtureRequest) -> Iterator[Instance]:
    """The database of this run. The container path has not been run by anybody yet."""
    if not docker_answers():
        yield request.getfixturevalue("localdb")
        return
    from testcontainers.community.oracle import OracleDbContainer

    password = secrets.token_hex(8)
    with OracleDbContainer(image=ORACLE_IMAGE, oracle_password=password) as container:
        host, port = container.get_container_host_ip(), container.get_exposed_port(1521)
        yield Instance(f"{host}:{port}/FREEPDB1", password, local=False)


@pytest.fixture(scope="session")
def concord_db(database: Instance, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The product's schema installed; the settings of its services (API on a free port)."""
    from app.oracle.install import install
    from app.settings import Settings

    app_password = secrets.token_hex(8)
    for _ in install(
        dsn=database.dsn,
        user=database.user,
        password=database.password,
        owner="CONCORD",
        app_user="CONCORD_APP",
        app_password=app_password,
    ):
        pass
    return Settings(
        home=tmp_path_factory.mktemp("home"),
        db_dsn=database.dsn,
        db_user="CONCORD_APP",
        db_password=app_password,
        db_owner="CONCORD",
    )
