"""Sources over other sources: columns under other names, columns as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import pyarrow as pa

from worker.engines.canonical import canonical
from worker.engines.display import texts
from worker.engines.errors import BadPlan
from worker.engines.sources.base import ColumnInfo, DeclaredKey, Source, Untyped
from worker.engines.sources.columns import column_of
from worker.engines.sources.text_types import Misfit, read_as
from worker.engines.values import Kind, ValueType

_TEXT = ValueType(Kind.TEXT)


class Wrapped:
    """Another source as it is; a base for those that change something."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.name = source.name
        self.by_column = source.by_column

    @property
    def scn(self) -> int | None:
        """That of the other source."""
        return self._source.scn

    def schema(self) -> list[ColumnInfo]:
        """That of the other source."""
        return self._source.schema()

    def declared_keys(self) -> list[DeclaredKey]:
        """Those of the other source."""
        return self._source.declared_keys()

    def estimated_rows(self) -> int | None:
        """That of the other source."""
        return self._source.estimated_rows()

    def pieces(self) -> int:
        """Those of the other source."""
        return self._source.pieces()

    def batches(self, columns: Sequence[str], pieces: range | None = None) -> Iterator[pa.RecordBatch]:
        """Those of the other source."""
        return self._source.batches(columns, pieces)

    def account(self) -> dict[str, Any]:
        """That of the other source."""
        return self._source.account()


class Renamed(Wrapped):
    """Columns under other names: `names` maps the source's own name, in any case, to the new one."""

    def __init__(self, source: Source, names: Mapping[str, str]) -> None:
        super().__init__(source)
        wanted = {own.upper(): new for own, new in names.items()}
        own_names = {column.name.upper(): column.name for column in source.schema()}
        if missing := [own for own in names if own.upper() not in own_names]:
            raise BadPlan(
                f"{source.name} has no column {missing[0]}, which should be compared under another name."
            )
        self._new = {own: wanted.get(upper, own) for upper, own in own_names.items()}
        self._own = {new: own for own, new in self._new.items()}
        folded = [new.upper() for new in self._new.values()]
        if twice := [new for new in self._own if folded.count(new.upper()) > 1]:
            raise BadPlan(f"{source.name} would have two columns named {twice[0]}.")

    @property
    def source(self) -> Source:
        """The source under its own names."""
        return self._source

    @property
    def own_names(self) -> Mapping[str, str]:
        """The source's own name of each column, by its new one."""
        return self._own

    def schema(self) -> list[ColumnInfo]:
        """All columns under their new names."""
        return [replace(column, name=self._new[column.name]) for column in self._source.schema()]

    def declared_keys(self) -> list[DeclaredKey]:
        """The keys under the new names of their columns."""
        return [
            DeclaredKey(key.origin, tuple(self._new[name] for name in key.columns))
            for key in self._source.declared_keys()
        ]

    def batches(self, columns: Sequence[str], pieces: range | None = None) -> Iterator[pa.RecordBatch]:
        """The rows, with columns named anew."""
        for batch in self._source.batches([self._own[name] for name in columns], pieces):
            yield batch.rename_columns(list(columns))

    def as_types(self, types: Mapping[str, ValueType]) -> Self:
        """As `Untyped`, where the source is."""
        assert isinstance(self._source, Untyped)
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._source = self._source.as_types({self._own[name]: t for name, t in types.items()})
        return other

    def misfits(self, types: Mapping[str, ValueType]) -> dict[str, str]:
        """As `Untyped`, where the source is."""
        assert isinstance(self._source, Untyped)
        found = self._source.misfits({self._own[name]: t for name, t in types.items()})
        return {self._new[own]: where for own, where in found.items()}

    def account(self) -> dict[str, Any]:
        """With the names that were changed."""
        changed = {own: new for own, new in self._new.items() if own != new}
        return {**self._source.account(), "columns_renamed": changed}


class AsText(Wrapped):
    """Some columns as text: values that are of the type given for a column in its one way of writing, others
    as they are. `reasons` says for each column why."""

    def __init__(self, source: Source, types: Mapping[str, ValueType], reasons: Mapping[str, str]) -> None:
        super().__init__(source)
        self._types = types
        self._reasons = reasons
        self._own = {column.name: column for column in source.schema()}

    def schema(self) -> list[ColumnInfo]:
        """All columns, these as text."""
        return [
            replace(
                column_of(c.name, pa.large_string(), _TEXT, declared=c.declared), oracle_type=c.oracle_type
            )
            if c.name in self._types
            else c
            for c in self._source.schema()
        ]

    def batches(self, columns: Sequence[str], pieces: range | None = None) -> Iterator[pa.RecordBatch]:
        """The rows, these columns as text."""
        for batch in self._source.batches(columns, pieces):
            arrays = [
                self._text(name, array) if name in self._types else array
                for name, array in zip(columns, batch.columns, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(arrays, list(columns))

    def account(self) -> dict[str, Any]:
        """With the reasons."""
        return {**self._source.account(), "compared_as_text": dict(self._reasons)}

    def _text(self, name: str, array: pa.Array) -> pa.Array:
        own, wanted = self._own[name], self._types[name]
        assert own.value_type is not None
        if own.value_type.kind is not Kind.TEXT:
            stored = canonical(array, own.value_type, own.value_type, padded=own.padded)
            return pa.array(texts(stored, own.value_type), pa.large_string())
        encoded = array.dictionary_encode()
        written = [_one_way(text, wanted) for text in encoded.dictionary.to_pylist()]
        return pa.array(written, pa.large_string()).take(encoded.indices)


def _one_way(text: str, wanted: ValueType) -> str | None:
    value = read_as(pa.array([text], pa.large_string()), wanted)
    return text if isinstance(value, Misfit) else texts(canonical(value, wanted, wanted), wanted)[0]
