"""How PostgreSQL runs what the translation makes of the queue's statements: through the small index, unsorted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.localdb.contract import Bind, OraType
from app.localdb.database import Database
from app.localdb.session import Session

SCHEMA = Path(__file__).parents[2] / "plsql" / "schema" / "0001_queue.sql"
CLAIM = """
    select j.rowid as rid
      from comparison_jobs j
     where case when j.status = 'PENDING' and j.ready = 1 then j.queue_name end = :queue
     order by case when j.status = 'PENDING' and j.ready = 1 then j.priority end
             ,case when j.status = 'PENDING' and j.ready = 1 then j.due_at end
             ,case when j.status = 'PENDING' and j.ready = 1 then j.job_id end
       for update of j.status skip locked"""
WAITING = """
    select j.rowid as rid
      from comparison_jobs j
     where case when j.status = 'PENDING' and j.ready = 0 then j.due_at end <= :now
       for update of j.status skip locked"""


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A session with the product's queue table, ten thousand finished jobs and ten claimable ones in it."""
    database = Database(tmp_path_factory.mktemp("plans"), play="19c", system_password="secret", durable=False)
    database.start()
    try:
        session = database.open_session("SYSTEM", None)
        text = re.sub(r"create or replace trigger.*?\n/\n", "", SCHEMA.read_text(), flags=re.DOTALL)
        text = "\n".join(line for line in text.split("\n") if not line.lstrip().startswith("--"))
        for statement in text.split(";\n"):
            if statement.strip():
                session.execute(session.prepare(statement.strip()))
        session.execute(
            session.prepare(
                "insert into comparison_jobs (job_id, table_name, request_config, status)"
                " select 'j' || level, 't', '{}', case when mod(level, 1000) = 0 then 'PENDING' else 'FAILED' end"
                " from dual connect by level <= 10000"
            )
        )
        session.commit()
        database.store.query('analyze "SYSTEM"."COMPARISON_JOBS"')
        yield session
    finally:
        database.stop()


def plan(session: Session, text: str, bind: OraType, value: str) -> str:
    compiled = session.compile_sql(text, binds=[Bind("1", bind)])
    literal = compiled.pg_text.replace("$1", value)
    rows = session.database.store.query(f"explain (costs off) {literal}")
    return "\n".join((row[0] or b"").decode() for row in rows)


def test_claim_reads_the_claim_index_in_order(session: Session) -> None:
    found = plan(session, CLAIM, OraType.VARCHAR2, "'DEFAULT'")
    assert "COMPARISON_JOBS_CLAIM_IDX" in found
    assert "Sort" not in found


def test_waiting_jobs_are_found_by_their_index(session: Session) -> None:
    found = plan(session, WAITING, OraType.TIMESTAMP, "'2026-01-01'")
    assert "COMPARISON_JOBS_WAITING_IDX" in found


def test_a_primary_key_serves_binds_of_its_type(session: Session) -> None:
    found = plan(session, "select status from comparison_jobs where job_id = :1", OraType.VARCHAR2, "'j1'")
    assert "COMPARISON_JOBS_PK" in found


def test_rowids_are_found_by_their_index(session: Session) -> None:
    found = plan(
        session, "select status from comparison_jobs where rowid = :1", OraType.ROWID, "'AAAAABAAAAAAAAAAAB'"
    )
    assert "ROWID" in found
    assert "Seq Scan" not in found


def test_the_claim_index_holds_claimable_jobs_only(session: Session) -> None:
    rows = session.database.store.query(
        "select reltuples::bigint from pg_class where relname = 'COMPARISON_JOBS_CLAIM_IDX'"
    )
    assert int(rows[0][0] or b"-1") == 10
