"""Rules that the data itself suggests, each with the number of cells that it would settle.

The numbers are those that a comparison with the rule would count: a rule is applied to every cell that it
could excuse, or it excuses exactly the cells that a class or a distance has counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from app.jobs.rules import ColumnRule, NormalForm
from worker.engines.canonical import number_text
from worker.engines.cells import positions
from worker.engines.classes.details import Details
from worker.engines.classes.labels import Codes, code
from worker.engines.classes.numbers import MAX_DECIMALS
from worker.engines.frequent import Transition
from worker.engines.layout import ComparedColumn
from worker.engines.rules.apply import excused
from worker.engines.values import NUMERIC, Kind

_LEAST_SHARE = 0.05
"""A rule that settles a smaller share of a column's differing cells is not worth a suggestion."""
_REASON_SHARE = 0.5
"""A tolerance is suggested for rounding if rounding is why at least so much of what it settles differs."""
_MAP_SHARE = 0.9
_NOISE_DECIMALS = 6
_NOISE_SHARE = 0.9
_TRIED = 2000
_SIFTED = 100  # of them, for a first look
_BELIEVED = 0.9

ZONES = (
    *(f"Etc/GMT{hours:+d}" for hours in range(-14, 13) if hours),
    "Europe/London", "Europe/Berlin", "Europe/Helsinki", "America/New_York", "America/Chicago", "America/Denver",
    "America/Los_Angeles", "America/Sao_Paulo", "Asia/Kolkata", "Australia/Sydney", "Pacific/Auckland",
)  # fmt: skip
"""Zones that a side's local times may be in. Etc/GMT-1 is one hour ahead of UTC: POSIX counts westward."""

_TEXT_RULES: tuple[tuple[ColumnRule, tuple[str, ...], tuple[str, ...], str], ...] = (
    (ColumnRule(ignore_case=True), ("case",), (), "only by case: ignore case"),
    (ColumnRule(trim=True), (), ("white_space",), "by white space at the ends: trim"),
    (
        ColumnRule(trim=True, collapse_white_space=True),
        (),
        ("white_space",),
        "by white space: trim, and collapse it within",
    ),
    (
        ColumnRule(trim=True, collapse_white_space=True, ignore_case=True),
        ("case",),
        ("white_space", "case_and_white_space"),
        "by case and white space: ignore both",
    ),
    (ColumnRule(normal_form=NormalForm.NFC), ("normal_form",), (), "by Unicode form: compare in NFC"),
    (
        ColumnRule(null_equals_blank=True),
        (),
        ("null_to_value", "value_to_null"),
        "by blank texts: take them for NULL",
    ),
)
"""Each with the labels of which it excuses every cell, and those of which it may excuse some; of others none."""


