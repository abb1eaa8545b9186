"""Oracle SQL as a list of words: a lexer of the gate's own, so that a mistake of the local database's is not shared."""

from __future__ import annotations

import re
from dataclasses import dataclass

_WORD = re.compile(
    r"""
    (?P<space>\s+|--[^\n]*|/\*.*?\*/)
  | (?P<string>[nN]?[qQ]'(?:\[.*?\]|\{.*?\}|\(.*?\)|<.*?>|(?P<mark>.).*?(?P=mark))'|[nN]?'(?:[^']|'')*')
  | (?P<quoted>"[^"]*")
  | (?P<bind>:\s*(?:"[^"]*"|[A-Za-z0-9][\w$\#]*))
  | (?P<number>(?:\d+(?:\.(?!\.)\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
  | (?P<word>(?:\$\$)?[A-Za-z][\w$\#]*)
  | (?P<op>:=|=>|::|\.\.|\*\*|\|\||<>|!=|\^=|<=|>=|<<|>>|.)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Word:
    """kind: word, quoted, string, number, bind or op. text: as written; names in upper case. depth: of brackets,
    that of an opening and its closing bracket being the outer one."""

    kind: str
    text: str
    line: int
    depth: int


def words(text: str) -> list[Word]:
    """The words of a statement, without comments. Raises ValueError at a text or name without its end."""
    found: list[Word] = []
    depth = 0
    for match in _WORD.finditer(text):
        kind, value = match.lastgroup or "", match.group()
        if kind == "mark":
            kind = "string"
        if kind == "space":
            continue
        if kind == "op" and value in "'\"":
            raise ValueError(f"line {text.count(chr(10), 0, match.start()) + 1}: {value} is not closed")
        if value == ")":
            depth -= 1
        upper = value.upper() if kind in ("word", "op") else value
        if kind == "bind":
            upper = value[1:].strip().upper()
        found.append(Word(kind, upper, text.count("\n", 0, match.start()) + 1, depth))
        if value == "(":
            depth += 1
    return found


def closing(all_words: list[Word], opening: int) -> int:
    """Position of the bracket that closes the one at `opening`; the end of the words if there is none."""
    depth = all_words[opening].depth
    return next(
        (
            n
            for n in range(opening + 1, len(all_words))
            if all_words[n].text == ")" and all_words[n].depth == depth
        ),
        len(all_words),
    )


def enclosing(some: list[Word], position: int) -> str:
    """The word in front of the innermost bracket around a word, e.g. the function that it is an argument of."""
    depth = some[position].depth
    opening = next(
        (n for n in range(position - 1, -1, -1) if some[n].text == "(" and some[n].depth < depth), 0
    )
    return some[opening - 1].text if opening else ""


def texts(some: list[Word]) -> list[str]:
    """What is written, without lines and depths."""
    return [word.text for word in some]


def split_at(some: list[Word], separator: str) -> list[list[Word]]:
    """The parts between separators that stand outside all further brackets."""
    if not some:
        return []
    depth = min(word.depth for word in some)
    parts: list[list[Word]] = [[]]
    for word in some:
        if word.text == separator and word.depth == depth and word.kind in ("op", "word"):
            parts.append([])
        else:
            parts[-1].append(word)
    return parts


def names(text: str) -> frozenset[str]:
    """The words of a list that is written as one text."""
    return frozenset(text.split())
