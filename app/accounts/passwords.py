"""Passwords: bcrypt, off the event loop, the same time for a user that exists and one that does not."""

from __future__ import annotations

import asyncio
import secrets
from functools import cache

import bcrypt

_COST = 12  # 2^12 rounds, about a quarter of a second
MAX_BYTES = 72  # bcrypt reads no more; longer ones are refused, not cut
MIN_LENGTH = 8


class PasswordRuleError(ValueError):
    """The password cannot be taken; the text says why."""


def check_rules(password: str) -> None:
    """Raise PasswordRuleError unless the password can be used."""
    if len(password) < MIN_LENGTH:
        raise PasswordRuleError(f"A password has at least {MIN_LENGTH} characters.")
    if len(password.encode()) > MAX_BYTES:
        raise PasswordRuleError(f"A password has at most {MAX_BYTES} bytes.")
    if "\x00" in password:
        raise PasswordRuleError("A password holds no NUL character.")


async def hash_password(password: str) -> str:
    """The bcrypt hash. Raises PasswordRuleError."""
    check_rules(password)
    hashed = await asyncio.to_thread(bcrypt.hashpw, password.encode(), bcrypt.gensalt(_COST))
    return hashed.decode("ascii")


async def verify_password(password: str, hashed: str | None) -> bool:
    """Whether the password is the one. With no hash (unknown user) a dummy takes the same time: False."""
    encoded = password.encode()
    usable = hashed is not None and len(encoded) <= MAX_BYTES and b"\x00" not in encoded
    against = hashed.encode("ascii") if usable and hashed is not None else _dummy()
    matches = await asyncio.to_thread(bcrypt.checkpw, encoded if usable else b"-", against)
    return matches and usable


def generate_password() -> str:
    """A password of 132 random bits that a person can copy from a terminal."""
    return secrets.token_urlsafe(16)


@cache
def _dummy() -> bytes:
    return bcrypt.hashpw(secrets.token_bytes(16).hex().encode(), bcrypt.gensalt(_COST))
