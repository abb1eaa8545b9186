"""Find the columns by which the rows of two tables can be matched.

findings = find_keys(source, target, progress, work_dir, memory_limit_mb=512)
findings.keys[0].columns
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from worker.engines.columns import Crew
from worker.engines.duck import open_duckdb
from worker.engines.errors import BadPlan
from worker.engines.keyfinding.database import DatabaseTable, has_rowids, keeps_values
from worker.engines.keyfinding.loaded import LoadedTable, shared_values
from worker.engines.keyfinding.ranking import Judged, judge, reasons, total_cost
from worker.engines.keyfinding.search import Columns, Repeats, Search
from worker.engines.keyfinding.tables import CandidateTable, RepeatedValues
from worker.engines.layout import ComparedColumn
from worker.engines.progress import Progress
from worker.engines.sources.base import Source
from worker.engines.sources.oracle import OracleTableSource
from worker.engines.values import Kind, common_type

T = TypeVar("T")

WIDTH = 3
"""Columns of the widest key that is looked for, unless told otherwise."""
ENOUGH_KEYS = 3
"""Keys after which the search ends; one convincing key ends it, too."""
ENOUGH_OVERLAP = 0.9
MAX_CHECKS = 100
"""Exact checks after which the search ends without an answer, and says so."""

_SHOWN_VALUES = 5
_TEXT_BYTES = 32
_READING = 0.4  # of the work, where the rows must be read first
_NO_KEY = frozenset({Kind.LONG_TEXT, Kind.LONG_BINARY, Kind.INTERVAL_MONTHS, Kind.INTERVAL_NANOSECONDS})


@dataclass(frozen=True, slots=True)
class FoundKey:
    """A minimal column set without a repeated value on either side. overlap: 0 to 1, of the smaller side."""

    columns: tuple[str, ...]
    overlap: float | None
    cost: float
    reasons: tuple[str, ...]
    flawed: bool

    @property
    def convincing(self) -> bool:
        """Whether nothing speaks against it, so that no other need be looked for."""
        return not self.flawed and self.overlap is not None and self.overlap >= ENOUGH_OVERLAP

    def to_document(self) -> dict[str, Any]:
        return {
            "columns": list(self.columns),
            "overlap": None if self.overlap is None else round(self.overlap, 6),
            "cost": round(self.cost, 2),
            "reasons": list(self.reasons),
        }


@dataclass(frozen=True, slots=True)
class NearKey:
    """A column set of which a few values are repeated; `repeated_a` and `_b` are these, with their rows."""

    columns: tuple[str, ...]
    cost: float
    flawed: bool
    repeated_a: tuple[tuple[tuple[str | None, ...], int], ...]
    repeated_b: tuple[tuple[tuple[str | None, ...], int], ...]

    def to_document(self) -> dict[str, Any]:
        def shown(repeated: tuple[tuple[tuple[str | None, ...], int], ...]) -> list[dict[str, Any]]:
            return [
                {"key": dict(zip(self.columns, values, strict=True)), "rows": rows}
                for values, rows in repeated[:_SHOWN_VALUES]
            ]

        return {
            "columns": list(self.columns),
            "repeated_values_a": len(self.repeated_a),
            "repeated_values_b": len(self.repeated_b),
            "examples_a": shown(self.repeated_a),
            "examples_b": shown(self.repeated_b),
        }

    def sentence(self) -> str:
        """For a person who has to choose a key."""
        side, (values, rows) = ("A", self.repeated_a[0]) if self.repeated_a else ("B", self.repeated_b[0])
        example = ", ".join(
            f"{name} = {'NULL' if value is None else value}"
            for name, value in zip(self.columns, values, strict=True)
        )
        count = len(self.repeated_a) + len(self.repeated_b)
        return (
            f"{', '.join(self.columns)} would be a key but for {count} "
            f"repeated value{'' if count == 1 else 's'} (in {side}, {example} has {rows} rows)"
        )


@dataclass(frozen=True, slots=True)
class Findings:
    """Keys, best first; near-keys, best first; and how far the search went."""

    keys: tuple[FoundKey, ...]
    near_keys: tuple[NearKey, ...]
    candidates: tuple[str, ...]
    width: int
    checks: int
    exhausted: bool
    seconds: float

    def to_document(self) -> dict[str, Any]:
        """The findings as JSON-able values."""
        return {
            "keys": [key.to_document() for key in self.keys],
            "near_keys": [key.to_document() for key in self.near_keys],
            "candidates": list(self.candidates),
            "width": self.width,
            "checks": self.checks,
            "exhausted": self.exhausted,
            "seconds": round(self.seconds, 3),
        }

    def chosen(self) -> FoundKey:
        """The key to compare by. Raises BadPlan, which names the near-keys, when a person has to choose."""
        near = self.near_keys[0] if self.near_keys else None
        if self.keys and not (self.keys[0].flawed and near and not near.flawed):
            return self.keys[0]
        advice = f" {near.sentence()}." if near else ""
        if self.keys:
            raise BadPlan(
                f"The tables declare no key.{advice} The only unique sets are of doubtful use, such as "
                f"{', '.join(self.keys[0].columns)}. Name the key columns."
            )
        looked = "" if self.exhausted else f" The search ended after {self.checks} checks."
        count = len(self.candidates)
        tried = f"no set of up to {min(self.width, count)} of their {count} common columns is"
        if count == 1:
            tried = f"{self.candidates[0]}, their only common column, is not"
        raise BadPlan(
            f"The tables declare no key, and {tried} unique on both sides.{advice}{looked} Name the key columns."
        )


def find_keys(
    source: Source,
    target: Source,
    progress: Progress,
    work_dir: Path,
    memory_limit_mb: int,
    *,
    ignore: Collection[str] = (),
    width: int = WIDTH,
    enough: int | None = ENOUGH_KEYS,
    max_checks: int | None = MAX_CHECKS,
    threads: int | None = None,
) -> Findings:
    """Look for minimal column sets of at most `width` columns that are unique in A and in B.

    Sets are taken best first and checked exactly; the search ends with a convincing key or `enough` keys,
    after `max_checks` checks, or when all sets are decided (None: no such end). `work_dir` must exist and is left as it was.
    What `progress` raises comes out unchanged. Raises EngineError.
    """
    start = time.monotonic()
    columns = _candidates(source, target, ignore)
    said = (0.0, "finding a key")

    def tell(fraction: float, step: str) -> None:
        nonlocal said
        said = (fraction, step)
        progress(*said)

    with ExitStack() as cleanup:
        crew = Crew(1, lambda: progress(*said))
        cleanup.callback(crew.dismiss)
        sides, shared = cleanup.enter_context(
            _tables(source, target, columns, tell, work_dir, memory_limit_mb, threads)
        )

        def interrupt() -> None:
            for side in sides:
                side.interrupt()

        def ask(work: Callable[..., T], *arguments: Any) -> T:
            return crew.wait(crew.start(work, *arguments), interrupt)

        tell(_READING, "finding a key: looking at the columns")
        judged = judge(columns, [ask(side.profiles) for side in sides])
        seen: dict[Columns, list[RepeatedValues]] = {}

        def check(chosen: Columns) -> Repeats:
            names = ", ".join(columns[n].name for n in chosen)
            done = search.checks / (search.checks + 20)
            tell(_READING + (1 - _READING) * done, f"finding a key: is {names} unique?")
            found: list[RepeatedValues] = []
            for side in sides:
                found.append(ask(side.repeated, chosen))
                if not found[-1].complete:
                    return Repeats(found[-1].masks, complete=False)
            seen[chosen] = found
            return Repeats(tuple({mask for one in found for mask in one.masks}))

        costs = [one.cost for one in judged]
        search = Search(costs, check, width, max_checks, tick=lambda: progress(*said))
        rows = [side.rows() for side in sides]
        keys: list[FoundKey] = []
        for chosen in search:
            keys.append(_found([judged[n] for n in chosen], ask(shared, chosen), rows))
            if enough is not None and (len(keys) >= enough or keys[-1].convincing):
                break
    near = [_near([judged[n] for n in chosen], *seen[chosen]) for chosen, _ in search.near_keys]
    progress(1.0, "finding a key: done")
    return Findings(
        keys=tuple(sorted(keys, key=lambda key: key.cost)),
        near_keys=tuple(sorted(near, key=lambda key: key.cost)),
        candidates=tuple(column.name for column in columns),
        width=width,
        checks=search.checks,
        exhausted=search.exhausted,
        seconds=time.monotonic() - start,
    )


def _candidates(source: Source, target: Source, ignore: Collection[str]) -> list[ComparedColumn]:
    """Columns of both sides that may be part of a key, in A's order."""
    left_out = {name.upper() for name in ignore}
    others = {column.name.upper(): column for column in target.schema()}
    found = []
    for a in source.schema():
        b = others.get(a.name.upper())
        if b is None or a.name.upper() in left_out or a.value_type is None or b.value_type is None:
            continue
        common = common_type(a.value_type, b.value_type)
        if common is not None and common.kind not in _NO_KEY:
            found.append(ComparedColumn(name=a.name, a=a, b=b, type=common))
    if not found:
        raise BadPlan(f"{source.name} and {target.name} have no column in common that could identify a row.")
    return found


