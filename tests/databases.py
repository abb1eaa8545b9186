"""Which database a test run uses, and how it is started.

CONCORD_TEST_DSN     an Oracle Database that exists, as CONCORD_TEST_USER (SYSTEM) with CONCORD_TEST_PASSWORD, or with the
                     password in the file CONCORD_TEST_PASSWORD_FILE. The tests create and drop users there.
CONCORD_TEST_DATABASE  local: the local database whatever else is there. container: Oracle Free, and an error where no
                     Docker engine answers. Without it a container where an engine answers, else the local database.
CONCORD_TEST_PLAY    what the local database plays, 19c or 23ai.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import oracledb

ORACLE_IMAGE = "gvenzl/oracle-free:23.26.0-slim-faststart"
SERVICE = "FREEPDB1"
_START_SECONDS = "600"  # of a container: the first start unpacks the database
_TAKEN = ("CONCORD", "CONCORD_APP")


@dataclass(frozen=True)
class Instance:
    """A running database: where it listens and the DBA who may do everything in it."""

    dsn: str
    password: str
    local: bool
    user: str = "SYSTEM"

    def connect(self) -> oracledb.Connection:
        return oracledb.connect(user=self.user, password=self.password, dsn=self.dsn)


class NoDatabase(Exception):
    """The database that was asked for is not to be had; the text is a sentence."""


@dataclass(frozen=True)
class Choice:
    """kind: given, container or local. why: for people."""

    kind: str
    name: str
    why: str

    def __str__(self) -> str:
        return f"{self.name} ({self.why})"


@cache
def choice() -> Choice:
    """The database of this run. Raises NoDatabase."""
    if dsn := os.environ.get("CONCORD_TEST_DSN"):
        return Choice("given", f"Oracle Database at {dsn}", "CONCORD_TEST_DSN")
    wish = os.environ.get("CONCORD_TEST_DATABASE", "")
    if wish not in ("", "local", "container"):
        raise NoDatabase(f"CONCORD_TEST_DATABASE is {wish!r}; it may be local or container.")
    local = f"the local database playing {play()}"
    if wish == "local":
        return Choice("local", local, "CONCORD_TEST_DATABASE=local")
    trouble = engine_trouble()
    if trouble is None:
        return Choice("container", f"{ORACLE_IMAGE} in a container", "a Docker engine answers")
    if wish == "container":
        raise NoDatabase(f"CONCORD_TEST_DATABASE=container, but no Docker engine answers: {trouble}")
    return Choice("local", local, "no Docker engine answers here")


def play() -> str:
    """The version that the local database plays in this run: 19c unless CONCORD_TEST_PLAY says 23ai."""
    return os.environ.get("CONCORD_TEST_PLAY", "19c")


def engine_trouble() -> str | None:
    """Why no Docker engine can be used; None if one answers. Asked as testcontainers will ask it."""
    os.environ.setdefault("TC_MAX_TRIES", _START_SECONDS)  # read when testcontainers is imported
    from docker.errors import DockerException  # type: ignore[import-untyped]
    from testcontainers.core.docker_client import DockerClient

    try:
        client = DockerClient(timeout=20)
        try:
            client.client.ping()
        finally:
            client.client.close()
    except (DockerException, OSError) as error:
        return str(error).splitlines()[0]
    return None


@contextmanager
def container() -> Iterator[Instance]:
    """Oracle Database Free in a container, gone with its volume at the end."""
    from testcontainers.community.oracle import OracleDbContainer

    password = secrets.token_hex(8)
    with OracleDbContainer(image=ORACLE_IMAGE, oracle_password=password) as running:
        host, port = running.get_container_host_ip(), running.get_exposed_port(1521)
        yield Instance(f"{host}:{port}/{SERVICE}", password, local=False)


@contextmanager
def given() -> Iterator[Instance]:
    """The database that CONCORD_TEST_DSN names; users that came during the run are dropped at its end.

    Raises NoDatabase where it already has a Concord: the tests would drop it.
    """
    password = os.environ.get("CONCORD_TEST_PASSWORD", "")
    if file := os.environ.get("CONCORD_TEST_PASSWORD_FILE"):
        password = Path(file).read_text().strip()
    user = os.environ.get("CONCORD_TEST_USER", "SYSTEM")
    instance = Instance(os.environ["CONCORD_TEST_DSN"], password, local=False, user=user)
    before = _users(instance)
    if taken := sorted(before.intersection(_TAKEN)):
        raise NoDatabase(
            f"{instance.dsn} already has the users {', '.join(taken)}, which the tests would drop. Give them an empty "
            "database (a PDB of its own); what an earlier run of tests left: drop user ... cascade."
        )
    try:
        yield instance
    finally:
        with instance.connect() as connection, connection.cursor() as cursor:
            for name in sorted(_users(instance) - before):
                cursor.execute(f'drop user "{name}" cascade')


def _users(instance: Instance) -> set[str]:
    try:
        with instance.connect() as connection, connection.cursor() as cursor:
            return {name for (name,) in cursor.execute("select username from dba_users")}
    except oracledb.Error as error:
        raise NoDatabase(f"CONCORD_TEST_DSN as {instance.user}: {error}") from error


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
