"""A translated query: its PostgreSQL text in parts, so that callers can still convert or wrap its columns."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.localdb.sql.types import Ex, Ty, quote


@dataclass(slots=True)
class Output:
    """One column of a query: Oracle's name, its PostgreSQL name as an inline view, its value."""

    name: str
    ident: str
    ex: Ex
    named: bool = True  # False: an expression without alias

    @property
    def ty(self) -> Ty:
        return self.ex.ty


@dataclass(slots=True)
class Relation:
    """A query block (`prefix`, columns, `suffix`), or a set operation (`fixed`, the whole text)."""

    columns: list[Output]
    prefix: str = ""
    suffix: str = ""
    fixed: str | None = None
    complex: bool = False  # DISTINCT, GROUP BY ...: FOR UPDATE through it is ORA-02014
    distinct: bool = False
    withs: str = ""
    rowid: str | None = None  # of the only table in it
    # LOB columns of its tables by their text: the table, the column's name, the text of the ROWID
    lobs: dict[str, tuple[str, str, str]] = field(default_factory=dict)

    @property
    def sql(self) -> str:
        """The whole text, every column under its PostgreSQL name."""
        if self.fixed is not None:
            return self.withs + self.fixed
        items = ", ".join(f"{column.ex.sql} AS {quote(column.ident)}" for column in self.columns)
        return f"{self.withs}{self.prefix}{items}{self.suffix}"

    def wrapped(self, alias: str) -> Relation:
        """The same rows as an inline view whose columns can be converted one by one."""
        name = quote(alias)
        columns = [
            Output(c.name, c.ident, Ex(f"{name}.{quote(c.ident)}", c.ty, c.ex.nullable)) for c in self.columns
        ]
        return Relation(columns, "SELECT ", f" FROM ({self.sql}) {name}", complex=self.complex)
