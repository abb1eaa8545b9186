"""All SQL of profiles. Writes go through package PROFILES; reads are plain SQL.

Every method raises OracleError or one of its subclasses: NotFoundError (no such profile), ConflictError (there is
one already), ArgumentError, and DatabaseUnavailableError, after which the same call may succeed.
"""

from __future__ import annotations

from typing import Any

import msgspec

from app.jobs.rows import from_json, required_time, to_json
from app.jobs.rules import ColumnRule
from app.oracle.audit import Deed, audited
from app.oracle.errors import NotFoundError
from app.oracle.pool import OraclePool
from app.profiles.models import Profile, ProfileRequest

_COLUMNS = "profile_name, description, rules, created_by, created_at, updated_at, row_version"


class ProfileStorage:
    """The profiles in RULE_PROFILES."""

    def __init__(self, pool: OraclePool) -> None:
        self._pool = pool

    async def create(self, name: str, wanted: ProfileRequest, by: str) -> None:
        """Raises ConflictError if there is a profile of this name."""
        sql = """
            begin
               profiles.create_profile(in_profile_name => :profile_name
                                      ,in_description => :description
                                      ,in_rules => :rules
                                      ,in_by => :created_by);
            end;"""
        deed = Deed("profile.create", name, after=_noted(wanted))
        await self._pool.block(
            "create profile", *audited(sql, {**_binds(name, wanted), "created_by": by}, deed)
        )

    async def change(self, name: str, wanted: ProfileRequest) -> None:
        """Replace description and rules. Raises NotFoundError."""
        sql = """
            begin
               profiles.change_profile(in_profile_name => :profile_name
                                      ,in_description => :description
                                      ,in_rules => :rules);
            end;"""
        deed = Deed("profile.update", name, after=_noted(wanted))
        await self._pool.block("change profile", *audited(sql, _binds(name, wanted), deed))

    async def delete(self, name: str) -> None:
        """Raises NotFoundError."""
        sql = "begin profiles.delete_profile(in_profile_name => :profile_name); end;"
        deed = Deed("profile.delete", name)
        await self._pool.block("delete profile", *audited(sql, {"profile_name": name}, deed))

    async def get(self, name: str) -> Profile:
        """Raises NotFoundError."""
        sql = f"select {_COLUMNS} from rule_profiles where profile_name = :profile_name"
        rows = await self._pool.rows("get profile", sql, {"profile_name": name})
        if not rows:
            raise NotFoundError(f"There is no profile {name}.", code="no-profile")
        return _profile(rows[0])

    async def all(self) -> list[Profile]:
        """Every profile by name."""
        sql = f"select {_COLUMNS} from rule_profiles order by profile_name"
        return [_profile(row) for row in await self._pool.rows("list profiles", sql)]


def _binds(name: str, wanted: ProfileRequest) -> dict[str, Any]:
    return {"profile_name": name, "description": wanted.description, "rules": to_json(wanted.rules)}


def _noted(wanted: ProfileRequest) -> dict[str, Any]:
    """What the audit trail keeps of a profile."""
    return {"columns": len(wanted.rules), "description": (wanted.description or "")[:200]}


def _profile(row: tuple[Any, ...]) -> Profile:
    return Profile(
        name=row[0],
        description=row[1],
        rules=msgspec.convert(from_json(row[2]), dict[str, ColumnRule]),
        created_by=row[3] or "",
        created_at=required_time(row[4]),
        updated_at=required_time(row[5]),
        version=int(row[6]),
    )
