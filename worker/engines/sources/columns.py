"""The columns of an Arrow schema as an engine wants them described."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from worker.engines.errors import FileFailed
from worker.engines.sources.base import ColumnInfo
from worker.engines.sources.memory import type_name
from worker.engines.values import Kind, ValueType, type_of_arrow


def columns_of(schema: pa.Schema, name: str) -> list[ColumnInfo]:
    """All columns of the top level. Raises FileFailed when two have the same name; `name` is the file's."""
    seen: set[str] = set()
    for column in schema.names:
        if column in seen:
            raise FileFailed(f"{name} has two columns named {column}; give each its own name.")
        seen.add(column)
    return [
        column_of(field.name, field.type, type_of_arrow(field.type), nullable=field.nullable)
        for field in schema
    ]


def column_of(
    name: str,
    arrow_type: pa.DataType,
    value_type: ValueType | None,
    *,
    nullable: bool = True,
    declared: bool = True,
) -> ColumnInfo:
    """One column; its Oracle type is the one that would hold its values."""
    fixed = value_type if value_type is not None and value_type.kind is Kind.DECIMAL else None
    return ColumnInfo(
        name=name,
        oracle_type=type_name(value_type, arrow_type),
        value_type=value_type,
        arrow_type=arrow_type,
        precision=fixed.precision if fixed else None,
        scale=fixed.scale if fixed else None,
        nullable=nullable,
        declared=declared,
    )


def typed(columns: list[ColumnInfo], types: Mapping[str, ValueType]) -> list[ColumnInfo]:
    """The columns with other value types for some of them, delivered as these types are stored."""
    return [
        column_of(c.name, types[c.name].storage, types[c.name], nullable=c.nullable, declared=c.declared)
        if c.name in types
        else c
        for c in columns
    ]
