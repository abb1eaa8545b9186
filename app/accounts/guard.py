"""Who calls, and may he: the guard before every route that is not public."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Any

import structlog
from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException, PermissionDeniedException
from litestar.handlers import BaseRouteHandler

from app.accounts.permissions import Permission, Role, allowed
from app.accounts.store import AccountStore, User
from app.accounts.tokens import Claims, TokenError, Tokens
from app.oracle.pool import acting_for

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="concord"'}
_REMEMBER_SECONDS = 5.0
_MAX_REMEMBERED = 10_000


class Gate:
    """Turns a token into a user who is active now, has the role that the table says, and this very password.

    What the table says is remembered for _REMEMBER_SECONDS: so long a deactivated user may still get in.
    """

    def __init__(self, tokens: Tokens, store: AccountStore) -> None:
        self._tokens = tokens
        self._store = store
        self._remembered: OrderedDict[str, tuple[float, User | None]] = OrderedDict()

    async def admit(self, token: str) -> Claims:
        """The claims of a valid token, with the user's role of now. Raises TokenError and OracleError."""
        claims = self._tokens.read(token)
        user = await self._user(claims.username)
        if user is None or not user.active:
            raise TokenError("This user can no longer log in.")
        if user.password_version != claims.password_version:
            raise TokenError("The password has changed since you logged in: log in again.")
        return Claims(claims.username, user.role, claims.token_id, claims.expires_at, claims.password_version)

    def forget(self, username: str) -> None:
        """Look the user up again next time."""
        self._remembered.pop(username, None)

    async def _user(self, username: str) -> User | None:
        now = time.monotonic()
        known = self._remembered.get(username)
        if known is not None and now - known[0] < _REMEMBER_SECONDS:
            return known[1]
        user = await self._store.find(username)
        self._remembered[username] = (now, user)
        self._remembered.move_to_end(username)
        while len(self._remembered) > _MAX_REMEMBERED:
            self._remembered.popitem(last=False)
        return user


def bearer_token(connection: ASGIConnection[Any, Any, Any, Any]) -> str | None:
    """The token of the Authorization header, None without one."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


async def require_permission(
    connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
) -> None:
    """Litestar guard: 401 without a valid token, 403 without the route's permission.

    Afterwards `connection.user` holds the Claims, and the database sessions of this request carry the name.
    """
    if handler.opt.get("public"):
        return
    token = bearer_token(connection)
    if token is None:
        raise NotAuthorizedException("Log in first: send `Authorization: Bearer TOKEN`.", headers=_CHALLENGE)
    gate: Gate = connection.app.state.gate
    try:
        claims = await gate.admit(token)
    except TokenError as error:
        headers = {"WWW-Authenticate": 'Bearer realm="concord", error="invalid_token"'}
        raise NotAuthorizedException(str(error), headers=headers) from error
    connection.scope["user"] = claims
    acting_for.set(claims.username)
    structlog.contextvars.bind_contextvars(user=claims.username)
    permission: Permission = handler.opt["permission"]
    if not allowed(claims.role, permission):
        raise PermissionDeniedException(_refusal(claims.role, permission))


def _refusal(role: Role, permission: Permission) -> str:
    return f"Your role, {role.capitalize()}, lacks the permission {permission}."
