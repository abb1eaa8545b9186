"""Large objects through the real driver."""

from __future__ import annotations

from dataclasses import replace

import oracledb
import pytest

from app.localdb.contract import Direction, Lob, LobOrigin, OraType, Outcome, StoredColumn
from tests.localdb.fake_backend import Call, FakeBackend
from tests.localdb.wire.outcomes import BLOB, CLOB, NUMBER, block


def test_lobs_are_read_in_pieces_and_freed(connection: oracledb.Connection, backend: FakeBackend) -> None:
    text = "grüße 🙂 " * 20_000
    backend.query(
        "select lobs",
        [NUMBER, CLOB, BLOB],
        [(b"1", text.encode(), b"\\x" + b"00ff" * 50_000), (b"2", None, None)],
    )
    cursor = connection.cursor()
    for _ in range(2):
        cursor.execute("select lobs")
        (_, clob, blob), (_, none, also_none) = cursor.fetchall()
        assert clob.size() == len(text) + 20_000  # each smiley is two UTF-16 units
        assert clob.read() == text
        assert clob.read(1, 5) == "grüße"
        assert clob.read(7, 2) == "🙂"
        assert blob.size() == 100_000
        assert blob.read(99_999, 10) == b"\x00\xff"
        assert blob.read(200_000) == b""
        assert (none, also_none) == (None, None)
        assert clob.isopen() is False
    del clob, blob
    cursor.close()
    connection.ping()


def test_lobs_can_be_fetched_as_values(connection: oracledb.Connection, backend: FakeBackend) -> None:
    backend.query("select lobs", [CLOB, BLOB, NUMBER], [("ü" * 40_000, "x", "1")])  # type: ignore[list-item]
    rows = [("ü" * n).encode() for n in (1, 40_000, 3)]
    backend.query(
        "select lobs", [CLOB, BLOB, NUMBER], [(raw, b"\\x00", b"1") for raw in rows] + [(None, None, None)]
    )
    cursor = connection.cursor()
    found = cursor.execute("select lobs", fetch_lobs=False).fetchall()
    assert found == [(raw.decode(), b"\0", 1) for raw in rows] + [(None, None, None)]


def test_temporary_lobs_are_written_bound_and_freed(
    connection: oracledb.Connection, backend: FakeBackend
) -> None:
    text = "begin p(:c, :o); end;"

    def run(call: Call) -> Outcome:
        lob = call.rows[0][0]
        assert isinstance(lob, Lob)
        assert lob.temporary
        return block([Direction.IN, Direction.OUT], [None, Lob(OraType.CLOB, f"{lob.data}!", temporary=True)])

    backend.on(text, run)
    lob = connection.createlob(oracledb.DB_TYPE_CLOB)
    lob.write("hello world")
    lob.write("WORLD", 7)
    lob.trim(11)
    assert lob.read() == "hello WORLD"
    cursor = connection.cursor()
    out = cursor.var(oracledb.DB_TYPE_CLOB)
    cursor.execute(text, [lob, out])
    assert out.getvalue().read() == "hello WORLD!"
    long_value = "y" * 50_000
    cursor.setinputsizes(oracledb.DB_TYPE_CLOB)
    cursor.execute(text, [long_value, out])
    assert out.getvalue().read() == long_value + "!"
    blob = connection.createlob(oracledb.DB_TYPE_BLOB, b"abc")
    blob.write(b"z", 10)
    assert blob.read() == b"abc\0\0\0\0\0\0z"
    nclob = connection.createlob(oracledb.DB_TYPE_NCLOB, "ñ🙂")
    assert nclob.read() == "ñ🙂"
    with pytest.raises(oracledb.DatabaseError, match="ORA-22926"):
        lob.trim(100)


def test_writing_a_stored_lob_is_the_session_s_work(
    connection: oracledb.Connection, backend: FakeBackend
) -> None:
    stored = replace(CLOB, stored=StoredColumn("scott.t", "C", 1))
    backend.query("select lobs", [stored], [(b"stored", b"7")])
    (lob,) = connection.cursor().execute("select lobs").fetchone()
    lob.write("S")
    assert lob.read() == "Stored"
    lob.trim(2)
    assert lob.read() == "St"
    assert backend.sessions[-1].changed == [LobOrigin("scott.t", "C", b"7", 3)] * 2
