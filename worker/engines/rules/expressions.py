"""Expressions of rules: one SQL expression over `value`, evaluated by a DuckDB that can reach nothing.

What may stand in an expression is a list of what is allowed, checked on the syntax tree: constants, `value`,
CASE, casts, comparisons, AND, OR, NOT, IN, BETWEEN, IS NULL, COALESCE, operators, and functions of FUNCTIONS.
Anything else (a subquery, a table, a window, an aggregate, a function that reads or that makes huge texts)
is refused. The connection has no access to files, loads no extensions and takes no settings.
"""

from __future__ import annotations

import json
from typing import Any

import duckdb
import pyarrow as pa

from app.jobs.rules import ColumnRule
from worker.engines.canonical import canonical
from worker.engines.errors import BadPlan
from worker.engines.values import DECIMAL_DIGITS, Kind, ValueType, common_type, type_of_arrow

_FUNCTION_NAMES = (
    "+ - * / // % || ~~ !~~ ~~* !~~* ^ ** @"
    " abs ceil ceiling floor round trunc sign sqrt mod greatest least nullif ifnull coalesce"
    " lower upper trim ltrim rtrim length substring substr left right replace translate reverse instr strpos"
    " position starts_with ends_with contains prefix suffix like_escape concat concat_ws split_part initcap"
    " regexp_replace regexp_extract regexp_matches regexp_full_match strip_accents nfc_normalize ascii chr"
    " unicode md5 sha256 hex unhex to_hex lpad rpad"
    " date_trunc date_part datepart year month day hour minute second quarter week dayofweek dayofyear"
    " date_diff datediff date_add last_day make_date make_timestamp strftime strptime try_strptime epoch"
    " to_timestamp to_years to_months to_days to_hours to_minutes to_seconds"
)
FUNCTIONS = frozenset(_FUNCTION_NAMES.split())
_TYPES = frozenset(
    [
        "DECIMAL",
        "NUMERIC",
        "INTEGER",
        "INT",
        "BIGINT",
        "SMALLINT",
        "HUGEINT",
        "DOUBLE",
        "FLOAT",
        "REAL",
        "BOOLEAN",
        "VARCHAR",
        "TEXT",
        "CHAR",
        "STRING",
        "DATE",
        "TIMESTAMP",
        "TIMESTAMP_S",
        "TIMESTAMP_MS",
        "TIMESTAMP_NS",
        "INTERVAL",
        "BLOB",
    ]
)
_CLASSES = frozenset(
    {"CONSTANT", "COLUMN_REF", "FUNCTION", "CASE", "CAST", "COMPARISON", "CONJUNCTION", "OPERATOR", "BETWEEN"}
)
_OPERATORS = frozenset(
    {
        "OPERATOR_NOT",
        "OPERATOR_IS_NULL",
        "OPERATOR_IS_NOT_NULL",
        "OPERATOR_COALESCE",
        "COMPARE_IN",
        "COMPARE_NOT_IN",
    }
)
_PADDED = frozenset({"lpad", "rpad"})
_MAX_PADDED = 4000
_MAX_NODES = 500
_MEMORY = "512MB"


def check_expression(text: str, field: str) -> None:
    """Raises BadPlan, with `field` in its sentence, unless `text` is one expression that is allowed."""
    connection = _locked()
    try:
        serialised = connection.execute("select json_serialize_sql(?)", ["select " + text]).fetchone()
    except duckdb.Error as error:
        raise BadPlan(f"{field} is not an expression that can be read: {_first_line(error)}") from error
    finally:
        connection.close()
    assert serialised is not None
    tree = json.loads(serialised[0])
    if tree["error"]:
        raise BadPlan(f"{field} is not an SQL expression: {tree.get('error_message', 'syntax error')}.")
    node = tree["statements"][0]["node"] if len(tree["statements"]) == 1 else {}
    if (
        node.get("type") != "SELECT_NODE"
        or node["from_table"]["type"] != "EMPTY"
        or len(node["select_list"]) != 1
        or any(
            node.get(part) for part in ("where_clause", "group_expressions", "having", "qualify", "sample")
        )
        or node.get("modifiers")
        or node["cte_map"]["map"]
    ):
        raise BadPlan(f"{field} must be one expression over `value`, for example upper(trim(value)).")
    _check_node(node["select_list"][0], field, [0])


