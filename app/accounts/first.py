"""The first administrator: made when the installation has none, so that somebody can log in."""

from __future__ import annotations

import sys

import structlog

from app.accounts.passwords import generate_password, hash_password
from app.accounts.permissions import Role
from app.accounts.store import AccountStore
from app.settings import Settings

log = structlog.get_logger(__name__)


async def ensure_administrator(store: AccountStore, settings: Settings) -> None:
    """Create the first administrator if there is none; of several processes one wins.

    A generated password is printed once, on standard error, and kept nowhere. Raises OracleError, and
    PasswordRuleError for a CONCORD_ADMIN_PASSWORD that cannot be used.
    """
    if await store.has_administrator():
        return
    password = settings.admin_password or generate_password()
    created = await store.create(settings.admin_user, await hash_password(password), Role.ADMIN, None)
    if not created:
        return
    log.info("first administrator created", user=settings.admin_user)
    if not settings.admin_password:
        sys.stderr.write(
            f"\nThe first administrator is {settings.admin_user}, with the password {password}\n"
            "It is shown this once and kept nowhere.\n\n"
        )
        sys.stderr.flush()
