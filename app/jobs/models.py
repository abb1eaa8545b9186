"""What a job is on the wire and in REQUEST_CONFIG: strict structs, unknown fields refused, sizes limited.

The same structs are read by the API, the store and the worker; their limits are the documented ones.
Times are aware UTC datetimes. Numbers that a person may give with decimals (a tolerance) are Decimals,
so that "0.00001" stays exactly that.
"""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from app.jobs.rules import ColumnRule
from app.jobs.sides import ColumnName, Side

MAX_COLUMNS = 1000  # the most that a table of Oracle 19c has
MAX_KEY_COLUMNS = 32  # the most that a constraint of Oracle has
MAX_SAMPLES = 1000
MAX_TAGS = 10

_JOB_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
Tag = Annotated[str, Meta(min_length=1, max_length=50, pattern=r"^[^\x00-\x1f\x7f]*$")]
# A `$` alone lets a line end behind the text pass.
QUEUE_NAME = r"^[A-Z][A-Z0-9_]{0,29}$(?!\n)"
LIMIT_KEY = r"^[A-Za-z0-9_][A-Za-z0-9_.:@$#-]{0,127}$(?!\n)"
QueueName = Annotated[str, Meta(pattern=QUEUE_NAME, description="A queue, upper case.")]


def is_job_id(text: str) -> bool:
    """Whether a job can have this id: a UUID in lower case."""
    return _JOB_ID.fullmatch(text) is not None


class JobStatus(StrEnum):
    """Where a job stands. A RUNNING job whose worker is lost goes back to PENDING."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class Strict(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A struct of a request: a field that nobody knows is an error, not ignored."""


class ComparisonRequest(Strict, frozen=True):
    """A comparison: `source` is side A (the reference), `target` is side B (the candidate).

    Columns of `key`, `columns`, `ignore` and `rules` go by their names in side A.
    """

    source: Side
    target: Side
    column_map: Annotated[
        dict[ColumnName, ColumnName],
        Meta(max_length=MAX_COLUMNS, description="Columns that side B names differently: A's name to B's."),
    ] = {}
    key: Annotated[
        Annotated[list[ColumnName], Meta(min_length=1, max_length=MAX_KEY_COLUMNS)] | None,
        Meta(
            description="Columns that identify a row. If absent: the primary key, then a unique key of columns "
            "that cannot be NULL, common to both tables; where there is none, the job looks for up to three "
            "columns that are unique in both.",
        ),
    ] = None
    columns: Annotated[
        Annotated[list[ColumnName], Meta(min_length=1, max_length=MAX_COLUMNS)] | None,
        Meta(description="Columns to compare; all common ones if absent."),
    ] = None
    ignore: Annotated[
        list[ColumnName], Meta(max_length=MAX_COLUMNS, description="Columns to leave out of the comparison.")
    ] = []
    rules: Annotated[
        dict[ColumnName, ColumnRule], Meta(max_length=MAX_COLUMNS, description="Rules by column name.")
    ] = {}
    profile: Annotated[
        Annotated[str, Meta(min_length=1, max_length=100)] | None,
        Meta(
            description="A profile whose rules are used for the columns that both tables have. `rules` of the request "
            "go before them."
        ),
    ] = None
    sample_limit: Annotated[
        int, Meta(ge=0, le=MAX_SAMPLES, description="Sample rows kept of each kind of difference.")
    ] = 20
    engine: Annotated[
        Literal["auto", "arrow_duckdb", "polars", "pushdown"],
        Meta(
            description="`arrow_duckdb` reads both tables, `polars` too, in memory; `pushdown` adds up hashes in the database and reads only "
            "what differs; `auto` chooses and says why."
        ),
    ] = "auto"
    ml: Annotated[
        bool, Meta(description="Also look for drift between the columns and for odd differences.")
    ] = False
    export: Annotated[
        bool, Meta(description="Keep every differing cell and every row without a partner as files.")
    ] = True
    repair: Annotated[
        bool,
        Meta(
            description="Write repair.sql, which makes side B, a table, what side A is, and backout.sql, which takes "
            "that back. Neither is run."
        ),
    ] = False
    require_unique_key: Annotated[
        bool, Meta(description="Fail if the key is not unique, instead of pairing and reporting duplicates.")
    ] = False
    tags: Annotated[
        list[Tag], Meta(max_length=MAX_TAGS, description="Words by which to find the job again.")
    ] = []
    paranoid: Annotated[
        bool,
        Meta(
            description="Also compare byte by byte what has equal hashes. Text is then read in full, and hash "
            "push-down is not used."
        ),
    ] = False
    queue: QueueName = "DEFAULT"
    limit_key: Annotated[
        Annotated[str, Meta(pattern=LIMIT_KEY)] | None,
        Meta(
            description="What the job puts load on, for example a database. `PUT /limits/KEY` says how many jobs of "
            "one key run at once in the whole fleet."
        ),
    ] = None
    priority: Annotated[int, Meta(ge=0, le=9, description="0 runs first, 9 last.")] = 5
    max_attempts: Annotated[int, Meta(ge=1, le=20, description="How often the job is tried.")] = 3

    def __post_init__(self) -> None:
        for name, columns in (("key", self.key), ("columns", self.columns), ("ignore", self.ignore)):
            if columns is not None and len(set(columns)) != len(columns):
                raise ValueError(f"`{name}` names a column twice")
        if len(set(self.tags)) != len(self.tags):
            raise ValueError("`tags` has a tag twice")
        if len(set(self.column_map.values())) != len(self.column_map):
            raise ValueError("`column_map` names a column of side B twice")

    def to_json(self) -> str:
        """The form that is stored in REQUEST_CONFIG; `from_json` gives an equal struct back."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> ComparisonRequest:
        """Read REQUEST_CONFIG. Raises msgspec.ValidationError (also for text that is not JSON)."""
        return msgspec.json.decode(text, type=cls)


class JobError(msgspec.Struct, frozen=True, kw_only=True):
    """Why the last attempt of a job ended badly (ERROR_DETAILS)."""

    code: str
    sentence: str
    attempt: int | None = None
    worker: str | None = None
    retryable: bool | None = None
    at: str | None = None
    facts: dict[str, str | int | float] | None = None
    """What the sentence says, for machines: signal, exit_status, memory_limit_mb, memory_peak_mb,
    time_limit_seconds, database_error, as far as they apply."""


class ComparisonJob(msgspec.Struct, frozen=True, kw_only=True):
    """One job as its row in COMPARISON_JOBS tells it, without the result documents."""

    job_id: str
    kind: str
    table_name: str
    status: JobStatus
    progress: Annotated[float, Meta(description="Percent, 0 to 100.")]
    current_step: str | None
    queue: str
    priority: int
    attempt: int
    max_attempts: int
    cancel_requested: bool
    submitted_by: str
    worker_id: str | None
    created_at: datetime
    due_at: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    estimated_completion: datetime | None
    updated_at: datetime
    execution_time_seconds: float | None
    total_prod_records: int | None
    total_uat_records: int | None
    match_percentage: float | None
    anomalies_detected: int | None
    has_critical_issues: bool | None
    version: Annotated[int, Meta(description="Raised by every change of the row.")]
    error: JobError | None
    tags: list[str] = []
    held: Annotated[bool, Meta(description="It waits until somebody lets it go.")] = False
    limit_key: str | None = None
    request: Annotated[
        dict[str, Any] | None, Meta(description="The request as it was accepted; absent in lists.")
    ] = None


class JobProgress(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="job"):
    """A change of a job's row as the WebSocket and the event streams push it."""

    job_id: str
    kind: str
    table_name: str
    submitted_by: str
    status: JobStatus
    progress: float
    current_step: str | None
    attempt: int
    estimated_completion: datetime | None
    match_percentage: float | None
    error: Annotated[str | None, Meta(description="Why the last attempt ended badly, as a sentence.")]
    version: int
    updated_at: datetime


