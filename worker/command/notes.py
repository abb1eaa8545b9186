"""What stands below the counts: why this key, what to know of how the sides were read, what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_SHOWN = 5


def notes(document: dict[str, Any]) -> Iterator[str]:
    """Sentences for a person, the most important first."""
    schema, compared = document["schema"], document["compared"]
    for side in "ab":
        if names := schema[f"only_{side}"]:
            yield f"Only {side.upper()} has the column{'s' * (len(names) > 1)} {_listing(names)}."
        yield from _reading(side.upper(), compared[f"reading_{side}"])
    for difference in schema["different"][:_SHOWN]:
        yield f"{difference['name']} is {difference['a']} in A and {difference['b']} in B."
    if (more := len(schema["different"]) - _SHOWN) > 0:
        yield f"{more} more columns are of different types."
    if finding := schema.get("key_finding"):
        best = finding["keys"][0]
        yield f"The key {_listing(best['columns'])} was found: {', '.join(best['reasons'])}."
    if refused := (document.get("repair") or {}).get("refused"):
        yield refused
    for column in document["columns"]:
        for suggestion in column.get("suggestions", [])[:1]:
            yield suggestion["sentence"]


def written(document: dict[str, Any], folder: str) -> Iterator[str]:
    """One line for each file that was written."""
    for file in document["files"]:
        rows = "1 row" if file["rows"] == 1 else f"{file['rows']:,} rows"
        yield f"{folder}/{file['name']}: {rows}, {file['bytes']:,} bytes"


def _reading(side: str, account: dict[str, Any]) -> Iterator[str]:
    if count := account.get("bad_lines"):
        first = account["bad_line_samples"][0]
        lines = "1 bad line was" if count == 1 else f"{count:,} bad lines were"
        yield f"{lines} left out of {side}; the first is line {first['line']}: {first['reason']}."
    if account["kind"] in ("csv", "excel"):
        for column, reason in account.get("compared_as_text", {}).items():
            yield f"{column} is compared as text: {reason}."
    if account["kind"] == "table" and account["scn"] is not None:
        yield f"{side} was read as of SCN {account['scn']}."


def _listing(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"
