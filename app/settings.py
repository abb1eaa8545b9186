"""Every knob of Concord: its name, its default, the environment variable that sets it, what it means.

A secret may also come from a file: CONCORD_DB_PASSWORD_FILE=/run/secrets/db in place of
CONCORD_DB_PASSWORD=... . Secrets never show in `repr`, in logs or in answers. An empty variable counts
as absent.
"""

# ruff: noqa: RUF009 - `knob` is dataclasses.field with our metadata, which ruff cannot see

from __future__ import annotations

import os
import re
import secrets
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, Self, cast, get_args, get_type_hints

from app.connections.keyring import Keyring, KeyringError

_OURS = re.compile(r"CONCORD_(?!TEST_)")  # CONCORD_TEST_* steers the project's own tests

WakeupMode = Literal["cqn", "poll"]
LogFormat = Literal["console", "json"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class SettingsError(ValueError):
    """A setting is missing or wrong; the text is a sentence that names the variable and the value."""


def default_home() -> Path:
    """`concord` in the user's data folder of this platform. Nothing is created here."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "concord"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "concord"


def knob(
    default: Any,
    meaning: str,
    *,
    secret: bool = False,
    minimum: float | None = None,
    maximum: float | None = None,
) -> Any:
    """One setting as a dataclass field; `default` may be a function that makes the default."""
    metadata = {"meaning": meaning, "secret": secret, "minimum": minimum, "maximum": maximum}
    if callable(default):
        return field(default_factory=default, metadata=metadata, repr=not secret)
    return field(default=default, metadata=metadata, repr=not secret)


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """All settings of one process. The field `db_pool_size` is set by CONCORD_DB_POOL_SIZE, and so on."""

    home: Path = knob(default_home, "folder for state: generated secrets and job work files")
    results_dir: str = knob(
        "", "folder of result files, shared by API and workers; `results` in home if empty"
    )

    files_dir: str = knob(
        "", "folder of files that may be compared, the same for API and workers; none may if empty"
    )

    # The database
    db_dsn: str = knob(
        "localhost:1521/FREEPDB1",
        "where the database listens: host:port/service, tcps://host:port/service for TLS, or a name in tnsnames.ora",
    )
    db_config_dir: str = knob("", "folder of tnsnames.ora, where CONCORD_DB_DSN is a name in it")
    db_wallet_dir: str = knob(
        "", "folder of ewallet.pem: authorities for the server's certificate, and the client's own for mTLS"
    )
    db_wallet_password: str = knob("", "the password of ewallet.pem, if it has one", secret=True)
    db_server_dn: str = knob(
        "", "distinguished name that the server's certificate must have; its host name is checked if empty"
    )
    db_user: str = knob("CONCORD_APP", "the runtime user: executes packages, reads tables, owns nothing")
    db_password: str = knob("", "the runtime user's password", secret=True)
    db_owner: str = knob("CONCORD", "the schema that owns Concord's tables and packages")
    db_pool_size: int = knob(4, "sessions in this process's pool", minimum=1, maximum=200)
    db_acquire_seconds: float = knob(
        2.0, "how long a request waits for a free session before it is answered 503", minimum=0.1, maximum=60
    )
    db_call_seconds: float = knob(
        10.0, "longest single call to the database outside of comparisons", minimum=1, maximum=3600
    )
    query_user: str = knob(
        "", "database user with whose rights queries of requests run; without one queries are refused"
    )
    query_password: str = knob("", "the password of the user of queries", secret=True)
    install_user: str = knob("", "`concord db` only: a DBA, e.g. SYSTEM; asked for at a terminal")
    install_password: str = knob("", "`concord db` only: the DBA's password", secret=True)

    # The API
    host: str = knob("127.0.0.1", "address on which the API listens")
    port: int = knob(8000, "port on which the API listens; 0 takes any free one", minimum=0, maximum=65535)
    admin_user: str = knob("admin", "name of the first administrator")
    admin_password: str = knob(
        "", "the first administrator's password; one is generated and printed once if absent", secret=True
    )
    jwt_secret: str = knob(
        "",
        "the keys of access tokens are made from it, 32 bytes or more; generated and kept in home if absent; "
        "several may stand here, separated by blanks: the first makes new keys, all are accepted",
        secret=True,
    )
    access_token_minutes: int = knob(15, "life of an access token, minutes", minimum=1, maximum=1440)
    session_hours: int = knob(
        12,
        "longest session without a new login, hours; a refresh token prolongs until then",
        minimum=1,
        maximum=720,
    )
    requests_per_minute: int = knob(
        1200,
        "requests that one user or key may send in a minute to all API processes; 0 = no limit",
        minimum=0,
    )
    max_requests_at_once: int = knob(
        200,
        "requests that one API process works on at the same time; more are answered 503 at once",
        minimum=1,
    )
    live_connections_per_user: int = knob(
        50,
        "WebSockets and event streams that one user may hold open at one API process; 0 = no limit",
        minimum=0,
    )
    connection_keys: str = knob(
        "",
        "encrypt the passwords of connections, each base64 of 32 bytes (`concord connections new-key`), the same for API "
        "and workers; several separated by blanks: the first encrypts, all decrypt; without one none is stored",
        secret=True,
    )
    cors_origins: str = knob(
        "",
        "origins whose pages may call the API, separated by blanks, e.g. https://dash.example.com; none if absent",
    )
    trusted_proxies: str = knob(
        "",
        "addresses or networks of proxies whose X-Forwarded-For is believed, separated by blanks; none if absent",
    )
    max_body_bytes: int = knob(1024 * 1024, "largest request body, bytes", minimum=1024)
    poll_interval: float = knob(
        0.25, "seconds between two looks at changed job rows for the WebSocket", minimum=0.05, maximum=60
    )

    # The worker
    wakeup: WakeupMode = knob("cqn", "how a worker hears of new jobs; polling is always on beside cqn")
    worker_slots: int = knob(1, "jobs that one worker runs at once", minimum=1, maximum=64)
    worker_queue: str = knob("DEFAULT", "queue whose jobs the worker runs")
    worker_poll_seconds: float = knob(
        5.0,
        "longest wait of an idle worker between two looks; the delay of a new job with notification down",
        minimum=0.1,
        maximum=600,
    )
    lease_seconds: float = knob(
        30.0, "a worker silent for so long is dead and its jobs go to others", minimum=1
    )
    heartbeat_seconds: float = knob(5.0, "between two signs of life of a worker", minimum=0.1)
    drain_seconds: float = knob(20.0, "grace for running jobs when a worker is told to stop", minimum=0)
    job_memory_mb: int = knob(2048, "memory limit of one job's process, MiB", minimum=64)
    job_time_limit_seconds: float = knob(3600.0, "longest run of one job, seconds", minimum=1)

    metrics_port: int = knob(
        0, "port on which a worker answers Prometheus; 0 = none", minimum=0, maximum=65535
    )
    metrics_host: str = knob("127.0.0.1", "address on which a worker answers Prometheus")

    # Housekeeping, done by one elected worker
    retention_days: float = knob(
        0.0, "finished jobs are deleted so many days after their end; 0 keeps them for ever", minimum=0
    )
    retention_jobs: int = knob(
        0, "so many of the newest finished jobs are kept and older ones deleted; 0 keeps them all", minimum=0
    )

    # Logs
    log_format: LogFormat = knob("console", "console for people, json for machines")
    log_level: LogLevel = knob("INFO", "least severe message that is written")

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            low, high = item.metadata["minimum"], item.metadata["maximum"]
            if (low is not None and not value >= low) or (high is not None and not value <= high):
                limits = f"at least {low:g}" if high is None else f"between {low:g} and {high:g}"
                raise SettingsError(f"{variable(item.name)} is {value!r}; it must be {limits}.")
        if self.lease_seconds <= self.heartbeat_seconds:
            raise SettingsError(
                f"CONCORD_LEASE_SECONDS is {self.lease_seconds:g}; it must be longer than "
                f"CONCORD_HEARTBEAT_SECONDS, which is {self.heartbeat_seconds:g}."
            )
        if any(len(secret.encode()) < 32 for secret in self.jwt_secrets):
            raise SettingsError("CONCORD_JWT_SECRET is shorter than 32 bytes.")
        try:
            self.keyring  # noqa: B018 - tells at once of keys that cannot be read
        except KeyringError as error:
            raise SettingsError(f"CONCORD_CONNECTION_KEYS: {error}.") from None

    @property
    def jwt_secrets(self) -> list[str]:
        """The secrets of CONCORD_JWT_SECRET, separated by blanks or commas."""
        return self.jwt_secret.replace(",", " ").split()

    @property
    def results(self) -> Path:
        """The folder of result files: those of one attempt at a job are in JOB_ID/RUN_TOKEN below it."""
        return Path(self.results_dir) if self.results_dir else self.home / "results"

    @property
    def keyring(self) -> Keyring:
        """The keys that encrypt the passwords of connections."""
        return Keyring.from_text(self.connection_keys)

    @property
    def files(self) -> Path | None:
        """The folder of files that requests may name; None if there is none."""
        return Path(self.files_dir).expanduser() if self.files_dir else None

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None, *, need_password: bool = True) -> Self:
        """The settings of this process from CONCORD_* variables.

        need_password: of the runtime user; not where only a DBA connects. Raises SettingsError for a value
        that cannot be read, an unknown CONCORD_ variable (a typing error that would otherwise be ignored)
        and a password that is needed and missing.
        """
        env = os.environ if environment is None else environment
        types = get_type_hints(cls)
        known = {variable(item.name): item for item in fields(cls)}
        files = {f"{name}_FILE": name for name, item in known.items() if item.metadata["secret"]}
        unknown = sorted(
            name for name in env if _OURS.match(name) and name not in known and name not in files
        )
        if unknown:
            raise SettingsError(f"There is no setting named {', '.join(unknown)}.")
        values: dict[str, Any] = {}
        for name, item in known.items():
            text = _text_of(name, item, env)
            if text is not None:
                values[item.name] = _parse(name, text, types[item.name])
        settings = cls(**values)
        if need_password and not settings.db_password:
            raise SettingsError(
                "CONCORD_DB_PASSWORD (or CONCORD_DB_PASSWORD_FILE) is not set: it is the password of the "
                f"runtime user {settings.db_user}."
            )
        return settings

    def with_jwt_secret(self) -> Self:
        """These settings with the signing secret; made once and kept in home (mode 0600) if absent.

        Several API processes that share a home share the secret. Raises SettingsError if home cannot
        be written or the kept secret is too short.
        """
        if self.jwt_secret:
            return self
        file = self.home / "jwt-secret"
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not file.exists():
                _keep_secret(file, secrets.token_urlsafe(48))
            kept = file.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"The signing secret cannot be kept in {file}: {error}.") from error
        if len(kept) < 32:
            raise SettingsError(f"The signing secret in {file} is shorter than 32 bytes; remove the file.")
        return replace(self, jwt_secret=kept)


def _keep_secret(file: Path, secret: str) -> None:
    """Write a whole file that only the owner reads, or leave the one that another process made meanwhile."""
    draft = file.with_name(f".{file.name}-{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as out:
        out.write(secret + "\n")
    try:
        with suppress(FileExistsError):
            os.link(draft, file)
    finally:
        draft.unlink()


def variable(name: str) -> str:
    """The environment variable of a setting: `db_dsn` -> `CONCORD_DB_DSN`."""
    return f"CONCORD_{name.upper()}"


def _text_of(name: str, item: Field[Any], env: Mapping[str, str]) -> str | None:
    """The text given for one setting, from the variable or, for a secret, from its file."""
    text = env.get(name) or None
    file = (env.get(f"{name}_FILE") or None) if item.metadata["secret"] else None
    if text is not None and file is not None:
        raise SettingsError(f"{name} and {name}_FILE are both set; one of them must go.")
    if file is None:
        return text
    try:
        return Path(file).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{name}_FILE names {file}, which cannot be read: {error}.") from error


def _parse(name: str, text: str, kind: Any) -> Any:
    choices = get_args(kind)
    if choices:
        for choice in choices:
            if text.strip().lower() == choice.lower():
                return choice
        raise SettingsError(f"{name} is {text!r}; it must be one of {', '.join(choices)}.")
    if kind is Path:
        return Path(text).expanduser()
    if kind is str:
        return text
    try:
        return cast(Callable[[str], Any], kind)(text)
    except ValueError:
        expected = "a whole number" if kind is int else "a number"
        raise SettingsError(f"{name} is {text!r}; it must be {expected}.") from None
