"""Sentences about what happened to a column, from the counts of its classes of change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from worker.engines.classes import Details

Transition = tuple[str | None, str | None, int]
"""A value in A, the value in B that it became, and how many cells show this."""

_NAMED_TRANSITIONS = 3
_SHOWN_LENGTH = 60

_SIMPLE = {
    "null_to_value": "NULL in A became a value in B",
    "value_to_null": "a value in A became NULL in B",
    "case": "only upper and lower case differ",
    "white_space": "only white space differs",
    "case_and_white_space": "only case and white space differ",
    "accents": "only accents differ",
    "punctuation": "only punctuation differs",
    "encoding": "letters were damaged by a wrong character encoding",
    "time_lost": "the date is the same but one side lost its time of day",
    "fraction_lost": "one side lost its fractions of a second",
    "sign": "the sign is reversed",
}


def describe(
    labels: Mapping[str, int],
    different: int,
    details: Details,
    transitions: Sequence[Transition],
    examples: Mapping[str, list[dict[str, Any]]],
) -> list[dict[str, Any]]:
    """The patterns of one column, most cells first.

    `labels` counts cells by class, with the side that lost something after a colon where there is one;
    `transitions` are the frequent pairs of values, most frequent first.
    Each pattern has `class`, `count` (cells that show it), `share` of the column's differing cells (0 to
    1, rounded down to 4 digits), `sentence` and `examples` (key and both values as text).
    """
    found: list[tuple[str, int, str, list[dict[str, Any]]]] = []
    for label, count in labels.items():
        for explained, sentence in _explain(label, count, labels, details):
            found.append((label.partition(":")[0], explained, sentence, examples.get(label, [])))
    found += _frequent(labels, transitions, examples)
    found.sort(key=lambda item: (-item[1], item[2]))
    return [
        {
            "class": name,
            "count": count,
            "share": int(10_000 * count / different) / 10_000,
            "sentence": f"{count:,} of {different:,} differing values: {sentence}.",
            "examples": shown,
        }
        for name, count, sentence, shown in found
    ]


def _explain(
    label: str, count: int, labels: Mapping[str, int], details: Details
) -> Iterator[tuple[int, str]]:
    name, _, side = label.partition(":")
    if name in ("rounded", "truncated") and any(of == side for _, _, of, _ in details.decimals):
        rival = "truncated" if name == "rounded" else "rounded"
        yield _decimals(name, side, count > labels.get(f"{rival}:{side}", 0), details)
    elif name == "truncated":
        yield count, f"{_name(side)} is only the beginning of {_other(side)}"
    elif name == "factor":
        for (larger, power), times in details.factor.items():
            yield times, f"{_name(larger)} is {10**power:,} times {_other(larger)}"
    elif name == "time_shift":
        for shift, times in details.shift.items():
            yield times, f"B is {_duration(abs(shift))} {'later' if shift > 0 else 'earlier'}"
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


def _frequent(
    labels: Mapping[str, int],
    transitions: Sequence[Transition],
    examples: Mapping[str, list[dict[str, Any]]],
) -> list[tuple[str, int, str, list[dict[str, Any]]]]:
    found = []
    for one, other, count in transitions[:_NAMED_TRANSITIONS]:
        if one is None and count == labels.get("null_to_value"):
            sentence = f"NULL was filled in with {_shown(other)}"
        else:
            sentence = f"{_shown(one)} became {_shown(other)}"
        shown = [e for kept in examples.values() for e in kept if (e["a"], e["b"]) == (one, other)]
        found.append(("replaced", count, sentence, shown))
    return found


def _shown(value: str | None) -> str:
    if value is None:
        return "NULL"
    return f"'{value}'" if len(value) <= _SHOWN_LENGTH else f"'{value[:_SHOWN_LENGTH]}…'"


def _duration(microseconds: int) -> str:
    minutes = microseconds // 60_000_000
    hours, minutes = divmod(minutes, 60)
    parts = [_plural(hours, "hour")] if hours else []
    return " ".join([*parts, f"{minutes} minutes"] if minutes else parts)


def _plural(count: int, unit: str) -> str:
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def _name(side: str) -> str:
    return side.upper()


def _other(side: str) -> str:
    return "B" if side == "a" else "A"
