"""Rows cut into parts by key, such that each part can be compared by itself within the memory limit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa

from worker.engines.keys import Keys
from worker.engines.layout import Layout
from worker.engines.rows import Rows, ShelfRows
from worker.engines.shelf import Shelf

MAX_PARTS = 512

Part = tuple[Rows, Rows]


@contextmanager
def cut(
    whole: Part, count: int, layout: Layout, budget_bytes: int, folder: Path, tick: Callable[[], None]
) -> Iterator[list[Part]]:
    """`count` parts of `whole`, whose rows are discarded. Rows with equal keys land in the same part.

    Up to `budget_bytes` stay in memory, the rest goes to `folder`. `tick` is called as work goes on and
    may raise. Raises WorkFolderFull.
    """
    with ExitStack() as cleanup:
        sides: list[list[Rows]] = []
        for side, rows in enumerate(whole):
            pieces = []
            for number in range(count):
                path = folder / f"part-{side}-{number}.arrow"
                pieces.append(Shelf(layout.storage, path, budget_bytes // (2 * count)))
                cleanup.callback(pieces[-1].discard)
            _distribute(rows, pieces, layout, tick)
            rows.discard()
            sides.append([ShelfRows(piece, rows.name, rows.types) for piece in pieces])
        yield list(zip(sides[0], sides[1], strict=True))


def _distribute(rows: Rows, pieces: Sequence[Shelf], layout: Layout, tick: Callable[[], None]) -> None:
    positions = range(len(layout.columns))
    for batch in rows.batches(positions):
        tick()
        if batch.num_rows == 0:
            continue
        arrays = [rows.canonical(position, batch.column(position)) for position in positions]
        codes = Keys(layout.key, arrays[: len(layout.key)]).codes(own_code=False)
        number = (codes >> np.uint64(32)) % np.uint64(len(pieces))
        order = np.argsort(number, kind="stable")
        bounds = np.searchsorted(number[order], np.arange(len(pieces) + 1))
        ordered = pa.RecordBatch.from_arrays(arrays, schema=layout.storage).take(pa.array(order))
        for position, piece in enumerate(pieces):
            start, end = int(bounds[position]), int(bounds[position + 1])
            if start < end:
                piece.append(
                    pa.RecordBatch.from_struct_array(ordered.slice(start, end - start).to_struct_array())
                )
    for piece in pieces:
        piece.finish()
