"""HAS_CRITICAL_ISSUES: what in a result must not be overlooked, by a rule that can be read.

A result is critical when values were damaged beyond repair from the other side (encoding, sign, lost time of
day), when a key is repeated on one side only, when a column drifted strongly, or when a row's difference is odd.
"""

from __future__ import annotations

from typing import Any

DAMAGE = {"encoding": "damaged characters", "sign": "changed signs", "time_lost": "lost times of day"}
"""Classes of change that are critical whatever their number."""


def critical(document: dict[str, Any]) -> dict[str, Any]:
    """`has_critical_issues`, and `because`: one sentence each, none if there are none."""
    because = []
    for column in document["columns"]:
        for name, said in DAMAGE.items():
            if count := column["classes"].get(name, 0):
                because.append(f"{column['name']} has {count:,} {said}.")
    summary = document["summary"]
    repeated = [summary[f"duplicate_keys_{side}"] for side in "ab"]
    if bool(repeated[0]) != bool(repeated[1]):
        because.append(f"{max(repeated):,} keys are repeated in {'A' if repeated[0] else 'B'} only.")
    analysis = document.get("ml_analysis")
    if analysis is not None:
        because += [column["sentence"] for column in analysis["drift"]["columns"] if column["strong"]]
        if flagged := analysis["anomalies"]["flagged"]:
            because.append(f"{flagged:,} rows differ in an odd way.")
    return {"has_critical_issues": bool(because), "because": because}
