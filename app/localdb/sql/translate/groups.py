"""GROUP BY and HAVING: what is grouped, what may stand beside it, aggregates of aggregates."""

from __future__ import annotations

import copy

from app.localdb.sql import nodes as n
from app.localdb.sql.refusals import refuse
from app.localdb.sql.translate.aggregates import AGGREGATES
from app.localdb.sql.translate.walk import any_part, parts
from app.localdb.sql.translate.with_clause import With
from app.localdb.sql.types import Ex


class Groups(With):
    """The part of a query block that is about groups of rows."""

    def group_by(self, select: n.Select) -> str:
        """The GROUP BY clause; the block then knows what is grouped."""
        if not select.group_by:
            return ""
        self._see_aliases(select)
        texts: list[str] = []
        keys: set[str] = set()
        for item in select.group_by:
            texts.append(self._group_item(item, keys))
        self.block.groups = keys
        self.block.item_names = {}
        return f" GROUP BY {', '.join(texts)}"

    def _see_aliases(self, select: n.Select) -> None:
        """Names of the select list are known in GROUP BY and HAVING of 23ai, behind those of columns."""
        if self.play != "19c":
            named = [item for item in select.items if item.alias is not None]
            self.block.item_names = {str(item.alias): item.value for item in named}

    def _group_item(self, item: n.GroupItem, keys: set[str]) -> str:
        if item.kind == "EXPR":
            found = []
            for value in item.items:
                if any_part(value, _is_aggregate):
                    raise refuse(934, value.offset)
                if any_part(value, lambda part: isinstance(part, n.Scalar)):
                    raise refuse(22818, value.offset)
                found.append(self.key(value))
            keys.update(found)
            return found[0] if len(found) == 1 else f"({', '.join(found)})"
        inner = ", ".join(self._group_item(group, keys) for group in item.groups)
        for source in self.block.sources:
            source.columns = {name: Ex(ex.sql, ex.ty, True) for name, ex in source.columns.items()}
        word = "GROUPING SETS" if item.kind == "SETS" else item.kind
        return f"{word} ({inner})"

    def having(self, select: n.Select) -> str:
        """The HAVING clause, which makes a query without GROUP BY one of a single group."""
        if select.having is None:
            return ""
        self.block.aggregates_allowed = True
        self.block.windows_allowed = False
        self._see_aliases(select)
        text = self.condition(select.having)
        if not self.block.aggregates and not select.group_by:
            self.block.aggregates += 1
        self.block.item_names = {}
        return f" HAVING {text}"

    def check_groups(self, select: n.Select) -> None:
        """Raises ORA-00979 and ORA-00937. Without GROUP BY a subquery stands beside no aggregate either."""
        block = self.block
        if select.group_by:
            if block.ungrouped:
                raise refuse(979, block.ungrouped[0])
        elif block.aggregates and (block.ungrouped or block.lone_queries):
            raise refuse(937, min(block.ungrouped + block.lone_queries))


def _is_aggregate(part: object) -> bool:
    return (
        isinstance(part, n.Call)
        and part.over is None
        and isinstance(part.target, n.Name)
        and len(part.target.parts) == 1
        and part.target.parts[0] in AGGREGATES
    ) or (isinstance(part, n.JsonBuild) and part.kind.endswith("AGG"))


def is_nested_aggregate(part: object) -> bool:
    return _is_aggregate(part) and isinstance(part, n.Call) and any_part(part.args, _is_aggregate)


def unnested(select: n.Select) -> n.Select:
    """max(sum(x)) ... GROUP BY: the inner aggregates as an inline view, the outer ones over its rows."""
    outer = copy.deepcopy(select)
    items: list[n.SelectItem] = []
    for call in [part for part in parts(outer.items) if is_nested_aggregate(part)]:
        assert isinstance(call, n.Call)
        for argument in call.args:
            if any_part(argument, is_nested_aggregate):
                raise refuse(935, argument.offset)
            alias = f"N#{len(items)}"
            items.append(n.SelectItem(argument.offset, argument.value, alias))
            argument.value = n.Name(argument.offset, (alias,), (True,))
    inner = n.Select(
        select.offset, items, outer.sources, where=outer.where, group_by=outer.group_by, having=outer.having
    )
    view = n.DerivedTable(select.offset, n.Query(select.offset, inner), lateral=True)
    return n.Select(select.offset, outer.items, [view], distinct=outer.distinct)


def has_aggregate(select: n.Select) -> bool:
    return any_part([select.items, select.having], _is_aggregate)
