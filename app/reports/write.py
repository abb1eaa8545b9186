"""One function for every kind of report."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.reports.cells import DIFFERENCES, Cells

MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
}
KINDS = tuple(MEDIA_TYPES)


class ReportError(Exception):
    """A report that cannot be made of this comparison; its text is a sentence for the user."""


def write(kind: str, document: dict[str, Any], files: Mapping[str, Path], target: Path) -> Path:
    """Write the report of `kind` (one of KINDS) to `target`, which is replaced. Returns `target`.

    `document` is the result document, `files` its files by name. csv and parquet are the differing cells,
    which takes the file of them. The file appears under its name only when it is whole. Raises ReportError
    and OSError.
    """
    if kind not in MEDIA_TYPES:
        raise ReportError(f"There is no report {kind!r}; choose one of {', '.join(KINDS)}.")
    part = target.with_name(target.name + ".part")
    try:
        _write(kind, document, files, part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target


def _write(kind: str, document: dict[str, Any], files: Mapping[str, Path], target: Path) -> None:
    # Imported here: each kind needs libraries of its own.
    cells = Cells(document, files)
    if kind in ("csv", "parquet") and DIFFERENCES not in files:
        if cells.total == 0:
            raise ReportError(f"No cell differs, so there is nothing to write as {kind}.")
        raise ReportError(
            f"This comparison kept no file of its {cells.total:,} differing cells, of which a report as {kind} is made; "
            "run it again with `export`."
        )
    match kind:
        case "html":
            from app.reports.html import html

            target.write_text(html(document), encoding="utf-8")
        case "xlsx":
            from app.reports.sheets import workbook

            workbook(document, cells, target)
        case "csv":
            from app.reports.sheets import comma_separated

            comma_separated(cells, target)
        case "parquet":
            shutil.copyfile(files[DIFFERENCES], target)
        case _:
            target.write_text(json.dumps(document, ensure_ascii=False, indent=2), encoding="utf-8")
