"""DuckDB as engines use it: in memory up to a limit, spilling to the work folder, never to the network."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from worker.engines.errors import MemoryLimitReached, WorkFolderFull

if TYPE_CHECKING:
    import duckdb

_ROW_GROUP = 122_880
"""Rows of a row group of DuckDB, unless told otherwise."""
_ROW_GROUP_SHARE = 0.25
"""Of the memory limit: a row group that grows."""
_VECTOR = 2048
"""Row groups are a multiple of so many rows."""


@contextmanager
def open_duckdb(
    folder: Path, memory_mb: int, threads: int | None = None, *, row_bytes: int = 0
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that keeps at most `memory_mb` MiB in memory and the rest in `folder`, which must not exist.

    `threads` None leaves the number to DuckDB. `row_bytes` is about what a row of its tables takes: wide ones are
    kept in a file in `folder`, in smaller row groups, for one that grows is held in memory whole. Raises MemoryLimitReached and WorkFolderFull in place of
    DuckDB's own errors.
    """
    import duckdb  # not before it is needed: it takes as long as comparing some hundred thousand rows

    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{memory_mb}MiB",
        "temp_directory": str(folder),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    if threads is not None:
        config["threads"] = threads
    connection = duckdb.connect(":memory:", config=config)
    try:
        room = memory_mb * (1 << 20) * _ROW_GROUP_SHARE
        if row_bytes * _ROW_GROUP > room:
            rows = max(1, int(room / row_bytes) // _VECTOR) * _VECTOR
            folder.mkdir()
            place = str(folder / "tables").replace("'", "''")
            connection.execute(f"attach '{place}' as tables (row_group_size {rows})")
            connection.execute("use tables")
        yield connection
    except duckdb.OutOfMemoryException as error:
        raise MemoryLimitReached(
            f"The work does not fit into {memory_mb} MB of memory, not even by spilling. Raise the memory limit."
        ) from error
    except duckdb.IOException as error:
        raise WorkFolderFull(f"The work folder {folder} cannot take more data; make room there.") from error
    finally:
        connection.close()
        shutil.rmtree(folder, ignore_errors=True)
