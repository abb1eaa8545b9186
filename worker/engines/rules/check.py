"""What a rule may ask of which kind of column, told before anything is read."""

from __future__ import annotations

from app.jobs.rules import ColumnRule
from worker.engines.errors import BadPlan
from worker.engines.values import NUMERIC, Kind, ValueType

_NUMBER_FIELDS = ("tolerance", "relative_tolerance", "decimals")
_TEXT_FIELDS = ("trim", "ignore_case", "collapse_white_space", "normal_form", "null_equals_blank")
_TIME_FIELDS = ("time_tolerance", "zone_a", "zone_b")
_VALUE_FIELDS = ("values_a", "values_b", "expression_a", "expression_b")
_HASHED = (Kind.LONG_TEXT, Kind.LONG_BINARY)


def check_rule(rule: ColumnRule, name: str, oracle_type: str, kind: ValueType, *, is_key: bool) -> None:
    """Raises BadPlan unless every part of `rule` has a meaning for the column.

    A value map or an expression may change the type of the values, so the parts beside it are not judged.
    """
    given = [field for field in rule.__struct_fields__ if getattr(rule, field) not in (None, False)]
    if is_key and given:
        raise BadPlan(f"{name} is a key column; keys are matched exactly and take no rule ({given[0]}).")
    for fields, fits, wanted in (
        (_NUMBER_FIELDS, kind.kind in NUMERIC, "a number"),
        (_TEXT_FIELDS, kind.kind is Kind.TEXT, "a text"),
        (_TIME_FIELDS, kind.kind in (Kind.TIMESTAMP, Kind.TIMESTAMP_NS), "a date or time"),
        (_VALUE_FIELDS, kind.kind not in _HASHED, "short enough (large objects are compared by hash)"),
    ):
        wrong = [field for field in fields if field in given]
        if wrong and not fits and (not rule.changes_type or fields is _VALUE_FIELDS):
            raise BadPlan(
                f"The column {name} is {oracle_type}, not {wanted}; the rule {wrong[0]} has no meaning there."
            )
    for field in ("expression_a", "expression_b"):
        expression = getattr(rule, field)
        if expression is not None:
            from worker.engines.rules.expressions import (
                check_expression,  # brings DuckDB: not before it is needed
            )

            check_expression(expression, f"The {field} of {name}")
