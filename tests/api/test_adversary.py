"""What a hostile caller tries over REST: SQL in names and values, forged tokens, other people's things, fields that
are none of his, documents without end, other sites' pages, lines for the log.

Floods and drips are in test_socket and test_patience, the limits of logins in test_login and test_access.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import jwt
import pytest

from app.accounts.permissions import Role
from tests.api.conftest import PASSWORD, Caller, Client, log_in

if TYPE_CHECKING:
    from tests.conftest import Instance

Headers = dict[str, str]
JOB = "00000000-0000-4000-8000-000000000000"
INJECTIONS = [
    "x' or '1'='1",
    "x'; drop table concord.app_users; --",
    'x" or 1=1 --',
    'PARTS_A" union select password_hash from concord.app_users --',
    "API_TEST.PARTS_A where 1=0 union all select username, role, 1 from concord.app_users",
    "API_TEST.PARTS_A@evil",
    "(select 1 from dual)",
    "'||(select password_hash from concord.app_users where rownum=1)||'",
    ":1",
    "%' escape '\\",
    "dbms_lock.sleep(10)",
    "\u2019 or 1=1",
]


@pytest.fixture(scope="module")
def admin(anonymous: Client, headers_of: Callable[[Role], Headers]) -> Caller:
    return Caller(anonymous, headers_of(Role.ADMIN))


@pytest.fixture(scope="module")
def analyst(anonymous: Client, headers_of: Callable[[Role], Headers]) -> Caller:
    return Caller(anonymous, headers_of(Role.ANALYST))


def harmless(answer: Any) -> None:
    """Answered as any wrong value is, and without a word of the database's."""
    assert answer.status_code < 500, answer.text
    assert "ORA-" not in answer.text
    assert "$2b$" not in answer.text


# SQL


@pytest.mark.parametrize("text", INJECTIONS)
def test_sql_in_a_name_of_a_request_names_nothing(api: Caller, parts: dict[str, Any], text: str) -> None:
    where = {"column": "NAME", "is": "equal", "value": "x"}
    for body in (
        {**parts, "source": {"table": text}},
        {**parts, "key": [text]},
        {**parts, "columns": [text]},
        {**parts, "ignore": [text]},
        {**parts, "rules": {text: {"trim": True}}},
        {**parts, "column_map": {"NAME": text}},
        {**parts, "column_map": {text: "NAME"}},
        {**parts, "profile": text},
        {**parts, "queue": text},
        {**parts, "source": {**parts["source"], "where": [{**where, "column": text}]}},
        {**parts, "source": {**parts["source"], "where": [{**where, "is": text}]}},
    ):
        answer = api("POST", "/compare", json=body)
        harmless(answer)
        assert answer.status_code in (404, 422), answer.text


@pytest.mark.parametrize("text", INJECTIONS)
def test_sql_in_a_value_is_a_value(api: Caller, admin: Caller, text: str) -> None:
    for path, name in (
        ("/jobs", "text"),
        ("/jobs", "table"),
        ("/jobs", "kind"),
        ("/jobs", "submitted_by"),
        ("/jobs", "tag"),
        ("/audit", "actor"),
        ("/audit", "action"),
        ("/audit", "target"),
    ):
        answer = admin("GET", path, params={name: text, "limit": 1})
        harmless(answer)
        if answer.status_code == 200:
            assert answer.json()["data"]["items"] == [], (path, name)
    for path, name in (
        ("/jobs", "sort"),
        ("/jobs", "cursor"),
        ("/jobs", "status"),
        ("/dashboard/trends", "timezone"),
        ("/dashboard/activity", "cursor"),
    ):
        answer = api("GET", path, params={name: text})
        harmless(answer)
        assert answer.status_code == 422, (path, name, answer.text)


@pytest.mark.parametrize("text", INJECTIONS)
def test_sql_in_an_address_finds_nothing(admin: Caller, database: Instance, text: str) -> None:
    quoted = httpx.URL("http://x").copy_with(path=f"/{text}").raw_path.decode()[1:].replace("/", "%2F")
    for method, path in (
        ("GET", f"/jobs/{quoted}"),
        ("DELETE", f"/jobs/{quoted}"),
        ("PUT", f"/jobs/{quoted}/retry"),
        ("GET", f"/jobs/{quoted}/results"),
        ("GET", f"/jobs/{JOB}/files/{quoted}"),
        ("GET", f"/users/{quoted}"),
        ("DELETE", f"/users/{quoted}"),
        ("DELETE", f"/api-keys/{quoted}"),
        ("GET", f"/profiles/{quoted}"),
        ("GET", f"/schedules/{quoted}"),
    ):
        answer = admin(method, path)
        harmless(answer)
        assert answer.status_code in (400, 404, 405, 422), (path, answer.text)
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("select count(*) from concord.app_users where active = 1")
        assert cursor.fetchone()[0] >= 4


