"""An earlier version of Concord at work: `python old_program.py install | worker`, its own code on PYTHONPATH.

Its jobs do next to nothing: half a second each, so that an upgrade meets them while they run.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from app.settings import Settings


def run(task: Any, report: Any) -> dict[str, Any]:
    """The runner: reports progress, waits, ends."""
    for step in range(5):
        report(step / 5, f"step {step}")
        time.sleep(0.1)
    return {"summary": {"rows_a": 1, "rows_b": 1, "match_percentage": 100.0}, "columns": []}


async def prepare(storage: Any, _: Any, job_id: str) -> dict[str, Any]:
    job = await storage.get(job_id)
    return dict(job.request)


def main() -> int:
    if sys.argv[1] == "install":
        from app.oracle import install

        for line in install.install_from(Settings.from_env()):  # type: ignore[attr-defined]
            print(line)
        return 0
    from worker.kinds import Kind
    from worker.main import run as work

    kinds: Any = {"TEST": Kind(runner="old_program:run", prepare=prepare)}
    return work(Settings.from_env(), kinds)


if __name__ == "__main__":
    sys.exit(main())
