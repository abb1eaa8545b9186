"""Rows put aside: what was appended comes back, column by column, and one column takes the memory of one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from worker.engines.shelf import Shelf

ROWS = 50_000
TABLE = pa.table(
    {
        **{f"N{n}": np.arange(n, ROWS + n) for n in range(20)},
        "TEXT": [None if n % 7 == 0 else f"ä{n}" for n in range(ROWS)],
        "AMOUNT": pa.array(range(ROWS), pa.int32()).cast(pa.decimal128(18, 2)),
    }
)


def filled(path: Path, memory_bytes: int) -> Shelf:
    shelf = Shelf(TABLE.schema, path, memory_bytes)
    for batch in TABLE.to_batches(max_chunksize=7_000):
        shelf.append(batch)
    shelf.finish()
    return shelf


@pytest.mark.parametrize("memory_bytes", [0, 3_000_000, 1 << 40])
def test_columns_come_back_in_the_order_that_is_asked_for(tmp_path: Path, memory_bytes: int) -> None:
    shelf = filled(tmp_path / "rows.arrow", memory_bytes)
    assert shelf.spilled == (memory_bytes < TABLE.nbytes) == (tmp_path / "rows.arrow").exists()
    for wanted in ([21, 0, 20], [20], list(range(22))):
        assert pa.Table.from_batches(shelf.batches(wanted)).equals(TABLE.select(wanted))
    assert pa.Table.from_batches(shelf.batches()).equals(TABLE)
    shelf.discard()
    assert not (tmp_path / "rows.arrow").exists()


def test_one_column_of_spilled_rows_takes_the_memory_of_one(tmp_path: Path) -> None:
    shelf = filled(tmp_path / "rows.arrow", 0)
    before = pa.total_allocated_bytes()
    held = [batch.column(0) for batch in shelf.batches([5])]
    taken = pa.total_allocated_bytes() - before
    assert sum(map(len, held)) == ROWS
    assert taken < 1.2 * 8 * ROWS
