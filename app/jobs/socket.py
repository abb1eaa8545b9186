"""WebSocket /ws: log in by header or first message, subscribe to jobs, get their changes pushed.

A client sends   {"type": "auth", "token": "..."}
                 {"type": "subscribe", "job_id": "ID" | "*", "last_version": N, "since": "TIME"}
                 {"type": "unsubscribe", "job_id": "ID" | "*"}
The server sends {"type": "authenticated", "username", "expires_at"}, {"type": "subscribed", "job_id"},
                 {"type": "unsubscribed", "job_id"}, {"type": "error", "message"}, {"type": "heartbeat", "at"}
and, per change  {"type": "job", "job_id", "status", "progress", "current_step", "estimated_completion",
                 "version", "updated_at"}.

After a lost connection a client subscribes again: to one job with the last `version` it saw, or to "*" with
the last `updated_at` it saw. Nothing is missed; with "*" the last few seconds may come again, with versions
that the client knows already.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import structlog
from litestar import WebSocket, websocket
from litestar.datastructures import State
from litestar.exceptions import WebSocketDisconnect
from msgspec import Meta

from app.accounts.guard import Gate, Principal, bearer_token
from app.accounts.permissions import PUBLIC, Permission
from app.accounts.tokens import TokenError
from app.envelope import TooManyAttemptsError
from app.jobs.live import EVERYTHING, Listener, LiveJobs
from app.jobs.models import JobProgress, is_job_id
from app.oracle.errors import OracleError
from app.oracle.pool import acting_for

log = structlog.get_logger(__name__)

AUTHENTICATION_SECONDS = 10.0
HEARTBEAT_SECONDS = 15.0
SEND_SECONDS = 20.0
MAX_SUBSCRIPTIONS = 200
MAX_MESSAGES_A_SECOND = 50
MAX_MESSAGE_CHARACTERS = 16_384

_UNAUTHORIZED, _FORBIDDEN, _BAD_MESSAGE, _TOO_MANY, _TRY_LATER = 4401, 4403, 4400, 4429, 1013

_Time = Annotated[datetime, Meta(tz=True)]


class Auth(msgspec.Struct, tag_field="type", tag="auth", forbid_unknown_fields=True):
    """Proof of who the client is."""

    token: Annotated[str, Meta(max_length=8192)]


class Subscribe(msgspec.Struct, tag_field="type", tag="subscribe", forbid_unknown_fields=True):
    """Listen to one job, or to all (`*`)."""

    job_id: Annotated[str, Meta(max_length=36)]
    last_version: Annotated[int, Meta(ge=0)] = 0
    since: _Time | None = None


class Unsubscribe(msgspec.Struct, tag_field="type", tag="unsubscribe", forbid_unknown_fields=True):
    """Stop listening."""

    job_id: Annotated[str, Meta(max_length=36)]


class _Closed(Exception):
    """The session ends: with this code, after this sentence."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class _Misunderstood(Exception):
    """A message that cannot be understood; the text is for the client."""


@websocket("/ws", opt=PUBLIC)
async def job_socket(socket: WebSocket[Any, Any, State], state: State) -> None:
    """One client from its first to its last message."""
    await socket.accept()
    await _Session(socket, state.gate, state.live).run()


