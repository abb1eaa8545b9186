"""The audit trail for who may read it: pages, an export as CSV, and whether the chain is whole."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import msgspec
from litestar import Router, get
from litestar.datastructures import State
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import Parameter
from litestar.response import Stream
from msgspec import Meta

from app.accounts.audit import MAX_PAGE, AuditEntry, AuditFilter, Verified
from app.accounts.permissions import Permission, needs
from app.envelope import Envelope, documented, errors_of, ok

_TEXT = r"^[^\x00]*$"
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class Outcome(StrEnum):
    """Whether it was done."""

    DONE = "DONE"
    REFUSED = "REFUSED"


class AuditPage(msgspec.Struct, frozen=True):
    """Entries, newest first."""

    items: list[AuditEntry]
    next_before: Annotated[
        int | None, Meta(description="Give it as `before` for older entries; null at the end.")
    ]


class AuditCheck(msgspec.Struct, frozen=True):
    """Whether the chain of hashes is whole."""

    intact: bool
    fault: Annotated[str | None, Meta(description="The first thing that is wrong.")]
    entries: Annotated[int, Meta(description="That follow from each other.")]
    head: Annotated[
        str,
        Meta(
            description="Hash of the last of them. Keep it elsewhere: who can write the table can forge the chain, "
            "but not make it hold this hash."
        ),
    ]


_Actor = Annotated[str | None, Parameter(description="Only this user's.", max_length=128, pattern=_TEXT)]
_Action = Annotated[str | None, Parameter(description="Only this, e.g. login.", max_length=50, pattern=_TEXT)]
_Target = Annotated[
    str | None, Parameter(description="Only to this user, job or key.", max_length=200, pattern=_TEXT)
]
_Outcome = Annotated[Outcome | None, Parameter(description="Only what was done, or refused.")]
_Since = Annotated[datetime | None, Parameter(description="At this time or later; UTC without an offset.")]
_Until = Annotated[datetime | None, Parameter(description="Before this time.")]

_ENTRY = AuditEntry(
    audit_id=42,
    at=datetime(2026, 1, 31, 12, 0, tzinfo=UTC),
    actor="admin",
    action="user.update",
    target="ann",
    outcome="DONE",
    before='{"role":"VIEWER","active":true}',
    after='{"role":"ANALYST","active":true}',
    address="10.1.2.3",
    agent="curl/8.5.0",
    request_id="b6a7f0c2d1e3f405",
    row_hash="9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08",
)
_CSV = (
    "audit_id,at,actor,action,target,outcome,before,after,address,agent,request_id,row_hash\r\n"
    "42,2026-01-31T12:00:00Z,ann,login,ann,DONE,,,10.1.2.3,curl/8.5.0,b6a7f0c2d1e3f405,9F86D081...\r\n"
)


@get(
    "",
    opt=needs(Permission.AUDIT_READ),
    summary="Read the audit trail",
    operation_id="listAudit",
    responses=documented(200, Envelope[AuditPage], "A page.", AuditPage([_ENTRY], None), 401, 403, 422),
)
async def list_audit(
    state: State,
    actor: _Actor = None,
    action: _Action = None,
    target: _Target = None,
    outcome: _Outcome = None,
    since: _Since = None,
    until: _Until = None,
    before: Annotated[
        int | None, Parameter(description="`next_before` of the page before.", ge=1, le=10**17)
    ] = None,
    limit: Annotated[int, Parameter(description="Entries on a page.", ge=1, le=MAX_PAGE)] = 100,
) -> Envelope[AuditPage]:
    """Newest first."""
    wanted = AuditFilter(actor, action, target, outcome, since, until, before, limit)
    items = await state.audit.entries(wanted)
    return ok(AuditPage(items, items[-1].audit_id if len(items) == limit else None))


@get(
    "/export",
    opt=needs(Permission.AUDIT_READ),
    summary="Export the audit trail",
    description="CSV, newest first, as much as the filters allow.",
    operation_id="exportAudit",
    media_type="text/csv",
    responses={
        200: ResponseSpec(
            str,
            generate_examples=False,
            description="The entries.",
            media_type="text/csv",
            examples=[Example(value=_CSV)],
        ),
        **errors_of(401, 403, 422),
    },
)
async def export_audit(
    state: State,
    actor: _Actor = None,
    action: _Action = None,
    target: _Target = None,
    outcome: _Outcome = None,
    since: _Since = None,
    until: _Until = None,
) -> Stream:
    """Page by page, so that a long trail needs no memory."""
    wanted = AuditFilter(actor, action, target, outcome, since, until, None, MAX_PAGE)
    first = await state.audit.entries(wanted)  # an error is told while there still is a status to tell it by

    async def lines() -> AsyncIterator[str]:
        yield _line(AuditEntry.__struct_fields__)
        page = first
        while page:
            yield "".join(_line(msgspec.structs.astuple(entry)) for entry in page)
            if len(page) < MAX_PAGE:
                return
            page = await state.audit.entries(replace(wanted, before_id=page[-1].audit_id))

    headers = {"Content-Disposition": 'attachment; filename="audit.csv"'}
    return Stream(lines(), media_type="text/csv; charset=utf-8", headers=headers)


@get(
    "/check",
    opt=needs(Permission.AUDIT_READ),
    summary="Check the audit trail",
    description="Recomputes the whole chain of hashes; finds rows that were changed, added or taken out.",
    operation_id="checkAudit",
    responses=documented(
        200, Envelope[AuditCheck], "The finding.", AuditCheck(True, None, 42, _ENTRY.row_hash), 401, 403
    ),
)
async def check_audit(state: State) -> Envelope[AuditCheck]:
    """Reads all of it."""
    found: Verified = await state.audit.verify()
    check = AuditCheck(found.fault is None, found.fault, found.entries, found.head)
    return ok(check, found.fault or "The chain is whole.")


def _line(values: tuple[object, ...]) -> str:
    """One line of CSV. A text that a spreadsheet would take for a formula is kept one by an apostrophe."""
    out = io.StringIO()
    csv.writer(out).writerow([_harmless(value) for value in values])
    return out.getvalue()


def _harmless(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


router = Router("/audit", route_handlers=[list_audit, export_audit, check_audit], tags=["Audit"])
