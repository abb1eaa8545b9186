"""Words of Oracle SQL and PL/SQL: text in, a list of tokens with their offsets out.

Comments and hints are skipped. Identifiers come upper-cased unless quoted; a string comes with its quotes
resolved ('it''s', q'[it's]', n'..', nq'[..]'); a bind comes as its upper-case name without the colon.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import NamedTuple

from app.localdb.sql.refusals import refuse


class T(IntEnum):
    """What a token is."""

    IDENT = 1  # unquoted: `value` is upper case
    QUOTED = 2  # "Quoted": `value` as written, without the quotes
    NUMBER = 3  # `value` is the text: 12, .5, 1e10, 2.5d
    STRING = 4  # `value` is the text of the string
    NSTRING = 5  # n'..': a national string
    BIND = 6  # :name, :1, :"Name": `value` is the name, upper case unless quoted
    OP = 7
    EOF = 8


class Token(NamedTuple):
    """One token. `word` is what grammar rules compare with: the upper-case identifier or the operator;
    empty for everything that is data (strings, numbers, quoted identifiers, binds)."""

    kind: T
    value: str
    word: str
    offset: int  # 0-based position in the text
    end: int  # position after the last character


_TOKEN = re.compile(
    r"""
    (?P<space>\s+|--[^\n]*|/\*.*?\*/)
  | (?P<nstring>[nN]'(?:[^']|'')*')
  | (?P<qstring>[nN]?[qQ]'.)
  | (?P<ident>\$\$[A-Za-z][\w$\#]*|[^\W\d_][\w$\#]*)
  | (?P<number>(?:\d+(?:\.(?!\.)\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?:[fFdD](?![\w$\#]))?)
  | (?P<string>'(?:[^']|'')*')
  | (?P<quoted>"[^"\0]*")
  | (?P<bind>:\s*(?:[^\W_][\w$\#]*|"[^"]+"))
  | (?P<op>:=|=>|\.\.|\*\*|\|\||<>|!=|\^=|~=|<=|>=|<<|>>|/(?!\*)|[-+*=<>(),.;%@\[\]{}?:|!^])
    """,
    re.VERBOSE | re.DOTALL,
)
_QUOTE_PAIRS = {"[": "]", "{": "}", "(": ")", "<": ">"}
_SYNONYMS = {"^=": "!=", "<>": "!=", "~=": "!="}


def tokenize(text: str) -> list[Token]:
    """All tokens of `text`, ending with one EOF token.

    Raises OracleError: ORA-01756 for a string without its end, ORA-01740 for a quoted identifier without
    its end, ORA-01741 for an empty one, ORA-00911 for a character that is in no Oracle word.
    """
    tokens: list[Token] = []
    position = 0
    length = len(text)
    match_at = _TOKEN.match
    while position < length:
        match = match_at(text, position)
        if match is None:
            raise _bad_character(text, position)
        kind = match.lastgroup
        start, position = position, match.end()
        if kind == "space":
            continue
        found = match.group()
        if kind == "ident":
            word = found.upper()
            tokens.append(Token(T.IDENT, word, word, start, position))
        elif kind == "op":
            word = _SYNONYMS.get(found, found)
            tokens.append(Token(T.OP, word, word, start, position))
        elif kind == "number":
            tokens.append(Token(T.NUMBER, found, "", start, position))
        elif kind == "string":
            tokens.append(Token(T.STRING, found[1:-1].replace("''", "'"), "", start, position))
        elif kind == "nstring":
            tokens.append(Token(T.NSTRING, found[2:-1].replace("''", "'"), "", start, position))
        elif kind == "qstring":
            closing = _QUOTE_PAIRS.get(found[-1], found[-1]) + "'"
            end = text.find(closing, position)
            if end < 0:
                raise refuse(1756, start)
            national = found[0] in "nN"
            value = text[position:end]
            position = end + 2
            tokens.append(Token(T.NSTRING if national else T.STRING, value, "", start, position))
        elif kind == "quoted":
            if len(found) == 2:
                raise refuse(1741, start)
            tokens.append(Token(T.QUOTED, found[1:-1], "", start, position))
        else:
            name = found[1:].lstrip()
            value = name[1:-1] if name[0] == '"' else name.upper()
            tokens.append(Token(T.BIND, value, "", start, position))
    tokens.append(Token(T.EOF, "", "", length, length))
    return tokens


def _bad_character(text: str, position: int) -> Exception:
    if text[position] == "'":
        return refuse(1756, position)
    if text[position] == '"':
        return refuse(1740, position)
    if text.startswith("/*", position):
        return refuse(1742, position)
    return refuse(911, position)
