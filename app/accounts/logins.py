"""All SQL of sessions, keys of services, and what limits them. Writes go through package LOGINS."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import oracledb

from app.accounts.permissions import Role
from app.oracle.audit import Deed, audited
from app.oracle.lists import lists_of_binds
from app.oracle.pool import NUMBER_OUT, OraclePool, Out, Outs

_SHORT = Out(oracledb.DB_TYPE_VARCHAR, 20)
_NAME = Out(oracledb.DB_TYPE_VARCHAR, 512)
_SCOPES = Out(oracledb.DB_TYPE_VARCHAR, 4000)
_TIME = Out(oracledb.DB_TYPE_TIMESTAMP)


@dataclass(frozen=True, slots=True)
class Admission:
    """What the database says of one request. `username` and `role` count only while `refusal` is None."""

    refusal: str | None
    username: str = ""
    role: Role = Role.VIEWER
    scopes: str | None = None
    requests: int = 0
    seconds_left: int = 0


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The outcome of a refresh. `verdict` OK, UNKNOWN, REUSED, ENDED, EXPIRED or INACTIVE; the rest with OK."""

    verdict: str
    session_id: str = ""
    username: str = ""
    role: Role = Role.VIEWER
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One row of API_KEYS, without the hash of its secret."""

    key_id: str
    username: str
    label: str
    scopes: str | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None


class LoginStore:
    """Sessions, keys and counters. Every method raises OracleError and its subclasses."""

    def __init__(self, pool: OraclePool) -> None:
        self._pool = pool

    async def admit_session(self, session_id: str, limit: int) -> Admission:
        """One request of a session; counted when limit, in requests a minute, is not 0."""
        sql = """
            begin
               logins.admit_session(in_session_id => :session_id
                                   ,in_limit => :request_limit
                                   ,out_refusal => :refusal
                                   ,out_username => :username
                                   ,out_role => :role_name
                                   ,out_requests => :requests
                                   ,out_seconds_left => :seconds_left);
            end;"""
        binds = {"session_id": session_id[:32], "request_limit": limit, **_admission_outs()}
        return _admission(await self._pool.block("admit", sql, binds))

    async def admit_key(self, key_id: str, secret_hash: str, limit: int) -> Admission:
        """One request with a key."""
        sql = """
            begin
               logins.admit_key(in_key_id => :key_id
                               ,in_secret_hash => :secret_hash
                               ,in_limit => :request_limit
                               ,out_refusal => :refusal
                               ,out_username => :username
                               ,out_role => :role_name
                               ,out_scopes => :scopes
                               ,out_requests => :requests
                               ,out_seconds_left => :seconds_left);
            end;"""
        binds = {"key_id": key_id, "secret_hash": secret_hash, "request_limit": limit, "scopes": _SCOPES}
        return _admission(await self._pool.block("admit", sql, {**binds, **_admission_outs()}))

    async def standing_of_sessions(self, session_ids: Collection[str]) -> dict[str, Admission]:
        """What would be said now of requests of these sessions; one that is not known is left out."""
        rows = []
        for names, binds in lists_of_binds(session_ids):
            sql = f"""
                select s.session_id
                      ,case
                          when s.ended_at is not null                        then 'ENDED'
                          when u.active = 0                                  then 'INACTIVE'
                          when s.expires_at <= sys_extract_utc(systimestamp) then 'EXPIRED'
                       end as refusal
                      ,u.username
                      ,u.role
                      ,null as scopes
                  from login_sessions s
                  join app_users u
                    on u.username = s.username
                 where s.session_id in ({names})"""
            rows += await self._pool.rows("sessions again", sql, binds)
        return _standing(rows)

    async def standing_of_keys(self, key_ids: Collection[str]) -> dict[str, Admission]:
        """As standing_of_sessions, for keys."""
        rows = []
        for names, binds in lists_of_binds(key_ids):
            sql = f"""
                select k.key_id
                      ,case
                          when k.revoked_at is not null                      then 'REVOKED'
                          when u.active = 0                                  then 'INACTIVE'
                          when k.expires_at <= sys_extract_utc(systimestamp) then 'EXPIRED'
                       end as refusal
                      ,u.username
                      ,u.role
                      ,k.scopes
                  from api_keys k
                  join app_users u
                    on u.username = k.username
                 where k.key_id in ({names})"""
            rows += await self._pool.rows("keys again", sql, binds)
        return _standing(rows)

    async def count_login(self, username: str, address: str, max_failures: int, window_seconds: int) -> int:
        """Count an attempt to log in. Seconds to wait, then it was not counted; 0 = go on."""
        sql = """
            begin
               logins.count_login(in_username => :username
                                 ,in_address => :address
                                 ,in_max_failures => :max_failures
                                 ,in_window_seconds => :window_seconds
                                 ,out_wait_seconds => :wait_seconds);
            end;"""
        binds = {
            "username": username,
            "address": address or None,
            "max_failures": max_failures,
            "window_seconds": window_seconds,
            "wait_seconds": NUMBER_OUT,
        }
        return int((await self._pool.block("count login", sql, binds))["wait_seconds"])

    async def forget_failures(self, username: str, address: str) -> None:
        """The name is no longer closed to this address."""
        sql = "begin logins.forget_failures(in_username => :username, in_address => :address); end;"
        binds = {"username": username, "address": address or None}
        await self._pool.block("forget failures", sql, binds, idempotent=True)

    async def open_session(
        self,
        session_id: str,
        username: str,
        token_hash: str,
        life_seconds: int,
        address: str,
        agent: str,
    ) -> datetime:
        """Open a session; the time at which it ends. Raises NotFoundError, ConflictError (not active)."""
        sql = """
            begin
               logins.open_session(in_session_id => :session_id
                                  ,in_username => :username
                                  ,in_token_hash => :token_hash
                                  ,in_life_seconds => :life_seconds
                                  ,in_address => :address
                                  ,in_agent => :agent
                                  ,out_expires_at => :expires_at);
            end;"""
        binds = {
            "session_id": session_id,
            "username": username,
            "token_hash": token_hash,
            "life_seconds": life_seconds,
            "address": address or None,
            "agent": agent or None,
            "expires_at": _TIME,
        }
        deed = Deed("login", username, actor=username)
        outs = await self._pool.block("open session", *audited(sql, binds, deed))
        return _utc(outs["expires_at"])

    async def refresh(self, token_hash: str, new_token_hash: str) -> Refreshed:
        """Spend a refresh token for a new one."""
        sql = """
            begin
               logins.refresh(in_token_hash => :token_hash
                             ,in_new_token_hash => :new_token_hash
                             ,out_verdict => :verdict
                             ,out_session_id => :session_id
                             ,out_username => :username
                             ,out_role => :role_name
                             ,out_expires_at => :expires_at);
            end;"""
        binds = {
            "token_hash": token_hash,
            "new_token_hash": new_token_hash,
            "verdict": _SHORT,
            "session_id": _NAME,
            "username": _NAME,
            "role_name": _SHORT,
            "expires_at": _TIME,
        }
        outs = await self._pool.block("refresh", sql, binds)
        if outs["verdict"] == "UNKNOWN":
            return Refreshed("UNKNOWN")
        return Refreshed(
            outs["verdict"],
            outs["session_id"],
            outs["username"],
            Role(outs["role_name"]),
            _utc(outs["expires_at"]),
        )

    async def end_session(self, session_id: str, reason: str) -> None:
        """End one session."""
        sql = "begin logins.end_session(in_session_id => :session_id, in_reason => :reason); end;"
        binds = {"session_id": session_id, "reason": reason}
        await self._pool.block("end session", *audited(sql, binds, Deed("logout", None)), idempotent=True)

    async def end_sessions(self, username: str, reason: str) -> None:
        """End all sessions of a user."""
        sql = "begin logins.end_sessions(in_username => :username, in_reason => :reason); end;"
        binds = {"username": username, "reason": reason}
        deed = Deed("logout.everywhere", username)
        await self._pool.block("end sessions", *audited(sql, binds, deed), idempotent=True)

    async def keys(self, username: str | None) -> list[KeyRow]:
        """Keys of one user, or of all; newest first."""
        sql = """
            select key_id, username, label, scopes, created_at, expires_at, last_used_at, revoked_at, revoked_by
              from api_keys
             where username = nvl(:username, username)
             order by created_at desc, key_id"""
        rows = await self._pool.rows("list keys", sql, {"username": username})
        return [
            KeyRow(
                key_id=key_id,
                username=owner,
                label=label,
                scopes=scopes,
                created_at=_utc(created_at),
                expires_at=_utc_or_none(expires_at),
                last_used_at=_utc_or_none(last_used_at),
                revoked_at=_utc_or_none(revoked_at),
                revoked_by=revoked_by,
            )
            for key_id, owner, label, scopes, created_at, expires_at, last_used_at, revoked_at, revoked_by in rows
        ]

    async def create_key(
        self,
        key_id: str,
        username: str,
        label: str,
        secret_hash: str,
        scopes: list[str] | None,
        life_days: int | None,
    ) -> None:
        """Keep a new key. Raises NotFoundError, ConflictError, ArgumentError."""
        sql = """
            begin
               logins.create_key(in_key_id => :key_id
                                ,in_username => :username
                                ,in_label => :label
                                ,in_secret_hash => :secret_hash
                                ,in_scopes => :scopes
                                ,in_life_days => :life_days);
            end;"""
        binds = {
            "key_id": key_id,
            "username": username,
            "label": label,
            "secret_hash": secret_hash,
            "scopes": None if scopes is None else " ".join(scopes),
            "life_days": life_days,
        }
        after = {"username": username, "label": label, "scopes": scopes, "life_days": life_days}
        await self._pool.block("create key", *audited(sql, binds, Deed("key.create", key_id, after=after)))

    async def revoke_key(self, key: KeyRow, by: str) -> None:
        """The key is refused from now on. Raises NotFoundError."""
        sql = "begin logins.revoke_key(in_key_id => :key_id, in_by => :revoker); end;"
        binds = {"key_id": key.key_id, "revoker": by}
        deed = Deed("key.revoke", key.key_id, before={"username": key.username, "label": key.label})
        await self._pool.block("revoke key", *audited(sql, binds, deed), idempotent=True)

    async def purge(self, days: int, limit: int) -> int:
        """Delete what ended long ago, at most `limit` rows of a sort; how many went at the most."""
        sql = "begin logins.purge(in_days => :days, in_limit => :row_limit, out_deleted => :deleted); end;"
        binds = {"days": days, "row_limit": limit, "deleted": NUMBER_OUT}
        return int((await self._pool.block("purge logins", sql, binds, idempotent=True))["deleted"])


def _standing(rows: list[tuple[Any, ...]]) -> dict[str, Admission]:
    return {
        one: Admission(refusal, username, Role(role), scopes) for one, refusal, username, role, scopes in rows
    }


def _admission_outs() -> dict[str, Out]:
    return {
        "refusal": _SHORT,
        "username": _NAME,
        "role_name": _SHORT,
        "requests": NUMBER_OUT,
        "seconds_left": NUMBER_OUT,
    }


def _admission(outs: Outs) -> Admission:
    if outs["refusal"] is not None:
        return Admission(outs["refusal"])
    return Admission(
        None,
        outs["username"],
        Role(outs["role_name"]),
        outs.get("scopes"),
        int(outs["requests"]),
        int(outs["seconds_left"]),
    )


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)


def _utc_or_none(moment: datetime | None) -> datetime | None:
    return None if moment is None else _utc(moment)
