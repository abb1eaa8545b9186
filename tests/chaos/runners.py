"""The job of the chaos: leaves one row in the ledger of effects, or ends badly as the request says."""

from __future__ import annotations

import faulthandler
import os
import signal
import time
from typing import Any

from tests.queue.runners import SUMMARY, prepare
from worker.kinds import Kind
from worker.task import Report, Task

_STACK_AFTER_SECONDS = 25.0


def run(task: Task, report: Report) -> dict[str, Any]:
    """Work for request["seconds"], then write the effect; "crash once" and "poison" do not come so far."""
    request = task.request
    faulthandler.dump_traceback_later(_STACK_AFTER_SECONDS)  # to the worker's log
    report(0.5, "working")
    if request["do"] == "crash once" and task.run_token == 1:
        faulthandler.disable()
        os.kill(os.getpid(), signal.SIGSEGV)
    if request["do"] == "poison":
        os._exit(3)
    time.sleep(request["seconds"])
    with task.connect() as connection, connection.cursor() as cursor:
        connection.autocommit = True
        sql = "insert into concord.chaos_effects (job_id, run_token) values (:job_id, :run_token)"
        cursor.execute(sql, {"job_id": task.job_id, "run_token": task.run_token})
    return {"summary": SUMMARY, "columns": []}


KINDS = {"CHAOS": Kind(runner="tests.chaos.runners:run", prepare=prepare, preload=("tests.chaos.runners",))}
