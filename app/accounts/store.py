"""All SQL of users. Writes go through package ACCOUNTS; user names are kept in lower case."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from app.accounts.permissions import Role
from app.oracle.audit import Deed, audited
from app.oracle.errors import ConflictError, NotFoundError
from app.oracle.pool import OraclePool

_COLUMNS = "username, password_hash, role, active, created_at, created_by, password_changed_at, last_login_at"


@dataclass(frozen=True, slots=True)
class User:
    """One row of APP_USERS."""

    username: str
    password_hash: str
    role: Role
    active: bool
    created_at: datetime
    created_by: str | None
    password_changed_at: datetime
    last_login_at: datetime | None


class AccountStore:
    """The users in APP_USERS. Every method raises OracleError and its subclasses."""

    def __init__(self, pool: OraclePool) -> None:
        self._pool = pool

    async def find(self, username: str) -> User | None:
        """The user of this name, in whatever case it is written."""
        sql = f"select {_COLUMNS} from app_users where username = :username"
        rows = await self._pool.rows("find user", sql, {"username": username.lower()[:128]})
        return _user(rows[0]) if rows else None

    async def get(self, username: str) -> User:
        """The user of this name. Raises NotFoundError."""
        user = await self.find(username)
        if user is None:
            raise NotFoundError(f"There is no user {username[:128]}.")
        return user

    async def users(self) -> list[User]:
        """All users by name; an installation has few enough to show them at once."""
        sql = f"select {_COLUMNS} from app_users order by username"
        return [_user(row) for row in await self._pool.rows("list users", sql)]

    async def has_administrator(self) -> bool:
        """Whether anybody can administer this installation."""
        sql = "select count(*) from app_users where role = 'ADMIN' and active = 1"
        return bool((await self._pool.rows("find administrator", sql))[0][0])

    async def create(self, username: str, password_hash: str, role: Role, created_by: str | None) -> bool:
        """Create an active user; False if there already is one of this name. Raises ArgumentError."""
        sql = """
            begin
               accounts.create_user(in_username => :username
                                   ,in_password_hash => :password_hash
                                   ,in_role => :role_name
                                   ,in_created_by => :created_by);
            end;"""
        binds = {
            "username": username,
            "password_hash": password_hash,
            "role_name": str(role),
            "created_by": created_by,
        }
        deed = Deed("user.create", username.lower(), after={"role": role})
        try:
            await self._pool.block("create user", *audited(sql, binds, deed))
        except ConflictError:
            return False
        return True

    async def update(self, user: User, role: Role | None, active: bool | None) -> None:
        """Change role or activity of a user as he was found; None leaves it.

        Raises NotFoundError, and ConflictError when it would leave nobody who administers.
        """
        sql = """
            begin
               accounts.update_user(in_username => :username
                                   ,in_role => :role_name
                                   ,in_active => :active_flag);
            end;"""
        binds = {
            "username": user.username,
            "role_name": None if role is None else str(role),
            "active_flag": None if active is None else int(active),
        }
        before = {"role": user.role, "active": user.active}
        after = {"role": role or user.role, "active": user.active if active is None else active}
        deed = Deed("user.update", user.username, before, after)
        await self._pool.block("update user", *audited(sql, binds, deed))

    async def set_password(self, username: str, password_hash: str, except_session: str | None) -> None:
        """A new password; all sessions of the user end but that one. Raises NotFoundError."""
        sql = """
            begin
               accounts.set_password(in_username => :username
                                    ,in_password_hash => :password_hash
                                    ,in_except_session => :session_id);
            end;"""
        binds = {"username": username, "password_hash": password_hash, "session_id": except_session}
        deed = Deed("user.password", username.lower())
        await self._pool.block("set password", *audited(sql, binds, deed))


def _user(row: tuple[Any, ...]) -> User:
    name, password_hash, role, active, created_at, created_by, changed_at, login_at = row
    return User(
        name,
        password_hash,
        Role(role),
        bool(active),
        created_at.replace(tzinfo=UTC),
        created_by,
        changed_at.replace(tzinfo=UTC),
        None if login_at is None else login_at.replace(tzinfo=UTC),
    )
