"""Passwords at rest: what went in comes out, with the right key and in the right place only."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.connections.keyring import Keyring, KeyringError, Sealed, new_key
from app.settings import Settings, SettingsError

OLD, NEW = new_key(), new_key()
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


@given(plain=texts, place=texts)
def test_what_was_sealed_opens_in_its_place(plain: str, place: str) -> None:
    keyring = Keyring.from_text(OLD)
    sealed = keyring.seal(plain, place)
    assert keyring.open(sealed, place) == plain
    assert keyring.seal(plain, place) != sealed  # another nonce


@given(plain=texts, place=texts, other=texts, bit=st.integers(min_value=0))
def test_a_changed_text_or_place_or_key_opens_nothing(plain: str, place: str, other: str, bit: int) -> None:
    keyring = Keyring.from_text(OLD)
    sealed = keyring.seal(plain, place)
    data = bytearray(base64.b64decode(sealed.text))
    data[bit // 8 % len(data)] ^= 1 << bit % 8
    tampered = Sealed(sealed.key_id, base64.b64encode(data).decode())
    cut = Sealed(sealed.key_id, sealed.text[: 4 * (bit % (len(sealed.text) // 4))])
    for wrong in (tampered, cut, Sealed(sealed.key_id, "~" + sealed.text)):
        with pytest.raises(KeyringError, match="does not belong to it"):
            keyring.open(wrong, place)
    if other != place:
        with pytest.raises(KeyringError, match="does not belong to it"):
            keyring.open(sealed, other)
    with pytest.raises(KeyringError, match="not in CONCORD_CONNECTION_KEYS") as error:
        Keyring.from_text(NEW).open(sealed, place)
    assert OLD not in str(error.value)


def test_the_first_key_encrypts_and_all_decrypt() -> None:
    before = Keyring.from_text(OLD)
    both = Keyring.from_text(f"{NEW} {OLD}")
    assert both.open(before.seal("secret", "x"), "x") == "secret"
    assert both.seal("secret", "x").key_id == Keyring.from_text(NEW).current != before.current


def test_without_keys_nothing_is_sealed() -> None:
    with pytest.raises(KeyringError, match="has not set CONCORD_CONNECTION_KEYS"):
        Keyring.from_text(" ").seal("secret", "x")


@pytest.mark.parametrize("text", ["short", "A" * 44, base64.b64encode(b"x" * 31).decode(), f"{OLD} nonsense"])
def test_a_key_that_is_none_is_told_without_showing_it(text: str) -> None:
    with pytest.raises(SettingsError) as error:
        Settings(db_password="x", connection_keys=text)
    assert "is not base64 of 32 bytes" in str(error.value)
    assert text.split()[-1] not in str(error.value)


def test_secrets_show_in_no_repr() -> None:
    settings = Settings(db_password="x", connection_keys=OLD)
    assert OLD not in repr(settings) + repr(settings.keyring)
    assert base64.b64decode(OLD).hex() not in repr(settings.keyring)
