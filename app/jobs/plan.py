"""What a comparison request means in this database: tables, key, columns and rules, all looked up.

The API resolves a request before it queues it, so that a mistake is told at once; the worker resolves it
again before it runs, because tables change meanwhile and because jobs may be enqueued by plain SQL.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import msgspec

from app.connections.catalog import Catalog
from app.connections.store import StoredConnection
from app.jobs.models import ComparisonRequest
from app.jobs.rules import ColumnRule
from app.jobs.sides import Side
from app.oracle.dictionary import Dictionary, RequestError, Table, column_name
from app.oracle.keys import shared_key

TO_BE_FOUND = "to be found in the data"
"""Origin of the key when none is given and none declared: the job looks for a unique set of columns."""


TABLE_NAME_LENGTH = 128  # TABLE_NAME of COMPARISON_JOBS and of JOB_SCHEDULES


@dataclass(frozen=True, slots=True)
class ResolvedComparison:
    """A request with every name that the dictionary knows in its spelling.

    source, target: the tables, the target's columns under their names in A; None for a query or a file, whose
    columns only the job learns.
    columns: common to both tables and compared, key columns not among them, in the source's order; None if
    a side is no table. key_origin: "given", "primary key", "unique key NAME" or "to be found in the data".
    rules: by column name. renamed: B's names of columns to A's. limit_key: against whose limit the job counts. connections: by name, those that the sides name.
    """

    source: Table | None
    target: Table | None
    key: tuple[str, ...]
    key_origin: str
    columns: tuple[str, ...] | None
    ignored: tuple[str, ...]
    rules: dict[str, ColumnRule]
    renamed: dict[str, str]
    source_name: str
    target_name: str
    limit_key: str | None = None
    connections: dict[str, StoredConnection] = field(default_factory=dict, repr=False)

    @property
    def table_name(self) -> str:
        """What the row of the job calls side A: the table, the file, "a query"; its end if it is too long."""
        return self.source_name[-TABLE_NAME_LENGTH:]


async def resolve(catalog: Catalog, request: ComparisonRequest) -> ResolvedComparison:
    """Look everything up. Raises RequestError that names the field, and OracleError."""
    (resolved,) = await resolve_all(catalog, [request], [""])
    return resolved


async def resolve_all(
    catalog: Catalog, requests: Sequence[ComparisonRequest], prefixes: Sequence[str]
) -> list[ResolvedComparison]:
    """Many at once; `prefixes` stand before the fields that errors name. Each connection is opened once."""
    sides = [
        (f"{prefix}{name}", side)
        for request, prefix in zip(requests, prefixes, strict=True)
        for name, side in (("source", request.source), ("target", request.target))
    ]
    found = await catalog.look_up(sides)
    resolved = []
    for number, (request, prefix) in enumerate(zip(requests, prefixes, strict=True)):
        source, target = found.tables[2 * number : 2 * number + 2]
        try:
            named = [side.connection for side in (request.source, request.target) if side.connection]
            used = {name: found.connections[name] for name in named}
            limit_key = _limit_key(request, used)
            plan = await _resolved(catalog.dictionary, request, source, target)
        except RequestError as error:
            raise RequestError(f"{prefix}{error.field}", str(error)) from error
        resolved.append(replace(plan, limit_key=limit_key, connections=used))
    return resolved


def _limit_key(request: ComparisonRequest, connections: dict[str, StoredConnection]) -> str | None:
    """A job has one: that of the connection with the smallest limit, side A's where that does not tell.

    A request may choose between its connections and may not step around them. Raises RequestError.
    """
    if not connections:
        return request.limit_key
    if request.limit_key is not None:
        if request.limit_key not in connections:
            raise RequestError(
                "limit_key", "a comparison over a connection counts against the limit of that connection."
            )
        return request.limit_key
    limited = [name for name, each in connections.items() if each.shown.max_jobs is not None]
    return min(limited or connections, key=lambda name: connections[name].shown.max_jobs or 0)


async def _resolved(
    dictionary: Dictionary, request: ComparisonRequest, source: Table | None, target: Table | None
) -> ResolvedComparison:
    for name, side, table in (("source", request.source, source), ("target", request.target, target)):
        if table is not None:
            _check_filter(side, name, table)
    if source is None or target is None:
        unseen = _unseen(request, source, target)
        return replace(unseen, rules=await _of_profile(dictionary, request, None) | unseen.rules)
    renamed = _renamed(request, source, target)
    seen = _with_names(target, renamed)
    common = source.column_names & seen.column_names
    if not common:
        raise RequestError("target.table", f"{source} and {target} have no column in common.")
    ignored = [_known(name, f"ignore[{i}]", source, seen) for i, name in enumerate(request.ignore)]
    key, origin = _key(request, source, seen)
    clash = [name for name in key if name in ignored]
    if clash:
        raise RequestError("ignore", f"{clash[0]} belongs to the key and cannot be ignored.")
    if request.columns is None:
        wanted = common
    else:
        wanted = frozenset(
            _common(name, f"columns[{i}]", source, seen) for i, name in enumerate(request.columns)
        )
    columns = tuple(
        column.name
        for column in source.columns
        if column.name in wanted and column.name not in key and column.name not in ignored
    )
    rules = await _of_profile(dictionary, request, columns) | _rules(request, source, seen, columns)
    names = (str(source), str(target))
    return ResolvedComparison(source, seen, key, origin, columns, tuple(ignored), rules, renamed, *names)


def _check_filter(side: Side, field: str, table: Table) -> None:
    for number, condition in enumerate(side.where):
        place = f"{field}.where[{number}].column"
        name = column_name(condition.column, place)
        if name not in table.column_names:
            raise RequestError(place, f"{table} has no column {name}.")


def _unseen(request: ComparisonRequest, source: Table | None, target: Table | None) -> ResolvedComparison:
    """Names as they were given: which columns there are, only the job learns."""
    key = tuple(column_name(name, f"key[{i}]") for i, name in enumerate(request.key or ()))
    ignored = tuple(column_name(name, f"ignore[{i}]") for i, name in enumerate(request.ignore))
    if clash := [name for name in key if name in ignored]:
        raise RequestError("ignore", f"{clash[0]} belongs to the key and cannot be ignored.")
    for number, name in enumerate(request.columns or ()):
        column_name(name, f"columns[{number}]")
    rules = {column_name(name, f"rules.{name}"): rule for name, rule in request.rules.items()}
    renamed = {
        column_name(theirs, f"column_map.{ours}"): column_name(ours, "column_map")
        for ours, theirs in request.column_map.items()
    }
    origin = "given" if request.key is not None else TO_BE_FOUND
    names = (str(source or request.source), str(target or request.target))
    return ResolvedComparison(source, target, key, origin, None, ignored, rules, renamed, *names)


def _renamed(request: ComparisonRequest, source: Table, target: Table) -> dict[str, str]:
    renamed = {}
    for ours, theirs in request.column_map.items():
        own, other = column_name(ours, "column_map"), column_name(theirs, f"column_map.{ours}")
        for name, table in ((own, source), (other, target)):
            if name not in table.column_names:
                raise RequestError(f"column_map.{ours}", f"{table} has no column {name}.")
        renamed[other] = own
    kept = target.column_names - renamed.keys()
    if taken := sorted(kept.intersection(renamed.values())):
        raise RequestError("column_map", f"{target} has a column {taken[0]} of its own; map that one too.")
    return renamed


def _with_names(table: Table, renamed: dict[str, str]) -> Table:
    """The table as if its columns had the names of side A."""
    if not renamed:
        return table
    columns = tuple(replace(column, name=renamed.get(column.name, column.name)) for column in table.columns)
    keys = tuple(
        replace(key, columns=tuple(renamed.get(name, name) for name in key.columns)) for key in table.keys
    )
    return replace(table, columns=columns, keys=keys)


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


async def _of_profile(
    dictionary: Dictionary, request: ComparisonRequest, columns: tuple[str, ...] | None
) -> dict[str, ColumnRule]:
    """The rules of the profile that the request names, for the columns that are compared (None: all)."""
    if request.profile is None:
        return {}
    stored = await dictionary.profile(request.profile)
    if stored is None:
        raise RequestError("profile", f"there is no profile {request.profile}.")
    rules = msgspec.convert(
        msgspec.json.decode(stored) if isinstance(stored, str | bytes) else stored, dict[str, ColumnRule]
    )
    named = {column_name(name, "profile"): rule for name, rule in rules.items()}
    return {name: rule for name, rule in named.items() if columns is None or name in columns}


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
