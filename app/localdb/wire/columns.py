"""The values of a column where they stand in the bytes of many rows, as Arrow arrays of byte strings.

For wire.columnar (fetching) and wire.columnar_load. Loaded with the first large result only: numpy and Arrow take a
quarter of a second to import.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]

LARGEST = 1 << 30  # bytes of rows at once; Arrow's offsets have 32 bits
NO_VALUES = pa.array([], pa.binary())


def array(offsets: npt.NDArray[Any], content: bytes | Bytes) -> Any:
    """Arrow's array of byte strings that begin and end at `offsets`."""
    ends = np.ascontiguousarray(offsets, np.int32)
    return pa.Array.from_buffers(
        pa.binary(), len(ends) - 1, [None, pa.py_buffer(ends), pa.py_buffer(content)]
    )


def joined(parts: Sequence[Any]) -> bytes:
    """The parts (arrays of one length, or scalars) of each row, and all rows, behind one another."""
    whole = pc.binary_join_element_wise(*parts, pa.scalar(b"", pa.binary()))
    _, offsets, content = whole.buffers()
    ends = np.frombuffer(offsets, np.int32)
    found: bytes = content[ends[0] : ends[len(whole)]].to_pybytes()
    return found


class Values:
    """Where the values of one column stand in the rows' bytes."""

    def __init__(self, data: bytes, begins: Integers, ends: Integers, nulls: npt.NDArray[np.bool_]) -> None:
        self.data = data
        self.begins = begins
        self.ends = ends
        self.nulls = nulls if nulls.any() else None

    def each(self) -> list[bytes | None]:
        data, nulls = self.data, self.nulls
        found: list[bytes | None] = [
            data[begin:end] for begin, end in zip(self.begins.tolist(), self.ends.tolist(), strict=True)
        ]
        for index in np.flatnonzero(nulls) if nulls is not None else ():
            found[index] = None
        return found

    def present(self, *, before: int = 0, after: int = 0) -> tuple[Bytes, Integers]:
        """The bytes of all values that are not NULL behind one another, and where each ends (from 0 on), with
        `before` bytes more in front of each, and `after` fewer at its end."""
        begins, ends = self.begins - before, self.ends - after
        if self.nulls is not None:
            begins, ends = begins[~self.nulls], ends[~self.nulls]
        edges = np.empty(2 * len(begins) + 1, np.int32)
        edges[:-1:2], edges[1::2], edges[-1] = begins, ends, len(self.data)
        every = array(edges, self.data)
        taken = every.take(pa.array(np.arange(0, 2 * len(begins), 2)))
        _, offsets, content = taken.buffers()
        return (
            np.frombuffer(content, np.uint8) if content is not None else np.empty(0, np.uint8),
            np.frombuffer(offsets, np.int32)[: len(begins) + 1].astype(np.int64),
        )

    @property
    def some(self) -> bool:
        """Whether any value is not NULL."""
        return self.nulls is None or not bool(self.nulls.all())

    def with_nulls(self, values: Any, null: bytes) -> Any:
        """An array of what the values that are there became, with `null` where there is none."""
        if self.nulls is None:
            return values
        places = np.where(self.nulls, len(values), np.cumsum(~self.nulls) - 1)
        return pa.concat_arrays([values, pa.array([null], pa.binary())]).take(pa.array(places))

    @property
    def longest(self) -> int:
        return int((self.ends - self.begins).max(initial=0))
