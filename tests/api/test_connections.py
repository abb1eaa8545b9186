"""Connections over REST: registered, tested, looked into; passwords that nobody sees."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from litestar.testing import TestClient

from app.accounts.permissions import Role
from app.connections.keyring import new_key
from app.main import create_app
from app.settings import Settings
from tests.api.conftest import Caller, Client
from tests.connections.conftest import forget_connections
from tests.databases import Instance

SCHEMA, PASSWORD = "CONN_TEST", "Ttäp€r 'q' password"
Headers = dict[str, str]
KEYS = new_key()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of files: a CSV, a Parquet file deeper down, and ways out."""
    files = tmp_path_factory.mktemp("files")
    (files / "drop" / "2026").mkdir(parents=True)
    (files / "drop" / "prices.csv").write_text("id;price;note\n007;1.50;a\n8;;\n9;2.25;c\n")
    table = pa.table({"ID": [1, 2], "WHEN": pa.array([datetime(2026, 1, 2, 3, 4, 5, 600), None])})  # noqa: DTZ001
    pq.write_table(table, files / "drop" / "2026" / "days.parquet")
    (files / "secret.csv").write_text("password\nx\n")
    (files / "drop" / "link.csv").symlink_to(files / "secret.csv")
    (files / "drop" / "broken.parquet").write_bytes(b"PAR1 this is none")
    (files / "out").symlink_to("/etc")
    return files


@pytest.fixture(scope="module")
def place(settings: Settings, folder: Path) -> Settings:
    return dataclasses.replace(settings, connection_keys=KEYS, files_dir=str(folder))


@pytest.fixture(scope="module")
def client(place: Settings, anonymous: Client) -> Iterator[Client]:
    """An API process with a key and a folder of files."""
    with TestClient(create_app(place)) as client:
        yield client


@pytest.fixture(scope="module")
def admin(client: Client, headers_of: Callable[[Role], Headers]) -> Caller:
    return Caller(client, headers_of(Role.ADMIN))


@pytest.fixture(scope="module")
def ann(client: Client, headers_of: Callable[[Role], Headers]) -> Caller:
    """An analyst: uses connections, manages none."""
    return Caller(client, headers_of(Role.ANALYST))


@pytest.fixture(scope="module")
def oracle(database: Instance, admin: Caller) -> Iterator[dict[str, Any]]:
    """The connection `prod` to a schema of many types; how it was registered."""
    statements = [
        f'create user {SCHEMA} identified by "{PASSWORD}" quota unlimited on users',
        f"grant create session to {SCHEMA}",
        f"""create table {SCHEMA}.orders (
               id number(9) not null, bare number, amount number(20,6), ratio binary_double,
               name varchar2(4000 char), padded char(4 char), at timestamp(6),
               zoned timestamp(3) with time zone, day date, bytes raw(8), story clob, picture blob,
               constraint orders_pk primary key (id))""",
        f"create view {SCHEMA}.some_orders as select id, name from {SCHEMA}.orders",
        f'create table {SCHEMA}."Mixed Case" (id number(9))',
    ]
    with database.connect() as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        cursor.execute(
            f"insert into {SCHEMA}.orders values (1, :bare, :amount, 0.1, :name, 'ab', "
            "to_timestamp('2026-01-02 03:04:05.000600', 'YYYY-MM-DD HH24:MI:SS.FF6'), "
            "to_timestamp_tz('2026-01-02 03:04:05 +02:00', 'YYYY-MM-DD HH24:MI:SS TZH:TZM'), "
            "to_date('2026-01-02', 'YYYY-MM-DD'), hextoraw('00FF'), :story, hextoraw('DEADBEEF'))",
            {
                "bare": Decimal("12345678901234567890.12345678901234567"),
                "amount": Decimal("99999999999999.000001"),
                "name": "x" * 1500,
                "story": "€" * 1200,
            },
        )
        cursor.execute(f"insert into {SCHEMA}.orders (id) values (2)")
        connection.commit()
    body = {"kind": "oracle", "dsn": database.dsn, "user": SCHEMA, "password": PASSWORD, "max_jobs": 2}
    admin.data("POST", "/connections", json={"name": "prod", **body})
    yield body
    forget_connections(database)


