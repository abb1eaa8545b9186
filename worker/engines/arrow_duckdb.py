"""ArrowDuckDBComparison: the default engine. A map from key to key, then one column at a time.

Rows of both sides are read once, brought into storage form and put aside (in memory, beyond a limit on
disk). Keys are matched first; each column is then gathered through the map and compared; rules, classes
and samples are worked out for differing cells only. Past the memory limit the rows are first cut into
parts by key, and each part is compared by itself. Equality is always proved on the values, never on
hashes, except for large objects (see `canonical`).
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from worker.engines.canonical import canonical
from worker.engines.cells import differing, take
from worker.engines.display import texts
from worker.engines.errors import BadPlan, KeyNotUnique, MemoryLimitReached, SourceFailed, WorkFolderFull
from worker.engines.layout import Layout, lay_out
from worker.engines.pairing import Codes, Pairing, key_codes, pair, scatter
from worker.engines.parts import Part, cut
from worker.engines.plan import ComparisonPlan
from worker.engines.progress import Meter, Progress
from worker.engines.result import ComparisonResult, Summary
from worker.engines.rules.apply import still_different
from worker.engines.samples import Samples
from worker.engines.shelf import Shelf
from worker.engines.sources.base import ColumnInfo, Source
from worker.engines.tally import Tally, worst_first
from worker.engines.values import Kind, ValueType

Rows = npt.NDArray[np.int64]

MIN_MEMORY_MB = 64
_MEGABYTE = 1 << 20
_SHELF_SHARE = 0.15
_PART_SHARE = 0.45
_DUCKDB_SHARE = 0.3


class ArrowDuckDBComparison:
    """One comparison of two sources. Make one, call `run` once.

    `work_dir` must exist; files there are removed at the end, whatever happens. `memory_limit_mb` bounds
    the data held in memory, not the interpreter and its libraries (about 150 MB). `threads` bounds
    DuckDB; None means the processors available to this process.
    """

    name = "ArrowDuckDBComparison"

    def __init__(
        self,
        source: Source,
        target: Source,
        plan: ComparisonPlan,
        work_dir: Path,
        memory_limit_mb: int,
        threads: int | None = None,
    ) -> None:
        if memory_limit_mb < MIN_MEMORY_MB:
            raise BadPlan(
                f"The memory limit of {memory_limit_mb} MB is too small; at least {MIN_MEMORY_MB} MB are needed."
            )
        if plan.sample_limit < 0:
            raise BadPlan(f"The sample limit is {plan.sample_limit}; it must be 0 or more.")
        self._sources = (source, target)
        self._plan = plan
        self._work_dir = work_dir
        self._memory_bytes = memory_limit_mb * _MEGABYTE
        self._threads = threads or len(os.sched_getaffinity(0))

    def run(self, progress: Progress) -> ComparisonResult:
        """Compare. What `progress` raises ends the comparison and comes out of here unchanged.

        Raises EngineError when the comparison cannot be done or breaks; nothing is left in the work folder.
        """
        started_at, start = datetime.now(UTC), time.monotonic()
        source, target = self._sources
        layout = lay_out(source, target, self._plan)
        meter = Meter(progress, (source.estimated_rows(), target.estimated_rows()))
        summary, samples = Summary(), Samples(self._plan.sample_limit)
        tallies = [Tally(column) for column in layout.values]
        with ExitStack() as cleanup:
            connection = cleanup.enter_context(self._duckdb())
            rows_a, summary.null_keys_a = self._load(0, layout, meter, cleanup)
            rows_b, summary.null_keys_b = self._load(1, layout, meter, cleanup)
            summary.rows_a, summary.rows_b = rows_a.rows, rows_b.rows
            parts = cleanup.enter_context(
                cut(
                    (rows_a, rows_b),
                    range(len(layout.key)),
                    int(_PART_SHARE * self._memory_bytes),
                    self._work_dir,
                    connection,
                    lambda: meter.pairing(0, 1),
                )
            )
            for number in range(len(parts)):
                self._compare_part(number, parts, layout, summary, tallies, samples, meter, connection)
            meter.finishing()
            document_samples = samples.read(layout, parts)
        result = ComparisonResult(
            summary=summary,
            columns=[tally.to_document() for tally in worst_first(tallies)],
            schema=_schema_document(layout),
            samples=document_samples,
            compared={
                "source": source.name,
                "target": target.name,
                "scn_a": source.scn,
                "scn_b": target.scn,
                "started_at": started_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "seconds": round(time.monotonic() - start, 3),
                "engine": self.name,
                "rules": _rules_document(self._plan, layout),
            },
        )
        meter.done()
        return result

    @contextmanager
    def _duckdb(self) -> Iterator[duckdb.DuckDBPyConnection]:
        connection = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": f"{int(_DUCKDB_SHARE * self._memory_bytes) // _MEGABYTE}MB",
                "temp_directory": str(self._work_dir / "duckdb"),
                "threads": self._threads,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            },
        )
        try:
            yield connection
        except duckdb.OutOfMemoryException as error:
            raise MemoryLimitReached(
                f"The comparison needs more than its {self._memory_bytes // _MEGABYTE} MB of memory, "
                "because very many rows share a key. Choose a key that tells rows apart, or raise the limit."
            ) from error
        except duckdb.IOException as error:
            raise WorkFolderFull(
                f"The work folder {self._work_dir} cannot take more data; make room there."
            ) from error
        finally:
            connection.close()
            if (spilled := self._work_dir / "duckdb").exists():
                shutil.rmtree(spilled)

    def _load(self, side: int, layout: Layout, meter: Meter, cleanup: ExitStack) -> tuple[Shelf, int]:
        """Read one side. Returns its rows, and how many of them have a NULL in the key."""
        source = self._sources[side]
        columns = [(column.a if side == 0 else column.b, column.type) for column in layout.columns]
        shelf = Shelf(
            layout.storage,
            self._work_dir / f"side-{'ab'[side]}.arrow",
            int(_SHELF_SHARE * self._memory_bytes),
        )
        cleanup.callback(shelf.discard)
        meter.reading(side, 0, source.name)
        null_keys = 0
        for batch in source.batches([info.name for info, _ in columns]):
            arrays = [
                _stored(batch.column(position), info, common, source.name)
                for position, (info, common) in enumerate(columns)
            ]
            shelf.append(pa.RecordBatch.from_arrays(arrays, schema=layout.storage))
            null_keys += _rows_with_null(arrays[: len(layout.key)])
            meter.reading(side, shelf.rows, source.name)
        shelf.finish()
        return shelf, null_keys

    def _compare_part(
        self,
        number: int,
        parts: list[Part],
        layout: Layout,
        summary: Summary,
        tallies: list[Tally],
        samples: Samples,
        meter: Meter,
        connection: duckdb.DuckDBPyConnection,
    ) -> None:
        part, width = parts[number], len(layout.key)
        meter.pairing(number, len(parts))
        keys = (part[0].table(range(width)), part[1].table(range(width)))
        own_code = _own_code(layout, summary)
        codes = (
            key_codes(keys[0], connection, own_code=own_code),
            key_codes(keys[1], connection, own_code=own_code),
        )
        pairing = pair(
            keys,
            codes,
            [column.type for column in layout.key],
            [column.type for column in layout.values],
            lambda side, position: part[side].column(width + position),
            connection,
            own_code=own_code,
        )
        if self._plan.require_unique_key:
            _check_unique(pairing, keys, layout, (self._sources[0].name, self._sources[1].name))
        changed = np.zeros(pairing.a.size, np.bool_)
        priority = scatter(codes[0][pairing.a])
        for position, tally in enumerate(tallies):
            meter.comparing(number, len(parts), position, len(tallies), tally.column.name)
            a = take(part[0].column(width + position), pairing.a)
            b = take(part[1].column(width + position), pairing.b)
            rows = differing(a, b)
            a, b = take(a, rows), take(b, rows)
            counted = np.flatnonzero(still_different(a, b, tally.column))
            rows = rows[counted]
            changed[rows] = True
            tally.add(
                take(a, counted),
                take(b, counted),
                priority[rows],
                partial(_cell_keys, keys[0], pairing.a[rows], layout),
            )
        summary.matched += int(pairing.a.size)
        summary.changed += int(changed.sum())
        summary.only_a += int(pairing.only_a.size)
        summary.only_b += int(pairing.only_b.size)
        summary.duplicate_keys_a += int(pairing.repeated_a.rows.size)
        summary.duplicate_keys_b += int(pairing.repeated_b.rows.size)
        _offer_samples(samples, number, codes, pairing, np.flatnonzero(changed))


def _stored(array: pa.Array, info: ColumnInfo, common: ValueType, table: str) -> pa.Array:
    assert info.value_type is not None
    try:
        return canonical(array, info.value_type, common, padded=info.padded)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise SourceFailed(
            f"A value of {table}.{info.name} cannot be read as {info.oracle_type}: {error}."
        ) from error


def _rows_with_null(keys: list[pa.Array]) -> int:
    with_nulls = [column for column in keys if column.null_count]
    if not with_nulls:
        return 0
    null = [column.is_null().to_numpy(zero_copy_only=False) for column in with_nulls]
    return int(np.logical_or.reduce(null).sum())


def _own_code(layout: Layout, summary: Summary) -> bool:
    """Whether the key is one integer column without NULLs, which needs no hash and no proof."""
    return [column.type.kind for column in layout.key] == [Kind.INTEGER] and not (
        summary.null_keys_a or summary.null_keys_b
    )


def _check_unique(
    pairing: Pairing, keys: tuple[pa.Table, pa.Table], layout: Layout, names: tuple[str, str]
) -> None:
    for side, repeated in enumerate((pairing.repeated_a, pairing.repeated_b)):
        if repeated.rows.size:
            key = _key_texts(keys[side], repeated.rows[:1], layout)[0]
            shown = ", ".join(f"{name} = {'NULL' if text is None else text}" for name, text in key.items())
            raise KeyNotUnique(
                f"The key is not unique in {names[side]}: {shown} occurs {repeated.counts[0]} times. "
                "Choose another key, or allow duplicates."
            )


def _key_texts(keys: pa.Table, rows: Rows, layout: Layout) -> list[dict[str, str | None]]:
    indices = pa.array(rows)
    columns = [
        texts(keys.column(n).take(indices).combine_chunks(), column.type)
        for n, column in enumerate(layout.key)
    ]
    names = [column.name for column in layout.key]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _cell_keys(keys: pa.Table, rows: Rows, layout: Layout, members: Rows) -> list[dict[str, str | None]]:
    return _key_texts(keys, rows[members], layout)


def _offer_samples(
    samples: Samples, part: int, codes: tuple[Codes, Codes], pairing: Pairing, changed: Rows
) -> None:
    rows_a, rows_b = pairing.a[changed], pairing.b[changed]
    samples.offer("changed", part, codes[0][rows_a], rows_a, rows_b)
    samples.offer("only_a", part, codes[0][pairing.only_a], pairing.only_a, None)
    samples.offer("only_b", part, codes[1][pairing.only_b], None, pairing.only_b)
    twice_a, twice_b = pairing.repeated_a, pairing.repeated_b
    samples.offer("duplicates_a", part, codes[0][twice_a.rows], twice_a.rows, None, twice_a.counts)
    samples.offer("duplicates_b", part, codes[1][twice_b.rows], None, twice_b.rows, twice_b.counts)


def _schema_document(layout: Layout) -> dict[str, Any]:
    return {
        "only_a": list(layout.only_a),
        "only_b": list(layout.only_b),
        "different": [dict(difference) for difference in layout.different],
        "key": [column.name for column in layout.key],
        "key_origin": layout.key_origin,
    }


def _rules_document(plan: ComparisonPlan, layout: Layout) -> dict[str, Any]:
    rules = {column.name: column.rule for column in layout.values if column.rule is not None}
    ignored = [name for name, rule in plan.rules.items() if rule.ignore]
    return {
        "ignore": [*plan.ignore, *ignored],
        "columns": {name: msgspec.to_builtins(rule) for name, rule in rules.items() if not rule.is_empty},
    }
