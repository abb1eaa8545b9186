"""The request struct takes what the contract says and nothing else."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.jobs.models import ComparisonRequest
from app.jobs.rules import ColumnRule
from app.jobs.sides import Side

TABLES: dict[str, Any] = {"source": {"table": "A"}, "target": {"table": "B"}}


def read(**fields: Any) -> ComparisonRequest:
    return ComparisonRequest.from_json(msgspec.json.encode({**TABLES, **fields}))


def test_two_tables_are_enough() -> None:
    request = read()
    assert (request.key, request.columns, request.rules, request.queue) == (None, None, {}, "DEFAULT")


@given(st.decimals(min_value=0, allow_nan=False, allow_infinity=False, places=12, max_value=10**20))
def test_a_tolerance_given_as_text_keeps_every_digit_through_storage(tolerance: Decimal) -> None:
    request = ComparisonRequest(
        source=Side(table="A"), target=Side(table="B"), rules={"X": ColumnRule(tolerance=tolerance)}
    )
    kept = ComparisonRequest.from_json(request.to_json()).rules["X"].tolerance
    assert kept is not None
    assert kept.as_tuple() == tolerance.as_tuple()


@pytest.mark.parametrize(
    "fields",
    [
        {"colour": "red"},
        {"source": {"table": "A", "schema": "B"}},
        {"source": {"table": ""}},
        {"source": {"table": "A" * 300}},
        {"source": {"table": 7}},
        {"source": None},
        {"key": []},
        {"key": ["A", "A"]},
        {"key": [f"C{n}" for n in range(33)]},
        {"columns": ["A", "A"]},
        {"ignore": ["A"] * 2},
        {"rules": {"A": {"tolerance": "-1"}}},
        {"rules": {"A": {"tolerance": "NaN"}}},
        {"rules": {"A": {"tolerance": "Infinity"}}},
        {"rules": {"A": {"tolerance": "1e999999"}}},
        {"rules": {"A": {"tolerance": "1" * 39}}},
        {"rules": {"A": {"colour": 1}}},
        {"sample_limit": -1},
        {"sample_limit": 1001},
        {"sample_limit": 1.5},
        {"queue": "default"},
        {"queue": "x'; drop table comparison_jobs; --"},
        {"priority": 10},
        {"max_attempts": 0},
        {"require_unique_key": "yes"},
    ],
)
def test_what_the_contract_does_not_allow_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        read(**fields)
