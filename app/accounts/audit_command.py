"""`concord audit verify`: follow the chain of the audit trail, from a shell or a scheduler."""

from __future__ import annotations

import asyncio
import sys

from app.accounts.audit import AuditStore, Verified
from app.oracle.errors import OracleError
from app.oracle.pool import OraclePool
from app.settings import Settings


def verify(settings: Settings, expected_hash: str | None) -> int:
    """Print the finding; 0 if the chain is whole, 1 if not, 2 if it could not be read."""
    try:
        found = asyncio.run(_verified(settings, expected_hash))
    except OracleError as error:
        sys.stderr.write(f"concord: {error.sentence}\n")
        return 2
    if found.fault is not None:
        sys.stdout.write(f"PROBLEM {found.fault} {found.entries:,} entries before it are whole.\n")
        return 1
    sys.stdout.write(f"ok      The chain is whole: {found.entries:,} entries.\nhead    {found.head}\n")
    return 0


async def _verified(settings: Settings, expected_hash: str | None) -> Verified:
    pool = OraclePool(settings, module="concord-audit", size=1)
    pool.open()
    try:
        return await AuditStore(pool).verify(expected_hash)
    finally:
        await pool.close()
