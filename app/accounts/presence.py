"""Who is connected for longer than a request: event streams and WebSockets, each a visit.

A visit ends when its token or key does, when its session is ended anywhere, or when its user may less than
before. All visits of this process are looked at together, with one query for some hundred of them: a thousand
idle listeners cost a handful of round trips in CHECK_SECONDS, not a thousand.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import structlog

from app.accounts.guard import Gate, Principal
from app.envelope import BusyError, TooManyAttemptsError
from app.oracle.errors import OracleError

log = structlog.get_logger(__name__)

CHECK_SECONDS = 5.0
MAX_VISITS = 5000  # of one process; each holds a socket and some ten kilobytes
MAX_AT_THE_DOOR = 200  # connected, and no token came yet
_RETRY_SECONDS = 30


class Visit:
    """One connection of a caller; `user` is he as last looked at. Written by Presence, read by his connection."""

    def __init__(self, user: Principal) -> None:
        self.user = user
        self.ended: str | None = None  # why, as a sentence for him
        self._changed = asyncio.Event()

    @property
    def seconds_left(self) -> float:
        """Until the token or key expires; not positive when it has."""
        return (self.user.expires_at - datetime.now(UTC)).total_seconds()

    async def changed(self, seconds: float) -> bool:
        """Wait until the visit ends or the user's rights change, at most so long; whether it did."""
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            if self.seconds_left > 0:
                return False
            self.end("Your token has expired: log in again.")
        self._changed.clear()
        return True

    def end(self, sentence: str) -> None:
        self.ended = sentence
        self._changed.set()

    def update(self, user: Principal) -> None:
        self.user = user
        self._changed.set()


class Presence:
    """The visits of this process. `run` once per process; limit: of one user's at the same time, 0 = none."""

    def __init__(self, gate: Gate, limit: int) -> None:
        self._gate = gate
        self._limit = limit
        self._visits: set[Visit] = set()
        self._of_user: Counter[str] = Counter()
        self._at_the_door = 0

    @contextmanager
    def at_the_door(self) -> Iterator[None]:
        """For the time between connecting and proving who one is. Raises BusyError."""
        if self._at_the_door >= MAX_AT_THE_DOOR:
            raise BusyError("Too many connections wait for a token; try again in a moment.")
        self._at_the_door += 1
        try:
            yield
        finally:
            self._at_the_door -= 1

    def enter(self, user: Principal) -> Visit:
        """A new visit, to be left by the caller. Raises TooManyAttemptsError and BusyError."""
        if self._limit and self._of_user[user.username] >= self._limit:
            raise TooManyAttemptsError(
                f"You have {self._limit} live connections already; close one first.", _RETRY_SECONDS
            )
        if len(self._visits) >= MAX_VISITS:
            raise BusyError(
                "This API process has as many live connections as it takes; try again in a moment."
            )
        visit = Visit(user)
        self._visits.add(visit)
        self._of_user[user.username] += 1
        return visit

    def leave(self, visit: Visit) -> None:
        """The connection is gone."""
        if visit in self._visits:
            self._visits.remove(visit)
            self._of_user[visit.user.username] -= 1
            if not self._of_user[visit.user.username]:
                del self._of_user[visit.user.username]

    async def run(self) -> None:
        """Look for ever. An outage ends no visit."""
        while True:
            await asyncio.sleep(CHECK_SECONDS * random.uniform(0.9, 1.1))
            try:
                await self.check()
            except OracleError as error:
                log.debug("visits not looked at", code=error.code)

    async def check(self) -> None:
        """End the visits whose session or key is good no longer, and note changed rights. Raises OracleError."""
        visits = list(self._visits)
        if not visits:
            return
        found = await self._gate.look_again([visit.user for visit in visits])
        for visit, (refusal, permissions) in zip(visits, found, strict=True):
            if refusal is not None:
                visit.end(refusal)
            elif permissions != visit.user.permissions:
                visit.update(replace(visit.user, permissions=permissions))
