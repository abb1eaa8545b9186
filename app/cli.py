"""`concord ...`: the one command line. Each command imports what it needs when it is called, no more."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


_WORKER_SIGNALS = """signals:
  SIGTERM, SIGINT   drain: no new jobs; running ones get CONCORD_DRAIN_SECONDS (20), then they are given back
  the same again    give running jobs back now
  SIGQUIT, a third  leave without waiting; running jobs run again elsewhere when the lease is over

exit status:
  0    drained; every running job ended or was given back
  1    could not start, or some jobs could not be given back: others take them when they count as lost
  2    wrong usage of the command
  3    the drain hung and was ended by force within the grace and ten seconds; jobs as with 1
  131  SIGQUIT, or a third SIGTERM or SIGINT: left without waiting; jobs as with 1
"""


def main(argv: list[str] | None = None) -> int:
    """Parse, run one command, return its exit status: 0 good, 1 the command failed, 2 wrong usage."""
    parser = argparse.ArgumentParser(
        prog="concord",
        description="Concord compares two Oracle tables: exactly, fast, and so that you see what differs.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_demo(commands)
    _add_compare(commands)
    _add_serve(commands)
    _add_worker(commands)
    _add_check(commands)
    _add_db(commands)
    _add_audit(commands)
    _add_connections(commands)
    _add_local(commands)
    arguments = parser.parse_args(argv)
    try:
        status: int = arguments.run(arguments)
    except KeyboardInterrupt:
        return 130
    return status


def _fail(sentence: str) -> int:
    print(f"concord: {sentence}", file=sys.stderr)
    return 1


def _add_demo(commands: Commands) -> None:
    parser = commands.add_parser(
        "demo",
        help="everything at once on this machine: a local database, the API, two workers, one comparison",
        description="Starts a local database, the API and two workers, compares two real releases of a table "
        "of airports, shows the result and stays up until Ctrl-C.",
    )
    parser.add_argument("--once", action="store_true", help="end after the summary")
    parser.add_argument("--json", action="store_true", help="print the result document on standard output")
    parser.add_argument(
        "--tolerance", metavar="DEGREES", help="let LAT and LON differ by so much, e.g. 0.00001"
    )
    parser.add_argument("--port", type=int, default=8000, help="of the API (default 8000; 0 = any free one)")
    parser.add_argument("--db-port", type=int, default=1521, help="of the database (default 1521; 0 = any)")
    parser.set_defaults(run=_run_demo)


def _run_demo(arguments: argparse.Namespace) -> int:
    from app.demo.run import DemoError, run

    try:
        return run(
            port=arguments.port,
            db_port=arguments.db_port,
            once=arguments.once,
            as_json=arguments.json,
            tolerance=arguments.tolerance,
        )
    except DemoError as error:
        return _fail(str(error))


def _add_compare(commands: Commands) -> None:
    parser = commands.add_parser(
        "compare",
        help="compare two files or tables here and now, without a server",
        description="Compares A (the reference) with B (the candidate): CSV, Parquet, Arrow, Excel, or a table "
        "as oracle://user@host:port/service?table=OWNER.TABLE (password in CONCORD_PASSWORD). "
        "Exit status: 0 equal, 1 different, 2 error.",
    )
    from worker.command.options import add_arguments

    add_arguments(parser)
    parser.set_defaults(run=_run_compare)


def _run_compare(arguments: argparse.Namespace) -> int:
    with _lasting():
        from worker.command.run import run
    return run(arguments)


@contextmanager
def _lasting() -> Iterator[None]:
    """Around imports: what they make stays, so neither they nor the end of the process search it for garbage.

    That search takes a quarter of the time that the imports of a comparison take.
    """
    if "pyarrow" in sys.modules:  # no fresh process: nothing is to be gained, and there may be garbage by now
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _add_serve(commands: Commands) -> None:
    parser = commands.add_parser("serve", help="run the API (settings from CONCORD_* variables)")
    parser.set_defaults(run=_run_serve)


def _run_serve(arguments: argparse.Namespace) -> int:
    from app.main import serve
    from app.settings import Settings, SettingsError

    try:
        settings = Settings.from_env()
    except SettingsError as error:
        return _fail(str(error))
    return serve(settings)


def _add_worker(commands: Commands) -> None:
    parser = commands.add_parser(
        "worker",
        help="run one worker (settings from CONCORD_* variables)",
        description="Claims jobs and runs each in a process of its own until told to stop.",
        epilog=_WORKER_SIGNALS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=_run_worker)


def _run_worker(arguments: argparse.Namespace) -> int:
    from app.settings import Settings, SettingsError
    from worker.main import run

    try:
        settings = Settings.from_env()
    except SettingsError as error:
        return _fail(str(error))
    return run(settings)


def _add_check(commands: Commands) -> None:
    parser = commands.add_parser(
        "check",
        help="look at everything that a start needs and say how to mend what is not right",
        description="Looks at settings, libraries, folders, connection, schema, clock, grants and change "
        "notification; changes nothing that stays. One line for each; exit status 0 when all is right, else 1.",
    )
    parser.set_defaults(run=_run_check)


def _run_check(arguments: argparse.Namespace) -> int:
    from app.settings import Settings, SettingsError
    from worker.check import run

    try:
        settings = Settings.from_env()
    except SettingsError as error:
        print(f"PROBLEM settings      {error}")
        return 1
    return run(settings)


_DBA = (
    "The DBA is named by CONCORD_INSTALL_USER, his password by CONCORD_INSTALL_PASSWORD or in a file named by "
    "CONCORD_INSTALL_PASSWORD_FILE; what is missing is asked for at the terminal. They are used once and kept nowhere."
)


def _add_db(commands: Commands) -> None:
    parser = commands.add_parser(
        "db", help="install, upgrade, check or remove Concord's schema in an Oracle database"
    )
    parser.set_defaults(run=_run_db)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    install = actions.add_parser(
        "install",
        help="create owner, runtime user, tables, packages and views; safe to repeat",
        description=f"Creates what is missing and says what it did. {_DBA}",
    )
    install.add_argument(
        "--print", action="store_true", dest="script", help="print a script for SQL*Plus and SQLcl instead"
    )
    install.add_argument(
        "--without-sessions",
        action="store_true",
        help="with --print: for a DBA who may not grant on V$SESSION (only SYS may); JOB_LOCKS_V stays empty",
    )
    upgrade = actions.add_parser(
        "upgrade",
        help="bring an installed schema to this version; workers may go on",
        description=f"Runs what is new, each statement once; users and passwords stay as they are. {_DBA}",
    )
    upgrade.add_argument(
        "--print",
        action="store_true",
        dest="script",
        help="print a script with what is left; asks the database as the runtime user, or as the DBA if one is named",
    )
    check = actions.add_parser(
        "check",
        help="compare what is installed with what this version needs, and say how to mend it",
        description="As the runtime user; with --dba also objects, texts, constraints and rights that only a DBA sees. "
        f"Exit status 0 when all is right, else 1. {_DBA}",
    )
    check.add_argument("--dba", action="store_true", help="ask as the DBA")
    remove = actions.add_parser(
        "uninstall",
        help="drop the owner with everything in it, and the runtime user",
        description=f"Says what would be lost and asks. Refuses while workers live. {_DBA}",
    )
    remove.add_argument("--yes", metavar="OWNER", help="the name of the owner, instead of being asked for it")
    remove.add_argument("--force", action="store_true", help="also while workers live")


def _run_db(arguments: argparse.Namespace) -> int:
    from app.oracle.command import run

    return run(arguments)


def _add_audit(commands: Commands) -> None:
    parser = commands.add_parser("audit", help="look whether anybody tampered with the audit trail")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    verify = actions.add_parser(
        "verify",
        help="follow the chain of hashes from the first entry to the last",
        description="Names the first entry that was changed, added or taken out. Exit status: 0 whole, 1 tampered "
        "with, 2 could not be read. Prints the hash of the newest entry: keep it elsewhere, and give it next time.",
    )
    verify.add_argument(
        "--expect", metavar="HASH", help="a hash that was printed before: an entry must still have it"
    )
    verify.set_defaults(run=_run_audit_verify)


def _run_audit_verify(arguments: argparse.Namespace) -> int:
    from app.accounts.audit_command import verify
    from app.settings import Settings, SettingsError

    try:
        settings = Settings.from_env()
    except SettingsError as error:
        print(f"concord: {error}", file=sys.stderr)
        return 2
    return verify(settings, arguments.expect)


def _add_connections(commands: Commands) -> None:
    parser = commands.add_parser("connections", help="keys that encrypt the passwords of connections")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    new_key = actions.add_parser("new-key", help="print a new key for CONCORD_CONNECTION_KEYS")
    new_key.set_defaults(run=_run_new_key)
    reencrypt = actions.add_parser(
        "reencrypt",
        help="encrypt every stored password with the first key of CONCORD_CONNECTION_KEYS",
        description="Safe to repeat, and beside running services that know both keys. Exit status 0 when every "
        "password is encrypted with the first key, else 1: then the other keys are still needed.",
    )
    reencrypt.set_defaults(run=_run_reencrypt)


def _run_new_key(arguments: argparse.Namespace) -> int:
    from app.connections.keyring import new_key

    print(new_key())
    return 0


def _run_reencrypt(arguments: argparse.Namespace) -> int:
    from app.connections.command import reencrypt
    from app.oracle.errors import OracleError
    from app.settings import Settings, SettingsError

    try:
        faults = reencrypt(Settings.from_env())
    except (SettingsError, OracleError) as error:
        return _fail(str(error))
    for name, fault in faults.items():
        print(f"{name}: {fault or 'encrypted with the first key'}")
    return 1 if any(faults.values()) else 0


def _add_local(commands: Commands) -> None:
    parser = commands.add_parser(
        "local",
        help="run the local database alone: Oracle's protocol in front of PostgreSQL, for tests and trials",
        description="Prints `ready HOST:PORT/SERVICE` when it accepts connections. Connect as SYSTEM with the "
        "password in the file. It is a stand-in for an Oracle Database, never a place for real data.",
    )
    parser.add_argument("--port", type=int, default=1521, help="to listen on (0 = any free one)")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on; beyond loopback only with --tls-certificate, --tls-key and --password-file",
    )
    parser.add_argument(
        "--tls-certificate",
        type=Path,
        metavar="FILE",
        help="certificate (PEM, its chain behind it): clients then connect to tcps://HOST:PORT/SERVICE",
    )
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="its key (PEM, not encrypted)")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="data folder (default CONCORD_HOME/database)"
    )
    parser.add_argument(
        "--password-file",
        type=Path,
        metavar="FILE",
        help="holds SYSTEM's password; made with a new one if missing (default CONCORD_HOME/system-password)",
    )
    parser.add_argument("--play", choices=("19c", "23ai"), default="19c", help="the version it plays")
    parser.set_defaults(run=_run_local)


def _run_local(arguments: argparse.Namespace) -> int:
    from app.demo.home import home_folder, secret_from
    from app.localdb.postgres import PostgresError
    from app.localdb.server import LocalDatabaseError, run

    home = home_folder()
    given = arguments.password_file
    own_password = given is not None and given.is_file()
    tls = (arguments.tls_certificate, arguments.tls_key)
    if (tls[0] is None) != (tls[1] is None):
        return _fail("Give --tls-certificate and --tls-key together.")
    try:
        return run(
            host=arguments.host,
            certificate=tls if tls[0] else None,
            own_password=own_password,
            data=arguments.data or home / "database",
            port=arguments.port,
            password=secret_from(given or home / "system-password"),
            play=arguments.play,
        )
    except (LocalDatabaseError, PostgresError, OSError) as error:
        return _fail(str(error))


if __name__ == "__main__":
    sys.exit(main())
