"""The installer: once is enough, twice does nothing, half is taken up again, defects are told."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import closing
from typing import Any

import oracledb
import pytest

from app.oracle import expected, install, plan
from app.oracle.check import check
from app.oracle.plan import InstallError
from app.oracle.sources import SourceFile, source_files
from tests.install.conftest import Place


def replacing(monkeypatch: pytest.MonkeyPatch, name: str, change: Callable[[str], str]) -> None:
    """Let the installer see one file of plsql/ changed."""

    def changed(folder: str, suffix: str = ".sql") -> list[SourceFile]:
        return [
            SourceFile(file.name, change(file.text)) if file.name == name else file
            for file in source_files(folder, suffix)
        ]

    for module in (plan, install, expected):
        monkeypatch.setattr(module, "source_files", changed)


def test_an_empty_database_gets_everything_and_a_second_run_does_nothing(place: Place) -> None:
    done = place.install()
    assert any(place.owner in line and "without login" in line for line in done)
    assert any("schema/0001_queue.sql" in line for line in done)
    assert place.check() == []
    assert place.install() == []


def test_nobody_can_log_in_as_the_owner(place: Place) -> None:
    place.install()
    with pytest.raises(oracledb.DatabaseError, match=r"ORA-01017|ORA-01005|DPY-4001"):
        oracledb.connect(user=place.owner, password="x", dsn=place.database.dsn)


def test_the_runtime_user_writes_through_packages_only(place: Place) -> None:
    place.install()
    with (
        closing(
            oracledb.connect(user=place.app_user, password=place.app_password, dsn=place.database.dsn)
        ) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(f"alter session set current_schema = {place.owner}")
        for sql in (
            "update comparison_jobs set priority = 0",
            "delete from workers",
            "insert into notification_pings (worker_id, pinged_at) values ('x', systimestamp)",
            "update app_users set active = 0",
            "drop table workers",
        ):
            with pytest.raises(oracledb.DatabaseError, match=r"ORA-01031|ORA-00942|ORA-41900"):
                cursor.execute(sql)
        cursor.callproc("accounts.create_user", ["ada", "hash", "ADMIN"])
        cursor.execute("select username from app_users")
        assert cursor.fetchall() == [("ada",)]


def test_a_new_password_is_given_to_the_runtime_user(place: Place) -> None:
    place.install()
    place.app_password = secrets.token_hex(8)
    assert [line for line in place.install() if "password" in line]
    assert place.check() == []


def test_a_step_that_was_done_but_not_recorded_is_taken_up_again(place: Place) -> None:
    place.install()
    half = "where file_name = 'schema/0001_queue.sql' and step >= 2"
    place.run(f"update schema_migrations set status = 'STARTED' {half} and step = 2")
    place.run(f"delete from schema_migrations {half} and step > 100")
    assert any("0001_queue.sql" in finding for finding in place.check())
    assert place.install() == ["ran schema/0001_queue.sql: 1 statement"]
    assert place.check() == []


def test_a_table_that_is_already_there_is_not_taken_for_our_own(place: Place) -> None:
    with pytest.MonkeyPatch.context() as patch:
        replacing(patch, "schema/0001_queue.sql", lambda _: "create table workers (n number);")
        with pytest.raises(InstallError):  # the packages do not compile without their tables
            place.install()
    place.run("delete from schema_migrations where file_name = 'schema/0001_queue.sql'")
    place.run("create table comparison_jobs (n number)")
    with pytest.raises(InstallError, match=r"0001_queue.sql, line \d+: ORA-00955"):
        place.install()


def test_a_changed_migration_is_refused_by_name_and_line(place: Place) -> None:
    place.install()
    with pytest.MonkeyPatch.context() as patch:
        replacing(patch, "schema/0002_accounts.sql", lambda text: text.replace("number(1)", "number(2)", 1))
        with pytest.raises(InstallError, match=r"0002_accounts.sql, statement 1 .* has been changed"):
            place.install()


def test_a_changed_package_is_created_anew_and_only_that(place: Place) -> None:
    place.install()
    with pytest.MonkeyPatch.context() as patch:
        replacing(
            patch,
            "packages/accounts.pkb",
            lambda text: text.replace("end accounts;", "-- new\nend accounts;"),
        )
        assert place.install() == ["created packages/accounts.pkb"]
        assert place.install() == []


def test_a_compile_error_is_told_with_its_line_and_mended_by_the_next_installation(place: Place) -> None:
    with pytest.MonkeyPatch.context() as patch:
        replacing(
            patch,
            "packages/accounts.pkb",
            lambda text: text.replace("u.active = 1;", "u.no_such_column = 1;"),
        )
        with pytest.raises(InstallError, match=r"PACKAGE BODY ACCOUNTS line \d+: .*NO_SUCH_COLUMN"):
            place.install()
    assert "created packages/accounts.pkb" in place.install()
    assert place.check() == []


def test_tables_with_rows_of_the_first_version_are_upgraded_in_place(place: Place) -> None:
    first = ("schema/0000", "schema/0001", "schema/0002")

    def of_the_first_version(folder: str, suffix: str = ".sql") -> list[SourceFile]:
        files = source_files(folder, suffix)
        return [file for file in files if folder != "schema" or file.name.startswith(first)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "source_files", of_the_first_version)
        with pytest.raises(InstallError):  # of today's views and packages on yesterday's tables
            place.install()
    for job, values in {
        "waits": "'PENDING', 0, 0, 'w1', 0, null, null",
        "runs": "'RUNNING', 1, 1, 'w1', 1, systimestamp, null",
        "ended": "'COMPLETED', 1, 1, 'w1', 1, systimestamp, null",
        "stopped": "'CANCELLED', 1, 1, 'w1', 0, systimestamp, systimestamp",
    }.items():
        place.run(
            "insert into comparison_jobs (job_id, table_name, request_config, status, run_token, attempt,"
            f" worker_id, cancel_requested, started_at, completed_at) values ('{job}', 'T', '{{}}', {values})"
        )
    assert any("0003_queue_complete.sql" in line for line in place.install())
    assert place.check() == []
    rows = place.run(
        "select job_id, status, worker_id, cancel_requested, held, nvl2(completed_at, 1, 0)"
        " from comparison_jobs order by job_id"
    )
    assert rows == [
        ("ended", "COMPLETED", "w1", 0, 0, 1),
        ("runs", "RUNNING", "w1", 1, 0, 0),
        ("stopped", "CANCELLED", "w1", 0, 0, 1),
        ("waits", "PENDING", None, 0, 0, 0),
    ]


def test_without_a_right_to_grant_on_the_dictionary_the_rest_works(place: Place) -> None:
    def refused(text: str) -> str:
        return text.replace("sys.v_$session", "sys.v_$nothing")

    with pytest.MonkeyPatch.context() as patch:
        replacing(patch, "dictionary/grants.sql", refused)
        assert [line for line in place.install() if "JOB_LOCKS_V will show no sessions" in line]
        assert place.check() == []
        assert place.run("select * from job_locks_v") == []
        assert place.install() == []
    done = place.install()
    assert done == [
        f"granted {place.owner} a look at V$SESSION and V$LOCKED_OBJECT",
        "created views/job_locks_v.sql",
    ]
    assert place.check() == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"owner": "x; drop user y"}, "not a plain Oracle name"),
        ({"app_password": 'a"b'}, "double quote"),
        ({"password": "wrong"}, "refuses the user name or the password"),
        ({"dsn": "127.0.0.1:1/X"}, "nothing answers there"),
    ],
)
def test_what_cannot_be_is_one_sentence(place: Place, changes: dict[str, str], says: str) -> None:
    with pytest.raises(InstallError, match=says):
        place.install(**changes)


def test_check_says_that_nothing_is_installed(place: Place, database: Any) -> None:
    findings = check(database.dsn, database.user, database.password, place.owner)
    assert len(findings) == 1
    assert "concord db install" in findings[0]