@pytest.fixture(scope="module")
def drop(admin: Caller, oracle: dict[str, Any]) -> str:
    admin.data("POST", "/connections", json={"name": "drop", "kind": "folder", "folder": "drop"})
    return "drop"


# Registered


def test_a_connection_is_shown_without_its_password(
    ann: Caller, admin: Caller, oracle: dict[str, Any], place: Settings, database: Instance
) -> None:
    shown = ann.data("GET", "/connections/prod")
    assert {name: shown[name] for name in ("kind", "dsn", "user", "has_password", "max_jobs", "version")} == {
        "kind": "oracle",
        "dsn": oracle["dsn"],
        "user": SCHEMA,
        "has_password": True,
        "max_jobs": 2,
        "version": 1,
    }
    assert "prod" in [item["name"] for item in ann.data("GET", "/connections")["items"]]
    trail = admin.data("GET", "/audit?target=prod")["items"]
    assert "connection.create" in [entry["action"] for entry in trail]
    for text in (json.dumps(shown), json.dumps(trail)):
        assert "password" not in text.replace("has_password", "").replace('\\"password\\":\\"given\\"', "")
    with database.connect() as connection, connection.cursor() as cursor:
        [row] = cursor.execute(
            "select sealed_password, sealing_key_id from concord.data_connections where connection_name = 'prod'"
        )
        [(limit,)] = cursor.execute("select max_running from concord.job_limits where limit_key = 'prod'")
    assert PASSWORD.encode() not in base64.b64decode(row[0])
    assert (row[1], limit) == (place.keyring.current, 2)


def test_a_changed_connection_keeps_its_password_unless_it_leads_elsewhere(
    admin: Caller, oracle: dict[str, Any]
) -> None:
    body = {**oracle, "description": "again", "max_jobs": None}
    del body["password"]
    admin.data("POST", "/connections", json={"name": "kept", **oracle})
    changed = admin.data("PUT", "/connections/kept", json=body)
    assert (changed["description"], changed["has_password"], changed["max_jobs"]) == ("again", True, None)
    assert admin.data("POST", "/connections/kept/test")["user"] == SCHEMA
    for change in ({"dsn": "elsewhere.example.com/x"}, {"user": "somebody"}):
        refused = admin("PUT", "/connections/kept", json={**body, **change})
        assert refused.status_code == 422
        assert "password must be given again" in refused.json()["message"]
    moved = admin.data("PUT", "/connections/kept", json={**oracle, "user": "somebody"})
    assert moved["user"] == "somebody"
    assert admin("PUT", "/connections/kept", json={"kind": "folder", "folder": "."}).status_code == 422
    admin.data("DELETE", "/connections/kept")
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/test"), ("GET", "/tables")):
        assert admin(method, f"/connections/kept{path}").status_code == 404


def test_there_is_one_connection_of_a_name(admin: Caller, oracle: dict[str, Any]) -> None:
    answer = admin("POST", "/connections", json={"name": "prod", **oracle})
    assert (answer.status_code, answer.json()["message"]) == (409, "There is already a connection prod.")


@pytest.mark.parametrize(
    "change",
    [
        {"dsn": "ldap://host/x"}, {"dsn": "config-file:///etc/x"}, {"dsn": "PRODALIAS"}, {"dsn": "host:1521"},
        {"dsn": "host:1521/x?wallet_location=/etc"}, {"dsn": "host:1/x\nextra"},
        {"dsn": "(DESCRIPTION=(ADDRESS=(PROTOCOL=ipc)(KEY=x))(CONNECT_DATA=(SERVICE_NAME=x)))"},
        {"dsn": "(DESCRIPTION=(ADDRESS=(PROTOCOL=tcps)(HOST=h)(PORT=1))(CONNECT_DATA=(SERVICE_NAME=x))"
                "(SECURITY=(MY_WALLET_DIRECTORY=/etc)))"},
        {"dsn": None}, {"user": None}, {"user": 'a"b'}, {"password": ""}, {"password": "€" * 400}, {"folder": "x"},
        {"kind": "mysql"}, {"name": "a b"}, {"name": "x" * 65}, {"max_jobs": 0}, {"secret": 1},
        {"description": "x" * 1001},
    ],
)  # fmt: skip
def test_a_connection_that_cannot_be_is_refused(
    admin: Caller, oracle: dict[str, Any], change: dict[str, Any]
) -> None:
    answer = admin("POST", "/connections", json={"name": "bad", **oracle, **change})
    assert answer.status_code == 422, answer.text
    assert PASSWORD not in answer.text


