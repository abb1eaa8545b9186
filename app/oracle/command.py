"""`concord db install | upgrade | check | uninstall`: what is asked for, what is printed, the exit status."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace

import oracledb

from app.oracle import sqlplus
from app.oracle.address import security
from app.oracle.check import check_from, inspect_from
from app.oracle.install import connect, execute, first_line, install_from, read_ledger, upgrade_from
from app.oracle.plan import InstallError
from app.oracle.uninstall import losses, uninstall
from app.settings import Settings, SettingsError


def run(arguments: argparse.Namespace) -> int:
    """Do what `arguments.action` says; the exit status."""
    actions = {"install": _install, "upgrade": _upgrade, "check": _check, "uninstall": _uninstall}
    try:
        return actions[arguments.action](arguments)
    except (SettingsError, InstallError) as error:
        sys.stderr.write(f"concord: {error}\n")
        return 1
    except BrokenPipeError:  # `concord db install --print | head`: whoever reads has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _install(arguments: argparse.Namespace) -> int:
    settings = Settings.from_env(need_password=False)
    if arguments.script:
        return _write(
            sqlplus.installation(
                settings.db_owner, settings.db_user, sees_sessions=not arguments.without_sessions
            )
        )
    settings = _with_dba(settings)
    if not settings.db_password:
        settings = replace(settings, db_password=_new_password(settings.db_user))
    return _write(install_from(settings), nothing="Nothing to do: this version is installed.")


def _upgrade(arguments: argparse.Namespace) -> int:
    settings = Settings.from_env(need_password=False)
    if not arguments.script:
        settings = _with_dba(settings)
        return _write(upgrade_from(settings), nothing="Nothing to do: this version is installed.")
    if settings.install_user:
        settings = _with_dba(settings)
        user, password = settings.install_user, settings.install_password
    else:
        user, password = settings.db_user, settings.db_password
        password = password or _ask(f"Password of {user}", "CONCORD_DB_PASSWORD")
    with closing(connect(settings.db_dsn, user, password, security(settings))) as connection:
        try:
            execute(connection, f"alter session set current_schema = {settings.db_owner}")
            ledger = read_ledger(connection)
        except oracledb.Error as error:
            raise InstallError(
                f"{user} cannot read SCHEMA_MIGRATIONS in schema {settings.db_owner} ({first_line(error)}): is Concord "
                "installed there? `concord db install --print` gives the script for a database without it."
            ) from error
    return _write(sqlplus.upgrade(ledger, settings.db_owner, settings.db_user))


def _check(arguments: argparse.Namespace) -> int:
    if arguments.dba:
        findings = inspect_from(_with_dba(Settings.from_env(need_password=False)))
    else:
        findings = check_from(Settings.from_env())
    _write(findings, nothing="Concord's schema is complete and valid.")
    return 1 if findings else 0


def _uninstall(arguments: argparse.Namespace) -> int:
    settings = _with_dba(Settings.from_env(need_password=False))
    found = losses(settings)
    _write([f"This drops {found}. Result files and keys of the API stay where they are."])
    if found.live_workers and not arguments.force:
        raise InstallError(
            f"Workers that live: {found.live_workers}, jobs that run: {found.running_jobs}. Stop the workers first, or use "
            "--force."
        )
    answer = arguments.yes or _ask(f"To drop it all, type {found.owner}", "--yes", secret=False)
    if answer.strip().upper() != found.owner:
        raise InstallError(f"{answer!r} is not {found.owner}: nothing was dropped.")
    return _write(uninstall(settings, found))


def _with_dba(settings: Settings) -> Settings:
    """With the DBA's name and password, asked for at the terminal where they are not set."""
    user = settings.install_user or _ask("DBA [SYSTEM]", "CONCORD_INSTALL_USER", secret=False) or "SYSTEM"
    password = settings.install_password or _ask(f"Password of {user}", "CONCORD_INSTALL_PASSWORD")
    if not password:
        raise InstallError(f"The password of {user} must not be empty.")
    return replace(settings, install_user=user, install_password=password)


def _new_password(user: str) -> str:
    password = _ask(f"Password that the runtime user {user} is to have", "CONCORD_DB_PASSWORD")
    if password != _ask("The same again", "CONCORD_DB_PASSWORD"):
        raise InstallError("The two passwords are not the same.")
    return password


def _ask(question: str, instead: str, *, secret: bool = True) -> str:
    """An answer from the terminal. Raises InstallError where nobody can be asked."""
    if not sys.stdin.isatty():
        raise InstallError(f"{instead} is not set, and there is no terminal to ask at.")
    if secret:
        return getpass.getpass(f"{question}: ")
    sys.stderr.write(f"{question}: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip()


def _write(lines: Iterable[str], nothing: str = "") -> int:
    empty = True
    for line in lines:
        empty = False
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    if empty and nothing:
        sys.stdout.write(f"{nothing}\n")
    return 0
