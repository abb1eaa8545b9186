"""`concord check`: everything that a start needs, looked at before it, and for each finding how to mend it."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, requires, version

from app.jobs.store import OracleJobStorage
from app.oracle.check import check_from
from app.oracle.errors import OracleError
from app.oracle.expected import rights
from app.oracle.plan import InstallError
from app.oracle.pool import Connection, OraclePool
from app.settings import Settings
from worker.wakeup import ChangeNotification

_LEAST_SERVER = (19,)
_LEAST_FREE_BYTES = 1 << 30
_CLOCK_SECONDS = 2.0
_NOTIFICATION_SECONDS = 15.0
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^;\s]+)\s*$")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, whether it is right, and if not, how to mend it."""

    what: str
    good: bool
    text: str

    def __str__(self) -> str:
        return f"{'ok' if self.good else 'PROBLEM':8}{self.what:14}{self.text}"


async def check(settings: Settings) -> AsyncIterator[Finding]:
    """Findings in the order in which they are best mended. Stops where the rest cannot be looked at."""
    for finding in (*libraries(), *folders(settings)):
        yield finding
    pool = OraclePool(settings, module="concord-check", size=2)
    pool.open()
    try:
        reached = await connection(pool, settings)
        yield reached
        if not reached.good:
            return
        findings = await asyncio.to_thread(lambda: list(installation(settings)))
        for finding in findings:
            yield finding
        yield await clock(pool)
        async for finding in grants(pool, settings):
            yield finding
        if all(finding.good for finding in findings):
            yield await notification(pool, settings)
    finally:
        await pool.close()


def libraries() -> Iterator[Finding]:
    """Python's version, and that of each library that this version of Concord was tested with."""
    wrong = []
    for requirement in requires("concord") or ():
        if match := _PINNED.match(requirement):
            name, wanted = match.groups()
            try:
                found = version(name)
            except PackageNotFoundError:
                found = "missing"
            if found != wanted:
                wrong.append(f"{name} is {found}, tested was {wanted}")
    if wrong:
        yield Finding(
            "libraries", False, f"{'; '.join(wrong)}: install Concord anew with its requirements.lock."
        )
    else:
        python = ".".join(map(str, sys.version_info[:3]))
        yield Finding(
            "libraries", True, f"concord {version('concord')}, Python {python}, libraries as tested"
        )


def folders(settings: Settings) -> Iterator[Finding]:
    """The folders that jobs write to: there, writable, and with room."""
    for name, folder in (("home", settings.home), ("results", settings.results)):
        variable = "CONCORD_HOME" if name == "home" else "CONCORD_RESULTS_DIR"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                free = shutil.disk_usage(folder).free
        except OSError as error:
            yield Finding(
                name,
                False,
                f"{folder} cannot be written ({error.strerror}): give the user of this process the right to, or "
                f"set {variable} to a folder of its own.",
            )
            continue
        if free < _LEAST_FREE_BYTES:
            yield Finding(
                name,
                False,
                f"{folder} has {free >> 20} MiB left; a job may need more than {_LEAST_FREE_BYTES >> 20}: make room, "
                f"or set {variable} to another disk.",
            )
        else:
            yield Finding(name, True, f"{folder}, {free >> 30} GiB free")


async def connection(pool: OraclePool, settings: Settings) -> Finding:
    """Whether the runtime user gets a session on a server that is new enough."""
    try:
        [(banner,)] = await pool.rows("check", "select banner from v$version where rownum = 1")
        number = await pool.call("check", _server_version)
    except OracleError as error:
        mend = (
            "check CONCORD_DB_USER and CONCORD_DB_PASSWORD."
            if error.misconfigured
            else "check CONCORD_DB_DSN, and whether the database and its listener run."
        )
        where = f"{settings.db_user} at {settings.db_dsn}"
        return Finding("connection", False, f"{where}: {error} ({error.code}) Mend: {mend}")
    if number < _LEAST_SERVER:
        return Finding(
            "connection", False, f"{banner} is too old: Concord needs Oracle Database 19c or newer."
        )
    return Finding("connection", True, f"{settings.db_user} at {settings.db_dsn}: {banner}")


