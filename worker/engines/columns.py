"""One column at a time, both sides at once, the next one read ahead by threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from concurrent.futures import TimeoutError as NotYet
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from worker.engines.cells import positions
from worker.engines.errors import SourceInterrupted
from worker.engines.narrow import Mask, Narrow, dtype, is_exact, picked, widen
from worker.engines.rows import Rows, taken
from worker.engines.values import Kind

Positions = npt.NDArray[np.int64]
T = TypeVar("T")

_POLL_S = 0.2
"""How often a wait looks whether somebody cancelled."""
_ENDING_S = 1.0
"""How long what was interrupted may take to end."""


class Stopped(Exception):
    """Nobody waits for this work any more."""


class Crew:
    """Threads that read ahead. `wait` calls `tick` meanwhile, so that a cancel gets through."""

    def __init__(self, threads: int, tick: Callable[[], None]) -> None:
        self._executor = ThreadPoolExecutor(max(threads, 2), thread_name_prefix="compare")
        self._tick = tick
        self._stop = threading.Event()

    def start(self, work: Callable[..., T], *arguments: Any) -> Future[T]:
        """Begin `work(*arguments)` in a thread."""
        return self._executor.submit(work, *arguments)

    def wait(self, future: Future[T], interrupt: Callable[[], None] | None = None) -> T:
        """The outcome of `future`. What `tick` raises comes out, after `interrupt` has ended the work."""
        try:
            while True:
                try:
                    return future.result(timeout=_POLL_S)
                except NotYet:
                    if future.done():
                        raise
                    self._tick()
        except BaseException:
            if interrupt is not None and not future.done():
                interrupt()
                wait([future], timeout=_ENDING_S)
            raise

    def check(self) -> None:
        """To be called in threads, often. Raises Stopped after `dismiss`."""
        if self._stop.is_set():
            raise Stopped

    def dismiss(self) -> None:
        """Stop everything that is under way, without waiting for a source that does not answer."""
        self._stop.set()
        self._executor.shutdown(wait=False, cancel_futures=True)


class LoadedColumn:
    """One column of one side: all values in narrow form, and any of them in storage form.

    `at` are the values in storage form at the rows that were asked for beforehand. Text is kept as it
    came as long as it takes no more than the bytes allowed, else read again when it is picked.
    """

    def __init__(
        self, rows: Rows, position: int, count: int, asked: Positions, keep_bytes: int, crew: Crew
    ) -> None:
        self._rows, self._position, self._crew = rows, position, crew
        self._kept: list[pa.Array] | None = [] if not is_exact(rows.types[position]) else None
        self._type = rows.types[position]
        values: npt.NDArray[Any] = np.empty(count, dtype(self._type))
        valid: Mask | None = None
        found: list[pa.Array] = []
        start = kept_bytes = self._bytes = 0
        for batch in rows.batches([position]):
            crew.check()
            array = batch.column(0)
            end = start + len(array)
            if end > count:
                start = end
                break
            piece = rows.narrow(position, array)
            values[start:end] = piece.values
            if piece.valid is not None:
                if valid is None:
                    valid = np.ones(count, np.bool_)
                valid[start:end] = piece.valid
            low, high = np.searchsorted(asked, [start, end])
            if low < high:
                found.append(rows.taken(position, array, asked[low:high] - start))
            self._bytes += array.nbytes
            if self._kept is not None:
                kept = (
                    array if self._type.kind in (Kind.TEXT, Kind.BINARY) else rows.canonical(position, array)
                )
                self._kept.append(kept)
                kept_bytes += kept.nbytes
                if kept_bytes > keep_bytes:
                    self._kept = None
            start = end
        if start != count:
            raise SourceInterrupted(f"{rows.name} changed while it was read: its columns differ in length.")
        self.narrow = Narrow(values, valid)
        self.at = _joined(found, self._type.storage)
        self._count = count

    @property
    def at_hand(self) -> bool:
        """Whether `pick` needs no reading."""
        return self._kept is not None or is_exact(self._type)

    @property
    def value_bytes(self) -> int:
        """About how many bytes a value takes in storage form."""
        return 16 + self._bytes // max(self._count, 1)

    def pick(self, rows: Positions) -> pa.Array:
        """The values at `rows`, in that order, in storage form."""
        if is_exact(self._type):
            return widen(picked(self.narrow, rows), self._type)
        order = np.argsort(rows, kind="stable")
        ascending = rows[order]
        kept = self._kept
        if kept is not None and self._type.kind not in (Kind.TEXT, Kind.BINARY):
            found = _at(iter(kept), ascending, lambda array: array, self._crew)
        else:
            arrays = iter(kept) if kept is not None else self._again()
            found = _at(
                arrays, ascending, lambda array: self._rows.canonical(self._position, array), self._crew
            )
        back = np.empty(order.size, np.int64)
        back[order] = np.arange(order.size)
        return _joined(found, self._type.storage).take(positions(back))

    def _again(self) -> Iterator[pa.Array]:
        for batch in self._rows.batches([self._position]):
            yield batch.column(0)


def both_sides(
    sides: tuple[Rows, Rows],
    counts: tuple[int, int],
    asked: tuple[Positions, Positions],
    positions: Sequence[int],
    keep_bytes: int,
    crew: Crew,
) -> Iterator[tuple[LoadedColumn, LoadedColumn]]:
    """The columns at `positions` of both sides, one after another; the next one is read meanwhile."""

    def begin(position: int) -> list[Future[LoadedColumn]]:
        return [
            crew.start(LoadedColumn, sides[side], position, counts[side], asked[side], keep_bytes, crew)
            for side in (0, 1)
        ]

    ahead = begin(positions[0]) if positions else []
    for following in [*positions[1:], None]:
        if not ahead:
            return
        a, b = (crew.wait(future) for future in ahead)
        ahead = begin(following) if following is not None else []
        yield a, b


def pick_both(
    columns: tuple[LoadedColumn, LoadedColumn], rows: tuple[Positions, Positions], crew: Crew
) -> tuple[pa.Array, pa.Array]:
    """Values of both sides at `rows`; read in threads where they are not at hand."""
    futures = [
        None if column.at_hand else crew.start(column.pick, wanted)
        for column, wanted in zip(columns, rows, strict=True)
    ]
    a, b = (
        column.pick(wanted) if future is None else crew.wait(future)
        for column, wanted, future in zip(columns, rows, futures, strict=True)
    )
    return a, b


def _at(
    arrays: Iterator[pa.Array], rows: Positions, form: Callable[[pa.Array], pa.Array], crew: Crew
) -> list[pa.Array]:
    found, start = [], 0
    for array in arrays:
        crew.check()
        low, high = np.searchsorted(rows, [start, start + len(array)])
        if low < high:
            found.append(form(taken(array, rows[low:high] - start)))
        start += len(array)
        if high == rows.size:
            break
    return found


def _joined(pieces: list[pa.Array], storage: pa.DataType) -> pa.Array:
    return pa.concat_arrays(pieces) if pieces else pa.array([], storage)
