"""Texts of a column as their bytes: what Arrow's functions do not offer, over whole columns at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Strings:
    """Text n is data[starts[n] : starts[n] + lengths[n]], in UTF-8."""

    data: npt.NDArray[np.uint8]
    starts: Rows
    lengths: Rows

    @classmethod
    def of(cls, array: pa.Array) -> Strings:
        """The bytes of a large_string array without NULLs; nothing is copied."""
        if len(array) == 0:
            return cls(np.empty(0, np.uint8), np.empty(0, np.int64), np.empty(0, np.int64))
        _, offsets_buffer, data_buffer = array.buffers()
        offsets = np.frombuffer(offsets_buffer, np.int64)[array.offset : array.offset + len(array) + 1]
        data = np.empty(0, np.uint8) if data_buffer is None else np.frombuffer(data_buffer, np.uint8)
        return cls(data, offsets[:-1], offsets[1:] - offsets[:-1])


def letter_sums(strings: Strings) -> npt.NDArray[np.uint64]:
    """For each text a sum over its letters and digits, in any order and case.

    ASCII texts that differ only by case, white space and punctuation have equal sums.
    """
    if strings.lengths.size == 0:
        return np.empty(0, np.uint64)
    first = int(strings.starts[0])
    last = int(strings.starts[-1] + strings.lengths[-1])
    sums = np.zeros(last - first + 1, np.uint64)
    np.cumsum(_WEIGHTS[strings.data[first:last]], out=sums[1:])
    starts = strings.starts - first
    found: npt.NDArray[np.uint64] = sums[starts + strings.lengths] - sums[starts]
    return found


def begins_with(longer: Strings, shorter: Strings, rows: Rows) -> Rows:
    """Those of `rows` at which the longer text begins with the shorter one, which is not empty."""
    rows = rows[shorter.lengths[rows] > 0]
    for back in (False, True):  # the first and the last letter spare most of the work
        step = shorter.lengths[rows] - 1 if back else 0
        one, other = longer.data[longer.starts[rows] + step], shorter.data[shorter.starts[rows] + step]
        rows = rows[one == other]
    if rows.size == 0:
        return rows
    lengths = shorter.lengths[rows]
    ends = np.cumsum(lengths)
    within = np.arange(ends[-1]) - np.repeat(ends - lengths, lengths)
    same = (
        longer.data[np.repeat(longer.starts[rows], lengths) + within]
        == shorter.data[np.repeat(shorter.starts[rows], lengths) + within]
    )
    beginning: Rows = rows[np.add.reduceat(same, ends - lengths, dtype=np.int64) == lengths]
    return beginning


def codepoints_of_bytes(array: pa.Array, encoding: str) -> pa.Array:
    """Each text as it looks when its UTF-8 is read as `encoding`, a code of one byte a letter."""
    strings = Strings.of(array)
    if len(array) == 0:
        return array
    first = int(strings.starts[0])
    data = strings.data[first : int(strings.starts[-1] + strings.lengths[-1])]
    table = _TABLES[encoding]
    wrong = table[data].tobytes().decode("utf-32-le").encode()
    widths = np.where(table < 0x80, 1, np.where(table < 0x800, 2, 3))[data]
    offsets = np.zeros(data.size + 1, np.int64)
    np.cumsum(widths, out=offsets[1:])
    bounds = offsets[np.append(strings.starts - first, data.size)]
    return pa.Array.from_buffers(
        pa.large_string(), len(array), [None, pa.py_buffer(bounds), pa.py_buffer(wrong)], 0
    )


def _weights() -> npt.NDArray[np.uint64]:
    """A pseudo-random weight for each letter and digit, the same for both cases; 0 for all else."""
    weights = np.zeros(256, np.uint64)
    for letter in range(256):
        if letter < 128 and chr(letter).isalnum():
            value = (ord(chr(letter).lower()) * 0x9E3779B97F4A7C15 + 0xBF58476D1CE4E5B9) % 2**64
            weights[letter] = ((value ^ value >> 29) * 0x94D049BB133111EB) % 2**64
    return weights


def _table(encoding: str) -> npt.NDArray[np.uint32]:
    """The code point that each byte stands for; a byte without one stands for itself."""
    points = []
    for byte in range(256):
        try:
            points.append(ord(bytes([byte]).decode(encoding)))
        except UnicodeDecodeError:
            points.append(byte)
    return np.array(points, np.uint32)


_WEIGHTS = _weights()
_TABLES = {encoding: _table(encoding) for encoding in ("cp1252", "latin-1")}
