"""Compiled expressions and the places that can be assigned to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.localdb.contract import OraType
from app.localdb.plsql.failures import failure
from app.localdb.plsql.runtime import Frame, Run
from app.localdb.plsql.types import CollectionType, NullType, RecordType, Scalar, Type
from app.localdb.plsql.values import Collection, Record

Store = Callable[[Frame, Any], None]


@dataclass(slots=True)
class Code:
    """An expression ready to run, with its static type. `literal` marks text literals (they are CHAR)."""

    run: Run
    type: Type
    literal: bool = False


FAMILIES = {
    OraType.NUMBER: "n",
    OraType.BINARY_INTEGER: "n",
    OraType.BINARY_DOUBLE: "d",
    OraType.BINARY_FLOAT: "d",
    OraType.VARCHAR2: "s",
    OraType.CHAR: "s",
    OraType.LONG: "s",
    OraType.ROWID: "s",
    OraType.UROWID: "s",
    OraType.CLOB: "c",
    OraType.BLOB: "B",
    OraType.RAW: "r",
    OraType.LONG_RAW: "r",
    OraType.DATE: "D",
    OraType.TIMESTAMP: "T",
    OraType.TIMESTAMP_TZ: "Z",
    OraType.TIMESTAMP_LTZ: "Z",
    OraType.INTERVAL_DS: "I",
    OraType.INTERVAL_YM: "Y",
    OraType.BOOLEAN: "b",
    OraType.CURSOR: "k",
    OraType.JSON: "j",
}


def family(type_: Type) -> str:
    """One letter for the kind of a type: n number, d double, s text, c CLOB, B BLOB, r RAW, D date,
    T timestamp, Z with time zone, I and Y intervals, b boolean, k cursor, 0 NULL, R record, C collection."""
    if isinstance(type_, Scalar):
        return FAMILIES[type_.ora]
    if isinstance(type_, NullType):
        return "0"
    if isinstance(type_, RecordType):
        return "R"
    if isinstance(type_, CollectionType):
        return "C"
    return "k"


class Place:
    """Something that can stand left of := . `load` reads it, `store` fits a value into it, `container` gives
    the composite inside it for a change of one of its parts."""

    def __init__(
        self, name: str, type_: Type, load: Run, store: Store | None, *, container: Run | None = None
    ) -> None:
        """Without `store` the place can only be read."""
        self.name = name
        self.type = type_
        self.load = load
        self.store = store or _read_only
        self.writable = store is not None
        self.container = container or load


def _read_only(frame: Frame, value: Any) -> None:
    raise AssertionError("the compiler lets nobody assign here")


def loader(distance: int, slot: int) -> Run:
    """Reads slot `slot` of the frame `distance` levels out."""
    if distance == 0:
        return lambda f: f.v[slot]
    if distance == 1:
        return lambda f: f.up.v[slot]  # type: ignore[union-attr]
    if distance == 2:
        return lambda f: f.up.up.v[slot]  # type: ignore[union-attr]

    def load(frame: Frame) -> Any:
        return outer(frame, distance).v[slot]

    return load


def outer(frame: Frame, distance: int) -> Frame:
    """The frame `distance` levels out."""
    for _ in range(distance):
        assert frame.up is not None
        frame = frame.up
    return frame


def variable_place(name: str, distance: int, slot: int, type_: Type, writable: bool) -> Place:
    """A variable of this or an outer frame."""
    fit = type_.fit

    def store(frame: Frame, value: Any) -> None:
        frame.v[slot] = fit(value)

    def store_outside(frame: Frame, value: Any) -> None:
        outer(frame, distance).v[slot] = fit(value)

    keep = store if distance == 0 else store_outside
    return Place(name, type_, loader(distance, slot), keep if writable else None)


def package_place(
    name: str, state: Callable[[Frame], Frame], slot: int, type_: Type, writable: bool
) -> Place:
    """A variable of another package; `state` finds the session's frame of that package."""
    fit = type_.fit

    def store(frame: Frame, value: Any) -> None:
        state(frame).v[slot] = fit(value)

    return Place(name, type_, lambda f: state(f).v[slot], store if writable else None)


def field_place(parent: Place, index: int, type_: Type, name: str) -> Place:
    """A field of a record."""
    load, container, fit = parent.load, parent.container, type_.fit

    def store(frame: Frame, value: Any) -> None:
        record: Record = container(frame)
        record.values[index] = fit(value)

    return Place(
        f"{parent.name}.{name}",
        type_,
        lambda f: load(f).values[index],
        store if parent.writable else None,
        container=lambda f: container(f).values[index],
    )


def element_place(parent: Place, index: Run, type_: Type) -> Place:
    """An element of a collection. A change of a part of it makes the element of an index-by table."""
    load, container, fit = parent.load, parent.container, type_.fit

    def store(frame: Frame, value: Any) -> None:
        collection: Collection = container(frame)
        collection.put(index(frame), fit(value))

    def inside(frame: Frame) -> Any:
        collection: Collection = container(frame)
        key = index(frame)
        if collection.type.kind == "INDEX BY" and not collection.exists(key):
            collection.put(key, type_.initial())
        found = collection.get(key)
        if found is None:
            raise failure(6530)
        return found

    return Place(
        parent.name,
        type_,
        lambda f: load(f).get(index(f)),
        store if parent.writable else None,
        container=inside,
    )
