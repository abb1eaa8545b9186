"""Progress of a comparison by work really done."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[float, str], None]
"""Takes the fraction done (0 to 1, never falling) and the current step in words; may raise to cancel."""

LOADING = 0.80
PAIRING = 0.06


class Meter:
    """Turns rows read and columns compared into one fraction.

    Reading both sides is taken for 80 % of the work (it is, from a database), matching keys for 6 %.
    `estimated` are the rows expected on each side; where None, reading approaches its end without
    reaching it. The callback is called at every step, so that a cancel gets through anywhere.
    """

    def __init__(self, report: Progress, estimated: tuple[int | None, int | None]) -> None:
        self._report = report
        self._fraction = 0.0
        known = [rows for rows in estimated if rows is not None]
        fallback = max(known, default=100_000)
        self._expected = [fallback if rows is None else rows for rows in estimated]

    def reading(self, side: int, rows: int, name: str) -> None:
        """`rows` of side 0 or 1 are read."""
        if rows > self._expected[side]:
            self._expected[side] = int(rows * 1.25)
        a, b = (max(rows, 1) for rows in self._expected)
        share = a / (a + b)
        start, width = (0.0, share) if side == 0 else (share, 1 - share)
        done = start + width * min(1.0, rows / self._expected[side] if self._expected[side] else 1.0)
        self._advance(LOADING * done, f"reading {name}: {rows:,} rows")

    def pairing(self, part: int, parts: int) -> None:
        """Keys of part `part` (from 0) of `parts` are being matched."""
        width = (1 - LOADING) / parts
        self._advance(LOADING + width * part, "matching keys" + _part(part, parts))

    def comparing(self, part: int, parts: int, column: int, columns: int, name: str) -> None:
        """Column number `column` (from 0) of part `part` is being compared."""
        width = (1 - LOADING) / parts
        share = PAIRING / (1 - LOADING)
        done = part + share + (1 - share) * column / max(columns, 1)
        self._advance(LOADING + width * done, f"comparing {name}" + _part(part, parts))

    def finishing(self) -> None:
        """Everything is compared; samples and sentences remain."""
        self._advance(0.99, "collecting samples")

    def done(self) -> None:
        """The result is there."""
        self._advance(1.0, "done")

    def _advance(self, fraction: float, step: str) -> None:
        self._fraction = max(self._fraction, min(fraction, 1.0))
        self._report(self._fraction, step)


def _part(part: int, parts: int) -> str:
    return "" if parts == 1 else f", part {part + 1} of {parts}"
