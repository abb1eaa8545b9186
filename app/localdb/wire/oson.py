"""OSON, the binary form in which values of the type JSON travel.

Inside the server such a value is JSON text. A value that JSON has no form for stands in it as an object with the
one name `MARK` and a pair: what it is, and its text (see `_FROM_MARKED`).

The format: a header (magic, version, flags), unless the value is a scalar the table of its field names (hashes,
offsets, names; those longer than 255 bytes in a table of their own), and the tree of nodes. A node is one byte that
tells its type, then its value, or its children as offsets from the start of the tree. Facts: python-oracledb 26.1,
impl/base/oson.pyx and constants.pxi.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from app.localdb.contract import IntervalYM
from app.localdb.errors import OracleError
from app.localdb.wire.numbers import (
    decode_double,
    decode_float,
    decode_number,
    encode_decimal,
    encode_double,
    encode_float,
)
from app.localdb.wire.times import (
    decode_date,
    decode_interval_ds,
    decode_interval_ym,
    encode_date,
    encode_interval_ds,
    encode_interval_ym,
    encode_timestamp,
    encode_zoned,
)

MARK = "\1"  # no name that anybody writes
MARKED = rb'"\u0001": ['  # how PostgreSQL writes such an object
MAGIC = b"\xff\x4a\x5a"
_SHORT_NAMES, _LONG_NAMES = 1, 3  # versions

# flags of the header
_RELATIVE_OFFSETS, _INLINE_LEAF, _LENGTH_IN_NODE = 0x01, 0x02, 0x04
_NAMES_UINT32, _SCALAR, _HASH_UINT8, _NAMES_UINT16 = 0x08, 0x10, 0x100, 0x400
_NAMES_SEGMENT_UINT32, _TREE_UINT32, _TINY_NODES = 0x800, 0x1000, 0x2000
_LONG_OFFSETS_UINT16 = 0x100  # of the second flags

_NULL, _TRUE, _FALSE = 0x30, 0x31, 0x32
_STRING8, _NUMBER8, _STRING16, _STRING32 = 0x33, 0x34, 0x37, 0x38
_BINARY16, _BINARY32, _ID = 0x3A, 0x3B, 0x7E
_OBJECT, _ARRAY = 0x84, 0xC0
_FIXED: dict[int, tuple[int, str, Callable[[bytes], str]]] = {  # bytes, name in a marked pair, its text
    0x3C: (7, "date", lambda raw: decode_date(raw).isoformat()),
    0x7D: (7, "timestamp", lambda raw: decode_date(raw).isoformat()),
    0x39: (11, "timestamp", lambda raw: decode_date(raw).isoformat()),
    0x7C: (13, "timestamptz", lambda raw: decode_date(raw).replace(tzinfo=None).isoformat()),
    0x36: (8, "double", lambda raw: repr(decode_double(raw))),
    0x7F: (4, "float", lambda raw: repr(decode_float(raw))),
    0x3E: (11, "ds", lambda raw: str(decode_interval_ds(raw) // timedelta(microseconds=1))),
    0x3D: (5, "ym", lambda raw: str(decode_interval_ym(raw).months)),
}


def _binary(text: str) -> bytes:
    raw = bytes.fromhex(text)
    size = (
        bytes((_BINARY16,)) + struct.pack(">H", len(raw))
        if len(raw) < 65536
        else bytes((_BINARY32,)) + struct.pack(">I", len(raw))
    )
    return size + raw


def _timestamp(text: str) -> bytes:
    encoded = encode_timestamp(datetime.fromisoformat(text))
    return bytes((0x7D if len(encoded) == 7 else 0x39,)) + encoded


_FROM_MARKED: dict[str, Callable[[str], bytes]] = {
    "raw": _binary,
    "date": lambda text: b"\x3c" + encode_date(datetime.fromisoformat(text)),
    "timestamp": _timestamp,
    "timestamptz": lambda text: b"\x7c" + encode_zoned(datetime.fromisoformat(text)),
    "double": lambda text: b"\x36" + encode_double(float(text)),
    "float": lambda text: b"\x7f" + encode_float(float(text)),
    "ds": lambda text: b"\x3e" + encode_interval_ds(timedelta(microseconds=int(text))),
    "ym": lambda text: b"\x3d" + encode_interval_ym(IntervalYM(int(text))),
}


def to_json(raw: bytes) -> str:
    """The JSON text of an OSON value. Raises OracleError ORA-40441 for bytes that are none."""
    try:
        return _Decoder(raw).text()
    except (IndexError, ValueError, OverflowError, RecursionError) as error:
        raise OracleError(40441, "JSON syntax error") from error


def from_json(text: str) -> bytes:
    """The OSON value of a JSON text, which PostgreSQL has checked. Raises OracleError ORA-40441 when it is nested
    too deeply to be sent."""
    try:
        return _Encoder(json.loads(text, parse_float=Decimal)).encoded()
    except RecursionError as error:
        raise OracleError(40441, "JSON syntax error: nested too deeply") from error


class _Decoder:
    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0
        self._tree = 0
        self._relative = False
        self._id_size = 1
        self._names: list[str] = []

    def text(self) -> str:
        if self._take(3) != MAGIC:
            raise ValueError("not OSON")
        version = self._uint(1)
        if version not in (_SHORT_NAMES, _LONG_NAMES):
            raise ValueError("another version of OSON")
        flags = self._uint(2)
        self._relative = bool(flags & _RELATIVE_OFFSETS)
        tree_size = 4 if flags & _TREE_UINT32 else 2
        if flags & _SCALAR:
            self._take(tree_size)
            return self._node()
        self._id_size = 4 if flags & _NAMES_UINT32 else 2 if flags & _NAMES_UINT16 else 1
        short = self._uint(self._id_size)
        short_offset = 4 if flags & _NAMES_SEGMENT_UINT32 else 2
        short_size = self._uint(short_offset)
        long = long_size = 0
        long_offset = 2
        if version == _LONG_NAMES:
            long_offset = 2 if self._uint(2) & _LONG_OFFSETS_UINT16 else 4
            long, long_size = self._uint(4), self._uint(4)
        self._take(tree_size + 2)  # and the number of tiny nodes
        self._read_names(short, short_offset, short_size, 1)
        self._read_names(long, long_offset, long_size, 2)
        self._tree = self._at
        return self._node()

    def _read_names(self, count: int, offset_size: int, size: int, length_size: int) -> None:
        """A table of names: hashes as wide as the lengths, offsets, names with their lengths before them."""
        self._take(count * length_size)
        offsets = [self._uint(offset_size) for _ in range(count)]
        segment = self._take(size)
        for offset in offsets:
            start = offset + length_size
            length = int.from_bytes(segment[offset:start], "big")
            name = segment[start : start + length]
            if len(name) < length or start > size:
                raise ValueError("a name beyond its segment")
            self._names.append(json.dumps(name.decode()))

    def _take(self, count: int) -> bytes:
        found = self._raw[self._at : self._at + count]
        if len(found) < count:
            raise ValueError("OSON ends too early")
        self._at += count
        return found

    def _uint(self, size: int) -> int:
        return int.from_bytes(self._take(size), "big")

    def _node(self) -> str:
        start = self._at - self._tree
        kind = self._uint(1)
        if kind & 0x80:
            return self._container(kind, start)
        if kind in _FIXED:
            size, name, text = _FIXED[kind]
            return _marked(name, text(self._take(size)))
        if kind in (_NULL, _TRUE, _FALSE):
            return {_NULL: "null", _TRUE: "true", _FALSE: "false"}[kind]
        if kind in (_STRING8, _STRING16, _STRING32):
            size = {_STRING8: 1, _STRING16: 2, _STRING32: 4}[kind]
            return json.dumps(self._take(self._uint(size)).decode())
        if kind in (_BINARY16, _BINARY32, _ID):
            size = {_ID: 1, _BINARY16: 2, _BINARY32: 4}[kind]
            return _marked("raw", self._take(self._uint(size)).hex())
        if kind == _NUMBER8:
            return _number(self._take(self._uint(1)))
        if kind & 0xF0 in (0x20, 0x60):
            return _number(self._take((kind & 0x0F) + 1))
        if kind & 0xF0 in (0x40, 0x50):
            return _number(self._take(kind & 0x0F))
        if kind & 0xE0 == 0:
            return json.dumps(self._take(kind).decode())
        raise ValueError(f"a node of type {kind}")

    def _container(self, kind: int, start: int) -> str:
        is_object, wide = not kind & 0x40, 4 if kind & 0x20 else 2
        ids_at = 0
        if kind & 0x18 == 0x18:  # its field names are those of another object
            other = self._uint(wide)
            values_at = self._at
            self._at = self._tree + other
            count = self._count(self._uint(1))
            ids_at = self._at
        else:
            count = self._count(kind)
            ids_at = self._at
            values_at = self._at + (self._id_size * count if is_object else 0)
        if count * wide > len(self._raw):
            raise ValueError("more children than bytes")
        parts = []
        for index in range(count):
            name = ""
            if is_object:
                self._at = ids_at + index * self._id_size
                name = self._names[self._uint(self._id_size) - 1] + ":"
            self._at = values_at + index * wide
            offset = self._uint(wide) + (start if self._relative else 0)
            self._at = self._tree + offset
            parts.append(name + self._node())
        return f"{{{','.join(parts)}}}" if is_object else f"[{','.join(parts)}]"

    def _count(self, kind: int) -> int:
        return self._uint({0: 1, 0x08: 2, 0x10: 4}[kind & 0x18])


def _number(raw: bytes) -> str:
    value = Decimal(decode_number(raw))
    if not value.is_finite():
        raise ValueError("an infinite number")
    return f"{value:f}"


def _marked(name: str, text: str) -> str:
    return json.dumps({MARK: [name, text]})


class _Encoder:
    def __init__(self, value: Any) -> None:
        self._value = value
        self._ids: dict[str, int] = {}
        self._id_size = 1
        self._tree = bytearray()

    def encoded(self) -> bytes:
        flags = _INLINE_LEAF | _LENGTH_IN_NODE
        if not isinstance(self._value, list | dict) or _is_marked(self._value):
            self._write(self._value)
            wide = len(self._tree) > 65535
            flags |= _SCALAR | (_TREE_UINT32 if wide else 0)
            head = MAGIC + struct.pack(">BH", _SHORT_NAMES, flags)
            return head + struct.pack(">I" if wide else ">H", len(self._tree)) + bytes(self._tree)
        names: dict[str, None] = {}
        _collect(self._value, names)
        short, long = _Names(1), _Names(2)
        for name in names:
            (short if len(name.encode()) <= 255 else long).add(name)
        ordered = short.ordered() + long.ordered()
        self._ids = {name: number for number, name in enumerate(ordered, 1)}
        self._id_size = 4 if len(ordered) > 65535 else 2 if len(ordered) > 255 else 1
        self._write(self._value)
        flags |= _HASH_UINT8 | _TINY_NODES
        flags |= {1: 0, 2: _NAMES_UINT16, 4: _NAMES_UINT32}[self._id_size]
        flags |= (_NAMES_SEGMENT_UINT32 if short.wide else 0) | (
            _TREE_UINT32 if len(self._tree) > 65535 else 0
        )
        parts = [MAGIC, struct.pack(">BH", _LONG_NAMES if long.names else _SHORT_NAMES, flags)]
        parts.append(len(short.names).to_bytes(self._id_size, "big"))
        parts.append(len(short.segment).to_bytes(4 if short.wide else 2, "big"))
        if long.names:
            second = 0 if long.wide else _LONG_OFFSETS_UINT16
            parts.append(struct.pack(">HII", second, len(long.names), len(long.segment)))
        parts.append(len(self._tree).to_bytes(4 if flags & _TREE_UINT32 else 2, "big"))
        parts += [bytes(2), short.encoded(), long.encoded(), bytes(self._tree)]
        return b"".join(parts)

    def _write(self, value: Any) -> None:
        tree = self._tree
        if isinstance(value, dict) and not _is_marked(value):
            ids = b"".join(self._ids[name].to_bytes(self._id_size, "big") for name in value)
            self._children(_OBJECT, ids, list(value.values()))
        elif isinstance(value, list):
            self._children(_ARRAY, b"", value)
        elif isinstance(value, dict):
            name, text = value[MARK]
            tree += _FROM_MARKED[name](text)
        elif value is None or isinstance(value, bool):
            tree.append(_NULL if value is None else _TRUE if value else _FALSE)
        elif isinstance(value, str):
            raw = value.encode("utf-8", "surrogatepass")
            size = 1 if len(raw) < 256 else 2 if len(raw) < 65536 else 4
            tree.append({1: _STRING8, 2: _STRING16, 4: _STRING32}[size])
            tree += len(raw).to_bytes(size, "big") + raw
        else:
            raw = encode_decimal(value)
            tree += bytes((_NUMBER8, len(raw))) + raw

    def _children(self, kind: int, ids: bytes, values: list[Any]) -> None:
        """Type, number of children, field ids, offsets (4 bytes each); the children follow."""
        tree = self._tree
        size = 1 if len(values) < 256 else 2 if len(values) < 65536 else 4
        tree.append(kind | 0x20 | {1: 0, 2: 0x08, 4: 0x10}[size])
        tree += len(values).to_bytes(size, "big") + ids
        at = len(tree)
        tree += bytes(4 * len(values))
        for value in values:
            tree[at : at + 4] = len(tree).to_bytes(4, "big")
            at += 4
            self._write(value)


class _Names:
    """A table of field names whose lengths take one byte or two."""

    def __init__(self, length_size: int) -> None:
        self._length_size = length_size
        self.segment = bytearray()
        self.names: list[tuple[int, bytes, int]] = []  # hash, name, its offset

    @property
    def wide(self) -> bool:
        return len(self.segment) > 65535

    def add(self, name: str) -> None:
        raw = name.encode()
        self.names.append((_hash(raw), raw, len(self.segment)))
        self.segment += len(raw).to_bytes(self._length_size, "big") + raw

    def ordered(self) -> list[str]:
        """Sort them as OSON wants it: by the last byte of the hash, then the length, then the name."""
        self.names.sort(key=lambda item: (item[0] & 0xFF, len(item[1]), item[1]))
        return [raw.decode() for _, raw, _ in self.names]

    def encoded(self) -> bytes:
        size, mask = self._length_size, 256**self._length_size - 1
        hashes = b"".join((hashed & mask).to_bytes(size, "big") for hashed, _, _ in self.names)
        offset_size = 4 if self.wide else 2
        offsets = b"".join(offset.to_bytes(offset_size, "big") for _, _, offset in self.names)
        return hashes + offsets + bytes(self.segment)


def _hash(name: bytes) -> int:
    """FNV-1a, 32 bits."""
    found = 0x811C9DC5
    for byte in name:
        found = ((found ^ byte) * 16777619) & 0xFFFFFFFF
    return found


def _is_marked(value: object) -> bool:
    return isinstance(value, dict) and len(value) == 1 and MARK in value


def _collect(value: object, names: dict[str, None]) -> None:
    """Every field name in a value, once."""
    pending = [value]
    while pending:
        found = pending.pop()
        if isinstance(found, list):
            pending += found
        elif isinstance(found, dict) and not _is_marked(found):
            names |= dict.fromkeys(found)
            pending += found.values()
