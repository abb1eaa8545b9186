"""Who calls, and may he: the guard before every route that is not public.

Every request asks the database once (package LOGINS): is the session or key good now, which role has its user
now, and how many requests did he send in this minute? So all API processes agree at once about log-outs, roles
and limits, at the price of one round trip a request and one commit that does not wait for the disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException, PermissionDeniedException
from litestar.handlers import BaseRouteHandler
from litestar.types import Scope

from app.accounts.logins import Admission, LoginStore
from app.accounts.permissions import MATRIX, NEVER_BY_KEY, Permission, Role
from app.accounts.tokens import TokenError, Tokens, read_key
from app.envelope import TooManyAttemptsError
from app.oracle.pool import acting_for

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="concord"'}
_BUDGET = "concord_budget"
_FAR = timedelta(days=36500)

_SESSION_REFUSALS = {
    "UNKNOWN": "Your token is not valid: log in again.",
    "ENDED": "You have been logged out: log in again.",
    "EXPIRED": "Your session has expired: log in again.",
    "INACTIVE": "This user can no longer log in.",
}
_KEY_REFUSALS = {
    "UNKNOWN": "This key is not valid.",
    "REVOKED": "This key has been revoked.",
    "EXPIRED": "This key has expired.",
    "INACTIVE": "The user of this key can no longer log in.",
}


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls, as the database knows him at this moment.

    `session_id` is empty for a key and `key_id` for a token. `expires_at` is of the token or key.
    """

    username: str
    role: Role
    permissions: frozenset[Permission]
    expires_at: datetime
    session_id: str = ""
    key_id: str = ""

    def may(self, permission: Permission) -> bool:
        """Whether role and, for a key, scopes cover it."""
        return permission in self.permissions


@dataclass(frozen=True, slots=True)
class Budget:
    """How many requests the caller has left in this minute."""

    limit: int
    remaining: int
    reset_seconds: int

    def headers(self) -> dict[str, str]:
        """The RateLimit header fields of the IETF draft `ratelimit-headers`, version 7."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_seconds),
        }


class Gate:
    """Turns a token or key into a Principal. requests_per_minute: of one user or key; 0 = no limit."""

    def __init__(self, tokens: Tokens, logins: LoginStore, requests_per_minute: int) -> None:
        self._tokens = tokens
        self._logins = logins
        self._limit = requests_per_minute

    async def admit(self, proof: str, *, count: bool = True) -> tuple[Principal, Budget | None]:
        """The caller, and what is left of his budget. count False: this is no request of its own.

        Raises TokenError, TooManyAttemptsError and OracleError.
        """
        limit = self._limit if count else 0
        key = read_key(proof)
        if key is not None:
            admission = await self._logins.admit_key(key.key_id, key.secret_hash, limit)
            principal = _of_key(key.key_id, admission)
        else:
            claims = await self._tokens.read(proof)
            admission = await self._logins.admit_session(claims.session_id, limit)
            if admission.refusal is not None:
                raise TokenError(_SESSION_REFUSALS[admission.refusal])
            principal = Principal(
                admission.username,
                admission.role,
                MATRIX[admission.role],
                claims.expires_at,
                session_id=claims.session_id,
            )
        return principal, self._budget(admission, limit)

    async def look_again(
        self, principals: Sequence[Principal]
    ) -> list[tuple[str | None, frozenset[Permission]]]:
        """Of each caller who was admitted before: why he is good no longer, as a sentence, and what he may now.

        One query for some hundred callers, and none of them is counted. Raises OracleError.
        """
        sessions = await self._logins.standing_of_sessions(
            {one.session_id for one in principals if not one.key_id}
        )
        keys = await self._logins.standing_of_keys({one.key_id for one in principals if one.key_id})
        gone = Admission("UNKNOWN")
        found = []
        for one in principals:
            if one.key_id:
                admission = keys.get(one.key_id, gone)
                refusals, permissions = _KEY_REFUSALS, _of_scopes(admission)
            else:
                admission = sessions.get(one.session_id, gone)
                refusals, permissions = _SESSION_REFUSALS, MATRIX[admission.role]
            refusal = None if admission.refusal is None else refusals[admission.refusal]
            found.append((refusal, permissions))
        return found

    def _budget(self, admission: Admission, limit: int) -> Budget | None:
        if not limit:
            return None
        if admission.requests > limit:
            raise TooManyAttemptsError(
                f"More than {limit} requests in this minute: try again in {admission.seconds_left} seconds.",
                admission.seconds_left,
                Budget(limit, 0, admission.seconds_left).headers(),
            )
        return Budget(limit, limit - admission.requests, admission.seconds_left)


def _of_key(key_id: str, admission: Admission) -> Principal:
    if admission.refusal is not None:
        raise TokenError(_KEY_REFUSALS[admission.refusal])
    permissions = _of_scopes(admission)
    return Principal(admission.username, admission.role, permissions, datetime.now(UTC) + _FAR, key_id=key_id)


def _of_scopes(admission: Admission) -> frozenset[Permission]:
    """What a key may: its scopes, but never more than its user."""
    permissions = MATRIX[admission.role] - NEVER_BY_KEY
    if admission.scopes is None:
        return permissions
    scopes = set(admission.scopes.split())
    return frozenset(one for one in permissions if one in scopes)


def bearer_token(connection: ASGIConnection[Any, Any, Any, Any]) -> str | None:
    """The token or key of the Authorization or X-API-Key header, None without one."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return connection.headers.get("x-api-key", "").strip() or None


async def require_permission(
    connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
) -> None:
    """Litestar guard: 401 without a valid token or key, 403 without the route's permission, 429 beyond the budget.

    Afterwards `connection.user` holds the Principal, and the database sessions of this request carry the name.
    """
    if handler.opt.get("public"):
        return
    proof = bearer_token(connection)
    if proof is None:
        raise NotAuthorizedException("Log in first: send `Authorization: Bearer TOKEN`.", headers=_CHALLENGE)
    gate: Gate = connection.app.state.gate
    try:
        principal, budget = await gate.admit(proof)
    except TokenError as error:
        headers = {"WWW-Authenticate": 'Bearer realm="concord", error="invalid_token"'}
        raise NotAuthorizedException(str(error), headers=headers) from error
    connection.scope["user"] = principal
    connection.scope[_BUDGET] = budget  # type: ignore[literal-required]
    acting_for.set(principal.username)
    structlog.contextvars.bind_contextvars(user=principal.username)
    if principal.key_id:
        structlog.contextvars.bind_contextvars(key=principal.key_id)
    permission: Permission = handler.opt["permission"]
    if not principal.may(permission):
        raise PermissionDeniedException(_refusal(principal, permission))


def budget_headers(scope: Scope) -> dict[str, str]:
    """The RateLimit headers for the answer to this request; none if it was not counted."""
    budget: Budget | None = scope.get(_BUDGET)  # type: ignore[assignment]
    return budget.headers() if budget else {}


def _refusal(principal: Principal, permission: Permission) -> str:
    if principal.key_id and permission in MATRIX[principal.role]:
        return f"This key lacks the permission {permission}."
    return f"Your role, {principal.role.capitalize()}, lacks the permission {permission}."
