"""How fast the local database is: fetching and loading through the driver, against psycopg on the same PostgreSQL.

    python -m tests.bench.localdb [--rows 1000000]

Starts a local database in a temporary folder, makes a table of ten columns, and reads and loads it by turns
through python-oracledb and through psycopg, which talks to the PostgreSQL underneath. psycopg (LGPL) is no part
of the project: it is installed into a temporary folder. Prints medians of `--repeat` runs, their ratios, the
peak memory of the server's process, and the time to the first connection.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import oracledb

from tests.conformance.suite import Unreachable, pip
from tests.conftest import LocalProcess

COLUMNS = (
    "id number(10), quantity number(9), flag number(1), code number(5), name varchar2(40), city varchar2(40),"
    " note varchar2(40), created timestamp, day date, price number(12,2)"
)
FILL = (
    "insert into {table} select level, mod(level, 977), mod(level, 2), mod(level, 30000), 'name ' || level,"
    " 'city ' || mod(level, 500), 'a note of row ' || level, timestamp '2026-01-01 00:00:00.123456' +"
    " numtodsinterval(level, 'second'), date '2026-01-01' + mod(level, 365), level / 100"
    " from dual connect by level <= {rows}"
)
NAMES = [column.split()[0] for column in COLUMNS.split(", ")]

# Runs in a process of its own, with psycopg in front of its modules. Prints seconds of each task.
PSYCOPG = """
import json, sys, time, datetime as dt
import psycopg
socket, table, rows, repeat = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
found = {"fetch": [], "copy": [], "fetch cpu": [], "copy cpu": []}
with psycopg.connect(host=socket, user="postgres", dbname=sys.argv[5]) as connection:
    for _ in range(repeat):
        began, used = time.perf_counter(), time.process_time()
        with connection.cursor(name="c") as cursor:
            cursor.execute(f"select {sys.argv[6]} from {table}")
            count = 0
            while batch := cursor.fetchmany(5000):
                count += len(batch)
        assert count == rows, count
        found["fetch"].append(time.perf_counter() - began)
        found["fetch cpu"].append((time.process_time() - used) / rows * 1e6)
    moment = dt.datetime(2026, 1, 1, 12, 30, 15, 123456)
    data = [(n, n % 977, n % 2, n % 30000, f"name {n}", f"city {n % 500}", f"a note of row {n}", moment,
             moment.replace(microsecond=0), n / 100) for n in range(rows)]
    for _ in range(repeat):
        with connection.cursor() as cursor:
            cursor.execute(f"create table public.copied as select {sys.argv[6]} from {table} limit 0")
            began, used = time.perf_counter(), time.process_time()
            with cursor.copy("copy public.copied from stdin") as copy:
                for row in data:
                    copy.write_row(row)
            connection.commit()
            found["copy"].append(time.perf_counter() - began)
            found["copy cpu"].append((time.process_time() - used) / rows * 1e6)
            cursor.execute("drop table public.copied")
            connection.commit()
