"""Line up the columns of two sources: the key, the compared columns, and how the schemas differ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from app.oracle.keys import shared_key
from worker.engines.errors import BadPlan, IncomparableTypes, UnsupportedColumn
from worker.engines.plan import ColumnRule, ComparisonPlan
from worker.engines.rules.check import check_rule
from worker.engines.sources.base import ColumnInfo, Source
from worker.engines.values import Kind, ValueType, common_type


@dataclass(frozen=True, slots=True)
class ComparedColumn:
    """A column of A and the column of B that it is compared with, in the common type `type`."""

    name: str
    a: ColumnInfo
    b: ColumnInfo
    type: ValueType
    rule: ColumnRule | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """The key columns in the key's order, the other compared columns in A's order, schema differences."""

    key: tuple[ComparedColumn, ...]
    values: tuple[ComparedColumn, ...]
    key_origin: str
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    different: tuple[dict[str, Any], ...]

    @property
    def columns(self) -> tuple[ComparedColumn, ...]:
        """Key columns, then the others: the order in which rows are stored."""
        return self.key + self.values

    @property
    def storage(self) -> pa.Schema:
        """How rows of both sides are stored. Names are positions, so that no column name can clash."""
        return pa.schema([(f"c{n}", column.type.storage) for n, column in enumerate(self.columns)])


def lay_out(source: Source, target: Source, plan: ComparisonPlan) -> Layout:
    """Decide what is compared with what.

    Raises BadPlan (unknown column, no key, a rule that does not fit), IncomparableTypes or
    UnsupportedColumn; each sentence names the columns.
    """
    side_a = _by_name(source.schema(), source.name)
    side_b = _by_name(target.schema(), target.name)
    for asked_for, names in (("compare", plan.columns or ()), ("ignore", plan.ignore), ("rules", plan.rules)):
        _check_known(names, asked_for, side_a, side_b, source, target)
    key_names, origin = _key(source, target, plan)
    for name in key_names:
        for side, owner in ((side_a, source), (side_b, target)):
            if name not in side:
                raise BadPlan(
                    f"The key column {name} does not exist in {owner.name}. "
                    f"Its columns are {_listing(c.name for c in side.values())}."
                )
    ignored = {name.upper() for name in plan.ignore} | {
        name.upper() for name, rule in plan.rules.items() if rule.ignore
    }
    if clash := [name for name in key_names if name in ignored]:
        raise BadPlan(f"{_listing(clash)} cannot be both key and ignored.")
    wanted = None if plan.columns is None else {name.upper() for name in plan.columns}
    value_names = [
        name
        for name in side_a
        if name in side_b
        and name not in key_names
        and name not in ignored
        and (wanted is None or name in wanted)
    ]
    _check_types([(side_a[n], side_b[n]) for n in key_names], "Choose another key")
    _check_types(
        [(side_a[n], side_b[n]) for n in value_names],
        "Ignore the column, or compare a view that converts it",
        "Ignore these columns, or compare a view that converts them",
    )
    rules = {name.upper(): rule for name, rule in plan.rules.items()}
    return Layout(
        key=tuple(_pair(side_a[n], side_b[n], rules.get(n), is_key=True) for n in key_names),
        values=tuple(_pair(side_a[n], side_b[n], rules.get(n)) for n in value_names),
        key_origin=origin,
        only_a=tuple(column.name for name, column in side_a.items() if name not in side_b),
        only_b=tuple(column.name for name, column in side_b.items() if name not in side_a),
        different=tuple(
            {"name": column.name, "a": column.oracle_type, "b": side_b[name].oracle_type}
            for name, column in side_a.items()
            if name in side_b
            and column.declared
            and side_b[name].declared
            and column.oracle_type != side_b[name].oracle_type
        ),
    )


def _by_name(columns: Sequence[ColumnInfo], table: str) -> dict[str, ColumnInfo]:
    found: dict[str, ColumnInfo] = {}
    for column in columns:
        name = column.name.upper()
        if name in found:
            raise BadPlan(
                f"{table} has the columns {found[name].name} and {column.name}, which differ by case only. "
                "Compare a view that gives them distinct names."
            )
        found[name] = column
    return found


def _check_known(
    names: Iterable[str],
    asked_for: str,
    side_a: dict[str, ColumnInfo],
    side_b: dict[str, ColumnInfo],
    source: Source,
    target: Source,
) -> None:
    for name in names:
        in_a, in_b = name.upper() in side_a, name.upper() in side_b
        if not in_a and not in_b:
            raise BadPlan(f"The column {name} exists neither in {source.name} nor in {target.name}.")
        if asked_for != "ignore" and not (in_a and in_b):
            where, missing = (source.name, target.name) if in_a else (target.name, source.name)
            raise BadPlan(f"The column {name} exists in {where} but not in {missing}; it cannot be compared.")


def _key(source: Source, target: Source, plan: ComparisonPlan) -> tuple[list[str], str]:
    if plan.key is not None:
        key = [name.upper() for name in plan.key]
        if not key:
            raise BadPlan("The key is empty. Name at least one column by which rows are matched.")
        if len(set(key)) < len(key):
            raise BadPlan(f"The key names a column twice: {_listing(plan.key)}.")
        return key, "given"
    common = {c.name.upper() for c in source.schema()} & {c.name.upper() for c in target.schema()}
    best = shared_key(source.declared_keys(), target.declared_keys(), common)
    if best is not None:
        return [name.upper() for name in best.columns], best.origin
    raise BadPlan(
        f"Neither {source.name} nor {target.name} declares a primary or unique key whose columns both have. "
        "Name the key columns in the request."
    )


def _check_types(
    pairs: Sequence[tuple[ColumnInfo, ColumnInfo]], remedy: str, remedy_for_many: str | None = None
) -> None:
    """All columns that cannot be compared, in one sentence."""
    unread = [next((c for c in pair if c.value_type is None), None) for pair in pairs]
    unreadable = [f"{c.name} is of type {c.oracle_type}" for c in unread if c is not None]
    apart = [
        f"{a.name} is {a.oracle_type} on one side and {b.oracle_type} on the other"
        for a, b in pairs
        if a.value_type is not None
        and b.value_type is not None
        and common_type(a.value_type, b.value_type) is None
    ]
    for error, found, one, many in (
        (UnsupportedColumn, unreadable, ", which cannot be compared", ""),
        (IncomparableTypes, apart, "; these cannot be compared", " with each other"),
    ):
        if len(found) == 1:
            raise error(f"The column {found[0]}{one}. {remedy}.")
        if found:
            raise error(
                f"{len(found)} columns have types that cannot be compared{many}: {_some(found)}. "
                f"{remedy_for_many or remedy}."
            )


def _pair(a: ColumnInfo, b: ColumnInfo, rule: ColumnRule | None, *, is_key: bool = False) -> ComparedColumn:
    assert a.value_type is not None
    assert b.value_type is not None
    common = common_type(a.value_type, b.value_type)
    assert common is not None
    if rule is not None:
        check_rule(rule, a.name, a.oracle_type, common, is_key=is_key)
    if is_key and common.kind in (Kind.LONG_TEXT, Kind.LONG_BINARY):
        raise BadPlan(f"{a.name} is {a.oracle_type}; a large object cannot be part of a key.")
    return ComparedColumn(name=a.name, a=a, b=b, type=common, rule=rule)


def _some(phrases: Sequence[str], most: int = 8) -> str:
    more = len(phrases) - most
    return _listing(phrases[:most]) + (f" and {more} more" if more > 0 else "")


def _listing(names: Iterable[str]) -> str:
    return ", ".join(names)
