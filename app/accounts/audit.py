"""Reading the audit trail: pages, an export, and the check that nobody has tampered with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from app.oracle.pool import OraclePool, to_database

MAX_PAGE = 1000
_FIRST_HASH = "0" * 64


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


@dataclass(frozen=True, slots=True)
class Verified:
    """Entries that follow from each other, the hash of the last of them, and what is wrong behind it."""

    entries: int
    head: str
    fault: str | None


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

    async def verify(self, expected_hash: str | None = None) -> Verified:
        """Follow the whole chain up to its head, a page at a time; however long it is, no call takes long.

        The database hashes each row anew by itself, without package AUDIT_TRAIL. expected_hash: of an entry, kept
        elsewhere, that the chain must hold.
        """
        sql = "select audit_id, row_hash from audit_head where head_id = 1"
        # The head first: entries that come meanwhile are beyond it, and no fault.
        head_id, head_hash = (await self._pool.rows("audit head", sql))[0]
        number, previous = 0, _FIRST_HASH
        found = expected_hash is None
        while number < head_id:
            page = await self._links(number)
            if not page:
                return Verified(
                    number, previous, f"Entries after {number} are missing; the last had number {head_id}."
                )
            for audit_id, previous_hash, row_hash, computed in page:
                number += 1
                if audit_id != number:
                    return Verified(number - 1, previous, f"Entry {number} is missing.")
                if previous_hash != previous:
                    fault = f"Entry {number} does not follow from the one before."
                    return Verified(number - 1, previous, fault)
                if row_hash != computed:
                    return Verified(number - 1, previous, f"Entry {number} was changed.")
                previous = row_hash
                found = found or row_hash == expected_hash
                if number == head_id:
                    break
        if previous != head_hash:
            fault = f"Entry {number} is not the one that the head of the chain names."
            return Verified(number - 1, previous, fault)
        if not found:
            return Verified(
                number, previous, f"No entry has the hash {expected_hash}: the chain was made anew."
            )
        return Verified(number, previous, None)

    async def _links(self, after: int) -> list[tuple[int, str, str, str]]:
        """Number, hash before, hash, and the hash that it should be, as AUDIT_TRAIL.ROW_HASH says."""
        sql = """
            select a.audit_id
                  ,a.previous_hash
                  ,a.row_hash
                  ,rawtohex(
                      standard_hash(
                         a.previous_hash
                         || '|' || to_char(a.audit_id)
                         || '|' || to_char(a.logged_at, 'YYYY-MM-DD HH24:MI:SS.FF6')
                         || '|' || nvl2(a.actor, rawtohex(standard_hash(a.actor, 'SHA256')), '-')
                         || '|' || nvl2(a.action, rawtohex(standard_hash(a.action, 'SHA256')), '-')
                         || '|' || nvl2(a.target, rawtohex(standard_hash(a.target, 'SHA256')), '-')
                         || '|' || nvl2(a.outcome, rawtohex(standard_hash(a.outcome, 'SHA256')), '-')
                         || '|' || nvl2(a.before_value, rawtohex(standard_hash(a.before_value, 'SHA256')), '-')
                         || '|' || nvl2(a.after_value, rawtohex(standard_hash(a.after_value, 'SHA256')), '-')
                         || '|' || nvl2(a.address, rawtohex(standard_hash(a.address, 'SHA256')), '-')
                         || '|' || nvl2(a.agent, rawtohex(standard_hash(a.agent, 'SHA256')), '-')
                         || '|' || nvl2(a.request_id, rawtohex(standard_hash(a.request_id, 'SHA256')), '-')
                        ,'SHA256'
                      )
                   )
              from audit_log a
             where a.audit_id > :after
             order by a.audit_id
             fetch first :row_limit rows only"""
        return await self._pool.rows("check audit", sql, {"after": after, "row_limit": MAX_PAGE})


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
