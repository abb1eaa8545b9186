"""`python -m tests.chaos --minutes N`: prints what happens, then the report as JSON; exit status 1 on a violation."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from functools import partial
from pathlib import Path

from tests.chaos.run import run, run_restarts


def main() -> int:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.5)
    parser.add_argument("--seed", type=int, default=1, help="which disasters come when (default 1)")
    parser.add_argument("--restarts", type=int, help="measured restarts (default one in ten minutes)")
    parser.add_argument(
        "--restarts-only",
        action="store_true",
        help="no disasters: --restarts measured restarts (default 6) in turns with as many pairs of the control",
    )
    parser.add_argument("--window", type=float, default=30.0, help="seconds measured before and after each")
    parser.add_argument("--folder", type=Path, help="for logs and the database; default a temporary one")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="concord-chaos-"))
    print(f"logs in {folder}", flush=True)
    say = partial(print, flush=True)
    if arguments.restarts_only:
        report = run_restarts(
            folder,
            pairs=arguments.restarts or 6,
            seed=arguments.seed,
            window_seconds=arguments.window,
            say=say,
        )
    else:
        report = run(
            folder,
            seconds=arguments.minutes * 60,
            seed=arguments.seed,
            window_seconds=arguments.window,
            measured_restarts=arguments.restarts or max(int(arguments.minutes / 10), 1),
            say=say,
        )
    print(json.dumps(report.to_document(), indent=2))
    return 0 if report.good else 1


if __name__ == "__main__":
    sys.exit(main())
