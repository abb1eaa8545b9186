"""Open a file as a source: by its contents, or as the format that the requester names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from worker.engines.errors import BadPlan, FileFailed
from worker.engines.sources.arrow import ArrowSource
from worker.engines.sources.base import Source
from worker.engines.sources.csv import CsvSource
from worker.engines.sources.csv_dialect import CsvOptions
from worker.engines.sources.excel import ExcelSource
from worker.engines.sources.file import SourceFile
from worker.engines.sources.parquet import ParquetSource

CSV, PARQUET, ARROW, EXCEL = "csv", "parquet", "arrow", "excel"
FORMATS = (CSV, PARQUET, ARROW, EXCEL)
_MAGIC = (
    (b"PAR1", PARQUET),
    (b"ARROW1", ARROW),
    (b"FEA1", ARROW),
    (b"\xff\xff\xff\xff", ARROW),
    (b"PK\x03\x04", EXCEL),
    (b"\xd0\xcf\x11\xe0", EXCEL),
)


_ENDINGS = {".parquet": PARQUET, ".arrow": ARROW, ".feather": ARROW, ".xlsx": EXCEL}
"""Names whose contents must be what they say, unless the format is given."""


@dataclass(frozen=True, slots=True)
class FileOptions:
    """How a file is to be read. `format` None: by its contents. `sheet` None: the only one."""

    format: str | None = None
    csv: CsvOptions = field(default_factory=CsvOptions)
    sheet: str | None = None


def open_file(path: Path, name: str, options: FileOptions | None = None) -> Source:
    """The file at `path`, called `name` in results and messages. Raises SourceFailed and BadPlan."""
    options = options or FileOptions()
    SourceFile(path, name)  # says what is wrong with it, before its contents are looked at
    chosen = options.format or format_of(path)
    claimed = _ENDINGS.get(path.suffix.lower(), chosen)
    if chosen == CSV and claimed != CSV and options.format is None and path.stat().st_size:
        raise FileFailed(
            f"{name} does not begin as a file of format {claimed} does: it is damaged or something else. "
            f"If it is CSV, give its format as {CSV}."
        )
    if chosen not in FORMATS:
        raise BadPlan(f"{chosen!r} is no file format; choose one of {', '.join(FORMATS)}.")
    if options.sheet is not None and chosen != EXCEL:
        raise BadPlan(f"{name} is {chosen}, which has no sheets.")
    if options.csv != CsvOptions() and chosen != CSV:
        raise BadPlan(f"{name} is {chosen}; the options of CSV do not apply.")
    return _OPENERS[chosen](path, name, options)


def format_of(path: Path) -> str:
    """By the first bytes; what is nothing else is CSV. Raises OSError."""
    with path.open("rb") as file:
        start = file.read(8)
    return next((name for magic, name in _MAGIC if start.startswith(magic)), CSV)


_OPENERS: dict[str, Callable[[Path, str, FileOptions], Source]] = {
    CSV: lambda path, name, options: CsvSource(path, name, options.csv),
    PARQUET: lambda path, name, _: ParquetSource(path, name),
    ARROW: lambda path, name, _: ArrowSource(path, name),
    EXCEL: lambda path, name, options: ExcelSource(path, name, options.sheet),
}
