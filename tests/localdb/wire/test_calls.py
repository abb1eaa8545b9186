"""Cancel, time-outs, pools, asyncio and pipelines through the real driver."""

from __future__ import annotations

import asyncio
import threading

import oracledb
import pytest

from app.localdb.contract import Direction, Outcome
from app.localdb.errors import OracleError
from app.localdb.server import Server
from tests.localdb.fake_backend import Call, FakeBackend
from tests.localdb.wire.outcomes import CLOB, NUMBER, block, dml, numbers


def waiting(call: Call) -> Outcome:
    assert call.session.cancelled.wait(20)
    call.session.cancelled.clear()
    raise OracleError(1013, "user requested cancel of current operation")


def test_a_running_statement_is_cancelled_and_the_session_goes_on(
    connection: oracledb.Connection, backend: FakeBackend
) -> None:
    backend.on("delete slowly", waiting)
    backend.query("select 1", [NUMBER], [(b"1",)])
    for _ in range(3):
        timer = threading.Timer(0.1, connection.cancel)
        timer.start()
        with pytest.raises(oracledb.DatabaseError, match="ORA-01013"):
            connection.cursor().execute("delete slowly")
        timer.join()
        assert connection.cursor().execute("select 1").fetchall() == [(1,)]


def test_a_call_timeout_ends_the_statement(connection: oracledb.Connection, backend: FakeBackend) -> None:
    backend.on("delete slowly", waiting)
    backend.query("select 1", [NUMBER], [(b"1",)])
    connection.call_timeout = 200
    with pytest.raises(oracledb.DatabaseError, match="DPY-4024"):
        connection.cursor().execute("delete slowly")
    connection.call_timeout = 0
    assert connection.cursor().execute("select 1").fetchall() == [(1,)]


def test_a_client_that_vanishes_has_its_statement_cancelled(server: Server, backend: FakeBackend) -> None:
    started = threading.Event()

    def run(call: Call) -> Outcome:
        started.set()
        return waiting(call)

    backend.on("delete slowly", run)
    connection = oracledb.connect(user="scott", password="tiger", dsn=server.dsn)

    def execute() -> None:
        with pytest.raises(oracledb.Error):
            connection.cursor().execute("delete slowly")

    thread = threading.Thread(target=execute)
    thread.start()
    assert started.wait(10)
    session = backend.sessions[-1]
    server.stop()
    thread.join(10)
    assert session.closed


def test_a_pool_gives_and_takes_connections(server: Server, backend: FakeBackend) -> None:
    backend.on("insert into t values (:1)", lambda call: dml(row_count=1))
    pool = oracledb.create_pool(user="scott", password="tiger", dsn=server.dsn, min=2, max=4)
    with pool.acquire() as one, pool.acquire() as other:
        one.cursor().execute("insert into t values (:1)", [1])
        other.ping()
    assert any("rollback" in session.log for session in backend.sessions)
    pool.close()


# asyncio and pipelines


def test_asyncio_does_the_same(server: Server, backend: FakeBackend) -> None:
    backend.query("select n from t", [NUMBER, CLOB], [(b"%d" % n, b"lob" * n) for n in range(300)])
    backend.query("select n from u", [NUMBER, CLOB], [(b"%d" % n, b"lob" * n) for n in range(300)])
    backend.on("begin p(:1); end;", lambda call: block([Direction.OUT], ["out"]))
    backend.on("delete slowly", waiting)

    async def work() -> None:
        async with oracledb.connect_async(user="scott", password="tiger", dsn=server.dsn) as connection:
            with connection.cursor() as cursor:
                await cursor.execute("select n from t")
                rows = await cursor.fetchall()
                assert [n for n, _ in rows] == list(range(300))
                assert await rows[299][1].read() == "lob" * 299
                out = cursor.var(str)
                await cursor.execute("begin p(:1); end;", [out])
                assert out.getvalue() == "out"
            frame = await connection.fetch_df_all("select n from u")
            assert frame.num_rows() == 300
            connection.call_timeout = 200
            with pytest.raises(oracledb.DatabaseError, match="DPY-4024"):
                await connection.execute("delete slowly")
            connection.call_timeout = 0
            assert len(await connection.fetchall("select n from t")) == 300

    asyncio.run(work())


def pipeline_of(*texts: str) -> oracledb.Pipeline:
    pipeline = oracledb.create_pipeline()
    for text in texts:
        if text.startswith("select"):
            pipeline.add_fetchall(text, arraysize=3)
        else:
            pipeline.add_execute(text, [1])
    pipeline.add_commit()
    return pipeline


def test_a_pipeline_is_answered_in_order(server: Server, backend: FakeBackend) -> None:
    backend.query("select n from t", [NUMBER], numbers(10))
    backend.query("select c from t", [CLOB], [(b"lob",)])
    backend.on("insert into t values (:1)", lambda call: dml(row_count=1))

    async def work() -> None:
        async with oracledb.connect_async(user="scott", password="tiger", dsn=server.dsn) as connection:
            pipeline = pipeline_of("insert into t values (:1)", "select n from t", "select c from t")
            results = await connection.run_pipeline(pipeline)
            assert [r.rows and len(r.rows) for r in results] == [None, 10, 1, None]
            assert backend.sessions[0].log[-1] == "commit"
            pipeline = pipeline_of("insert nothing (:1)", "select n from t")
            results = await connection.run_pipeline(pipeline, continue_on_error=True)
            assert results[0].error is not None
            assert len(results[1].rows) == 10
            commits = backend.sessions[0].log.count("commit")
            pipeline = pipeline_of("insert nothing (:1)", "insert into t values (:1)")
            with pytest.raises(oracledb.DatabaseError, match="ORA-00900"):
                await connection.run_pipeline(pipeline)
            assert backend.sessions[0].log.count("commit") == commits
            await connection.ping()

    asyncio.run(work())
