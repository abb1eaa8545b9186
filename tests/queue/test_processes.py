"""The warm process behind the jobs: quick, clean, and when it dies another takes its place."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from app.settings import Settings
from tests.queue.conftest import wait_for
from worker.compare import KINDS
from worker.processes import JobProcess, JobProcesses

MARKER = 12  # type of a packet: the call was broken off, and is to be by the other side too
_FORKS = int(os.environ.get("CONCORD_TEST_FORKS", "10"))


class DeafWire:
    """A stretch of network in front of the database that does not tell it when its client is gone."""

    def __init__(self, dsn: str) -> None:
        address, _, service = dsn.partition("/")
        host, _, port = address.partition(":")
        self._door = socket.create_server(("127.0.0.1", 0))
        self._to = (host, int(port))
        self.dsn = f"127.0.0.1:{self._door.getsockname()[1]}/{service}"
        self.answers = bytearray()  # written by one thread
        threading.Thread(target=self._carry, daemon=True).start()

    def _carry(self) -> None:
        client, _ = self._door.accept()
        with self._door, client, socket.create_connection(self._to) as database:
            back = threading.Thread(target=self._carry_back, args=(database, client), daemon=True)
            back.start()
            while data := client.recv(65536):
                database.sendall(data)
            back.join()

    def _carry_back(self, database: socket.socket, client: socket.socket) -> None:
        while data := database.recv(65536):
            self.answers += data
            with contextlib.suppress(OSError):
                client.sendall(data)


def spec(folder: Path, login: Mapping[str, str] = MappingProxyType({}), **request: Any) -> bytes:
    document = {
        "runner": "tests.queue.runners:run",
        "job_id": "j",
        "run_token": 1,
        "kind": "TEST",
        "request": request,
        "work_dir": str(folder),
        "results_dir": str(folder),
        "memory_limit_mb": 100,
        "dsn": "",
        "user": "",
        "password": "",
    }
    return json.dumps(document | dict(login)).encode()


@asynccontextmanager
async def processes() -> AsyncIterator[JobProcesses]:
    made = JobProcesses(["tests.queue.runners"])
    made.warm_up()
    try:
        yield made
    finally:
        made.close()


async def words_of(process: JobProcess) -> list[dict[str, Any]]:
    """All that it says until its end."""
    with os.fdopen(process.words, "rb") as pipe:
        return [json.loads(line) for line in await asyncio.to_thread(pipe.readlines)]


async def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_jobs_are_forked_from_one_process_and_end_by_themselves(tmp_path: Path) -> None:
    async def main() -> None:
        async with processes() as made:
            running = [await made.spawn(spec(tmp_path, do="finish", size=100_000)) for _ in range(5)]
            for process in running:
                *_, last = await words_of(process)
                assert len(last["result"]["text"]) == 100_000
                assert await process.wait() == 0
                assert process.peak_mb > 5
                process.kill()  # of one that has ended: nothing
            sleeping = [await made.spawn(spec(tmp_path, do="sleep", seconds=60)) for _ in range(2)]
            assert len({await parent_of(each.pid) for each in sleeping}) == 1
            for each in sleeping:
                each.kill()
                assert await each.wait() == -signal.SIGKILL
                os.close(each.words)

    asyncio.run(main())


def test_a_job_that_is_killed_breaks_off_its_call_to_the_database(
    concord_db: Settings, tmp_path: Path
) -> None:
    wire = DeafWire(concord_db.db_dsn)
    login = {"dsn": wire.dsn, "user": concord_db.db_user, "password": concord_db.db_password}

    async def main() -> None:
        async with processes() as made:
            process = await made.spawn(spec(tmp_path, login, do="wait in the database"))
            with os.fdopen(process.words, "rb") as pipe:
                for _ in range(2):
                    await asyncio.to_thread(pipe.readline)
                await asyncio.sleep(1)  # the call is under way
                wire.answers.clear()
                process.kill()
                assert await process.wait() == -signal.SIGKILL

    asyncio.run(main())
    answer = wait_for(lambda: wire.answers or None, 10, "the database's answer")
    assert answer[4] == MARKER, bytes(answer)


def test_no_descriptor_is_left_behind(tmp_path: Path) -> None:
    async def main() -> None:
        async with processes() as made:

            async def one() -> int:
                process = await made.spawn(spec(tmp_path, do="finish"))
                await words_of(process)
                await process.wait()
                return process.pid

            await one()
            sleeper = await made.spawn(spec(tmp_path, do="sleep", seconds=60))
            zygote = await parent_of(sleeper.pid)
            here, there = (len(os.listdir(f"/proc/{pid}/fd")) for pid in ("self", zygote))
            for _ in range(20):
                await one()
            assert (len(os.listdir("/proc/self/fd")), len(os.listdir(f"/proc/{zygote}/fd"))) == (here, there)
            sleeper.kill()
            os.close(sleeper.words)

    asyncio.run(main())


def test_when_the_warm_process_dies_its_jobs_end_and_another_takes_its_place(tmp_path: Path) -> None:
    async def main() -> None:
        async with processes() as made:
            first = await made.spawn(spec(tmp_path, do="sleep", seconds=60))
            os.kill(await parent_of(first.pid), signal.SIGKILL)
            async with asyncio.timeout(10):
                assert await first.wait() == -signal.SIGKILL
                while Path(f"/proc/{first.pid}").exists():
                    await asyncio.sleep(0.01)
            os.close(first.words)
            second = await made.spawn(spec(tmp_path, do="finish"))
            *_, last = await words_of(second)
            assert "result" in last

    asyncio.run(main())


def test_a_warm_process_that_dies_unnoticed_costs_no_job(tmp_path: Path) -> None:
    async def main() -> None:
        async with processes() as made:
            first = await made.spawn(spec(tmp_path, do="finish"))
            await words_of(first)
            sleeper = await made.spawn(spec(tmp_path, do="sleep", seconds=60))
            os.kill(await parent_of(sleeper.pid), signal.SIGSTOP)
            os.kill(await parent_of(sleeper.pid), signal.SIGKILL)
            second = await made.spawn(spec(tmp_path, do="finish"))  # the loop has not heard of it yet
            *_, last = await words_of(second)
            assert "result" in last
            os.close(sleeper.words)

    asyncio.run(main())


def test_closing_ends_every_process(tmp_path: Path) -> None:
    async def main() -> int:
        async with processes() as made:
            process = await made.spawn(spec(tmp_path, do="sleep", seconds=60))
        os.close(process.words)
        async with asyncio.timeout(10):
            while Path(f"/proc/{process.pid}").exists():
                await asyncio.sleep(0.01)
        return await process.wait()

    assert asyncio.run(main()) == -signal.SIGKILL


def test_the_engines_libraries_work_in_a_fork_of_a_process_that_has_loaded_them(tmp_path: Path) -> None:
    """They have threads of their own, and some of them from their import on."""
    document = json.loads(spec(tmp_path)) | {"runner": "tests.queue.runners:engines"}

    async def main() -> None:
        made = JobProcesses([*KINDS["COMPARE"].preload, "tests.queue.runners"])
        try:
            for _ in range(_FORKS // 2):
                pair = [await made.spawn(json.dumps(document).encode()) for _ in range(2)]
                async with asyncio.timeout(30):
                    for process in pair:
                        assert (await words_of(process))[-1] == {
                            "result": {"groups": [97, 97, 97], "rows": 100_000, "product": 300.0}
                        }
        finally:
            made.close()

    asyncio.run(main())
