"""What the HTML report shows, worked out from the result document: texts, shares, order; no markup."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from itertools import takewhile
from pathlib import PurePath
from typing import Any

from app.reports.charts import Part

CLASS_NAMES = {
    "changed": "otherwise changed",
    "null_to_value": "NULL became a value",
    "value_to_null": "value became NULL",
    "sign": "sign reversed",
    "factor": "power of ten",
    "unit_factor": "other unit",
    "transposed": "digits transposed",
    "rounded": "rounded",
    "truncated": "cut off",
    "case": "upper and lower case",
    "white_space": "white space",
    "case_and_white_space": "case and white space",
    "normal_form": "Unicode form",
    "accents": "accents",
    "punctuation": "punctuation",
    "encoding": "encoding damage",
    "time_lost": "time of day lost",
    "fraction_lost": "fraction of a second lost",
    "time_shift": "shifted in time",
    "century": "other century",
    "day_month_swapped": "day and month swapped",
    "swapped": "columns swapped",
    "replaced": "replaced",
    "default_filled": "default filled in",
}
_SHADES = 8
_SAID = {
    "tolerance": "may differ by up to {}",
    "relative_tolerance": "may differ by up to the share {}",
    "decimals": "rounded to {} decimals",
    "trim": "white space at the ends does not count",
    "ignore_case": "case does not count",
    "collapse_white_space": "the amount of white space does not count",
    "normal_form": "Unicode form {}",
    "null_equals_blank": "NULL equals blank",
    "time_tolerance": "may differ by up to {} s",
    "zone_a": "A is in {}",
    "zone_b": "B is in {}",
    "values_a": "{} of A translated",
    "values_b": "{} of B translated",
    "expression_a": "A as {}",
    "expression_b": "B as {}",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result in a sentence or two, and whether the tables are equal."""

    equal: bool
    headline: str
    detail: str


def side_name(side: object) -> str:
    """What a side of the comparison is called."""
    if isinstance(side, dict):
        return str(side.get("table") or side.get("name") or "")
    return str(side)


def side_names(document: dict[str, Any]) -> tuple[str, str]:
    """What both sides are called; of two files without the folders that they share."""
    a, b = (side_name(document["compared"][side]) for side in ("source", "target"))
    folders = [PurePath(name).parent.parts for name in (a, b)]
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(*folders, strict=False)))
    if not shared:
        return a, b
    a, b = (str(PurePath(*PurePath(name).parts[shared:])) for name in (a, b))
    return a, b


def verdict(document: dict[str, Any]) -> Verdict:
    """What a reader wants to know first."""
    summary = document["summary"]
    differ = [
        _count(summary["changed"], "row differs", "rows differ"),
        _count(summary["only_a"], "row is only in A", "rows are only in A"),
        _count(summary["only_b"], "row is only in B", "rows are only in B"),
    ]
    differ = [text for text in differ if text]
    if not differ:
        return Verdict(
            True, "The tables are equal", f"All {summary['matched']:,} rows are the same on both sides."
        )
    detail = _main_reason(document)
    return Verdict(False, ", ".join(differ), detail)


def _count(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}" if count else ""


def _main_reason(document: dict[str, Any]) -> str:
    """The pattern that explains the most cells of all columns."""
    patterns = [(p["count"], c["name"], p["sentence"]) for c in document["columns"] for p in c["patterns"]]
    cells = sum(column["different"] for column in document["columns"])
    if not patterns:
        return f"{cells:,} cells differ." if cells else ""
    most = max(count for count, _, _ in patterns)
    leading = [(name, sentence) for count, name, sentence in patterns if count >= 0.8 * most]
    name, sentence = leading[0]
    others = [other for other, text in leading[1:] if _said(text) == _said(sentence)]
    names = ", ".join([name, *others])
    return f"{cells:,} cells differ, most of them in {names}: {_said(sentence)}."


def _said(sentence: str) -> str:
    """A pattern's sentence without the counts before it."""
    return sentence.partition(": ")[2].rstrip(".") or sentence.rstrip(".")


