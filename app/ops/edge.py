"""What happens to every request, also to one that no route takes: id, security headers, log line, figures."""

from __future__ import annotations

import re
import secrets
import time

import msgspec
import structlog
from litestar.datastructures import MutableScopeHeaders
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from app.accounts.guard import budget_headers
from app.envelope import RETRY_AFTER_SECONDS, failed
from app.ops.metrics import Metrics
from app.oracle.audit import Caller, caller
from app.oracle.pool import acting_for

log = structlog.get_logger(__name__)

_CHATTER = frozenset({"/metrics", "/api/v1/health", "/api/v1/health/ready", "/static/{file_path:path}"})
_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_BUSY = "This API process has as many requests as it takes; try again in a moment."
_NUL = "The request cannot be read: the address holds a NUL character."

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class Edge:
    """ASGI wrapper around the whole application. limit: of requests whose answer has not begun; what comes beyond
    is answered 503 at once, so that nothing piles up. Liveness and figures are always answered."""

    def __init__(self, app: ASGIApp, metrics: Metrics, limit: int) -> None:
        self._app = app
        self._metrics = metrics
        self._limit = limit
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if str(scope["type"]) != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        began = time.perf_counter()
        status = 0
        self._waiting += 1

        async def send_marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                self._waiting -= status == 0
                status = message["status"]
                headers = MutableScopeHeaders(message)
                headers["X-Request-ID"] = request_id
                for name, value in SECURITY_HEADERS.items():
                    headers[name] = value
                for name, value in budget_headers(scope).items():
                    headers[name] = value
                if scope["path"].startswith("/api/"):
                    headers["Cache-Control"] = "no-store"
            await send(message)

        acting_for.set("")
        agent = _UNPRINTABLE.sub("?", _header(scope, b"user-agent")[:200])
        caller.set(Caller(_address(scope), agent, request_id))
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            if self._waiting > self._limit and scope["path"] not in _CHATTER:
                retry = (b"retry-after", str(RETRY_AFTER_SECONDS).encode())
                await _answer(send_marked, 503, _BUSY, retry, (b"connection", b"close"))
            elif "\x00" in scope["path"]:
                await _answer(send_marked, 400, _NUL)
            else:
                await self._app(scope, receive, send_marked)
        finally:
            self._waiting -= status == 0
            self._note(scope, status, time.perf_counter() - began)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        method, route = str(scope.get("method", "")), _route(scope)
        if method not in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}:
            method = "OTHER"
        self._metrics.requests.labels(method, route, str(status)).inc()
        self._metrics.seconds.labels(method, route).observe(seconds)
        write = log.debug if status < 400 and route in _CHATTER else log.info
        write(
            "request",
            method=method,
            path=scope["path"][:200],
            status=status,
            milliseconds=round(seconds * 1000, 1),
        )


async def _answer(send: Send, status: int, sentence: str, *headers: tuple[bytes, bytes]) -> None:
    """An answer that no route gives."""
    body = msgspec.json.encode(failed(sentence))
    headers = (*headers, (b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _request_id(scope: Scope) -> str:
    """The caller's own id if it is harmless, else a new one."""
    given = _header(scope, b"x-request-id")
    return given if _GIVEN_ID.fullmatch(given) else secrets.token_hex(8)


def _header(scope: Scope, wanted: bytes) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == wanted), "")


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _route(scope: Scope) -> str:
    """The template of the route, so that ids make no labels."""
    return str(scope.get("path_template") or "unknown")
