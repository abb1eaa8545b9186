"""What is to be compared, and how: the engine's own form of a comparison request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.jobs.rules import ColumnRule

__all__ = ["ColumnRule", "ComparisonPlan"]


@dataclass(frozen=True, slots=True)
class ComparisonPlan:
    """One comparison. Column names match without regard to case.

    `key` None means: take the declared key that both sides share. `columns` None means: all columns
    that both sides have; key columns always take part. `ignore` columns are not read.
    `sample_limit` is the number of sample rows of each sort. With `require_unique_key` a key that
    occurs more than once is an error instead of a finding. With `paranoid` values whose hashes are equal
    are compared byte by byte as well.
    """

    key: tuple[str, ...] | None = None
    columns: tuple[str, ...] | None = None
    ignore: tuple[str, ...] = ()
    rules: Mapping[str, ColumnRule] = field(default_factory=dict)
    sample_limit: int = 20
    require_unique_key: bool = False
    paranoid: bool = False