class _Session:
    """A client's connection: one task reads, one writes, one watches the token and sends heartbeats."""

    def __init__(self, socket: WebSocket[Any, Any, State], gate: Gate, live: LiveJobs) -> None:
        self._socket = socket
        self._gate = gate
        self._live = live
        self._sending = asyncio.Lock()
        self._decoder: msgspec.json.Decoder[Auth | Subscribe | Unsubscribe] = msgspec.json.Decoder(
            Auth | Subscribe | Unsubscribe
        )

    async def run(self) -> None:
        try:
            token = await self._token()
            user = await self._admit(token)
            acting_for.set(user.username)
            await self._send(type="authenticated", username=user.username, expires_at=user.expires_at)
            listener = self._live.listen()
            try:
                await self._until_first_ends(
                    self._read(listener), self._write(listener), self._watch(token, user)
                )
            finally:
                listener.close()
        except _Closed as reason:
            await self._say_good_bye(reason)
        except WebSocketDisconnect:
            log.debug("client went away")

    async def _until_first_ends(self, *work: Any) -> None:
        tasks = [asyncio.ensure_future(one) for one in work]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _token(self) -> str:
        token = bearer_token(self._socket)
        if token is not None:
            return token
        try:
            async with asyncio.timeout(AUTHENTICATION_SECONDS):
                message = await self._receive()
        except TimeoutError:
            raise _Closed(_UNAUTHORIZED, "No token came in time.") from None
        except _Misunderstood as error:
            raise _Closed(_UNAUTHORIZED, str(error)) from error
        if not isinstance(message, Auth):
            raise _Closed(_UNAUTHORIZED, 'Log in first: send {"type": "auth", "token": "..."}.')
        return message.token

    async def _admit(self, token: str) -> Principal:
        try:
            user, _ = await self._gate.admit(token)
        except TokenError as error:
            raise _Closed(_UNAUTHORIZED, str(error)) from error
        except TooManyAttemptsError as error:
            raise _Closed(_TOO_MANY, str(error)) from error
        except OracleError as error:
            raise _Closed(_TRY_LATER, "The database is not available; try again in a moment.") from error
        if not user.may(Permission.JOBS_READ):
            raise _Closed(_FORBIDDEN, "You may not read jobs.")
        return user

    async def _receive(self) -> Auth | Subscribe | Unsubscribe:
        """The next message. Raises _Misunderstood."""
        text = await self._socket.receive_data("text")
        if len(text or "") > MAX_MESSAGE_CHARACTERS:
            raise _Closed(_BAD_MESSAGE, "The message is too long.")
        try:
            return self._decoder.decode(text or "")
        except msgspec.MsgspecError as error:
            raise _Misunderstood(f"The message is not understood: {error}.") from error

    async def _read(self, listener: Listener) -> None:
        loop = asyncio.get_running_loop()
        second, count = loop.time(), 0
        while True:
            try:
                message = await self._receive()
                await self._obey(message, listener)
            except _Misunderstood as error:
                await self._send(type="error", message=str(error))
            now = loop.time()
            second, count = (second, count + 1) if now - second < 1 else (now, 1)
            if count > MAX_MESSAGES_A_SECOND:
                raise _Closed(_TOO_MANY, "Too many messages.")

    async def _obey(self, message: Auth | Subscribe | Unsubscribe, listener: Listener) -> None:
        match message:
            case Subscribe():
                await self._subscribe(message, listener)
            case Unsubscribe():
                listener.unsubscribe(message.job_id)
                await self._send(type="unsubscribed", job_id=message.job_id)
            case Auth():
                await self._send(type="error", message="You are logged in already.")

    async def _subscribe(self, message: Subscribe, listener: Listener) -> None:
        if listener.subscriptions >= MAX_SUBSCRIPTIONS:
            sentence = f"At most {MAX_SUBSCRIPTIONS} subscriptions; subscribe to * for all jobs."
            await self._send(type="error", message=sentence)
            return
        try:
            if message.job_id == EVERYTHING:
                await self._live.follow_all(listener, message.since)
            elif not is_job_id(message.job_id) or not await self._live.follow(
                listener, message.job_id, message.last_version
            ):
                await self._send(type="error", message=f"There is no job {message.job_id}.")
                return
        except OracleError:
            listener.unsubscribe(message.job_id)
            sentence = "The database is not available; subscribe again in a moment."
            await self._send(type="error", message=sentence)
            return
        await self._send(type="subscribed", job_id=message.job_id)
        listener.confirm(message.job_id)

    async def _write(self, listener: Listener) -> None:
        while True:
            changes, notices = await listener.take()
            for sentence in notices:
                await self._send(type="error", message=sentence)
            for change in changes:
                await self._send_change(change)

    async def _watch(self, token: str, user: Principal) -> None:
        """Heartbeats; and the session ends when the token does, or the user may no longer log in."""
        while True:
            left = (user.expires_at - datetime.now(UTC)).total_seconds()
            await asyncio.sleep(min(HEARTBEAT_SECONDS, max(left, 0.0)))
            with contextlib.suppress(OracleError):  # an outage ends no session: the poller tells of it
                user = await self._still_admitted(token)
            await self._send(type="heartbeat", at=datetime.now(UTC))

    async def _still_admitted(self, token: str) -> Principal:
        try:
            user, _ = await self._gate.admit(token, count=False)
            return user
        except TokenError as error:
            raise _Closed(_UNAUTHORIZED, str(error)) from error

    async def _send_change(self, change: JobProgress) -> None:
        await self._send(type="job", **msgspec.structs.asdict(change))

    async def _send(self, **message: Any) -> None:
        text = msgspec.json.encode(message).decode()
        async with self._sending:
            try:
                async with asyncio.timeout(SEND_SECONDS):
                    await self._socket.send_text(text)
            except TimeoutError:
                raise _Closed(_TRY_LATER, "The client does not read.") from None

    async def _say_good_bye(self, reason: _Closed) -> None:
        with contextlib.suppress(WebSocketDisconnect, _Closed, RuntimeError):  # it may be gone already
            await self._send(type="error", message=str(reason))
            await self._socket.close(reason.code, str(reason)[:120])
