"""The demo's processes: started in order with a log file each, stopped in the reverse order."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class ProcessError(Exception):
    """A process did not start or ended by itself; the text is a sentence with the place of its log."""


def free_port(wanted: int, option: str) -> int:
    """`wanted` if it is free on the loopback address, any free one for 0; ProcessError if it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError as error:
            raise ProcessError(
                f"port {wanted} cannot be used ({error.strerror}); choose another with {option}, "
                f"or {option} 0 for any free one"
            ) from error
        port: int = probe.getsockname()[1]
    return port


def _die_with_parent() -> None:
    """In the child: SIGTERM when the demo dies, even by SIGKILL. Linux only."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Processes:
    """A context: whatever was started in it is stopped when it ends."""

    def __init__(self, logs: Path) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self._logs = logs
        self._running: list[tuple[str, subprocess.Popen[str]]] = []

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, name: str, arguments: list[str], environment: dict[str, str]) -> subprocess.Popen[str]:
        """Start `concord ARGUMENTS`; standard error goes to its log, standard output too unless read."""
        reads_output = name == "database"
        log: IO[str]
        with self.log(name).open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "app.cli", *arguments],
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if reads_output else log,
                stderr=log,
                text=True,
                start_new_session=True,  # Ctrl-C reaches the demo alone, which then stops them in order
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )
        self._running.append((name, process))
        return process

    def log(self, name: str) -> Path:
        return self._logs / f"{name.replace(' ', '-')}.log"

    def check(self) -> None:
        """Raise ProcessError if one has ended."""
        for name, process in self._running:
            if process.poll() is not None:
                raise ProcessError(
                    f"the {name} ended with status {process.returncode}: {self._last_words(name)}"
                )

    def _last_words(self, name: str) -> str:
        lines = [line for line in self.log(name).read_text(errors="replace").splitlines() if line.strip()]
        said = lines[-1] if lines else "it said nothing"
        return f"{said} (its log: {self.log(name)})"

    def stop(self, grace: float = 25.0) -> None:
        """SIGTERM in reverse order, each with its grace in seconds, then SIGKILL."""
        while self._running:
            group = [self._running.pop()]
            while self._running and self._running[-1][0].split()[0] == group[0][0].split()[0]:
                group.append(self._running.pop())  # the workers drain side by side
            for _, process in group:
                if process.poll() is None:
                    process.send_signal(signal.SIGTERM)
            end = time.monotonic() + grace
            for _, process in group:
                try:
                    process.wait(max(0.1, end - time.monotonic()))
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
