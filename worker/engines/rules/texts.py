"""Rules of texts: value maps, white space, case, Unicode normal form, blanks as NULL."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from app.jobs.rules import ColumnRule
from worker.engines.display import text_array
from worker.engines.values import Kind, ValueType

_WHITE_SPACE = r"[\pZ\s\x{0b}\x{1c}-\x{1f}\x{85}]+"
"""What Python's str.isspace and str.split take for white space."""


def has_text_rule(rule: ColumnRule) -> bool:
    """Whether `rule` says anything about how texts are written."""
    return (
        rule.trim
        or rule.ignore_case
        or rule.collapse_white_space
        or rule.normal_form is not None
        or rule.null_equals_blank
    )


def mapped(
    a: pa.Array, b: pa.Array, value_type: ValueType, rule: ColumnRule
) -> tuple[pa.Array, pa.Array, ValueType]:
    """Both sides as texts, with the values of the map replaced."""
    return (
        _replaced(text_array(a, value_type), rule.values_a),
        _replaced(text_array(b, value_type), rule.values_b),
        ValueType(Kind.TEXT),
    )


def normalised(text: pa.Array, rule: ColumnRule) -> pa.Array:
    """Texts as they are compared: normal form, then case, inner white space, ends, blanks."""
    if rule.normal_form is not None:
        text = pc.utf8_normalize(text, form=rule.normal_form.value)
    if rule.ignore_case:
        text = pc.utf8_lower(text)
    if rule.collapse_white_space:
        text = pc.replace_substring_regex(text, _WHITE_SPACE, " ")
    if rule.trim:
        text = trimmed(text)
    if rule.null_equals_blank:
        blank = pc.match_substring_regex(text, rf"^(?:{_WHITE_SPACE})?$")
        text = pc.if_else(blank, pa.scalar(None, text.type), text)
    return text


def trimmed(text: pa.Array) -> pa.Array:
    """Texts without white space at their ends."""
    return pc.replace_substring_regex(text, rf"^{_WHITE_SPACE}|{_WHITE_SPACE}$", "")


def _replaced(text: pa.Array, values: Mapping[str, str | None] | None) -> pa.Array:
    if not values:
        return text
    known = pa.array(list(values), text.type)
    found = pc.index_in(text, value_set=known)
    meant = pa.array(list(values.values()), text.type).take(found)
    return pc.if_else(found.is_valid(), meant, text)
