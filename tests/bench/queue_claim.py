"""Time of a claim with many other rows in the table: `python -m tests.bench.queue_claim`.

Four schemas in one local database, each with 40 waiting jobs and beside them nothing, 100 thousand or a million
finished jobs, or 100 thousand jobs of the future. In turns a claim of 10 jobs is timed in each and rolled back, so
that all see the same load of the machine; the medians are compared. The plan of the claim is what
tests/localdb/test_sql_plans.py looks at.
"""

from __future__ import annotations

import argparse
import secrets
import statistics
import tempfile
import time
from pathlib import Path

import oracledb

from app.oracle.install import install
from tests.conftest import Instance, LocalProcess

_BATCH = 50_000
_BULK = """
    insert into comparison_jobs (
       job_id, kind, table_name, status, queue_name, ready, worker_id, run_token, attempt, started_at, completed_at
      ,due_at, request_config
    )
    select lower(rawtohex(sys_guid())), 'TEST', 'T', :status, 'DEFAULT', :ready, case :status when 'COMPLETED' then 'w' end
          ,1, case :status when 'COMPLETED' then 1 else 0 end
          ,case :status when 'COMPLETED' then sys_extract_utc(systimestamp) end
          ,case :status when 'COMPLETED' then sys_extract_utc(systimestamp) end
          ,sys_extract_utc(systimestamp) + numtodsinterval(level, :unit), '{}'
      from dual
   connect by level <= :many"""
_CLAIM = """
    declare
       t_ids      job_queue.t_text_list;
       t_tokens   job_queue.t_number_list;
       t_kinds    job_queue.t_text_list;
       t_attempts job_queue.t_number_list;
    begin
       job_queue.claim('w', 'DEFAULT', 10, t_ids, t_tokens, t_kinds, t_attempts);
       :claimed := t_ids.count;
    end;"""


class Schema:
    """One installation with other rows beside the waiting jobs."""

    def __init__(self, instance: Instance, name: str, finished: int, future: int) -> None:
        self.name = name
        owner = f"C{secrets.token_hex(4)}".upper()
        list(install(instance.dsn, instance.user, instance.password, owner, f"{owner}_APP", "x"))
        self._session = instance.connect()
        cursor = self._session.cursor()
        cursor.execute(f"alter session set current_schema = {owner}")
        for status, ready, unit, many in (
            ("COMPLETED", 1, "SECOND", finished),
            ("PENDING", 0, "HOUR", future),
        ):
            for first in range(0, many, _BATCH):
                cursor.execute(
                    _BULK,
                    {"status": status, "ready": ready, "unit": unit, "many": min(_BATCH, many - first)},
                )
                self._session.commit()
        enqueue = "begin :id := job_queue.enqueue('TEST', 'T', '{\"do\": \"finish\"}', 'bench'); end;"
        for _ in range(40):
            cursor.execute(enqueue, {"id": cursor.var(str)})
        known = cursor.var(int)
        cursor.callproc("job_queue.heartbeat", ["w", "h", 1, "ACTIVE", "poll", 10, 0, 3600, "1", known])
        self._session.commit()
        self._cursor = cursor
        self._claimed = cursor.var(int)
        self.seconds: list[float] = []

    def claim(self) -> None:
        began = time.perf_counter()
        self._cursor.execute(_CLAIM, {"claimed": self._claimed})
        self.seconds.append(time.perf_counter() - began)
        self._session.rollback()
        assert self._claimed.getvalue() == 10

    def analyze(self) -> None:
        """As the database's own job does it at night."""
        self._cursor.execute(
            "begin dbms_stats.gather_table_stats(sys_context('USERENV', 'CURRENT_SCHEMA'), 'COMPARISON_JOBS'); end;"
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--claims", type=int, default=100)
    parser.add_argument("--scale", type=float, default=1.0, help="of the numbers of other rows")
    arguments = parser.parse_args()
    cases = [("nothing", 0, 0), ("100 k finished", 100_000, 0), ("1 M finished", 1_000_000, 0), ("100 k future", 0, 100_000)]  # fmt: skip
    with (
        tempfile.TemporaryDirectory(prefix="concord-bench-") as folder,
        LocalProcess(Path(folder)) as database,
    ):
        schemas = []
        for name, finished, future in cases:
            began = time.monotonic()
            rows = (int(finished * arguments.scale), int(future * arguments.scale))
            schemas.append(Schema(database.instance, name, *rows))
            print(f"{name}: made in {time.monotonic() - began:.0f} s", flush=True)
        for schema in schemas:
            try:
                schema.analyze()
            except oracledb.DatabaseError as error:
                print(f"no statistics: {str(error).splitlines()[0]}")
        for _ in range(arguments.claims + 10):
            for schema in schemas:
                schema.claim()
    medians = [statistics.median(schema.seconds[10:]) for schema in schemas]
    for schema, median in zip(schemas, medians, strict=True):
        best = min(schema.seconds)
        print(f"{schema.name:16} median {median * 1000:6.2f} ms   best {best * 1000:6.2f} ms")
    print(f"largest over smallest median: {max(medians) / min(medians):.2f}")


if __name__ == "__main__":
    main()