# Paths


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e%2f%2e%2e%2fetc/passwd",
        "....//etc/passwd",
        "%00",
        "/etc/passwd",
    ],
)
def test_no_address_leads_out_of_a_folder(anonymous: Client, analyst: Caller, name: str) -> None:
    for path in (
        f"/api/v1/jobs/{JOB}/files/{name}",
        f"/api/v1/jobs/{name}/files/differences.parquet",
        f"/static/{name}",
    ):
        answer = anonymous.get(path, headers=analyst.headers)
        assert answer.status_code in (400, 404), (path, answer.status_code)
        assert "root:" not in answer.text


# Tokens


def signed(header: dict[str, Any], payload: dict[str, Any], key: bytes) -> str:
    """A token with any header; `alg` decides nothing here."""

    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    text = f"{part(header)}.{part(payload)}"
    seal = (
        base64.urlsafe_b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode().rstrip("=")
    )
    return f"{text}.{seal}"


def test_no_forged_token_gets_in(anonymous: Client, users: dict[Role, str], database: Instance) -> None:
    good = log_in(anonymous, users[Role.ADMIN])
    header, payload = jwt.get_unverified_header(good), jwt.decode(good, options={"verify_signature": False})
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("select salt, master_id from concord.signing_keys where key_id = :1", [header["kid"]])
        salt, master_id = cursor.fetchone()
    kid = header["kid"]
    unsigned = signed({**header, "alg": "none"}, payload, b"")
    parts = good.split(".")
    elevated = {**payload, "sub": "admin", "role": "ADMIN"}
    forged = [
        unsigned,
        unsigned.rpartition(".")[0] + ".",
        *(
            signed({**header, "alg": alg}, payload, b"")
            for alg in ("None", "NONE", "nOnE", "", "HS384", "RS256", "ES256")
        ),
        *(
            signed(header, payload, secret)
            for secret in (b"", kid.encode(), salt.encode(), bytes.fromhex(salt))
        ),
        signed(header, payload, master_id.encode()),
        *(
            signed({**header, "kid": odd}, payload, b"")
            for odd in (
                "",
                "../../dev/null",
                "/dev/null",
                "' or '1'='1",
                "x" * 6000,
                7,
                None,
                ["a"],
                {"a": 1},
            )
        ),
        signed({"alg": "HS256", "jwk": {"kty": "oct", "k": "AAAA"}}, payload, bytes(3)),
        signed({**header, "jku": "http://127.0.0.1/keys"}, payload, b"x"),
        f"{parts[0]}.{base64.urlsafe_b64encode(json.dumps(elevated).encode()).decode().rstrip('=')}.{parts[2]}",
        f"{parts[0]}.{parts[1]}.",
        f"{parts[0]}.{parts[1]}.{'A' * 43}",
        jwt.encode(
            {**payload, "exp": datetime.now(UTC) + timedelta(days=9999)}, "s" * 32, headers={"kid": kid}
        ),
    ]
    for token in forged:
        answer = anonymous.get("/api/v1/auth/me", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401, (token[:200], answer.text)
    assert anonymous.get("/api/v1/auth/me", headers={"Authorization": f"Bearer {good}"}).status_code == 200


# Other people's things


def test_nobody_acts_on_another_users_things(
    admin: Caller, analyst: Caller, api: Caller, parts: dict[str, Any], anonymous: Client
) -> None:
    job_id = api.data("POST", "/compare", json=parts)["job_id"]
    key = admin.data("POST", "/api-keys", json={"label": "hers"})
    for method, path, body in (
        ("DELETE", f"/jobs/{job_id}", None),
        ("PUT", f"/jobs/{job_id}/retry", None),
        ("DELETE", f"/api-keys/{key['key_id']}", None),
        ("GET", "/users/test-admin", None),
        ("PUT", "/users/test-analyst", {"role": "ADMIN"}),
        ("POST", "/signing-keys/rotate", {}),
        ("GET", "/audit", None),
    ):
        answer = analyst(method, path, json=body)
        assert answer.status_code in (403, 404), (path, answer.text)
    acted = analyst.data("POST", "/jobs/actions", json={"action": "cancel", "select": {"text": job_id}})
    assert acted["matched"] == 0
    listed = analyst.data("GET", "/api-keys?everybody=true")
    assert key["key_id"] not in [one["key_id"] for one in listed]
    assert api.data("GET", f"/jobs/{job_id}")["status"] == "PENDING"
    assert anonymous.get("/api/v1/auth/me", headers={"X-API-Key": key["key"]}).status_code == 200


# Fields that are none of his


@pytest.mark.parametrize(
    ("method", "path", "body", "extra"),
    [
        ("POST", "/compare", {}, {"submitted_by": "admin"}),
        ("POST", "/compare", {}, {"status": "COMPLETED"}),
        ("POST", "/compare", {}, {"job_id": JOB}),
        ("POST", "/compare", {}, {"worker_id": "me"}),
        ("POST", "/compare", {}, {"unique_key": "x"}),
        ("POST", "/api-keys", {"label": "x"}, {"username": "admin"}),
        ("POST", "/api-keys", {"label": "x"}, {"key_id": "aaaaaaaaaa"}),
        ("POST", "/auth/login", {"username": "test-viewer", "password": PASSWORD}, {"role": "ADMIN"}),
        (
            "PUT",
            "/auth/password",
            {"current_password": PASSWORD, "new_password": PASSWORD},
            {"username": "admin"},
        ),
        ("POST", "/jobs/actions", {"action": "cancel"}, {"submitted_by": "admin"}),
    ],
)
def test_a_field_that_is_none_of_his_is_refused(
    analyst: Caller,
    parts: dict[str, Any],
    method: str,
    path: str,
    body: dict[str, Any],
    extra: dict[str, Any],
) -> None:
    whole = {**(parts if path == "/compare" else body), **extra}
    answer = analyst(method, path, json=whole)
    assert answer.status_code == 422, answer.text
    assert answer.json()["data"]["errors"][0] == {
        "field": next(iter(extra)),
        "message": "there is no such field",
    }


# Documents without end


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 60_000,
        b'{"source":' * 6_000,
        b'{"a":[' * 10_000,
        b'{"source": {"table": "' + b"x" * 60_000 + b'"}}',
        b'{"source": {"table": "\xff\xfe"}}',
        b'{"source": {"table": "\\ud800"}}',
        b"\x00" * 1000,
        b'{"sample_limit": 1e400}',
        b'{"sample_limit": -9223372036854775809}',
        b'{"sample_limit": ' + b"9" * 50_000 + b"}",
        b'{"rules": {"A": {"tolerance": "1e999999999"}}}',
        b'{"rules": {"A": {"tolerance": "' + b"9" * 50_000 + b'"}}}',
        b'{"rules": {"A": {"tolerance": "NaN"}}}',
    ],
)
def test_a_document_without_end_or_sense_is_refused(analyst: Caller, content: bytes) -> None:
    answer = analyst("POST", "/compare", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 413, 422), answer.text
    assert len(answer.content) < 5000