@pytest.mark.parametrize("folder_text", ["/etc", "..", "a/../..", "a\\b", "", None])
def test_a_folder_lies_below_the_folder_of_files(admin: Caller, folder_text: str | None) -> None:
    body = {"name": "bad", "kind": "folder", "folder": folder_text}
    assert admin("POST", "/connections", json=body).status_code == 422


@pytest.mark.parametrize(
    "dsn",
    [
        "h/x", "tcps://db.example.com:2484/pdb1", "[::1]:1521/x", "10.0.0.1:1521/x.example.com:pooled",
        "(DESCRIPTION=(ADDRESS=(PROTOCOL=tcps)(HOST=h)(PORT=2484))(CONNECT_DATA=(SERVICE_NAME=x)))",
    ],
)  # fmt: skip
def test_addresses_of_both_forms_are_taken(admin: Caller, oracle: dict[str, Any], dsn: str) -> None:
    made = admin.data("POST", "/connections", json={"name": "form", **oracle, "dsn": dsn})
    assert made["dsn"] == dsn
    admin.data("DELETE", "/connections/form")


def test_without_a_key_no_password_is_stored_and_the_rest_works(
    settings: Settings, oracle: dict[str, Any], headers_of: Callable[[Role], Headers], anonymous: Client
) -> None:
    admin = Caller(anonymous, headers_of(Role.ADMIN))  # of a process without a key
    refused = admin("POST", "/connections", json={"name": "keyless", **oracle})
    assert refused.status_code == 422
    assert (
        refused.json()["message"]
        == "Passwords cannot be stored: the administrator has not set CONCORD_CONNECTION_KEYS."
    )
    unlocked = admin("POST", "/connections/prod/test")
    assert unlocked.status_code == 422
    assert "is not in CONCORD_CONNECTION_KEYS" in unlocked.json()["message"]
    body = {key: value for key, value in oracle.items() if key != "password"}
    assert admin.data("POST", "/connections", json={"name": "keyless", **body})["has_password"] is False
    assert "has no password" in admin("POST", "/connections/keyless/test").json()["message"]
    admin.data("DELETE", "/connections/keyless")


def test_a_password_that_was_moved_to_another_row_opens_nothing(
    admin: Caller, oracle: dict[str, Any], database: Instance
) -> None:
    admin.data("POST", "/connections", json={"name": "thief", **oracle, "dsn": "evil.example.com/x"})
    with database.connect() as connection:
        connection.cursor().execute(
            "update concord.data_connections set sealed_password = (select p.sealed_password from "
            "concord.data_connections p where p.connection_name = 'prod') where connection_name = 'thief'"
        )
        connection.commit()
    answer = admin("POST", "/connections/thief/test")
    assert answer.status_code == 422
    assert "does not belong to it" in answer.json()["message"]
    admin.data("DELETE", "/connections/thief")


def test_analysts_use_connections_and_only_administrators_manage_them(
    ann: Caller, client: Client, headers_of: Callable[[Role], Headers], oracle: dict[str, Any]
) -> None:
    for method, path in (("POST", ""), ("PUT", "/prod"), ("DELETE", "/prod")):
        assert ann(method, f"/connections{path}", json={"name": "x", **oracle}).status_code == 403
    assert Caller(client, headers_of(Role.VIEWER))("GET", "/connections/prod/tables").status_code == 403


# Tested


