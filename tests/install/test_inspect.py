"""`concord db check --dba`: each thing that is wrong is found, and doing what the finding says mends it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from app.oracle import install as install_module
from app.oracle import plan
from app.oracle.check import check
from app.oracle.plan import InstallError
from tests.install.conftest import Place, dropped


@pytest.fixture(scope="module")
def place(database: Any) -> Iterator[Place]:
    """One installation for the whole module; every test leaves it whole."""
    with dropped(Place(database)) as place:
        place.install()
        yield place


def mend_by_upgrade(place: Place, file: str, step: int) -> None:
    place.run(f"delete from schema_migrations where file_name = '{file}' and step = {step}")
    place.upgrade()


def the_finding(place: Place) -> str:
    [finding] = place.inspect()
    return finding


def test_an_installation_as_it_should_be_has_no_finding(place: Place) -> None:
    assert place.inspect() == []


def test_a_missing_index(place: Place) -> None:
    place.run("drop index comparison_jobs_held_idx")
    finding = the_finding(place)
    assert finding.startswith("index COMPARISON_JOBS_HELD_IDX is missing")
    assert "schema/0008_held_jobs.sql, step 1," in finding
    mend_by_upgrade(place, "schema/0008_held_jobs.sql", 1)
    assert place.inspect() == []


def test_a_missing_view_is_created_by_an_upgrade(place: Place) -> None:
    place.run("drop view job_failures_v")
    found = place.inspect()
    assert "view JOB_FAILURES_V is missing: run `concord db upgrade`." in found
    place.upgrade()
    left = place.inspect()  # grants went with it
    assert left == [f"missing; as a DBA: grant read on {place.owner}.JOB_FAILURES_V to {place.app_user};"]
    place.run(left[0].partition("as a DBA: ")[2].rstrip(";"))
    assert place.inspect() == []


def test_a_package_changed_by_hand(place: Place) -> None:
    [(source,)] = [
        (
            "".join(
                text
                for (text,) in place.run(
                    f"select text from dba_source where owner = '{place.owner}' and name = 'PROFILES'"
                    " and type = 'PACKAGE BODY' order by line"
                )
            ),
        )
    ]
    place.run("create or replace " + source.replace("end profiles;", "-- night shift\nend profiles;"))
    finding = the_finding(place)
    assert finding.startswith("package body PROFILES has been changed by hand")
    mend_by_upgrade(place, "packages/profiles.pkb", 0)
    assert place.inspect() == []


def test_a_package_that_does_not_compile(place: Place) -> None:
    place.run("create or replace package body profiles as no_such_thing; end profiles;")
    assert any(
        "package body PROFILES is invalid: run `concord db upgrade`" in each for each in place.inspect()
    )
    assert place.upgrade() == ["created packages/profiles.pkb"]
    assert place.inspect() == []


def test_a_missing_constraint_and_a_missing_column(place: Place) -> None:
    place.run("alter table job_limits drop constraint job_limits_max_running_ck")
    assert "constraint JOB_LIMITS_MAX_RUNNING_CK is missing: add it as schema/0003" in the_finding(place)
    place.run("alter table job_limits add constraint job_limits_max_running_ck check (max_running >= 0)")
    place.run("alter table notification_pings add (colour varchar2(10 char))")
    assert "column NOTIFICATION_PINGS.COLOUR is not Concord's" in the_finding(place)
    place.run("alter table notification_pings drop column colour")
    assert place.inspect() == []


def test_what_is_not_concords(place: Place) -> None:
    place.run("create table night_shift (n number)")
    assert the_finding(place).startswith("table NIGHT_SHIFT is not Concord's")
    place.run("drop table night_shift")


@pytest.mark.parametrize(
    ("harm", "mend"),
    [
        ("revoke read on {owner}.WORKERS from {user}", "grant read on {owner}.WORKERS to {user}"),
        ("grant update on {owner}.WORKERS to {user}", "revoke update on {owner}.WORKERS from {user}"),
        ("grant select on {owner}.AUDIT_LOG to public", "revoke select on {owner}.AUDIT_LOG from PUBLIC"),
        ("revoke change notification from {user}", "grant change notification to {user}"),
        ("grant select any table to {user}", "revoke select any table from {user}"),
        ("grant create session to {owner}", "revoke create session from {owner}"),
    ],
)
def test_each_right_too_few_or_too_many_comes_with_its_statement(place: Place, harm: str, mend: str) -> None:
    names = {"owner": place.owner, "user": place.app_user}
    place.run(harm.format(**names))
    finding = the_finding(place)
    assert finding.endswith(f"as a DBA: {mend.format(**names)};")
    place.run(mend.format(**names))
    assert place.inspect() == []


def test_an_owner_who_can_log_in(place: Place) -> None:
    place.run(f'alter user {place.owner} identified by "{secrets.token_hex(8)}"')
    assert f"alter user {place.owner} no authentication;" in the_finding(place)
    place.run(f"alter user {place.owner} no authentication")
    assert place.inspect() == []


def test_a_schema_of_a_newer_version_is_left_alone(place: Place) -> None:
    row = "'schema/9999_of_tomorrow.sql', 1, 'DONE', '-', sys_extract_utc(systimestamp)"
    place.run(f"insert into schema_migrations (file_name, step, status, checksum, applied_at) values ({row})")
    for finding in (place.check(), place.inspect()):
        assert "newer Concord: it has schema/9999_of_tomorrow.sql" in finding[0]
    place.run("delete from schema_migrations where file_name like 'schema/9999%'")


def test_an_installation_that_does_not_end_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install_module, "_OTHER_INSTALLATION_SECONDS", 1)
    with closing(place.database.connect()) as other, other.cursor() as cursor:
        cursor.execute(
            f"select step from {place.owner}.schema_migrations where file_name = :name and step = 0 for update",
            name="schema/0000_schema_migrations.sql",
        )
        with pytest.raises(InstallError, match=r"Another installation in schema .* has not ended"):
            place.upgrade()
    assert place.upgrade() == []


def test_check_and_plan_agree_on_what_is_left(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = plan.plan({}, owner=place.owner, app_user=place.app_user, sees_sessions=True)
    assert {step.file for step in steps} >= {"schema/0001_queue.sql", "grants/runtime_user.sql"}
    place.run("delete from schema_migrations where file_name = 'schema/0008_held_jobs.sql'")
    assert check(place.database.dsn, place.app_user, place.app_password, place.owner) == [
        "schema/0008_held_jobs.sql has not been run completely: run `concord db upgrade`."
    ]
    place.run("drop index comparison_jobs_held_idx")
    assert place.upgrade() == ["ran schema/0008_held_jobs.sql: 1 statement"]
