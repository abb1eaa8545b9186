"""INSERT ALL and INSERT FIRST: the rows of one query into several tables, as one PostgreSQL statement."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from app.localdb.sql import nodes as n
from app.localdb.sql import statements as s
from app.localdb.sql.catalog import ColumnInfo, ObjectInfo
from app.localdb.sql.refusals import refuse, unsupported
from app.localdb.sql.translate.queries import Queries
from app.localdb.sql.translate.relation import Relation
from app.localdb.sql.translate.scope import Block
from app.localdb.sql.translate.sources import relation_source
from app.localdb.sql.translate.walk import any_part
from app.localdb.sql.types import of_column, pg_type, quote


class MultiInsert(Queries):
    """insert_all(): each INTO clause becomes a data-modifying WITH query over the rows of the query."""

    @abstractmethod
    def _target_object(self, target: s.Target) -> ObjectInfo: ...

    @abstractmethod
    def _filled(self, names: Sequence[n.Name], found: ObjectInfo, alias: str) -> list[ColumnInfo]: ...

    @abstractmethod
    def _stored(self, node: n.Expr, column: ColumnInfo, found: ObjectInfo, inserting: bool) -> str: ...

    def insert_all(self, node: s.InsertAll) -> str:
        """A statement whose only row is the number of rows made in all tables, and no ROWID."""
        self.block = Block()
        relation = self.relation(node.query)
        rows = self.fresh("rows")
        made: list[str] = []
        failed: list[str] = []  # that the WHEN conditions so far did not hold
        tested: n.Expr | None = None
        test = "TRUE"
        for branch in node.branches:
            if branch.condition is not None and branch.condition is not tested:
                self._see_rows(relation, rows)
                tested, test = branch.condition, self.condition(branch.condition)
                before = failed.copy() if node.first else []
                failed.append(f"({test}) IS NOT TRUE")
                test = " AND ".join([*before, f"({test})"])
            made.append(self._branch(branch, relation, rows, test))
        for branch in node.otherwise:
            made.append(self._branch(branch, relation, rows, " AND ".join(failed)))
        names = [self.fresh("made") for _ in made]
        steps = ", ".join(f"{quote(name)} AS ({text})" for name, text in zip(names, made, strict=True))
        count = " + ".join(f"(SELECT count(*) FROM {quote(name)})" for name in names)
        return f"WITH {quote(rows)} AS MATERIALIZED ({relation.sql}), {steps} SELECT {count}, NULL::text"

    def _see_rows(self, relation: Relation, rows: str) -> None:
        self.block = Block(sources=[relation_source(relation, rows, rows)])

    def _branch(self, branch: s.InsertBranch, relation: Relation, rows: str, test: str) -> str:
        found = self._target_object(branch.target)
        alias = branch.target.alias or found.name
        columns = self._filled(branch.columns, found, alias)
        values = branch.values or [
            n.Name(branch.offset, (column.name,), (True,)) for column in relation.columns
        ]
        if len(values) != len(columns):
            raise refuse(913 if len(values) > len(columns) else 947, branch.offset)
        self._see_rows(relation, rows)
        texts = []
        for value, column in zip(values, columns, strict=True):
            if any_part(value, _is_sequence):
                raise unsupported("a sequence in INSERT ALL", value.offset)
            text = self._stored(value, column, found, True)
            if text == "DEFAULT":
                raise unsupported("DEFAULT in INSERT ALL", value.offset)
            texts.append(f"NULL::{pg_type(of_column(column))}" if text == "NULL" else text)
        names = ", ".join(quote(column.name) for column in columns)
        return (
            f"INSERT INTO {found.relation} ({names}) SELECT {', '.join(texts)} FROM {quote(rows)}"
            f" WHERE {test} RETURNING 1"
        )


def _is_sequence(part: object) -> bool:
    return isinstance(part, n.Name) and part.parts[-1] in ("NEXTVAL", "CURRVAL")