def test_a_connection_that_works_says_who_one_is(ann: Caller, oracle: dict[str, Any]) -> None:
    probed = ann.data("POST", "/connections/prod/test")
    assert (probed["user"], probed["schema_name"]) == (SCHEMA, SCHEMA)
    assert probed["version"].split(".")[0].isdigit()
    assert probed["connect_milliseconds"] > 0


def test_what_keeps_a_connection_from_working_is_said_in_a_sentence(
    admin: Caller, oracle: dict[str, Any], drop: str
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = f"127.0.0.1:{closed.getsockname()[1]}/x"
    cases = [
        ({"password": "wrong"}, 422, "The database refuses the user name or the password."),
        ({"dsn": nobody}, 503, "nothing answers there"),
    ]
    for change, status, words in cases:
        admin.data("POST", "/connections", json={"name": "faulty", **oracle, **change})
        answer = admin("POST", "/connections/faulty/test")
        admin.data("DELETE", "/connections/faulty")
        assert (answer.status_code, words in answer.json()["message"]) == (status, True), answer.text
        assert ("Retry-After" in answer.headers) is (status == 503)
    admin.data("POST", "/connections", json={"name": "faulty", "kind": "folder", "folder": "gone"})
    assert "there is no folder gone" in admin("POST", "/connections/faulty/test").json()["message"]
    assert admin("PUT", "/connections/faulty", json={"kind": "folder", "folder": "out"}).status_code == 200
    assert "there is no folder out" in admin("GET", "/connections/faulty/tables").json()["message"]
    admin.data("DELETE", "/connections/faulty")


def test_a_server_that_accepts_and_says_nothing_is_given_up(
    place: Settings, admin: Caller, oracle: dict[str, Any], headers_of: Callable[[Role], Headers]
) -> None:
    app = create_app(place)
    app.state.catalog.looks._seconds = 2
    with socket.create_server(("127.0.0.1", 0)) as hole, TestClient(app) as client:
        threading.Thread(target=lambda: [hole.accept() for _ in range(2)], daemon=True).start()
        dsn = f"127.0.0.1:{hole.getsockname()[1]}/x"
        admin.data("POST", "/connections", json={"name": "hole", **oracle, "dsn": dsn})
        answer = Caller(client, headers_of(Role.ADMIN))("POST", "/connections/hole/test")
    assert answer.status_code == 503
    assert answer.json()["message"] == "Connection hole: it did not answer within 2 seconds."
    admin.data("DELETE", "/connections/hole")


# Looked into


def test_tables_are_listed_by_pages(ann: Caller, oracle: dict[str, Any]) -> None:
    names, cursor = [], ""
    while True:
        page = ann.data("GET", f"/connections/prod/tables?limit=1&text={SCHEMA.lower()}.{cursor}")
        assert len(page["items"]) <= 1
        names += [(item["owner"], item["name"], item["kind"]) for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert names == [
        (SCHEMA, "Mixed Case", "TABLE"),
        (SCHEMA, "ORDERS", "TABLE"),
        (SCHEMA, "SOME_ORDERS", "VIEW"),
    ]
    everything = ann.data("GET", "/connections/prod/tables?limit=500")["items"]
    assert not {"SYS", "CONCORD"} & {item["owner"] for item in everything}
    for bad in ("x", "WyJhIl0", "%22"):
        assert ann("GET", f"/connections/prod/tables?cursor={bad}").status_code == 422


def test_columns_have_the_types_as_which_they_are_compared(ann: Caller, oracle: dict[str, Any]) -> None:
    layout = ann.data("GET", "/connections/prod/tables/orders/columns")
    assert layout["keys"] == [{"origin": "primary key", "columns": ["ID"]}]
    assert [(c["name"], c["type"], c["compared_as"], c["nullable"]) for c in layout["columns"]][:3] == [
        ("ID", "NUMBER(9)", "integer", False),
        ("BARE", "NUMBER", "number", True),
        ("AMOUNT", "NUMBER(20,6)", "decimal", True),
    ]
    mixed = ann.data("GET", f'/connections/prod/tables/"Mixed%20Case"/columns?owner={SCHEMA}')
    assert (mixed["table"], mixed["columns"][0]["name"]) == (f"{SCHEMA}.Mixed Case", "ID")
    for bad in ("NOPE", "CONCORD.APP_USERS", "ORDERS@LINK"):
        answer = ann("GET", f"/connections/prod/tables/{bad}/columns")
        assert (answer.status_code, answer.json()["data"]["errors"][0]["field"]) == (422, "table")


def test_a_preview_shows_values_with_every_digit(ann: Caller, oracle: dict[str, Any]) -> None:
    shown = ann.data("GET", "/connections/prod/tables/ORDERS/preview?rows=5")
    first, second = sorted(shown["rows"], key=lambda row: row[0])
    assert dict(zip([column["name"] for column in shown["columns"]], first, strict=True)) == {
        "ID": "1",
        "BARE": "12345678901234567890.12345678901234567",
        "AMOUNT": "99999999999999.000001",
        "RATIO": "0.1",
        "NAME": "x" * 1000,
        "PADDED": "ab  ",
        "AT": "2026-01-02 03:04:05.0006",
        "ZONED": "2026-01-02 01:04:05",
        "DAY": "2026-01-02 00:00:00",
        "BYTES": "00FF",
        "STORY": "€" * 1000,
        "PICTURE": "4 bytes",
    }
    assert second == ["2", *[None] * 11]
    assert shown["cut"] == ["NAME", "STORY"]
    assert len(ann.data("GET", "/connections/prod/tables/SOME_ORDERS/preview?rows=1")["rows"]) == 1
    assert ann("GET", "/connections/prod/tables/ORDERS/preview?rows=101").status_code == 422


def test_files_of_a_folder_are_tables_too(ann: Caller, drop: str) -> None:
    assert ann.data("POST", "/connections/drop/test")["files"] == 3
    items = ann.data("GET", "/connections/drop/tables")["items"]
    assert [(item["owner"], item["name"], item["kind"]) for item in items] == [
        (None, "broken.parquet", "FILE"),
        (None, "prices.csv", "FILE"),
        ("2026", "days.parquet", "FILE"),
    ]
    first = ann.data("GET", "/connections/drop/tables?limit=1&text=p")
    second = ann.data("GET", f"/connections/drop/tables?limit=1&text=p&cursor={first['next_cursor']}")
    assert [page["items"][0]["name"] for page in (first, second)] == ["broken.parquet", "prices.csv"]
    shown = ann.data("GET", "/connections/drop/tables/prices.csv/preview")
    assert shown["rows"] == [["007", "1.50", "a"], ["8", None, None], ["9", "2.25", "c"]]
    assert [column["compared_as"] for column in shown["columns"]] == ["text", "decimal", "text"]
    shown = ann.data("GET", "/connections/drop/tables/days.parquet/preview?owner=2026")
    assert shown["rows"] == [["1", "2026-01-02 03:04:05.0006"], ["2", None]]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("link.csv/preview", "there is no file link.csv"), ("..%5Csecret.csv/preview", "is not a path below"),
        ("secret.csv/preview?owner=..", "is not a path below"), ("secret.csv/columns?owner=../", "is not a path below"),
        ("passwd/preview?owner=/etc", "is not a path below"), ("broken.parquet/preview", "cannot be read as Parquet"),
        ("gone.csv/columns", "there is no file gone.csv"), ("2026/columns", "there is no file 2026"),
    ],
)  # fmt: skip
def test_no_path_leads_out_of_the_folder(ann: Caller, drop: str, path: str, words: str) -> None:
    answer = ann("GET", f"/connections/drop/tables/{path}")
    assert answer.status_code == 422
    assert words in answer.json()["message"]
    assert os.sep + "tmp" not in answer.text


