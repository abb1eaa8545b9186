"""CONNECT BY: a generator of numbers on DUAL, or a walk over the rows of one item of FROM.

The walk is a recursive WITH inside FROM: `b` are the rows, `h` the rows found so far with their level, their
path (the ranks of all ancestors: it gives the order and finds loops), and, where the query asks for them, the
columns of the parent (PRIOR) and of the root (CONNECT_BY_ROOT).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from app.localdb.sql import nodes as n
from app.localdb.sql.refusals import refuse, unsupported
from app.localdb.sql.translate import conversions as c
from app.localdb.sql.translate.scope import Block, Source
from app.localdb.sql.translate.sources import Sources
from app.localdb.sql.translate.walk import any_part, conjuncts, is_word, mentions, parts
from app.localdb.sql.types import NUMBER, Ex, quote, varchar2


@dataclass(slots=True)
class _Walk:
    """One hierarchical query on its way."""

    items: list[str] = field(default_factory=list)  # the columns of b, c0, c1 ...
    sources: list[Source] = field(default_factory=list)  # as they stood in FROM


class Hierarchy(Sources):
    """hierarchy() makes the FROM of a query block with CONNECT BY."""

    def hierarchy(self, query: n.Query, select: n.Select) -> str:
        """The text of FROM; the block then knows LEVEL, PRIOR and the other words of CONNECT BY."""
        source = select.sources[0]
        if len(select.sources) != 1:
            raise unsupported("CONNECT BY over several tables without JOIN", select.offset)
        dual = isinstance(source, n.TableRef) and source.parts in (("DUAL",), ("SYS", "DUAL"))
        if dual and select.start_with is None and not _has_prior(select.connect_by):
            return self._generator(source, select)
        return self._walk(query, select)

    # -- numbers ---------------------------------------------------------------------------------------------

    def _generator(self, source: n.FromItem, select: n.Select) -> str:
        self.source(source)
        limits = [self._generator_limit(condition) for condition in conjuncts(select.connect_by)]
        count = limits[0] if len(limits) == 1 else f"least({', '.join(limits)})"
        alias = self.fresh("level")
        block = self.block
        block.level = Ex(f"{quote(alias)}.n::numeric", NUMBER, False)
        block.rownum = block.level.sql
        block.sources[0].columns["DUMMY"] = Ex("'X'::varchar(1)", varchar2(1), False)
        block.dual_used = True
        return f"generate_series(1, greatest({count}, 1)) {quote(alias)}(n)"

    def _generator_limit(self, condition: n.Expr) -> str:
        for word in ("LEVEL", "ROWNUM"):
            if mentions(condition, word):
                return f"coalesce({self._limit(_renamed(condition, word))}, 9223372036854775807)"
        raise unsupported("this CONNECT BY condition", condition.offset)

    # -- rows ------------------------------------------------------------------------------------------------

    def _walk(self, query: n.Query, select: n.Select) -> str:
        block = self.block
        from_text = self.source(select.sources[0])
        walk = _Walk(sources=list(block.sources))
        for source in walk.sources:
            walk.items += [ex.sql for ex in source.columns.values()]
            if source.rowid is not None:
                walk.items.append(source.rowid)
        outside = [select.items, select.where, select.group_by, select.having, query.order_by]
        keys = self.order_list(query.order_by) if query.siblings else ""
        rank = f"row_number() OVER ({f'ORDER BY {keys}' if keys else ''})"
        listed = ", ".join(f"{sql} AS c{i}" for i, sql in enumerate(walk.items))
        base = f"SELECT {listed}{', ' if listed else ''}{rank} AS rank FROM {from_text}"
        block.sources = self._mapped(walk, "b.c")
        start = f" WHERE {self.condition(select.start_with)}" if select.start_with is not None else ""
        step = self._step_condition(walk, select)
        parent, root = self._carried(walk, outside)
        paths = self._paths(outside)
        numbers = range(len(walk.items))
        names = [f"c{i}" for i in numbers] + parent + root + [f"s{k}" for k in range(len(paths))]
        first = [f"b.c{i}" for i in numbers]
        # a NULL of the column's type
        first += [f"(CASE WHEN FALSE THEN b.c{i} END)" for i in numbers if parent]
        first += [f"b.c{i}" for i in numbers if root] + [f"'' || {sql}" for sql in paths]
        then = [f"b.c{i}" for i in numbers] + [f"h.c{i}" for i in numbers if parent]
        then += [f"h.r{i}" for i in numbers if root] + [f"h.s{k} || {sql}" for k, sql in enumerate(paths)]
        alias = self.fresh("h")
        leaf = ""
        if any_part(outside, lambda part: is_word(part, "CONNECT_BY_ISLEAF")):
            leaf = f", (CASE WHEN EXISTS (SELECT FROM b WHERE {step}) THEN 0 ELSE 1 END)::numeric AS leaf"
        block.sources = self._mapped(walk, f"{quote(alias)}.c")
        block.level = Ex(f"{quote(alias)}.level", NUMBER, False)
        block.leaf = Ex(f"{quote(alias)}.leaf", NUMBER, False)
        block.prior = Block(sources=self._mapped(walk, f"{quote(alias)}.p"), parent=block.parent)
        block.root = Block(sources=self._mapped(walk, f"{quote(alias)}.r"), parent=block.parent)
        block.paths = {key: f"{quote(alias)}.s{k}" for k, key in enumerate(self._path_calls(outside))}
        block.dual_used = True
        return (
            f"(WITH RECURSIVE b AS ({base}), h({', '.join([*names, 'level', 'path'])}) AS ("
            f"SELECT {', '.join([*first, '1::numeric', 'ARRAY[b.rank]'])} FROM b{start} UNION ALL "
            f"SELECT {', '.join([*then, 'h.level + 1', 'h.path || b.rank'])} FROM h JOIN b ON {step}"
            f"{self._loop(select)}) SELECT h.*{leaf} FROM h ORDER BY h.path) {quote(alias)}"
        )

    def _step_condition(self, walk: _Walk, select: n.Select) -> str:
        block = self.block
        block.prior = Block(sources=self._mapped(walk, "h.c"), parent=block.parent)
        block.level = Ex("(h.level + 1)", NUMBER, False)
        assert select.connect_by is not None
        if mentions(select.connect_by, "ROWNUM"):
            raise unsupported("ROWNUM in this CONNECT BY", select.connect_by.offset)
        sql = self.condition(select.connect_by)
        block.level = block.prior = None
        return sql

    @staticmethod
    def _loop(select: n.Select) -> str:
        if select.nocycle:
            return " AND b.rank <> ALL (h.path)"
        if not _has_prior(select.connect_by):
            return ""
        return " AND CASE WHEN b.rank = ANY (h.path) THEN oracle.connect_by_loop(b.rank) ELSE TRUE END"

    def _carried(self, walk: _Walk, outside: object) -> tuple[list[str], list[str]]:
        """Names of the columns that h carries from the parent and from the root, where they are asked for."""
        numbers = range(len(walk.items))
        prior = any_part(outside, lambda part: isinstance(part, n.Unary) and part.op == "PRIOR")
        root = any_part(outside, lambda part: isinstance(part, n.Unary) and part.op == "CONNECT_BY_ROOT")
        return (
            [f"p{i}" for i in numbers] if prior else [],
            [f"r{i}" for i in numbers] if root else [],
        )

    def _path_calls(self, outside: object) -> list[int]:
        return [id(call) for call in _path_nodes(outside)]

    def _paths(self, outside: object) -> list[str]:
        """What each SYS_CONNECT_BY_PATH adds for one row."""
        found = []
        for call in _path_nodes(outside):
            if len(call.args) != 2 or not isinstance(call.args[1].value, n.String):
                raise refuse(30003, call.offset)
            value = c.to_text(self.value(call.args[0].value), call.offset).sql
            found.append(f"({self.value(call.args[1].value).sql} || coalesce({value}, ''))")
        return found

    @staticmethod
    def _mapped(walk: _Walk, prefix: str) -> list[Source]:
        """The sources with their columns under other names."""
        found = []
        index = 0
        for source in walk.sources:
            columns: dict[str, Ex] = {}
            for name, ex in source.columns.items():
                columns[name] = Ex(f"{prefix}{index}", ex.ty, True)
                index += 1
            rowid = None
            if source.rowid is not None:
                rowid = f"{prefix}{index}"
                index += 1
            found.append(
                Source(
                    source.alias, source.names, columns, source.schema, source.object, rowid,
                    duplicates=source.duplicates, pg_alias=source.pg_alias, complex=True,
                )
            )  # fmt: skip
        return found

    def hierarchical(self, node: n.Unary) -> Ex:
        """PRIOR x and CONNECT_BY_ROOT x."""
        block = self.block
        while block.prior is None and block.root is None and block.parent is not None:
            block = block.parent
        there = block.prior if node.op == "PRIOR" else block.root
        if there is None:
            raise refuse(976, node.offset)
        before, self.block = self.block, there
        try:
            return self.value(node.operand)
        finally:
            self.block = before


def _has_prior(node: object) -> bool:
    return any_part(node, lambda part: isinstance(part, n.Unary) and part.op == "PRIOR")


def _path_nodes(outside: object) -> list[n.Call]:
    return [
        part
        for part in parts(outside)
        if isinstance(part, n.Call)
        and isinstance(part.target, n.Name)
        and part.target.parts == ("SYS_CONNECT_BY_PATH",)
    ]


def _renamed(condition: n.Expr, word: str) -> n.Expr:
    """LEVEL written as ROWNUM, so that one rule reads both."""
    if word == "ROWNUM":
        return condition
    if isinstance(condition, n.Compare):
        return n.Compare(
            condition.offset, condition.op, _renamed(condition.left, word), _renamed(condition.right, word)
        )
    if isinstance(condition, n.Paren):
        return _renamed(condition.operand, word)
    if is_word(condition, word):
        return n.Name(condition.offset, ("ROWNUM",), (False,))
    return condition