def test_a_number_without_end_in_a_rule_is_refused_before_it_costs_anything(
    analyst: Caller, parts: dict[str, Any]
) -> None:
    for tolerance in ("1e999999999", "-1", "Infinity", "NaN", "9" * 5000):
        answer = analyst("POST", "/compare", json={**parts, "rules": {"PRICE": {"tolerance": tolerance}}})
        assert answer.status_code == 422, (tolerance[:50], answer.text[:300])


def test_a_body_beyond_the_limit_is_refused_also_without_a_length(anonymous: Client, analyst: Caller) -> None:
    def endless() -> Any:
        for _ in range(2000):
            yield b" " * 1024

    headers = {**analyst.headers, "Content-Type": "application/json"}
    answer = anonymous.post("/api/v1/compare", content=endless(), headers=headers)
    assert answer.status_code == 413, answer.text


# Other sites' pages


def test_no_cookie_is_ever_set_and_none_lets_anybody_in(anonymous: Client, users: dict[Role, str]) -> None:
    body = {"username": users[Role.VIEWER], "password": PASSWORD}
    answers = [anonymous.post("/api/v1/auth/login", json=body)]
    token = answers[0].json()["data"]["access_token"]
    paths = ("/docs", "/docs/openapi.json", "/api/v1/health", "/api/v1/auth/me", "/metrics")
    answers += [anonymous.get(path, headers={"Authorization": f"Bearer {token}"}) for path in paths]
    assert all("set-cookie" not in answer.headers for answer in answers)
    cookies = f"token={token}; access_token={token}; Authorization=Bearer {token}; session={token}"
    for method, path in (
        ("GET", "/api/v1/auth/me"),
        ("POST", "/api/v1/compare"),
        ("POST", "/api/v1/auth/logout"),
    ):
        assert anonymous.request(method, path, headers={"Cookie": cookies}).status_code == 401
    assert anonymous.get(f"/api/v1/auth/me?access_token={token}&token={token}").status_code == 401


def test_a_form_of_another_site_starts_nothing(
    anonymous: Client, analyst: Caller, parts: dict[str, Any]
) -> None:
    for media_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        headers = {"Content-Type": media_type, "Origin": "https://evil.example.com"}
        answer = anonymous.post("/api/v1/compare", content=json.dumps(parts), headers=headers)
        assert answer.status_code == 401


# Lines for the log


def test_a_caller_writes_no_lines_into_the_log_nor_the_audit_trail(admin: Caller, anonymous: Client) -> None:
    body = {"username": "eve\r\n2026-01-31 login user=admin", "password": PASSWORD}
    assert anonymous.post("/api/v1/auth/login", json=body).status_code == 422
    agent = "x\x1b[2J\x1b]0;owned\x07 \xe9\xff"
    headers = {"User-Agent": agent.encode("latin-1"), "X-Request-ID": "a\x1b[31m"}
    body = {"username": "nobody-with-an-odd-agent", "password": PASSWORD}
    answer = anonymous.post("/api/v1/auth/login", json=body, headers=headers)  # type: ignore[arg-type]
    assert answer.status_code == 401
    entry = admin.data("GET", "/audit?target=nobody-with-an-odd-agent")["items"][0]
    assert "\x1b" not in entry["agent"]
    assert entry["request_id"].isalnum()
    exported = admin.client.get("/api/v1/audit/export?target=nobody-with-an-odd-agent", headers=admin.headers)
    assert "\x1b" not in exported.text
