"""`concord connections reencrypt`: every stored password encrypted anew with the first key."""

from __future__ import annotations

import asyncio

from app.connections.store import ConnectionStorage, SealError
from app.oracle.errors import ConflictError, OracleError
from app.oracle.pool import OraclePool, acting_for
from app.settings import Settings

_ACTOR = "concord connections reencrypt"


def reencrypt(settings: Settings) -> dict[str, str | None]:
    """What went wrong with each connection that has a password, None if nothing. Raises OracleError.

    Safe to repeat and beside running services, which accept all keys.
    """
    return asyncio.run(_reencrypt(settings))


async def _reencrypt(settings: Settings) -> dict[str, str | None]:
    if settings.keyring.current is None:
        raise OracleError("CONCORD_CONNECTION_KEYS is not set: there is no key to encrypt with.")
    acting_for.set(_ACTOR)
    pool = OraclePool(settings, module="concord-command", size=1)
    pool.open()
    storage = ConnectionStorage(pool, settings.keyring)
    faults: dict[str, str | None] = {}
    try:
        for stored in await storage.all():
            if stored.sealed is None:
                continue
            name = stored.shown.name
            try:
                if stored.sealed.key_id != storage.keyring.current:
                    await storage.reseal(stored)
                faults[name] = None
            except ConflictError:
                faults[name] = "it was changed meanwhile; run the command again"
            except SealError as error:
                faults[name] = error.sentence
    finally:
        await pool.close()
    return faults
