"""Rows cut into parts by key, such that each part can be compared by itself within the memory limit."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa

from worker.engines.columns import Crew
from worker.engines.errors import WorkFolderFull
from worker.engines.keys import Keys
from worker.engines.layout import Layout
from worker.engines.rows import Rows, ShelfRows
from worker.engines.shelf import Shelf

MAX_PARTS = 512
_SURELY = 2
"""Rows are refused only if they would take this many times the room that is free: a first batch may be wider than most."""

Part = tuple[Rows, Rows]


@contextmanager
def cut(
    whole: Part,
    count: int,
    layout: Layout,
    budget_bytes: int,
    folder: Path,
    crew: Crew,
    told: Callable[[Sequence[int]], None],
) -> Iterator[list[Part]]:
    """`count` parts of `whole`, whose rows are discarded. Rows with equal keys land in the same part.

    Both sides are read at the same time by `crew`. Up to `budget_bytes` stay in memory, the rest goes to
    `folder`. `told` is called often with the rows of each side that are cut so far. Raises WorkFolderFull, and
    what `told` raises.
    """
    room = _Room(folder, whole, budget_bytes)
    with ExitStack() as cleanup:
        sides: list[list[Shelf]] = []
        for side in (0, 1):
            sides.append([])
            for number in range(count):
                path = folder / f"part-{side}-{number}.arrow"
                sides[side].append(Shelf(layout.storage, path, budget_bytes // (2 * count)))
                cleanup.callback(sides[side][-1].discard)
        futures = [
            crew.start(_distribute, rows, pieces, layout, crew, room)
            for rows, pieces in zip(whole, sides, strict=True)
        ]
        crew.wait_all(futures, lambda: told([sum(piece.rows for piece in pieces) for pieces in sides]))
        yield [
            (ShelfRows(a, whole[0].name, whole[0].types), ShelfRows(b, whole[1].name, whole[1].types))
            for a, b in zip(*sides, strict=True)
        ]


class _Room:
    """Says early that the folder cannot take both sides: after the first batch of each, not when it is full."""

    def __init__(self, folder: Path, whole: Part, in_memory: int) -> None:
        self._folder = folder
        self._free = shutil.disk_usage(folder).free
        self._in_memory = in_memory
        self._expected = {rows: rows.expected or 0 for rows in whole}
        self._needed = 0  # by the sides that were heard of; changed under the lock
        self._lock = threading.Lock()

    def ask(self, rows: Rows, first: pa.RecordBatch) -> None:
        """`first` is the first batch of `rows`, about as wide as the others. Raises WorkFolderFull."""
        with self._lock:
            self._needed += first.nbytes * self._expected[rows] // first.num_rows
            needed = self._needed - self._in_memory
        if needed > _SURELY * self._free:
            raise WorkFolderFull(
                f"The work folder {self._folder} has {self._free >> 20:,} MB free, and the comparison needs about"
                f" {needed >> 20:,} MB there. Make room, choose another folder, or raise the memory limit."
            )


def _distribute(rows: Rows, pieces: Sequence[Shelf], layout: Layout, crew: Crew, room: _Room) -> None:
    positions = range(len(layout.columns))
    asked = False
    for batch in rows.batches(positions):
        crew.check()
        if batch.num_rows:
            arrays = [rows.canonical(position, batch.column(position)) for position in positions]
            stored = pa.RecordBatch.from_arrays(arrays, schema=layout.storage)
            if not asked:
                room.ask(rows, stored)
                asked = True
            _put(stored, pieces, layout)
    for piece in pieces:
        piece.finish()
    rows.discard()


def _put(batch: pa.RecordBatch, pieces: Sequence[Shelf], layout: Layout) -> None:
    codes = Keys(layout.key, batch.columns[: len(layout.key)]).codes(own_code=False)
    number = (codes >> np.uint64(32)) % np.uint64(len(pieces))
    order = np.argsort(number, kind="stable")
    bounds = np.searchsorted(number[order], np.arange(len(pieces) + 1))
    ordered = batch.take(pa.array(order))
    for position, piece in enumerate(pieces):
        start, end = int(bounds[position]), int(bounds[position + 1])
        if start < end:
            piece.append(
                pa.RecordBatch.from_struct_array(ordered.slice(start, end - start).to_struct_array())
            )
