"""Classes of changes of texts: case, white space, accents, punctuation, truncation, encoding damage.

Each test works on whole columns and only on the cells that no test before it has named. Texts of ASCII
letters only go through the tests for case, white space and punctuation if the sums of their letters agree,
which spares the costly ones nearly all cells that changed otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from worker.engines.cells import positions
from worker.engines.classes.details import Details
from worker.engines.classes.labels import CHANGED, Codes, code
from worker.engines.classes.strings import Strings, begins_with, codepoints_of_bytes, letter_sums
from worker.engines.numbers import Mask
from worker.engines.rules.texts import trimmed

Rows = npt.NDArray[np.int64]
_Change = Callable[[pa.Array], pa.Array]

_WHITE_SPACE = r"\pZ+|\s+"
_PUNCTUATION = r"[\pP\pS\pZ\s]+"
_LOST = "[?¿\ufffd]"


def text_classes(a: pa.Array, b: pa.Array, details: Details) -> Codes:
    """The label of each pair of different texts."""
    labels = np.full(len(a), CHANGED, np.int8)
    plain = _numpy(pc.and_(pc.string_is_ascii(a), pc.string_is_ascii(b)))
    strings_a, strings_b = Strings.of(a), Strings.of(b)
    alike = ~plain | (letter_sums(strings_a) == letter_sums(strings_b))
    _spelling(a, b, np.flatnonzero(alike), plain, labels, details)
    _truncation(strings_a, strings_b, labels, details)
    _encoding(a, b, np.flatnonzero(~plain & (labels == CHANGED)), labels)
    return labels


def _spelling(a: pa.Array, b: pa.Array, rows: Rows, plain: Mask, labels: Codes, details: Details) -> None:
    """Texts that say the same in another spelling."""
    if rows.size == 0:
        return
    a, b = _at(a, rows), _at(b, rows)

    def settle(label: str, same: Mask) -> None:
        nonlocal a, b, rows
        labels[rows[same]] = code(label)
        if same.any():
            rest = np.flatnonzero(~same)
            a, b, rows = _at(a, rest), _at(b, rest), rows[rest]

    ascii_only = bool(plain[rows].all())
    lower, upper = (pc.ascii_lower, pc.ascii_upper) if ascii_only else (pc.utf8_lower, pc.utf8_upper)
    same = _both(lower, a, b)
    if same.any():
        members = np.flatnonzero(same)
        _count_cases(_at(a, members), _at(b, members), {"upper": upper, "lower": lower}, details)
    settle("case", same)
    if rows.size:
        same = _both(_remover(_WHITE_SPACE), a, b)
        if same.any():
            members = np.flatnonzero(same)
            details.ends += int(_equal(trimmed(_at(a, members)), trimmed(_at(b, members))).sum())
        settle("white_space", same)
    if rows.size:
        settle("case_and_white_space", _both(lambda x: pc.utf8_lower(_remover(_WHITE_SPACE)(x)), a, b))
    if rows.size and not plain[rows].all():
        settle("normal_form", _both(lambda x: pc.utf8_normalize(x, form="NFC"), a, b))
    if rows.size and not plain[rows].all():
        settle("accents", _both(_without_accents, a, b))
    if rows.size:
        settle("punctuation", _both(_remover(_PUNCTUATION), a, b))


def _count_cases(a: pa.Array, b: pa.Array, changes: Mapping[str, _Change], details: Details) -> None:
    for name, change in changes.items():
        for side, one, other in (("a", a, b), ("b", b, a)):
            details.case[side, name] += int(_equal(one, change(other)).sum())


def _without_accents(text: pa.Array) -> pa.Array:
    return _remover(r"\p{Mn}+")(pc.utf8_normalize(pc.utf8_lower(text), form="NFKD"))


def _truncation(a: Strings, b: Strings, labels: Codes, details: Details) -> None:
    for side, shorter, longer in (("b", b, a), ("a", a, b)):
        rows = np.flatnonzero((labels == CHANGED) & (shorter.lengths < longer.lengths))
        rows = begins_with(longer, shorter, rows)
        labels[rows] = code(f"truncated:{side}")
        lengths, counts = np.unique(shorter.lengths[rows], return_counts=True)
        for length, count in zip(lengths.tolist(), counts.tolist(), strict=True):
            details.cut[side, length] += count


def _encoding(a: pa.Array, b: pa.Array, rows: Rows, labels: Codes) -> None:
    """Texts of which one is the other after a wrong decoding, or with its non-ASCII letters lost."""
    for swap in (False, True):
        if rows.size == 0:
            return
        sound, damaged = (_at(x, rows) for x in ((b, a) if swap else (a, b)))
        hit = np.zeros(rows.size, np.bool_)
        for encoding in ("cp1252", "latin-1"):
            hit |= _equal(codepoints_of_bytes(sound, encoding), damaged)
        marks = pc.replace_substring_regex(damaged, _LOST, "?")
        for pattern in (r"[^\x00-\x7F]", r"[^\x00-\x7F]+"):
            hit |= _equal(pc.replace_substring_regex(sound, pattern, "?"), marks)
        rest = np.flatnonzero(~hit & _numpy(pc.match_substring_regex(damaged, _LOST)))
        hit[rest[_partly_lost(_at(sound, rest), _at(damaged, rest))]] = True
        hit &= ~_numpy(pc.string_is_ascii(sound))
        labels[rows[hit]] = code("encoding")
        rows = rows[~hit]


def _partly_lost(sound: pa.Array, damaged: pa.Array) -> Mask:
    """Where some, not all, non-ASCII letters of `sound` are a mark in `damaged`: rare, so told in Python."""
    return np.array(
        [
            len(x) == len(y)
            and all(p == q or (not p.isascii() and q in "?¿\ufffd") for p, q in zip(x, y, strict=True))
            for x, y in zip(sound.to_pylist(), damaged.to_pylist(), strict=True)
        ],
        np.bool_,
    )


def _remover(pattern: str) -> _Change:
    def remove(text: pa.Array) -> pa.Array:
        return pc.replace_substring_regex(text, pattern, "")

    return remove


def _both(change: _Change, a: pa.Array, b: pa.Array) -> Mask:
    return _equal(change(a), change(b))


def _at(array: pa.Array, rows: Rows) -> pa.Array:
    return array if rows.size == len(array) else array.take(positions(rows))


def _equal(a: pa.Array, b: pa.Array) -> Mask:
    return _numpy(pc.equal(a, b))


def _numpy(mask: pa.Array) -> Mask:
    return np.asarray(mask.to_numpy(zero_copy_only=False), np.bool_)
