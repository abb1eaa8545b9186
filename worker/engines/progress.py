"""Progress of a comparison by work really done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate

from worker.engines.layout import ComparedColumn
from worker.engines.narrow import is_exact

Progress = Callable[[float, str], None]
"""Takes the fraction done (0 to 1, never falling) and the current step in words; may raise to cancel."""

_LOADING = 0.80
"""Share of reading rows that come only once (from a database it is most of the work); else nothing."""
_PAIRING = 0.20
"""Share of reading and matching the keys in what comes after."""
_CUTTING = 0.40
"""Share of cutting rows into parts on disk in what comes after loading, where it is done."""
_TEXT_WORK = 3
"""Work of comparing a column of text, where a column of numbers is 1."""


class Meter:
    """Turns rows read and columns compared into one fraction.

    `names` and `estimated` are of the two sides; `loaded` tells which of them are read as a whole before
    anything else. Where the rows are not known, reading approaches its end without reaching it. `report`
    is called at every step and every `tick`, so that a cancel gets through anywhere; always by the thread
    that runs the comparison.
    """

    def __init__(
        self,
        report: Progress,
        names: tuple[str, str],
        estimated: tuple[int | None, int | None],
        loaded: tuple[bool, bool],
    ) -> None:
        self._report = report
        self._names = names
        self._fraction = 0.0
        self._step = "starting"
        self._loaded = [side for side in (0, 1) if loaded[side]]
        self._loading = _LOADING * len(self._loaded) / 2
        known = [rows for rows in estimated if rows is not None]
        fallback = max(known, default=100_000)
        self._expected = [fallback if rows is None else rows for rows in estimated]
        self._columns: Sequence[ComparedColumn] = ()
        self._work = [0]
        self._cut = 0.0

    def tick(self) -> None:
        """Work goes on in the same step."""
        self._report(self._fraction, self._step)

    def reading(self, rows: Sequence[int]) -> None:
        """So many rows of each side are read."""
        for side in self._loaded:
            if rows[side] > self._expected[side]:
                self._expected[side] = int(rows[side] * 1.25)
        expected = sum(max(self._expected[side], 1) for side in self._loaded)
        done = sum(rows[side] for side in self._loaded) / expected
        shown = ", ".join(f"{self._names[side]}: {rows[side]:,} rows" for side in self._loaded)
        self._advance(self._loading * min(done, 1.0), f"reading {shown}")

    def keys(self, rows: Sequence[int]) -> None:
        """So many keys of each side are read, before it is known how many parts there will be."""
        expected = sum(max(rows_, 1) for rows_ in self._expected)
        done = min(sum(rows) / expected, 1.0)
        self._advance(self._after_loading(_PAIRING / 2 * done), "reading keys")

    def cutting(self, rows: Sequence[int]) -> None:
        """So many rows of each side are cut into parts; what is done with them comes after that."""
        expected = sum(max(rows_, 1) for rows_ in self._expected)
        self._cut = _CUTTING
        self._advance(
            self._after_loading(_CUTTING * min(sum(rows) / expected, 1.0)),
            "cutting the rows into parts by key",
        )

    def pairing(self, part: int, parts: int) -> None:
        """Keys of part `part` (from 0) of `parts` are being matched."""
        self._advance(self._at(part, parts, _PAIRING / 2), "matching keys" + _part(part, parts))

    def comparing(self, part: int, parts: int, columns: Sequence[ComparedColumn], column: int) -> None:
        """Column number `column` (from 0) of part `part` is being compared."""
        if columns is not self._columns:  # the same for every column of a part; summed up once
            work = (1 if is_exact(compared.type) else _TEXT_WORK for compared in columns)
            self._columns, self._work = columns, list(accumulate(work, initial=0))
        done = _PAIRING + (1 - _PAIRING) * self._work[column] / self._work[-1]
        self._advance(self._at(part, parts, done), f"comparing {columns[column].name}" + _part(part, parts))

    def repeated(self, part: int, parts: int) -> None:
        """Rows of repeated keys are being paired."""
        self._advance(self._at(part, parts, 0.99), "pairing repeated keys" + _part(part, parts))

    def finishing(self) -> None:
        """Everything is compared; samples and sentences remain."""
        self._advance(0.99, "collecting samples")

    def done(self) -> None:
        """The result is there."""
        self._advance(1.0, "done")

    def _at(self, part: int, parts: int, done: float) -> float:
        return self._after_loading(self._cut + (1 - self._cut) * (part + done) / parts)

    def _after_loading(self, done: float) -> float:
        return self._loading + (1 - self._loading) * done

    def _advance(self, fraction: float, step: str) -> None:
        self._fraction = max(self._fraction, min(fraction, 1.0))
        self._step = step
        self._report(self._fraction, step)


def _part(part: int, parts: int) -> str:
    return "" if parts == 1 else f", part {part + 1} of {parts}"
