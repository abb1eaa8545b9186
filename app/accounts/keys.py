"""Keys of services: made by a user for himself, shown once, never good for more than he is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Router, delete, get, post
from litestar.datastructures import State
from litestar.params import JSONBody, Parameter, QueryParameter
from msgspec import Meta

from app.accounts.guard import Principal
from app.accounts.logins import KeyRow
from app.accounts.permissions import NEVER_BY_KEY, Permission, needs
from app.accounts.tokens import new_key
from app.envelope import Envelope, documented, ok
from app.oracle.dictionary import RequestError
from app.oracle.errors import NotFoundError

_MAX_DAYS = 3650


class KeyView(msgspec.Struct, frozen=True):
    """A key without its secret."""

    key_id: Annotated[str, Meta(description="The visible part, as in concord_KEYID_...")]
    username: str
    label: str
    scopes: Annotated[list[str] | None, Meta(description="null: all that its user may.")]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: Annotated[datetime | None, Meta(description="To the minute.")]
    revoked_at: datetime | None
    revoked_by: str | None


class NewKey(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A key to be."""

    label: Annotated[
        str, Meta(min_length=1, max_length=100, pattern=r"^[^\x00]*$", examples=["nightly load"])
    ]
    scopes: Annotated[
        Annotated[list[Permission], Meta(min_length=1, max_length=len(Permission))] | None,
        Meta(description="null: all that you may."),
    ] = None
    life_days: Annotated[
        Annotated[int, Meta(ge=1, le=_MAX_DAYS)] | None, Meta(description="null: it does not expire.")
    ] = 90


class MadeKey(msgspec.Struct, frozen=True):
    """A key with its secret, this once."""

    key: Annotated[str, Meta(description="Send it as `X-API-Key` or `Authorization: Bearer`.")]
    key_id: str

    def __repr__(self) -> str:
        return f"MadeKey(key_id={self.key_id!r})"


_NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
_VIEW = KeyView(
    "k2m7qa4xpz", "ann", "nightly load", ["jobs:read", "jobs:submit"], _NOON, None, None, None, None
)
_MADE = MadeKey("concord_k2m7qa4xpz_pT0...", "k2m7qa4xpz")


@get(
    "",
    opt=needs(Permission.ACCOUNT_READ_OWN),
    summary="List keys",
    description="One's own; with `everybody` all, for who may manage them.",
    operation_id="listKeys",
    responses=documented(200, Envelope[list[KeyView]], "Newest first.", [_VIEW], 401, 403, 422),
)
async def list_keys(
    request: Request[Principal, Any, Any],
    state: State,
    everybody: Annotated[bool, QueryParameter(description="Not only one's own.")] = False,
) -> Envelope[list[KeyView]]:
    """Never a secret."""
    all_of_them = everybody and request.user.may(Permission.KEYS_MANAGE_ANY)
    return ok([_view(key) for key in await state.logins.keys(None if all_of_them else request.user.username)])


@post(
    "",
    opt=needs(Permission.ACCOUNT_CHANGE_OWN),
    summary="Make a key",
    description="The key acts in your name and is shown this once. It can never change your account, nor "
    "administer users or keys.",
    operation_id="createKey",
    responses=documented(201, Envelope[MadeKey], "Made.", _MADE, 401, 403, 413, 422),
)
async def create_key(
    data: JSONBody[NewKey], request: Request[Principal, Any, Any], state: State
) -> Envelope[MadeKey]:
    """Scopes that one does not have oneself, or that no key may have, are refused."""
    for scope in data.scopes or ():
        if scope in NEVER_BY_KEY:
            raise RequestError("scopes", f"no key may have {scope}.")
        if not request.user.may(scope):
            raise RequestError("scopes", f"you do not have {scope} yourself.")
    text, kept = new_key()
    scopes = None if data.scopes is None else sorted({str(scope) for scope in data.scopes})
    await state.logins.create_key(
        kept.key_id, request.user.username, data.label, kept.secret_hash, scopes, data.life_days
    )
    return ok(MadeKey(text, kept.key_id), "Keep the key: it is shown this once.")


@delete(
    "/{key_id:str}",
    status_code=200,
    opt=needs(Permission.ACCOUNT_CHANGE_OWN),
    summary="Revoke a key",
    description="One's own; anybody's for who may manage them. It is refused from now on.",
    operation_id="revokeKey",
    responses=documented(200, Envelope[None], "Revoked.", None, 401, 403, 404, 422),
)
async def revoke_key(
    key_id: Annotated[str, Parameter(description="The visible part of the key.", max_length=16)],
    request: Request[Principal, Any, Any],
    state: State,
) -> Envelope[None]:
    """404 also for another user's key, so that nobody learns which there are."""
    may_any = request.user.may(Permission.KEYS_MANAGE_ANY)
    for key in await state.logins.keys(None if may_any else request.user.username):
        if key.key_id == key_id:
            await state.logins.revoke_key(key, request.user.username)
            return ok(None, f"The key {key_id} is revoked.")
    raise NotFoundError(f"There is no key {key_id}.")


def _view(key: KeyRow) -> KeyView:
    return KeyView(
        key.key_id,
        key.username,
        key.label,
        None if key.scopes is None else key.scopes.split(),
        key.created_at,
        key.expires_at,
        key.last_used_at,
        key.revoked_at,
        key.revoked_by,
    )


router = Router("/api-keys", route_handlers=[list_keys, create_key, revoke_key], tags=["Accounts"])
