"""One column at a time, both sides at once, the next ones read ahead by threads."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from concurrent.futures import TimeoutError as NotYet
from functools import partial
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

    def wait_all(self, futures: Iterable[Future[None]], look: Callable[[], None]) -> None:
        """Wait for all `futures`. `look` is called meanwhile, often, and once more at the end; it may raise."""
        running = set(futures)
        while running:
            done, running = wait(running, timeout=_POLL_S, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
            look()

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

    Text is kept as it came as long as it takes no more than `keep_bytes`, else read again when it is picked.
    `asked` gives the rows whose values in storage form are wanted anyhow; it may wait for them.
    """

    def __init__(
        self,
        rows: Rows,
        position: int,
        count: int,
        keep_bytes: int,
        asked: Callable[[], Positions],
        crew: Crew,
    ) -> None:
        self._rows, self._position, self._crew = rows, position, crew
        self._count, self._keep_bytes, self._asked = count, keep_bytes, asked
        self._type = rows.types[position]
        self._as_it_came = self._type.kind in (Kind.TEXT, Kind.BINARY)
        self._values: npt.NDArray[Any] = np.empty(count, dtype(self._type))
        self._valid: Mask | None = None
        self._kept: list[pa.Array] | None = None if is_exact(self._type) else []
        self._found: list[pa.Array] = []
        self._filled = self._bytes = self._kept_bytes = 0

    def add(self, array: pa.Array) -> None:
        """The next values, as `Rows.batches` gives them. Raises SourceFailed."""
        start, end = self._filled, self._filled + len(array)
        self._filled, self._bytes = end, self._bytes + array.nbytes
        if end > self._count:
            return
        piece = self._rows.narrow(self._position, array)
        self._values[start:end] = piece.values
        if piece.valid is not None:
            if self._valid is None:
                self._valid = np.ones(self._count, np.bool_)
            self._valid[start:end] = piece.valid
        if self._kept is not None:
            self._kept.append(array if self._as_it_came else self._rows.canonical(self._position, array))
            self._kept_bytes += self._kept[-1].nbytes
            if self._kept_bytes > self._keep_bytes:
                self._found = self._at(iter(self._kept), self._asked())
                self._kept = None
        elif not is_exact(self._type):
            low, high = np.searchsorted(self._asked(), [start, end])
            if low < high:
                self._found.append(self._rows.taken(self._position, array, self._asked()[low:high] - start))

    def finish(self) -> None:
        """All values were added. Raises SourceInterrupted if they are not as many as there should be."""
        if self._filled != self._count:
            name = self._rows.name
            raise SourceInterrupted(f"{name} changed while it was read: its columns differ in length.")
        self.narrow = Narrow(self._values, self._valid)
        self.at = self.pick(self._asked()) if self.at_hand else _joined(self._found, self._type.storage)
        """The values at the rows asked for."""

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
        found = self._at(self._again() if self._kept is None else iter(self._kept), rows[order])
        back = np.empty(order.size, np.int64)
        back[order] = np.arange(order.size)
        return _joined(found, self._type.storage).take(positions(back))

    def _at(self, arrays: Iterator[pa.Array], rows: Positions) -> list[pa.Array]:
        """The values at ascending `rows`, in storage form."""
        stored = self._kept is not None and not self._as_it_came
        found, start = [], 0
        for array in arrays:
            self._crew.check()
            low, high = np.searchsorted(rows, [start, start + len(array)])
            if low < high:
                some = taken(array, rows[low:high] - start)
                found.append(some if stored else self._rows.canonical(self._position, some))
            start += len(array)
            if high == rows.size:
                break
        return found

    def _again(self) -> Iterator[pa.Array]:
        for batch in self._rows.batches([self._position]):
            yield batch.column(0)


class BothSides:
    """The columns at `positions` of both sides, one after another, read in groups; the next group is read meanwhile.

    Reading begins at once. The rows asked for (see LoadedColumn.at) are told by `ask`, as soon as they are known;
    without it the threads wait until the crew is dismissed or `give_up` is called.
    """

    def __init__(
        self,
        sides: tuple[Rows, Rows],
        counts: tuple[int, int],
        positions: Sequence[int],
        values_at_once: int,
        keep_bytes: int,
        crew: Crew,
    ) -> None:
        self._sides, self._counts = sides, counts
        self._keep_bytes, self._crew = keep_bytes, crew
        size = max(1, values_at_once // max(*counts, 1))
        self._groups = [positions[start : start + size] for start in range(0, len(positions), size)]
        self._asked: Future[tuple[Positions, Positions]] = Future()
        self._ahead = self._begin()

    def ask(self, rows: tuple[Positions, Positions]) -> None:
        """Rows of each side, ascending, whose values are wanted of every column."""
        self._asked.set_result(rows)

    def give_up(self) -> None:
        """The columns are not wanted."""
        self._asked.cancel()

    def __iter__(self) -> Iterator[tuple[LoadedColumn, LoadedColumn]]:
        while self._ahead:
            a, b = (self._crew.wait(future) for future in self._ahead)
            self._ahead = self._begin()
            while a:
                yield a.popleft(), b.popleft()

    def _begin(self) -> list[Future[deque[LoadedColumn]]]:
        if not self._groups:
            return []
        group = self._groups.pop(0)
        return [self._crew.start(self._load, side, group) for side in (0, 1)]

    def _load(self, side: int, group: Sequence[int]) -> deque[LoadedColumn]:
        rows, count = self._sides[side], self._counts[side]
        texts = sum(not is_exact(rows.types[position]) for position in group)
        keep_bytes = self._keep_bytes // max(texts, 1)
        asked = partial(self._rows_asked, side)
        columns = deque(
            LoadedColumn(rows, position, count, keep_bytes, asked, self._crew) for position in group
        )
        for batch in rows.batches(group):
            self._crew.check()
            for column, array in zip(columns, batch.columns, strict=True):
                column.add(array)
        for column in columns:
            column.finish()
        return columns

    def _rows_asked(self, side: int) -> Positions:
        while True:
            self._crew.check()
            try:
                return self._asked.result(timeout=_POLL_S)[side]
            except NotYet:
                continue


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


def _joined(pieces: list[pa.Array], storage: pa.DataType) -> pa.Array:
    return pa.concat_arrays(pieces) if pieces else pa.array([], storage)
