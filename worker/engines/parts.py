"""Rows cut into parts by key, such that each part can be compared by itself within the memory limit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa

from worker.engines.columns import Crew
from worker.engines.keys import Keys
from worker.engines.layout import Layout
from worker.engines.rows import Rows, ShelfRows
from worker.engines.shelf import Shelf

MAX_PARTS = 512

Part = tuple[Rows, Rows]


@contextmanager
def cut(
    whole: Part, count: int, layout: Layout, budget_bytes: int, folder: Path, crew: Crew
) -> Iterator[list[Part]]:
    """`count` parts of `whole`, whose rows are discarded. Rows with equal keys land in the same part.

    Both sides are read at the same time by `crew`. Up to `budget_bytes` stay in memory, the rest goes to
    `folder`. Raises WorkFolderFull, and what the crew's `tick` raises.
    """
    with ExitStack() as cleanup:
        sides: list[list[Shelf]] = []
        for side in (0, 1):
            sides.append([])
            for number in range(count):
                path = folder / f"part-{side}-{number}.arrow"
                sides[side].append(Shelf(layout.storage, path, budget_bytes // (2 * count)))
                cleanup.callback(sides[side][-1].discard)
        futures = [
            crew.start(_distribute, rows, pieces, layout, crew)
            for rows, pieces in zip(whole, sides, strict=True)
        ]
        for future in futures:
            crew.wait(future)
        yield [
            (ShelfRows(a, whole[0].name, whole[0].types), ShelfRows(b, whole[1].name, whole[1].types))
            for a, b in zip(*sides, strict=True)
        ]


def _distribute(rows: Rows, pieces: Sequence[Shelf], layout: Layout, crew: Crew) -> None:
    positions = range(len(layout.columns))
    for batch in rows.batches(positions):
        crew.check()
        if batch.num_rows:
            arrays = [rows.canonical(position, batch.column(position)) for position in positions]
            _put(pa.RecordBatch.from_arrays(arrays, schema=layout.storage), pieces, layout)
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