# Compared


@pytest.mark.parametrize(
    ("sides", "field", "words"),
    [
        (({"connection": "nope", "table": "X"}, {"table": "X"}), "source.connection", "there is no connection nope"),
        (({"connection": "prod", "table": "NOPE"}, {"file": "x"}), "target.file", "there is no file x"),
        (({"connection": "prod", "table": "NOPE"}, {"connection": "prod", "table": "ORDERS"}), "source.table",
         "there is no table or view NOPE"),
        (({"connection": "prod", "file": "x"}, {"table": "X"}), "source.connection", "prod is a database"),
        (({"connection": "drop", "table": "X"}, {"table": "X"}), "source.connection", "drop is a folder"),
        (({"connection": "drop", "file": "../secret.csv"}, {"table": "X"}), "source.file", "not a path below"),
        (({"connection": "prod", "query": "select 1 from dual"}, {"table": "X"}), "source.query",
         "does not allow queries"),
    ],
)  # fmt: skip
def test_a_side_that_is_not_there_is_told_by_field(
    ann: Caller, oracle: dict[str, Any], drop: str, sides: tuple[Any, Any], field: str, words: str
) -> None:
    answer = ann("POST", "/compare", json={"source": sides[0], "target": sides[1]})
    assert answer.status_code == 422, answer.text
    assert answer.json()["data"]["errors"][0]["field"] == field
    assert words in answer.json()["message"]


