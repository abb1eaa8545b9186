"""Run one comparison of the command line: progress, output, exit status."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pyarrow as pa

from app.reports.write import ReportError, write
from worker.command.arguments import column_map, file_options, memory_mb, plan_of, report_kinds
from worker.command.notes import notes, written
from worker.command.sides import open_sides
from worker.engines import workflow
from worker.engines.errors import BadPlan, EngineError
from worker.engines.progress import Progress
from worker.engines.sources.aligned import aligned
from worker.engines.sources.wrapped import Renamed

EQUAL, DIFFERENT, ERROR = 0, 1, 2
LIBRARIES_MB = 256
"""What the interpreter and its libraries need before the engine holds a single row."""
_MIN_MEMORY_MB = 64


def run(arguments: argparse.Namespace) -> int:
    """Compare, print, and give the exit status."""
    # Ctrl-C must end a wait, too: Arrow's own handler may lose one that comes while it reads, and the one that
    # Polars installs when it is imported lets the system go on with the call that was interrupted (SA_RESTART).
    pa.enable_signal_handlers(False)
    importlib.import_module("polars")
    signal.siginterrupt(signal.SIGINT, True)
    before = signal.signal(signal.SIGTERM, _terminated)
    try:
        return _run(arguments)
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(arguments: argparse.Namespace) -> int:
    try:
        start = time.monotonic()
        with _work_dir(arguments.work_dir) as folder, _progress(quiet=arguments.quiet) as report:
            document, columns_chosen = _compare(arguments, folder, report)
    except EngineError as error:
        print(f"concord: {error.sentence}", file=sys.stderr)  # noqa: T201 - the command's output
        return ERROR
    try:
        _print(arguments, document, time.monotonic() - start)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    equal = is_equal(document, columns_chosen=columns_chosen)
    return EQUAL if equal else DIFFERENT


def is_equal(document: dict[str, Any], *, columns_chosen: bool) -> bool:
    """Whether both sides have the same rows, and the same columns unless columns were chosen or ignored."""
    summary, schema = document["summary"], document["schema"]
    missing = {name.upper() for name in (*schema["only_a"], *schema["only_b"])}
    missing -= {name.upper() for name in document["compared"]["rules"]["ignore"]}
    return not summary["changed"] + summary["only_a"] + summary["only_b"] and (not missing or columns_chosen)


def _compare(arguments: argparse.Namespace, folder: Path, report: Progress) -> tuple[dict[str, Any], bool]:
    """The result document, and whether its columns were chosen."""
    plan = plan_of(arguments)
    limit = memory_mb(arguments)
    kinds = report_kinds(arguments)
    if limit < LIBRARIES_MB + _MIN_MEMORY_MB:
        raise BadPlan(f"--memory-limit must be at least {LIBRARIES_MB + _MIN_MEMORY_MB}MB.")
    if arguments.threads is not None and arguments.threads < 1:
        raise BadPlan("--threads must be 1 or more.")
    if arguments.export is not None:
        _make_folder(arguments.export)
    options = file_options(arguments.a_options, "a"), file_options(arguments.b_options, "b")
    a, b = open_sides(arguments.a, arguments.b, options)
    if names := column_map(arguments):
        b = Renamed(b, names)
    a, b = aligned(a, b)
    wanted = workflow.Wanted(
        engine=arguments.engine, export=arguments.export is not None, repair=arguments.repair
    )
    outcome = workflow.run(
        a, b, plan, wanted, report, folder, arguments.export, limit - LIBRARIES_MB, arguments.threads
    )
    document = outcome.document
    document["compared"] |= {"reading_a": a.account(), "reading_b": b.account()}
    files = {file.name: file.path for file in outcome.files}
    for kind in kinds:
        _report(kind, document, files, _report_path(arguments.export, kind))
    return document, plan.columns is not None


def _report_path(folder: Path, kind: str) -> Path:
    return folder / ("result.json" if kind == "json" else f"report.{kind}")


def _report(kind: str, document: dict[str, Any], files: dict[str, Path], target: Path) -> None:
    try:
        write(kind, document, files, target)
    except ReportError as error:  # nothing differs, so there are no cells to write
        print(f"concord: {error}", file=sys.stderr)  # noqa: T201 - the command's output
    except OSError as error:
        raise BadPlan(f"{target} cannot be written: {error.strerror}.") from error


def _print(arguments: argparse.Namespace, document: dict[str, Any], seconds: float) -> None:
    if arguments.quiet:
        return
    if arguments.json:
        json.dump(document, sys.stdout, ensure_ascii=False, indent=2)
        print()  # noqa: T201 - the command's output
        return
    from rich.console import Console

    from app.demo.summary import printable, show

    console = Console(highlight=False)
    show(console, document, seconds)
    for sentence in notes(document):
        console.print(printable(sentence), markup=False)
    if arguments.export is not None:
        for line in written(document, str(arguments.export)):
            console.print(line, markup=False, soft_wrap=True)
        for path in (_report_path(arguments.export, kind) for kind in report_kinds(arguments)):
            if path.exists():
                console.print(f"{path}: {path.stat().st_size:,} bytes", markup=False, soft_wrap=True)


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Progress]:
    """A bar on standard error where that is a terminal; elsewhere nothing."""
    if quiet or not sys.stderr.isatty():
        yield lambda fraction, step: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("opening", total=1.0)
        yield lambda fraction, step: bar.update(task, completed=fraction, description=step)


@contextmanager
def _work_dir(chosen: Path | None) -> Iterator[Path]:
    try:
        folder = tempfile.TemporaryDirectory(prefix="concord-", dir=chosen)
    except OSError as error:
        raise BadPlan(f"--work-dir {chosen}: {error.strerror}.") from error
    with folder as name:
        yield Path(name)


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadPlan(f"--export {path}: {error.strerror}.") from error


def _terminated(number: int, _: object) -> NoReturn:
    raise SystemExit(128 + number)
