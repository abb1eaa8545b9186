"""WebSocket /ws: log in by header or first message, subscribe to topics, get changes pushed.

A client sends   {"type": "auth", "token": "..."}
                 {"type": "subscribe", "topic": TOPIC, "last_version": N, "since": "TIME", "known": {JOB_ID: VERSION}}
                 {"type": "unsubscribe", "topic": TOPIC}
where TOPIC is   job:ID, table:OWNER.TABLE, mine, everything or system.
The server sends {"type": "authenticated", "username", "expires_at"}, {"type": "subscribed", "topic"},
                 {"type": "unsubscribed", "topic", "message"}, {"type": "error", "message"},
                 {"type": "notice", "message"}, {"type": "lagging", "skipped"}, {"type": "heartbeat", "at"}
and, per change, {"type": "job", ...}, {"type": "system", ...} or {"type": "worker", ...}, the fields of JobProgress,
SystemState and WorkerState.

After a lost connection a client subscribes again: to a job with the last `version` it saw as `last_version`, else
with the last `updated_at` it saw as `since`. Nothing is missed. Changes of the seconds before `since` come again,
except those whose versions stand in `known`.

A client that reads slowly gets the newest state of each thing, and `lagging` says how many states it was spared.
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
from app.accounts.presence import Presence, Visit
from app.accounts.tokens import TokenError
from app.envelope import BusyError, TooManyAttemptsError
from app.jobs.listener import EVERYTHING, SYSTEM, Listener, job_topic, table_topic, user_topic
from app.jobs.live import LiveJobs
from app.jobs.models import is_job_id
from app.oracle.errors import OracleError
from app.oracle.pool import acting_for

log = structlog.get_logger(__name__)

AUTHENTICATION_SECONDS = 10.0
HEARTBEAT_SECONDS = 15.0
SEND_SECONDS = 20.0
MAX_SUBSCRIPTIONS = 200
MAX_MESSAGES_AT_ONCE = 300  # a client that comes back with all its subscriptions
MAX_MESSAGES_A_SECOND = 10  # on average, beyond that
MAX_MESSAGE_CHARACTERS = 60_000
MAX_KNOWN = 1000

_UNAUTHORIZED, _FORBIDDEN, _BAD_MESSAGE, _TOO_MANY, _TRY_LATER = 4401, 4403, 4400, 4429, 1013
_MINE, _JOB, _TABLE = "mine", "job:", "table:"

_Time = Annotated[datetime, Meta(tz=True)]
_Version = Annotated[int, Meta(ge=0, lt=10**18)]
_Topic = Annotated[str, Meta(max_length=300)]


class Auth(msgspec.Struct, tag_field="type", tag="auth", forbid_unknown_fields=True):
    """Proof of who the client is."""

    token: Annotated[str, Meta(max_length=8192)]


class Subscribe(msgspec.Struct, tag_field="type", tag="subscribe", forbid_unknown_fields=True):
    """Listen to a topic."""

    topic: _Topic
    last_version: _Version = 0
    since: _Time | None = None
    known: Annotated[dict[Annotated[str, Meta(max_length=36)], _Version], Meta(max_length=MAX_KNOWN)] = {}


class Unsubscribe(msgspec.Struct, tag_field="type", tag="unsubscribe", forbid_unknown_fields=True):
    """Stop listening."""

    topic: _Topic


class _Closed(Exception):
    """The session ends: with this code, after this sentence."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class _Misunderstood(Exception):
    """A message that cannot be obeyed; the text is for the client."""


@websocket("/ws", opt=PUBLIC)
async def job_socket(socket: WebSocket[Any, Any, State], state: State) -> None:
    """One client from its first to its last message."""
    await socket.accept()
    await _Session(socket, state.gate, state.presence, state.live).run()


