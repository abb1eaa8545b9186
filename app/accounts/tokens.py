"""Access tokens: short-lived JWTs, HS256 only, bound to this service and to the user's current password."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import jwt

from app.accounts.permissions import Role

_ALGORITHM = "HS256"
_ISSUER = "concord"
_AUDIENCE = "concord-api"
_REQUIRED = ["exp", "iat", "jti", "sub", "aud", "iss", "role", "pwd"]


class TokenError(Exception):
    """The token is not valid; the text is a sentence for its holder."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid token says. `password_version` ties it to the password it was issued for."""

    username: str
    role: Role
    token_id: str
    expires_at: datetime
    password_version: int


class Tokens:
    """Issues and checks tokens. secret: 32 bytes or more; life: of a token."""

    def __init__(self, secret: str, life: timedelta) -> None:
        self._secret = secret
        self._life = life

    def issue(self, username: str, role: Role, password_version: int) -> tuple[str, Claims]:
        """A new token for a user who has just proved who he is."""
        now = datetime.now(UTC).replace(microsecond=0)
        claims = Claims(username, role, secrets.token_hex(16), now + self._life, password_version)
        payload = {
            "sub": username,
            "role": str(role),
            "pwd": password_version,
            "jti": claims.token_id,
            "iat": now,
            "exp": claims.expires_at,
            "iss": _ISSUER,
            "aud": _AUDIENCE,
        }
        return jwt.encode(payload, self._secret, algorithm=_ALGORITHM), claims

    def read(self, token: str) -> Claims:
        """The claims of a valid token. Raises TokenError."""
        try:
            payload = jwt.decode(
                token,
                self._secret,
                algorithms=[_ALGORITHM],
                issuer=_ISSUER,
                audience=_AUDIENCE,
                options={"require": _REQUIRED},
            )
            return Claims(
                username=str(payload["sub"]),
                role=Role(payload["role"]),
                token_id=str(payload["jti"]),
                expires_at=datetime.fromtimestamp(int(payload["exp"]), UTC),
                password_version=int(payload["pwd"]),
            )
        except jwt.ExpiredSignatureError as error:
            raise TokenError("Your token has expired: log in again.") from error
        except (jwt.PyJWTError, ValueError) as error:
            raise TokenError("Your token is not valid: log in again.") from error
