"""What every part of the translation shares: the session's circumstances, parameters, tables touched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from app.localdb.contract import Bind, Column, OraType
from app.localdb.sql import nodes as n
from app.localdb.sql.catalog import Catalog, ObjectInfo
from app.localdb.sql.compiled import Param, Variable
from app.localdb.sql.refusals import unsupported
from app.localdb.sql.translate.scope import Block
from app.localdb.sql.types import FAMILIES, PG_TYPES, Ex, Family, Ty

Resolve = Callable[[n.Expr], Variable | None]


@dataclass(slots=True)
class Circumstances:
    """Who asks: the user, where names are looked up, what the binds are."""

    catalog: Catalog
    user: str
    current_schema: str
    binds: Sequence[Bind] | None = None
    resolve: Resolve | None = None
    play: str = "19c"
    embedded: bool = False
    add_rowid: bool = False
    stored: bool = False
    text: str = ""
    locators: bool = False
    native: bool = False


class Base:
    """State of one compilation."""

    def __init__(self, circumstances: Circumstances) -> None:
        self.asked = circumstances
        self.catalog = circumstances.catalog
        self.play = circumstances.play
        self.params: list[Param] = []
        self.tables: list[tuple[str, str]] = []
        self.temporary: list[ObjectInfo] = []
        self.moments: list[n.AsOf | None] = []  # as of what each table is read
        self.stars: dict[int, tuple[str, str]] = {}  # offset -> its text, the columns that it stands for
        self.nested: dict[str, list[Column]] = {}  # texts of CURSOR expressions
        self.pure = False  # of an index, a virtual column or a check: a function of the row, for ever
        self.block = Block()
        self.ctes: list[dict[str, Cte]] = []
        self._names = 0

    def fresh(self, stem: str) -> str:
        """A PostgreSQL name that no Oracle statement can contain."""
        self._names += 1
        return f"{stem}#{self._names}"

    def touch(self, found: ObjectInfo) -> None:
        """Note that the statement reads or writes an object."""
        key = (found.schema, found.name)
        if key not in self.tables:
            self.tables.append(key)
            if found.temporary is not None:
                if self.asked.stored:
                    raise unsupported("a view or table made from a temporary table")
                self.temporary.append(found)

    # -- parameters ------------------------------------------------------------------------------------

    def bind(self, node: n.BindRef) -> Ex:
        """A placeholder of the client, or of PL/SQL's dynamic SQL."""
        if self.asked.resolve is not None:
            variable = self.asked.resolve(node)
            if variable is not None:
                return self.variable(variable, node.offset)
        binds = self.asked.binds
        kind, size, national = OraType.VARCHAR2, 4000, False
        if binds is not None and node.index < len(binds):
            declared = binds[node.index]
            kind, size, national = declared.type, declared.size, declared.national
        return self._parameter(kind, node.offset, size, national, bind=node.index)

    def variable(self, found: Variable, offset: int) -> Ex:
        """A PL/SQL variable."""
        if found.elements is not None:
            raise unsupported("a collection in SQL outside TABLE( )", offset)
        return self._parameter(found.type, offset, 32767, False, ref=found.ref)

    def array(self, found: Variable, offset: int) -> tuple[str, Ty]:
        """A PL/SQL collection as a PostgreSQL array, and the type of its elements."""
        elements = found.elements
        if elements is None or elements not in PG_TYPES:
            raise unsupported("TABLE( ) of this collection", offset)
        pg_type = PG_TYPES[elements]
        self.params.append(Param(pg_type, elements, ref=found.ref, array=True))
        return f"${len(self.params)}::{pg_type}[]", Ty(elements, size=4000, chars=4000)

    def _parameter(
        self, kind: OraType, offset: int, size: int, national: bool,
        *, bind: int | None = None, ref: object = None,
    ) -> Ex:  # fmt: skip
        if kind not in PG_TYPES or (kind is OraType.JSON and self.play == "19c"):
            raise unsupported(f"a bind of type {kind.name} in SQL", offset)
        pg_type = PG_TYPES[kind]
        self.params.append(Param(pg_type, kind, bind=bind, ref=ref))
        sql = f"${len(self.params)}::{pg_type}"
        family = FAMILIES[kind]
        if family is Family.ROWID:
            return Ex(f"oracle.rowid_value({sql})", Ty(kind, size=18))
        if family is Family.TEXT:
            chars = max(1, min(size or 4000, 32767))
            kind = OraType.CHAR if kind is OraType.CHAR else OraType.VARCHAR2
            return Ex(sql, Ty(kind, size=chars, chars=chars, national=national))
        if family is Family.NUMBER:
            return Ex(sql, Ty(OraType.NUMBER))
        scale = 9 if family in (Family.TIMESTAMP, Family.ZONED, Family.LOCAL, Family.INTERVAL_DS) else -127
        return Ex(sql, Ty(kind, size=size, scale=scale))


@dataclass(slots=True)
class Cte:
    """A named query of WITH: its PostgreSQL name and its columns."""

    pg_name: str
    names: list[str] = field(default_factory=list)
    columns: dict[str, Ex] = field(default_factory=dict)
