"""Settings come from CONCORD_ variables, and every mistake is told in a sentence."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.settings import Settings, SettingsError

GOOD = {"CONCORD_DB_PASSWORD": "pw"}


def test_a_variable_sets_the_field_of_its_name() -> None:
    settings = Settings.from_env({**GOOD, "CONCORD_PORT": "9000", "CONCORD_WAKEUP": "POLL"})
    assert (settings.port, settings.wakeup) == (9000, "poll")


def test_an_empty_variable_leaves_the_default() -> None:
    assert Settings.from_env({**GOOD, "CONCORD_PORT": ""}).port == 8000


def test_a_secret_may_come_from_a_file_without_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("hush hush\n")
    assert Settings.from_env({"CONCORD_DB_PASSWORD_FILE": str(tmp_path / "pw")}).db_password == "hush hush"


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({}, "CONCORD_DB_PASSWORD (or CONCORD_DB_PASSWORD_FILE) is not set"),
        ({**GOOD, "CONCORD_PORT": "many"}, "CONCORD_PORT is 'many'; it must be a whole number."),
        ({**GOOD, "CONCORD_PORT": "70000"}, "CONCORD_PORT is 70000; it must be between 0 and 65535."),
        ({**GOOD, "CONCORD_LEASE_SECONDS": "nan"}, "CONCORD_LEASE_SECONDS is nan; it must be at least 1."),
        ({**GOOD, "CONCORD_WAKEUP": "bell"}, "CONCORD_WAKEUP is 'bell'; it must be one of cqn, poll."),
        ({**GOOD, "CONCORD_PROT": "1"}, "There is no setting named CONCORD_PROT."),
        ({**GOOD, "CONCORD_LEASE_SECONDS": "5"}, "it must be longer than CONCORD_HEARTBEAT_SECONDS"),
        ({**GOOD, "CONCORD_JWT_SECRET": "short"}, "CONCORD_JWT_SECRET is shorter than 32 bytes."),
        ({**GOOD, "CONCORD_DB_PASSWORD_FILE": "/x"}, "both set"),
        ({"CONCORD_DB_PASSWORD_FILE": "/no/such/file"}, "which cannot be read"),
    ],
)
def test_a_mistake_is_told_in_a_sentence_that_names_the_variable(
    variables: dict[str, str], sentence: str
) -> None:
    with pytest.raises(SettingsError) as error:
        Settings.from_env(variables)
    assert sentence in str(error.value)


def test_secrets_do_not_show_when_settings_are_printed() -> None:
    settings = Settings(
        db_password="hush-1", admin_password="hush-2", jwt_secret="hush-3" * 10, install_password="hush-4"
    )
    assert "hush" not in repr(settings)


def test_the_signing_secret_is_made_once_and_only_the_owner_may_read_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = Settings(home=home).with_jwt_secret()
    second = Settings(home=home).with_jwt_secret()
    assert first.jwt_secret == second.jwt_secret
    assert len(first.jwt_secret) >= 32
    assert stat.S_IMODE((home / "jwt-secret").stat().st_mode) == 0o600


def test_a_given_signing_secret_is_kept_as_it_is(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "untouched", jwt_secret="s" * 32)
    assert settings.with_jwt_secret().jwt_secret == "s" * 32
    assert not (tmp_path / "untouched").exists()


def test_a_damaged_signing_secret_is_not_signed_with(tmp_path: Path) -> None:
    (tmp_path / "jwt-secret").write_text("")
    with pytest.raises(SettingsError, match="remove the file"):
        Settings(home=tmp_path).with_jwt_secret()


def test_several_processes_that_start_at_once_agree_on_the_signing_secret(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        starts = [threads.submit(Settings(home=tmp_path).with_jwt_secret) for _ in range(40)]
        assert len({start.result().jwt_secret for start in starts}) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["jwt-secret"]
