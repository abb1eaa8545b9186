"""Reading the audit trail: pages, an export, and the check that nobody has tampered with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import oracledb

from app.oracle.pool import OraclePool, Out, to_database

MAX_PAGE = 1000


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One deed. `before` and `after` are JSON texts, cut at 1000 characters."""

    audit_id: int
    at: datetime
    actor: str | None
    action: str
    target: str | None
    outcome: str
    before: str | None
    after: str | None
    address: str | None
    agent: str | None
    request_id: str | None
    row_hash: str


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries; newest first, those with a number below `before_id`."""

    actor: str | None = None
    action: str | None = None
    target: str | None = None
    outcome: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before_id: int | None = None
    limit: int = 100


class AuditStore:
    """AUDIT_LOG. Every method raises OracleError."""

    def __init__(self, pool: OraclePool) -> None:
        self._pool = pool

    async def entries(self, wanted: AuditFilter) -> list[AuditEntry]:
        """At most `limit` entries, newest first."""
        conditions = {
            "actor = :actor": wanted.actor and wanted.actor.lower(),
            "action = :action": wanted.action,
            "target = :target": wanted.target,
            "outcome = :outcome": wanted.outcome,
            "logged_at >= :since": wanted.since and to_database(wanted.since),
            "logged_at < :until": wanted.until and to_database(wanted.until),
            "audit_id < :before_id": wanted.before_id,
        }
        given = {condition: value for condition, value in conditions.items() if value is not None}
        where = " and ".join(given) or "1 = 1"
        sql = f"""
            select audit_id, logged_at, actor, action, target, outcome, before_value, after_value
                 , address, agent, request_id, row_hash
              from audit_log
             where {where}
             order by audit_id desc
             fetch first :row_limit rows only"""
        binds = {condition.rpartition(":")[2]: value for condition, value in given.items()}
        rows = await self._pool.rows("read audit", sql, {**binds, "row_limit": wanted.limit})
        return [_entry(row) for row in rows]

    async def first_fault(self) -> str | None:
        """What is wrong with the chain; None if it is whole. Reads all of it."""
        outs = await self._pool.block(
            "check audit",
            "begin :fault := audit_trail.first_fault; end;",
            {"fault": Out(oracledb.DB_TYPE_VARCHAR, 800)},
            idempotent=True,
        )
        fault: str | None = outs["fault"]
        return fault

    async def head(self) -> tuple[int, str | None]:
        """Number and hash of the newest entry."""
        newest = await self.entries(AuditFilter(limit=1))
        return (newest[0].audit_id, newest[0].row_hash) if newest else (0, None)


def _entry(row: tuple[Any, ...]) -> AuditEntry:
    number, at, actor, action, target, outcome, before, after, address, agent, request_id, row_hash = row
    return AuditEntry(
        audit_id=int(number),
        at=at.replace(tzinfo=UTC),
        actor=actor,
        action=action,
        target=target,
        outcome=outcome,
        before=before,
        after=after,
        address=address,
        agent=agent,
        request_id=request_id,
        row_hash=row_hash,
    )
