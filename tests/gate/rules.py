"""The rules of the gate: what Oracle 19c refuses, or does otherwise than it reads.

A rule is a function from a statement in pieces to the lines at fault. Beside it stand a statement that it must refuse
and one like it that it must let pass; the test of the rules runs both. None of them uses the local database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.gate.blocks import Read

Check = Callable[[Read], Iterator[tuple[int, str]]]
"""Yields lines of the statement, from 1, and what is wrong there."""


@dataclass(frozen=True, slots=True)
class Rule:
    """code: Oracle's error, or `house` for a custom of this project and of PL/SQL's style guides."""

    name: str
    code: str
    says: str
    check: Check
    bad: tuple[str, ...]
    good: tuple[str, ...]


RULES: list[Rule] = []


def rule(code: str, says: str, *, bad: tuple[str, ...], good: tuple[str, ...]) -> Callable[[Check], Check]:
    """Enter a rule with its examples."""

    def enter(check: Check) -> Check:
        RULES.append(Rule(check.__name__, code, says, check, bad, good))
        return check

    return enter


def faults(text: str) -> list[tuple[Rule, int, str]]:
    """What is wrong with a statement: rule, line and detail."""
    read = Read(text)
    return [(each, line, detail) for each in RULES for line, detail in each.check(read)]
