"""A large table of an Oracle database in pieces, each a range of ROWIDs, read by several sessions at once.

The borders are ROWIDs of a sample of the table's blocks, which SELECT on the table is enough for. Whatever they are,
every row lies in exactly one piece, because ROWIDs are ordered; where Oracle reads by a range of ROWIDs, it visits
only the blocks within. Sessions see the same rows only as of an SCN. One session waits while its batch travels and
is decoded; with two the database works meanwhile.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import oracledb
import pyarrow as pa

SESSIONS = 2
"""Sessions that read one table, beside those of the other side: a load that somebody else's database can take."""
LEAST_ROWS = 500_000
"""A smaller table is read by one session."""
_PIECES_A_SESSION = 4
_SAMPLED_ROWS = 50_000
_LOOK_S = 0.2


@dataclass(frozen=True, slots=True)
class Piece:
    """The rows from ROWID `low` up to below `high`; None for no border."""

    low: str | None
    high: str | None

    @property
    def condition(self) -> str:
        """SQL after WHERE."""
        borders = (("rowid >= chartorowid(:low)", self.low), ("rowid < chartorowid(:high)", self.high))
        return " and ".join(sql for sql, border in borders if border is not None)

    @property
    def binds(self) -> dict[str, str]:
        """Its bind variables."""
        return {name: value for name, value in (("low", self.low), ("high", self.high)) if value is not None}


def pieces(connection: oracledb.Connection, table: str, rows: int, sessions: int) -> list[Piece]:
    """Pieces of about equal size of a quoted table of about so many rows. Raises oracledb.Error."""
    percent = min(99.0, max(0.000001, 100 * _SAMPLED_ROWS / rows))
    statement = (
        "select rowidtochar(min(address)) from"
        f" (select rowid as address, ntile({_PIECES_A_SESSION * sessions}) over (order by rowid) as piece"
        f" from {table} sample block ({percent:.6f}))"
        " group by piece order by piece"
    )
    with connection.cursor() as cursor:
        borders = [address for (address,) in cursor.execute(statement).fetchall()][1:]
    return [Piece(low, high) for low, high in zip([None, *borders], [*borders, None], strict=True)]


def at_once(
    connections: Sequence[oracledb.Connection],
    todo: Sequence[Piece],
    read: Callable[[oracledb.Connection, Piece], Iterator[pa.RecordBatch]],
) -> Iterator[pa.RecordBatch]:
    """The batches of all pieces, as they come; each connection takes the next piece when it has read one.

    What one of them raises ends the reading and comes out.
    """
    left: queue.SimpleQueue[Piece] = queue.SimpleQueue()
    for piece in todo:
        left.put(piece)
    found: queue.Queue[pa.RecordBatch | BaseException | None] = queue.Queue(2 * len(connections))
    stop = threading.Event()

    def give(item: pa.RecordBatch | BaseException | None) -> None:
        while not stop.is_set():
            try:
                return found.put(item, timeout=_LOOK_S)
            except queue.Full:
                continue

    def work(connection: oracledb.Connection) -> None:
        try:
            while not stop.is_set():
                for batch in read(connection, left.get_nowait()):
                    give(batch)
                    if stop.is_set():
                        return
        except queue.Empty:
            give(None)
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that asks for the rows
            give(error)

    threads = [
        threading.Thread(target=work, args=(connection,), name="pieces", daemon=True)
        for connection in connections
    ]
    for thread in threads:
        thread.start()
    working = len(threads)
    try:
        while working:
            item = found.get()
            if isinstance(item, BaseException):
                raise item
            if item is None:
                working -= 1
            else:
                yield item
    finally:
        stop.set()
        for thread in threads:  # a session is not closed while it is used
            thread.join()
