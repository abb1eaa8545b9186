"""Runners for tests: they end, hang, crash, swallow memory and write to files, as the request says."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from app.connections.catalog import Catalog
from app.jobs.store import OracleJobStorage
from worker.kinds import Kind
from worker.outcome import Failed
from worker.task import JobFailed, Report, Task

SUMMARY = {"rows_a": 1, "rows_b": 1, "match_percentage": 100.0}


def run(task: Task, report: Report) -> dict[str, Any]:
    """Do what request["do"] says; "mark" appends this process's number to a file first."""
    request = task.request
    if "mark" in request:
        # One write of a short line with O_APPEND: whole, also beside other processes.
        with Path(request["mark"]).open("a") as marks:
            marks.write(f"{os.getpid()} {task.run_token}\n")
    report(0.5, f"doing {request['do']}")
    match request["do"]:
        case "finish":
            text = "x" * request.get("size", 0)
            return {"summary": SUMMARY, "columns": [], "text": text, **request.get("more", {})}
        case "sleep":
            time.sleep(request["seconds"])
            return {"summary": SUMMARY, "columns": []}
        case "leave":  # a checkpoint, and time to write it
            if task.checkpoint is not None:
                text = f"step {task.checkpoint['step']} was there"
                return {"summary": SUMMARY, "columns": [], "text": text}
            task.save_checkpoint({"step": 1})
            time.sleep(request["seconds"])
            return {"summary": SUMMARY, "columns": []}
        case "wait in the database":
            with task.connect() as connection, connection.cursor() as cursor:
                report(0.6, "waiting")
                cursor.execute("begin dbms_session.sleep(60); end;")
        case "query":
            import duckdb

            duckdb.sql(
                "select count(*) from range(10000000000) a, range(10000) b where a.range % 7 = b.range % 5"
            ).fetchall()
        case "note start":
            file = Path(request["file"])
            file.with_suffix(".part").write_text(f"{time.time():.6f}")
            file.with_suffix(".part").rename(file)
            return {"summary": SUMMARY, "columns": []}
        case "finish after":
            while not Path(request["file"]).exists():
                time.sleep(0.02)
            return {"summary": SUMMARY, "columns": []}
        case "segfault":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "exit":
            os._exit(3)
        case "refuse":
            raise JobFailed(Failed("engine", "There is no key.", retryable=request.get("retryable", False)))
        case "break":
            raise ZeroDivisionError("a defect")
        case "swallow":
            hoard = []
            while True:
                hoard.append(bytearray(os.urandom(1 << 20) * 8))
                time.sleep(0.005)
        case "memory error":
            raise MemoryError
    raise AssertionError("not reached")


async def prepare(storage: OracleJobStorage, _: Catalog, job_id: str) -> dict[str, Any]:
    """The request as it stands in the row."""
    job = await storage.get(job_id)
    assert job.request is not None
    return job.request


KINDS = {"TEST": Kind(runner="tests.queue.runners:run", prepare=prepare, preload=("tests.queue.runners",))}


def engines(task: Task, report: Report) -> dict[str, Any]:
    """Use each library with threads of its own, all of which were imported before the fork."""
    import duckdb
    import numpy
    import polars
    import pyarrow.compute

    numbers = polars.DataFrame({"k": range(100_000), "g": [each % 97 for each in range(100_000)]})
    grouped = numbers.sort("k", descending=True).group_by("g").agg(polars.col("k").sum()).height
    lazily = numbers.lazy().group_by("g").len().collect(engine="streaming").height
    table = numbers.to_arrow()
    [(counted,)] = duckdb.from_arrow(table).aggregate("count(*)").fetchall()
    product = numpy.ones((300, 300)) @ numpy.ones((300, 300))
    return {
        "groups": [grouped, lazily, pyarrow.compute.count_distinct(table["g"]).as_py()],
        "rows": counted,
        "product": float(product[0, 0]),
    }