print(json.dumps(found))
"""


def timed(task: Callable[[], None], repeat: int) -> list[float]:
    seconds = []
    for _ in range(repeat):
        began = time.perf_counter()
        task()
        seconds.append(time.perf_counter() - began)
    return seconds


def cpu_seconds(process: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_memory_mb(process: int) -> float:
    """VmHWM of a process."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def measure(server: LocalProcess, modules: Path, rows: int, repeat: int) -> dict[str, list[float]]:
    """Seconds of each task."""
    assert server.process is not None
    owner = server.instance.user
    connection = server.instance.connect()
    cursor = connection.cursor()
    for table in ("bench_rows", "bench_loaded"):
        cursor.execute(f"create table {table} ({COLUMNS})")
    cursor.execute(FILL.format(table="bench_rows", rows=rows))
    cursor.execute(
        "create table bench_zoned (id number(10), plain timestamp, zoned timestamp with time zone)"
    )
    cursor.execute(
        "insert into bench_zoned select id, created, from_tz(created, case mod(id, 2) when 0 then '+00:00' else '+05:30' end)"
        " from bench_rows"
    )
    connection.commit()
    print(f"server before: {peak_memory_mb(server.process.pid):.0f} MB at its peak", flush=True)

    def fetch(query: str = f"select {', '.join(NAMES)} from bench_rows") -> None:
        cursor.arraysize = 5000
        cursor.execute(query)
        count = 0
        while batch := cursor.fetchmany():
            count += len(batch)
        assert count == rows

    def frames() -> None:
        query = f"select {', '.join(NAMES)} from bench_rows"
        count = sum(frame.num_rows() for frame in connection.fetch_df_batches(query, size=5000))
        assert count == rows

    moment = dt.datetime.fromisoformat("2026-01-01T12:30:15.123456")
    data = [
        (n, n % 977, n % 2, n % 30000, f"name {n}", f"city {n % 500}", f"a note of row {n}", moment,
         moment.replace(microsecond=0), n / 100)
        for n in range(rows)
    ]  # fmt: skip

    def load() -> None:
        cursor.execute("truncate table bench_loaded")
        connection.direct_path_load(owner, "bench_loaded", NAMES, data)

    def costs(name: str, task: Callable[[], None]) -> list[float]:
        """Wall seconds; prints CPU time a row, which other work on the machine disturbs less."""
        assert server.process is not None
        ours, theirs = cpu_seconds(server.process.pid), time.process_time()
        seconds = timed(task, repeat)
        count = rows * repeat / 1e6
        print(
            f"{name}: CPU {(cpu_seconds(server.process.pid) - ours) / count:.1f} us a row in the server,"
            f" {(time.process_time() - theirs) / count:.1f} in the client",
            flush=True,
        )
        return seconds

    found = {"fetch": costs("fetch", fetch), "frames": costs("frames", frames)}
    found["timestamps"] = costs("timestamps", lambda: fetch("select id, plain from bench_zoned"))
    found["zoned"] = costs("zoned", lambda: fetch("select id, zoned from bench_zoned"))
    print(f"server after fetching: {peak_memory_mb(server.process.pid):.0f} MB at its peak", flush=True)
    found["load"] = costs("load", load)
    cursor.execute("select count(*) from bench_loaded")
    assert cursor.fetchone() == (rows,)
    print(f"server after loading: {peak_memory_mb(server.process.pid):.0f} MB at its peak", flush=True)
    done = subprocess.run(
        [sys.executable, "-c", PSYCOPG, str(server.folder / "data" / "pg"), f'"{owner}"."BENCH_ROWS"', str(rows),
         str(repeat), "postgres", ", ".join(f'"{name.upper()}"' for name in NAMES)],
        env=os.environ | {"PYTHONPATH": str(modules)},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(done.stderr)
    other = json.loads(done.stdout)
    for name in ("fetch", "copy"):
        print(f"psycopg {name}: CPU {statistics.median(other.pop(f'{name} cpu')):.1f} us a row in the client")
    return found | {f"psycopg {name}": seconds for name, seconds in other.items()}


def first_connection(folder: Path) -> float:
    """Seconds from starting the server's process to the first connection."""
    began = time.perf_counter()
    with LocalProcess(folder) as server, server.instance.connect():
        return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.localdb", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        folder = Path(temporary)
        modules = folder / "modules"
        try:
            pip("install", f"--target={modules}", "psycopg[binary]")
        except Unreachable as error:
            raise SystemExit(f"psycopg cannot be fetched: {error}") from error
        (folder / "a").mkdir()
        new = first_connection(folder / "a")
        again = first_connection(folder / "a")
        print(f"first connection: {new:.2f} s with a new data folder, {again:.2f} s with an existing one")
        (folder / "b").mkdir()
        with LocalProcess(folder / "b") as server:
            found = {
                name: statistics.median(seconds)
                for name, seconds in measure(server, modules, chosen.rows, chosen.repeat).items()
            }
    for name, seconds in found.items():
        print(f"{name:14} {seconds:7.2f} s  {chosen.rows / seconds:10,.0f} rows/s")
    print(f"fetch / psycopg fetch  {found['fetch'] / found['psycopg fetch']:.2f}")
    print(f"zoned / timestamps     {found['zoned'] / found['timestamps']:.2f}")
    print(f"frames / psycopg fetch {found['frames'] / found['psycopg fetch']:.2f}")
    print(f"load / psycopg copy    {found['load'] / found['psycopg copy']:.2f}")


if __name__ == "__main__":
    oracledb.defaults.fetch_lobs = False
    main()
