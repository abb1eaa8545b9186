"""Tokens, passwords, the brake on guessing, and the permission matrix: what needs no database."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from app.accounts import passwords
from app.accounts.passwords import PasswordRuleError, hash_password, verify_password
from app.accounts.permissions import MATRIX, Permission, Role, allowed
from app.accounts.routes import Login, LoginRequest
from app.accounts.tokens import Claims, SigningKey, TokenError, Tokens, digest, new_key, read_key

SECRET = "s" * 32
KID = "key-1"


class OneKey:
    """A keyring of one key."""

    async def to_sign(self) -> SigningKey:
        return SigningKey(KID, SECRET.encode())

    async def to_verify(self, key_id: str) -> SigningKey | None:
        return await self.to_sign() if key_id == KID else None


def issue() -> tuple[str, Claims]:
    return asyncio.run(Tokens(OneKey(), timedelta(minutes=5)).issue("ann", "session"))


def read(token: str) -> Claims:
    return asyncio.run(Tokens(OneKey(), timedelta(minutes=5)).read(token))


def forged(
    secret: str = SECRET, algorithm: str = "HS256", without: str = "", kid: str = "", **changes: Any
) -> str:
    now = datetime.now(UTC)
    payload = {
        "sub": "ann", "sid": "s", "jti": "x", "iat": now, "exp": now + timedelta(hours=1),
        "iss": "concord", "aud": "concord-api", **changes,
    }  # fmt: skip
    payload.pop(without, None)
    return jwt.encode(payload, secret, algorithm=algorithm, headers={"kid": kid or KID})


def unsigned() -> str:
    _header, payload, _ = forged().split(".")
    none = (
        base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT", "kid": KID}).encode())
        .decode()
        .rstrip("=")
    )
    return f"{none}.{payload}."


def test_a_token_says_what_it_was_issued_for() -> None:
    token, issued = issue()
    assert read(token) == issued
    assert (issued.username, issued.session_id) == ("ann", "session")


def test_two_tokens_never_have_the_same_id() -> None:
    ids = {issue()[1].token_id for _ in range(50)}
    assert len(ids) == 50


def test_the_forger_of_these_tests_can_make_a_good_token() -> None:
    assert read(forged()).username == "ann"


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "a.b.c",
        unsigned(),
        forged(secret="t" * 32),
        forged(algorithm="HS512", secret="s" * 64),
        forged(iss="somebody"),
        forged(aud="something"),
        forged(kid="00000000"),
        jwt.encode({"sub": "ann"}, SECRET, algorithm="HS256"),
        forged(iat=datetime.now(UTC) + timedelta(hours=1)),
        *(forged(without=claim) for claim in ("exp", "iat", "jti", "sub", "sid", "aud", "iss")),
    ],
)
def test_a_token_that_we_did_not_issue_is_refused(token: str) -> None:
    with pytest.raises(TokenError, match="not valid"):
        read(token)


def test_an_expired_token_is_told_as_such() -> None:
    with pytest.raises(TokenError, match="expired"):
        read(forged(exp=datetime.now(UTC) - timedelta(seconds=1)))


def test_the_right_password_is_recognised_and_a_wrong_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_COST", 4)
    hashed = asyncio.run(hash_password("correct horse"))
    assert asyncio.run(verify_password("correct horse", hashed))
    assert not asyncio.run(verify_password("correct Horse", hashed))


def test_a_password_is_not_recognised_by_its_first_72_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_COST", 4)
    hashed = asyncio.run(hash_password("x" * 72))
    assert not asyncio.run(verify_password("x" * 73, hashed))


def test_no_password_opens_an_unknown_account() -> None:
    assert not asyncio.run(verify_password("-", None))


@pytest.mark.parametrize("password", ["short", "x" * 73, "é" * 37, "nul \x00 inside"])
def test_a_password_that_bcrypt_would_betray_is_refused(password: str) -> None:
    with pytest.raises(PasswordRuleError):
        asyncio.run(hash_password(password))


def test_a_key_is_told_from_a_token_and_only_its_hash_is_kept() -> None:
    text, kept = new_key()
    assert read_key(text) == kept
    assert kept.secret_hash not in text
    assert kept.secret_hash == digest(text.rpartition(f"{kept.key_id}_")[2])


@pytest.mark.parametrize("text", ["", "concord_", "concord_k2m7qa4xpz_short", "a.b.c", new_key()[0] + "x"])
def test_what_is_no_key_is_none(text: str) -> None:
    assert read_key(text) is None


def test_secrets_do_not_show_when_a_request_or_an_answer_is_printed() -> None:
    answer = Login("eyJ", "Bearer", 1, datetime.now(UTC), "refresh", datetime.now(UTC), "ann", Role.VIEWER)
    assert "hunter2" not in repr(LoginRequest("ann", "hunter2"))
    assert "eyJ" not in repr(answer)
    assert "refresh" not in repr(answer)


@pytest.mark.parametrize(
    ("role", "permission", "may"),
    [
        (Role.VIEWER, Permission.JOBS_READ, True),
        (Role.VIEWER, Permission.JOBS_SUBMIT, False),
        (Role.VIEWER, Permission.JOBS_MANAGE_OWN, False),
        (Role.ANALYST, Permission.JOBS_SUBMIT, True),
        (Role.ANALYST, Permission.JOBS_MANAGE_OWN, True),
        (Role.ANALYST, Permission.JOBS_MANAGE_ANY, False),
        (Role.OPERATOR, Permission.JOBS_MANAGE_ANY, True),
        (Role.ADMIN, Permission.JOBS_MANAGE_ANY, True),
    ],
)
def test_roles_may_do_what_the_matrix_says(role: Role, permission: Permission, may: bool) -> None:
    assert allowed(role, permission) is may


def test_every_role_stands_in_the_matrix() -> None:
    assert set(MATRIX) == set(Role)
