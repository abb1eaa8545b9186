"""Passwords: bcrypt, off the event loop, the same time for a user that exists and one that does not."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import BoundedSemaphore
from typing import TypeVar

import bcrypt

from app.envelope import BusyError

_COST = 12  # 2^12 rounds, about a quarter of a second
MAX_BYTES = 72  # bcrypt reads no more; longer ones are refused, not cut
MIN_LENGTH = 8


_WORKERS = 2
_MAX_WAITING = 20  # some five seconds; who comes then is asked to come again

_workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="bcrypt")
_places = BoundedSemaphore(_WORKERS + _MAX_WAITING)
_Result = TypeVar("_Result")


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
    """The bcrypt hash. Raises PasswordRuleError and BusyError."""
    check_rules(password)
    hashed = await _work(lambda: bcrypt.hashpw(password.encode(), bcrypt.gensalt(_COST)))
    return hashed.decode("ascii")


async def verify_password(password: str, hashed: str | None) -> bool:
    """Whether the password is the one. With no hash (unknown user) a dummy takes the same time: False.

    Raises BusyError.
    """
    encoded = password.encode()
    usable = hashed is not None and len(encoded) <= MAX_BYTES and b"\x00" not in encoded

    def check() -> bool:
        against = hashed.encode("ascii") if usable and hashed is not None else _dummy()
        return bcrypt.checkpw(encoded if usable else b"-", against)

    return await _work(check) and usable


async def prepare() -> None:
    """Make the dummy, so that not even the first unknown user is told by the time of his answer."""
    await _work(_dummy)


def generate_password() -> str:
    """A password of 132 random bits that a person can copy from a terminal."""
    return secrets.token_urlsafe(16)


async def _work(work: Callable[[], _Result]) -> _Result:
    """Do it in one of few threads, so that a flood of logins takes neither all threads nor all memory. Raises
    BusyError."""
    if not _places.acquire(blocking=False):
        raise BusyError("Too many passwords are being checked now; try again in a moment.")
    future = _workers.submit(work)
    future.add_done_callback(lambda _: _places.release())
    return await asyncio.wrap_future(future)


@cache
def _dummy() -> bytes:
    return bcrypt.hashpw(secrets.token_bytes(16).hex().encode(), bcrypt.gensalt(_COST))
