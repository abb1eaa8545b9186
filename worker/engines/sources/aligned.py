"""Two sides of different kinds brought together: text whose type nobody declared takes the other side's type.

A CSV file does not say whether 007 is a number. Where its column meets a declared one (a table's, a
Parquet file's), the declared type decides. If every value fits, the values are read as that type; if one
does not, both sides of that column are compared as text, so that the odd value shows as a difference and
is neither refused nor lost; values that do fit are written in one way on both sides.
"""

from __future__ import annotations

from worker.engines.sources.base import ColumnInfo, Source, Untyped
from worker.engines.sources.wrapped import AsText
from worker.engines.values import NUMERIC, Kind, ValueType, common_type

_TEXT = ValueType(Kind.TEXT)
_READABLE = NUMERIC | {Kind.BOOLEAN, Kind.TIMESTAMP, Kind.TIMESTAMP_NS, Kind.BINARY}
"""Kinds that text can be read as."""


def aligned(a: Source, b: Source) -> tuple[Source, Source]:
    """Both sources with types that can be compared, wherever text of no declared type makes that possible.

    Raises SourceFailed. Columns that both sides declare are left alone, whatever their types.
    """
    a, b = _towards(a, b)
    b, a = _towards(b, a)
    return a, b


def _towards(own: Source, other: Source) -> tuple[Source, Source]:
    """`own`, if it is Untyped, read with the types of `other` where the two do not go together."""
    if not isinstance(own, Untyped):
        return own, other
    theirs = {column.name.upper(): column for column in other.schema()}
    as_text: dict[str, ValueType] = {}
    others_as_text: dict[str, ValueType] = {}
    wanted: dict[str, ValueType] = {}
    for column in own.schema():
        partner = theirs.get(column.name.upper())
        if partner is None or column.declared or not _apart(column, partner):
            continue
        assert partner.value_type is not None
        if partner.value_type.kind in (Kind.TEXT, Kind.LONG_TEXT):
            as_text[column.name] = _TEXT
        elif not partner.declared:  # types were found on both sides, and they differ: as it is written
            as_text[column.name] = others_as_text[partner.name] = _TEXT
        elif partner.value_type.kind in _READABLE:
            wanted[column.name] = _any_width(partner.value_type)
    if isinstance(other, Untyped) and others_as_text:
        other = other.as_types(others_as_text)
    odd = own.misfits(wanted) if wanted else {}
    fitting = {name: value_type for name, value_type in wanted.items() if name not in odd}
    own = own.as_types(as_text | fitting | dict.fromkeys(odd, _TEXT))
    if not odd:
        return own, other
    reasons = {name: f"{where} is no {theirs[name.upper()].oracle_type}" for name, where in odd.items()}
    partners = {theirs[name.upper()].name: name for name in odd}
    return (
        AsText(own, {name: wanted[name] for name in odd}, reasons),
        AsText(
            other,
            {partner: wanted[name] for partner, name in partners.items()},
            {partner: f"{own.name}: {reasons[name]}" for partner, name in partners.items()},
        ),
    )


def _apart(column: ColumnInfo, partner: ColumnInfo) -> bool:
    if column.value_type is None or partner.value_type is None:
        return False
    return common_type(column.value_type, partner.value_type) is None


def _any_width(value_type: ValueType) -> ValueType:
    """Numbers of any width: one more digit than the other side can hold is a difference, not a misfit."""
    if value_type.kind in (Kind.INTEGER, Kind.DECIMAL):
        return ValueType(Kind.NUMBER)
    return value_type
