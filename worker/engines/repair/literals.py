"""Values as Oracle literals: exact in every digit and letter, and safe in SQL*Plus and SQLcl.

Texts hold nothing that SQL*Plus looks at: no line break (a blank line would end the statement), no `&`
(a substitution variable), nothing outside printable ASCII (the client's character set); these letters are
written as `unistr`, whose \\XXXX are UTF-16 units. Literals of more than 400 letters are joined from pieces, a line
each, for a line has at most 2,499 letters in SQL*Plus before 12.2; texts beyond 4,000 bytes and RAW beyond 2,000
have no literal.
Source: Oracle Database SQL Language Reference, Literals, UNISTR; SQL*Plus User's Guide, SET DEFINE, SQLBLANKLINES.
"""

from __future__ import annotations

from collections.abc import Iterator

from worker.engines.values import Kind, ValueType

MAX_TEXT_BYTES = 4000
MAX_RAW_BYTES = 2000
_PIECE = 400
_PLAIN = frozenset(map(chr, range(0x20, 0x7F))) - {"'", "&", "\\"}


def literal(text: str | None, value_type: ValueType, oracle_type: str, length: int | None) -> str | None:
    """The literal of a value given as text (see `display`), `null` for None; None for a value that has none.

    `length` is that of a CHAR column, to which its values are padded before they are compared.
    """
    if text is None:
        return "null"
    declared, kind = oracle_type.upper(), value_type.kind
    if kind is not Kind.TEXT:
        return _literal(text, kind, declared)
    national = declared.startswith(("NCHAR", "NVARCHAR2"))
    written = text_literal(text, national=national)
    if written is None or written.startswith("'") or length is None:
        return written
    if declared.startswith("CHAR"):
        return f"cast({written} as char({length} char))"
    return f"cast({written} as nchar({length}))" if declared.startswith("NCHAR") else written


def text_literal(text: str, *, national: bool = False) -> str | None:
    """A VARCHAR2 (or NVARCHAR2) value; None if it is too long for a literal."""
    if len(text.encode()) > MAX_TEXT_BYTES:
        return None
    return "\n       || ".join(pieces(text, national=national))


def raw_literal(digits: str) -> str | None:
    """A RAW value, given in hexadecimal; None if it is too long for a literal."""
    return f"hextoraw('{digits}')" if len(digits) <= 2 * MAX_RAW_BYTES else None


def pieces(text: str, *, national: bool = False) -> Iterator[str]:
    """Literals of a text's pieces."""
    for start in range(0, len(text), _PIECE):
        yield _piece(text[start : start + _PIECE], national)


def _piece(text: str, national: bool) -> str:
    if all(letter in _PLAIN or letter == "'" for letter in text):
        quoted = "'" + text.replace("'", "''") + "'"
        return f"n{quoted}" if national else quoted
    escaped = "".join(_escaped(letter) for letter in text)
    written = f"unistr('{escaped}')"
    return written if national else f"to_char({written})"


def _escaped(letter: str) -> str:
    if letter in _PLAIN:
        return letter
    if letter == "'":
        return "''"
    units = letter.encode("utf-16-be")
    return "".join(f"\\{units[n]:02X}{units[n + 1]:02X}" for n in range(0, len(units), 2))


def _literal(text: str, kind: Kind, oracle_type: str) -> str | None:
    match kind:
        case Kind.INTEGER | Kind.DECIMAL | Kind.NUMBER:
            return text
        case Kind.DOUBLE:
            return _double(text, oracle_type)
        case Kind.BOOLEAN:
            return text.lower()
        case Kind.TIMESTAMP | Kind.TIMESTAMP_NS:
            return _instant(text, oracle_type)
        case Kind.BINARY:
            return raw_literal(text)
        case Kind.INTERVAL_MONTHS:
            return f"to_yminterval('{text}')"
        case Kind.INTERVAL_NANOSECONDS:
            return _day_to_second(text)
        case _:
            return None


def _day_to_second(text: str) -> str:
    """TO_DSINTERVAL wants the days said, with the sign before them."""
    sign, length = ("-", text[1:]) if text.startswith("-") else ("", text)
    return f"to_dsinterval('{sign}{length if ' ' in length else f'0 {length}'}')"


def _double(text: str, oracle_type: str) -> str:
    single = oracle_type.startswith("BINARY_FLOAT")
    special = {"NaN": "NaN", "Infinity": "INF", "-Infinity": "-INF"}.get(text)
    if special is not None:
        return f"to_binary_{'float' if single else 'double'}('{special}')"
    return f"{text}{'f' if single else 'd'}"


def _instant(text: str, oracle_type: str) -> str:
    """A DATE, or a TIMESTAMP with as many fractional digits as there are; with a zone, in UTC."""
    if oracle_type.startswith("DATE"):
        return f"to_date('{text}', 'YYYY-MM-DD HH24:MI:SS')"
    if "LOCAL TIME ZONE" in oracle_type or "WITH TIME ZONE" in oracle_type:
        form = "YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM" if "." in text else "YYYY-MM-DD HH24:MI:SS TZH:TZM"
        return f"to_timestamp_tz('{text} +00:00', '{form}')"
    form = "YYYY-MM-DD HH24:MI:SS.FF9" if "." in text else "YYYY-MM-DD HH24:MI:SS"
    return f"to_timestamp('{text}', '{form}')"
