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
from app.accounts.throttle import MAX_FAILURES, WINDOW_SECONDS, LoginThrottle
from app.accounts.tokens import TokenError, Tokens

SECRET = "s" * 32
TOKENS = Tokens(SECRET, timedelta(minutes=5))


def forged(secret: str = SECRET, algorithm: str = "HS256", without: str = "", **changes: Any) -> str:
    now = datetime.now(UTC)
    payload = {
        "sub": "ann", "role": "VIEWER", "pwd": 1, "jti": "x", "iat": now, "exp": now + timedelta(minutes=1),
        "iss": "concord", "aud": "concord-api", **changes,
    }  # fmt: skip
    payload.pop(without, None)
    return jwt.encode(payload, secret, algorithm=algorithm)


def unsigned() -> str:
    _header, payload, _ = forged().split(".")
    none = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).decode().rstrip("=")
    return f"{none}.{payload}."


def test_a_token_says_what_it_was_issued_for() -> None:
    token, issued = TOKENS.issue("ann", Role.ANALYST, 42)
    read = TOKENS.read(token)
    assert read == issued
    assert (read.username, read.role, read.password_version) == ("ann", Role.ANALYST, 42)


def test_two_tokens_never_have_the_same_id() -> None:
    ids = {TOKENS.issue("ann", Role.VIEWER, 1)[1].token_id for _ in range(50)}
    assert len(ids) == 50


def test_the_forger_of_these_tests_can_make_a_good_token() -> None:
    assert TOKENS.read(forged()).username == "ann"


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
        forged(role="EMPEROR"),
        forged(pwd="x"),
        forged(iat=datetime.now(UTC) + timedelta(hours=1)),
        *(forged(without=claim) for claim in ("exp", "iat", "jti", "sub", "aud", "iss", "role", "pwd")),
    ],
)
def test_a_token_that_we_did_not_issue_is_refused(token: str) -> None:
    with pytest.raises(TokenError, match="not valid"):
        TOKENS.read(token)


def test_an_expired_token_is_told_as_such() -> None:
    with pytest.raises(TokenError, match="expired"):
        TOKENS.read(forged(exp=datetime.now(UTC) - timedelta(seconds=1)))


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


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def throttle_after(failures: int) -> tuple[LoginThrottle, Clock]:
    clock = Clock()
    throttle = LoginThrottle(clock)
    for _ in range(failures):
        throttle.failed("ann", "10.0.0.1")
    return throttle, clock


def test_an_account_closes_after_too_many_failures_and_opens_again() -> None:
    throttle, clock = throttle_after(MAX_FAILURES)
    assert throttle.seconds_to_wait("Ann", "10.0.0.1") >= WINDOW_SECONDS
    clock.now = WINDOW_SECONDS + 1
    assert throttle.seconds_to_wait("ann", "10.0.0.1") == 0


def test_one_failure_less_closes_nothing() -> None:
    assert throttle_after(MAX_FAILURES - 1)[0].seconds_to_wait("ann", "10.0.0.1") == 0


def test_failures_from_one_address_do_not_lock_the_user_out_elsewhere() -> None:
    assert throttle_after(MAX_FAILURES)[0].seconds_to_wait("ann", "10.0.0.2") == 0


def test_a_good_login_forgets_the_failures() -> None:
    throttle, _ = throttle_after(MAX_FAILURES - 1)
    throttle.succeeded("ann", "10.0.0.1")
    throttle.failed("ann", "10.0.0.1")
    assert throttle.seconds_to_wait("ann", "10.0.0.1") == 0


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
