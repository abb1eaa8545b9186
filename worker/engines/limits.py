"""Size limits of the result document, which is stored in three columns of one row, and what is cut to keep them.

The figures are those of JSON as UTF-8. Counts, columns, classes and sentences are never cut before samples and
examples; what was cut is told in `cut`. Everything is in the result files, if they were wanted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from worker.engines.excerpts import LONGEST, shorten

RESULTS_BYTES = 4 << 20
"""COMPARISON_RESULTS: summary, schema, samples, workflow and the rest."""
COLUMNS_BYTES = 4 << 20
"""COLUMN_MISMATCHES: columns with classes, statistics and patterns."""
ANALYSIS_BYTES = 2 << 20
"""ML_ANALYSIS: drift, odd rows, segments."""

Document = dict[str, Any]


def fit(
    document: Document,
    results_bytes: int = RESULTS_BYTES,
    columns_bytes: int = COLUMNS_BYTES,
    analysis_bytes: int = ANALYSIS_BYTES,
) -> None:
    """Cut the document, in place, until each part keeps its limit. Raises ValueError if that is impossible."""
    notes: list[str] = []
    if shorten(document):
        notes.append(f"texts: at most {LONGEST:,} characters, from shortly before the first difference")
    rest = {name: part for name, part in document.items() if name not in ("columns", "ml_analysis")}
    _cut(lambda: _size(rest), _fewer_samples(rest), results_bytes, "samples", notes)
    _cut(
        lambda: _size(document["columns"]),
        _plainer_columns(document["columns"]),
        columns_bytes,
        "columns",
        notes,
    )
    analysis = document.get("ml_analysis")
    if analysis is not None:
        _cut(lambda: _size(analysis), _fewer_rows(analysis), analysis_bytes, "analysis", notes)
    if notes:
        document["cut"] = notes


def _cut(size: Callable[[], int], cuts: Iterator[str], limit: int, part: str, notes: list[str]) -> None:
    done: list[str] = []
    before = size()
    while size() > limit:
        note = next(cuts, None)
        if note is None:
            raise ValueError(
                f"the {part} of the result have {size():,} bytes, more than the {limit:,} allowed"
            )
        done = [*(one for one in done if one.split(":")[0] != note.split(":")[0]), note]
    if done:
        notes.append(f"{part}: {before:,} bytes cut to {size():,} ({', '.join(done)})")


def _fewer_samples(rest: Document) -> Iterator[str]:
    """Half of the samples of each sort at a time, then what key finding tried."""
    samples = rest.get("samples", {})
    finding = rest.get("schema", {}).get("key_finding", {})
    while longest := max((len(rows) for rows in samples.values()), default=0):
        for sort in samples:
            samples[sort] = samples[sort][: longest // 2]
        yield f"samples: at most {longest // 2} of each sort"
    if finding.get("near_keys"):
        finding["near_keys"] = []
        yield "near-keys: none"


def _plainer_columns(columns: list[Document]) -> Iterator[str]:
    """Examples first, then the patterns and statistics of the columns that differ least."""
    for column in columns:
        for pattern in column.get("patterns", []):
            pattern["examples"] = []
    yield "examples: none"
    kept = len(columns)
    while kept:
        kept //= 2
        for column in columns[kept:]:
            for name in [
                name for name, value in column.items() if isinstance(value, list | dict) and name != "classes"
            ]:
                column[name] = [] if isinstance(column[name], list) else {}
        yield f"patterns: of the {kept} columns that differ most"


def _fewer_rows(analysis: Document) -> Iterator[str]:
    odd = analysis["anomalies"]
    while odd["rows"]:
        odd["rows"] = odd["rows"][: len(odd["rows"]) // 2]
        yield f"odd rows: {len(odd['rows'])} told in full"


def _size(part: Any) -> int:
    return len(json.dumps(part, ensure_ascii=False, default=str).encode())
