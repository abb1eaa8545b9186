"""The aggregate queries of the hash push-down: one row of sums for each range of rows.

Every value becomes a number of 48 bits: the first 12 hexadecimal digits of the STANDARD_HASH (Oracle 12.1 and
later) of a form of the value that two databases share whatever their NLS settings; NULL is the number 1. A
row's weight is made of the numbers of its key. For each range and column the sum of weight times number is
built, so that a value moved to another row changes the sum, and one sum more over a hash of all numbers of the
row, so that values swapped between rows of one key change it too. Columns are hashed one by one: one
concatenation of them would end in ORA-01489. Sums are exact: 96 bits a row and a thousand million rows make
126 bits, within the 38 digits of NUMBER.

Odds of a wrong "equal": a changed value has the number of the old one with odds of 2**-48, and a changed sum is
the same by chance with odds of 2**-48: below 1e-14 for each range and column that differs. Hashes of different
forms of equal values cause needless fetching, never a wrong answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.oracle.dictionary import quoted
from worker.engines.layout import ComparedColumn, Layout
from worker.engines.sources.base import ColumnInfo
from worker.engines.sources.oracle import OracleTableSource
from worker.engines.values import Kind

_HEX_DIGITS = 12
_MODULUS = 16**_HEX_DIGITS
POSITIONS = 32**5
"""Positions over which rows are spread by hash, where the key is not one whole number."""

_SPREAD = f"mod(weight, {POSITIONS})"

Range = tuple[int, int]
"""First and last position, both included."""


@dataclass(frozen=True, slots=True)
class Side:
    """The queries over one side. With `by_value` a row's position is the value of its one whole-number key
    column, so that a range can be read by index; else it is made of its weight, and each query reads all keys."""

    source: OracleTableSource
    layout: Layout
    number: int
    by_value: bool

    def whole(self) -> str:
        """Rows, keys, sums, then: rows with NULL in the key, distinct weights, lowest and highest position."""
        more = ("sum(null_key)", "count(distinct weight)", "min(position)", "max(position)")
        return f"select {', '.join([*self._sums(), *more])}\n  from ({self._numbered(None)})"

    def split(self, ranges: int) -> str:
        """Sums of each piece of `ranges` ranges: bucket number, rows, keys, sums.

        Binds: origin and width of the pieces; first0, last0, first1, ... of the ranges.
        """
        # Grouped by a column of a view, not by an expression: with binds in it Oracle raises ORA-00979.
        return (
            f"select bucket, {', '.join(self._sums())}\n  from (select n.*, floor((position - :origin) / :width) as bucket"
            f"\n  from ({self._numbered(ranges)}) n)\n group by bucket"
        )

    def condition(self, ranges: int) -> str:
        """What is true of the rows of `ranges` ranges; binds as in `split`."""
        if self.by_value:
            return _within(self._column(self.layout.key[0]), ranges)
        return (
            f"rowid in (select row_id from (select rowid as row_id, rownum as row_no, {self._weight()} as weight"
            f" from {self.source.from_clause}) where {_within(_SPREAD, ranges)})"
        )

    def _sums(self) -> list[str]:
        columns = [f"sum(weight * c{n})" for n in range(len(self.layout.values))]
        return ["count(*)", "sum(weight)", *columns, "sum(weight * whole_row)"]

    def _numbered(self, ranges: int | None) -> str:
        """Each row's weight, position and numbers. Values are hashed only for the rows of the ranges."""
        values = [f"c{n}" for n in range(len(self.layout.values))]
        numbers = [f"{self._number(column, f'v{n}')} as c{n}" for n, column in enumerate(self.layout.values)]
        hashed = ["weight", "null_key", "position", *numbers]
        where = f"\n where {_within('position', ranges)}" if ranges and not self.by_value else ""
        return (
            f"select h.*, {_hashed(f'to_char({_mixed(values)})')} as whole_row\n  from"
            f" (select /*+ no_merge */ {_lines(hashed)}\n  from ({self._keyed(ranges)}){where}) h"
        )

    def _keyed(self, ranges: int | None) -> str:
        """Each row's weight and position, and its values as they are."""
        values = [f"{self._form(column)} as v{n}" for n, column in enumerate(self.layout.values)]
        position = self._column(self.layout.key[0]) if self.by_value else _SPREAD
        where = f"\n where {_within(position, ranges)}" if ranges and self.by_value else ""
        raw = [f"{self._weight()} as weight", f"{self._null_key()} as null_key", *values]
        if self.by_value:
            return f"select /*+ no_merge */ {_lines([*raw, f'{position} as position'])}\n  from {self.source.from_clause}{where}"
        # ROWNUM keeps Oracle from computing the weight again for each range of the condition above.
        inner = (
            f"select /*+ no_merge */ {_lines([*raw, 'rownum as row_no'])}\n  from {self.source.from_clause}"
        )
        return f"select w.*, {_SPREAD} as position\n  from ({inner}) w"

    def _info(self, column: ComparedColumn) -> ColumnInfo:
        return column.b if self.number else column.a

    def _column(self, column: ComparedColumn) -> str:
        return quoted(self._info(column).name)

    def _weight(self) -> str:
        return _mixed([self._number(column, self._form(column)) for column in self.layout.key])

    def _null_key(self) -> str:
        columns = [column for column in self.layout.key if self._info(column).nullable]
        if not columns:
            return "0"
        return f"case when {' or '.join(f'{self._column(column)} is null' for column in columns)} then 1 else 0 end"

    def _form(self, column: ComparedColumn) -> str:
        """The value in a form that two databases share; NULL stays NULL."""
        info, name = self._info(column), self._column(column)
        assert info.value_type is not None
        expression = self.source.selections[info.name].expression.format(name)
        match info.value_type.kind:
            case Kind.INTEGER | Kind.DECIMAL | Kind.NUMBER:
                return f"to_char({name}, 'TM9')"
            case Kind.DOUBLE:
                return f"cast({name} as binary_double)"
            case Kind.TIMESTAMP:
                return f"to_char(cast({expression} as timestamp(9)), 'YYYY-MM-DD HH24:MI:SS.FF9')"
            case Kind.BOOLEAN:
                return f"case when {name} then 'Y' when not {name} then 'N' end"
            case _:
                return expression

    def _number(self, column: ComparedColumn, form: str) -> str:
        """The number of a value, from 0 to 2**48 - 1."""
        if self._info(column).padded:  # nothing but blanks is neither NULL nor equal to another text
            trimmed = f"rtrim({form}, ' ')"
            return f"nvl2({form}, nvl2({trimmed}, {_hashed(trimmed)}, 2), 1)"
        return f"nvl2({form}, {_hashed(form)}, 1)"


def _hashed(form: str) -> str:
    digits = "X" * _HEX_DIGITS
    return f"to_number(substr(rawtohex(standard_hash({form}, 'MD5')), 1, {_HEX_DIGITS}), '{digits}')"


def _mixed(numbers: Sequence[str]) -> str:
    """One number of several: which stands where matters."""
    if len(numbers) == 1:
        return numbers[0]
    terms = " + ".join(f"{2 * n + 1} * {number}" for n, number in enumerate(numbers))
    return f"mod({terms or '0'}, {_MODULUS})"


def _within(position: str, ranges: int) -> str:
    return "(" + " or ".join(f"{position} between :first{n} and :last{n}" for n in range(ranges)) + ")"


def _lines(expressions: Sequence[str]) -> str:
    return "\n      ,".join(expressions)
