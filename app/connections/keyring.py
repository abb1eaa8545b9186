"""Passwords at rest: AES-256-GCM with keys from the environment, of which the first encrypts and all decrypt.

What is encrypted is bound to where it belongs (the associated data): a text that was moved to another row, or whose
address or user was changed behind our back, does not decrypt. Form: base64 of the 12 bytes of the nonce, the
ciphertext and the 16 bytes of the tag (NIST SP 800-38D; nonces are random).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from dataclasses import dataclass, field
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
_NONCE_BYTES = 12
_ID_DIGITS = 12


class KeyringError(Exception):
    """A password cannot be encrypted or decrypted; the text is a sentence without any secret."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """An encrypted text, and which key opens it."""

    key_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys by their ids, the first first. An empty one neither encrypts nor decrypts."""

    _keys: dict[str, bytes] = field(default_factory=dict, repr=False)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Keys as base64 of 32 bytes, separated by blanks or commas. Raises KeyringError."""
        keys = {}
        for number, word in enumerate(text.replace(",", " ").split(), 1):
            try:
                key = base64.b64decode(word.replace("-", "+").replace("_", "/"), validate=True)
            except (binascii.Error, ValueError):
                key = b""
            if len(key) != KEY_BYTES:
                raise KeyringError(f"key {number} is not base64 of {KEY_BYTES} bytes")
            keys[hashlib.sha256(key).hexdigest()[:_ID_DIGITS]] = key
        return cls(keys)

    @property
    def current(self) -> str | None:
        """The id of the key that encrypts; None without keys."""
        return next(iter(self._keys), None)

    def seal(self, plain: str, bound_to: str) -> Sealed:
        """Raises KeyringError without a key."""
        if self.current is None:
            raise KeyringError(
                "Passwords cannot be stored: the administrator has not set CONCORD_CONNECTION_KEYS."
            )
        nonce = os.urandom(_NONCE_BYTES)
        sealed = AESGCM(self._keys[self.current]).encrypt(nonce, plain.encode(), bound_to.encode())
        return Sealed(self.current, base64.b64encode(nonce + sealed).decode())

    def open(self, sealed: Sealed, bound_to: str) -> str:
        """The plain text. Raises KeyringError: no such key, or the text or what it is bound to was changed."""
        key = self._keys.get(sealed.key_id)
        if key is None:
            raise KeyringError(
                f"Its password was encrypted with the key {sealed.key_id}, which is not in CONCORD_CONNECTION_KEYS."
            )
        try:
            data = base64.b64decode(sealed.text, validate=True)
            return AESGCM(key).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], bound_to.encode()).decode()
        except (InvalidTag, ValueError):  # binascii.Error and a nonce that is too short are ValueErrors
            raise KeyringError(
                "Its stored password does not belong to it: the row was changed by other means than Concord. "
                "Give the password again."
            ) from None


def new_key() -> str:
    """A key as the setting takes it."""
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()