def row_parts(summary: dict[str, Any]) -> list[Part]:
    """All rows, as parts of a bar."""
    return [
        ("equal", summary["equal"], "equal"),
        ("changed", summary["changed"], "changed"),
        ("only in A", summary["only_a"], "only-a"),
        ("only in B", summary["only_b"], "only-b"),
    ]


def class_parts(column: dict[str, Any]) -> list[Part]:
    """A column's differing cells by class, as parts of a bar; what is nothing in particular comes last."""
    classes = sorted(column["classes"].items(), key=lambda item: (item[0] == "changed", -item[1]))
    return [
        (class_name(name), count, "other" if name == "changed" else f"shade-{min(n, _SHADES - 1)}")
        for n, (name, count) in enumerate(classes)
    ]


def class_name(name: str) -> str:
    """A class of change for people."""
    return CLASS_NAMES.get(name, name.replace("_", " "))


def story(column: dict[str, Any], *, counted: bool = False) -> str:
    """What happened to a column in one sentence: its leading pattern (with its count, if so wanted), else its
    classes by count and how far its values are apart at most."""
    for pattern in column["patterns"]:
        if 2 * pattern["count"] >= column["different"]:
            sentence: str = pattern["sentence"]
            return sentence.rstrip(".") if counted else _said(sentence)
    classes = sorted(column["classes"].items(), key=lambda item: (-item[1], item[0]))
    alone = len(classes) == 1  # then there is nothing that it is other than
    said = ", ".join(
        f"{name if alone and name == 'changed' else class_name(name)} {count:,}"
        for name, count in classes[:3]
    )
    largest = column.get("largest_difference")
    return said if largest is None else f"{said}, by {rounded(largest)}{_unit(column)} at most"


def rounded(number: str) -> str:
    """A decimal number for people: four digits that count, and all before the point."""
    value = Decimal(number)
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}" if len(number) > 6 else number


def _unit(column: dict[str, Any]) -> str:
    return " s" if "difference_unit" in column else ""


def distance(column: dict[str, Any]) -> str:
    """How far a column's values are apart, in words; empty where that has no meaning."""
    if "largest_difference" not in column:
        return ""
    largest, mean = (
        f"{rounded(column[name])}{_unit(column)}" for name in ("largest_difference", "mean_difference")
    )
    return f"largest difference {largest}, mean {mean}"


def readings(document: dict[str, Any]) -> list[tuple[str, str]]:
    """As of which moment each side was read, where it is a table or a query."""
    found = []
    for side in "ab":
        account = document["compared"].get(f"reading_{side}") or {}
        if account.get("scn") is not None:
            found.append((f"{side.upper()} as of SCN", str(account["scn"])))
        elif account.get("no_scn"):
            found.append((f"{side.upper()} without an SCN", str(account["no_scn"])))
    return found


def percent(part: int, whole: int) -> str:
    """A share in percent that is 0 or 100 only if it is exactly that."""
    if whole == 0 or part == 0:
        return "0 %"
    if part == whole:
        return "100 %"
    share = min(max(100 * part / whole, 0.01), 99.99)
    return f"{share:.2f} %"


def rules_of(document: dict[str, Any]) -> list[tuple[str, str]]:
    """The rules that were used, by column."""
    rules = document["compared"].get("rules") or {}
    found = [(name, "left out") for name in rules.get("ignore", [])]
    return found + [(name, in_words(rule)) for name, rule in rules.get("columns", {}).items()]


def in_words(rule: dict[str, Any]) -> str:
    """A rule as a person would say it."""
    return "; ".join(_SAID[name].format(_shown(value)) for name, value in rule.items() if name in _SAID)


def _shown(value: object) -> str:
    return f"{len(value)} values" if isinstance(value, dict) else str(value)


def suggested_rules(document: dict[str, Any]) -> str:
    """The first suggestion of each column as `rules` of a request, JSON; empty if there is none."""
    rules = {c["name"]: c["suggestions"][0]["rule"] for c in document["columns"] if c.get("suggestions")}
    return json.dumps({"rules": rules}, indent=2, ensure_ascii=False) if rules else ""
