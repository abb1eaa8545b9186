"""What a comparison request means in this database: tables, key, columns and rules, all looked up.

The API resolves a request before it queues it, so that a mistake is told at once; the worker resolves it
again before it runs, because tables change meanwhile and because jobs may be enqueued by plain SQL.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.jobs.models import ComparisonRequest
from app.jobs.rules import ColumnRule
from app.oracle.dictionary import Dictionary, RequestError, Table, column_name
from app.oracle.keys import shared_key

TO_BE_FOUND = "to be found in the data"
"""Origin of the key when none is given and none declared: the job looks for a unique set of columns."""


@dataclass(frozen=True, slots=True)
class ResolvedComparison:
    """A request with every name in the dictionary's spelling.

    columns: common to both tables and compared, key columns not among them, in the source's order.
    key_origin: "given", "primary key", "unique key NAME", or TO_BE_FOUND, and then the key is empty.
    rules: by column name.
    """

    source: Table
    target: Table
    key: tuple[str, ...]
    key_origin: str
    columns: tuple[str, ...]
    ignored: tuple[str, ...]
    rules: dict[str, ColumnRule]


async def resolve(dictionary: Dictionary, request: ComparisonRequest) -> ResolvedComparison:
    """Look everything up. Raises RequestError that names the field, and OracleError."""
    source = await dictionary.table(request.source.table, "source.table")
    target = await dictionary.table(request.target.table, "target.table")
    common = source.column_names & target.column_names
    if not common:
        raise RequestError("target.table", f"{source} and {target} have no column in common.")
    ignored = [_known(name, f"ignore[{i}]", source, target) for i, name in enumerate(request.ignore)]
    key, origin = _key(request, source, target)
    clash = [name for name in key if name in ignored]
    if clash:
        raise RequestError("ignore", f"{clash[0]} belongs to the key and cannot be ignored.")
    if request.columns is None:
        wanted = common
    else:
        wanted = frozenset(
            _common(name, f"columns[{i}]", source, target) for i, name in enumerate(request.columns)
        )
    columns = tuple(
        column.name
        for column in source.columns
        if column.name in wanted and column.name not in key and column.name not in ignored
    )
    rules = _rules(request, source, target, columns)
    return ResolvedComparison(source, target, key, origin, columns, tuple(ignored), rules)


def _key(request: ComparisonRequest, source: Table, target: Table) -> tuple[tuple[str, ...], str]:
    if request.key is not None:
        names = [_common(name, f"key[{i}]", source, target) for i, name in enumerate(request.key)]
        if len(set(names)) != len(names):
            raise RequestError("key", "a column stands in the key twice.")
        return tuple(names), "given"
    common = source.column_names & target.column_names
    best = shared_key(source.row_keys(), target.row_keys(), common)
    if best is None:
        return (), TO_BE_FOUND
    return best.columns, best.origin


def _rules(
    request: ComparisonRequest, source: Table, target: Table, columns: tuple[str, ...]
) -> dict[str, ColumnRule]:
    """Rules by column in the dictionary's spelling. What else a rule cannot mean, the engine refuses."""
    rules: dict[str, ColumnRule] = {}
    for name, rule in request.rules.items():
        field = f"rules.{name}"
        column = _common(name, field, source, target)
        if column not in columns:
            raise RequestError(field, f"{column} is not compared, so a rule for it has no effect.")
        if column in rules:
            raise RequestError(field, f"{column} has two rules.")
        rules[column] = rule
        if rule.changes_type:
            continue
        for part in ("tolerance", "relative_tolerance", "decimals"):
            if getattr(rule, part) is None:
                continue
            for table in (source, target):
                found = table.column(column)
                if found is not None and not found.numeric:
                    raise RequestError(
                        f"{field}.{part}",
                        f"this rule needs a number, but {table}.{column} is {found.data_type}.",
                    )
    return rules


def _known(text: str, field: str, source: Table, target: Table) -> str:
    """A column of at least one of the tables."""
    name = column_name(text, field)
    if name not in source.column_names | target.column_names:
        raise RequestError(field, f"neither {source} nor {target} has a column {name}.")
    return name


def _common(text: str, field: str, source: Table, target: Table) -> str:
    """A column of both tables."""
    name = _known(text, field, source, target)
    for table in (source, target):
        if name not in table.column_names:
            raise RequestError(field, f"{table} has no column {name}.")
    return name
