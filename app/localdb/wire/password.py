"""The request that changes a password on a live session: function 115 without a login."""

from __future__ import annotations

from app.localdb.wire.constants import Auth
from app.localdb.wire.errors import ProtocolError
from app.localdb.wire.reader import Reader


def read_password_change(reader: Reader) -> dict[str, str]:
    """AUTH_PASSWORD and AUTH_NEWPASSWORD, both encrypted under the key of the login."""
    has_user = reader.u8()
    reader.ub()
    mode = reader.ub()
    reader.u8()
    count = reader.ub()
    reader.skip(2)
    if has_user:
        reader.data()
    pairs = dict(reader.pairs(count))
    if not mode & Auth.CHANGE_PASSWORD:
        raise ProtocolError(f"a second login with mode {mode:#x}")
    return pairs