class Settled:
    """Counts, for the rules that might be suggested, the cells that they excuse. They add up over slices."""

    def __init__(self, column: ComparedColumn) -> None:
        self._column = column
        self._zones: list[ColumnRule] | None = None
        self.counts: Counter[ColumnRule] = Counter()

    def add(self, a: pa.Array, b: pa.Array, labels: Codes) -> None:
        """Try the rules on differing cells with these labels."""
        kind = self._column.type.kind
        if kind is Kind.TEXT:
            for rule, all_of, some_of, _ in _TEXT_RULES:
                self.counts[rule] += int(np.isin(labels, [code(label) for label in all_of]).sum())
                self._count(rule, a, b, np.isin(labels, [code(label) for label in some_of]))
        elif kind in (Kind.TIMESTAMP, Kind.TIMESTAMP_NS):
            everywhere = np.ones(len(a), np.bool_)
            self._count(ColumnRule(time_tolerance=Decimal(1)), a, b, everywhere)
            shifted = np.isin(labels, [code("time_shift"), code("time_lost|time_shift")])
            if self._zones is None and shifted.any():
                self._zones = self._believable_zones(a, b, np.flatnonzero(shifted)[:_TRIED])
            for rule in self._zones or ():
                self._count(rule, a, b, everywhere)

    def _count(self, rule: ColumnRule, a: pa.Array, b: pa.Array, where: npt.NDArray[Any]) -> None:
        rows = np.flatnonzero(where)
        if rows.size:
            members = positions(rows)
            mask = excused(a.take(members), b.take(members), self._column.type, rule, self._column.name)
            self.counts[rule] += int(mask.sum())

    def _believable_zones(self, a: pa.Array, b: pa.Array, rows: npt.NDArray[Any]) -> list[ColumnRule]:
        """The zone of A, else of B, that explains the most of a few shifted cells, if it explains most."""
        believed = _zone_rules()
        for some in (rows[:: 1 + rows.size // _SIFTED], rows):
            members = positions(some)
            pair = a.take(members), b.take(members)
            hits = {r: int(excused(*pair, self._column.type, r, self._column.name).sum()) for r in believed}
            believed = [rule for rule in believed if hits[rule] >= _BELIEVED * some.size]
        return [max(believed, key=hits.__getitem__)] if believed else []


@cache
def _zone_rules() -> list[ColumnRule]:
    return [ColumnRule(zone_a=zone) for zone in ZONES] + [ColumnRule(zone_b=zone) for zone in ZONES]


def suggest(
    column: ComparedColumn,
    labels: Mapping[str, int],
    details: Details,
    settled: Settled,
    transitions: Sequence[Transition],
    different: int,
) -> list[dict[str, Any]]:
    """Suggestions for one column, those that settle most first.

    Each has `rule` (ready for a request or a profile), `settles` (cells), `share` of the differing cells
    (rounded down to 4 digits) and `sentence`.
    """
    if different == 0:
        return []
    if column.type.kind in NUMERIC:
        found = _number_rules(labels, details, different)
    else:
        found = [(rule, settled.counts[rule], why) for rule, _, _, why in _TEXT_RULES]
        found += [
            (rule, count, _time_reason(rule)) for rule, count in settled.counts.items() if _is_time(rule)
        ]
    found += _value_map(transitions, different)
    worth, seen = [], set()
    for rule, count, why in sorted(found, key=lambda item: (-item[1], len(msgspec.json.encode(item[0])))):
        if count >= 1 and count >= _LEAST_SHARE * different and count not in seen:
            seen.add(count)  # of rules that settle as much, the shortest
            worth.append(_document(column, rule, count, why, different))
    return worth


def _number_rules(
    labels: Mapping[str, int], details: Details, different: int
) -> list[tuple[ColumnRule, int, str]]:
    found = []
    for name, how in (("rounded", "rounding"), ("truncated", "digits cut off")):
        counts: Counter[int] = Counter()
        for (of, among, side, decimals), count in details.decimals.items():
            if of == name and among == "all" and labels.get(f"{name}:{side}"):
                counts[decimals] += count
        if counts:
            decimals = max(counts, key=lambda d: (counts[d], d))
            tolerance = _tolerance(decimals, details, f"by {how} to {decimals} decimals")
            if counts[decimals] >= _REASON_SHARE * tolerance[1]:
                found.append(tolerance)
    noise = [
        n for n in range(_NOISE_DECIMALS, MAX_DECIMALS + 1) if _within(n, details) >= _NOISE_SHARE * different
    ]
    if noise:
        found.append(_tolerance(max(noise), details, "by very little"))
    for (side, power), count in details.factor.items():
        multiply = f"value * {10**power}"
        rule = ColumnRule(expression_b=multiply) if side == "a" else ColumnRule(expression_a=multiply)
        found.append((rule, count, f"by a factor of {10**power:,}: multiply"))
    return found


def _tolerance(decimals: int, details: Details, why: str) -> tuple[ColumnRule, int, str]:
    tolerance = Decimal((0, (1,), -decimals))
    text = number_text(tolerance)
    rule = ColumnRule(tolerance=Decimal(text))
    return rule, _within(decimals, details), f"{why}: accept differences up to {text}"


def _within(decimals: int, details: Details) -> int:
    """Cells whose two numbers are at most 10**-decimals apart."""
    return sum(count for n, count in details.within.items() if n >= decimals)


def _is_time(rule: ColumnRule) -> bool:
    return rule.time_tolerance is not None or rule.zone_a is not None or rule.zone_b is not None


def _time_reason(rule: ColumnRule) -> str:
    if rule.time_tolerance is not None:
        return "by at most a second: accept that"
    side, zone = ("A", rule.zone_a) if rule.zone_a is not None else ("B", rule.zone_b)
    return f"as local times of {zone} do from UTC: read side {side} so"


def _value_map(transitions: Sequence[Transition], different: int) -> list[tuple[ColumnRule, int, str]]:
    """A value map, if few pairs of values are nearly all that differs and none contradicts another."""
    pairs = [(t.a, t.b, t.count) for t in transitions if t.a is not None and t.b is not None]
    count = sum(n for _, _, n in pairs)
    meaning = {a: b for a, b, _ in pairs if a is not None}
    if len(meaning) < len(pairs) or count < _MAP_SHARE * different or not pairs:
        return []
    return [(ColumnRule(values_a=dict(meaning)), count, "by another code for the same: translate it")]


def _document(
    column: ComparedColumn, rule: ColumnRule, count: int, why: str, different: int
) -> dict[str, Any]:
    return {
        "rule": msgspec.to_builtins(rule),
        "settles": count,
        "share": int(10_000 * count / different) / 10_000,
        "sentence": f"{column.name} differs {why}? That settles {count:,} of {different:,} cells.",
    }
