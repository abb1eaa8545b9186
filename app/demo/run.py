"""`concord demo`: start everything on this machine, compare two real tables, show the result, stay up."""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import oracledb
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from app.demo import airports, summary
from app.demo.client import ApiError, Client
from app.demo.home import home_folder, secret_from
from app.demo.processes import ProcessError, Processes, free_port
from app.oracle.install import install
from app.oracle.plan import InstallError

_WORKERS = 2
_OWNER, _RUNTIME, _ADMIN = "CONCORD", "CONCORD_APP", "admin"


class DemoError(Exception):
    """The demo could not go on; the text is one sentence for the person at the terminal."""


def run(*, port: int, db_port: int, once: bool, as_json: bool, tolerance: str | None) -> int:
    """The whole story; returns the exit status. Raises DemoError with a sentence."""
    console = Console(stderr=as_json, highlight=False)
    home = home_folder()
    try:
        with _only_one(home), Processes(home / "logs") as processes:
            api_port, database_port = free_port(port, "--port"), free_port(db_port, "--db-port")
            began = time.monotonic()
            dsn = _start_database(console, processes, home, database_port)
            _prepare(console, home, dsn)
            client = _start_services(console, processes, home, dsn, api_port)
            document, seconds = _compare(console, client, tolerance)
            if as_json:
                print(json.dumps(document, indent=2, ensure_ascii=False), flush=True)  # noqa: T201
            summary.show(console, document, seconds)
            summary.suggest(console, document)
            console.print(f"[dim]from nothing to this line: {time.monotonic() - began:.1f} s[/]\n")
            if not once:
                _say_where(console, home, dsn, api_port)
                _stay(processes)
    except KeyboardInterrupt:
        console.print("[dim]stopped[/]")
    except (ProcessError, InstallError, ApiError) as error:
        raise DemoError(str(error)) from error
    except oracledb.Error as error:
        raise DemoError(f"the local database refused: {error}") from error
    return 0


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """Hold the folder's lock: two demos cannot share one database folder."""
    with (home / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DemoError(
                f"another demo already runs in {home}; stop it, or choose another folder with CONCORD_HOME"
            ) from error
        yield


def _start_database(console: Console, processes: Processes, home: Path, port: int) -> str:
    with console.status("starting the local database"):
        arguments = ["local", "--port", str(port), "--data", str(home / "database")]
        arguments += ["--password-file", str(home / "system-password")]
        secret_from(home / "system-password")
        process = processes.start("database", arguments, {})
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("ready "):
                dsn = line.split()[1]
                console.print(f"[green]✓[/] local database at {dsn}")
                return dsn
        process.wait()
        processes.check()
    raise DemoError("the local database ended before it was ready")


def _prepare(console: Console, home: Path, dsn: str) -> None:
    with console.status("installing Concord's schema and loading the airports"):
        password = secret_from(home / "system-password")
        done = list(
            install(
                dsn=dsn,
                user="SYSTEM",
                password=password,
                owner=_OWNER,
                app_user=_RUNTIME,
                app_password=secret_from(home / "app-password"),
            )
        )
        with oracledb.connect(user="SYSTEM", password=password, dsn=dsn) as connection:
            counts = airports.load(connection, _RUNTIME)
    console.print(f"[green]✓[/] schema {_OWNER} installed ({len(done)} steps)")
    loaded = ", ".join(f"{airports.SCHEMA}.{table} {count:,} rows" for table, count in counts.items())
    console.print(f"[green]✓[/] {loaded}")


def _start_services(console: Console, processes: Processes, home: Path, dsn: str, port: int) -> Client:
    environment = {
        "CONCORD_HOME": str(home),
        "CONCORD_DB_DSN": dsn,
        "CONCORD_DB_OWNER": _OWNER,
        "CONCORD_DB_USER": _RUNTIME,
        "CONCORD_DB_PASSWORD_FILE": str(home / "app-password"),
        "CONCORD_ADMIN_USER": _ADMIN,
        "CONCORD_ADMIN_PASSWORD_FILE": str(home / "admin-password"),
        "CONCORD_HOST": "127.0.0.1",
        "CONCORD_PORT": str(port),
        "ORA_SDTZ": "UTC",
    }
    admin_password = secret_from(home / "admin-password")
    client = Client(f"http://127.0.0.1:{port}")
    with console.status("starting the API and two workers"):
        processes.start("API", ["serve"], environment)
        for number in range(1, _WORKERS + 1):
            processes.start(f"worker {number}", ["worker"], environment)
        client.wait_until_ready(processes.check)
        client.login(_ADMIN, admin_password)
    console.print(f"[green]✓[/] API at http://127.0.0.1:{port} and {_WORKERS} workers")
    return client


def _compare(console: Console, client: Client, tolerance: str | None) -> tuple[dict[str, Any], float]:
    """Submit, follow, fetch: the result document, and the seconds from submission to the end."""
    source, target = (f"{airports.SCHEMA}.{table}" for table in airports.TABLES)
    request: dict[str, Any] = {"source": {"table": source}, "target": {"table": target}}
    if tolerance is not None:
        request["rules"] = {"LAT": {"tolerance": tolerance}, "LON": {"tolerance": tolerance}}
    began = time.monotonic()
    job_id = client.call("POST", "/api/v1/compare", request)["job_id"]
    columns = (TextColumn("{task.description:<34}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, TimeElapsedColumn(), console=console) as bar:
        task = bar.add_task("waiting for a worker", total=100)
        state: dict[str, Any] = {}
        for state in client.follow(job_id):
            bar.update(task, completed=float(state["progress"] or 0), description=state["current_step"] or "")
        seconds = time.monotonic() - began
        if state["status"] == "COMPLETED":
            bar.update(task, completed=100, description="compared")
    if state["status"] != "COMPLETED":
        job = client.call("GET", f"/api/v1/jobs/{job_id}")
        raise DemoError(
            f"the comparison ended {state['status']}: {(job.get('error') or {}).get('sentence', '')}"
        )
    document: dict[str, Any] = client.call("GET", f"/api/v1/jobs/{job_id}/results")
    return document, seconds


def _say_where(console: Console, home: Path, dsn: str, port: int) -> None:
    api = f"http://127.0.0.1:{port}"
    for line in (
        "[bold]It stays up. Where things are:[/]",
        f"  API            {api}/api/v1   user [bold]{_ADMIN}[/], password in {home / 'admin-password'}",
        f"  documentation  {api}/docs",
        f"  database       {dsn}   user [bold]SYSTEM[/], password in {home / 'system-password'}",
        f"  log files      {home / 'logs'}",
        "[dim]Ctrl-C stops everything; the data stay in the folder.[/]",
    ):
        console.print(line, soft_wrap=True)


def _stay(processes: Processes) -> None:
    while True:
        time.sleep(1)
        processes.check()


if os.name != "posix":
    sys.exit("concord demo needs Linux or macOS")
