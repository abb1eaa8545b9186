"""Password authentication with Oracle's 12c verifier: what is stored, and the two sides of the handshake.

The verifier is salt, round count and H, where K = PBKDF2-HMAC-SHA512(password, salt ||
"AUTH_PBKDF2_SPEEDY_KEY", 64 bytes, rounds) and H = the first 32 bytes of SHA512(K || salt). Server and
client exchange two halves of a session key encrypted under H; the client then sends the password
encrypted under the session key, and the server derives H from it and compares. Nothing stored here lets
anyone log in without the password.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

VERIFIER_12C = 0x4815
SPEEDY_KEY = b"AUTH_PBKDF2_SPEEDY_KEY"
DEFAULT_ROUNDS = 4096  # what Oracle uses; it costs each connecting client about 2.5 ms
SESSION_KEY_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Verifier:
    """A stored password: enough to check one, not enough to log in."""

    user: str  # the canonical name: "CONCORD"
    salt: bytes  # 16 bytes
    hash: bytes  # H, 32 bytes
    rounds: int = DEFAULT_ROUNDS
    locked: bool = False


def make_verifier(user: str, password: str, rounds: int = DEFAULT_ROUNDS) -> Verifier:
    """A new verifier with a random salt, to be stored for `user`."""
    salt = secrets.token_bytes(16)
    return Verifier(user, salt, _hash(password.encode(), salt, rounds), rounds)


def password_matches(verifier: Verifier, password: str) -> bool:
    """Whether `password` is the one the verifier was made of; takes the same time either way."""
    computed = _hash(password.encode(), verifier.salt, verifier.rounds)
    return hmac.compare_digest(computed, verifier.hash)


def _hash(password: bytes, salt: bytes, rounds: int) -> bytes:
    key = hashlib.pbkdf2_hmac("sha512", password, salt + SPEEDY_KEY, rounds, 64)
    return hashlib.sha512(key + salt).digest()[:32]


class WrongPassword(Exception):
    """The client does not know the password (or the user does not exist)."""


@dataclass(slots=True)
class Exchange:
    """One login: the server's half of the session key, then the session key itself."""

    verifier: Verifier
    exists: bool = True
    half: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    csk_salt: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    session_key: bytes = b""

    @classmethod
    def start(cls, verifier: Verifier | None) -> Exchange:
        """An unknown user gets a random verifier, so that the answer does not tell that he is unknown."""
        if verifier is not None:
            return cls(verifier)
        return cls(Verifier("", secrets.token_bytes(16), secrets.token_bytes(32)), exists=False)

    def challenge(self) -> list[tuple[str, str, int]]:
        """Key, value and flags of each parameter of the answer to phase one."""
        return [
            ("AUTH_SESSKEY", encrypt(self.verifier.hash, self.half).hex().upper(), 0),
            ("AUTH_VFR_DATA", self.verifier.salt.hex().upper(), VERIFIER_12C),
            ("AUTH_PBKDF2_CSK_SALT", self.csk_salt.hex().upper(), 0),
            ("AUTH_PBKDF2_VGEN_COUNT", str(self.verifier.rounds), 0),
            ("AUTH_PBKDF2_SDER_COUNT", str(SESSION_KEY_ROUNDS), 0),
        ]

    def finish(self, client_key_hex: str, password_hex: str) -> str:
        """Check phase two; returns the password. Raises WrongPassword."""
        try:
            theirs = decrypt(self.verifier.hash, bytes.fromhex(client_key_hex))[:32]
            combined = (theirs + self.half).hex().upper().encode()
            self.session_key = hashlib.pbkdf2_hmac("sha512", combined, self.csk_salt, SESSION_KEY_ROUNDS, 32)
            password = self.decrypt_password(password_hex)
        except ValueError as error:
            raise WrongPassword from error
        if not self.exists or not password_matches(self.verifier, password):
            raise WrongPassword
        return password

    def decrypt_password(self, password_hex: str) -> str:
        """A password under the session key: 16 random bytes, then the password, PKCS7. Raises ValueError."""
        plain = decrypt(self.session_key, bytes.fromhex(password_hex))
        unpadder = PKCS7(128).unpadder()
        return (unpadder.update(plain) + unpadder.finalize())[16:].decode()

    def server_proof(self) -> str:
        """AUTH_SVR_RESPONSE: shows the client that this server knows the verifier."""
        padder = PKCS7(128).padder()
        plain = padder.update(secrets.token_bytes(16) + b"SERVER_TO_CLIENT") + padder.finalize()
        return encrypt(self.session_key, plain).hex().upper()


def encrypt(key: bytes, data: bytes) -> bytes:
    """AES-CBC with a zero vector, as the protocol has it; `data` is whole blocks."""
    encryptor = Cipher(algorithms.AES(key), modes.CBC(bytes(16))).encryptor()
    return encryptor.update(data) + encryptor.finalize()


def decrypt(key: bytes, data: bytes) -> bytes:
    """The reverse of `encrypt`. Raises ValueError when `data` is not whole blocks."""
    decryptor = Cipher(algorithms.AES(key), modes.CBC(bytes(16))).decryptor()
    return decryptor.update(data) + decryptor.finalize()
