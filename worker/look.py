"""One look at a connection, in a process of its own: JSON on standard input, JSON on standard output, the end.

Started by app.connections.look, which kills it when it takes too long. Only what the ask needs is imported: the
engines' libraries take most of a second.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import oracledb

from app.connections.asks import (
    Answer,
    Answered,
    Describe,
    Failed,
    ListTables,
    Probe,
    Probed,
    Refused,
    Show,
    Shown,
    Spec,
    TableItem,
)
from app.jobs.sides import file_below
from app.oracle.dictionary import Dictionary, RequestError, Table
from app.oracle.errors import MISCONFIGURED, code_of, heals, translate
from app.oracle.login import Login
from worker.child import die_with_parent

MEMORY_BYTES = 2 * 2**30
MAX_FILES = 100_000
_OF_THE_ACCOUNT = frozenset({"ORA-01017", "ORA-01045", "ORA-28000", "ORA-28001"})
_MATCHES = " and instr(upper(o.owner || '.' || o.object_name), upper(:text)) > 0"
_AFTER = " and (o.owner > :after_owner or (o.owner = :after_owner and o.object_name > :after_name))"


def main() -> int:
    """Answer one spec."""
    spec = msgspec.json.decode(sys.stdin.buffer.read(), type=Spec)
    die_with_parent(spec.parent_pid)
    signal.alarm(spec.seconds + 5)  # also when nobody is there to kill it
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    sys.stdout.buffer.write(msgspec.json.encode(_answer(spec)))
    sys.stdout.buffer.flush()
    os._exit(0)  # a session that does not close in order is no reason to wait


def _answer(spec: Spec) -> Answer:
    try:
        found = _in_database(spec, spec.login) if spec.login else _in_folder(spec)
    except RequestError as error:
        return Refused(error.field, str(error))
    except oracledb.Error as error:
        print(f"look: {error}", file=sys.stderr)  # noqa: T201 - the service's log has the cause
        return Failed(_sentence(error), code_of(error), heals(error))
    except _Broken as error:
        return error.failed
    except OSError as error:
        traceback.print_exc()
        return Failed(f"it could not be read: {error.strerror}.", "", retryable=True)
    except (ValueError, OverflowError) as error:  # the driver, on dates before year 1 and the like
        traceback.print_exc()
        return Failed(f"it holds a value that cannot be read: {error}.", "", retryable=False)
    return Answered(msgspec.Raw(msgspec.json.encode(found)))


def _sentence(error: oracledb.Error) -> str:
    code = code_of(error)
    if code in _OF_THE_ACCOUNT:
        return MISCONFIGURED[code]
    if code == "ORA-00942":
        return "A table is not there or may not be read."
    return (
        "It cannot be read: the database reported an error."
        if code in MISCONFIGURED
        else str(translate(error))
    )


class _Broken(Exception):
    """The engines' libraries cannot read it."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.sentence)
        self.failed = failed


def _shown(show: Callable[[Any], Shown]) -> Shown:
    from worker import preview
    from worker.engines.errors import EngineError

    try:
        return show(preview)
    except EngineError as error:
        raise _Broken(Failed(error.sentence, "", error.retryable)) from error


# In a database


