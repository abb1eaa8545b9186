"""Log in and out, refresh, see who one is, change one's password."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import structlog
from litestar import Request, Router, get, post, put
from litestar.datastructures import State
from litestar.exceptions import NotAuthorizedException
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta

from app.accounts.guard import Principal
from app.accounts.passwords import MIN_LENGTH, PasswordRuleError, hash_password, verify_password
from app.accounts.permissions import MATRIX, PUBLIC, Permission, Role, needs
from app.accounts.tokens import digest, new_refresh_token, new_session_id
from app.envelope import Envelope, TooManyAttemptsError, documented, ok
from app.oracle.audit import Deed, caller, record
from app.oracle.dictionary import RequestError
from app.oracle.errors import ConflictError

log = structlog.get_logger(__name__)

MAX_FAILURES = 5
WINDOW_SECONDS = 300

UserName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=128,
        pattern=r"^[^\x00-\x1f\x7f]*$",
        examples=["ann"],
        description="Any case.",
    ),
]
NewPassword = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=1024,
        description=f"{MIN_LENGTH} characters or more, 72 bytes or less.",
        examples=["correct horse battery"],
    ),
]

_REFUSED_REFRESH = {
    "UNKNOWN": "This refresh token is not valid: log in again.",
    "REUSED": "This refresh token was used before, so somebody has a copy. The session is ended: log in again.",
    "ENDED": "You have been logged out: log in again.",
    "EXPIRED": "Your session has expired: log in again.",
    "INACTIVE": "This user can no longer log in.",
}


class Secretive(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A request with secrets in it, which never show in logs or error messages."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"


class LoginRequest(Secretive, frozen=True):
    """Who one is, and the proof."""

    username: UserName
    password: Annotated[str, Meta(min_length=1, max_length=1024, examples=["correct horse battery"])]


class RefreshRequest(Secretive, frozen=True):
    """The refresh token of the last login or refresh."""

    refresh_token: Annotated[str, Meta(min_length=1, max_length=200)]


class PasswordRequest(Secretive, frozen=True):
    """The old and the new password."""

    current_password: Annotated[str, Meta(min_length=1, max_length=1024, examples=["correct horse"])]
    new_password: NewPassword


class Login(msgspec.Struct, frozen=True):
    """A token, to be sent as `Authorization: Bearer TOKEN`, and one to get the next with."""

    access_token: str
    token_type: str
    expires_in: Annotated[int, Meta(description="Seconds until the access token expires.")]
    expires_at: datetime
    refresh_token: Annotated[str, Meta(description="Good for one POST /auth/refresh.")]
    session_expires_at: Annotated[datetime, Meta(description="From then on only a new login helps.")]
    username: str
    role: Role

    def __repr__(self) -> str:
        return f"Login(username={self.username!r})"


class Me(msgspec.Struct, frozen=True):
    """Whom a token belongs to, and what he may do."""

    username: str
    role: Role
    permissions: list[Permission]
    token_expires_at: datetime


class PermissionMatrix(msgspec.Struct, frozen=True):
    """What each role may do."""

    permissions: list[Permission]
    roles: dict[Role, list[Permission]]


_ONE_O_CLOCK = datetime(2026, 1, 31, 13, 0, tzinfo=UTC)
_EVENING = datetime(2026, 1, 31, 22, 0, tzinfo=UTC)
_LOGIN = Login(
    "eyJhbGciOiJIUzI1NiJ9...", "Bearer", 900, _ONE_O_CLOCK, "p3Xq...", _EVENING, "admin", Role.ADMIN
)
_ME = Me("admin", Role.ADMIN, sorted(MATRIX[Role.ADMIN]), _ONE_O_CLOCK)
_MATRIX = PermissionMatrix(sorted(Permission), {role: sorted(MATRIX[role]) for role in Role})


@post(
    "/login",
    status_code=200,
    opt=PUBLIC,
    summary="Log in",
    description=f"Gives tokens for name and password. After {MAX_FAILURES} failures within "
    f"{WINDOW_SECONDS // 60} minutes a name is closed to the caller's address for the rest of that time.",
    operation_id="logIn",
    security=[{}],
    responses=documented(
        200, Envelope[Login], "Tokens.", _LOGIN, 401, 413, 422, 429, message="Welcome, admin."
    ),
)
async def login(data: JSONBody[LoginRequest], state: State) -> Envelope[Login]:
    """Check name and password; the same answer and the same time for an unknown user and a wrong password."""
    address = caller.get().address
    # Counted before the slow check, so that many attempts at once cannot slip past the limit together.
    wait = await state.logins.count_login(data.username, address, MAX_FAILURES, WINDOW_SECONDS)
    if wait:
        raise TooManyAttemptsError(f"Too many failed logins: try again in {wait} seconds.", wait)
    user = await state.accounts.find(data.username)
    matches = await verify_password(data.password, user.password_hash if user else None)
    if user is None or not matches or not user.active:
        log.warning("login refused", user=data.username, address=address)
        await record(state.pool, Deed("login", data.username.lower(), done=False))
        raise NotAuthorizedException("User name or password is wrong.")
    session_id, refresh_token = new_session_id(), new_refresh_token()
    try:
        ends_at = await state.logins.open_session(
            session_id,
            user.username,
            digest(refresh_token),
            state.session_seconds,
            address,
            caller.get().agent,
        )
    except ConflictError as error:  # deactivated since we looked
        raise NotAuthorizedException("User name or password is wrong.") from error
    log.info("login", user=user.username, address=address)
    return ok(
        await _tokens(state, user.username, user.role, session_id, refresh_token, ends_at),
        f"Welcome, {user.username}.",
    )


@post(
    "/refresh",
    status_code=200,
    opt=PUBLIC,
    summary="Get new tokens",
    description="Spends a refresh token. One that comes a second time ends its session, because then two "
    "parties have it.",
    operation_id="refreshTokens",
    security=[{}],
    responses=documented(200, Envelope[Login], "Tokens.", _LOGIN, 401, 413, 422),
)
async def refresh(data: JSONBody[RefreshRequest], state: State) -> Envelope[Login]:
    """The next pair of tokens of the same session."""
    token = new_refresh_token()
    refreshed = await state.logins.refresh(digest(data.refresh_token), digest(token))
    if refreshed.verdict != "OK" or refreshed.expires_at is None:
        if refreshed.verdict == "REUSED":
            log.warning("refresh token used twice", user=refreshed.username, address=caller.get().address)
            await record(state.pool, Deed("refresh.reused", refreshed.username, done=False))
        raise NotAuthorizedException(_REFUSED_REFRESH[refreshed.verdict])
    return ok(
        await _tokens(
            state, refreshed.username, refreshed.role, refreshed.session_id, token, refreshed.expires_at
        )
    )


@post(
    "/logout",
    status_code=200,
    opt=needs(Permission.ACCOUNT_CHANGE_OWN),
    summary="Log out",
    description="The session ends: its access token and its refresh token are refused from now on, by every "
    "API process.",
    operation_id="logOut",
    responses=documented(200, Envelope[None], "Logged out.", None, 401, 403, 422, message="Good-bye."),
)
async def logout(
    request: Request[Principal, Any, Any],
    state: State,
    everywhere: Annotated[
        bool, QueryParameter(description="End all sessions of the user, not only this one.")
    ] = False,
) -> Envelope[None]:
    """End this session, or all of the user."""
    if everywhere:
        await state.logins.end_sessions(request.user.username, "LOGOUT")
    else:
        await state.logins.end_session(request.user.session_id, "LOGOUT")
    return ok(None, "Good-bye.")


@get(
    "/me",
    opt=needs(Permission.ACCOUNT_READ_OWN),
    summary="Who am I",
    description="The user of the token or key, the role and what it permits.",
    operation_id="whoAmI",
    responses=documented(200, Envelope[Me], "The caller.", _ME, 401, 403),
)
async def me(request: Request[Principal, Any, Any]) -> Envelope[Me]:
    """The caller as the gate saw him."""
    user = request.user
    return ok(Me(user.username, user.role, sorted(user.permissions), user.expires_at))


@get(
    "/permissions",
    opt=needs(Permission.ACCOUNT_READ_OWN),
    summary="Who may do what",
    description="The matrix of roles and permissions.",
    operation_id="permissionMatrix",
    responses=documented(200, Envelope[PermissionMatrix], "The matrix.", _MATRIX, 401, 403),
)
async def permissions() -> Envelope[PermissionMatrix]:
    """The one matrix that the guard asks."""
    return ok(_MATRIX)


@put(
    "/password",
    opt=needs(Permission.ACCOUNT_CHANGE_OWN),
    summary="Change my password",
    description="All other sessions of the user end.",
    operation_id="changePassword",
    responses=documented(
        200, Envelope[None], "Changed.", None, 401, 403, 413, 422, 429, message="Your password is changed."
    ),
)
async def change_password(
    data: JSONBody[PasswordRequest], request: Request[Principal, Any, Any], state: State
) -> Envelope[None]:
    """Needs the current password, and counts wrong ones like failed logins."""
    username, address = request.user.username, caller.get().address
    wait = await state.logins.count_login(username, address, MAX_FAILURES, WINDOW_SECONDS)
    if wait:
        raise TooManyAttemptsError(f"Too many wrong passwords: try again in {wait} seconds.", wait)
    user = await state.accounts.get(username)
    if not await verify_password(data.current_password, user.password_hash):
        await record(state.pool, Deed("user.password", username, done=False))
        raise RequestError("current_password", "this is not your password.")
    await state.accounts.set_password(
        username, await hashed("new_password", data.new_password), request.user.session_id
    )
    await state.logins.forget_failures(username, address)
    return ok(None, "Your password is changed.")


async def hashed(field: str, password: str) -> str:
    """The hash of a new password. Raises RequestError naming the field."""
    try:
        return await hash_password(password)
    except PasswordRuleError as error:
        raise RequestError(field, str(error)) from error


async def _tokens(
    state: State, username: str, role: Role, session_id: str, refresh_token: str, ends_at: datetime
) -> Login:
    token, claims = await state.tokens.issue(username, session_id)
    expires_at = min(claims.expires_at, ends_at)
    life = max(0, int((expires_at - datetime.now(UTC)).total_seconds()))
    return Login(token, "Bearer", life, expires_at, refresh_token, ends_at, username, role)


router = Router(
    "/auth",
    route_handlers=[login, refresh, logout, me, permissions, change_password],
    tags=["Accounts"],
)
