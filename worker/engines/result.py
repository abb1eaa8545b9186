"""The outcome of a comparison, and the document in which the world sees it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Any


@dataclass(slots=True)
class Summary:
    """Counts of rows (and of keys, where the name says so) of one comparison; A is the reference side.

    `duplicate_keys_*` counts keys that occur more than once, `null_keys_*` rows with a NULL in the key.
    """

    rows_a: int = 0
    rows_b: int = 0
    matched: int = 0
    changed: int = 0
    only_a: int = 0
    only_b: int = 0
    duplicate_keys_a: int = 0
    duplicate_keys_b: int = 0
    null_keys_a: int = 0
    null_keys_b: int = 0

    @property
    def equal(self) -> int:
        """Matched rows without a counted difference."""
        return self.matched - self.changed

    @property
    def match_percentage(self) -> Decimal:
        """Equal rows in hundredths of all distinct rows, rounded down to two decimals: 100 means equal."""
        total = self.matched + self.only_a + self.only_b
        if total == 0:
            return Decimal("100.00")
        return (Decimal(100 * self.equal) / total).quantize(Decimal("0.01"), ROUND_DOWN)

    def to_document(self) -> dict[str, Any]:
        """The summary as JSON-able values."""
        return {
            "rows_a": self.rows_a,
            "rows_b": self.rows_b,
            "matched": self.matched,
            "equal": self.equal,
            "changed": self.changed,
            "only_a": self.only_a,
            "only_b": self.only_b,
            "duplicate_keys_a": self.duplicate_keys_a,
            "duplicate_keys_b": self.duplicate_keys_b,
            "null_keys_a": self.null_keys_a,
            "null_keys_b": self.null_keys_b,
            "match_percentage": float(self.match_percentage),
        }


@dataclass(frozen=True, slots=True)
class ComparisonResult:
    """A finished comparison. `columns`, `schema`, `samples` and `compared` are in document form."""

    summary: Summary
    columns: list[dict[str, Any]]
    schema: dict[str, Any]
    samples: dict[str, list[dict[str, Any]]]
    compared: dict[str, Any]

    def to_document(self) -> dict[str, Any]:
        """The whole result as JSON-able values; names are those of REST, `--json` and the job's row."""
        return {
            "summary": self.summary.to_document(),
            "columns": self.columns,
            "schema": self.schema,
            "samples": self.samples,
            "compared": self.compared,
        }
