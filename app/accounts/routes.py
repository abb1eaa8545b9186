"""Log in, and see who one is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import structlog
from litestar import Request, Router, get, post
from litestar.datastructures import State
from litestar.exceptions import NotAuthorizedException
from litestar.params import JSONBody
from msgspec import Meta

from app.accounts.passwords import verify_password
from app.accounts.permissions import MATRIX, PUBLIC, Permission, Role, needs
from app.accounts.tokens import Claims
from app.envelope import Envelope, TooManyAttemptsError, documented, ok
from app.oracle.errors import OracleError

log = structlog.get_logger(__name__)


class LoginRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Who one is, and the proof."""

    username: Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[^\x00]*$", examples=["admin"])]
    password: Annotated[str, Meta(min_length=1, max_length=1024, examples=["correct horse battery"])]

    def __repr__(self) -> str:
        return f"LoginRequest(username={self.username!r})"


class Login(msgspec.Struct, frozen=True):
    """A token, to be sent as `Authorization: Bearer TOKEN`."""

    access_token: str
    token_type: str
    expires_in: Annotated[int, Meta(description="Seconds until the token expires.")]
    expires_at: datetime
    username: str
    role: Role


class Me(msgspec.Struct, frozen=True):
    """Whom a token belongs to, and what he may do."""

    username: str
    role: Role
    permissions: list[Permission]
    token_expires_at: datetime


_ONE_O_CLOCK = datetime(2026, 1, 31, 13, 0, tzinfo=UTC)
_LOGIN = Login("eyJhbGciOiJIUzI1NiJ9...", "Bearer", 3600, _ONE_O_CLOCK, "admin", Role.ADMIN)
_ME = Me("admin", Role.ADMIN, sorted(MATRIX[Role.ADMIN]), _ONE_O_CLOCK)


@post(
    "/login",
    status_code=200,
    opt=PUBLIC,
    summary="Log in",
    description="Gives a token for name and password. After five failures within five minutes an account is "
    "closed to the caller's address for the rest of that time.",
    operation_id="logIn",
    security=[{}],
    responses=documented(
        200, Envelope[Login], "A token.", _LOGIN, 401, 413, 422, 429, message="Welcome, admin."
    ),
)
async def login(
    data: JSONBody[LoginRequest], request: Request[Any, Any, Any], state: State
) -> Envelope[Login]:
    """Check name and password; the same answer and the same time for an unknown user and a wrong password."""
    address = request.client.host if request.client else ""
    wait = state.throttle.seconds_to_wait(data.username, address)
    if wait:
        raise TooManyAttemptsError(f"Too many failed logins: try again in {wait} seconds.", wait)
    user = await state.accounts.find(data.username)
    # Counted before the slow check, so that many attempts at once cannot slip past the limit together.
    state.throttle.failed(data.username, address)
    matches = await verify_password(data.password, user.password_hash if user else None)
    if user is None or not matches or not user.active:
        log.warning("login refused", user=data.username, address=address)
        raise NotAuthorizedException("User name or password is wrong.")
    state.throttle.succeeded(data.username, address)
    token, claims = state.tokens.issue(user.username, user.role, user.password_version)
    try:
        await state.accounts.record_login(user.username)
    except OracleError as error:
        log.warning("login not recorded", user=user.username, code=error.code)
    log.info("login", user=user.username, address=address)
    life = claims.expires_at - datetime.now(UTC)
    return ok(
        Login(token, "Bearer", int(life.total_seconds()), claims.expires_at, user.username, user.role),
        f"Welcome, {user.username}.",
    )


@get(
    "/me",
    opt=needs(Permission.ACCOUNT_READ_OWN),
    summary="Who am I",
    description="The user of the token, the role and what it permits.",
    operation_id="whoAmI",
    responses=documented(200, Envelope[Me], "The caller.", _ME, 401, 403),
)
async def me(request: Request[Claims, Any, Any]) -> Envelope[Me]:
    """The caller as the gate saw him."""
    claims = request.user
    return ok(Me(claims.username, claims.role, sorted(MATRIX[claims.role]), claims.expires_at))


router = Router("/auth", route_handlers=[login, me], tags=["Accounts"])
