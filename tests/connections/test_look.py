"""The process that looks: never left behind, never more than are allowed, knows nothing that it need not."""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from app.connections import look
from app.connections.asks import ListTables, Probe, Probed, TableItem
from app.connections.look import Looks
from app.oracle.errors import ForeignSourceError
from app.oracle.login import Login

PASSWORD = "not-in-an-argument"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The processes that were started, with their arguments and environment."""
    made: list[Any] = []
    start = asyncio.create_subprocess_exec

    async def noted(*arguments: Any, **options: Any) -> Any:
        process = await start(*arguments, **options)
        made.append((process, arguments, options["env"]))
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", noted)
    return made


def test_who_is_not_waited_for_any_more_leaves_no_process(
    started: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONCORD_DB_PASSWORD", PASSWORD)

    async def story() -> None:
        with socket.create_server(("127.0.0.1", 0)) as hole:  # takes connections and says nothing
            login = Login("u", f"127.0.0.1:{hole.getsockname()[1]}/x", PASSWORD)
            asking = asyncio.create_task(
                Looks(hidden_owner="CONCORD").ask("hole", Probe(), Probed, login=login)
            )
            taken, _ = await asyncio.get_running_loop().run_in_executor(None, hole.accept)
            with taken:  # closed before, the process would see the end of the connection and end by itself
                asking.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await asking

    asyncio.run(story())
    [(process, arguments, environment)] = started
    assert process.returncode == -9
    assert PASSWORD not in " ".join(arguments) + repr(environment)


def test_no_more_look_at_once_than_are_allowed(
    tmp_path: Path, started: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look, "_WAIT_SECONDS", 0.01)
    (tmp_path / "a.csv").write_text("x\n1\n")

    async def story() -> list[Any]:
        looks = Looks(hidden_owner="CONCORD", at_once=1)
        ask = ListTables(None, None, 10)
        asked = [looks.ask("drop", ask, list[TableItem], folder=str(tmp_path)) for _ in range(3)]
        return await asyncio.gather(*asked, return_exceptions=True)

    done, *refused = asyncio.run(story())
    assert done == [TableItem(None, "a.csv", "FILE", bytes=4)]
    for error in refused:
        assert isinstance(error, ForeignSourceError)
        assert error.retryable
        assert "too many others" in error.sentence
    assert len(started) == 1


def test_a_process_that_breaks_is_told_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(ForeignSourceError, match=r"^Connection drop: looking at it needed too much memory"):
        asyncio.run(Looks(hidden_owner="X").ask("drop", Probe(), Probed, folder=str(tmp_path)))
