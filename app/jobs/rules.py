"""Rules of a comparison: which of the differing values of one column still count as equal.

One struct for a request, a stored profile, a profile file and the engines. What a rule of the wrong kind
of column is refused for is the engines' matter (`worker.engines.rules`); here stands what is wrong in itself.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta

MAX_MAPPED_VALUES = 1000
MAX_EXPRESSION = 1000
MAX_DECIMALS = 30

ZoneName = Annotated[str, Meta(min_length=1, max_length=64, examples=["Europe/Berlin"])]
Expression = Annotated[str, Meta(min_length=1, max_length=MAX_EXPRESSION)]
MappedText = Annotated[str, Meta(max_length=4000)]
ValueMap = Annotated[dict[MappedText, MappedText | None], Meta(max_length=MAX_MAPPED_VALUES)]


class NormalForm(StrEnum):
    """The normal forms of Unicode (Unicode Standard Annex 15)."""

    NFC = "NFC"
    NFD = "NFD"
    NFKC = "NFKC"
    NFKD = "NFKD"


class ColumnRule(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True, omit_defaults=True):
    """How the values of one column are compared.

    A rule is asked only about values that differ, and can only excuse them. Values go through the value map,
    the expression, then the text rules, each side its own; they count as equal if they are equal then, or if
    a number or time rule says so. All arithmetic is decimal, also on binary numbers, which stand for their
    shortest text.
    """

    ignore: Annotated[bool, Meta(description="Leave the column out of the comparison.")] = False
    tolerance: Annotated[
        Decimal | None,
        Meta(
            description="Numbers that differ by at most this are equal. A decimal, as a string to be exact."
        ),
    ] = None
    relative_tolerance: Annotated[
        Decimal | None,
        Meta(
            description="Numbers that differ by at most this share of the larger absolute value are equal: "
            "0.01 is one percent."
        ),
    ] = None
    decimals: Annotated[
        Annotated[int, Meta(ge=0, le=MAX_DECIMALS)] | None,
        Meta(
            description="Numbers are equal if they are after rounding to so many decimals; halves are rounded "
            "away from zero, as Oracle's ROUND does."
        ),
    ] = None
    trim: Annotated[bool, Meta(description="White space at both ends of a text does not count.")] = False
    ignore_case: Annotated[bool, Meta(description="Upper and lower case are equal.")] = False
    collapse_white_space: Annotated[
        bool, Meta(description="White space within a text counts as one blank, however much it is.")
    ] = False
    normal_form: Annotated[
        NormalForm | None, Meta(description="Texts are equal if they are in this Unicode normal form.")
    ] = None
    null_equals_blank: Annotated[bool, Meta(description="NULL equals a text of nothing but white space.")] = (
        False
    )
    time_tolerance: Annotated[
        Decimal | None, Meta(description="Seconds by which times may differ, up to nine decimals.")
    ] = None
    zone_a: Annotated[
        ZoneName | None,
        Meta(description="Times of side A are local times of this zone; they are compared in UTC."),
    ] = None
    zone_b: Annotated[ZoneName | None, Meta(description="The same for side B.")] = None
    values_a: Annotated[
        ValueMap | None,
        Meta(description="What a value of side A stands for, by its text: {'Y': '1', 'N': '0'}."),
    ] = None
    values_b: Annotated[ValueMap | None, Meta(description="The same for side B.")] = None
    expression_a: Annotated[
        Expression | None,
        Meta(description="An SQL expression (DuckDB) over `value`, applied to side A: upper(value)."),
    ] = None
    expression_b: Annotated[Expression | None, Meta(description="The same for side B.")] = None

    def __post_init__(self) -> None:
        for name, number in (
            ("tolerance", self.tolerance),
            ("relative_tolerance", self.relative_tolerance),
            ("time_tolerance", self.time_tolerance),
        ):
            if number is not None:
                _check_number(name, number)
        if self.relative_tolerance is not None and self.relative_tolerance >= 1:
            raise ValueError("a relative_tolerance is a share below 1: 0.01 is one percent")
        if self.time_tolerance is not None and int(self.time_tolerance.as_tuple().exponent) < -9:
            raise ValueError("a time_tolerance has at most nine decimals")
        for name, zone in (("zone_a", self.zone_a), ("zone_b", self.zone_b)):
            if zone is not None:
                _check_zone(name, zone)

    @property
    def is_empty(self) -> bool:
        """Whether the rule excuses nothing: every field has its default."""
        return self == ColumnRule()

    @property
    def changes_type(self) -> bool:
        """Whether values may be of another type once the rule's value map or expression has seen them."""
        return any((self.values_a, self.values_b, self.expression_a, self.expression_b))


def _check_number(name: str, number: Decimal) -> None:
    if not number.is_finite() or number < 0:
        raise ValueError(f"a {name} must be a number of 0 or more")
    _, digits, exponent = number.as_tuple()
    if len(digits) > 38 or not -130 <= int(exponent) <= 125:
        raise ValueError(f"a {name} has at most 38 digits and lies within the range of NUMBER")


def _check_zone(name: str, zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name}: there is no time zone {zone!r}; write one as Europe/Berlin") from error
