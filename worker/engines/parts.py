"""Stored rows cut into parts by key, such that each part can be compared by itself within the memory limit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from worker.engines.pairing import key_codes, scatter
from worker.engines.shelf import Shelf

ROW_OVERHEAD_BYTES = 100
"""Memory that matching needs for each row of either side, whatever its width."""
_MAX_PARTS = 512

Part = tuple[Shelf, Shelf]


def weight(shelf: Shelf) -> int:
    """Bytes of memory needed to compare the rows of `shelf`."""
    return shelf.bytes + ROW_OVERHEAD_BYTES * shelf.rows


@contextmanager
def cut(
    whole: Part,
    key_columns: Sequence[int],
    budget_bytes: int,
    folder: Path,
    connection: duckdb.DuckDBPyConnection,
    tick: Callable[[], None],
) -> Iterator[list[Part]]:
    """The parts of `whole`: itself if it fits `budget_bytes`, else as many as are needed.

    Rows with equal keys land in the same part. `tick` is called as work goes on and may raise.
    """
    total = weight(whole[0]) + weight(whole[1])
    if total <= budget_bytes:
        yield [whole]
        return
    count = min(_MAX_PARTS, 2 * -(-total // budget_bytes))
    with ExitStack() as cleanup:
        sides: list[list[Shelf]] = []
        for side, shelf in enumerate(whole):
            pieces = []
            for number in range(count):
                piece = Shelf(
                    shelf.schema, folder / f"part-{side}-{number}.arrow", budget_bytes // (4 * count)
                )
                cleanup.callback(piece.discard)
                pieces.append(piece)
            _distribute(shelf, pieces, key_columns, connection, tick)
            shelf.discard()
            sides.append(pieces)
        yield list(zip(sides[0], sides[1], strict=True))


def _distribute(
    shelf: Shelf,
    pieces: Sequence[Shelf],
    key_columns: Sequence[int],
    connection: duckdb.DuckDBPyConnection,
    tick: Callable[[], None],
) -> None:
    for batch in shelf.batches():
        tick()
        keys = pa.Table.from_batches([batch.select(list(key_columns))])
        codes = scatter(key_codes(keys, connection, own_code=False))
        number = (codes >> np.uint64(32)) % np.uint64(len(pieces))
        order = np.argsort(number, kind="stable")
        bounds = np.searchsorted(number[order], np.arange(len(pieces) + 1))
        sorted_batch = batch.take(pa.array(order))
        for position, piece in enumerate(pieces):
            start, end = int(bounds[position]), int(bounds[position + 1])
            if start < end:
                piece.append(
                    pa.RecordBatch.from_struct_array(sorted_batch.slice(start, end - start).to_struct_array())
                )
    for piece in pieces:
        piece.finish()
