"""Clients that misbehave: what they send, and whether the server is still itself afterwards.

    python -m tests.localdb.fuzz [--seconds 60] [--seed 1]

Random bytes, truncated and mutated packets of a real conversation, huge declared lengths, half-open sockets; all
before and after the login. A well-behaved client looks in between whether the server answers.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import oracledb

from tests.conftest import Instance, LocalProcess

ANSWER = 5.0  # seconds a server may take to answer or to hang up


class Recorder:
    """Stands between a real client and the server, and keeps what the client sends."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.sent: list[bytes] = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            client, _ = self._listener.accept()
            server = socket.create_connection(self._target)
            threading.Thread(target=self._answers, args=(server, client), daemon=True).start()
            while data := client.recv(65536):
                self.sent.append(data)
                server.sendall(data)
            server.close()

    @staticmethod
    def _answers(server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                client.sendall(data)

    def close(self) -> None:
        self._listener.close()


def conversation(instance: Instance) -> list[bytes]:
    """What a real client sends: login, binds, a fetch, a LOB, an error, a logoff."""
    address, _, service = instance.dsn.partition("/")
    host, _, port = address.partition(":")
    recorder = Recorder(host, int(port))
    with oracledb.connect(
        user=instance.user, password=instance.password, dsn=f"127.0.0.1:{recorder.port}/{service}"
    ) as connection:
        cursor = connection.cursor()
        cursor.execute("select level, to_clob('text') from dual connect by level <= :n", [200]).fetchall()
        cursor.executemany("begin dbms_output.put_line(:1); end;", [("a",), ("b" * 2000,)])
        with contextlib.suppress(oracledb.Error):
            cursor.execute("select * from nowhere")
        connection.createlob(oracledb.DB_TYPE_CLOB, "x" * 5000).read()
    recorder.close()
    return recorder.sent


class Fuzzer:
    """One server, one seed. `rounds` counts what was tried."""

    def __init__(self, instance: Instance, seed: int) -> None:
        self.instance = instance
        self.random = random.Random(seed)
        self.rounds = 0
        address = instance.dsn.partition("/")[0]
        host, _, port = address.partition(":")
        self._address = (host, int(port))
        self._talk = conversation(instance)
        self._good = f"GOOD{seed}"  # has no failed logins to wait for
        with instance.connect() as connection:
            connection.cursor().execute(f"create user {self._good} identified by tiger")
            connection.cursor().execute(f"grant create session to {self._good}")
        self._half_open: list[socket.socket] = []
        self._kinds: list[Callable[[socket.socket], None]] = [
            self._noise,
            self._truncated,
            self._mutated,
            self._mutated,
            self._huge,
            self._silent,
        ]

    def run(self, seconds: float, rounds: int = 10**9) -> None:
        """Misbehave; every 20 rounds a good client must be served. Raises AssertionError, oracledb.Error."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and rounds > 0:
            rounds -= 1
            self.rounds += 1
            try:
                with socket.create_connection(self._address, ANSWER) as sock:
                    self.random.choice(self._kinds)(sock)
            except (ConnectionError, BrokenPipeError):
                pass  # the server hung up, as it should
            if self.rounds % 20 == 0:
                self.check()
        self.check()
        for sock in self._half_open:
            sock.close()

    def check(self) -> None:
        """A good client is served, and in time."""
        began = time.monotonic()
        with oracledb.connect(user=self._good, password="tiger", dsn=self.instance.dsn) as connection:
            assert connection.cursor().execute("select 'well' from dual").fetchone() == ("well",)
        assert time.monotonic() - began < 2 * ANSWER, "the server has become slow"

    def _noise(self, sock: socket.socket) -> None:
        sock.sendall(self.random.randbytes(self.random.choice((1, 7, 8, 9, 58, 300, 5000))))
        self._listen(sock)

    def _truncated(self, sock: socket.socket) -> None:
        whole = b"".join(self._talk[: self.random.randint(1, len(self._talk))])
        sock.sendall(whole[: self.random.randrange(len(whole))])
        sock.shutdown(socket.SHUT_WR)
        self._listen(sock)

    def _mutated(self, sock: socket.socket) -> None:
        """The conversation step by step, one of its messages changed."""
        target = self.random.randrange(len(self._talk))
        for number, message in enumerate(self._talk[: target + 2]):
            data = bytearray(message)
            if number == target:
                for _ in range(self.random.randint(1, 8)):
                    data[self.random.randrange(len(data))] = self.random.randrange(256)
            sock.sendall(data)
            if not self._listen(sock, 0.2 if number != target else 0.05):
                return

    def _huge(self, sock: socket.socket) -> None:
        """A length that nobody will ever send, in the packet or in a value."""
        if self.random.random() < 0.5:
            sock.sendall(
                self.random.choice((b"\xff\xff\0\0\1", b"\x7f\xff\xff\xff\6")) + self.random.randbytes(50)
            )
        else:
            for message in self._talk[:2]:
                sock.sendall(message)
                self._listen(sock, 0.2)
            body = b"\0\0\3\x5e\1\0" + b"\x04\xff\xff\xff\xff" * 40
            sock.sendall((len(body) + 8).to_bytes(4, "big") + b"\6\0\0\0" + body)
        self._listen(sock, 0.2)

    def _silent(self, sock: socket.socket) -> None:
        """A socket that stays open and says no more."""
        if self.random.random() < 0.5:
            sock.sendall(self._talk[0])
        if len(self._half_open) < 50:
            self._half_open.append(sock.dup())

    @staticmethod
    def _listen(sock: socket.socket, seconds: float = ANSWER) -> bool:
        """Wait for an answer; False when the server has hung up. Not to hang up on garbage in time is fine
        only for what may still become a packet: then this returns after `seconds`."""
        sock.settimeout(min(seconds, 0.5))
        try:
            return bool(sock.recv(65536))
        except TimeoutError:
            return True


def memory_mb(process: int) -> float:
    """Resident memory of a process."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def threads(process: int) -> int:
    return len(list(Path(f"/proc/{process}/task").iterdir()))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.localdb.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder, LocalProcess(Path(folder)) as process:
        assert process.process is not None
        pid = process.process.pid
        fuzzer = Fuzzer(process.instance, chosen.seed)
        fuzzer.run(10)
        print(f"after {fuzzer.rounds} rounds: {memory_mb(pid):.0f} MB, {threads(pid)} threads")
        fuzzer.run(chosen.seconds)
        time.sleep(35)  # the login time-out of what was left half open
        print(f"after {fuzzer.rounds} rounds: {memory_mb(pid):.0f} MB, {threads(pid)} threads")
        log = (Path(folder) / "localdb.log").read_text()
        print(f"internal errors in the log: {log.count('Traceback')}")
        print("\n".join(sorted({line[:150] for line in log.splitlines() if "Error" in line})[:20]))


if __name__ == "__main__":
    main()
