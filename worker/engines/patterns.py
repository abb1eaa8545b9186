"""Sentences about what happened to a column, from the counts of its classes of change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from worker.engines.classes.details import Details
from worker.engines.classes.labels import class_of
from worker.engines.classes.numbers import UNITS
from worker.engines.frequent import Default, Transition

Examples = Mapping[str, list[dict[str, Any]]]

_NAMED_TRANSITIONS = 3
_NAMED_DEFAULTS = 2
_NAMED_SHIFTS = 5
_SHOWN_LENGTH = 60
_MOSTLY = 0.9
"""A share of cells from which a sentence speaks of all of them."""
_HOUR_US = 3_600_000_000

_SIMPLE = {
    "null_to_value": "NULL in A became a value in B",
    "value_to_null": "a value in A became NULL in B",
    "case_and_white_space": "only case and white space differ",
    "normal_form": "the same letters are written in another Unicode form",
    "accents": "only accents differ",
    "punctuation": "only punctuation differs",
    "encoding": "letters were damaged by a wrong character encoding",
    "time_lost": "the date is the same but one side lost its time of day",
    "fraction_lost": "one side lost its fractions of a second, or digits of them",
    "century": "the dates are exactly a hundred years apart, as years of two digits are when they are read wrongly",
    "day_month_swapped": "day and month changed places",
    "sign": "the sign is reversed",
    "transposed": "two neighbouring digits changed places",
}


@dataclass(frozen=True, slots=True)
class Found:
    """What is known about one column, ready to be put in words. `labels` are decided ones."""

    labels: Mapping[str, int]
    different: int
    details: Details
    transitions: Sequence[Transition]
    defaults: Sequence[Default]
    examples: Examples


def describe(found: Found) -> list[dict[str, Any]]:
    """The patterns of one column, most cells first.

    Each has `class`, `count` (cells that show it), `share` of the column's differing cells (0 to 1, rounded
    down to 4 digits), `sentence`, and `examples` (key and both values as text). A cell may show several.
    """
    patterns: list[tuple[str, int, str, list[dict[str, Any]]]] = []
    for label, count in found.labels.items():
        for explained, sentence in _explain(label, count, found):
            patterns.append((class_of(label), explained, sentence, found.examples.get(label, [])))
    patterns += _frequent(found)
    patterns += _defaults(found)
    patterns.sort(key=lambda item: (-item[1], item[2]))
    return [
        pattern(name, count, found.different, sentence, examples)
        for name, count, sentence, examples in patterns
    ]


def pattern(
    name: str, count: int, different: int, sentence: str, examples: list[dict[str, Any]]
) -> dict[str, Any]:
    """One pattern in document form."""
    return {
        "class": name,
        "count": count,
        "share": int(10_000 * count / different) / 10_000,
        "sentence": f"{count:,} of {different:,} differing values: {sentence}.",
        "examples": examples,
    }


def _explain(label: str, count: int, found: Found) -> Iterator[tuple[int, str]]:
    name, _, side = label.partition(":")
    details = found.details
    if name in ("rounded", "truncated") and any(of == side for _, _, of, _ in details.decimals):
        rival = "truncated" if name == "rounded" else "rounded"
        yield _decimals(name, side, count > found.labels.get(f"{rival}:{side}", 0), details)
    elif name == "truncated":
        yield count, _cut(side, count, details)
    elif name == "factor":
        for (larger, power), times in details.factor.items():
            yield times, f"{_name(larger)} is {10**power:,} times {_other(larger)}"
    elif name == "unit_factor":
        for (unit, multiplied), times in details.unit.items():
            yield times, f"{_other(multiplied)} is {_name(multiplied)} times {unit} ({UNITS[unit][1]})"
    elif name == "time_shift":
        yield from _shifts(count, details)
    elif name == "case":
        yield count, _case(count, details)
    elif name == "white_space":
        ends = details.ends >= _MOSTLY * count
        yield count, f"only white space {'at the ends ' if ends else ''}differs"
    elif name in _SIMPLE:
        yield count, _SIMPLE[name]


def _decimals(name: str, side: str, leading: bool, details: Details) -> tuple[int, str]:
    """How many decimals explain the most cells, and of how many.

    The leading one of rounding and truncation has every cell it can explain, the other only the rest.
    """
    scope = "all" if leading else "only"
    counts = {
        decimals: count
        for (of, among, coarse, decimals), count in details.decimals.items()
        if (of, among, coarse) == (name, scope, side)
    }
    decimals = max(counts, key=lambda d: (counts[d], -d))
    fewer, more = decimals, details.finer[side, decimals]
    change = f"from {fewer} to {more}" if side == "a" else f"from {more} to {fewer}"
    how = "rounded" if name == "rounded" else "cut off"
    where = _plural(decimals, "decimal") if decimals else "whole numbers"
    sentence = f"{_name(side)} is {_other(side)} {how} to {where} (decimals went {change})"
    return counts[decimals], sentence


def _cut(side: str, count: int, details: Details) -> str:
    sentence = f"{_name(side)} is only the beginning of {_other(side)}"
    (_, length), times = max(
        ((key, n) for key, n in details.cut.items() if key[0] == side),
        key=lambda item: (item[1], -item[0][1]),
    )
    return f"{sentence}, cut off after {_plural(length, 'byte')}" if times >= _MOSTLY * count else sentence


def _case(count: int, details: Details) -> str:
    for (side, case), times in sorted(details.case.items()):
        if times >= _MOSTLY * count:
            return f"{_name(side)} is {_other(side)} in {case} case"
    return "only upper and lower case differ"


def _shifts(count: int, details: Details) -> Iterator[tuple[int, str]]:
    """One sentence a shift; shifts an hour apart in other months are daylight saving time."""
    shifts = details.shift
    if shifts.total() < count:
        shifts = shifts + details.shift_or_lost
    for shift, times in shifts.most_common(_NAMED_SHIFTS):
        sentence = f"B is {_duration(abs(shift))} {'later' if shift > 0 else 'earlier'}"
        for other in (shift - _HOUR_US, shift + _HOUR_US):
            if shifts.get(other, 0) >= 0.1 * count and _in_turns(shift, other, details):
                season = f"{_months(shift, details)}, and {_duration(abs(other)) if other else 'not shifted'}"
                sentence += f" in {season} in {_months(other, details)}: local time with daylight saving"
                break
        else:
            if abs(shift) == _HOUR_US and _only_summer(shift, details):
                sentence += f", only in {_months(shift, details)}: daylight saving time"
        yield times, sentence


def _in_turns(one: int, other: int, details: Details) -> bool:
    """Whether two shifts share hardly a month."""
    shared = sum(
        min(details.months.get((one, month), 0), details.months.get((other, month), 0))
        for month in range(1, 13)
    )
    both = details.shift + details.shift_or_lost
    return shared <= 0.1 * min(both[one], both[other])


def _only_summer(shift: int, details: Details) -> bool:
    months = {month for (of, month), count in details.months.items() if of == shift and count}
    return 3 <= len(months) <= 8 and (months <= set(range(3, 12)) or months <= {1, 2, 3, 4, 9, 10, 11, 12})


def _months(shift: int, details: Details) -> str:
    """The months of a shift as a range, which may run over the turn of the year."""
    names = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ]
    times = {month: count for (of, month), count in details.months.items() if of == shift and count}
    floor = 0.02 * max(times.values())
    months = sorted(month for month, count in times.items() if count >= floor)
    starts = [month for month in months if (month - 2) % 12 + 1 not in months]
    ends = [month for month in months if month % 12 + 1 not in months]
    if len(starts) == len(ends) == 1:
        first, last = names[starts[0] - 1], names[ends[0] - 1]
        return first if first == last else f"{first} to {last}"
    return f"{len(months)} months"


def _frequent(found: Found) -> list[tuple[str, int, str, list[dict[str, Any]]]]:
    patterns = []
    for transition in found.transitions[:_NAMED_TRANSITIONS]:
        if transition.a is None and transition.count == found.labels.get("null_to_value"):
            name, sentence = "default_filled", f"NULL was filled in with {_shown(transition.b)}"
        else:
            name, sentence = "replaced", f"{_shown(transition.a)} became {_shown(transition.b)}"
        shown = [
            e
            for kept in found.examples.values()
            for e in kept
            if (e["a"], e["b"]) == (transition.a, transition.b)
        ]
        patterns.append((name, transition.count, sentence, shown))
    return patterns


def _defaults(found: Found) -> list[tuple[str, int, str, list[dict[str, Any]]]]:
    patterns = []
    for default in found.defaults[:_NAMED_DEFAULTS]:
        side = default.side
        sentence = f"{_name(side)} has {_shown(default.value)} whatever {_other(side)} has, like a default"
        shown = [e for kept in found.examples.values() for e in kept if e[side] == default.value]
        patterns.append(("default_filled", default.count, sentence, shown[:3]))
    return patterns


def _shown(value: str | None) -> str:
    if value is None:
        return "NULL"
    return f"'{value}'" if len(value) <= _SHOWN_LENGTH else f"'{value[:_SHOWN_LENGTH]}…'"


def _duration(microseconds: int) -> str:
    minutes = microseconds // 60_000_000
    if minutes and minutes % 1440 == 0:
        return _plural(minutes // 1440, "day")
    hours, minutes = divmod(minutes, 60)
    parts = [_plural(hours, "hour")] if hours else []
    return " ".join([*parts, f"{minutes} minutes"] if minutes else parts)


def _plural(count: int, unit: str) -> str:
    return f"{count:,} {unit}" if count == 1 else f"{count:,} {unit}s"


def _name(side: str) -> str:
    return side.upper()


def _other(side: str) -> str:
    return "B" if side == "a" else "A"
