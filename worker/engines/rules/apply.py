"""Rules, applied last: which of the differing cells of a column still count as different.

Values go through the value map, the expression, and the text rules, each side its own; what is equal then
is excused, and so is what a number or time rule lets pass. Nothing here works cell by cell in Python.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from app.jobs.rules import ColumnRule
from worker.engines.cells import differing, positions
from worker.engines.layout import ComparedColumn
from worker.engines.numbers import Mask
from worker.engines.rules.numbers import excused_numbers
from worker.engines.rules.texts import has_text_rule, mapped, normalised
from worker.engines.rules.times import excused_times
from worker.engines.values import NUMERIC, Kind, ValueType

_TIMES = (Kind.TIMESTAMP, Kind.TIMESTAMP_NS)
_Excuse = Callable[[pa.Array, pa.Array, ValueType, ColumnRule], Mask]


def still_different(a: pa.Array, b: pa.Array, column: ComparedColumn) -> Mask:
    """Which of the differing cells a[i], b[i] the rule of `column` does not excuse.

    Both are in storage form. Raises BadPlan when an expression fails on a value.
    """
    counted = np.ones(len(a), np.bool_)
    if column.rule is None or column.rule.is_empty or len(a) == 0:
        return counted
    return ~excused(a, b, column.type, column.rule, column.name)


def excused(a: pa.Array, b: pa.Array, value_type: ValueType, rule: ColumnRule, name: str) -> Mask:
    """Which pairs of different values `rule` counts as equal. `name` is the column's, for sentences."""
    if rule.values_a is not None or rule.values_b is not None:
        a, b, value_type = mapped(a, b, value_type, rule)
    if rule.expression_a is not None or rule.expression_b is not None:
        from worker.engines.rules.expressions import evaluate  # brings DuckDB, which takes a while

        a, b, value_type = evaluate(a, b, value_type, rule, name)
    if value_type.kind is Kind.TEXT and has_text_rule(rule):
        a, b = normalised(a, rule), normalised(b, rule)
    equal = np.ones(len(a), np.bool_)
    equal[differing(a, b)] = False
    if value_type.kind in NUMERIC:
        return _where_both(excused_numbers, a, b, equal, value_type, rule)
    if value_type.kind in _TIMES:
        return _where_both(excused_times, a, b, equal, value_type, rule)
    return equal


def _where_both(
    excuse: _Excuse, a: pa.Array, b: pa.Array, equal: Mask, value_type: ValueType, rule: ColumnRule
) -> Mask:
    """`equal`, and where both sides have a value, also what `excuse` lets pass."""
    null = a.is_null().to_numpy(zero_copy_only=False) | b.is_null().to_numpy(zero_copy_only=False)
    rows = np.flatnonzero(~(null | equal))
    if rows.size:
        equal[rows] = excuse(a.take(positions(rows)), b.take(positions(rows)), value_type, rule)
    return equal
