"""REST: see the keys that sign access tokens, and rotate them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Router, get, post
from litestar.datastructures import State
from litestar.params import JSONBody
from msgspec import Meta

from app.accounts.guard import Principal
from app.accounts.permissions import Permission, needs
from app.envelope import Envelope, documented, ok

_SLACK_SECONDS = 60  # for tokens that were given out while the new key was made
_MAX_GRACE_SECONDS = 30 * 86_400


class SigningKeyView(msgspec.Struct, frozen=True):
    """A key without its secret."""

    key_id: Annotated[str, Meta(description="The `kid` of its tokens.")]
    signs: Annotated[bool, Meta(description="Whether this process signs with it.")]
    created_at: datetime
    created_by: Annotated[str | None, Meta(description="Null for the first key.")]
    retires_at: Annotated[datetime | None, Meta(description="From then on its tokens are refused.")]


class Rotation(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How the keys are rotated."""

    grace_seconds: Annotated[
        Annotated[int, Meta(ge=0, le=_MAX_GRACE_SECONDS)] | None,
        Meta(
            description="How long tokens of the older keys are still accepted. null: until the last of them has "
            "expired anyway. 0 after a theft: all access tokens are refused at once, refresh tokens stay good."
        ),
    ] = None


_NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
_VIEW = SigningKeyView("5f0c1d2e3a4b5c6d", True, _NOON, "admin", None)


@get(
    "",
    opt=needs(Permission.SIGNING_KEYS_MANAGE),
    summary="List the signing keys",
    description="Keys whose tokens are accepted, newest first. Their secrets are nowhere to be seen.",
    operation_id="listSigningKeys",
    responses=documented(200, Envelope[list[SigningKeyView]], "The keys.", [_VIEW], 401, 403),
)
async def list_signing_keys(state: State) -> Envelope[list[SigningKeyView]]:
    """Without those that have retired."""
    return ok(await _views(state))


@post(
    "/rotate",
    status_code=200,
    opt=needs(Permission.SIGNING_KEYS_MANAGE),
    summary="Rotate the signing keys",
    description="Makes a new key, with which every API process signs within seconds; the older ones retire after "
    "the grace. Nobody is logged out.",
    operation_id="rotateSigningKeys",
    responses=documented(200, Envelope[list[SigningKeyView]], "The keys.", [_VIEW], 401, 403, 413, 422),
)
async def rotate_signing_keys(
    data: JSONBody[Rotation], request: Request[Principal, Any, Any], state: State
) -> Envelope[list[SigningKeyView]]:
    """The keys as they are afterwards."""
    grace = data.grace_seconds
    if grace is None:
        grace = int(state.tokens.life.total_seconds()) + _SLACK_SECONDS
    key_id = await state.signing_keys.rotate(request.user.username, grace)
    return ok(await _views(state), f"The key {key_id} signs from now on; the older ones retire in {grace} s.")


async def _views(state: State) -> list[SigningKeyView]:
    rows, signing = await state.signing_keys.listed()
    return [
        SigningKeyView(row.key_id, row.key_id == signing, row.created_at, row.created_by, row.retires_at)
        for row in rows
    ]


router = Router("/signing-keys", route_handlers=[list_signing_keys, rotate_signing_keys], tags=["Accounts"])