Shared = Callable[[Columns], int | None]


@contextmanager
def _tables(
    source: Source,
    target: Source,
    columns: Sequence[ComparedColumn],
    progress: Progress,
    work_dir: Path,
    memory_limit_mb: int,
    threads: int | None,
) -> Iterator[tuple[tuple[CandidateTable, CandidateTable], Shared]]:
    """Both sides, and how many values of a column set they share."""
    expected = [source.estimated_rows() or 0, target.estimated_rows() or 0]
    row_bytes = sum(_bytes_of(column.type.storage) for column in columns)
    with open_duckdb(work_dir / "keys", memory_limit_mb, threads, row_bytes=row_bytes) as connection:

        def side(number: int, before: int) -> DatabaseTable | LoadedTable:
            table = (source, target)[number]
            if isinstance(table, OracleTableSource) and keeps_values(columns, number) and has_rowids(table):
                return DatabaseTable(table, number, columns)

            def tick(rows: int) -> None:
                done = (before + rows) / max(before + rows, sum(expected), 1)
                progress(_READING * done, f"finding a key: reading {table.name}, {rows:,} rows")

            return LoadedTable(connection, "ab"[number], table, number, columns, tick)

        a = side(0, 0)
        b = side(1, a.rows())

        def shared(chosen: Columns) -> int | None:
            if isinstance(a, LoadedTable) and isinstance(b, LoadedTable):
                return shared_values(a, b, chosen)
            if isinstance(a, DatabaseTable) and isinstance(b, DatabaseTable):
                return a.shared_with(b, chosen)
            return None

        yield (a, b), shared


def _bytes_of(storage: pa.DataType) -> int:
    """About what a value takes in DuckDB."""
    if pa.types.is_large_string(storage) or pa.types.is_large_binary(storage):
        return _TEXT_BYTES
    return max(1, int(storage.bit_width) // 8)


def _found(members: Sequence[Judged], shared: int | None, rows: Sequence[int]) -> FoundKey:
    overlap = shared / min(rows) if min(rows) and shared is not None else None
    return FoundKey(
        columns=tuple(member.name for member in members),
        overlap=overlap,
        cost=total_cost(members, overlap),
        reasons=tuple(reasons(members, overlap, rows)),
        flawed=any(member.objections for member in members),
    )


def _near(members: Sequence[Judged], a: RepeatedValues, b: RepeatedValues) -> NearKey:
    return NearKey(
        columns=tuple(member.name for member in members),
        cost=total_cost(members, None),
        flawed=any(member.objections for member in members),
        repeated_a=a.values,
        repeated_b=b.values,
    )
