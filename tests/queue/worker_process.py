"""`concord worker` with the runners of the tests: `python -m tests.queue.worker_process`."""

from __future__ import annotations

import sys

from app.settings import Settings
from tests.queue.runners import KINDS
from worker.main import run

if __name__ == "__main__":
    sys.exit(run(Settings.from_env(), KINDS))
