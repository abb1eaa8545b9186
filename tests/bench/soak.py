"""Many sessions under mixed load, and what of them is left afterwards: threads, memory, connections, portals.

    python -m tests.bench.soak [--sessions 64] [--minutes 5]

Sessions insert, update, delete, fetch over several round trips, read and write LOBs, call PL/SQL with a REF CURSOR,
change rows whose triggers the interpreter runs, read zoned times, watch a query's result, load directly, fail, roll
back, cancel, and now and then disconnect without a word. The figures before and after are of an idle server
with the same small pool open; a leak shows as a difference that grows with the minutes.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import oracledb

from app.localdb.pg import Connection
from app.localdb.postgres import DATABASE, SUPERUSER
from tests.conftest import LocalProcess
from tests.localdb.fuzz import memory_mb, threads

KINDS = [
    "write",
    "read",
    "lob",
    "locator",
    "call",
    "fired",
    "zoned",
    "watch",
    "load",
    "fail",
    "cancel",
    "undone",
    "bulk",
]
_IDLE_S = 30  # longer than a subscription lasts whose client went away
EXPECTED = ("ORA-00001", "ORA-01013", "ORA-00942", "DPY-4024", "ORA-06512", "ORA-20001", "ORA-00060")


def postgres(folder: Path) -> Connection:
    """A connection past the server, for counting."""
    import socket

    def connect() -> socket.socket:
        found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        found.connect(str(folder / "data" / "pg" / ".s.PGSQL.5432"))
        return found

    return Connection(connect, user=SUPERUSER, database=DATABASE, settings={})


def figures(process: LocalProcess) -> dict[str, float]:
    """What an idle server holds."""
    assert process.process is not None
    pid = process.process.pid
    observer = postgres(process.folder)
    try:
        backends, idle = observer.query(
            "select count(*), count(*) filter (where state like 'idle in transaction%') from pg_stat_activity"
            " where backend_type = 'client backend' and pid <> pg_backend_pid()"
        )[0]
        locks = observer.query("select count(*) from pg_locks where pid <> pg_backend_pid()")[0][0]
    finally:
        observer.close()
    with process.instance.connect() as connection:
        (sessions,) = connection.cursor().execute("select count(*) from v$session").fetchone()
    return {
        "threads": threads(pid),
        "memory MB": round(memory_mb(pid)),
        "open files": len(list(Path(f"/proc/{pid}/fd").iterdir())),
        "PostgreSQL connections": int(backends or 0),
        "of them in a transaction (open portals)": int(idle or 0),
        "PostgreSQL locks": int(locks or 0),
        "sessions": sessions - 1,
    }


def prepare(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("create table soak (id number primary key, name varchar2(40), text clob)")
    cursor.execute(
        "insert into soak select level, 'name ' || level, to_clob(rpad('x', 3000, 'y')) from dual"
        " connect by level <= 2000"
    )
    cursor.execute("""
        create procedure soak_some(in_low in number, out_rows out sys_refcursor) is
        begin
           open out_rows for select id, name from soak where id >= in_low order by id;
        end;""")
    cursor.execute("create table soak_fired (id number, at timestamp with time zone)")
    cursor.execute("create table soak_log (id number)")
    cursor.execute("""
        create trigger soak_fires after insert or delete on soak_fired for each row
        begin
           insert into soak_log values (coalesce(:new.id, :old.id));
           delete from soak_log where id = coalesce(:new.id, :old.id);
        end;""")
    cursor.execute("create table soak_loaded (id number, name varchar2(40))")
    connection.commit()


class Session:
    """One client's behaviour; `done` counts what it did by kind."""

    def __init__(self, process: LocalProcess, number: int, until: float) -> None:
        self._instance = process.instance
        self._random = random.Random(number)
        self._number = number
        self._until = until
        self.done: Counter[str] = Counter()
        self.strange: list[str] = []

    def run(self) -> None:
        while time.monotonic() < self._until:
            try:
                connection = self._connect()
            except oracledb.Error as error:
                self.strange.append(str(error))
                time.sleep(0.1)
                continue
            for _ in range(self._random.randint(5, 60)):
                if time.monotonic() >= self._until or not connection.is_healthy():
                    break
                self._step(connection)
            if self._random.random() < 0.9:
                with contextlib.suppress(oracledb.Error):
                    connection.close()
            # else: dropped with whatever it has open

    def _connect(self) -> oracledb.Connection:
        found = self._instance
        return oracledb.connect(user=found.user, password=found.password, dsn=found.dsn, events=True)

    def _step(self, connection: oracledb.Connection) -> None:
        kind = self._random.choice(KINDS)
        try:
            with connection.cursor() as cursor:
                getattr(self, f"_{kind}")(connection, cursor)
            self.done[kind] += 1
        except oracledb.Error as error:
            if str(error).startswith(EXPECTED):
                self.done[f"{kind} (refused)"] += 1
            else:
                self.strange.append(f"{kind}: {error}")

    def _write(self, connection: oracledb.Connection, cursor: oracledb.Cursor) -> None:
        row = self._random.randint(1, 2000)
        cursor.execute("update soak set name = :1 where id = :2", [f"by {self._number}", row])
        connection.commit()

    def _read(self, connection: oracledb.Connection, cursor: oracledb.Cursor) -> None:
        cursor.arraysize = 100
        cursor.execute("select id, name from soak order by id")
        cursor.fetchmany(self._random.choice((1, 250, 2000)))  # the rest stays where it is

    def _lob(self, connection: oracledb.Connection, cursor: oracledb.Cursor) -> None:
        cursor.execute(
            "select text from soak where id between :low and :low + 5", low=self._random.randint(1, 1900)
        )
        assert all(len(text.read()) == 3000 for (text,) in cursor)

    def _call(self, connection: oracledb.Connection, cursor: oracledb.Cursor) -> None:
        found = cursor.var(oracledb.DB_TYPE_CURSOR)
        cursor.callproc("soak_some", [self._random.randint(1, 2000), found])
        found.getvalue().fetchmany(10)

    def _locator(self, connection: oracledb.Connection, cursor: oracledb.Cursor) -> None:
        row = self._random.randint(1, 2000)
        cursor.execute("select text from soak where id = :1 for update skip locked", [row])
        for (text,) in cursor:
            text.write("written", self._random.randint(1, 2990))
        connection.commit()

    def _fired(self, connection: oracledb.Connection, cursor: oracledb.Cursor) -> None:
        cursor.executemany(
            "insert into soak_fired values (:1, systimestamp at time zone 'Europe/Berlin')",
            [(self._number,)] * 5,
        )
        cursor.execute("delete from soak_fired where id = :1", [self._number])
        connection.commit()

    def _zoned(self, connection: oracledb.Connection, cursor: oracledb.Cursor) -> None:
        cursor.execute(
            "select from_tz(timestamp '2026-01-01 00:00:00', '+02:00') + numtodsinterval(level, 'DAY') at, level"
            " from dual connect by level <= 200 order by at"
        )
        assert len(cursor.fetchall()) == 200

    def _watch(self, connection: oracledb.Connection, cursor: oracledb.Cursor) -> None:
        """A subscription, ended properly or left to its end with its connection."""
        if self._random.random() < 0.8:
            return
        watching = connection.subscribe(
            callback=lambda message: None, qos=oracledb.SUBSCR_QOS_QUERY, client_initiated=True, timeout=20
        )
        watching.registerquery(f"select id, name from soak where id = {self._random.randint(1, 2000)}")
        if self._random.random() < 0.8:
            connection.unsubscribe(watching)

    def _load(self, connection: oracledb.Connection, cursor: oracledb.Cursor) -> None:
        connection.direct_path_load(
            self._instance.user, "soak_loaded", ["id", "name"], [(self._number, "loaded")] * 50
        )
        cursor.execute("delete from soak_loaded where id = :1", [self._number])
        connection.commit()

    def _fail(self, connection: oracledb.Connection, cursor: oracledb.Cursor) -> None:
        cursor.execute(
            self._random.choice(
                (
                    "insert into soak (id) values (1)",
                    "select * from nowhere",
                    "begin raise_application_error(-20001, 'no'); end;",
                )
            )
        )

    def _cancel(self, connection: oracledb.Connection, cursor: oracledb.Cursor) -> None:
        """A call that takes too long. Where the machine is so slow that the driver gives the connection up,
        nothing may be set on it any more: the driver would crash."""
        connection.call_timeout = 400
        with contextlib.suppress(oracledb.Error):
            cursor.execute("begin dbms_session.sleep(2); end;")
        if connection.is_healthy():
            connection.call_timeout = 0

    def _undone(self, connection: oracledb.Connection, cursor: oracledb.Cursor) -> None:
        cursor.execute("savepoint here")
        cursor.execute("delete from soak where id = :1", [self._random.randint(1, 2000)])
        connection.rollback()

    def _bulk(self, connection: oracledb.Connection, cursor: oracledb.Cursor) -> None:
        first = 10_000 + self._number * 1000
        cursor.executemany(
            "insert into soak (id, name) values (:1, 'bulk')", [(first + n,) for n in range(100)]
        )
        cursor.execute("delete from soak where id between :1 and :2", [first, first + 99])
        connection.commit()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.soak", description=__doc__)
    parser.add_argument("--sessions", type=int, default=64)
    parser.add_argument("--minutes", type=float, default=5.0)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder, LocalProcess(Path(folder)) as process:
        with process.instance.connect() as connection:
            prepare(connection)

        def load(minutes: float) -> None:
            until = time.monotonic() + minutes * 60
            sessions = [Session(process, number, until) for number in range(chosen.sessions)]
            running = [threading.Thread(target=session.run) for session in sessions]
            for thread in running:
                thread.start()
            for thread in running:
                thread.join()
            total: Counter[str] = Counter()
            for session in sessions:
                total += session.done
                strange.extend(session.strange)
            print(f"{sum(total.values())} calls in {minutes:g} minutes: {dict(sorted(total.items()))}")

        strange: list[str] = []
        load(min(0.5, chosen.minutes))  # caches and pools fill
        time.sleep(_IDLE_S)
        before = figures(process)
        left = chosen.minutes
        while left > 0:
            load(min(1.0, left))
            left -= 1
            assert process.process is not None
            print(f"{memory_mb(process.process.pid):.0f} MB, {threads(process.process.pid)} threads")
        time.sleep(_IDLE_S)
        after = figures(process)
        for name, value in before.items():
            print(f"{name:42} before {value:8,}   after {after[name]:8,}")
        print(f"unexpected errors: {len(strange)} {strange[:5]}")
        print(f"internal errors in the log: {(Path(folder) / 'localdb.log').read_text().count('Traceback')}")


if __name__ == "__main__":
    main()