async def _server_version(session: Connection) -> tuple[int, ...]:
    return tuple(int(part) for part in session.version.split("."))


def installation(settings: Settings) -> Iterator[Finding]:
    """Tables, packages and views in the database against those of this version."""
    try:
        problems = check_from(settings)
    except InstallError as error:
        problems = [str(error)]
    for problem in problems:
        yield Finding("schema", False, problem)
    if not problems:
        yield Finding(
            "schema", True, f"{settings.db_owner}: tables, packages and views are those of this version"
        )


async def grants(pool: OraclePool, settings: Settings) -> AsyncIterator[Finding]:
    """What the runtime user needs, and what it should not have."""
    owner, user = settings.db_owner.upper(), settings.db_user.upper()
    visible = {
        name
        for (name,) in await pool.rows(
            "check", "select object_name from all_objects where owner = :owner", {"owner": owner}
        )
    }
    wanted, _ = rights(owner, user)
    missing = [
        f"grant {right.lower()} on {owner}.{name} to {user}"
        for right, name in sorted(wanted)
        if name not in visible
    ]
    privileges = {name for (name,) in await pool.rows("check", "select privilege from session_privs")}
    if settings.wakeup == "cqn" and "CHANGE NOTIFICATION" not in privileges:
        missing.append(f"grant change notification to {user}")
    for statement in missing:
        yield Finding("grants", False, f"missing; as a DBA: {statement};")
    if too_much := sorted(name for name in privileges if " ANY " in f" {name} "):
        yield Finding(
            "grants",
            False,
            f"{user} has {', '.join(too_much[:3])} and needs none of it: revoke it, or use another user.",
        )
    elif not missing:
        yield Finding("grants", True, f"{user} has what it needs")


async def clock(
    pool: OraclePool, here: Callable[[], datetime] = lambda: datetime.now(UTC).replace(tzinfo=None)
) -> Finding:
    """The difference between this machine's clock and the database's, which decides about everything in the queue."""
    before = here()
    [(there,)] = await pool.rows("check", "select sys_extract_utc(systimestamp) from dual")
    offset = (there - before - (here() - before) / 2) / timedelta(seconds=1)
    if abs(offset) > _CLOCK_SECONDS:
        return Finding(
            "clock",
            False,
            f"the database's clock is {offset:+.1f} s from this machine's; the queue goes by the database's, but logs and "
            "access tokens go by this one: let both follow the same time server (NTP).",
        )
    return Finding("clock", True, f"{offset:+.3f} s from the database's")


async def notification(pool: OraclePool, settings: Settings) -> Finding:
    """Whether a change in the database is heard here: subscribe, insert a row, hear of it."""
    if settings.wakeup == "poll":
        seconds = settings.worker_poll_seconds
        return Finding(
            "notification", True, f"not used (CONCORD_WAKEUP=poll): up to {seconds:g} s to a start"
        )
    storage = OracleJobStorage(pool)
    name = f"check-{socket.gethostname()[:30]}-{os.getpid()}"
    changed = asyncio.Event()
    bell = ChangeNotification(settings, lambda: storage.ping(name), changed.set, answer_seconds=5)
    listening = asyncio.create_task(bell.run(lambda: None))
    try:
        async with asyncio.timeout(_NOTIFICATION_SECONDS):
            await changed.wait()
        return Finding("notification", True, "a committed row was announced to this machine")
    except TimeoutError:
        if bell.trouble is not None:
            text = f"no subscription: {bell.trouble} ({bell.trouble.code})"
        else:
            text = "subscribed, but a committed row was not announced"
        return Finding(
            "notification",
            False,
            f"{text}. Mend it with the DBA (CHANGE NOTIFICATION and SELECT on {settings.db_owner}.COMPARISON_JOBS; a managed "
            f"service may not offer it), or set CONCORD_WAKEUP=poll.",
        )
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await storage.retire_worker(name)


def run(settings: Settings, write: Callable[[str], None] = print) -> int:
    """Print the findings; the exit status: 0 when all is right, else 1."""

    async def main() -> int:
        status = 0
        async for finding in check(settings):
            write(str(finding))
            if not finding.good:
                status = 1
        return status

    return asyncio.run(main())
