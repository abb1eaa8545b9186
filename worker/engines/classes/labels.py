"""The classes of change, and the labels of cells from which they are decided.

A label is a class, with the side that lost something after a colon where there is one. Some labels are
provisional: which class they mean shows only over the whole column. A number may have been rounded as well
as truncated; a time at midnight may be lost or shifted; two digits may be transposed, or a unit converted, by accident.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int8]
"""Labels of cells, as positions in LABELS."""

LABELS = (
    "changed", "null_to_value", "value_to_null",
    "sign", "factor", "unit_factor", "transposed",
    "rounded:a", "rounded:b", "truncated:a", "truncated:b", "rounded|truncated:a", "rounded|truncated:b",
    "case", "white_space", "case_and_white_space", "normal_form", "accents", "punctuation", "encoding",
    "time_lost", "fraction_lost", "time_shift", "time_lost|time_shift", "century", "day_month_swapped",
)  # fmt: skip
_CODES = {label: code for code, label in enumerate(LABELS)}

CHANGED = _CODES["changed"]
NULL_TO_VALUE = _CODES["null_to_value"]
VALUE_TO_NULL = _CODES["value_to_null"]
SIDES = ("a", "b")

PROVISIONAL = (
    "rounded|truncated:a",
    "rounded|truncated:b",
    "time_lost|time_shift",
    "transposed",
    "unit_factor",
)

_LEAST_TRANSPOSED, _TRANSPOSED_SHARE = 5, 0.2
_LEAST_CONVERTED, _CONVERTED_SHARE = 10, 0.5


def code(label: str) -> int:
    """The position of a label in LABELS."""
    return _CODES[label]


def class_of(label: str) -> str:
    """The class that a decided label belongs to."""
    return label.partition(":")[0]


def decide(counts: Mapping[str, int]) -> dict[str, str]:
    """What each provisional label of a column means, from its counts of labels.

    What may be rounded or truncated is what the clear cells are, rounded when they do not say; so is what
    may have lost its time or been shifted from or to midnight. Transposed digits and unit factors count only when too many cells show them for chance.
    """
    meaning = {}
    for side in SIDES:
        cut = counts.get(f"truncated:{side}", 0) > counts.get(f"rounded:{side}", 0)
        meaning[f"rounded|truncated:{side}"] = f"truncated:{side}" if cut else f"rounded:{side}"
    shifted = counts.get("time_shift", 0) > counts.get("time_lost", 0)
    meaning["time_lost|time_shift"] = "time_shift" if shifted else "time_lost"
    for label, least, share in (
        ("transposed", _LEAST_TRANSPOSED, _TRANSPOSED_SHARE),
        ("unit_factor", _LEAST_CONVERTED, _CONVERTED_SHARE),
    ):
        found = counts.get(label, 0)
        convincing = found >= least and found >= share * (found + counts.get("changed", 0))
        meaning[label] = label if convincing else "changed"
    return meaning
