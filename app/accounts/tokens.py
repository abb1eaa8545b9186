"""What callers prove themselves with: access tokens (JWT), refresh tokens and keys of services (random).

Access tokens are short-lived, HS256 only, and name the session in which they were given out. Each says by
`kid` which key signed it (RFC 7519, RFC 7515 section 4.1.4); `signing` keeps the keys. Refresh tokens and keys hold 256 random bits; only their SHA-256
is kept, which needs no salt and no slow hash at that length.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

import jwt

_ALGORITHM = "HS256"
_ISSUER = "concord"
_AUDIENCE = "concord-api"
_REQUIRED = ["exp", "iat", "jti", "sub", "sid", "aud", "iss"]
_KEY = re.compile(r"concord_([a-z2-7]{10})_([A-Za-z0-9_-]{43})")
_KEY_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


class TokenError(Exception):
    """The token is not valid; the text is a sentence for its holder."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid access token says."""

    username: str
    session_id: str
    token_id: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key of 32 bytes, and the `kid` by which tokens name it."""

    key_id: str
    secret: bytes = field(repr=False)


class Keyring(Protocol):
    """Where the keys are. Both raise OracleError."""

    async def to_sign(self) -> SigningKey: ...

    async def to_verify(self, key_id: str) -> SigningKey | None: ...


class Tokens:
    """Issues and checks access tokens. life: of a token."""

    def __init__(self, keys: Keyring, life: timedelta) -> None:
        self._keys = keys
        self.life = life

    async def issue(self, username: str, session_id: str) -> tuple[str, Claims]:
        """A new token for a user who has just proved who he is. Raises OracleError."""
        now = datetime.now(UTC).replace(microsecond=0)
        claims = Claims(username, session_id, secrets.token_hex(16), now + self.life)
        payload = {
            "sub": username,
            "sid": session_id,
            "jti": claims.token_id,
            "iat": now,
            "exp": claims.expires_at,
            "iss": _ISSUER,
            "aud": _AUDIENCE,
        }
        key = await self._keys.to_sign()
        return jwt.encode(payload, key.secret, algorithm=_ALGORITHM, headers={"kid": key.key_id}), claims

    async def read(self, token: str) -> Claims:
        """The claims of a valid token. Raises TokenError and OracleError."""
        try:
            key = await self._keys.to_verify(str(jwt.get_unverified_header(token).get("kid")))
            if key is None:
                raise TokenError("Your token is not valid: log in again.")
            payload = jwt.decode(
                token,
                key.secret,
                algorithms=[_ALGORITHM],
                issuer=_ISSUER,
                audience=_AUDIENCE,
                options={"require": _REQUIRED},
            )
            return Claims(
                username=str(payload["sub"]),
                session_id=str(payload["sid"]),
                token_id=str(payload["jti"]),
                expires_at=datetime.fromtimestamp(int(payload["exp"]), UTC),
            )
        except jwt.ExpiredSignatureError as error:
            raise TokenError("Your token has expired: log in again.") from error
        except (jwt.PyJWTError, ValueError) as error:
            raise TokenError("Your token is not valid: log in again.") from error


def new_session_id() -> str:
    """32 random characters."""
    return secrets.token_hex(16)


def new_refresh_token() -> str:
    """43 random characters."""
    return secrets.token_urlsafe(32)


@dataclass(frozen=True, slots=True)
class ServiceKey:
    """A key as its holder sends it: `concord_ID_SECRET`. Only ID and `secret_hash` are kept."""

    key_id: str
    secret_hash: str


def new_key() -> tuple[str, ServiceKey]:
    """A key to be shown once, and what is kept of it."""
    key_id = "".join(secrets.choice(_KEY_ALPHABET) for _ in range(10))
    secret = secrets.token_urlsafe(32)
    return f"concord_{key_id}_{secret}", ServiceKey(key_id, digest(secret))


def read_key(text: str) -> ServiceKey | None:
    """The key in `text`; None when it is not one."""
    match = _KEY.fullmatch(text)
    return ServiceKey(match[1], digest(match[2])) if match else None


def digest(secret: str) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(secret.encode()).hexdigest()
