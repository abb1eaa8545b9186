"""How fast a comparison is, against reading alone and against others.

    python -m tests.bench.compare --rows 1000000 [--peers] [--width 200] [--memory-mb 2048] [--csv]

Makes (once) two Parquet files of 13 columns, shuffled, with known differences; runs each contestant in a
process of its own, in turns, checks its counts against the truth, and prints wall time, CPU time and peak
memory of the whole process, imports included, each the median of `--repeat` runs, and the ratios to
reading both files. With `--csv` the rows are read from CSV files, by us and by Arrow. With `--peers` also datacompy, in an environment of its own outside the repository.

Before the runs that count, each contestant runs once: then the files are in the system's cache, and Python
has the bytecode of all modules on disk, as after an installation by pip (`uv pip install` and
PYTHONDONTWRITEBYTECODE leave that to every start: 0.8 s more for ours, 0.15 s for reading).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import Any

import pyarrow.csv
import pyarrow.parquet

from tests.bench.contestants import COMMAND_LINE, KEY, counts_of
from tests.bench.generator import TOLERATED, Truth, truth, write

OURS = ("ours", COMMAND_LINE, "ours, rules", "ours, export", "ours, polars")
OTHERS = ("duckdb join", "polars join")
_PEERS = Path(tempfile.gettempdir()) / "concord-bench-peers"


def main() -> int:
    """The command. Returns 1 if a contestant counted wrongly or broke."""
    options = _options()
    a, b = write(options.folder, options.rows, options.width)
    expected = {"": truth(options.rows), "ours, rules": truth(options.rows, TOLERATED)}
    contestants = ["read", *OURS, *OTHERS, *(["datacompy"] if options.peers else [])]
    if options.csv:
        a, b = as_csv(a), as_csv(b)
        contestants = ["read", *OURS]
    if options.only:
        contestants = ["read", *(name for name in contestants if name in options.only)]
    interpreter = {"datacompy": _peers()} if options.peers else {}
    print(
        f"{options.rows:,} rows a side, 13 columns, {'CSV' if options.csv else 'Parquet'}, shuffled; memory limit {options.memory_mb} MB"
    )
    print(f"{len(os.sched_getaffinity(0))} processors, {_processor()}, Python {platform.python_version()}")
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in contestants}
    failed = set()
    for turn in range(1 + options.repeat):
        for name in contestants:
            if name in failed:
                continue
            run = _run(interpreter.get(name, sys.executable), name, a, b, options.memory_mb)
            problem = run.get("error") or _wrong(run, expected.get(name, expected[""]))
            if problem:
                print(f"{name:14} {problem}")
                failed.add(name)
            if turn:
                runs[name].append(run)
    if "read" in failed:
        return 1
    _print({name: found for name, found in runs.items() if name not in failed})
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument(
        "--width", type=int, default=0, help="characters to which one text column is filled up"
    )
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--memory-mb", type=int, default=4096, help="limit of the contestants that have one")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "concord-bench")
    parser.add_argument("--peers", action="store_true", help="also those that are not installed here")
    parser.add_argument("--csv", action="store_true", help="rows from CSV files")
    parser.add_argument("--only", nargs="+", help="some of the contestants; reading always takes part")
    options = parser.parse_args()
    options.folder = options.folder.absolute()
    return options


def as_csv(path: Path) -> Path:
    """The same rows as CSV, written once."""
    wanted = path.with_suffix(".csv")
    if not wanted.exists():
        part = wanted.with_suffix(".part")
        with (
            pyarrow.parquet.ParquetFile(path) as file,
            pyarrow.csv.CSVWriter(part, file.schema_arrow) as writer,
        ):
            for batch in file.iter_batches():
                writer.write_batch(batch)
        part.rename(wanted)
    return wanted


def _run(interpreter: str, name: str, a: Path, b: Path, memory_mb: int) -> dict[str, Any]:
    """One contestant, once: its counts, and what `measured` says of it."""
    found: dict[str, Any]
    try:
        if name == COMMAND_LINE:
            document, measures = measured(command_line(a, b, KEY, memory_mb), status=1)
            found = {"counts": counts_of(document["summary"], document["columns"])}
        else:
            script = str(Path(__file__).with_name("contestants.py"))
            found, measures = measured([interpreter, script, name, str(a), str(b), str(memory_mb)])
    except ChildProcessError as error:
        return {"error": f"broke: {error}"}
    return found | measures


def command_line(a: Path, b: Path, key: str, memory_mb: int) -> list[str]:
    """`concord compare` of two files; it prints the result document."""
    limit = f"--memory-limit={memory_mb}MB"
    return [sys.executable, "-m", "app.cli", "compare", str(a), str(b), "--key", key, limit, "--json"]


def measured(command: list[str], status: int = 0) -> tuple[dict[str, Any], dict[str, float]]:
    """Run a command that prints a JSON document and ends with `status`, else ChildProcessError.

    Returns the document, and wall and CPU time in seconds and peak memory in MB of the whole process.
    """
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    start = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    assert process.stderr is not None
    out, errors = process.stdout.read(), process.stderr.read()
    _, ended, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(ended)
    if process.returncode != status:
        raise ChildProcessError((errors.strip().splitlines() or [f"status {process.returncode}"])[-1])
    measures = {"wall": wall, "cpu": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss / 1024}
    return json.loads(out), measures


def _wrong(run: dict[str, Any], expected: Truth) -> str | None:
    """What a run counted wrongly, if anything."""
    known = vars(expected) | {"different": {name: n for name, n in expected.different.items() if n}}
    wrong = {key: count for key, count in run["counts"].items() if count != known[key]}
    return f"WRONG: {wrong}, expected { {key: known[key] for key in wrong} }" if wrong else None


def _print(runs: dict[str, list[dict[str, Any]]]) -> None:
    print(f"{'':14} {'wall s':>8} {'CPU s':>8} {'peak MB':>8} {'wall/read':>10} {'CPU/read':>9}")
    medians = {
        name: {key: statistics.median(run[key] for run in found) for key in ("wall", "cpu", "peak")}
        for name, found in runs.items()
    }
    floor = medians["read"]
    for name, median in medians.items():
        print(
            f"{name:14} {median['wall']:8.2f} {median['cpu']:8.2f} {median['peak']:8.0f}"
            f" {median['wall'] / floor['wall']:10.2f} {median['cpu'] / floor['cpu']:9.2f}"
        )
    if "ours" in medians:
        exact = medians["ours"]["cpu"]
        if "ours, rules" in medians:
            print(f"rules against the exact run, CPU: {medians['ours, rules']['cpu'] / exact:.2f}")
        if "ours, export" in medians:
            share = (medians["ours, export"]["cpu"] - exact) / floor["cpu"]
            print(f"export of every differing cell on top, CPU of reading: {share:.2f}")
        quiet = statistics.median(run["longest_silence"] for run in runs["ours"])
        print(f"longest time between two chances to cancel: {quiet:.2f} s")
        half = statistics.median(run["at_half"] for run in runs["ours"])
        print(f"time gone when progress says half: {100 * half:.0f} %")


def _peers() -> str:
    """The interpreter of an environment with the peers; made once."""
    python = _PEERS / "bin" / "python"
    if not python.exists():
        venv.create(_PEERS, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "datacompy", "pyarrow"], check=True)
    return str(python)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


if __name__ == "__main__":
    sys.exit(main())