def evaluate(
    a: pa.Array, b: pa.Array, value_type: ValueType, rule: ColumnRule, name: str
) -> tuple[pa.Array, pa.Array, ValueType]:
    """Both sides after their expressions, in the storage form of the type that both have then.

    Raises BadPlan when an expression fails on a value or the two results cannot be compared.
    """
    if value_type.kind is Kind.NUMBER:
        a, b = _as_decimals(a, b, name)
    connection = _locked()
    try:
        after_a = _applied(connection, a, rule.expression_a)
        after_b = _applied(connection, b, rule.expression_b)
    except duckdb.Error as error:
        raise BadPlan(f"The expression of {name} fails: {_first_line(error)}") from error
    finally:
        connection.close()
    type_a, type_b = type_of_arrow(after_a.type), type_of_arrow(after_b.type)
    common = None if type_a is None or type_b is None else common_type(type_a, type_b)
    if common is None or type_a is None or type_b is None:
        raise BadPlan(
            f"The expressions of {name} give {after_a.type} on side A and {after_b.type} on side B, "
            "which cannot be compared; cast one of them."
        )
    try:
        return canonical(after_a, type_a, common), canonical(after_b, type_b, common), common
    except pa.ArrowInvalid as error:
        raise BadPlan(f"A result of the expression of {name} cannot be compared: {error}.") from error


def _applied(connection: duckdb.DuckDBPyConnection, values: pa.Array, expression: str | None) -> pa.Array:
    if expression is None:
        return values
    connection.register("side", pa.table([values, pa.array(range(len(values)))], ["value", "position"]))
    try:
        query = f"select ({expression}) as result, position from side"  # checked by check_expression
        table: pa.Table = connection.sql(query).to_arrow_table()
    finally:
        connection.unregister("side")
    position = table.column(1).to_numpy()
    result = table.column(0).combine_chunks()
    if (position[1:] < position[:-1]).any():
        result = result.take(pa.array(position.argsort()))
    return result


def _as_decimals(a: pa.Array, b: pa.Array, name: str) -> tuple[pa.Array, pa.Array]:
    """Bare NUMBERs as decimals of one scale, so that an expression can reckon with them."""
    whole, fraction = 1, 0
    for side in (a, b):
        for text in side.drop_null().to_pylist():
            before, _, after = text.lstrip("-").partition(".")
            whole, fraction = max(whole, len(before)), max(fraction, len(after))
    if whole + fraction > DECIMAL_DIGITS:
        raise BadPlan(
            f"The numbers of {name} have more than {DECIMAL_DIGITS} digits; an expression cannot reckon with them."
        )
    wanted = pa.decimal128(DECIMAL_DIGITS, fraction)
    return a.cast(wanted), b.cast(wanted)


def _check_node(node: dict[str, Any], field: str, seen: list[int]) -> None:
    seen[0] += 1
    if seen[0] > _MAX_NODES:
        raise BadPlan(f"{field} is too long; an expression has at most {_MAX_NODES} parts.")
    kind = node["class"]
    if kind not in _CLASSES or (kind == "OPERATOR" and node["type"] not in _OPERATORS):
        raise BadPlan(f"{field} may not contain {node['type'].replace('_', ' ').lower()}.")
    if kind == "COLUMN_REF" and [part.lower() for part in node["column_names"]] != ["value"]:
        raise BadPlan(
            f"{field} names {'.'.join(node['column_names'])}; an expression knows nothing but `value`."
        )
    if kind == "CAST" and node["type_expr"].get("type_name", "").upper() not in _TYPES:
        raise BadPlan(f"{field} may not cast to {node['type_expr'].get('type_name', 'this type')}.")
    if kind == "FUNCTION":
        _check_function(node, field)
    for child in _children(node):
        _check_node(child, field, seen)


def _check_function(node: dict[str, Any], field: str) -> None:
    function = node["function_name"].lower()
    if function not in FUNCTIONS or node.get("schema") or node.get("catalog"):
        raise BadPlan(f"{field} may not call {function}.")
    if function in _PADDED:
        arguments = [argument["expression"] for argument in node["arguments"]]
        size = arguments[1].get("literal", {}) if len(arguments) > 1 else {}
        text = str(size.get("text", ""))
        if not text.isdigit() or int(text) > _MAX_PADDED:
            raise BadPlan(f"{field}: {function} needs a length that is a number up to {_MAX_PADDED}.")


def _children(value: object) -> list[dict[str, Any]]:
    """The expressions directly below a node, whatever they are called in it."""
    found: list[dict[str, Any]] = []
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        if isinstance(part, dict) and "class" in part and part["class"] != "TYPE":
            found.append(part)
        elif isinstance(part, dict | list):
            found += _children(part)
    return found


def _locked() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(
        ":memory:",
        config={
            "enable_external_access": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "memory_limit": _MEMORY,
            "threads": 1,
            "lock_configuration": True,
        },
    )


def _first_line(error: duckdb.Error) -> str:
    return str(error).splitlines()[0].rstrip(".") + "."
