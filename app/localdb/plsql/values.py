"""Composite values at run time: records, collections, cursors."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from typing import TYPE_CHECKING, Any

from app.localdb.plsql.failures import failure, value_error

if TYPE_CHECKING:
    from app.localdb.plsql.types import CollectionType, RecordType


class Record:
    """One record; `values` in the order of its type's fields."""

    __slots__ = ("type", "values")

    def __init__(self, type_: RecordType, values: list[Any]) -> None:
        self.type = type_
        self.values = values

    def copy(self) -> Record:
        return Record(self.type, [copied(v) for v in self.values])


class Collection:
    """An index-by table, nested table or varray.

    `items` maps index to element; `order` holds the indexes sorted, or None when it must be made anew.
    Nested tables and varrays count from 1; `extent` is their last index that exists or was deleted.
    """

    __slots__ = ("extent", "initialised", "items", "order", "type")

    def __init__(self, type_: CollectionType, initialised: bool, values: list[Any] | None = None) -> None:
        self.type = type_
        self.initialised = initialised or values is not None
        self.items: dict[Any, Any] = dict(enumerate(values, 1)) if values else {}
        self.extent = len(self.items)
        self.order: list[Any] | None = None

    def copy(self) -> Collection:
        other = Collection(self.type, self.initialised)
        other.items = {k: copied(v) for k, v in self.items.items()}
        other.extent = self.extent
        return other

    def load(self, values: list[Any]) -> None:
        """Replace everything by `values`, from index 1 (BULK COLLECT)."""
        if self.type.limit and len(values) > self.type.limit:
            raise failure(6532)
        self.items = dict(enumerate(values, 1))
        self.extent = len(values)
        self.order = None
        self.initialised = True

    def keys(self) -> list[Any]:
        if self.order is None:
            self.order = sorted(self.items)
        return self.order

    def elements(self) -> list[Any]:
        """The elements in index order; ORA-06531 when the collection is NULL."""
        self.check()
        items = self.items
        return [items[k] for k in self.keys()]

    def check(self) -> None:
        if not self.initialised:
            raise failure(6531)

    def key(self, index: Any) -> Any:
        """`index` as this collection keeps it."""
        key_type = self.type.key
        if index is None:
            raise value_error("NULL index table key value") if key_type is not None else value_error()
        if key_type is not None:
            return key_type.fit(index)
        return index if type(index) is int else int(index)

    def get(self, index: Any) -> Any:
        key = index if type(index) is int and self.type.key is None else self.key(index)
        try:
            return self.items[key]
        except KeyError:
            raise self.missing(key) from None

    def missing(self, key: Any) -> Exception:
        self.check()
        if self.type.kind != "INDEX BY":
            if key < 1:
                return failure(6532)
            if key > self.extent:
                return failure(6533)
        return failure(1403)

    def put(self, index: Any, value: Any) -> None:
        key = self.key(index)
        if key not in self.items:
            if self.type.kind == "INDEX BY":
                self.added(key)
            else:
                self.check()
                if key < 1 or (self.type.limit and key > self.type.limit):
                    raise failure(6532)
                if key > self.extent:
                    raise failure(6533)
                self.added(key)
        self.items[key] = value

    def added(self, key: Any) -> None:
        if self.order is not None:
            if not self.order or key > self.order[-1]:
                self.order.append(key)
            else:
                insort(self.order, key)

    # Methods

    def count(self) -> int:
        self.check()
        return len(self.items)

    def first(self) -> Any:
        self.check()
        keys = self.keys()
        return keys[0] if keys else None

    def last(self) -> Any:
        self.check()
        keys = self.keys()
        return keys[-1] if keys else None

    def next(self, index: Any) -> Any:
        self.check()
        keys = self.keys()
        at = bisect_right(keys, self.key(index))
        return keys[at] if at < len(keys) else None

    def prior(self, index: Any) -> Any:
        self.check()
        keys = self.keys()
        at = bisect_left(keys, self.key(index))
        return keys[at - 1] if at else None

    def exists(self, index: Any) -> bool:
        return index is not None and self.key(index) in self.items

    def limit(self) -> int | None:
        self.check()
        return self.type.limit or None

    def extend(self, count: int = 1, source: Any = None) -> None:
        self.check()
        if self.type.limit and self.extent + count > self.type.limit:
            raise failure(6532)
        value = self.get(source) if source is not None else None
        for _ in range(count):
            self.extent += 1
            new = copied(value) if source is not None else self.type.element.initial()
            self.added(self.extent)
            self.items[self.extent] = new

    def trim(self, count: int = 1) -> None:
        self.check()
        if count > self.extent:
            raise failure(6533)
        for key in range(self.extent - count + 1, self.extent + 1):
            self.items.pop(key, None)
        self.extent -= count
        self.order = None

    def delete(self, low: Any = None, high: Any = None, *, count: int = 0) -> None:
        """DELETE without arguments (`count` 0), of one index, or of a range."""
        self.check()
        self.order = None
        if count == 0:
            self.items.clear()
            self.extent = 0
            return
        if self.type.kind == "VARRAY":
            raise value_error()
        if low is None or (count == 2 and high is None):
            return
        if count == 1:
            self.items.pop(self.key(low), None)
            return
        first, last = self.key(low), self.key(high)
        for key in [k for k in self.items if first <= k <= last]:
            del self.items[key]


class CursorHandle:
    """What a cursor variable points to: an open result with its attributes. Shared when assigned."""

    __slots__ = (
        "abandoned", "compiled", "found", "is_open", "result", "row_count", "row_type", "rowid", "with_rowid",
    )  # fmt: skip

    def __init__(self) -> None:
        self.abandoned: list[Any] | None = None
        self.result: Any = None  # the session's cursor
        self.compiled: Any = None
        self.is_open = False
        self.found: bool | None = None
        self.row_count = 0
        self.row_type: RecordType | None = None
        self.with_rowid = False  # the last column is the row's rowid, for WHERE CURRENT OF
        self.rowid: Any = None

    def __del__(self) -> None:
        """An open result that nobody can name any more is closed by its session at the end of the call: this
        may run in any thread."""
        if self.is_open and self.abandoned is not None:
            self.abandoned.append(self.result)


def copied(value: Any) -> Any:
    """Composites are assigned by value."""
    if isinstance(value, Record | Collection):
        return value.copy()
    return value
