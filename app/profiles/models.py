"""What a profile is on the wire and in RULE_PROFILES."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from app.jobs.models import MAX_COLUMNS, Strict
from app.jobs.rules import ColumnRule
from app.jobs.sides import ColumnName

ProfileName = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z", description="Letters, digits, dot, dash, underscore."
    ),
]


class ProfileRequest(Strict, frozen=True):
    """What a profile says."""

    rules: Annotated[
        dict[ColumnName, ColumnRule],
        Meta(min_length=1, max_length=MAX_COLUMNS, description="Rules by column name, as in a comparison."),
    ]
    description: Annotated[str | None, Meta(description="What the rules are for.")] = None

    def __post_init__(self) -> None:
        if self.description is not None and len(self.description) > 1000:
            raise ValueError("`description` has at most 1000 characters")


class NewProfile(ProfileRequest, frozen=True, kw_only=True):
    """A profile that is to be made."""

    name: ProfileName


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """A profile as it stands."""

    name: str
    description: str | None
    rules: dict[str, ColumnRule]
    created_by: str
    created_at: datetime
    updated_at: datetime
    version: Annotated[int, Meta(description="Raised by every change.")]
