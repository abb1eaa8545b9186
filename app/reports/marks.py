"""What differs between two texts, as pieces to be marked."""

from __future__ import annotations

import re
import unicodedata
from difflib import SequenceMatcher

Piece = tuple[str, bool]
"""A piece of a text, and whether the other text lacks it."""

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_LONGEST_COMPARED = 400
_SPACES = {" ": "·", "\t": "→", "\n": "⏎", "\r": "␍", "\u00a0": "⍽"}
_ALIKE = 0.4
"""Texts that share less than this share of their letters are marked whole."""


def marked(a: str | None, b: str | None) -> tuple[list[Piece], list[Piece]]:
    """Both texts cut into pieces. NULL has none; a text against NULL is marked whole."""
    if a is None or b is None:
        return _whole(a), _whole(b)
    start = _shared_start(a, b)
    if _NUMBER.fullmatch(a) and _NUMBER.fullmatch(b):  # a digit means something by its place from the left
        return _joined(a[:start], [(a[start:], True)], ""), _joined(b[:start], [(b[start:], True)], "")
    end = _shared_start(a[start:][::-1], b[start:][::-1])
    head, tail = a[:start], a[len(a) - end :] if end else ""
    middle_a, middle_b = a[start : len(a) - end], b[start : len(b) - end]
    pieces_a, pieces_b = _middles(middle_a, middle_b, alone=not (head or tail))
    return _joined(head, pieces_a, tail), _joined(head, pieces_b, tail)


def visible(piece: str) -> str:
    """A differing piece such that its difference can be seen: white space as symbols, marks that combine with the
    letter before them on a circle of their own, invisible characters as \\u200b and the like."""
    return "".join(map(_visible, piece))


def _visible(letter: str) -> str:
    if letter in _SPACES:
        return _SPACES[letter]
    if unicodedata.combining(letter):
        return f"\u25cc{letter}"
    return letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")


def _whole(text: str | None) -> list[Piece]:
    return [] if text is None else [(text, True)]


def _shared_start(a: str, b: str) -> int:
    shorter = min(len(a), len(b))
    for position in range(shorter):
        if a[position] != b[position]:
            return position
    return shorter


def _middles(a: str, b: str, *, alone: bool) -> tuple[list[Piece], list[Piece]]:
    if not a or not b or max(len(a), len(b)) > _LONGEST_COMPARED:
        return [(a, True)], [(b, True)]
    matcher = SequenceMatcher(None, a, b, autojunk=False)
    if alone and matcher.ratio() < _ALIKE:
        return [(a, True)], [(b, True)]
    pieces_a: list[Piece] = []
    pieces_b: list[Piece] = []
    for what, a_from, a_to, b_from, b_to in matcher.get_opcodes():
        pieces_a.append((a[a_from:a_to], what != "equal"))
        pieces_b.append((b[b_from:b_to], what != "equal"))
    return pieces_a, pieces_b


def _joined(head: str, pieces: list[Piece], tail: str) -> list[Piece]:
    return [piece for piece in [(head, False), *pieces, (tail, False)] if piece[0]]