def test_a_comparison_over_connections_is_planned_and_queued_with_its_limit(
    ann: Caller, oracle: dict[str, Any], drop: str, parts: dict[str, Any], database: Instance
) -> None:
    prod = {"connection": "prod", "owner": SCHEMA.lower(), "table": "ORDERS"}
    planned = ann.data("POST", "/compare?dry_run=true", json={"source": prod, "target": prod})
    assert (planned["source"], planned["key"], len(planned["columns"])) == (
        f"{SCHEMA}.ORDERS@prod",
        ["ID"],
        11,
    )
    mixed = {
        "source": {**prod, "table": "SOME_ORDERS"},
        "target": {"connection": "drop", "file": "prices.csv"},
    }
    batch = [{"source": prod, "target": prod}, parts, {**mixed, "key": ["ID"]}]
    jobs = ann.data("POST", "/compare/batch", json={"comparisons": batch})
    faulty = {"comparisons": [parts, {"source": prod, "target": {**prod, "table": "GONE"}}]}
    refused = ann("POST", "/compare/batch", json=faulty).json()["data"]["errors"][0]["field"]
    assert refused == "comparisons[1].target.table"
    with database.connect() as connection, connection.cursor() as cursor:
        rows = [
            cursor.execute(
                "select limit_key, table_name, request_config from concord.comparison_jobs where job_id = :id",
                [job["job_id"]],
                fetch_lobs=False,
            ).fetchone()
            for job in jobs
        ]
    assert [row[0] for row in rows if row] == ["prod", None, "prod"]
    assert next(row[1] for row in rows if row) == f"{SCHEMA}.ORDERS@prod"
    assert PASSWORD not in str(rows)


def test_a_job_over_a_connection_counts_against_its_limit(
    admin: Caller, ann: Caller, oracle: dict[str, Any], drop: str, database: Instance
) -> None:
    prod = {"connection": "prod", "table": "SOME_ORDERS"}
    request = {"source": {"connection": "drop", "file": "prices.csv"}, "target": prod, "key": ["ID"]}
    refused = ann("POST", "/compare", json={**request, "limit_key": "another"})
    assert (refused.status_code, refused.json()["data"]["errors"][0]["field"]) == (422, "limit_key")
    keys = [
        ann.data("GET", f"/jobs/{ann.data('POST', '/compare', json=body)['job_id']}")["limit_key"]
        for body in (request, {**request, "limit_key": "drop"})
    ]
    assert keys == ["prod", "drop"]  # prod has a limit, drop has none
    schedule = {"name": "over-prod", "cron": "0 5 * * *", "paused": True, "request": request}
    admin.data("POST", "/schedules", json=schedule)
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("select limit_key from concord.job_schedules where schedule_name = 'over-prod'")
        assert cursor.fetchone() == ("prod",)
    admin.data("DELETE", "/schedules/over-prod")
