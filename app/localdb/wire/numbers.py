"""NUMBER and the binary floating types, to and from their wire form.

A NUMBER is an exponent byte (base 100, excess 193, complemented when negative) and up to 20 base-100
digits (each plus 1; 101 minus digit when negative, with a final 102 when fewer than 20). Decimal text is
turned into base-100 digits without a loop: digits in pairs are BCD, and BCD to base 100 is one translate.
"""

from __future__ import annotations

import math
import struct
from binascii import unhexlify
from decimal import Decimal

from app.localdb.errors import OracleError
from app.localdb.wire.writer import SHORT

MAX_DIGITS = 40  # 20 base-100 digits
ZERO = b"\x80"
MINUS_INFINITY = Decimal("-1E126")
INFINITY = Decimal("1E126")

_POSITIVE = bytes((n >> 4) * 10 + (n & 15) + 1 if n >> 4 < 10 and n & 15 < 10 else 0 for n in range(256))
_NEGATIVE = bytes(101 - (n >> 4) * 10 - (n & 15) if n >> 4 < 10 and n & 15 < 10 else 0 for n in range(256))
_FROM_POSITIVE = bytes((n - 1) // 10 * 16 + (n - 1) % 10 if 1 <= n <= 100 else 0xFF for n in range(256))
_FROM_NEGATIVE = bytes((101 - n) // 10 * 16 + (101 - n) % 10 if 2 <= n <= 101 else 0xFF for n in range(256))


def encode_number(text: bytes) -> bytes:
    """The wire form of a plain decimal text (`-123.45`), without its length byte.

    Rounded half away from zero to 20 base-100 digits, as Oracle does. Raises OracleError ORA-01426 when
    it is not below 1E126 in size, or no finite number; below 1E-130 it is zero.
    """
    negative = text[:1] == b"-"
    whole, _, fraction = text.lstrip(b"-").partition(b".")
    whole = whole.lstrip(b"0")
    if whole:
        digits = whole + fraction
        point = len(whole)
    else:
        digits = fraction.lstrip(b"0")
        point = len(digits) - len(fraction)
    digits = digits.rstrip(b"0")
    if not digits:
        return ZERO
    if point & 1:
        digits = b"0" + digits
        point += 1
    if len(digits) > MAX_DIGITS:
        return _encode_rounded(digits, point, negative)
    if len(digits) & 1:
        digits += b"0"
    if not -130 < point <= 126:
        if point > 0:
            raise OracleError(1426, "numeric overflow")
        return ZERO
    try:
        packed = unhexlify(digits)
    except ValueError as error:
        raise OracleError(1426, "numeric overflow") from error
    if not negative:
        return bytes((192 + (point >> 1),)) + packed.translate(_POSITIVE)
    mantissa = packed.translate(_NEGATIVE)
    return bytes((63 - (point >> 1),)) + (mantissa if len(mantissa) == 20 else mantissa + b"\x66")


def _encode_rounded(digits: bytes, point: int, negative: bool) -> bytes:
    kept = int(digits[:MAX_DIGITS])
    if digits[MAX_DIGITS] >= ord("5"):
        kept += 1
    value = str(kept).rjust(MAX_DIGITS, "0")  # one digit longer when 99..9 became 100..0
    point += len(value) - MAX_DIGITS
    text = f"{value}{'0' * (point - len(value))}" if point >= len(value) else ""
    if not text:
        text = f"{value[:point]}.{value[point:]}" if point > 0 else f"0.{'0' * -point}{value}"
    return encode_number((f"-{text}" if negative else text).encode())


def decode_number(raw: bytes) -> int | Decimal:
    """The value of a wire NUMBER: int when it has no fraction. Raises OracleError ORA-01722 for nonsense."""
    first = raw[0]
    if len(raw) == 1:
        return 0 if first == 0x80 else MINUS_INFINITY
    if first & 0x80:
        if raw == b"\xff\x65":
            return INFINITY
        exponent = first - 193
        digits = raw[1:].translate(_FROM_POSITIVE).hex()
        sign = ""
    else:
        exponent = 62 - first
        digits = (raw[1:-1] if raw[-1] == 102 else raw[1:]).translate(_FROM_NEGATIVE).hex()
        sign = "-"
    power = 2 * exponent + 2 - len(digits)  # of the last digit
    try:
        if power >= 0:
            return int(sign + digits) * _power(power)
        kept = digits.rstrip("0")
        power += len(digits) - len(kept)
        if power >= 0:
            return int(sign + kept) * _power(power)
        return Decimal(f"{sign}{kept}E{power}")
    except (ValueError, ArithmeticError) as error:
        raise OracleError(1722, "invalid number") from error


def _power(exponent: int) -> int:
    return int(10**exponent)


def encode_decimal(value: Decimal | int) -> bytes:
    """The wire form of a Python number, without its length byte. Raises as `encode_number`."""
    if isinstance(value, int):
        return encode_number(b"%d" % value)
    if not value.is_finite():
        raise OracleError(1426, "numeric overflow")
    if value and value.adjusted() < -130:
        return ZERO
    if value and value.adjusted() > 126:
        raise OracleError(1426, "numeric overflow")
    return encode_number(f"{value:f}".encode())


def _flip(packed: bytes) -> bytes:
    """IEEE bytes to Oracle's order-preserving form: sign bit inverted, all bits of negative numbers."""
    if packed[0] & 0x80:
        return bytes(b ^ 0xFF for b in packed)
    return bytes((packed[0] | 0x80,)) + packed[1:]


def _unflip(raw: bytes) -> bytes:
    if raw[0] & 0x80:
        return bytes((raw[0] & 0x7F,)) + raw[1:]
    return bytes(b ^ 0xFF for b in raw)


def encode_double(value: float) -> bytes:
    """BINARY_DOUBLE, 8 bytes. Oracle has one NaN and no negative zero."""
    if math.isnan(value):
        return b"\xff\xf8\0\0\0\0\0\0"
    return _flip(struct.pack(">d", value + 0.0))


def encode_float(value: float) -> bytes:
    """BINARY_FLOAT, 4 bytes; what is too large for it becomes infinite."""
    if math.isnan(value):
        return b"\xff\xc0\0\0"
    try:
        return _flip(struct.pack(">f", value + 0.0))
    except OverflowError:
        return _flip(struct.pack(">f", math.copysign(math.inf, value)))


def decode_double(raw: bytes) -> float:
    value: float = struct.unpack(">d", _unflip(raw))[0]
    return value


def decode_float(raw: bytes) -> float:
    value: float = struct.unpack(">f", _unflip(raw))[0]
    return value


_DIGIT_PAIRS = bytes([0, *((n // 10 << 4) | n % 10 for n in range(100)), *bytes(155)])  # wire digit -> BCD


def decode_text(raw: bytes) -> bytes:
    """The wire form of a number as decimal text, which may begin with a zero."""
    places = 2 * (raw[0] - 192)
    if places <= 0 or len(raw) < 2:  # negative, below one, or zero
        return str(decode_number(raw)).encode()
    digits = raw[1:].translate(_DIGIT_PAIRS).hex()
    if len(digits) <= places:
        return digits.ljust(places, "0").encode()
    return f"{digits[:places]}.{digits[places:]}".encode()


class NumberCache(dict[bytes | None, bytes]):
    """PostgreSQL's decimal text -> wire bytes with length. Bounded: emptied when it grows too large."""

    LIMIT = 100_000

    def __missing__(self, text: bytes | None) -> bytes:
        if text is None:
            encoded = b"\0"
        else:
            wire = encode_number(text)
            encoded = SHORT[len(wire)] + wire
            if len(self) >= self.LIMIT:
                self.clear()
        self[text] = encoded
        return encoded
