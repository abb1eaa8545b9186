"""Looking at other databases and folders, each time in a process of its own that can be killed.

A synchronous login at a server that accepts and then says nothing hangs for ever, and python-oracledb 26.1's
asynchronous one cannot be cancelled either; a damaged file may take a library down. So a service never does either
itself: worker.look does, with limits of time and memory. What it opened ends with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from typing import TypeVar

import msgspec
import structlog

from app.connections.asks import Answer, Ask, Failed, Refused, Spec
from app.oracle.dictionary import RequestError
from app.oracle.errors import ForeignSourceError
from app.oracle.login import Login

Wanted = TypeVar("Wanted")
log = structlog.get_logger(__name__)

AT_ONCE = 4
"""Processes that one service has at once, each with at most one session."""
SECONDS = 30
"""Longest look, with the start of its process."""
_WAIT_SECONDS = 3.0
_ANSWER: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)


class Looks:
    """Asks connections. `hidden_owner`: a schema that is shown in no database, for it holds Concord's own state."""

    def __init__(self, *, hidden_owner: str, at_once: int = AT_ONCE, seconds: int = SECONDS) -> None:
        self._hidden_owner = hidden_owner.upper()
        self._free = asyncio.Semaphore(at_once)
        self._seconds = seconds

    async def ask(
        self,
        name: str,
        ask: Ask,
        wanted: type[Wanted],
        *,
        login: Login | None = None,
        folder: str | None = None,
    ) -> Wanted:
        """What the connection `name` answers. Raises RequestError, and ForeignSourceError with a sentence."""
        spec = Spec(
            ask=ask,
            parent_pid=os.getpid(),
            seconds=self._seconds,
            login=login,
            hidden_owner=self._hidden_owner,
            folder=folder,
        )
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                await self._free.acquire()
        except TimeoutError:
            raise _failed(name, "too many others are being looked at; try again in a moment.") from None
        try:
            said = await self._run(name, msgspec.json.encode(spec))
        finally:
            self._free.release()
        answer = _ANSWER.decode(said)
        if isinstance(answer, Refused):
            raise RequestError(answer.field, answer.sentence)
        if isinstance(answer, Failed):
            raise _failed(name, answer.sentence, answer.code, retryable=answer.retryable)
        return msgspec.json.decode(answer.answer, type=wanted)

    async def _run(self, name: str, spec: bytes) -> bytes:
        """What the process says, whole. It never outlives this call."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "worker.look",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=_environment(),
            start_new_session=True,  # Ctrl-C in a terminal is for the service
        )
        try:
            async with asyncio.timeout(self._seconds):
                said, _ = await process.communicate(spec)
        except TimeoutError:
            raise _failed(name, f"it did not answer within {self._seconds} seconds.") from None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await asyncio.shield(process.wait())
        if process.returncode != 0 or not said:
            log.error("a look broke", connection=name, exit_status=process.returncode)
            raise _failed(name, "looking at it needed too much memory, or broke.", retryable=False)
        return said


def _failed(name: str, sentence: str, code: str = "", *, retryable: bool = True) -> ForeignSourceError:
    return ForeignSourceError(f"Connection {name}: {sentence}", code=code, retryable=retryable)


def _environment() -> dict[str, str]:
    """Ours without our own secrets and settings: the process needs none of them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CONCORD_")}
    return {**kept, "ORA_SDTZ": "UTC"}
