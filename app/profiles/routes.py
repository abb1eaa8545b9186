"""REST: profiles of rules."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from litestar import Request, Router, delete, get, post, put
from litestar.datastructures import State
from litestar.openapi.spec import Example
from litestar.params import Body, Parameter

from app.accounts.guard import Principal
from app.accounts.permissions import Permission, needs
from app.envelope import Envelope, documented, ok
from app.jobs.rules import ColumnRule
from app.profiles.models import NewProfile, Profile, ProfileRequest
from app.profiles.store import ProfileStorage

NamePath = Annotated[
    str, Parameter(description="Name of the profile.", max_length=100, pattern=r"^[^\x00]*$")
]


class ProfileList(msgspec.Struct, frozen=True):
    """All profiles."""

    items: list[Profile]


_DAY = datetime(2026, 2, 2, 4, 30, tzinfo=UTC)
_RULES = {"LAT": {"tolerance": "0.00001"}, "NAME": {"ignore_case": True, "trim": True}}
_PROFILE = Profile(
    name="airports",
    description="Coordinates as precise as five decimals; names however they are written.",
    rules={"LAT": ColumnRule(tolerance=Decimal("0.00001")), "NAME": ColumnRule(ignore_case=True, trim=True)},
    created_by="admin",
    created_at=_DAY,
    updated_at=_DAY,
    version=1,
)
_REQUEST: dict[str, Any] = {"description": _PROFILE.description, "rules": _RULES}


@get(
    "/",
    opt=needs(Permission.JOBS_READ),
    summary="List profiles",
    operation_id="listProfiles",
    responses=documented(200, Envelope[ProfileList], "All of them.", ProfileList([_PROFILE]), 401, 403),
)
async def list_profiles(state: State) -> Envelope[ProfileList]:
    """By name."""
    return ok(ProfileList(await _profiles(state).all()))


@post(
    "/",
    opt=needs(Permission.PROFILES_MANAGE),
    summary="Make a profile",
    description="A comparison that names the profile uses its rules for the columns it has, except where the request "
    "has a rule of its own.",
    operation_id="createProfile",
    responses=documented(201, Envelope[Profile], "Made.", _PROFILE, 401, 403, 409, 413, 422),
)
async def create_profile(
    data: Annotated[NewProfile, Body(examples=[Example(value={"name": _PROFILE.name, **_REQUEST})])],
    request: Request[Principal, Any, Any],
    state: State,
) -> Envelope[Profile]:
    """The profile as it stands now."""
    await _profiles(state).create(data.name, data, request.user.username)
    return ok(await _profiles(state).get(data.name), "The profile is made.")


@get(
    "/{name:str}",
    opt=needs(Permission.JOBS_READ),
    summary="One profile",
    operation_id="getProfile",
    responses=documented(200, Envelope[Profile], "The profile.", _PROFILE, 401, 403, 404, 422),
)
async def get_profile(name: NamePath, state: State) -> Envelope[Profile]:
    """With its rules."""
    return ok(await _profiles(state).get(name))


@put(
    "/{name:str}",
    opt=needs(Permission.PROFILES_MANAGE),
    summary="Change a profile",
    description="Replaces description and rules. Comparisons that start from now on use them.",
    operation_id="changeProfile",
    responses=documented(200, Envelope[Profile], "Changed.", _PROFILE, 401, 403, 404, 413, 422),
)
async def change_profile(
    name: NamePath, data: Annotated[ProfileRequest, Body(examples=[Example(value=_REQUEST)])], state: State
) -> Envelope[Profile]:
    """The profile as it stands now."""
    await _profiles(state).change(name, data)
    return ok(await _profiles(state).get(name), "The profile is changed.")


@delete(
    "/{name:str}",
    status_code=200,
    opt=needs(Permission.PROFILES_MANAGE),
    summary="Delete a profile",
    description="Results keep the rules that they used. A waiting job that names the profile fails.",
    operation_id="deleteProfile",
    responses=documented(
        200, Envelope[None], "Deleted.", None, 401, 403, 404, 422, message="The profile is deleted."
    ),
)
async def delete_profile(name: NamePath, state: State) -> Envelope[None]:
    """Gone."""
    await _profiles(state).delete(name)
    return ok(None, "The profile is deleted.")


def _profiles(state: State) -> ProfileStorage:
    store: ProfileStorage = state.profiles
    return store


router = Router(
    "/profiles",
    route_handlers=[list_profiles, create_profile, get_profile, change_profile, delete_profile],
    tags=["Profiles"],
)
