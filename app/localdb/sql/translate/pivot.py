"""PIVOT as a grouping with a CASE for each value, UNPIVOT as a union of its columns: queries over the same source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from app.localdb.sql import nodes as n
from app.localdb.sql.refusals import refuse, unsupported
from app.localdb.sql.translate.walk import any_part, parts

_AGGREGATES = frozenset(["SUM", "COUNT", "MIN", "MAX", "AVG", "STDDEV", "VARIANCE", "MEDIAN", "LISTAGG"])

Names = Callable[[n.FromItem], list[str]]


def as_query(item: n.Pivot | n.Unpivot, names_of: Names) -> n.Query:
    """`names_of` tells the columns of the source. Raises ORA-00904, ORA-56900 to ORA-56902, ORA-00918."""
    names = names_of(item.source)
    if isinstance(item, n.Unpivot):
        return _unpivoted(item, names)
    return n.Query(item.offset, _pivoted(item, names))


def _pivoted(item: n.Pivot, names: list[str]) -> n.Select:
    at = item.offset
    if any_part([item.aggregates, [each.values for each in item.values]], lambda p: isinstance(p, n.BindRef)):
        raise refuse(56900, at)
    used = set(item.columns)
    for column in item.columns:
        _known(column, names, at)
    for aggregate, _ in item.aggregates:
        used |= _columns_in(_aggregate(aggregate))
    if len(item.aggregates) > 1 and sum(alias is None for _, alias in item.aggregates) > 1:
        raise refuse(918, at)
    others = [name for name in names if name not in used]
    items = [n.SelectItem(at, _name(name, at)) for name in others]
    for value in item.values:
        if len(value.values) != len(item.columns):
            raise refuse(56904, value.offset)
        if any_part(value.values, lambda p: isinstance(p, n.Name)):
            raise refuse(56901, value.offset)
        test = _matches(item.columns, value)
        for aggregate, alias in item.aggregates:
            name = value.alias or value.text
            items.append(
                n.SelectItem(at, _where(_aggregate(aggregate), test), f"{name}_{alias}" if alias else name)
            )
    found = n.Select(at, items, [item.source])
    if others:
        found.group_by = [n.GroupItem(at, "EXPR", [_name(name, at)]) for name in others]
    return found


def _aggregate(node: n.Expr) -> n.Call:
    target = node.target if isinstance(node, n.Call) else None
    if not isinstance(node, n.Call) or not isinstance(target, n.Name) or target.parts[-1] not in _AGGREGATES:
        raise refuse(56902, node.offset)
    if node.over is not None or node.keep is not None or not node.args:
        raise unsupported("an aggregate of this form in PIVOT", node.offset)
    return node


def _columns_in(call: n.Call) -> set[str]:
    inside = list(parts([call.args, call.within_group or []]))
    functions = {id(part.target) for part in inside if isinstance(part, n.Call)}
    return {part.parts[-1] for part in inside if isinstance(part, n.Name) and id(part) not in functions}


def _matches(columns: list[str], value: n.PivotValue) -> n.Expr:
    test: n.Expr | None = None
    for column, each in zip(columns, value.values, strict=True):
        one = n.Compare(value.offset, "=", _name(column, value.offset), each)
        test = one if test is None else n.Binary(value.offset, "AND", test, one)
    assert test is not None
    return test


def _where(call: n.Call, test: n.Expr) -> n.Call:
    """The aggregate over the rows that pass the test."""
    first = call.args[0]
    counted = n.Number(call.offset, "1") if isinstance(first.value, n.Star) else first.value
    chosen = n.Case(call.offset, None, [(test, counted)], None)
    return replace(call, args=[replace(first, value=chosen), *call.args[1:]])


def _unpivoted(item: n.Unpivot, names: list[str]) -> n.Query:
    at = item.offset
    for column, _ in item.columns:
        _known(column.parts[-1], names, column.offset)
    taken = {column.parts[-1] for column, _ in item.columns}
    others = [name for name in names if name not in taken]
    body: n.QueryBody | None = None
    for column, literal in item.columns:
        called = literal or n.String(column.offset, column.parts[-1])
        branch = n.Select(
            at,
            [
                *(n.SelectItem(at, _name(name, at)) for name in others),
                n.SelectItem(at, called, item.name),
                n.SelectItem(at, column, item.value),
            ],
            [item.source],
        )
        if not item.nulls:
            branch.where = n.IsNull(at, column, True)
        body = branch if body is None else n.SetOperation(at, "UNION ALL", body, branch)
    assert body is not None
    return n.Query(at, body)


def _name(name: str, offset: int) -> n.Name:
    return n.Name(offset, (name,), (True,))


def _known(name: str, names: list[str], offset: int) -> None:
    if name not in names:
        raise refuse(904, offset, f'"{name}"')
