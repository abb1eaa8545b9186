"""All SQL of users. Writes go through package ACCOUNTS; user names are kept in lower case."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from app.accounts.permissions import Role
from app.oracle.errors import ConflictError
from app.oracle.pool import OraclePool


@dataclass(frozen=True, slots=True)
class User:
    """One row of APP_USERS."""

    username: str
    password_hash: str
    role: Role
    active: bool
    password_changed_at: datetime

    @property
    def password_version(self) -> int:
        """Changes with the password: microseconds since 1970 of its last change."""
        return round(self.password_changed_at.timestamp() * 1_000_000)


class AccountStore:
    """The users in APP_USERS. Every method raises OracleError and its subclasses."""

    def __init__(self, pool: OraclePool) -> None:
        self._pool = pool

    async def find(self, username: str) -> User | None:
        """The user of this name, in whatever case it is written."""
        sql = """
            select username, password_hash, role, active, password_changed_at
              from app_users
             where username = :username"""
        rows = await self._pool.rows("find user", sql, {"username": username.lower()[:128]})
        if not rows:
            return None
        name, password_hash, role, active, changed_at = rows[0]
        return User(name, password_hash, Role(role), bool(active), changed_at.replace(tzinfo=UTC))

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
        try:
            await self._pool.block("create user", sql, binds)
        except ConflictError:
            return False
        return True

    async def record_login(self, username: str) -> None:
        """Note the time of a login."""
        sql = "begin accounts.record_login(in_username => :username); end;"
        await self._pool.block("record login", sql, {"username": username}, idempotent=True)
