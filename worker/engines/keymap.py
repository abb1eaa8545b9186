"""The map from row of A to row of B, by one sort.

Each row becomes one 64-bit number: the code of its key, its side, its row number, from high bits to low.
After sorting all of them, rows of one key lie side by side: one of A before one of B is a pair, one
alone has no partner, and everything else is a repeated key (or an accident of codes) and is looked at
exactly elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from worker.engines.narrow import scatter

Rows = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint64]

_CHUNK = 1 << 20
_BITS = 64


@dataclass(frozen=True, slots=True)
class KeyMap:
    """`partner[row of A]` is a row of B, or -1; all lists of rows are ascending.

    `alone_*` have a code that the other side lacks, `repeated_*` one that occurs more than once on a
    side. With `proved` False a pair has equal codes but not surely equal keys.
    """

    partner: Rows
    alone_a: Rows
    alone_b: Rows
    repeated_a: Rows
    repeated_b: Rows
    proved: bool


def key_map(a: Codes, b: Codes, *, own_code: bool, tick: Callable[[], None] = lambda: None) -> KeyMap:
    """Match rows by code. With `own_code` a code is an integer key itself, else 64 well mixed bits.

    `tick` is called as work goes on and may raise.
    """
    row_bits = max(a.size, b.size, 2).bit_length()
    shift = np.uint64(row_bits + 1)
    packed, proved = _packed(a, b, own_code, row_bits)
    tick()
    packed.sort()
    tick()
    partner = np.full(a.size, -1, np.int64)
    side, row = np.uint64(1 << row_bits), np.uint64((1 << row_bits) - 1)
    lists: dict[str, list[Rows]] = {name: [] for name in ("alone_a", "alone_b", "repeated_a", "repeated_b")}
    held = False  # whether the first number of the chunk is the B of a pair already made
    for start in range(0, packed.size, _CHUNK):
        tick()
        end = min(start + _CHUNK, packed.size)
        here = packed[start:end]
        same = np.zeros(end - start + 3, np.bool_)  # same[i]: number start+i-1 and start+i-2 share a code
        first, last = max(start - 1, 0), min(end + 1, packed.size - 1)
        run = packed[first : last + 1]
        same[first - start + 2 : last - start + 2] = (run[1:] ^ run[:-1]) >> shift == 0
        before, after, beyond = same[1:-2], same[2:-1], same[3:]
        of_b = (here & side) != 0
        lone = ~before & ~after
        next_b = np.empty(here.size, np.bool_)
        next_b[:-1] = of_b[1:]
        next_b[-1] = end < packed.size and bool(packed[end] & side)
        opens = ~before & after & ~beyond & ~of_b & next_b
        at = np.flatnonzero(opens)
        partner[(here[at] & row).astype(np.int64)] = (packed[start + at + 1] & row).astype(np.int64)
        many = ~(lone | opens)
        many[1:] &= ~opens[:-1]
        if held:
            many[0] = False
        held = bool(opens[-1])
        for name, chosen in (
            ("alone_a", lone & ~of_b),
            ("alone_b", lone & of_b),
            ("repeated_a", many & ~of_b),
            ("repeated_b", many & of_b),
        ):
            if chosen.any():
                lists[name].append((here[chosen] & row).astype(np.int64))
    ascending = {name: _ascending(pieces) for name, pieces in lists.items()}
    return KeyMap(partner=partner, proved=proved, **ascending)


def _packed(a: Codes, b: Codes, own_code: bool, row_bits: int) -> tuple[Codes, bool]:
    """The numbers to sort, and whether equal high bits mean equal codes."""
    shift, size = np.uint64(row_bits + 1), a.size + b.size
    packed = np.empty(size, np.uint64)
    proved = False
    if own_code and size:
        integers = [codes.view(np.int64) for codes in (a, b) if codes.size]
        low, high = min(int(x.min()) for x in integers), max(int(x.max()) for x in integers)
        proved = (high - low).bit_length() + row_bits + 1 <= _BITS
        base = np.uint64(low & (1 << _BITS) - 1)
    for side, codes, out in ((0, a, packed[: a.size]), (1, b, packed[a.size :])):
        if proved:
            np.subtract(codes, base, out=out)
            out <<= shift
        else:
            out[:] = scatter(codes) if own_code else codes
            out >>= shift
            out <<= shift
        out |= np.arange(side << row_bits, (side << row_bits) + codes.size, dtype=np.uint64)
    return packed, proved


def _ascending(pieces: list[Rows]) -> Rows:
    return np.sort(np.concatenate(pieces)) if pieces else np.empty(0, np.int64)
