"""The keys that sign access tokens: rotated without a restart, without a log-out, over all API processes.

SIGNING_KEYS holds for each key its id, a random salt and when it retires. The key itself is HMAC-SHA256 over id
and salt with a secret of CONCORD_JWT_SECRET (a derivation as in RFC 5869, of one block), so that the table alone
forges no token and the secret alone knows no key that was not announced in the table.

A process that meets a `kid` it does not know looks into the table, so a new key is good everywhere at once. One
that retires is refused everywhere within KEEP_SECONDS of its time.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from app.accounts.tokens import SigningKey, digest
from app.oracle.audit import Deed, audited
from app.oracle.pool import OraclePool

KEEP_SECONDS = 10.0
_LOOKS_FOR_UNKNOWN = (
    20  # so many at once, and one a second from then on: forged tokens cost no more than that
)


@dataclass(frozen=True, slots=True)
class SigningKeyRow:
    """One row of SIGNING_KEYS that has not retired."""

    key_id: str
    salt: str
    master_id: str
    created_at: datetime
    created_by: str | None
    retires_at: datetime | None


class SigningKeys:
    """The keys as one process knows them. masters: secrets of 32 bytes or more; the first makes new keys.

    Every method raises OracleError.
    """

    def __init__(self, pool: OraclePool, masters: Sequence[str]) -> None:
        self._pool = pool
        self._masters = {_master_id(master): master for master in masters}
        self._own = _master_id(masters[0])
        self._rows: list[SigningKeyRow] = []
        self._keys: dict[str, SigningKey] = {}
        self._looked_at = float("-inf")
        self._looks_left = float(_LOOKS_FOR_UNKNOWN)
        self._counted_at = time.monotonic()
        self._looking = asyncio.Lock()

    async def to_sign(self) -> SigningKey:
        """The newest key that does not retire; the first one is made here."""
        await self._look(KEEP_SECONDS)
        current = self._current()
        if current is None:  # several processes may do so at once: each key is good
            await self._add(None, None)
            await self._look(0.0)
            current = self._current()
        assert current is not None
        return self._keys[current.key_id]

    async def to_verify(self, key_id: str) -> SigningKey | None:
        """The key of this id; None if there is none, or it has retired."""
        await self._look(KEEP_SECONDS)
        if key_id not in self._keys and self._may_look_for_unknown():
            await self._look(0.0)
        return self._keys.get(key_id)

    async def listed(self) -> tuple[list[SigningKeyRow], str | None]:
        """All keys that have not retired, newest first, and the id of the one that this process signs with."""
        await self._look(0.0)
        current = self._current()
        return self._rows, current.key_id if current else None

    async def rotate(self, by: str, grace_seconds: int) -> str:
        """Make a new key, and let the others retire after the grace; the new one's id."""
        key_id = await self._add(by, grace_seconds)
        await self._look(0.0)
        return key_id

    async def _add(self, by: str | None, grace_seconds: int | None) -> str:
        key_id = secrets.token_hex(8)
        sql = """
            begin
               logins.add_signing_key(in_key_id => :key_id
                                     ,in_salt => :salt
                                     ,in_master_id => :master_id
                                     ,in_by => :creator
                                     ,in_grace_seconds => :grace_seconds);
            end;"""
        binds = {
            "key_id": key_id,
            "salt": secrets.token_hex(32),
            "master_id": self._own,
            "creator": by,
            "grace_seconds": grace_seconds,
        }
        deed = Deed("signing-key.add", key_id, after={"grace_seconds": grace_seconds})
        await self._pool.block("add signing key", *audited(sql, binds, deed))
        return key_id

    async def _look(self, seconds: float) -> None:
        """Read the table unless that was begun within the last `seconds`, or since this call."""
        since = time.monotonic() - seconds
        if self._looked_at > since:
            return
        async with self._looking:
            if self._looked_at > since:  # another has done it meanwhile
                return
            began = time.monotonic()
            sql = """
                select key_id, salt, master_id, created_at, created_by, retires_at
                  from signing_keys
                 where retires_at is null
                    or retires_at > sys_extract_utc(systimestamp)
                 order by created_at desc, key_id"""
            found = []
            for row in await self._pool.rows("signing keys", sql):
                key_id, salt, master_id, created_at, created_by, retires_at = row
                retires = None if retires_at is None else retires_at.replace(tzinfo=UTC)
                made = created_at.replace(tzinfo=UTC)
                found.append(SigningKeyRow(key_id, salt, master_id, made, created_by, retires))
            self._rows = found
            self._keys = {
                row.key_id: SigningKey(row.key_id, _derived(self._masters[row.master_id], row))
                for row in found
                if row.master_id in self._masters
            }
            self._looked_at = began

    def _may_look_for_unknown(self) -> bool:
        now = time.monotonic()
        self._looks_left = min(self._looks_left + now - self._counted_at, _LOOKS_FOR_UNKNOWN)
        self._counted_at = now
        if self._looks_left < 1:
            return False
        self._looks_left -= 1
        return True

    def _current(self) -> SigningKeyRow | None:
        usable = (row for row in self._rows if row.master_id == self._own and row.retires_at is None)
        return next(usable, None)


def _derived(master: str, row: SigningKeyRow) -> bytes:
    message = f"concord signing key\n{row.key_id}\n{row.salt}".encode()
    return hmac.new(master.encode(), message, hashlib.sha256).digest()


def _master_id(master: str) -> str:
    return digest(f"concord master\n{master}")[:16]
