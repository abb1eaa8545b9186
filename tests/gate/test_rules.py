"""Every rule refuses its bad examples and lets its good ones pass."""

from __future__ import annotations

import pytest

from tests.gate import rules_objects, rules_plans, rules_queries, rules_types, rules_words  # noqa: F401 - they enter their rules
from tests.gate.rules import RULES, Rule, faults

CASES = [
    pytest.param(each, text, refused, id=f"{each.name}-{'bad' if refused else 'good'}{number}")
    for each in RULES
    for refused, examples in ((True, each.bad), (False, each.good))
    for number, text in enumerate(examples, 1)
]


@pytest.mark.parametrize(("rule", "text", "refused"), CASES)
def test_the_rule_knows_bad_from_good(rule: Rule, text: str, refused: bool) -> None:
    found = [str(detail) for each, _, detail in faults(text) if each is rule]
    assert bool(found) is refused, found
