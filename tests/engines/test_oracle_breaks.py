"""What becomes of a comparison whose database breaks in the middle: a sentence, a retry where it helps, no result."""

from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import oracledb
import pyarrow as pa
import pytest

from tests.conftest import Instance
from worker.engines import ComparisonPlan, workflow
from worker.engines.errors import SourceFailed, SourceInterrupted
from worker.engines.sources import oracle, oracle_pieces
from worker.engines.sources.memory import MemorySource
from worker.engines.sources.oracle import OracleTableSource, current_scn

SCHEMA = "BREAKS_TEST"
ROWS = 20_000


@pytest.fixture(scope="module")
def owner(database: Instance) -> Iterator[oracledb.Connection]:
    """A connection of the DBA with the schema BREAKS_TEST and its table T."""
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f'create user {SCHEMA} identified by "{secrets.token_hex(10)}"')
        cursor.execute(f"grant unlimited tablespace to {SCHEMA}")
        cursor.execute(f"create table {SCHEMA}.t (id number(9) primary key, name varchar2(200))")
        cursor.execute(
            f"insert into {SCHEMA}.t select level, rpad('x', 200, 'x') from dual connect by level <= {ROWS}"
        )
        connection.commit()
        yield connection
        cursor.execute(f"drop user {SCHEMA} cascade")


class Wire:
    """A stretch of network in front of the database that is cut after so many bytes have come back."""

    def __init__(self, dsn: str) -> None:
        address, _, self._service = dsn.partition("/")
        host, _, port = address.partition(":")
        self._to = (host, int(port))
        self._door = socket.create_server(("127.0.0.1", 0))
        self.left: int | None = None
        self.dsn = f"127.0.0.1:{self._door.getsockname()[1]}/{self._service}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._door.close()

    def _serve(self) -> None:
        while True:
            try:
                ours, _ = self._door.accept()
            except OSError:  # closed
                return
            theirs = socket.create_connection(self._to)
            threading.Thread(target=self._carry, args=(ours, theirs, False), daemon=True).start()
            threading.Thread(target=self._carry, args=(theirs, ours, True), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket, counted: bool) -> None:
        try:
            while data := one.recv(1 << 16):
                if counted and self.left is not None:
                    self.left -= len(data)
                    if self.left < 0:
                        break
                other.sendall(data)
        except OSError:  # the other direction was cut
            pass
        for end in (one, other):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:  # it was already
                end.close()


@pytest.fixture
def wire(database: Instance, owner: oracledb.Connection) -> Iterator[Wire]:
    """The way to the database."""
    found = Wire(database.dsn)
    yield found
    found.close()


def compared(source: OracleTableSource, folder: Path) -> Any:
    results = folder / "results"
    work = folder / "work"
    work.mkdir()
    try:
        return workflow.run(
            source,
            MemorySource("B", pa.table({"ID": [1], "NAME": ["y"]})),
            ComparisonPlan(key=("ID",)),
            workflow.Wanted(),
            lambda *_: None,
            work,
            results,
            128,
        )
    finally:
        assert list(work.iterdir()) == []
        assert not results.exists() or list(results.iterdir()) == []


@pytest.mark.parametrize("in_pieces", [False, True])
def test_a_connection_that_is_cut_while_fetching_is_worth_a_retry(
    wire: Wire, database: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_pieces: bool
) -> None:
    monkeypatch.setattr(oracle, "BATCH_ROWS", 500)
    source = OracleTableSource(replace(database, dsn=wire.dsn).connect, SCHEMA, "T")
    source.schema()
    if in_pieces:
        monkeypatch.setattr(oracle_pieces, "LEAST_ROWS", 1000)
        source.pin(*current_scn(database.connect))
    wire.left = 1_000_000  # a quarter of the table
    with pytest.raises(SourceInterrupted, match=r"BREAKS_TEST\.T could not be read\.") as caught:
        compared(source, tmp_path)
    assert caught.value.retryable
    assert "DPY" not in caught.value.sentence


@pytest.mark.parametrize(
    ("code", "retryable", "sentence"),
    [
        ("ORA-08103", True, "BREAKS_TEST.T was truncated or moved while it was read."),
        ("ORA-01410", True, "BREAKS_TEST.T was truncated or moved while it was read."),
        (
            "ORA-01555",
            True,
            "BREAKS_TEST.T took longer to read than the database keeps old rows (UNDO_RETENTION).",
        ),
        ("ORA-00942", False, "BREAKS_TEST.T does not exist, or Concord may not read it."),
        ("ORA-01031", False, "BREAKS_TEST.T may not be read by Concord."),
    ],
)
def test_what_oracle_says_in_the_middle_of_a_table_becomes_a_sentence(
    database: Instance,
    owner: oracledb.Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    code: str,
    retryable: bool,
    sentence: str,
) -> None:
    """The local database drops and truncates no table that is being read; Oracle does, and says one of these."""
    source = OracleTableSource(database.connect, SCHEMA, "T")
    whole = source._fetched

    def broken(*arguments: Any) -> Iterator[pa.RecordBatch]:
        yield next(iter(whole(*arguments)))
        number = int(code.removeprefix("ORA-"))
        raise oracledb.DatabaseError(
            SimpleNamespace(full_code=code, code=number, message=f"{code}: x", isrecoverable=False)
        )

    monkeypatch.setattr(source, "_fetched", broken)
    with pytest.raises(SourceFailed) as caught:
        compared(source, tmp_path)
    assert caught.value.retryable == retryable
    assert caught.value.sentence.startswith(sentence)
