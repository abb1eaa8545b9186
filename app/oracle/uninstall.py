"""Takes Concord out of a database: the runtime user and the owner with everything in its schema."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import oracledb

from app.oracle.address import security
from app.oracle.errors import code_of
from app.oracle.install import connect, execute, first_line, identifier
from app.oracle.plan import InstallError
from app.settings import Settings

_CONNECTED = "ORA-01940"


@dataclass(frozen=True, slots=True)
class Losses:
    """What is there and would be lost."""

    owner: str
    app_user: str
    users: tuple[str, ...]  # which of the two are there
    objects: int
    jobs: int
    running_jobs: int
    live_workers: int

    def __str__(self) -> str:
        return (
            f"schema {self.owner} with {self.objects} objects, its jobs ({self.jobs:,}) and their results, users of the API, "
            f"schedules, profiles and the audit trail; database users {' and '.join(self.users)}"
        )


def losses(settings: Settings) -> Losses:
    """What an uninstall would drop. Raises InstallError; also where there is nothing of Concord."""
    owner, app_user = identifier("owner", settings.db_owner), identifier("runtime user", settings.db_user)
    with closing(_dba(settings)) as connection:
        try:
            users = tuple(name for name in (app_user, owner) if _has_user(connection, name))
            objects = _one(connection, "select count(*) from dba_objects where owner = :name", name=owner)
            is_ours = _one(
                connection,
                "select count(*) from dba_tables where owner = :name and table_name = 'SCHEMA_MIGRATIONS'",
                name=owner,
            )
            if owner in users and not is_ours:
                raise InstallError(
                    f"Schema {owner} has no table SCHEMA_MIGRATIONS, so it is not Concord's: nothing was dropped."
                )
            if not users:
                raise InstallError(f"There is neither {owner} nor {app_user} in this database.")
            jobs, running, live = _queue(connection, owner) if is_ours else (0, 0, 0)
        except oracledb.Error as error:
            raise InstallError(f"This needs a DBA such as SYSTEM: {first_line(error)}") from error
    return Losses(owner, app_user, users, objects, jobs, running, live)


def uninstall(settings: Settings, found: Losses) -> Iterator[str]:
    """Drop the users of `found`; yields a line for each. The runtime user goes first: it is the one that may
    still be connected, and then nothing has been lost. Safe to repeat. Raises InstallError."""
    with closing(_dba(settings)) as connection:
        for name in found.users:
            try:
                execute(connection, f"drop user {name} cascade")
            except oracledb.Error as error:
                if code_of(error) == _CONNECTED:
                    raise InstallError(
                        f"{name} is still connected: stop every API process and worker, then try again."
                    ) from error
                raise InstallError(f"drop user {name}: {first_line(error)}") from error
            yield f"dropped user {name} and everything it owned"


def _queue(connection: oracledb.Connection, owner: str) -> tuple[int, int, int]:
    """Jobs, those that run, live workers; zeros where an installation broke off before its tables."""
    tables = (
        "select count(*) from dba_tables where owner = :name and table_name in ('COMPARISON_JOBS', 'WORKERS')"
    )
    if _one(connection, tables, name=owner) < 2:
        return 0, 0, 0
    execute(connection, f"alter session set current_schema = {owner}")
    return (
        _one(connection, "select count(*) from comparison_jobs"),
        _one(connection, "select count(*) from comparison_jobs where status = 'RUNNING'"),
        _one(
            connection,
            "select count(*) from workers"
            " where heartbeat_at + numtodsinterval(lease_seconds, 'SECOND') > sys_extract_utc(systimestamp)",
        ),
    )


def _has_user(connection: oracledb.Connection, name: str) -> bool:
    return _one(connection, "select count(*) from dba_users where username = :name", name=name) > 0


def _one(connection: oracledb.Connection, sql: str, **binds: object) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, binds)
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def _dba(settings: Settings) -> oracledb.Connection:
    return connect(settings.db_dsn, settings.install_user, settings.install_password, security(settings))
