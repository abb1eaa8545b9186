"""Users, for administrators: list, create, change, deactivate. Nobody is ever deleted: the audit names them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Router, delete, get, post, put
from litestar.datastructures import State
from litestar.params import JSONBody, Parameter
from msgspec import Meta

from app.accounts.guard import Principal
from app.accounts.permissions import Permission, Role, needs
from app.accounts.routes import NewPassword, Secretive, UserName, hashed
from app.accounts.store import User
from app.envelope import Envelope, documented, ok
from app.oracle.dictionary import RequestError
from app.oracle.errors import ConflictError

_NamePath = Annotated[str, Parameter(description="The user's name, in any case.", max_length=128)]


class UserView(msgspec.Struct, frozen=True):
    """A user as administrators see him."""

    username: str
    role: Role
    active: bool
    created_at: datetime
    created_by: str | None
    password_changed_at: datetime
    last_login_at: datetime | None


class NewUser(Secretive, frozen=True):
    """A user to be."""

    username: UserName
    password: NewPassword
    role: Role


class UserChange(Secretive, frozen=True):
    """What changes; what is left out stays."""

    role: Role | None = None
    active: bool | None = None
    password: Annotated[NewPassword | None, Meta(description="A new password; the user's sessions end.")] = (
        None
    )


_NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
_ANN = UserView("ann", Role.ANALYST, True, _NOON, "admin", _NOON, None)


@get(
    "",
    opt=needs(Permission.USERS_MANAGE),
    summary="List users",
    operation_id="listUsers",
    responses=documented(200, Envelope[list[UserView]], "All users by name.", [_ANN], 401, 403),
)
async def list_users(state: State) -> Envelope[list[UserView]]:
    """All, also those that are not active."""
    return ok([_view(user) for user in await state.accounts.users()])


@post(
    "",
    opt=needs(Permission.USERS_MANAGE),
    summary="Create a user",
    operation_id="createUser",
    responses=documented(201, Envelope[UserView], "Created.", _ANN, 401, 403, 409, 413, 422),
)
async def create_user(
    data: JSONBody[NewUser], request: Request[Principal, Any, Any], state: State
) -> Envelope[UserView]:
    """409 if there is one of this name."""
    if data.username != data.username.strip():
        raise RequestError("username", "a name has no blanks at its ends.")
    password_hash = await hashed("password", data.password)
    if not await state.accounts.create(data.username, password_hash, data.role, request.user.username):
        raise ConflictError(f"There is already a user {data.username.lower()}.")
    return ok(_view(await state.accounts.get(data.username)), f"{data.username.lower()} can log in now.")


@get(
    "/{username:str}",
    opt=needs(Permission.USERS_MANAGE),
    summary="One user",
    operation_id="getUser",
    responses=documented(200, Envelope[UserView], "The user.", _ANN, 401, 403, 404, 422),
)
async def get_user(username: _NamePath, state: State) -> Envelope[UserView]:
    """404 for a name that nobody has."""
    return ok(_view(await state.accounts.get(username)))


@put(
    "/{username:str}",
    opt=needs(Permission.USERS_MANAGE),
    summary="Change a user",
    description="Role, activity or password. A user who is not active cannot log in and has no sessions. The "
    "last active administrator stays one: 409.",
    operation_id="updateUser",
    responses=documented(200, Envelope[UserView], "As the user is now.", _ANN, 401, 403, 404, 409, 413, 422),
)
async def update_user(username: _NamePath, data: JSONBody[UserChange], state: State) -> Envelope[UserView]:
    """What is left out stays as it is."""
    user: User = await state.accounts.get(username)
    password_hash = None if data.password is None else await hashed("password", data.password)
    if data.role is not None or data.active is not None:
        await state.accounts.update(user, data.role, data.active)
    if password_hash is not None:
        await state.accounts.set_password(user.username, password_hash, None)
    return ok(_view(await state.accounts.get(username)))


@delete(
    "/{username:str}",
    status_code=200,
    opt=needs(Permission.USERS_MANAGE),
    summary="Deactivate a user",
    description="The same as changing `active` to false: the name stays in the audit trail and in jobs.",
    operation_id="deactivateUser",
    responses=documented(200, Envelope[UserView], "As the user is now.", _ANN, 401, 403, 404, 409, 422),
)
async def deactivate_user(username: _NamePath, state: State) -> Envelope[UserView]:
    """Never the last active administrator: 409."""
    await state.accounts.update(await state.accounts.get(username), None, False)
    return ok(_view(await state.accounts.get(username)), f"{username.lower()} can no longer log in.")


def _view(user: User) -> UserView:
    return UserView(
        user.username,
        user.role,
        user.active,
        user.created_at,
        user.created_by,
        user.password_changed_at,
        user.last_login_at,
    )


router = Router(
    "/users",
    route_handlers=[list_users, create_user, get_user, update_user, deactivate_user],
    tags=["Accounts"],
)
