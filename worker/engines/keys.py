"""The key columns of one side, held in memory while its other columns pass by."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from worker.engines.cells import differing, positions, take
from worker.engines.display import texts
from worker.engines.layout import ComparedColumn
from worker.engines.narrow import Narrow, codes, is_exact, mismatches, narrow, scatter
from worker.engines.rows import Rows
from worker.engines.values import Kind

Positions = npt.NDArray[np.int64]

_PROVED_AT_A_TIME = 1 << 17


class Keys:
    """Key columns in storage form, each in one piece. Rows count from 0."""

    def __init__(self, columns: Sequence[ComparedColumn], arrays: Sequence[pa.Array]) -> None:
        self.columns = columns
        self.arrays = list(arrays)
        self.count = len(self.arrays[0])

    @classmethod
    def read(cls, rows: Rows, columns: Sequence[ComparedColumn], check: Callable[[int, int], None]) -> Keys:
        """Read them; `check` is called with the number of rows and of bytes read so far and may raise."""
        positions = range(len(columns))
        pieces: list[list[pa.Array]] = [[] for _ in columns]
        count = size = 0
        for batch in rows.batches(positions):
            for position in positions:
                pieces[position].append(rows.canonical(position, batch.column(position)))
                size += pieces[position][-1].nbytes
            count += batch.num_rows
            check(count, size)
        arrays = []
        for position, column in enumerate(columns):
            arrays.append(
                pa.concat_arrays(pieces[position]) if pieces[position] else pa.array([], column.type.storage)
            )
            pieces[position] = []
        return cls(columns, arrays)

    @property
    def bytes(self) -> int:
        """Memory that the keys take."""
        return sum(array.nbytes for array in self.arrays)

    @property
    def with_null(self) -> int:
        """Rows with a NULL in the key."""
        null = [a.is_null().to_numpy(zero_copy_only=False) for a in self.arrays if a.null_count]
        return int(np.logical_or.reduce(null).sum()) if null else 0

    def narrow(self, position: int) -> Narrow:
        """One key column in narrow form."""
        value_type = self.columns[position].type
        return narrow(self.arrays[position], value_type, value_type, stored=True)

    def codes(self, *, own_code: bool) -> npt.NDArray[np.uint64]:
        """64 bits a row; with `own_code` the key is one integer column without NULLs, and its own code."""
        if own_code:
            values: npt.NDArray[np.uint64] = self.narrow(0).values.view(np.uint64)
            return values
        return codes([self.narrow(position) for position in range(len(self.columns))])

    def priority(self) -> npt.NDArray[np.uint64]:
        """A number for each row that hangs on its key alone and is as good as random."""
        return scatter(self.codes(own_code=False)) if self.count else np.empty(0, np.uint64)

    def at(self, rows: Positions) -> Keys:
        """The keys of some rows, in that order."""
        return Keys(self.columns, [take(array, rows) for array in self.arrays])

    def table(self) -> pa.Table:
        """Storage form, under the columns' names."""
        return pa.table(self.arrays, [column.name for column in self.columns])

    def documents(self) -> list[dict[str, str | None]]:
        """Each key as text, by column name."""
        names = [column.name for column in self.columns]
        shown = [texts(array, column.type) for array, column in zip(self.arrays, self.columns, strict=True)]
        return [dict(zip(names, values, strict=True)) for values in zip(*shown, strict=True)]


def own_code(a: Keys, b: Keys) -> bool:
    """Whether the key is one integer column without NULLs, which needs no hash."""
    return [column.type.kind for column in a.columns] == [Kind.INTEGER] and not (
        a.arrays[0].null_count or b.arrays[0].null_count
    )


def false_pairs(a: Keys, b: Keys, partner: Positions, tick: Callable[[], None]) -> Positions:
    """Rows of A whose partner has the same code but another key, ascending. Compares values, not hashes."""
    wrong = [np.empty(0, np.int64)]
    for position, column in enumerate(a.columns):
        if is_exact(column.type):
            wrong.append(mismatches(a.narrow(position), b.narrow(position), partner))
            continue
        for start in range(0, a.count, _PROVED_AT_A_TIME):
            tick()
            end = min(start + _PROVED_AT_A_TIME, a.count)
            rows_b = partner[start:end]
            paired = np.flatnonzero(rows_b >= 0)
            one = take(a.arrays[position], paired + start)
            other = b.arrays[position].take(positions(rows_b[paired]))
            wrong.append(paired[differing(one, other)] + start)
    return np.unique(np.concatenate(wrong))