class _Session:
    """One session, as the dictionary asks it. NUMBER comes as Decimal."""

    def __init__(self, connection: oracledb.Connection) -> None:
        self._connection = connection

    async def rows(self, action: str, sql: str, binds: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """All of them; there is nobody else to wait for."""
        with self._connection.cursor() as cursor:
            cursor.arraysize = cursor.prefetchrows = 500
            cursor.execute(sql, binds or {}, fetch_decimals=True)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows


def _in_database(spec: Spec, login: Login) -> Any:
    began = time.perf_counter()
    with login() as connection:
        logged_in = time.perf_counter() - began
        session = _Session(connection)
        if isinstance(spec.ask, Probe):
            return asyncio.run(_probe(connection, session, logged_in))
        if isinstance(spec.ask, ListTables):
            return asyncio.run(_tables(connection, session, spec.ask, spec.hidden_owner))
        dictionary = Dictionary(session, user=login.user, hidden_owner=spec.hidden_owner)
        if isinstance(spec.ask, Describe):
            return asyncio.run(_describe(dictionary, spec.ask.tables))
        owner, name, rows = spec.ask.owner, spec.ask.name, spec.ask.rows
        table = asyncio.run(dictionary.table(name if owner is None else f"{owner}.{name}", "table"))
    return _shown(lambda preview: preview.of_table(login, table, rows))


async def _probe(connection: oracledb.Connection, session: _Session, logged_in: float) -> Probed:
    sql = """
        select sys_context('USERENV', 'SESSION_USER'), sys_context('USERENV', 'CURRENT_SCHEMA') from dual"""
    trips = []
    for _ in range(3):
        began = time.perf_counter()
        connection.ping()
        trips.append(time.perf_counter() - began)
    [(user, schema)] = await session.rows("probe", sql)
    return Probed(
        version=connection.version,
        user=user,
        schema_name=schema,
        connect_milliseconds=round(logged_in * 1000, 1),
        round_trip_milliseconds=round(min(trips) * 1000, 2),
    )


async def _tables(
    connection: oracledb.Connection, session: _Session, ask: ListTables, hidden_owner: str
) -> list[TableItem]:
    with connection.cursor() as cursor:  # the keyset compares as the rows are ordered: by bytes
        cursor.execute("alter session set nls_sort = binary nls_comp = binary")
    binds: dict[str, Any] = {"hidden_owner": hidden_owner, "row_limit": ask.limit}
    conditions = ""
    if ask.text is not None:
        conditions += _MATCHES
        binds["text"] = ask.text
    if ask.after is not None:
        conditions += _AFTER
        binds["after_owner"], binds["after_name"] = ask.after
    sql = f"""
        select p.owner, p.object_name, p.kind, t.num_rows
          from (select o.owner, o.object_name, min(o.object_type) as kind
                  from all_objects o
                 where o.object_type in ('TABLE', 'VIEW', 'MATERIALIZED VIEW')
                   and o.oracle_maintained = 'N'
                   and o.owner <> :hidden_owner
                   and o.object_name not like 'BIN$%'{conditions}
                 group by o.owner, o.object_name
                 order by o.owner, o.object_name
                 fetch first :row_limit rows only) p
          left join all_tables t on t.owner = p.owner and t.table_name = p.object_name
         order by p.owner, p.object_name"""
    return [
        TableItem(owner, name, kind, None if count is None else int(count))
        for owner, name, kind, count in await session.rows("tables", sql, binds)
    ]


async def _describe(dictionary: Dictionary, wanted: list[tuple[str, str]]) -> list[Table]:
    found: dict[str, Table] = {}
    for field, name in wanted:
        if name not in found:
            table = await dictionary.table(name, field)
            rows = await dictionary.estimated_rows(table)
            found[name] = Table(table.owner, table.name, table.columns, table.keys, rows=rows)
    return [found[name] for _, name in wanted]


# In a folder


def _in_folder(spec: Spec) -> Any:
    assert spec.folder is not None
    folder = Path(spec.folder)
    if isinstance(spec.ask, Show):
        name, rows = "/".join(filter(None, (spec.ask.owner, spec.ask.name))), spec.ask.rows
        path = file_below(folder, name)
        return _shown(lambda preview: preview.of_file(path, name, rows))
    files = sorted(_files(folder))
    if isinstance(spec.ask, Probe):
        return Probed(files=len(files))
    assert isinstance(spec.ask, ListTables)
    text, after = (spec.ask.text or "").casefold(), tuple(spec.ask.after or ())
    chosen = [file for file in files if file > after and text in "/".join(file).casefold()]
    return [
        TableItem(place or None, name, "FILE", bytes=(folder / place / name).stat().st_size)
        for place, name in chosen[: spec.ask.limit]
    ]


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    """Folder and name of each regular file, at most 100,000; links and hidden ones are left out."""
    count = 0
    for place, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(place, name)
            if name.startswith(".") or path.is_symlink() or not path.is_file():
                continue
            count += 1
            if count > MAX_FILES:
                raise RequestError("table", f"the folder holds more than {MAX_FILES:,} files.")
            inside = Path(place).relative_to(folder).as_posix()
            yield "" if inside == "." else inside, name


def _raise(error: OSError) -> None:
    raise error


if __name__ == "__main__":
    sys.exit(main())
