"""How long a job goes on after it was cancelled with SQL: in a worker, over tables of a database and over files.

    python -m tests.bench.cancel_jobs [--rows 1000000] [--file-rows 10000000] [--moments 6] [--only tables pushdown]

Starts a local database with Concord's schema and one worker. Each scenario runs once to its end (push-down,
which is slow here, does not), then again and again, each time cancelled at another moment (`JOB_QUEUE.CANCEL`, as the API does). Seconds are from the commit of
the cancel until the job's row says CANCELLED, and until the database has no session of that job any more: a
statement that nobody waits for costs the database as much as one that somebody does.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import oracledb

from tests.bench.compare import as_csv
from tests.bench.generator import write
from tests.bench.localdb import COLUMNS, FILL
from tests.bench.queue_setup import Bench, bench
from tests.queue.conftest import WorkerProcess, wait_for

OWNER = "CANCEL_BENCH"
_LONGEST_S = 120
_PUSHDOWN_S = 8.0


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the tables and the CSV files")
    parser.add_argument("--file-rows", type=int, default=10_000_000, help="of the Parquet files")
    parser.add_argument("--moments", type=int, default=6)
    parser.add_argument("--only", nargs="+", default=["tables", "keys", "pushdown", "csv", "parquet"])
    options = parser.parse_args()
    files = Path(tempfile.gettempdir()) / "concord-bench"
    with bench(files_dir=str(files)) as each:
        scenarios = _scenarios(each, options, files)
        worker = WorkerProcess(each.settings, each.folder, "worker", module="app.cli", arguments=["worker"])
        try:
            wait_for(lambda: each.queue.rows("select count(*) from workers") == [(1,)], 60)
            for name, request, seconds in scenarios:
                print(f"{name}: {_measured(each, request, options.moments, seconds)}", flush=True)
        finally:
            worker.process.terminate()
            worker.wait(60)


def _scenarios(
    each: Bench, options: argparse.Namespace, files: Path
) -> Iterator[tuple[str, dict[str, Any], float | None]]:
    """Name, request, and the seconds within which to cancel; None for as long as a whole run takes."""
    wanted = set(options.only)
    if wanted & {"tables", "keys", "pushdown"}:
        _make_tables(each, options.rows)
    tables = {"source": {"table": f"{OWNER}.A"}, "target": {"table": f"{OWNER}.B"}, "key": ["ID"]}
    rows = f"{options.rows:,} rows a side"
    if "tables" in wanted:
        yield f"two tables fetched and compared, {rows}", {**tables, "engine": "arrow_duckdb"}, None
    if "keys" in wanted:
        ignored = {key: value for key, value in tables.items() if key != "key"} | {"ignore": ["ID"]}
        yield f"a key looked for in two tables, {rows}", ignored, None
    if "pushdown" in wanted:
        yield f"two tables hashed in the database, {rows}", {**tables, "engine": "pushdown"}, _PUSHDOWN_S
    if "csv" in wanted:
        names = [as_csv(path).name for path in write(files, options.rows, 0)]
        yield f"two CSV files, {rows}", _of_files(names), None
    if "parquet" in wanted:
        paths = write(files, options.file_rows, 0)
        request = _of_files([path.name for path in paths])
        yield (
            f"two Parquet files, {options.file_rows:,} rows a side, with analysis",
            {**request, "ml": True},
            None,
        )


def _of_files(names: list[str]) -> dict[str, Any]:
    return {"source": {"file": names[0]}, "target": {"file": names[1]}, "key": ["ID"]}


def _make_tables(each: Bench, rows: int) -> None:
    with each.process.instance.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"create user {OWNER} no authentication quota unlimited on users")
        for table in ("A", "B"):
            cursor.execute(f"create table {OWNER}.{table} ({COLUMNS.replace('(10)', '(10) not null', 1)})")
            cursor.execute(FILL.format(table=f"{OWNER}.{table}", rows=rows))
            cursor.execute(f"grant select on {OWNER}.{table} to {each.settings.db_user}")
        cursor.execute(f"update {OWNER}.B set price = price + 1 where mod(id, 100) = 7")
        connection.commit()


def _measured(each: Bench, request: dict[str, Any], moments: int, seconds: float | None) -> str:
    """One whole run, then those that are cancelled; the result in words."""
    if seconds is None:
        start = time.perf_counter()
        job = _started(each, request)
        wait_for(lambda: each.queue.row(job, "status") in ("COMPLETED", "FAILED"), _LONGEST_S)
        if each.queue.row(job, "status") == "FAILED":
            return f"FAILED: {each.queue.row(job, 'error_details')}"
        seconds = time.perf_counter() - start
    found = [
        times
        for moment in range(moments)
        if (times := _cancelled(each, request, seconds * (moment + 0.5) / moments))
    ]
    ended = sorted(end for end, _ in found)
    free = sorted(quiet for _, quiet in found)
    return (
        f"{len(found)} moments of {seconds:.1f} s: CANCELLED after {ended[len(ended) // 2]:.2f} s, longest"
        f" {ended[-1]:.2f} s; no session left after {free[len(free) // 2]:.2f} s, longest {free[-1]:.2f} s"
    )


def _started(each: Bench, request: dict[str, Any]) -> str:
    options = {"in_kind": "COMPARE", "in_request_config": json.dumps(request), "in_max_attempts": 1}
    job = each.queue.enqueue(options=options)
    wait_for(lambda: each.queue.row(job, "status") != "PENDING", 60)
    return job


def _cancelled(each: Bench, request: dict[str, Any], after: float) -> tuple[float, float] | None:
    """Seconds from the cancel until the row says so, and until the database has no session of the job.

    None for a job that had ended before.
    """
    job = _started(each, request)
    time.sleep(after)
    step = each.queue.row(job, "current_step")
    asked = time.perf_counter()
    try:
        each.queue.call("cancel", job, "bench")
    except oracledb.DatabaseError:
        if each.queue.row(job, "status") == "COMPLETED":
            return None
        raise
    wait_for(lambda: each.queue.row(job, "status") != "RUNNING", _LONGEST_S)
    ended = time.perf_counter() - asked
    sessions = f"select count(*) from v$session where client_identifier like '{job}%' and action = 'COMPARE'"
    wait_for(lambda: each.queue.rows_as_owner(sessions) == [(0,)], _LONGEST_S)
    free = time.perf_counter() - asked
    status = each.queue.row(job, "status")
    print(f"  {status} after {ended:5.2f} s, no session after {free:5.2f} s, at: {step}", flush=True)
    return ended, free


if __name__ == "__main__":
    main()
