"""The audit trail as the stores write it: a deed and its entry in one block, one round trip, one transaction.

    await pool.block("create user", *audited(sql, binds, Deed("user.create", username, after={...})))

Who acts comes from `acting_for`, from where from `caller`; the edge of the API sets both for each request.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import msgspec

from app.oracle.pool import OraclePool, acting_for

_VALUE_LENGTH = 1000  # AUDIT_LOG.BEFORE_VALUE and AFTER_VALUE, characters
_TARGET_LENGTH = 200
_ACTOR_LENGTH = 128


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a request comes from: network address, user agent, id of the request."""

    address: str = ""
    agent: str = ""
    request_id: str = ""


caller: ContextVar[Caller] = ContextVar("caller", default=Caller())  # noqa: B039 - frozen


@dataclass(frozen=True, slots=True)
class Deed:
    """What is done (`user.create`), to what, and its values before and after; secrets never go in here.

    actor: None means the user on whose behalf this task works. done False: it was refused.
    """

    action: str
    target: str | None = None
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    done: bool = True
    actor: str | None = None


def audited(sql: str, binds: Mapping[str, Any], deed: Deed) -> tuple[str, dict[str, Any]]:
    """The PL/SQL block `sql` (begin ... end;) with the entry behind it, and the binds of both.

    If the block raises, neither takes effect.
    """
    block = f"""
        begin
           {sql.strip()}
           audit_trail.append(in_actor => :audit_actor
                             ,in_action => :audit_action
                             ,in_target => :audit_target
                             ,in_outcome => :audit_outcome
                             ,in_before => :audit_before
                             ,in_after => :audit_after
                             ,in_address => :audit_address
                             ,in_agent => :audit_agent
                             ,in_request_id => :audit_request_id);
        end;"""
    return block, {**binds, **_entry(deed)}


async def record(pool: OraclePool, deed: Deed) -> None:
    """An entry by itself, for a deed that changed nothing or was done elsewhere. Raises OracleError."""
    await pool.block("audit", *audited("", {}, deed))


def _entry(deed: Deed) -> dict[str, Any]:
    where = caller.get()
    actor = acting_for.get() if deed.actor is None else deed.actor
    return {
        "audit_actor": actor[:_ACTOR_LENGTH] or None,
        "audit_action": deed.action,
        "audit_target": (deed.target or "")[:_TARGET_LENGTH] or None,
        "audit_outcome": "DONE" if deed.done else "REFUSED",
        "audit_before": _json(deed.before),
        "audit_after": _json(deed.after),
        "audit_address": where.address or None,
        "audit_agent": where.agent or None,
        "audit_request_id": where.request_id or None,
    }


def _json(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()[:_VALUE_LENGTH]
