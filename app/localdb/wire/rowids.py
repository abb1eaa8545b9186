"""ROWID: 18 characters of base 64 (object 6, file 3, block 6, row 3), to its wire forms."""

from __future__ import annotations

import re

from app.localdb.errors import OracleError
from app.localdb.wire.writer import data, ub

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
NO_ROWID = bytes(5)
_VALUES = {character: value for value, character in enumerate(ALPHABET)}
_FORM = re.compile(r"[A-Za-z0-9+/]{18}")


def rowid_parts(text: str) -> tuple[int, int, int, int]:
    """Object, file, block and row number. Raises OracleError ORA-01410."""
    if not _FORM.fullmatch(text):
        raise OracleError(1410, "invalid ROWID")
    return _number(text[:6]), _number(text[6:9]), _number(text[9:15]), _number(text[15:])


def _number(characters: str) -> int:
    value = 0
    for character in characters:
        value = value * 64 + _VALUES[character]
    return value


def encode_rowid(text: str) -> bytes:
    """As the error block has it."""
    rba, partition, block, slot = rowid_parts(text)
    return ub(rba & 0xFFFFFFFF) + ub(partition & 0xFFFF) + b"\0" + ub(block & 0xFFFFFFFF) + ub(slot & 0xFFFF)


def encode_rowid_column(text: bytes) -> bytes:
    """As a ROWID column of a row has it: a length that is not zero, then the parts."""
    parts = encode_rowid(text.decode("ascii", "replace"))
    return bytes((len(parts),)) + parts


def encode_urowid_column(text: bytes) -> bytes:
    """As a UROWID column of a row has it; only physical rowids exist here."""
    rba, partition, block, slot = rowid_parts(text.decode("ascii", "replace"))
    packed = (
        b"\1"
        + (rba & 0xFFFFFFFF).to_bytes(4, "big")
        + (partition & 0xFFFF).to_bytes(2, "big")
        + (block & 0xFFFFFFFF).to_bytes(4, "big")
        + (slot & 0xFFFF).to_bytes(2, "big")
    )
    return data(bytes((len(packed),))) + data(packed)
