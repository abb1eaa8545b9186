"""Writing the primitives of a response."""

from __future__ import annotations

from app.localdb.wire.constants import CHUNK, LONG_LENGTH, MAX_SHORT

SHORT = tuple(bytes((n,)) for n in range(MAX_SHORT + 1))
_SMALL = 4096
_UB = tuple(
    b"\0" if n == 0 else bytes((1, n)) if n < 256 else b"\x02" + n.to_bytes(2, "big") for n in range(_SMALL)
)


def ub(value: int) -> bytes:
    """An unsigned integer of up to 64 bits: length byte, then big-endian bytes."""
    if 0 <= value < _SMALL:
        return _UB[value]
    if value <= 0xFFFF:
        return b"\x02" + value.to_bytes(2, "big")
    if value <= 0xFFFFFFFF:
        return b"\x04" + value.to_bytes(4, "big")
    return b"\x08" + value.to_bytes(8, "big")


def sb(value: int) -> bytes:
    """A signed integer: the sign is the high bit of the length byte."""
    if value >= 0:
        return ub(value)
    encoded = ub(-value)
    return bytes((encoded[0] | 0x80,)) + encoded[1:]


def data(value: bytes) -> bytes:
    """A byte string with its length before it; longer than 252 bytes, in chunks. Empty is NULL."""
    if len(value) <= MAX_SHORT:
        return SHORT[len(value)] + value
    parts = [bytes((LONG_LENGTH,))]
    for start in range(0, len(value), CHUNK):
        piece = value[start : start + CHUNK]
        parts += (ub(len(piece)), piece)
    parts.append(b"\0")
    return b"".join(parts)


def data2(value: bytes) -> bytes:
    """A byte string with two lengths before it."""
    return ub(len(value)) + data(value) if value else b"\0"


def text2(value: str) -> bytes:
    return data2(value.encode())


def pair(key: str, value: str, flags: int = 0) -> bytes:
    return text2(key) + text2(value) + ub(flags)