class ComparisonResults(msgspec.Struct, frozen=True, kw_only=True):
    """The whole result document of a completed comparison."""

    summary: dict[str, Any]
    columns: list[dict[str, Any]]
    schema: dict[str, Any]
    samples: dict[str, Any]
    compared: dict[str, Any]
    ml_analysis: dict[str, Any] | None = None
    workflow: Annotated[
        dict[str, Any] | None, Meta(description="`steps`: which engine did what, why, and how long it took.")
    ] = None
    files: Annotated[
        list[dict[str, Any]], Meta(description="Files of this result: name, rows, bytes, sha256, media_type.")
    ] = []
    critical: Annotated[
        dict[str, Any] | None,
        Meta(
            description="`has_critical_issues`, and `because`: what must not be overlooked, a sentence each."
        ),
    ] = None
    cut: Annotated[
        list[str], Meta(description="What was left out to keep the limits of size, a sentence each.")
    ] = []
    repair: Annotated[
        dict[str, Any] | None,
        Meta(
            description="`rows` that repair.sql changes and what it does `not_done`, or why it was `refused`."
        ),
    ] = None
    differences_left_out: Annotated[
        dict[str, int] | None, Meta(description="Rows that did not fit into a file, by file.")
    ] = None


class JobAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a job."""

    run_token: Annotated[int, Meta(description="Rises from run to run.")]
    attempt: Annotated[
        int,
        Meta(
            description="From 1; again from 1 after a retry by hand. A run that was given back shares its "
            "number with the next one."
        ),
    ]
    worker_id: str
    started_at: datetime
    ended_at: Annotated[datetime | None, Meta(description="Null while it runs.")]
    outcome: Annotated[
        str, Meta(description="RUNNING, COMPLETED, FAILED, CANCELLED, LOST, RELEASED or SNOOZED.")
    ]
    error: JobError | None


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """How much work a queue holds now, and what keeps it."""

    name: str
    ready: Annotated[int, Meta(description="Jobs that a worker may take at once.")] = 0
    waiting: Annotated[int, Meta(description="Jobs whose time has not come.")] = 0
    running: int = 0
    held: int = 0
    oldest_wait_seconds: Annotated[
        int, Meta(description="Since the oldest job that is ready became due; 0 if there is none.")
    ] = 0
    paused: bool = False
    paused_by: str | None = None
    paused_at: datetime | None = None
    max_running: Annotated[
        int | None, Meta(description="Jobs that run at once in the whole fleet; null for no limit.")
    ] = None


class KeyLimit(msgspec.Struct, frozen=True, kw_only=True):
    """How many jobs with a limit key run at once in the whole fleet."""

    key: str
    max_running: Annotated[int | None, Meta(description="null for no limit.")]
    running: Annotated[int, Meta(description="Jobs that run now.")]


class ClaimedJob(msgspec.Struct, frozen=True):
    """A job that a worker has just claimed; `run_token` fences every later write of this run."""

    job_id: str
    run_token: int
    kind: str
    attempt: int