class _Session:
    """A client's connection: one task reads, one writes, one watches the visit and sends heartbeats."""

    def __init__(
        self, socket: WebSocket[Any, Any, State], gate: Gate, presence: Presence, live: LiveJobs
    ) -> None:
        self._socket = socket
        self._gate = gate
        self._presence = presence
        self._live = live
        self._sending = asyncio.Lock()
        self._allowance = _Allowance()

    async def run(self) -> None:
        try:
            with self._presence.at_the_door():
                user = await self._admit(await self._token())
            visit = self._presence.enter(user)
            try:
                await self._stay(visit)
            finally:
                self._presence.leave(visit)
        except _Closed as reason:
            await self._say_good_bye(reason.code, str(reason))
        except TooManyAttemptsError as error:
            await self._say_good_bye(_TOO_MANY, str(error))
        except BusyError as error:
            await self._say_good_bye(_TRY_LATER, str(error))
        except WebSocketDisconnect:
            log.debug("client went away")

    async def _stay(self, visit: Visit) -> None:
        acting_for.set(visit.user.username)
        await self._send(type="authenticated", username=visit.user.username, expires_at=visit.user.expires_at)
        listener = self._live.listen()
        try:
            await self._until_first_ends(
                self._read(visit, listener), self._write(listener), self._watch(visit, listener)
            )
        finally:
            listener.close()

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
        except OracleError as error:
            raise _Closed(_TRY_LATER, "The database is not available; try again in a moment.") from error
        if not (user.may(Permission.JOBS_READ) or user.may(Permission.DASHBOARD_READ)):
            raise _Closed(_FORBIDDEN, "You may neither read jobs nor the dashboard.")
        return user

    async def _receive(self) -> Auth | Subscribe | Unsubscribe:
        """The next message. Raises _Misunderstood."""
        text = await self._socket.receive_data("text")
        if len(text or "") > MAX_MESSAGE_CHARACTERS:
            raise _Closed(_BAD_MESSAGE, "The message is too long.")
        try:
            return _DECODER.decode(text or "")
        except (msgspec.MsgspecError, RecursionError) as error:
            raise _Misunderstood(f"The message is not understood: {error}.") from error

    async def _read(self, visit: Visit, listener: Listener) -> None:
        while True:
            try:
                message = await self._receive()
                self._allowance.spend()
                await self._obey(message, visit.user, listener)
            except _Misunderstood as error:
                await self._send(type="error", message=str(error))

    async def _obey(
        self, message: Auth | Subscribe | Unsubscribe, user: Principal, listener: Listener
    ) -> None:
        match message:
            case Subscribe():
                await self._subscribe(message, user, listener)
            case Unsubscribe():
                self._live.unfollow(listener, _key_of(message.topic, user))
                await self._send(type="unsubscribed", topic=message.topic, message="As you wished.")
            case Auth():
                raise _Misunderstood("You are logged in already.")

    async def _subscribe(self, message: Subscribe, user: Principal, listener: Listener) -> None:
        key = _key_of(message.topic, user)
        if not user.may(_permission_for(key)):
            raise _Misunderstood(f"You lack the permission {_permission_for(key)}.")
        if len(listener.topics) >= MAX_SUBSCRIPTIONS and key not in listener.topics:
            raise _Misunderstood(f"At most {MAX_SUBSCRIPTIONS} subscriptions; subscribe to everything.")
        try:
            if key == SYSTEM:
                await self._live.follow_system(listener)
            elif message.topic.startswith(_JOB):
                await self._follow_job(message, listener)
            else:
                await self._live.follow(listener, key, message.since, message.known)
        except OracleError as error:
            self._live.unfollow(listener, key)
            raise _Misunderstood("The database is not available; subscribe again in a moment.") from error
        await self._send(type="subscribed", topic=message.topic)
        listener.confirm(key)

    async def _follow_job(self, message: Subscribe, listener: Listener) -> None:
        job_id = message.topic.removeprefix(_JOB)
        last = max(message.last_version, message.known.get(job_id, 0))
        if not is_job_id(job_id) or not await self._live.follow_job(listener, job_id, last):
            raise _Misunderstood(f"There is no job {job_id}.")

    async def _write(self, listener: Listener) -> None:
        while True:
            news = await listener.take()
            for sentence in news.notices:
                await self._send(type="notice", message=sentence)
            if news.skipped:
                await self._send(type="lagging", skipped=news.skipped)
            for update in news.updates:
                await self._send_text(update.text)

    async def _watch(self, visit: Visit, listener: Listener) -> None:
        """Heartbeats; and what happens when the token ends, or the user may less than before."""
        while True:
            changed = await visit.changed(min(HEARTBEAT_SECONDS, max(visit.seconds_left, 0.0)))
            if visit.ended is not None:
                raise _Closed(_UNAUTHORIZED, visit.ended)
            if changed:
                await self._give_up_forbidden(visit.user, listener)
            await self._send(type="heartbeat", at=datetime.now(UTC))

    async def _give_up_forbidden(self, user: Principal, listener: Listener) -> None:
        for key in sorted(listener.topics):
            permission = _permission_for(key)
            if not user.may(permission):
                self._live.unfollow(listener, key)
                sentence = f"You lack the permission {permission} by now."
                topic = _MINE if key == user_topic(user.username) else key
                await self._send(type="unsubscribed", topic=topic, message=sentence)

    async def _send(self, **message: Any) -> None:
        await self._send_text(msgspec.json.encode(message).decode())

    async def _send_text(self, text: str) -> None:
        async with self._sending:
            try:
                async with asyncio.timeout(SEND_SECONDS):
                    await self._socket.send_text(text)
            except TimeoutError:
                raise _Closed(_TRY_LATER, "The client does not read.") from None

    async def _say_good_bye(self, code: int, sentence: str) -> None:
        with contextlib.suppress(WebSocketDisconnect, _Closed, RuntimeError):  # it may be gone already
            await self._send(type="error", message=sentence)
            await self._socket.close(code, sentence[:120])


class _Allowance:
    """How many messages a client may still send: a bucket that fills by MAX_MESSAGES_A_SECOND."""

    def __init__(self) -> None:
        self._left = float(MAX_MESSAGES_AT_ONCE)
        self._at = asyncio.get_running_loop().time()

    def spend(self) -> None:
        """One message. Raises _Closed when there is none left."""
        now = asyncio.get_running_loop().time()
        self._left = min(self._left + (now - self._at) * MAX_MESSAGES_A_SECOND, MAX_MESSAGES_AT_ONCE) - 1
        self._at = now
        if self._left < 0:
            raise _Closed(_TOO_MANY, "Too many messages.")


def _key_of(topic: str, user: Principal) -> str:
    """A topic as LiveJobs knows it. Raises _Misunderstood."""
    if topic in (EVERYTHING, SYSTEM):
        return topic
    if topic == _MINE:
        return user_topic(user.username)
    if topic.startswith(_JOB):
        return job_topic(topic.removeprefix(_JOB))
    if topic.startswith(_TABLE) and len(topic) > len(_TABLE):
        return table_topic(topic.removeprefix(_TABLE))
    raise _Misunderstood(
        f"There is no topic {topic[:100]!r}: job:ID, table:OWNER.TABLE, mine, everything or system."
    )


def _permission_for(key: str) -> Permission:
    return Permission.DASHBOARD_READ if key == SYSTEM else Permission.JOBS_READ


_DECODER: msgspec.json.Decoder[Auth | Subscribe | Unsubscribe] = msgspec.json.Decoder(
    Auth | Subscribe | Unsubscribe
)
