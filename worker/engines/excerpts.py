"""Long texts of a result document as excerpts: what a person looks at stays readable, and the document small."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

LONGEST = 2_000
"""Characters of a text in samples and examples; the result files have it whole."""
_BEFORE = 200
"""Characters shown before the first difference."""

Document = dict[str, Any]


def shorten(document: Document) -> bool:
    """Cut the long texts of samples and examples, in place. Returns whether any was cut.

    Both values of a differing cell are cut at the same place, shortly before their first difference.
    """
    found = False
    for cell in _pairs(document):
        a, b = cell["a"], cell["b"]
        if max(len(a or ""), len(b or "")) > LONGEST:
            start = 0 if a is None or b is None else max(0, _shared_start(a, b) - _BEFORE)
            cell["a"], cell["b"] = _excerpt(a, start), _excerpt(b, start)
            found = True
    for sort in ("only_a", "only_b"):
        for sample in document.get("samples", {}).get(sort, []):
            for name, text in sample["row"].items():
                if len(text or "") > LONGEST:
                    sample["row"][name] = _excerpt(text, 0)
                    found = True
    return found


def _pairs(document: Document) -> Iterator[Document]:
    """Every dictionary that holds the two values of a cell."""
    for sample in document.get("samples", {}).get("changed", []):
        yield from sample["cells"]
    for column in document["columns"]:
        yield from column.get("examples", [])
        for pattern in column.get("patterns", []):
            yield from pattern["examples"]


def _excerpt(text: str | None, start: int) -> str | None:
    if text is None:
        return None
    before = "…" if start else ""
    if len(before) + len(text) - start <= LONGEST:
        return before + text[start:]
    return f"{before}{text[start : start + LONGEST - len(before) - 1]}…"


def _shared_start(a: str, b: str) -> int:
    """How many characters two texts share at their start: halving, not one by one."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
