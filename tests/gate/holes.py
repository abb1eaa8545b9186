"""What the collector cannot know by reading: holes in statements, each with samples of what fills them.

Keys are file and expression; the file `*` stands for every one. Where the product itself can say what fills a hole,
it is asked.
"""

from __future__ import annotations

from datetime import UTC, datetime

from app.jobs.listing import JobFilter, Listing
from app.jobs.models import JobStatus
from app.oracle.check import _ASKS
from worker.look import _AFTER, _MATCHES
from worker.preview import _LARGE

WRAPPERS = {"audited": 0}
"""Functions whose argument is a statement although they do not run it: the driver gets it inside another."""

DUCKDB = frozenset({"worker/engines/polars_oracle.py"})
"""Files whose SQL, if any, is not Oracle's although they do not import duckdb."""

BUILT = frozenset(
    {
        "app/jobs/administration.py",
        "app/oracle/sqlplus.py",
        "worker/engines/pushdown/statement.py",
        "worker/engines/repair/scripts.py",
    }
)
"""Files that build statements of many pieces; `tests.gate.built` runs them and takes what they build."""

_WANTED = JobFilter(
    statuses=(JobStatus.RUNNING, JobStatus.FAILED),
    kind="COMPARE",
    table_name="T",
    submitted_by="me",
    text="x",
    created_from=datetime(2026, 1, 1, tzinfo=UTC),
    created_to=datetime(2026, 2, 1, tzinfo=UTC),
)
_TABLE = '"OWNER"."TABLE" as of scn 42'
_EXPRESSIONS = '"ID" as c0, to_char("N", \'TM9\') as c1, rowidtochar("R") as c2'
_COLUMN = '"STORY"'
_DDL = "create table demo.t (id number(9), constraint t_pk primary key (id))"

HOLES: dict[tuple[str, str], tuple[str, ...]] = {
    ("*", "self._owner"): ("CONCORD",),
    ("*", "self._app_user"): ("CONCORD_APP",),
    ("*", "self._app_password"): ("secret",),
    ("*", "self._settings.db_owner"): ("CONCORD",),
    ("*", "owner"): ("CONCORD",),
    ("*", "statement.text"): (),  # the files of plsql/, collected by themselves
    ("app/accounts/logins.py", "names"): (":id0, :id1",),
    ("app/jobs/store.py", "names"): (":id0, :id1",),
    ("app/accounts/audit.py", "where"): (
        "1 = 1",
        "actor = :actor and action = :action and target = :target and outcome = :outcome and logged_at >= :since"
        " and logged_at < :until and audit_id < :before_id",
    ),
    ("app/demo/airports.py", "SCHEMA.lower()"): ("demo",),
    ("app/demo/airports.py", "name"): ("demo.airports_prod",),
    ("app/demo/airports.py", "file[:17]"): ("airports-2025",),
    ("app/demo/airports.py", "column.lower()"): ("icao",),
    ("app/demo/airports.py", "comment"): ("ICAO code",),
    ("app/demo/airports.py", "secrets.token_hex(12)"): ("secret",),
    ("app/demo/airports.py", "reader"): ("CONCORD_APP",),
    ("app/demo/airports.py", "columns"): ("icao, name",),
    ("app/demo/airports.py", "_create(table)"): (_DDL,),
    ("app/demo/airports.py", "places"): (":1, :2",),
    ("app/jobs/runs.py", "', '.join((f':{name}' for name in binds))"): (":id0, :id1",),
    ("app/jobs/store.py", "listing.where"): (Listing(JobFilter()).where, Listing(_WANTED).where),
    ("app/jobs/store.py", "listing.matching"): (Listing(_WANTED).matching,),
    ("app/jobs/store.py", "listing.order_by"): (
        Listing(_WANTED).order_by,
        "nvl(match_percentage, -1) asc, job_id asc",
    ),
    ("app/oracle/check.py", "name"): ("comparison_jobs", "queue_depth_v"),
    ("app/oracle/check.py", "call"): tuple(_ASKS.values()),
    ("*", "settings.db_owner"): ("CONCORD",),
    ("app/oracle/install.py", "tablespace"): ("USERS",),
    ("app/oracle/install.py", "name"): ("job_queue",),
    ("app/oracle/install.py", "kind"): ("package",),
    ("app/oracle/install.py", "what"): ("package",),
    ("app/oracle/install.py", "body"): ("body",),
    ("app/oracle/uninstall.py", "name"): ("CONCORD",),
    ("app/oracle/audit.py", "sql.strip()"): ("begin null; end;",),
    ("worker/engines/keyfinding/database.py", "source.from_clause"): (_TABLE,),
    ("worker/engines/keyfinding/database.py", "self._source.from_clause"): (_TABLE,),
    ("worker/engines/keyfinding/database.py", "', '.join(expressions)"): (
        'count(*) - count("N"), avg(length("N")), count(case when "N" < 0 then 1 end),'
        ' count(case when "N" <> trunc("N") then 1 end)',
        '"N", to_char("M", \'TM9\')',
    ),
    ("worker/engines/keyfinding/database.py", "names"): ('"A", "B"',),
    ("worker/engines/keyfinding/database.py", "places"): ("chartorowid(:r0), chartorowid(:r1)",),
    ("worker/engines/keyfinding/database.py", "' intersect '.join(sides)"): (
        'select "A" from "OWNER"."T" intersect select "A" from "OWNER"."U"',
    ),
    ("worker/engines/sources/oracle.py", "self._place"): ('"OWNER"."TABLE"',),
    ("worker/engines/sources/oracle.py", "int(scn)"): ("42",),
    ("worker/engines/sources/oracle.py", "self.from_clause"): (_TABLE,),
    ("worker/engines/sources/oracle.py", "', '.join(expressions)"): (_EXPRESSIONS,),
    ("worker/engines/sources/oracle.py", "where"): ("", ' where "ID" in (:w0, :w1) and "D" >= :w2'),
    ("worker/look.py", "conditions"): ("", _MATCHES + _AFTER),
    ("worker/preview.py", "', '.join(expressions)"): (
        _EXPRESSIONS,
        ", ".join(f"{form.format(_COLUMN)} as c0" for form in _LARGE.values()),
    ),
    ("worker/preview.py", "source.from_clause"): (_TABLE,),
    ("worker/engines/sources/oracle_pieces.py", "_PIECES_A_SESSION * sessions"): ("8",),
    ("worker/engines/sources/oracle_pieces.py", "table"): ('"OWNER"."TABLE"',),
    ("worker/engines/sources/oracle_pieces.py", "percent"): ("0.500000",),
    ("worker/engines/sources/oracle_query.py", "', '.join(expressions)"): (_EXPRESSIONS,),
    ("worker/engines/sources/oracle_query.py", "self._inline_view()"): (
        "(\nselect 1 as id from dual -- end\n)",
    ),
}

NOT_SENT = {
    "app/demo/airports.py": "create table ",  # `_create`, a hole above
    "app/jobs/examples.py": "select * from demo.airports_uat",  # an example in the API's reference
    "app/oracle/uninstall.py": "drop user ",  # words of an error
    "app/oracle/audit.py": "begin",  # `audited`, a wrapper
    "worker/check.py": "grant change notification to ",  # told to a DBA
    "worker/engines/keyfinding/database.py": "select ",  # a part of the intersection
}
"""Texts that look like SQL and are passed to no driver, by file: how they begin, and why."""
